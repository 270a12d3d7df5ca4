//! Login with Feishu, or with Lark: one protocol at two pairs of hosts, which never mix. OAuth 2.0 authorization code
//! with PKCE (S256), as the vendor documents it: `authen/v1/authorize`, `authen/v2/oauth/token`, `authen/v1/user_info`.
//!
//! The other side is not trusted: every answer is bounded in size and time, and no redirect is followed.

mod refusal;
mod wire;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use reqwest::{Client, RequestBuilder, Response, redirect};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

pub(crate) use self::refusal::Refusal;
use self::wire::{TokenAnswer, UserInfoAnswer};
use super::Profile;
use crate::config::ProviderSettings;

/// Longest answer that is read.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// The pause before a request is sent for the second and last time.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// Logins that may talk to one provider at one time.
const LOGINS_MAX: usize = 256;
/// Longest `code` that is passed on; the vendor says to reserve 64 characters.
const CODE_MAX_CHARS: usize = 512;

/// The two brands of one protocol. The identity, the hosts and the callback all hang on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brand {
    /// China.
    Feishu,
    /// Everywhere else.
    Lark,
}

impl Brand {
    /// The login method, the provider in an identity, and the name in the callback's path.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Feishu => "feishu",
            Self::Lark => "lark",
        }
    }

    /// For people.
    pub(crate) fn display_name(self) -> &'static str {
        match self {
            Self::Feishu => "飞书",
            Self::Lark => "Lark",
        }
    }

    /// Where its login pages and its open platform are.
    fn hosts(self) -> (&'static str, &'static str) {
        match self {
            Self::Feishu => ("https://accounts.feishu.cn", "https://open.feishu.cn"),
            Self::Lark => ("https://accounts.larksuite.com", "https://open.larksuite.com"),
        }
    }
}

/// What is needed to send a browser to the provider.
pub(crate) struct Trip<'a> {
    /// Comes back unchanged.
    pub(crate) state: &'a str,
    /// The S256 challenge.
    pub(crate) code_challenge: &'a str,
}

/// A place among the logins that talk to a provider; dropped, it is free again.
pub(crate) struct Place<'a>(#[expect(dead_code, reason = "held, never read")] SemaphorePermit<'a>);

/// One configured provider. Clones share it.
#[derive(Clone)]
pub(crate) struct Feishu(Arc<Shared>);

struct Shared {
    brand: Brand,
    app_id: String,
    app_secret: String,
    scopes: String,
    authorize_url: Url,
    token_url: Url,
    user_info_url: Url,
    redirect_uri: Url,
    client: Client,
    logins: Semaphore,
}

impl Feishu {
    /// As configured. `public_url` is where the browser comes back to; one request takes at most `request_max`, from
    /// connecting to the last byte.
    ///
    /// # Errors
    /// The secret file or a URL is wrong.
    pub(crate) fn new(
        brand: Brand,
        settings: &ProviderSettings,
        public_url: &Url,
        request_max: Duration,
    ) -> anyhow::Result<Self> {
        let (accounts, open) = brand.hosts();
        let base = |given: &Option<Url>, own: &str| given.clone().map_or_else(|| Url::parse(own), Ok);
        let (accounts, open) = (base(&settings.accounts_url, accounts)?, base(&settings.open_url, open)?);
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_MAX)
            .timeout(request_max)
            .user_agent(concat!("fenxi/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("the HTTP client of the identity provider")?;
        Ok(Self(Arc::new(Shared {
            brand,
            app_id: settings.app_id.clone(),
            app_secret: fenxi_chassis::files::secret(&settings.app_secret_file)
                .with_context(|| format!("--{}-app-secret-file", brand.id()))?,
            scopes: settings.scopes.join(" "),
            authorize_url: accounts.join("/open-apis/authen/v1/authorize")?,
            token_url: open.join("/open-apis/authen/v2/oauth/token")?,
            user_info_url: open.join("/open-apis/authen/v1/user_info")?,
            redirect_uri: public_url.join(&format!("/auth/{}/callback", brand.id()))?,
            client,
            logins: Semaphore::new(LOGINS_MAX),
        })))
    }

    /// Feishu or Lark.
    pub(crate) fn brand(&self) -> Brand {
        self.0.brand
    }

    /// Where the browser is to go.
    pub(crate) fn authorize_url(&self, trip: &Trip<'_>) -> Url {
        let mut url = self.0.authorize_url.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", &self.0.app_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", self.0.redirect_uri.as_str())
            .append_pair("state", trip.state)
            .append_pair("code_challenge", trip.code_challenge)
            .append_pair("code_challenge_method", "S256");
        if !self.0.scopes.is_empty() {
            query.append_pair("scope", &self.0.scopes);
        }
        drop(query);
        url
    }

