//! A running service with its folder, and clients that come the way the gateway does.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use auth_service::config::Config;
use fenxi_chassis::{
    client::{Bearer, channel},
    clock::Clock,
    program::Frame,
};
use fenxi_proto::{
    METADATA_CLIENT_ADDRESS, METADATA_CLIENT_AGENT, METADATA_LOGIN_SESSION,
    auth::v1::{
        CreateUserRequest, LoginWithPasswordRequest, ResolveCredentialRequest, ResolveCredentialResponse,
        SetUpAdministratorRequest, User, UserRole, api_token_service_client::ApiTokenServiceClient,
        auth_service_client::AuthServiceClient, caller_service_client::CallerServiceClient,
        login_session_service_client::LoginSessionServiceClient, user_service_client::UserServiceClient,
    },
    error::{ErrorReason, reason_of},
};
use sqlx::Connection as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Request, Response, Status, metadata::MetadataMap, service::interceptor::InterceptedService, transport::Channel,
};
use tonic_types::StatusExt as _;

/// A channel with a credential on every call.
pub(crate) type With = InterceptedService<Channel, Bearer>;

/// A good password.
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const GATEWAY_SECRET: &str = "fxs_0123456789abcdef0123456789abcdef-gateway";
pub(crate) const ANALYSIS_SECRET: &str = "fxs_0123456789abcdef0123456789abcdef-analysis";
/// When the clocks of the tests begin, in unix microseconds.
pub(crate) const START: i64 = 1_795_000_000_000_000;

/// A service that runs.
pub(crate) struct House {
    pub(crate) frame: Frame,
    pub(crate) folder: std::sync::Arc<tempfile::TempDir>,
    pub(crate) channel: Channel,
    args: Vec<OsString>,
    served: Option<JoinHandle<anyhow::Result<()>>>,
}

/// Somebody who is signed in.
pub(crate) struct SignedIn {
    pub(crate) user: User,
    pub(crate) secret: String,
}

impl House {
    /// A fresh one.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A fresh one with further settings.
    pub(crate) async fn with(settings: &[&str]) -> Self {
        let folder = std::sync::Arc::new(tempfile::tempdir().expect("a folder"));
        let file = |name: &str, text: &str| -> PathBuf {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let mut args: Vec<OsString> = vec!["auth-service".into()];
        args.extend(["--gateway-secret-file".into(), file("gateway", GATEWAY_SECRET).into()]);
        args.extend(["--analysis-secret-file".into(), file("analysis", ANALYSIS_SECRET).into()]);
        args.extend(["--data-dir".into(), folder.path().join("data").into()]);
        args.extend(["--password-memory-kib", "8192", "--password-passes", "1"].map(OsString::from));
        args.extend(settings.iter().map(OsString::from));
        let frame = Frame::new(Clock::manual(START));
        let (channel, served) = Self::serve(&args, &frame).await;
        Self { frame, folder, channel, args, served: Some(served) }
    }

    async fn serve(args: &[OsString], frame: &Frame) -> (Channel, JoinHandle<anyhow::Result<()>>) {
        let config: Config = fenxi_chassis::config::load("FENXI_AUTH_TEST", args.iter().cloned()).expect("a config");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let served = tokio::spawn(auth_service::serve(config, listener, frame.clone()));
        (channel(&format!("http://{address}")).expect("a channel"), served)
    }

    /// Stops and starts again on the same folder, the time going on; `settings` come on top or in place of what was.
    pub(crate) async fn restart(mut self, settings: &[&str]) -> Self {
        self.frame.lifecycle.stop();
        self.served.take().expect("it runs").await.expect("no panic").expect("a clean end");
        assert!(self.frame.lifecycle.ended().await, "tasks go on");
        let mut args = self.args.clone();
        for setting in settings.chunks(2) {
            if let Some(at) = args.iter().position(|arg| arg == setting[0]) {
                args.drain(at..at + setting.len());
            }
            args.extend(setting.iter().map(OsString::from));
        }
        let frame = Frame::new(self.frame.clock.clone());
        let (channel, served) = Self::serve(&args, &frame).await;
        Self { frame, folder: self.folder.clone(), channel, args, served: Some(served) }
    }

    /// The file in the data folder.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join("data").join(name)
    }

    /// The one value that a question to the database gives.
    pub(crate) async fn value<T>(&self, sql: &'static str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + Unpin,
    {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.data("auth.db")).read_only(true);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("the database");
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a value")
    }

    /// Writes into the database, past the service.
    pub(crate) async fn write(&self, sql: &'static str, value: &str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.data("auth.db"));
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("the database");
        let done = sqlx::query(sql).bind(value).execute(&mut connection).await.expect("written");
        assert_eq!(done.rows_affected(), 1);
    }

    fn with_secret(&self, secret: &str) -> With {
        InterceptedService::new(self.channel.clone(), Bearer::new(secret).expect("a credential"))
    }

    /// AuthService as the gateway calls it for somebody who is not signed in.
    pub(crate) fn door(&self) -> AuthServiceClient<With> {
        AuthServiceClient::new(self.with_secret(GATEWAY_SECRET))
    }

    /// CallerService as the gateway calls it.
    pub(crate) fn callers(&self) -> CallerServiceClient<With> {
        CallerServiceClient::new(self.with_secret(GATEWAY_SECRET))
    }

