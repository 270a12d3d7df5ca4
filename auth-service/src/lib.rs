//! auth-service: who are you, and what have you done. This page wires every part to every other; nothing else does.

#![allow(dead_code, reason = "the rooms are filled one after the other; this line goes with the last")]

pub mod config;
mod history;
mod keys;
mod rpc;
mod secret;
mod statistics;
mod store;
mod store_rows;

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use fenxi_chassis::{
    caller::{SERVICE_SECRET_PREFIX, ServiceName, Verifier, token::AUDIENCE_AUTH},
    files,
    page::PageTokens,
    program::{Frame, bind},
    server,
    sqlite::Database,
};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::{
    config::Config,
    history::History,
    keys::{Rotation, SigningKeys},
};

/// Shortest secret of a calling service, in characters.
const SERVICE_SECRET_MIN_CHARS: usize = 36;

/// Runs the service until it is told to stop.
///
/// # Errors
/// One line that says which setting, file or address is wrong.
pub async fn run(config: Config, frame: Frame) -> anyhow::Result<()> {
    let listener = bind(config.listen, "--listen").await?;
    serve(config, listener, frame).await
}

/// The same on a listener that is there already.
///
/// # Errors
/// As [`run`].
pub async fn serve(config: Config, listener: TcpListener, frame: Frame) -> anyhow::Result<()> {
    let parts = Parts::build(&config, &frame).await?;
    frame.lifecycle.spawn(parts.keys.clone().keep_tended(frame.lifecycle.clone()));
    let routes = parts.routes();
    frame.lifecycle.set_ready("database", true);
    let served = server::serve(listener, routes, parts.verifier.clone(), frame.lifecycle.clone()).await;
    frame.lifecycle.stop();
    parts.database.close().await;
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
}

impl Parts {
    async fn build(config: &Config, frame: &Frame) -> anyhow::Result<Self> {
        files::private_folder(&config.data_dir).context("--data-dir")?;
        let verifier = Verifier::with_services(
            AUDIENCE_AUTH,
            frame.clock.clone(),
            None,
            [
                (ServiceName::Gateway, service_secret(&config.gateway_secret_file, "--gateway-secret-file")?),
                (ServiceName::AnalysisService, service_secret(&config.analysis_secret_file, "--analysis-secret-file")?),
            ],
        );
        let rotation = Rotation {
            age_max: std::time::Duration::from_secs(config.signing_key.signing_key_max_secs.into()),
            overlap: std::time::Duration::from_secs(config.signing_key.signing_key_overlap_secs.into()),
        };
        let keys = SigningKeys::open(&config.data_dir, rotation, frame.clock.clone(), verifier.clone())?;
        let page_tokens = Arc::new(PageTokens::new(&files::key(&config.data_dir.join("page.key"))?));
        let database = Database::open(&config.data_dir.join("auth.db"), store::STEPS).await?;
        let history =
            History::start(database.clone(), frame.clock.clone(), PageTokens::clone(&page_tokens), &frame.lifecycle);
        Ok(Self { frame: frame.clone(), database, verifier, keys, page_tokens, history })
    }

    /// Every RPC that is served here.
    fn routes(&self) -> Routes {
        Routes::new(rpc::keys::service(self.keys.clone())).add_service(rpc::history::service(self.history.clone()))
    }
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
