//! KeyService: the public keys that Callers are signed with.

use fenxi_proto::auth::v1::{
    GetJwksRequest, GetJwksResponse,
    key_service_server::{KeyService, KeyServiceServer},
};
use tonic::{Request, Response, Status};

use crate::keys::SigningKeys;

/// The service over these keys.
pub(crate) fn service(keys: SigningKeys) -> KeyServiceServer<impl KeyService> {
    KeyServiceServer::new(Rpc(keys))
}

struct Rpc(SigningKeys);

#[tonic::async_trait]
impl KeyService for Rpc {
    async fn get_jwks(&self, _request: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        Ok(Response::new(GetJwksResponse { jwks_json: self.0.jwks() }))
    }
}
