//! Attends a stream for as long as it is open, and ends it when its credential is good no more or the gateway stops.

use std::sync::Arc;

use fenxi_proto::error::Failure;
use tokio::{sync::oneshot, time::Instant};
use tonic::Code;

use super::{Caller, Callers, or_never};
use crate::{contract::Backend, refusal};

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
            Err(status) if matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied) => {
                return send(tell, refusal::unauthenticated());
            }
            // Nobody knows. The stream goes on until the feed is back and wakes this again, or the next look.
            Err(_) => check_at = Some(Instant::now() + super::FRESH_MARGIN),
        }
    }
}

/// When to look again without being woken: the credential may have come to its natural end.
fn stale_at(caller: &Caller) -> Instant {
    Instant::now() + caller.fresh_for.max(super::RESOLVE_WAIT)
}

fn send(tell: oneshot::Sender<Failure>, failure: Failure) {
    // A stream that has ended meanwhile needs no reason.
    let _ = tell.send(failure);
}
