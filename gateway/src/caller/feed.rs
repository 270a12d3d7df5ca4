//! The feed of revocations, and what it said. While it is not in force nothing that was resolved before may be believed.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fenxi_chassis::repeated::Repeated;
use fenxi_proto::auth::v1::{WatchRevocationsRequest, WatchRevocationsResponse};
use tokio::{sync::watch, time::timeout};
use tonic::{Code, Status};

use super::{Caller, Callers, is_refusal};
use crate::{config::PREFIX, meters};

/// Longer than this without a heartbeat (one comes every 10 s), and the feed counts as broken.
const SILENCE_MAX: Duration = Duration::from_secs(25);
/// How long opening the feed may take, to its first heartbeat.
const OPEN_WAIT: Duration = Duration::from_secs(5);
/// The wait before the feed is opened again: the first, and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Revocations that are remembered; beyond, everything resolved so far is forgotten instead.
const REMEMBERED_MAX: usize = 10_000;
/// How long one is remembered: longer than any Caller lives.
const REMEMBERED_FOR: Duration = Duration::from_secs(360);

/// What was revoked lately.
pub(crate) struct Revocations {
    up: AtomicBool,
    /// auth-service would not take the gateway's own proof when the feed was to be opened last.
    refused: AtomicBool,
    said: RwLock<Said>,
    changes: watch::Sender<u64>,
}

struct Said {
    /// Whatever was resolved before this is not to be believed.
    forget_before: Option<Instant>,
    /// A user or credential, and when its revocation was heard.
    ids: HashMap<String, Instant>,
}

impl Revocations {
    pub(crate) fn new() -> Self {
        let said = RwLock::new(Said { forget_before: None, ids: HashMap::new() });
        Self { up: AtomicBool::new(false), refused: AtomicBool::new(false), said, changes: watch::Sender::new(0) }
    }

    /// Whether the feed is in force.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// Whether auth-service refuses the gateway itself.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// Whether something was revoked since this Caller was resolved that may be it.
    pub(crate) fn touch(&self, caller: &Caller) -> bool {
        let said = self.said.read().unwrap_or_else(PoisonError::into_inner);
        let since = |heard: &Instant| *heard >= caller.resolved_at;
        said.forget_before.as_ref().is_some_and(since)
            || (!said.ids.is_empty()
                && (said.ids.get(&caller.credential_id).is_some_and(since)
                    || said.ids.get(&caller.user_id).is_some_and(since)))
    }

    /// Wakes whenever more was said.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn set_up(&self, up: bool) {
        let mut said = self.said.write().unwrap_or_else(PoisonError::into_inner);
        said.forget_before = Some(Instant::now());
        said.ids.clear();
        self.up.store(up, Ordering::Release);
        drop(said);
        meters::revocation_feed(up);
        self.changes.send_modify(|change| *change += 1);
    }

    fn hear(&self, message: WatchRevocationsResponse) {
        let now = Instant::now();
        let mut said = self.said.write().unwrap_or_else(PoisonError::into_inner);
        if said.ids.len() >= REMEMBERED_MAX {
            said.ids.retain(|_, heard| now.duration_since(*heard) < REMEMBERED_FOR);
        }
        if said.ids.len() >= REMEMBERED_MAX {
            said.ids.clear();
            said.forget_before = Some(now);
        }
        let ids = [message.credential_id, message.user_id].into_iter().filter(|id| !id.is_empty());
        let heard = ids.map(|id| said.ids.insert(id, now)).count() > 0;
        drop(said);
        if heard {
            self.changes.send_modify(|change| *change += 1);
        }
    }
}

/// Follows the feed until the process stops.
pub(crate) async fn follow(callers: Arc<Callers>) {
    let lifecycle = callers.lifecycle.clone();
    lifecycle.set_ready("auth-service", false);
    let mut retry = RETRY_FIRST;
    let mut said = Repeated::default();
    loop {
        let was_up = tokio::select! {
            () = lifecycle.stopping() => return,
            was_up = watch_once(&callers, &mut said) => was_up,
        };
        retry = if was_up { RETRY_FIRST } else { (retry * 2).min(RETRY_MAX) };
        tokio::select! {
            () = lifecycle.stopping() => return,
            () = tokio::time::sleep(retry) => {}
        }
    }
}

