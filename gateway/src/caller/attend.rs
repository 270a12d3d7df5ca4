//! Attends a stream for as long as it is open, and ends it when its credential is good no more or the gateway stops.

use std::{sync::Arc, time::Duration};

use fenxi_proto::error::Failure;
use tokio::{sync::oneshot, time::Instant};

use super::{Caller, Callers, is_refusal, or_never};
use crate::{contract::Backend, refusal};

/// How long a stream may outlive its Caller while auth-service cannot be asked. It is asked again before the last minute of
/// a Caller, so a stream survives three minutes without it: more than an upgrade of it takes.
const UNASKED_MAX: Duration = Duration::from_secs(120);

/// The receiver gets the reason to end the stream, if one comes; dropping it ends the attendance.
pub(crate) fn attend(
    callers: Arc<Callers>,
    caller: Option<Arc<Caller>>,
    backend: Backend,
) -> oneshot::Receiver<Failure> {
    let (tell, told) = oneshot::channel();
    tokio::spawn(watch(callers, caller, backend, tell));
    told
}

async fn watch(
    callers: Arc<Callers>,
    caller: Option<Arc<Caller>>,
    backend: Backend,
    mut tell: oneshot::Sender<Failure>,
) {
    let mut changes = callers.revocations.changes();
    // What was said before this task began to listen counts too.
    changes.mark_changed();
    let mut caller = caller;
    let mut check_at = caller.as_deref().map(stale_at);
    loop {
        tokio::select! {
            () = tell.closed() => return,
            () = callers.lifecycle.stopping() => return send(tell, refusal::stopping()),
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                if !caller.as_deref().is_some_and(|caller| callers.revocations.touch(caller)) {
                    continue;
                }
            }
            () = or_never(check_at.map(tokio::time::sleep_until)) => {}
        }
        let Some(current) = &caller else { continue };
        match callers.resolve(&current.credential, backend, None).await {
            Ok(fresh) => {
                check_at = Some(stale_at(&fresh));
                caller = Some(fresh);
            }
            Err(status) if is_refusal(status.code()) => {
                return send(tell, refusal::unauthenticated());
            }
            // Nobody knows. The stream goes on until the feed is back and wakes this again, or the next look.
            Err(_) => match next_look(current.expires_at, Instant::now()) {
                Some(next) => check_at = Some(next),
                None => return send(tell, refusal::unavailable(Backend::Auth.name())),
            },
        }
    }
}

/// When to look again without being woken: the credential may have come to its natural end.
fn stale_at(caller: &Caller) -> Instant {
    Instant::from_std(caller.resolved_at + caller.fresh_for).max(Instant::now() + super::RESOLVE_WAIT)
}

/// When to look again while auth-service cannot be asked; `None`: the stream has gone on for long enough.
fn next_look(expires_at: std::time::Instant, now: Instant) -> Option<Instant> {
    let last = Instant::from_std(expires_at + UNASKED_MAX);
    (now < last).then(|| last.min(now + super::FRESH_MARGIN))
}

fn send(tell: oneshot::Sender<Failure>, failure: Failure) {
    // A stream that has ended meanwhile needs no reason.
    let _ = tell.send(failure);
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use fenxi_chassis::{client::Bearer, clock::Clock, lifecycle::Lifecycle};
    use fenxi_proto::error::ErrorReason;
    use http::HeaderValue;

    use super::*;
    use crate::{Config, cookies::Secret, proxy::upstream::Upstream};

    #[test]
    fn a_stream_survives_a_while_without_auth_service_and_not_for_ever() {
        let expires_at = Instant::now().into_std() + super::super::FRESH_MARGIN;
        let mut now = Instant::now();
        let asked_at = now;
        while let Some(next) = next_look(expires_at, now) {
            assert!(next > now, "it is asked without a pause");
            now = next;
        }
        assert_eq!(now, Instant::from_std(expires_at + UNASKED_MAX));
        assert!(now - asked_at > Duration::from_secs(120), "an upgrade cuts everybody's streams");
    }

    #[tokio::test]
    async fn a_stream_whose_caller_is_long_over_ends_when_nobody_can_be_asked() {
        // Bound and not listened on: nobody else is there either.
        let bound = tokio::net::TcpSocket::new_v4().expect("a socket");
        bound.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let closed = bound.local_addr().expect("an address");
        let target = format!("http://{closed}").parse().expect("an address");
        let auth = Upstream::new("auth-service", target, 0);
        let (limits, lifecycle) = (Config::parse_from(["gateway"]).calls, Lifecycle::new());
        let bearer = Bearer::new("fxs_x").expect("a secret");
        let callers = Callers::start(auth, bearer, &limits, Clock::system(), &lifecycle);
        let now = Instant::now().into_std();
        let long_ago = now.checked_sub(2 * UNASKED_MAX).expect("a clock that runs for a while");
        let caller = Caller {
            authorization: HeaderValue::from_static("x"),
            user_key: 0,
            user_id: "u1".into(),
            credential_id: "c1".into(),
            credential: Secret::new("fxl_x").expect("a secret"),
            resolved_at: long_ago,
            fresh_for: Duration::ZERO,
            fresh_until_micros: 0,
            expires_at: long_ago,
        };
        callers.revocations.set_up(false);
        let told = attend(callers.clone(), Some(Arc::new(caller)), Backend::Analysis);
        let failure = told.await.expect("a reason");
        assert_eq!(failure.reason(), ErrorReason::Unavailable);
        assert!(failure.to_string().contains("auth-service"), "{failure}");
        lifecycle.stop();
    }
}
