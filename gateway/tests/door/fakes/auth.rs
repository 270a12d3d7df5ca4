//! auth-service as the gateway needs it: credentials are their users' names, and a login gives what was asked for.

use std::sync::{Arc, atomic::Ordering};

use fenxi_proto::{
    auth::v1::{self as auth, auth_service_server::AuthServiceServer, caller_service_server::CallerServiceServer},
    error::{ErrorReason, Failure},
    time::timestamp,
};
use futures_util::{StreamExt as _, stream};
use tonic::{Request, Response, Status, service::Routes};

use super::{GATEWAY_SECRET, HEARTBEAT_INTERVAL, Rows, State, fake, id_of};

/// What it serves.
pub(super) fn routes(state: &Arc<State>) -> Routes {
    Routes::new(CallerServiceServer::new(Auth(state.clone()))).add_service(AuthServiceServer::new(Auth(state.clone())))
}

struct Auth(Arc<State>);

#[tonic::async_trait]
impl auth::caller_service_server::CallerService for Auth {
    async fn resolve_credential(
        &self,
        request: Request<auth::ResolveCredentialRequest>,
    ) -> Result<Response<auth::ResolveCredentialResponse>, Status> {
        self.by_gateway(&request)?;
        self.0.resolved.fetch_add(1, Ordering::SeqCst);
        let asked = request.into_inner();
        let user = asked.credential.strip_prefix("fxl_").or_else(|| asked.credential.strip_prefix("fxt_"));
        let user = user.filter(|user| !user.starts_with("unknown"));
        let good = user.filter(|_| !self.0.revoked.lock().expect("sound").contains(&asked.credential));
        if good == Some("slow") {
            self.0.slow.acquire().await.expect("open").forget();
        }
        let user = good.ok_or_else(|| Status::from(Failure::new(ErrorReason::Unauthenticated, "sign in")))?;
        let now = fenxi_chassis::clock::Clock::system().now_micros();
        Ok(Response::new(auth::ResolveCredentialResponse {
            caller_token: format!("jwt.{user}.{}", asked.audience),
            expire_time: Some(timestamp(now + 300_000_000)),
            user_id: user.to_owned(),
            credential_id: id_of(&asked.credential),
        }))
    }

    type WatchRevocationsStream = Rows<auth::WatchRevocationsResponse>;

    async fn watch_revocations(
        &self,
        request: Request<auth::WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        self.by_gateway(&request).inspect_err(|_| {
            self.0.feeds_refused.fetch_add(1, Ordering::SeqCst);
        })?;
        let told = self.0.feed.subscribe();
        self.0.feeds.fetch_add(1, Ordering::SeqCst);
        let heartbeat = stream::iter([Ok(auth::WatchRevocationsResponse::default())]);
        let revocations = stream::unfold(told, |mut told| async move {
            let said = tokio::time::timeout(HEARTBEAT_INTERVAL, told.recv()).await;
            Some((Ok(said.map_or_else(|_| Some(Default::default()), Result::ok)?), told))
        });
        Ok(Response::new(Box::pin(heartbeat.chain(revocations))))
    }

    type WatchDisabledUsersStream = Rows<auth::WatchDisabledUsersResponse>;

    async fn watch_disabled_users(
        &self,
        _request: Request<auth::WatchDisabledUsersRequest>,
    ) -> Result<Response<Self::WatchDisabledUsersStream>, Status> {
        Err(Status::unimplemented("not the gateway's"))
    }
}

impl Auth {
    fn by_gateway<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let proof = request.metadata().get("authorization").and_then(|proof| proof.to_str().ok());
        let good = proof == Some(&format!("Bearer {GATEWAY_SECRET}")) && !self.0.refuses_gateway.load(Ordering::SeqCst);
        good.then_some(()).ok_or_else(|| Failure::new(ErrorReason::Unauthenticated, "who?").into())
    }
}

fake!(auth::auth_service_server::AuthService, Auth, {
    async fn list_login_methods(
        &self,
        request: Request<auth::ListLoginMethodsRequest>,
    ) -> Result<Response<auth::ListLoginMethodsResponse>, Status> {
        self.0.saw("ListLoginMethods", &request);
        Ok(Response::new(auth::ListLoginMethodsResponse { login_methods: Vec::new(), set_up_required: true }))
    }

    async fn login_with_password(
        &self,
        request: Request<auth::LoginWithPasswordRequest>,
    ) -> Result<Response<auth::LoginWithPasswordResponse>, Status> {
        self.0.saw("LoginWithPassword", &request);
        let mut response = Response::new(auth::LoginWithPasswordResponse::default());
        let secret = format!("fxl_{}", request.get_ref().username);
        response.metadata_mut().insert("fenxi-login-session", secret.parse().expect("a value"));
        response.metadata_mut().insert("fenxi-login-session-max-age", "3600".parse().expect("a value"));
        Ok(response)
    }

    async fn complete_login(
        &self,
        request: Request<auth::CompleteLoginRequest>,
    ) -> Result<Response<auth::CompleteLoginResponse>, Status> {
        self.0.saw("CompleteLogin", &request);
        if request.metadata().get("fenxi-login-attempt").is_none_or(|attempt| attempt != "attempt-1") {
            return Err(Failure::new(ErrorReason::LoginAttemptInvalid, "begin again").into());
        }
        let return_to = request.get_ref().state.clone();
        if request.get_ref().error == "access_denied" {
            let refused = Failure::new(ErrorReason::LoginRefusedByUser, "no");
            return Err(refused.with_metadata("return_to", return_to).into());
        }
        let mut response = Response::new(auth::CompleteLoginResponse { return_to, ..Default::default() });
        response.metadata_mut().insert("fenxi-login-session", "fxl_feishu".parse().expect("a value"));
        response.metadata_mut().insert("fenxi-login-session-max-age", "3600".parse().expect("a value"));
        response.metadata_mut().insert("fenxi-login-attempt", "".parse().expect("a value"));
        Ok(response)
    }

    async fn get_current_user(
        &self,
        request: Request<auth::GetCurrentUserRequest>,
    ) -> Result<Response<auth::GetCurrentUserResponse>, Status> {
        self.0.saw("GetCurrentUser", &request);
        Ok(Response::new(auth::GetCurrentUserResponse::default()))
    }

    async fn logout(&self, request: Request<auth::LogoutRequest>) -> Result<Response<auth::LogoutResponse>, Status> {
        self.0.saw("Logout", &request);
        let mut response = Response::new(auth::LogoutResponse {});
        response.metadata_mut().insert("fenxi-login-session", "".parse().expect("a value"));
        Ok(response)
    }
}, auth {
    set_up_administrator(SetUpAdministratorRequest) -> SetUpAdministratorResponse;
    begin_login(BeginLoginRequest) -> BeginLoginResponse;
    change_password(ChangePasswordRequest) -> ChangePasswordResponse;
});
