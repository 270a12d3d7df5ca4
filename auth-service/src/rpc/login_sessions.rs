//! LoginSessionService: the caller's own LoginSessions.

use std::sync::Arc;

use fenxi_chassis::page::{self, PageTokens};
use fenxi_proto::{
    auth::v1::{
        ListLoginSessionsRequest, ListLoginSessionsResponse, LoginSession as LoginSessionMessage,
        RevokeLoginSessionRequest, RevokeLoginSessionResponse,
        login_session_service_server::{LoginSessionService, LoginSessionServiceServer},
    },
    error::Failure,
    id,
    time::timestamp,
};
use tonic::{Request, Response, Status, service::interceptor::InterceptedService};
use uuid::Uuid;

use super::call::{self, Live, REQUEST_MAX_BYTES};
use crate::{
    request_ids::RequestDigests,
    session::{LoginSession, LoginSessions},
};

/// LoginSessionService.
pub(crate) struct Rpc {
    pub(crate) login_sessions: LoginSessions,
    pub(crate) page_tokens: Arc<PageTokens>,
    pub(crate) digests: RequestDigests,
}

impl Rpc {
    /// As it is served.
    pub(crate) fn service(self, live: Live) -> InterceptedService<LoginSessionServiceServer<Self>, Live> {
        let server = LoginSessionServiceServer::new(self).max_decoding_message_size(REQUEST_MAX_BYTES);
        InterceptedService::new(server, live)
    }
}

fn message(session: LoginSession, current: Uuid) -> LoginSessionMessage {
    LoginSessionMessage {
        login_session_id: session.login_session_id.to_string(),
        user_agent: session.user_agent,
        ip_address: session.ip_address,
        login_method_id: session.login_method_id,
        create_time: Some(timestamp(session.create_time)),
        last_used_time: Some(timestamp(session.last_used_time)),
        expire_time: Some(timestamp(session.expire_time)),
        current: session.login_session_id == current,
    }
}

#[tonic::async_trait]
impl LoginSessionService for Rpc {
    async fn list_login_sessions(
        &self,
        request: Request<ListLoginSessionsRequest>,
    ) -> Result<Response<ListLoginSessionsResponse>, Status> {
        let caller = call::user(&request)?;
        let request = request.into_inner();
        let page_size = page::size(request.page_size)?;
        let list = [b"ListLoginSessions".as_slice(), caller.user_id.as_bytes()].concat();
        let before = call::cursor(self.page_tokens.open(&list, &request.page_token)?)?;
        let mut sessions =
            self.login_sessions.page(caller.user_id, before, page_size + 1).await.map_err(Failure::from)?;
        let last = call::cut(&mut sessions, page_size, |session| session.login_session_id);
        Ok(Response::new(ListLoginSessionsResponse {
            login_sessions: sessions.into_iter().map(|session| message(session, caller.credential_id)).collect(),
            next_page_token: last.map(|id| self.page_tokens.seal(&list, id.as_bytes())).unwrap_or_default(),
        }))
    }

    async fn revoke_login_session(
        &self,
        request: Request<RevokeLoginSessionRequest>,
    ) -> Result<Response<RevokeLoginSessionResponse>, Status> {
        let caller = call::user(&request)?;
        let request = request.into_inner();
        let login_session_id = id::parse_resource("login_session_id", &request.login_session_id)?;
        let request_id = id::parse_optional("request_id", &request.request_id)?;
        let once = self.digests.once(caller.user_id, request_id, "RevokeLoginSession", &[login_session_id.as_bytes()]);
        self.login_sessions.revoke(login_session_id, once).await.map_err(Failure::from)?;
        Ok(Response::new(RevokeLoginSessionResponse {}))
    }
}