/// Follows the feed until it breaks; says whether it had been in force.
async fn watch_once(callers: &Callers, said: &mut Repeated<Option<Code>>) -> bool {
    let mut client = callers.client.clone();
    let open = async {
        let mut stream = client.watch_revocations(WatchRevocationsRequest {}).await?.into_inner();
        let first = stream.message().await?.ok_or_else(|| Status::unavailable("the feed ended at once"))?;
        Ok::<_, Status>((stream, first))
    };
    let opened = timeout(OPEN_WAIT, open).await;
    let refused = matches!(&opened, Ok(Err(status)) if is_refusal(status.code()));
    callers.revocations.refused.store(refused, Ordering::Release);
    let (mut stream, first) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(status)) => {
            if said.is_news(Some(status.code())) {
                not_opened(&status, refused);
            }
            return false;
        }
        Err(_) => {
            if said.is_news(None) {
                tracing::warn!("auth-service does not open the feed of revocations");
            }
            return false;
        }
    };
    said.is_over();
    callers.revocations.set_up(true);
    callers.lifecycle.set_ready("auth-service", true);
    tracing::info!("the feed of revocations is in force");
    callers.revocations.hear(first);
    while let Ok(Ok(Some(message))) = timeout(SILENCE_MAX, stream.message()).await {
        callers.revocations.hear(message);
    }
    callers.revocations.set_up(false);
    callers.cache.invalidate_all();
    tracing::warn!("the feed of revocations broke: every credential is asked about until it is back");
    true
}

fn not_opened(status: &Status, refused: bool) {
    if refused {
        tracing::error!(
            "auth-service refuses this gateway: {PREFIX}_SECRET_FILE here is to hold the secret that \
             FENXI_AUTH_GATEWAY_SECRET_FILE holds there; mend the wrong one and start its service again"
        );
    } else {
        tracing::warn!(code = ?status.code(), message = status.message(), "the feed of revocations cannot be opened");
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::cookies::Secret;

    fn caller(user: &str, credential: &str) -> Caller {
        Caller {
            authorization: HeaderValue::from_static("x"),
            user_key: 0,
            user_id: user.into(),
            credential_id: credential.into(),
            credential: Secret::new("fxl_x").expect("a secret"),
            resolved_at: Instant::now(),
            fresh_for: Duration::from_secs(1),
            fresh_until_micros: i64::MAX,
            expires_at: Instant::now(),
        }
    }

    fn revoked(credential_id: &str, user_id: &str) -> WatchRevocationsResponse {
        WatchRevocationsResponse { credential_id: credential_id.into(), user_id: user_id.into() }
    }

    #[test]
    fn a_revocation_touches_what_was_resolved_before_it_and_nothing_else() {
        let feed = Revocations::new();
        feed.set_up(true);
        let (mine, sibling, other) = (caller("u1", "c1"), caller("u1", "c2"), caller("u2", "c3"));
        feed.hear(revoked("", ""));
        assert!(!feed.touch(&mine), "a heartbeat revoked something");
        feed.hear(revoked("c1", ""));
        assert!(feed.touch(&mine) && !feed.touch(&sibling) && !feed.touch(&other));
        feed.hear(revoked("", "u1"));
        assert!(feed.touch(&sibling) && !feed.touch(&other));
        let later = caller("u1", "c4");
        assert!(!feed.touch(&later), "what was resolved after the revocation is good");
    }

    #[test]
    fn a_feed_that_breaks_touches_everything() {
        let feed = Revocations::new();
        feed.set_up(true);
        let (one, changes) = (caller("u1", "c1"), feed.changes());
        assert!(!feed.touch(&one));
        feed.set_up(false);
        assert!(feed.touch(&one) && !feed.is_up());
        assert!(changes.has_changed().expect("open"), "streams were not woken");
    }

    #[test]
    fn more_revocations_than_are_remembered_forget_everything() {
        let feed = Revocations::new();
        feed.set_up(true);
        let one = caller("u", "c");
        for id in 0..=REMEMBERED_MAX {
            feed.hear(revoked(&format!("x{id}"), ""));
        }
        assert!(feed.touch(&one));
        assert!(feed.said.read().expect("sound").ids.len() <= REMEMBERED_MAX);
    }
}
