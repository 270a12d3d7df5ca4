//! AuthService: signing in and out, and who is signed in. Secrets travel in metadata only.

use std::time::Duration;

use fenxi_chassis::{caller::CredentialSource, sqlite::Database};
use fenxi_proto::{
    METADATA_LOGIN_ATTEMPT, METADATA_LOGIN_ATTEMPT_MAX_AGE, METADATA_LOGIN_SESSION, METADATA_LOGIN_SESSION_MAX_AGE,
    auth::v1::{
        BeginLoginRequest, BeginLoginResponse, ChangePasswordRequest, ChangePasswordResponse, CompleteLoginRequest,
        CompleteLoginResponse, GetCurrentUserRequest, GetCurrentUserResponse, ListLoginMethodsRequest,
        ListLoginMethodsResponse, LoginMethod, LoginMethodKind, LoginWithPasswordRequest, LoginWithPasswordResponse,
        LogoutRequest, LogoutResponse, SetUpAdministratorRequest, SetUpAdministratorResponse,
        auth_service_server::{AuthService, AuthServiceServer},
    },
    error::{ErrorReason, Failure},
    id,
    time::timestamp,
};
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::interceptor::InterceptedService,
};

use super::{
    call::{self, Live, REQUEST_MAX_BYTES},
    history::statistics_message,
    users::message,
};
use crate::{
    login::{Callback, LOGIN_ATTEMPT_MAX_SECS, Login, LoginError, METHOD_LOCAL, WantedAdministrator},
    request_ids::RequestDigests,
    session::{Issued, LoginSessions},
    statistics,
    user::Users,
};

/// AuthService.
pub(crate) struct Rpc {
    pub(crate) login: Login,
    pub(crate) login_sessions: LoginSessions,
    pub(crate) users: Users,
    pub(crate) database: Database,
    pub(crate) digests: RequestDigests,
}

impl Rpc {
    /// As it is served.
    pub(crate) fn service(self, live: Live) -> InterceptedService<AuthServiceServer<Self>, Live> {
        let server = AuthServiceServer::new(self).max_decoding_message_size(REQUEST_MAX_BYTES);
        InterceptedService::new(server, live)
    }
}

fn header(text: &str) -> Result<MetadataValue<Ascii>, Failure> {
    let mut value: MetadataValue<Ascii> = text.parse().map_err(|_| Failure::internal())?;
    value.set_sensitive(true);
    Ok(value)
}

/// An answer that sets a LoginSession, or makes the client forget it.
fn with_login_session<T>(message: T, issued: Option<&Issued>) -> Result<Response<T>, Status> {
    let mut response = Response::new(message);
    let (secret, max_age) = issued.map_or(("", Duration::ZERO), |issued| (issued.secret.expose(), issued.max_age));
    response.metadata_mut().insert(METADATA_LOGIN_SESSION, header(secret)?);
    response.metadata_mut().insert(METADATA_LOGIN_SESSION_MAX_AGE, max_age.as_secs().into());
    Ok(response)
}

/// The password that may be unacceptable is the new one.
fn of_change(error: LoginError) -> Failure {
    let unacceptable = matches!(error, LoginError::Unacceptable(_));
    let failure = Failure::from(error);
    if unacceptable { failure.with_field("new_password") } else { failure }
}

#[tonic::async_trait]
impl AuthService for Rpc {
    async fn list_login_methods(
        &self,
        _request: Request<ListLoginMethodsRequest>,
    ) -> Result<Response<ListLoginMethodsResponse>, Status> {
        let redirects = self.login.redirects.providers().iter().map(|provider| LoginMethod {
            login_method_id: provider.brand().id().to_owned(),
            kind: LoginMethodKind::Redirect.into(),
            display_name: provider.brand().display_name().to_owned(),
        });
        let local = LoginMethod {
            login_method_id: METHOD_LOCAL.to_owned(),
            kind: LoginMethodKind::Password.into(),
            display_name: "Password".to_owned(),
        };
        Ok(Response::new(ListLoginMethodsResponse {
            login_methods: redirects.chain([local]).collect(),
            set_up_required: self.login.is_set_up_required().await.map_err(Failure::from)?,
        }))
    }

