//! Feishu, or Lark: the authorize page, the v2 token endpoint and user_info, as the vendor's documents describe them,
//! errors included. It checks what it is sent, so that a client that gets through here keeps to the protocol; and it
//! misbehaves when it is told to.

mod authorize;
mod consent;
mod fault;
mod token;
mod user_info;

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use axum::{
    Router,
    routing::{get, post},
};
use fenxi_chassis::clock::Clock;
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{
    authorize::{CameBack, Consent},
    fault::Fault,
};

/// How long a code is good for, in seconds.
pub const CODE_LIFE_SECS: i64 = 300;
/// How long a user access token is good for, in seconds.
pub const TOKEN_LIFE_SECS: i64 = 7_200;
const MICROS_PER_SEC: i64 = 1_000_000;

/// An app as registered with the vendor.
#[derive(Clone, Debug)]
pub struct App {
    /// `cli_…`
    pub app_id: String,
    /// Its secret.
    pub app_secret: String,
    /// Its "Security settings → redirect URLs".
    pub redirect_urls: Vec<String>,
    /// Registered with the other brand: every use of it here is error 20046.
    pub other_brand: bool,
    /// Switched off by its owner: error 20069.
    pub disabled: bool,
    /// Scopes that it may ask for.
    pub scopes: Vec<String>,
}

/// A person with an account there.
#[derive(Clone, Debug)]
pub struct Person {
    /// Within the app.
    pub open_id: String,
    /// Within the organisation that made the app.
    pub union_id: String,
    /// The organisation.
    pub tenant_key: String,
    /// As shown.
    pub name: String,
    /// As shown.
    pub en_name: String,
    /// Anything that the person's administrator put there.
    pub avatar_url: String,
    /// Unverified; empty: the app has no scope for it.
    pub email: String,
    /// What the token endpoint says about them instead of a token.
    pub token_code: Option<i64>,
    /// What user_info says about them instead of their data.
    pub user_info_code: Option<i64>,
}

impl Person {
    /// Somebody of an organisation without a peculiarity.
    #[must_use]
    pub fn new(open_id: &str, tenant_key: &str) -> Self {
        Self {
            open_id: open_id.to_owned(),
            union_id: open_id.replace("ou_", "on_"),
            tenant_key: tenant_key.to_owned(),
            name: format!("人 {open_id}"),
            en_name: format!("Person {open_id}"),
            avatar_url: "https://cdn.example/avatar.png".to_owned(),
            email: String::new(),
            token_code: None,
            user_info_code: None,
        }
    }
}

/// The places that a client calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /open-apis/authen/v2/oauth/token`
    Token,
    /// `GET /open-apis/authen/v1/user_info`
    UserInfo,
}

/// An authorization code that was given out.
#[derive(Clone, Debug)]
struct Code {
    app_id: String,
    person: Person,
    redirect_uri: String,
    challenge: Option<Challenge>,
    expire_time: i64,
    used: bool,
}

#[derive(Clone, Debug)]
enum Challenge {
    Plain(String),
    S256(String),
}

#[derive(Default)]
struct State {
    apps: Vec<App>,
    /// Who can answer its page in a browser.
    people: Vec<Person>,
    codes: HashMap<String, Code>,
    tokens: HashMap<String, (Person, i64)>,
    faults: HashMap<Endpoint, VecDeque<Fault>>,
    calls: HashMap<Endpoint, u64>,
    issued: u64,
}

/// What the handlers share.
#[derive(Clone)]
struct Vendor {
    state: Arc<Mutex<State>>,
    clock: Clock,
}

impl Vendor {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        self.clock.now_micros()
    }

    /// Counts a call, and takes the fault that is due.
    fn due(&self, endpoint: Endpoint) -> Option<Fault> {
        let mut state = self.state();
        *state.calls.entry(endpoint).or_default() += 1;
        state.faults.get_mut(&endpoint).and_then(VecDeque::pop_front)
    }
}

/// A running fake. It ends when dropped.
pub struct FakeFeishu {
    /// `http://address`, for both the accounts and the open base URL.
    pub url: String,
    vendor: Vendor,
    server: JoinHandle<()>,
}

impl FakeFeishu {
    /// On a free port of loopback, with this clock.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(clock: Clock) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port")?;
        let address: SocketAddr = listener.local_addr()?;
        let vendor = Vendor { state: Arc::default(), clock };
        let router = Router::new()
            .route("/open-apis/authen/v1/authorize", get(authorize::page))
            .route("/open-apis/authen/v2/oauth/token", post(token::exchange))
            .route("/open-apis/authen/v1/user_info", get(user_info::read))
            .with_state(vendor.clone());
        let server = tokio::spawn(async move {
            // It is aborted when the test ends.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { url: format!("http://{address}"), vendor, server })
    }

    /// Registers an app.
    pub fn register(&self, app: App) {
        self.vendor.state().apps.push(app);
    }

    /// Lets a person answer the authorize page in a browser: everybody there is offered to whoever opens it.
    pub fn welcome(&self, person: Person) {
        self.vendor.state().people.push(person);
    }

    /// Makes the next call of an endpoint go wrong; several wait in line.
    pub fn fail_next(&self, endpoint: Endpoint, fault: Fault) {
        self.vendor.state().faults.entry(endpoint).or_default().push_back(fault);
    }

    /// How often an endpoint was called.
    #[must_use]
    pub fn calls(&self, endpoint: Endpoint) -> u64 {
        self.vendor.state().calls.get(&endpoint).copied().unwrap_or_default()
    }
}

impl Drop for FakeFeishu {
    fn drop(&mut self) {
        self.server.abort();
    }
}