    /// A channel of analysis-service.
    pub(crate) fn analysis(&self) -> With {
        self.with_secret(ANALYSIS_SECRET)
    }

    /// What the gateway gets for a credential.
    pub(crate) async fn resolve(&self, secret: &str) -> Result<ResolveCredentialResponse, Status> {
        let request = ResolveCredentialRequest { credential: secret.into(), audience: "auth-service".into() };
        self.callers().resolve_credential(request).await.map(Response::into_inner)
    }

    /// A channel that carries the Caller of this credential.
    pub(crate) async fn caller(&self, secret: &str) -> With {
        let resolved = self.resolve(secret).await.expect("resolved");
        self.with_secret(&resolved.caller_token)
    }

    /// AuthService for somebody who is signed in.
    pub(crate) async fn auth(&self, secret: &str) -> AuthServiceClient<With> {
        AuthServiceClient::new(self.caller(secret).await)
    }

    /// LoginSessionService for somebody who is signed in.
    pub(crate) async fn sessions(&self, secret: &str) -> LoginSessionServiceClient<With> {
        LoginSessionServiceClient::new(self.caller(secret).await)
    }

    /// ApiTokenService for somebody who is signed in.
    pub(crate) async fn tokens(&self, secret: &str) -> ApiTokenServiceClient<With> {
        ApiTokenServiceClient::new(self.caller(secret).await)
    }

    /// UserService for somebody who is signed in.
    pub(crate) async fn users(&self, secret: &str) -> UserServiceClient<With> {
        UserServiceClient::new(self.caller(secret).await)
    }

    /// The first administrator, `admin`.
    pub(crate) async fn administrator(&self) -> SignedIn {
        self.door().list_login_methods(fenxi_proto::auth::v1::ListLoginMethodsRequest {}).await.expect("it serves");
        let setup_token = std::fs::read_to_string(self.data("first-admin-token")).expect("a token").trim().to_owned();
        let request = SetUpAdministratorRequest {
            setup_token,
            username: "admin".into(),
            password: PASSWORD.into(),
            display_name: "Ada".into(),
        };
        let answer = self.door().set_up_administrator(request).await.expect("set up");
        // Ids of the same millisecond have no order.
        self.frame.clock.advance(Duration::from_millis(1));
        let secret = login_secret(answer.metadata());
        SignedIn { user: answer.into_inner().user.expect("a user"), secret }
    }

    /// A local account made by an administrator.
    pub(crate) async fn user(&self, administrator: &SignedIn, username: &str, role: UserRole) -> User {
        self.frame.clock.advance(Duration::from_millis(1));
        let request = CreateUserRequest {
            username: username.into(),
            password: PASSWORD.into(),
            role: role.into(),
            request_id: request_id(),
            ..CreateUserRequest::default()
        };
        let answer = self.users(&administrator.secret).await.create_user(request).await.expect("made");
        answer.into_inner().user.expect("a user")
    }

    /// A member who is signed in.
    pub(crate) async fn member(&self, administrator: &SignedIn, username: &str) -> SignedIn {
        self.user(administrator, username, UserRole::Member).await;
        self.login(username, PASSWORD).await.expect("signed in")
    }

    /// Signs in with a password.
    pub(crate) async fn login(&self, username: &str, password: &str) -> Result<SignedIn, Status> {
        self.login_from(username, password, "192.0.2.1").await
    }

    /// Signs in with a password from an address.
    pub(crate) async fn login_from(&self, username: &str, password: &str, address: &str) -> Result<SignedIn, Status> {
        let request = from(LoginWithPasswordRequest { username: username.into(), password: password.into() }, address);
        let answer = self.door().login_with_password(request).await?;
        let secret = login_secret(answer.metadata());
        Ok(SignedIn { user: answer.into_inner().user.expect("a user"), secret })
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.frame.lifecycle.stop();
        if let Some(served) = &self.served {
            served.abort();
        }
    }
}

/// A request of a client at this address, as the gateway passes it on.
pub(crate) fn from<T>(message: T, address: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(METADATA_CLIENT_ADDRESS, address.parse().expect("a value"));
    request.metadata_mut().insert(METADATA_CLIENT_AGENT, "story/1.0".parse().expect("a value"));
    request
}

/// The LoginSession of an answer.
pub(crate) fn login_secret(metadata: &MetadataMap) -> String {
    let value = metadata.get(METADATA_LOGIN_SESSION).expect("a LoginSession");
    value.to_str().expect("text").to_owned()
}

/// A new id.
pub(crate) fn request_id() -> String {
    fenxi_chassis::id::at(START).to_string()
}

/// The field that a refusal blames.
#[track_caller]
pub(crate) fn field<T>(answer: Result<T, Status>) -> String {
    let Err(status) = answer else { panic!("the call was not refused") };
    let blamed = status.get_details_bad_request().unwrap_or_else(|| panic!("no field: {status:?}"));
    blamed.field_violations[0].field.clone()
}

/// Why a call was refused.
#[track_caller]
pub(crate) fn reason<T>(answer: Result<T, Status>) -> ErrorReason {
    let Err(status) = answer else { panic!("the call was not refused") };
    reason_of(&status).unwrap_or_else(|| panic!("no reason: {status:?}"))
}
