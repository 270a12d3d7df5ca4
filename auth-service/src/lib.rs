//! auth-service: who are you, and what have you done. This page wires every part to every other; nothing else does.

mod admission;
mod audit;
mod cleanup;
pub mod config;
mod counters;
mod credential;
mod history;
mod keys;
mod login;
mod origin;
pub mod owner;
mod provider;
mod request_ids;
mod rpc;
mod secret;
mod session;
mod statistics;
mod store;
mod throttle;
mod token;
mod user;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use fenxi_chassis::{
    caller::{SERVICE_SECRET_PREFIX, ServiceName, Verifier, token::AUDIENCE_AUTH},
    disk, files,
    net::Listeners,
    page::PageTokens,
    program::Frame,
    server,
    sqlite::Database,
    telemetry::begin_counters,
};
use fenxi_proto::access;
use tonic::service::{Routes, interceptor::InterceptedService};

use crate::{
    admission::Admission,
    cleanup::Cleanup,
    config::Config,
    credential::{Credentials, Revocations, Touches},
    history::History,
    keys::{Rotation, SigningKeys},
    login::{Limits, Login, Redirects, SetUp},
    provider::{
        feishu::{Brand, Feishu},
        local::Passwords,
    },
    request_ids::RequestDigests,
    rpc::call::Live,
    session::{Lifetimes, LoginSessions},
    token::ApiTokens,
    user::Users,
};

/// Shortest secret of a calling service, in characters.
const SERVICE_SECRET_MIN_CHARS: usize = 36;
/// How long the last times of use may take to be written when the service stops.
const FLUSH_WAIT: Duration = Duration::from_secs(10);

/// Runs the service until it is told to stop.
///
/// # Errors
/// One line that says which setting, file or address is wrong.
pub async fn run(config: Config, frame: Frame) -> anyhow::Result<()> {
    let listeners = Listeners::bind(&config.listen, "--listen").await?;
    serve(config, listeners, frame).await
}

/// The same on listeners that are there already.
///
/// # Errors
/// As [`run`].
pub async fn serve(config: Config, listeners: impl Into<Listeners>, frame: Frame) -> anyhow::Result<()> {
    files::private_folder(&config.data_dir).context("--data-dir")?;
    let _in_use = files::lock(&config.data_dir).context("--data-dir")?;
    begin_counters(counters::COUNTERS);
    let parts = Parts::build(&config, &frame).await?;
    let lifecycle = &frame.lifecycle;
    lifecycle.spawn(disk::watch(config.data_dir.clone(), lifecycle.clone()));
    lifecycle.spawn(parts.keys.clone().keep_tended(lifecycle.clone()));
    lifecycle.spawn(parts.touches.clone().keep_flushed(parts.database.clone(), lifecycle.clone()));
    let audit = audit::Kept { age_max: config.audit.age_max(), lines_max: config.audit.audit_lines_max.into() };
    let (database, clock) = (parts.database.clone(), frame.clock.clone());
    let cleanup = Cleanup { database, clock, lifetimes: parts.lifetimes, audit };
    lifecycle.spawn(cleanup.keep_clean(lifecycle.clone()));
    let routes = (parts.routes(), access::services(&["fenxi.auth.v1", "fenxi.history.v1"]));
    lifecycle.set_ready("database", true);
    let served = server::serve(listeners.into(), routes, parts.verifier.clone(), lifecycle.clone()).await;
    lifecycle.stop();
    let flushed = lifecycle.step("times of last use", FLUSH_WAIT, parts.touches.flush(&parts.database)).await;
    if let Some(Err(error)) = flushed {
        tracing::warn!(%error, "times of last use were not written");
    }
    parts.database.close(lifecycle).await;
    served
}

/// Everything that the service is made of.
struct Parts {
    frame: Frame,
    database: Database,
    verifier: Verifier,
    keys: SigningKeys,
    page_tokens: Arc<PageTokens>,
    history: History,
    digests: RequestDigests,
    revocations: Revocations,
    touches: Touches,
    lifetimes: Lifetimes,
    admission: Admission,
    passwords: Passwords,
    redirects: Redirects,
    setup: SetUp,
}

impl Parts {
    async fn build(config: &Config, frame: &Frame) -> anyhow::Result<Self> {
        // One provider for the process; a second call finds the first one's.
        drop(rustls::crypto::ring::default_provider().install_default());
        let verifier = verifier(config, frame)?;
        let rotation = Rotation {
            age_max: Duration::from_secs(config.signing_key.signing_key_max_secs.into()),
            overlap: Duration::from_secs(config.signing_key.signing_key_overlap_secs.into()),
        };
        let keys = SigningKeys::open(&config.data_dir, rotation, frame.clock.clone(), verifier.clone())?;
        let page_key = files::key(&config.data_dir.join("page.key"))?;
        let request_key = files::key(&config.data_dir.join("request.key"))?;
        let attempt_key = files::key(&config.data_dir.join("login-attempt.key"))?;
        let (redirects, admission) = providers(config, attempt_key)?;
        let database = Database::open(&config.data_dir.join("auth.db"), store::STEPS).await?;
        let now = frame.clock.now_micros();
        let setup = SetUp::prepare(&config.data_dir, &config.public_url, &database, &admission, now).await?;
        let page_tokens = Arc::new(PageTokens::new(&page_key));
        let history =
            History::start(database.clone(), frame.clock.clone(), PageTokens::clone(&page_tokens), &frame.lifecycle);
        Ok(Self {
            frame: frame.clone(),
            database,
            verifier,
            keys,
            page_tokens,
            history,
            digests: RequestDigests::new(request_key),
            revocations: Revocations::new(),
            touches: Touches::default(),
            lifetimes: Lifetimes { idle_max: config.login_session.idle_max(), age_max: config.login_session.age_max() },
            admission,
            passwords: Passwords::new(&config.password)?,
            redirects,
            setup,
        })
    }

