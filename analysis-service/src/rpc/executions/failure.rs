//! The room's errors in the words of the one error table. Faults of the service are logged here, once.

use std::time::Duration;

use fenxi_chassis::sqlite::read_refusal;
use fenxi_proto::error::{ErrorReason, Failure};

use crate::{
    executions::{ExecutionError, StoreError, run::RunError},
    rpc::kernels,
};

const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Of looking and reading.
pub(super) fn execution(error: ExecutionError) -> Failure {
    let text = error.to_string();
    match error {
        ExecutionError::NotFound => Failure::not_found(),
        ExecutionError::RequestIdReused => Failure::new(ErrorReason::RequestIdReused, text).with_field("request_id"),
        ExecutionError::BeyondEnd { last_sequence, .. } => Failure::new(ErrorReason::InvalidField, text)
            .with_field("after_sequence")
            .with_metadata("last_sequence", last_sequence),
        ExecutionError::LogRemoved => Failure::new(ErrorReason::NotFound, text),
        ExecutionError::TooManyReaders => {
            Failure::new(ErrorReason::Overloaded, text).retry_after(RETRY_AFTER).with_quota("log_readers")
        }
        ExecutionError::NotSettled => Failure::new(ErrorReason::Unavailable, text).retry_after(RETRY_AFTER),
        ExecutionError::Store(StoreError::Write(error)) => error.refusal().unwrap_or_else(|| fault(&text)),
        ExecutionError::Store(StoreError::Sql(error)) => read_refusal(&error).unwrap_or_else(|| fault(&text)),
        ExecutionError::Damaged | ExecutionError::Store(_) | ExecutionError::Io(_) => fault(&text),
    }
}

fn fault(cause: &str) -> Failure {
    tracing::error!(cause, "an execution cannot be stored or read");
    Failure::internal()
}

/// Of running.
pub(super) fn run(error: RunError) -> Failure {
    match error {
        RunError::Execution(error) => execution(error),
        RunError::Kernel(error) => kernels::failure::failure(&error),
        RunError::TimeLimit { .. } => Failure::invalid("time_limit", error),
        RunError::Ended => Failure::new(ErrorReason::ExecutionEnded, "the execution has ended"),
        RunError::Stopping | RunError::Unsettled | RunError::Unwritten => {
            Failure::new(ErrorReason::Unavailable, error.to_string()).retry_after(RETRY_AFTER)
        }
    }
}

#[cfg(test)]
mod tests {
    use fenxi_chassis::sqlite::WriteError;

    use super::*;

    #[test]
    fn a_busy_database_is_no_fault() {
        let reason = |error: StoreError| execution(ExecutionError::Store(error)).reason();
        assert_eq!(reason(WriteError::Busy.into()), ErrorReason::Overloaded);
        assert_eq!(reason(WriteError::Closed.into()), ErrorReason::Unavailable);
        assert_eq!(reason(sqlx::Error::PoolTimedOut.into()), ErrorReason::Overloaded);
        assert_eq!(reason(sqlx::Error::RowNotFound.into()), ErrorReason::Internal);
    }
}
