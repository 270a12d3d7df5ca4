//! auth-service with both brands configured, each with a fake of its own, on one clock that the test moves.

use std::{ffi::OsString, sync::Arc};

use e2e::fakes::feishu::{App, CameBack, Consent, FakeFeishu, Person};
use fenxi_chassis::{
    client::{Bearer, channel},
    clock::Clock,
    program::Frame,
};
use fenxi_proto::{
    METADATA_CLIENT_ADDRESS, METADATA_LOGIN_ATTEMPT, METADATA_LOGIN_SESSION,
    auth::v1::{
        BeginLoginRequest, CompleteLoginRequest, CompleteLoginResponse, ResolveCredentialRequest,
        SetUpAdministratorRequest, auth_service_client::AuthServiceClient, caller_service_client::CallerServiceClient,
    },
    error::{ErrorReason, reason_of},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{Request, Response, Status, service::interceptor::InterceptedService, transport::Channel};

pub(crate) type With = InterceptedService<Channel, Bearer>;

const GATEWAY_SECRET: &str = "fxs_0123456789abcdef0123456789abcdef-gateway";
const PUBLIC_URL: &str = "https://fenxi.example";
pub(crate) const APP_SECRET: &str = "canary-app-secret-of-the-fake";

pub(crate) struct Room {
    pub(crate) clock: Clock,
    pub(crate) feishu: FakeFeishu,
    pub(crate) lark: FakeFeishu,
    pub(crate) folder: Arc<tempfile::TempDir>,
    pub(crate) channel: Channel,
    frame: Frame,
    args: Vec<OsString>,
    served: Option<JoinHandle<anyhow::Result<()>>>,
}

/// A LoginAttempt in a browser.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) authorize_url: String,
    pub(crate) secret: String,
}

pub(crate) fn app(app_id: &str, callback: &str) -> App {
    App {
        app_id: app_id.into(),
        app_secret: APP_SECRET.into(),
        // Query and fragment of a registered URL do not count.
        redirect_urls: vec![format!("{PUBLIC_URL}{callback}?registered#so")],
        other_brand: false,
        disabled: false,
        scopes: vec!["contact:user.email:readonly".into()],
    }
}