    async fn set_up_administrator(
        &self,
        request: Request<SetUpAdministratorRequest>,
    ) -> Result<Response<SetUpAdministratorResponse>, Status> {
        let origin = call::origin(&request);
        let request = request.into_inner();
        let wanted = WantedAdministrator {
            setup_token: request.setup_token,
            username: request.username,
            password: request.password,
            display_name: request.display_name,
        };
        let signed_in = self.login.set_up_administrator(wanted, &origin).await.map_err(Failure::from)?;
        let answer = SetUpAdministratorResponse { user: Some(message(signed_in.user)) };
        with_login_session(answer, Some(&signed_in.issued))
    }

    async fn begin_login(&self, request: Request<BeginLoginRequest>) -> Result<Response<BeginLoginResponse>, Status> {
        let origin = call::origin(&request);
        let request = request.into_inner();
        let begun =
            self.login.begin(&request.login_method_id, &request.return_to, &origin).await.map_err(Failure::from)?;
        let mut response = Response::new(BeginLoginResponse {
            authorize_url: begun.authorize_url.into(),
            expire_time: Some(timestamp(begun.expire_time)),
        });
        response.metadata_mut().insert(METADATA_LOGIN_ATTEMPT, header(begun.secret.expose())?);
        response.metadata_mut().insert(METADATA_LOGIN_ATTEMPT_MAX_AGE, LOGIN_ATTEMPT_MAX_SECS.into());
        Ok(response)
    }

    async fn complete_login(
        &self,
        request: Request<CompleteLoginRequest>,
    ) -> Result<Response<CompleteLoginResponse>, Status> {
        let origin = call::origin(&request);
        let attempt_secret = request.metadata().get(METADATA_LOGIN_ATTEMPT).and_then(|value| value.to_str().ok());
        let attempt_secret = attempt_secret.unwrap_or_default().to_owned();
        let request = request.into_inner();
        let callback = Callback {
            login_method_id: request.login_method_id,
            code: request.code,
            state: request.state,
            error: request.error,
            attempt_secret,
        };
        let (signed_in, return_to) = self.login.complete(&callback, &origin).await.map_err(Failure::from)?;
        let answer = CompleteLoginResponse { user: Some(message(signed_in.user)), return_to };
        let mut response = with_login_session(answer, Some(&signed_in.issued))?;
        response.metadata_mut().insert(METADATA_LOGIN_ATTEMPT, header("")?);
        response.metadata_mut().insert(METADATA_LOGIN_ATTEMPT_MAX_AGE, 0.into());
        Ok(response)
    }

    async fn login_with_password(
        &self,
        request: Request<LoginWithPasswordRequest>,
    ) -> Result<Response<LoginWithPasswordResponse>, Status> {
        let origin = call::origin(&request);
        let request = request.into_inner();
        let signed_in =
            self.login.with_password(&request.username, request.password, &origin).await.map_err(Failure::from)?;
        let answer = LoginWithPasswordResponse { user: Some(message(signed_in.user)) };
        with_login_session(answer, Some(&signed_in.issued))
    }

    async fn logout(&self, request: Request<LogoutRequest>) -> Result<Response<LogoutResponse>, Status> {
        let caller = call::user(&request)?;
        self.login_sessions.log_out(caller.user_id, caller.credential_id).await.map_err(Failure::from)?;
        with_login_session(LogoutResponse {}, None)
    }

    async fn get_current_user(
        &self,
        request: Request<GetCurrentUserRequest>,
    ) -> Result<Response<GetCurrentUserResponse>, Status> {
        let caller = call::user(&request)?;
        let user = self.users.get(caller.user_id).await.map_err(Failure::from)?;
        let statistics = statistics::of(&self.database, caller.user_id).await.map_err(Failure::from)?;
        Ok(Response::new(GetCurrentUserResponse {
            user: Some(message(user)),
            statistics: Some(statistics_message(&statistics)),
        }))
    }

    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordResponse>, Status> {
        let caller = call::user(&request)?;
        if caller.source != CredentialSource::LoginSession {
            return Err(Failure::new(ErrorReason::PermissionDenied, "no ApiToken may call this: sign in").into());
        }
        let origin = call::origin(&request);
        let request = request.into_inner();
        let request_id = id::parse_optional("request_id", &request.request_id)?;
        let once = self.digests.once(caller.user_id, request_id, "ChangePassword", &[]);
        let passwords = (request.current_password, request.new_password);
        let changed = self.login.change_password(once, caller.credential_id, passwords, &origin).await;
        changed.map_err(of_change)?;
        Ok(Response::new(ChangePasswordResponse {}))
    }
}