    /// A place among the logins under way.
    pub(crate) fn place(&self) -> Result<Place<'_>, Refusal> {
        self.0.logins.try_acquire().map(Place).map_err(|_| Refusal::Overloaded)
    }

    /// Who came back with this code.
    pub(crate) async fn identify(
        &self,
        _place: Place<'_>,
        code: &str,
        code_verifier: &str,
    ) -> Result<Profile, Refusal> {
        let plain = code.bytes().all(|b| b.is_ascii_graphic());
        if code.is_empty() || code.len() > CODE_MAX_CHARS || !plain {
            return Err(Refusal::CodeInvalid);
        }
        let access_token = self.access_token(code, code_verifier).await?;
        self.profile(&access_token).await
    }

    async fn access_token(&self, code: &str, code_verifier: &str) -> Result<String, Refusal> {
        let body = json!({
            "grant_type": "authorization_code",
            "client_id": self.0.app_id,
            "client_secret": self.0.app_secret,
            "code": code,
            "redirect_uri": self.0.redirect_uri.as_str(),
            "code_verifier": code_verifier,
        });
        let request = || self.0.client.post(self.0.token_url.clone()).json(&body);
        let answer: TokenAnswer = self.ask(request, |answer: &TokenAnswer| answer.code).await?;
        answer.access_token().ok_or(Refusal::UNAVAILABLE)
    }

    async fn profile(&self, access_token: &str) -> Result<Profile, Refusal> {
        let request = || self.0.client.get(self.0.user_info_url.clone()).bearer_auth(access_token);
        let answer: UserInfoAnswer = self.ask(request, |answer: &UserInfoAnswer| answer.code).await?;
        answer.profile(self.0.brand.id(), &self.0.app_id).ok_or(Refusal::UNAVAILABLE)
    }

    /// Sends a request, and once more if the provider says that it failed before it did anything.
    async fn ask<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> RequestBuilder,
        code: impl Fn(&T) -> Option<i64>,
    ) -> Result<T, Refusal> {
        match self.ask_once(request(), &code).await {
            Err((_, Some(failed))) if Refusal::may_retry(Some(failed)) => {
                tokio::time::sleep(RETRY_PAUSE).await;
                self.ask_once(request(), &code).await.map_err(|(refusal, _)| match refusal {
                    // Seen before, and by us: the first request had done something after all. Nobody replays it.
                    Refusal::CodeReplayed => Refusal::CodeInvalid,
                    refusal => refusal,
                })
            }
            answer => answer.map_err(|(refusal, _)| refusal),
        }
    }

    /// A good answer, or the refusal with the provider's own code for it.
    async fn ask_once<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        code: impl Fn(&T) -> Option<i64>,
    ) -> Result<T, (Refusal, Option<i64>)> {
        let brand = self.0.brand.id();
        let response = request.send().await.map_err(|error| {
            let (timeout, connect) = (error.is_timeout(), error.is_connect());
            tracing::warn!(brand, timeout, connect, "the identity provider cannot be reached");
            (Refusal::UNAVAILABLE, None)
        })?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let reset_secs = header("x-ogw-ratelimit-reset").and_then(|text| text.trim().parse().ok());
        let log_header = header("x-tt-logid");
        let body = bounded_body(response).await.unwrap_or_default();
        let answer = serde_json::from_slice::<T>(&body).ok();
        let found = answer.as_ref().and_then(&code);
        if let (200, Some(0), Some(answer)) = (status, found, answer) {
            return Ok(answer);
        }
        let refusal = Refusal::of(status, found, reset_secs);
        let log_id = wire::log_id(log_header.as_deref(), &body);
        tracing::warn!(brand, status, code = found, log_id, "the identity provider refuses: {refusal}");
        metrics::counter!("auth_provider_refusals_total", "brand" => brand).increment(1);
        Err((refusal, found))
    }
}

/// The body, unless it is longer than is read or breaks off.
async fn bounded_body(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > ANSWER_MAX_BYTES {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}