impl Room {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[&str]) -> Self {
        let clock = Clock::manual(1_795_000_000_000_000);
        let feishu = FakeFeishu::start(clock.clone()).await.expect("a fake");
        let lark = FakeFeishu::start(clock.clone()).await.expect("a fake");
        feishu.register(app("cli_feishu", "/auth/feishu/callback"));
        lark.register(app("cli_lark", "/auth/lark/callback"));
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let values = [
            ("gateway-secret-file", file("gateway", GATEWAY_SECRET)),
            ("analysis-secret-file", file("analysis", "fxs_0123456789abcdef0123456789abcdef-analysis")),
            ("data-dir", folder.path().join("data").display().to_string()),
            ("password-memory-kib", "8192".into()),
            ("password-passes", "1".into()),
            ("public-url", PUBLIC_URL.into()),
            ("feishu-app-id", "cli_feishu".into()),
            ("feishu-app-secret-file", file("feishu", APP_SECRET)),
            ("feishu-tenants", "t1,t2".into()),
            ("feishu-scopes", "contact:user.email:readonly".into()),
            ("feishu-accounts-url", feishu.url.clone()),
            ("feishu-open-url", feishu.url.clone()),
            ("lark-app-id", "cli_lark".into()),
            ("lark-app-secret-file", file("lark", APP_SECRET)),
            ("lark-tenants", "*".into()),
            ("lark-accounts-url", lark.url.clone()),
            ("lark-open-url", lark.url.clone()),
        ];
        let mut args: Vec<OsString> = vec!["auth-service".into()];
        args.extend(values.into_iter().map(|(name, value)| format!("--{name}={value}").into()));
        args.extend(settings.iter().map(OsString::from));
        let frame = Frame::new(clock.clone());
        let (channel, served) = serve(&args, &frame).await;
        Self { clock, feishu, lark, folder, channel, frame, args, served: Some(served) }
    }

    /// Stops the service and starts it again with further settings.
    pub(crate) async fn restart(&mut self, replaced: &str, by: &str) {
        self.frame.lifecycle.stop();
        self.served.take().expect("it runs").await.expect("no panic").expect("a clean end");
        for arg in &mut self.args {
            if arg.to_string_lossy().starts_with(&format!("--{replaced}=")) {
                *arg = format!("--{replaced}={by}").into();
            }
        }
        self.frame = Frame::new(self.clock.clone());
        let (channel, served) = serve(&self.args, &self.frame).await;
        self.channel = channel;
        self.served = Some(served);
    }

    fn bearer(&self) -> With {
        InterceptedService::new(self.channel.clone(), Bearer::new(GATEWAY_SECRET).expect("a credential"))
    }

    pub(crate) fn door(&self) -> AuthServiceClient<With> {
        AuthServiceClient::new(self.bearer())
    }

    pub(crate) async fn begin(&self, method: &str, return_to: &str) -> Result<Attempt, Status> {
        let request = BeginLoginRequest { login_method_id: method.into(), return_to: return_to.into() };
        let answer = self.door().begin_login(from_here(request)).await?;
        let secret =
            answer.metadata().get(METADATA_LOGIN_ATTEMPT).expect("a secret").to_str().expect("text").to_owned();
        Ok(Attempt { authorize_url: answer.into_inner().authorize_url, secret })
    }

    pub(crate) async fn complete(
        &self,
        method: &str,
        back: &CameBack,
        attempt_secret: &str,
    ) -> Result<Response<CompleteLoginResponse>, Status> {
        let mut request = from_here(CompleteLoginRequest {
            login_method_id: method.into(),
            code: back.code.clone(),
            state: back.state.clone(),
            error: back.error.clone(),
        });
        if !attempt_secret.is_empty() {
            request.metadata_mut().insert(METADATA_LOGIN_ATTEMPT, attempt_secret.parse().expect("a value"));
        }
        self.door().complete_login(request).await
    }

    /// There and back, without the last step.
    pub(crate) async fn travel(&self, method: &str, person: &Person) -> (Attempt, CameBack) {
        let attempt = self.begin(method, "").await.expect("begun");
        let fake = if method == "feishu" { &self.feishu } else { &self.lark };
        let back = fake.visit(&attempt.authorize_url, person, Consent::Allow).await.expect("sent back");
        assert_eq!(back.callback, format!("{PUBLIC_URL}/auth/{method}/callback"));
        (attempt, back)
    }

    /// There and back; gives the user and the LoginSession.
    pub(crate) async fn login(&self, method: &str, person: &Person) -> Result<(CompleteLoginResponse, String), Status> {
        let (attempt, back) = self.travel(method, person).await;
        let answer = self.complete(method, &back, &attempt.secret).await?;
        let secret = answer.metadata().get(METADATA_LOGIN_SESSION).expect("a LoginSession").to_str().expect("text");
        let secret = secret.to_owned();
        assert_eq!(answer.metadata().get(METADATA_LOGIN_ATTEMPT).expect("forgotten"), "");
        Ok((answer.into_inner(), secret))
    }

    /// Makes the first administrator; gives a Caller of theirs.
    pub(crate) async fn administrator(&self) -> String {
        let file = self.folder.path().join("data/first-admin-token");
        let request = SetUpAdministratorRequest {
            setup_token: std::fs::read_to_string(file).expect("a token").trim().to_owned(),
            username: "admin".into(),
            password: "correct horse battery".into(),
            display_name: String::new(),
        };
        let answer = self.door().set_up_administrator(request).await.expect("set up");
        let secret = answer.metadata().get(METADATA_LOGIN_SESSION).expect("a LoginSession").to_str().expect("text");
        self.resolve(secret).await.expect("resolved")
    }

    pub(crate) async fn resolve(&self, secret: &str) -> Result<String, Status> {
        let request = ResolveCredentialRequest { credential: secret.into(), audience: "auth-service".into() };
        let answer = CallerServiceClient::new(self.bearer()).resolve_credential(request).await?;
        Ok(answer.into_inner().caller_token)
    }

    /// How many lines of the audit tell of this event.
    pub(crate) fn audited(&self, event: &str) -> i64 {
        let path = self.folder.path().join("data/auth.db");
        let database = rusqlite::Connection::open(path).expect("the database");
        let sql = "SELECT COUNT(*) FROM audit_event WHERE event = $1";
        database.query_row(sql, [event], |row| row.get(0)).expect("a count")
    }

    /// How many LoginSessions there are.
    pub(crate) fn login_sessions(&self) -> i64 {
        let path = self.folder.path().join("data/auth.db");
        let database = rusqlite::Connection::open(path).expect("the database");
        database.query_row("SELECT COUNT(*) FROM login_session", [], |row| row.get(0)).expect("a count")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.frame.lifecycle.stop();
        if let Some(served) = &self.served {
            served.abort();
        }
    }
}

async fn serve(args: &[OsString], frame: &Frame) -> (Channel, JoinHandle<anyhow::Result<()>>) {
    let config = fenxi_chassis::config::load("FENXI_AUTH_TEST", args.iter().cloned()).expect("a config");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(auth_service::serve(config, listener, frame.clone()));
    (channel(&format!("http://{address}")).expect("a channel"), served)
}

fn from_here<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(METADATA_CLIENT_ADDRESS, "192.0.2.1".parse().expect("a value"));
    request
}

/// Why a call was refused.
#[track_caller]
pub(crate) fn reason<T>(answer: Result<T, Status>) -> ErrorReason {
    let Err(status) = answer else { panic!("the call was not refused") };
    reason_of(&status).unwrap_or_else(|| panic!("no reason: {status:?}"))
}
