//! The gateway: the one door. It knows who is asking and how much they may ask; what they ask passes through unread.
//!
//! This file is the one place where every part is built and tied to the others. `layers` shows the way of a request,
//! `router` every path.

mod arriving;
mod assets;
mod body;
mod caller;
mod config;
mod contract;
mod cookies;
mod desks;
mod guard;
mod layers;
mod limits;
mod local;
mod login;
mod meters;
mod net;
mod proxy;
mod refusal;
mod router;
mod serve;
mod uploads;

use std::sync::Arc;

use anyhow::Context as _;
use fenxi_chassis::{
    client::Bearer,
    files,
    program::{self, Frame},
};
use http::HeaderValue;
use tokio::net::TcpListener;

pub use crate::{
    config::{Calls, Config, Connections, PREFIX, Rates},
    net::Network,
};
use crate::{
    contract::Backend,
    cookies::Cookies,
    desks::Desks,
    layers::House,
    limits::Limits,
    login::Login,
    proxy::{Proxy, deadline::Usual, upstream::Upstream},
    uploads::Uploads,
};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves on this listener until the process stops and every request has ended or had its time.
///
/// # Errors
/// A setting is wrong; the text names it.
pub async fn serve(listener: TcpListener, config: Config, frame: Frame) -> anyhow::Result<()> {
    config.check()?;
    meters::begin(contract::meters());
    let tls = match (&config.tls_cert_file, &config.tls_key_file) {
        (Some(chain), Some(key)) => Some(serve::tls::acceptor(chain, key)?),
        _ => None,
    };
    let desks = program::workers(&config.common);
    let house = build(&config, &frame, desks).await?;
    let desks = Desks::open(desks)?;
    let Frame { lifecycle, .. } = frame;
    let (limits, forgetting) = (house.limits.clone(), lifecycle.clone());
    lifecycle.spawn(async move { limits.forget_unused(&forgetting).await });
    let assets = house.assets.clone();
    // Not awaited: until it is done files go uncompressed.
    drop(tokio::task::spawn_blocking(move || assets.compress()));
    tracing::info!(address = %listener.local_addr()?, public_url = %config.public_url, "gateway serving");
    lifecycle.set_ready("gateway", true);
    serve::accept(listener, tls, house, desks, config.connections, lifecycle).await;
    Ok(())
}

async fn build(config: &Config, frame: &Frame, desks: usize) -> anyhow::Result<Arc<House>> {
    let upstream = |backend: Backend, url| Upstream::new(backend.name(), url, desks);
    let auth = upstream(Backend::Auth, config.auth_url.clone());
    let analysis = upstream(Backend::Analysis, config.analysis_url.clone());
    let secret_file = config.secret_file.as_deref();
    let secret_file = secret_file.with_context(|| format!("{PREFIX}_SECRET_FILE is to name a file"))?;
    let of_setting = || format!("{PREFIX}_SECRET_FILE");
    let secret = files::secret(secret_file).with_context(of_setting)?;
    let bearer = Bearer::new(&secret).with_context(of_setting)?;
    let mut own_proof = HeaderValue::try_from(format!("Bearer {secret}")).context("the secret is no header value")?;
    own_proof.set_sensitive(true);
    let cookies = Cookies::new(config.https());
    let callers =
        caller::Callers::start(auth.clone(), bearer.clone(), &config.calls, frame.clock.clone(), &frame.lifecycle);
    Ok(Arc::new(House {
        guard: guard::Guard::new(config.public_origin(), cookies),
        limits: Arc::new(Limits::new(&config.rates)),
        callers,
        uploads: Uploads::new(analysis.clone(), config.calls.clone()),
        login: Login::new(auth.clone(), bearer, cookies),
        proxy: Proxy {
            auth,
            analysis,
            limits: config.calls.clone(),
            usual_deadline: Usual::new(&config.calls),
            cookies,
            own_proof,
        },
        local: local::Local::new(frame.lifecycle.clone()).await?,
        assets: assets::Assets::embedded(),
        ids: frame.ids.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        notices: net::Notices::default(),
        hsts: config.hsts(),
    }))
}
