//! The public keys of auth-service, fetched and followed by a service that is not auth-service.

use std::time::Duration;

use fenxi_proto::auth::v1::{GetJwksRequest, key_service_client::KeyServiceClient};
use jsonwebtoken::jwk::JwkSet;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tonic::transport::Channel;

use super::Verifier;
use crate::{lifecycle::Lifecycle, repeated::Repeated};

/// How often the keys are fetched without being asked for.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// How often at most they are fetched because somebody shows an unknown one: a storm of these stays one call.
const REQUEST_INTERVAL: Duration = Duration::from_secs(2);
/// How long a call waits for a fetch.
const REQUEST_WAIT: Duration = Duration::from_secs(3);
/// Calls that may wait for a fetch at one time.
const REQUESTS_MAX: usize = 256;
/// The first wait after a failure.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Asks for keys that are not known yet.
#[derive(Clone, Debug)]
pub struct KeyRequests(mpsc::Sender<oneshot::Sender<()>>);

/// The other end of [`KeyRequests`], for [`follow_keys`].
#[derive(Debug)]
pub struct KeyRequestQueue(mpsc::Receiver<oneshot::Sender<()>>);

impl KeyRequests {
    /// A queue of requests.
    #[must_use]
    pub fn channel() -> (Self, KeyRequestQueue) {
        let (sender, receiver) = mpsc::channel(REQUESTS_MAX);
        (Self(sender), KeyRequestQueue(receiver))
    }

    /// Returns when the keys were fetched anew, or could not be for now.
    pub(super) async fn ask(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.try_send(done).is_ok() {
            let _ = timeout(REQUEST_WAIT, wait).await;
        }
    }
}

/// Keeps the verifier's keys those of the auth-service behind `channel`, and part `keys` of the readiness true to it.
/// Keys that are known stay in force while auth-service is away.
pub async fn follow_keys(channel: Channel, verifier: Verifier, queue: KeyRequestQueue, lifecycle: Lifecycle) {
    let mut client = KeyServiceClient::new(channel);
    let mut requests = queue.0;
    let mut waiting: Vec<oneshot::Sender<()>> = Vec::new();
    let mut retry = RETRY_INTERVAL;
    let mut said = Repeated::default();
    lifecycle.set_ready("keys", false);
    loop {
        let fetched = match fetch(&mut client, &verifier).await {
            Ok(()) => {
                if said.is_over() {
                    tracing::info!("the keys of auth-service are there");
                }
                true
            }
            Err(why) => {
                if said.is_news(why.clone()) {
                    tracing::warn!(
                        why,
                        "the keys of auth-service cannot be fetched, so that no caller with a new one can be told from a \
                         stranger: is it running, and is it where --auth-url says? It is tried again"
                    );
                }
                false
            }
        };
        let fetched_at = Instant::now();
        for done in waiting.drain(..) {
            // Whoever no longer waits does not need to know.
            let _ = done.send(());
        }
        let pause = if fetched {
            lifecycle.set_ready("keys", true);
            retry = RETRY_INTERVAL;
            REFRESH_INTERVAL
        } else {
            retry = (retry * 2).min(REFRESH_INTERVAL);
            retry
        };
        tokio::select! {
            () = lifecycle.stopping() => return,
            () = tokio::time::sleep(pause) => {}
            Some(done) = requests.recv() => {
                waiting.push(done);
                let storm_ends = fetched_at + REQUEST_INTERVAL;
                if fetched {
                    tokio::select! {
                        () = lifecycle.stopping() => return,
                        () = tokio::time::sleep_until(storm_ends) => {}
                    }
                }
                while let Ok(done) = requests.try_recv() {
                    waiting.push(done);
                }
            }
        }
    }
}

async fn fetch(client: &mut KeyServiceClient<Channel>, verifier: &Verifier) -> Result<(), String> {
    let answer = match timeout(REQUEST_WAIT, client.get_jwks(GetJwksRequest {})).await {
        Ok(answer) => answer.map_err(|status| format!("{:?}: {}", status.code(), status.message()))?.into_inner(),
        Err(_) => return Err("it does not answer".to_owned()),
    };
    let keys = serde_json::from_str::<JwkSet>(&answer.jwks_json);
    verifier.set_keys(&keys.map_err(|error| format!("what it says is no key set: {error}"))?);
    Ok(())
}
