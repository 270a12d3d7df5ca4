//! What a login by way of an identity provider costs auth-service: from the browser's first click to its LoginSession,
//! against a vendor that checks everything it is sent.

use std::{net::Ipv4Addr, sync::atomic::AtomicU32, sync::atomic::Ordering};

use anyhow::{Context as _, ensure};
use fenxi_chassis::{
    client::{Bearer, channel},
    clock::Clock,
};
use fenxi_proto::{
    METADATA_CLIENT_ADDRESS, METADATA_LOGIN_ATTEMPT, METADATA_LOGIN_SESSION,
    auth::v1::{BeginLoginRequest, CompleteLoginRequest, auth_service_client::AuthServiceClient},
};
use futures_util::future::try_join_all;
use tonic::{Request, service::interceptor::InterceptedService};

use super::{
    cpu,
    figure::{Figure, Limit, median},
};
use crate::{
    client::SignedIn,
    fakes::feishu::{App, Consent, Endpoint, FakeFeishu, Person},
    house::{House, Part},
};

const RUNS: usize = 5;
/// People who sign in at the same time.
const BROWSERS: usize = 8;
/// LoginAttempts that the service takes at once (auth-service, `login::limits`): no more may be made here.
const ATTEMPTS_MAX: usize = 3_000;
const METHOD: &str = "feishu";
const TENANT: &str = "t1";
const APP_SECRET: &str = "the-fake-app-secret";

/// Processor time of auth-service for one whole login with Feishu. Half of the people are new, half come back.
///
/// # Errors
/// A login failed.
pub async fn feishu(logins: usize) -> anyhow::Result<Vec<Figure>> {
    ensure!((RUNS + 1) * logins <= ATTEMPTS_MAX, "{logins} logins in a run are more than the service lets in");
    let door = Door::open().await?;
    door.logins(logins).await?;
    let mut costs = Vec::new();
    for _ in 0..RUNS {
        let before = cpu::used(door.pid)?;
        door.logins(logins).await?;
        costs.push((cpu::used(door.pid)? - before).as_secs_f64() * 1e6 / logins as f64);
    }
    let calls = door.vendor.calls(Endpoint::Token) + door.vendor.calls(Endpoint::UserInfo);
    let limit =
        Limit { what: "calls to the vendor a login:".into(), value: calls as f64 / ((RUNS + 1) * logins) as f64 };
    door.house.stop().await?;
    Ok(vec![Figure {
        name: "login_feishu_cpu_us",
        value: median(&costs),
        unit: "us",
        goal: None,
        limit: Some(limit),
        runs: RUNS,
    }])
}

/// A house where people sign in with Feishu, and its vendor.
struct Door {
    house: House,
    vendor: FakeFeishu,
    pid: u32,
    /// auth-service, as the gateway calls it.
    auth: SignedIn,
    /// Logins so far.
    number: AtomicU32,
}

impl Door {
    async fn open() -> anyhow::Result<Self> {
        let vendor = FakeFeishu::start(Clock::system()).await?;
        let secrets = tempfile::tempdir()?;
        let secret = secrets.path().join("feishu");
        std::fs::write(&secret, APP_SECRET)?;
        let house = House::with([
            ("FENXI_AUTH_FEISHU_APP_ID", "cli_feishu"),
            ("FENXI_AUTH_FEISHU_APP_SECRET_FILE", secret.to_str().context("a path of text")?),
            ("FENXI_AUTH_FEISHU_TENANTS", TENANT),
            ("FENXI_AUTH_FEISHU_ACCOUNTS_URL", &vendor.url),
            ("FENXI_AUTH_FEISHU_OPEN_URL", &vendor.url),
        ])
        .await?;
        vendor.register(App {
            app_id: "cli_feishu".into(),
            app_secret: APP_SECRET.into(),
            redirect_urls: vec![format!("{}/auth/{METHOD}/callback", house.url())],
            other_brand: false,
            disabled: false,
            scopes: Vec::new(),
        });
        let secret = std::fs::read_to_string(house.folder().join("secrets/gateway"))?;
        let auth = channel(&format!("http://{}", house.address(Part::Auth)))?;
        let auth = InterceptedService::new(auth, Bearer::new(secret.trim())?);
        let pid = house.pid(Part::Auth).context("auth-service")?;
        Ok(Self { house, vendor, pid, auth, number: AtomicU32::new(0) })
    }

    async fn logins(&self, logins: usize) -> anyhow::Result<()> {
        try_join_all((0..BROWSERS).map(|browser| async move {
            for _ in (browser..logins).step_by(BROWSERS) {
                self.login().await?;
            }
            anyhow::Ok(())
        }))
        .await
        .map(drop)
    }

    async fn login(&self) -> anyhow::Result<()> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let person = Person::new(&format!("ou_{}", number / 2), TENANT);
        // The limits count by network: everybody comes from one of their own.
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + number).to_string();
        let mut auth = AuthServiceClient::new(self.auth.clone());
        let mut begin = Request::new(BeginLoginRequest { login_method_id: METHOD.into(), return_to: "/n/1".into() });
        begin.metadata_mut().insert(METADATA_CLIENT_ADDRESS, address.parse()?);
        let begun = auth.begin_login(begin).await?;
        let attempt = begun.metadata().get(METADATA_LOGIN_ATTEMPT).context("no attempt")?.clone();
        let back = self.vendor.visit(&begun.get_ref().authorize_url, &person, Consent::Allow).await?;
        let mut complete = Request::new(CompleteLoginRequest {
            login_method_id: METHOD.into(),
            code: back.code,
            state: back.state,
            error: back.error,
        });
        complete.metadata_mut().insert(METADATA_CLIENT_ADDRESS, address.parse()?);
        complete.metadata_mut().insert(METADATA_LOGIN_ATTEMPT, attempt);
        let completed = auth.complete_login(complete).await?;
        let secret = completed.metadata().get(METADATA_LOGIN_SESSION);
        ensure!(secret.is_some_and(|secret| !secret.is_empty()), "nobody is signed in");
        Ok(())
    }
}
