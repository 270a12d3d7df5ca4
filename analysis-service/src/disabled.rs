//! The users who are disabled, as auth-service tells them, and what goes on of theirs without a call: their kernels are ended.
//!
//! Whoever is disabled is named again when the feed is opened, so that nobody is missed while either side was away. Until it
//! is back, what runs goes on: a fault between services ends nobody's work. With every message, which is every 10 s at
//! least, it is looked again: a call that was under way when its user was disabled may have started a kernel since.

use std::{collections::HashSet, time::Duration};

use fenxi_chassis::{client::Bearer, lifecycle::Lifecycle, repeated::Repeated};
use fenxi_proto::auth::v1::{
    WatchDisabledUsersRequest, WatchDisabledUsersResponse, caller_service_client::CallerServiceClient,
};
use tokio::time::timeout;
use tonic::{Code, Status, codegen::InterceptedService, transport::Channel};
use uuid::Uuid;

use crate::{config::PREFIX, kernels::registry::Registry};

/// Longer than this without a heartbeat (one comes every 10 s), and the feed counts as broken.
const SILENCE_MAX: Duration = Duration::from_secs(25);
/// How long opening the feed may take.
const OPEN_WAIT: Duration = Duration::from_secs(5);
/// The wait before the feed is opened again: the first, and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// auth-service, with this service's credential.
pub type Callers = CallerServiceClient<InterceptedService<Channel, Bearer>>;

/// The part of the readiness: auth-service takes this service's secret.
const PART: &str = "secret";

/// Follows the feed until the service stops. While auth-service has refused this service's secret ever since it started, it
/// is not ready: it would serve, but what it did would come into no history, and that does not mend itself. A secret that
/// was good once takes nobody's service away.
pub async fn follow(callers: Callers, kernels: Registry, lifecycle: Lifecycle) {
    lifecycle.set_ready(PART, false);
    let mut feed = Feed { callers, kernels, lifecycle: lifecycle.clone(), said: Repeated::default(), accepted: false };
    let mut retry = RETRY_FIRST;
    loop {
        let watched = tokio::select! {
            () = lifecycle.stopping() => return,
            watched = feed.watch() => watched,
        };
        match watched {
            // It was in force.
            Ok(()) => retry = RETRY_FIRST,
            Err(status) => {
                feed.failed(&status);
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
        tokio::select! {
            () = lifecycle.stopping() => return,
            () = tokio::time::sleep(retry) => {}
        }
    }
}

struct Feed {
    callers: Callers,
    kernels: Registry,
    lifecycle: Lifecycle,
    said: Repeated<Code>,
    /// auth-service has taken this service's secret.
    accepted: bool,
}

impl Feed {
    /// Follows the feed until it breaks.
    async fn watch(&mut self) -> Result<(), Status> {
        let open = async {
            let mut feed = self.callers.watch_disabled_users(WatchDisabledUsersRequest {}).await?.into_inner();
            let first = feed.message().await?.ok_or_else(|| Status::unavailable("the feed ended at once"))?;
            Ok::<_, Status>((feed, first))
        };
        let opened = timeout(OPEN_WAIT, open).await;
        let (mut feed, first) = opened.map_err(|_| Status::deadline_exceeded("auth-service does not open it"))??;
        self.accepted = true;
        self.lifecycle.set_ready(PART, true);
        if self.said.is_over() {
            tracing::info!("the feed of disabled users is in force");
        }
        let mut disabled = HashSet::new();
        let mut next = Some(first);
        while let Some(message) = next {
            hear(&mut disabled, message);
            end(&self.kernels, &disabled, &self.lifecycle);
            next = timeout(SILENCE_MAX, feed.message()).await.ok().and_then(Result::ok).flatten();
        }
        tracing::warn!("the feed of disabled users broke");
        Ok(())
    }

    /// It could not be opened.
    fn failed(&mut self, status: &Status) {
        metrics::counter!("disabled_users_feed_failures_total").increment(1);
        let (code, message) = (status.code(), status.message());
        let refused = matches!(code, Code::Unauthenticated | Code::PermissionDenied);
        self.lifecycle.set_ready(PART, self.accepted || !refused);
        if !self.said.is_news(code) {
            return;
        }
        if refused {
            tracing::error!(
                "auth-service refuses this service: {PREFIX}_SECRET_FILE here is to hold the secret that \
                 FENXI_AUTH_ANALYSIS_SECRET_FILE holds there; mend the wrong one and start its service again. Until then no \
                 history is delivered, and kernels of users who are disabled go on"
            );
        } else {
            tracing::warn!(
                ?code,
                message,
                "the feed of disabled users cannot be opened: their kernels go on until it is"
            );
        }
    }
}

fn hear(disabled: &mut HashSet<Uuid>, message: WatchDisabledUsersResponse) {
    let ids = |texts: Vec<String>| texts.into_iter().filter_map(|text| text.parse::<Uuid>().ok());
    for user_id in ids(message.enabled_user_ids) {
        disabled.remove(&user_id);
    }
    disabled.extend(ids(message.disabled_user_ids));
}

/// An end can take a while, and does not hold up the next message.
fn end(kernels: &Registry, disabled: &HashSet<Uuid>, lifecycle: &Lifecycle) {
    let meant = kernels.alive_of(|owner_user_id| disabled.contains(&owner_user_id));
    if !meant.is_empty() {
        let kernels = kernels.clone();
        lifecycle.spawn(async move { kernels.shut_out(meant).await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_let_in_again_is_not_disabled() {
        let mut disabled = HashSet::new();
        let texts = |ids: &[u128]| ids.iter().map(|id| Uuid::from_u128(*id).to_string()).collect();
        let message = |out: &[u128], back: &[u128]| WatchDisabledUsersResponse {
            disabled_user_ids: texts(out),
            enabled_user_ids: texts(back),
        };
        hear(&mut disabled, message(&[1, 2], &[]));
        hear(&mut disabled, message(&[], &[2, 3]));
        hear(&mut disabled, message(&[], &[]));
        assert_eq!(disabled, HashSet::from([Uuid::from_u128(1)]));
    }
}