    /// Every RPC that is served here.
    fn routes(&self) -> Routes {
        let live = Live(self.revocations.clone());
        let (page_tokens, digests) = (self.page_tokens.clone(), self.digests.clone());
        let auth = rpc::auth::Rpc {
            login: self.login(),
            login_sessions: self.login_sessions(),
            users: self.users(),
            database: self.database.clone(),
            digests: digests.clone(),
        };
        let login_sessions = rpc::login_sessions::Rpc {
            login_sessions: self.login_sessions(),
            page_tokens: page_tokens.clone(),
            digests: digests.clone(),
        };
        let api_tokens = rpc::api_tokens::Rpc {
            api_tokens: self.api_tokens(),
            page_tokens: page_tokens.clone(),
            digests: digests.clone(),
        };
        let users = rpc::users::Rpc { users: self.users(), page_tokens, digests };
        let callers = rpc::callers::Rpc {
            credentials: self.credentials(),
            revocations: self.revocations.clone(),
            users: self.users(),
            lifecycle: self.frame.lifecycle.clone(),
        };
        Routes::new(rpc::keys::service(self.keys.clone()))
            .add_service(callers.service())
            .add_service(auth.service(live.clone()))
            .add_service(login_sessions.service(live.clone()))
            .add_service(api_tokens.service(live.clone()))
            .add_service(users.service(live.clone()))
            .add_service(InterceptedService::new(rpc::history::service(self.history.clone()), live))
    }

    fn login(&self) -> Login {
        Login {
            database: self.database.clone(),
            clock: self.frame.clock.clone(),
            ids: self.frame.ids.clone(),
            lifetimes: self.lifetimes,
            passwords: self.passwords.clone(),
            redirects: self.redirects.clone(),
            admission: self.admission.clone(),
            limits: Limits::new(),
            setup: self.setup.clone(),
            revocations: self.revocations.clone(),
        }
    }

    fn login_sessions(&self) -> LoginSessions {
        LoginSessions {
            database: self.database.clone(),
            clock: self.frame.clock.clone(),
            lifetimes: self.lifetimes,
            revocations: self.revocations.clone(),
        }
    }

    fn api_tokens(&self) -> ApiTokens {
        ApiTokens {
            database: self.database.clone(),
            clock: self.frame.clock.clone(),
            ids: self.frame.ids.clone(),
            revocations: self.revocations.clone(),
            made: token::made_by_user(),
        }
    }

    fn users(&self) -> Users {
        Users {
            database: self.database.clone(),
            clock: self.frame.clock.clone(),
            ids: self.frame.ids.clone(),
            passwords: self.passwords.clone(),
            admission: self.admission.clone(),
            revocations: self.revocations.clone(),
        }
    }

    fn credentials(&self) -> Credentials {
        Credentials {
            database: self.database.clone(),
            clock: self.frame.clock.clone(),
            ids: self.frame.ids.clone(),
            keys: self.keys.clone(),
            lifetimes: self.lifetimes,
            admission: self.admission.clone(),
            revocations: self.revocations.clone(),
            touches: self.touches.clone(),
        }
    }
}

/// Who may call, and with what.
fn verifier(config: &Config, frame: &Frame) -> anyhow::Result<Verifier> {
    let gateway = service_secret(&config.gateway_secret_file, "--gateway-secret-file")?;
    let analysis = service_secret(&config.analysis_secret_file, "--analysis-secret-file")?;
    anyhow::ensure!(gateway != analysis, "--gateway-secret-file and --analysis-secret-file hold the same secret");
    let services = [(ServiceName::Gateway, gateway), (ServiceName::AnalysisService, analysis)];
    Ok(Verifier::with_services(AUDIENCE_AUTH, frame.clock.clone(), None, services))
}

/// The configured identity providers, and whose people they let in.
fn providers(config: &Config, attempt_key: [u8; 32]) -> anyhow::Result<(Redirects, Admission)> {
    let (mut providers, mut tenants) = (Vec::new(), Vec::new());
    for (brand, settings) in [(Brand::Feishu, config.feishu.settings()), (Brand::Lark, config.lark.settings())] {
        let Some(settings) = settings else { continue };
        let request_max = Duration::from_secs(config.provider_wait_secs.into());
        providers.push(Feishu::new(brand, &settings, &config.public_url, request_max)?);
        tenants.push((brand.id(), settings.tenants));
    }
    Ok((Redirects::new(providers, attempt_key), Admission::new(tenants)))
}

fn service_secret(path: &Path, setting: &str) -> anyhow::Result<String> {
    let secret = files::secret(path).context(setting.to_owned())?;
    anyhow::ensure!(
        secret.starts_with(SERVICE_SECRET_PREFIX) && secret.len() >= SERVICE_SECRET_MIN_CHARS,
        "{setting}: {} does not hold a secret: `{SERVICE_SECRET_PREFIX}` and at least 32 random characters",
        path.display()
    );
    Ok(secret)
}
