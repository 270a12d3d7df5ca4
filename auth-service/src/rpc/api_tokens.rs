//! ApiTokenService: the caller's own ApiTokens.

use std::sync::Arc;

use fenxi_chassis::page::{self, PageTokens};
use fenxi_proto::{
    auth::v1::{
        ApiToken as ApiTokenMessage, CreateApiTokenRequest, CreateApiTokenResponse, ListApiTokensRequest,
        ListApiTokensResponse, RevokeApiTokenRequest, RevokeApiTokenResponse,
        api_token_service_server::{ApiTokenService, ApiTokenServiceServer},
    },
    error::Failure,
    id,
    time::{timestamp, unix_micros},
};
use prost::Message as _;
use tonic::{Request, Response, Status, service::interceptor::InterceptedService};

use super::call::{self, Live, REQUEST_MAX_BYTES};
use crate::{
    request_ids::RequestDigests,
    token::{ApiToken, ApiTokens, Wanted},
};

/// ApiTokenService.
pub(crate) struct Rpc {
    pub(crate) api_tokens: ApiTokens,
    pub(crate) page_tokens: Arc<PageTokens>,
    pub(crate) digests: RequestDigests,
}

impl Rpc {
    /// As it is served.
    pub(crate) fn service(self, live: Live) -> InterceptedService<ApiTokenServiceServer<Self>, Live> {
        let server = ApiTokenServiceServer::new(self).max_decoding_message_size(REQUEST_MAX_BYTES);
        InterceptedService::new(server, live)
    }
}

fn message(token: ApiToken) -> ApiTokenMessage {
    ApiTokenMessage {
        api_token_id: token.api_token_id.to_string(),
        name: token.name,
        scopes: token.scopes,
        prefix: token.shown_prefix,
        create_time: Some(timestamp(token.create_time)),
        last_used_time: token.last_used_time.map(timestamp),
        expire_time: Some(timestamp(token.expire_time)),
    }
}

#[tonic::async_trait]
impl ApiTokenService for Rpc {
    async fn create_api_token(
        &self,
        request: Request<CreateApiTokenRequest>,
    ) -> Result<Response<CreateApiTokenResponse>, Status> {
        let caller = call::user(&request)?;
        let request = request.into_inner();
        let request_id = id::parse("request_id", &request.request_id)?;
        let content = CreateApiTokenRequest { request_id: String::new(), ..request.clone() }.encode_to_vec();
        let once = self.digests.once(caller.user_id, Some(request_id), "CreateApiToken", &[&content]);
        let wanted = Wanted {
            name: request.name,
            scopes: request.scopes,
            expire_time: request.expire_time.as_ref().map(unix_micros),
        };
        let (token, secret) = self.api_tokens.create(wanted, once).await.map_err(Failure::from)?;
        Ok(Response::new(CreateApiTokenResponse {
            api_token: Some(message(token)),
            secret: secret.map(|secret| secret.expose().to_owned()).unwrap_or_default(),
        }))
    }

    async fn list_api_tokens(
        &self,
        request: Request<ListApiTokensRequest>,
    ) -> Result<Response<ListApiTokensResponse>, Status> {
        let caller = call::user(&request)?;
        let request = request.into_inner();
        let page_size = page::size(request.page_size)?;
        let list = [b"ListApiTokens".as_slice(), caller.user_id.as_bytes()].concat();
        let before = call::cursor(self.page_tokens.open(&list, &request.page_token)?)?;
        let mut tokens = self.api_tokens.page(caller.user_id, before, page_size + 1).await.map_err(Failure::from)?;
        let last = call::cut(&mut tokens, page_size, |token| token.api_token_id);
        Ok(Response::new(ListApiTokensResponse {
            api_tokens: tokens.into_iter().map(message).collect(),
            next_page_token: last.map(|id| self.page_tokens.seal(&list, id.as_bytes())).unwrap_or_default(),
        }))
    }

    async fn revoke_api_token(
        &self,
        request: Request<RevokeApiTokenRequest>,
    ) -> Result<Response<RevokeApiTokenResponse>, Status> {
        let caller = call::user(&request)?;
        let request = request.into_inner();
        let api_token_id = id::parse_resource("api_token_id", &request.api_token_id)?;
        let request_id = id::parse_optional("request_id", &request.request_id)?;
        let once = self.digests.once(caller.user_id, request_id, "RevokeApiToken", &[api_token_id.as_bytes()]);
        self.api_tokens.revoke(api_token_id, once).await.map_err(Failure::from)?;
        Ok(Response::new(RevokeApiTokenResponse {}))
    }
}
