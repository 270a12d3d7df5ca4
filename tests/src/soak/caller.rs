//! A user's calls as a good client makes them: what may be tried again is, with the same request, and every refusal is
//! looked at. A fault of the service is a violation, and so is a call that is never answered.

use std::time::Duration;

use fenxi_proto::error::{ErrorReason, reason_of};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Response, Status};

use super::ledger::Book;
use crate::client::Client;

/// How long a call is tried again: services are killed and started meanwhile, on a machine that is busy.
const TRY_MAX: Duration = Duration::from_secs(300);
/// How long one answer may take. The gateway's own deadline is below it.
const ANSWER_MAX: Duration = Duration::from_secs(320);
const PAUSE: Duration = Duration::from_millis(200);

/// A user.
#[derive(Clone)]
pub(super) struct Caller {
    pub client: Client,
    pub book: Book,
}

/// Why a call was refused.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    /// The reason, if the service gave one.
    pub reason: ErrorReason,
}

impl Refused {
    /// The kernel is not there any more.
    pub(super) fn is_gone(&self) -> bool {
        self.reason == ErrorReason::NotFound
    }

    /// The kernel is dead.
    pub(super) fn is_dead(&self) -> bool {
        self.reason == ErrorReason::KernelDead
    }
}

impl Caller {
    /// The user's name.
    pub(super) fn name(&self) -> &str {
        &self.client.user.username
    }

    /// Makes a call until it is answered or refused. `make` makes the same call each time.
    pub(super) async fn ask<T>(
        &self,
        what: &str,
        make: impl AsyncFn() -> Result<Response<T>, Status>,
    ) -> Result<T, Refused> {
        let begin = Instant::now();
        loop {
            let status = match timeout(ANSWER_MAX, make()).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => {
                    self.book.violate(format!("{what} of {}: no answer within {ANSWER_MAX:?}", self.name()));
                    return Err(Refused { reason: ErrorReason::DeadlineExceeded });
                }
            };
            // Kernels may be asked too much, which is looked at; a database that is busy is asked again.
            let busy = !what.starts_with("inspection") && reason_of(&status) == Some(ErrorReason::Overloaded);
            if (busy || may_be_tried_again(&status)) && begin.elapsed() < TRY_MAX {
                self.book.count("tried again: the service was away");
                sleep(PAUSE).await;
                continue;
            }
            return Err(self.refused(what, &status));
        }
    }

    /// Looks at a refusal.
    pub(super) fn refused(&self, what: &str, status: &Status) -> Refused {
        let reason = reason_of(status).unwrap_or(ErrorReason::Unspecified);
        self.book.count(format!("refused: {what}: {}", fenxi_proto::error::name(reason)));
        let expected = matches!(
            reason,
            ErrorReason::NotFound
                | ErrorReason::KernelDead
                | ErrorReason::KernelLimit
                | ErrorReason::ExecutionQueueFull
                | ErrorReason::ExecutionEnded
                | ErrorReason::InputNotRequested
        );
        let of_inspection = what.starts_with("inspection")
            && matches!(
                reason,
                ErrorReason::Overloaded | ErrorReason::DeadlineExceeded | ErrorReason::VariableUnreadable
            );
        if !expected && !of_inspection {
            self.book.violate(format!("{what} of {}: {:?} {}", self.name(), status.code(), status.message()));
        }
        Refused { reason }
    }
}

/// Whether a client may make the same call again.
pub(super) fn may_be_tried_again(status: &Status) -> bool {
    status.code() == Code::Unavailable
}
