//! A database that has no time, or no more of it, in the words of the one error table: the same for every service.

use std::time::Duration;

use fenxi_proto::error::{ErrorReason, Failure};

use super::WriteError;

/// When a client may ask a busy database again.
pub const BUSY_RETRY_AFTER: Duration = Duration::from_secs(2);

impl WriteError {
    /// The refusal that this is to a caller; `None` where it is a fault of the service.
    #[must_use]
    pub fn refusal(&self) -> Option<Failure> {
        match self {
            Self::Busy => Some(busy()),
            Self::Closed => Some(
                Failure::new(ErrorReason::Unavailable, "the service is stopping; try again")
                    .retry_after(BUSY_RETRY_AFTER),
            ),
            Self::Failed(_) => None,
        }
    }
}

/// The refusal that a failed read is to a caller; `None` where it is a fault of the service.
#[must_use]
pub fn read_refusal(error: &sqlx::Error) -> Option<Failure> {
    matches!(error, sqlx::Error::PoolTimedOut).then(busy)
}

fn busy() -> Failure {
    Failure::new(ErrorReason::Overloaded, "the database is busy; try again").retry_after(BUSY_RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn want_of_time_is_no_fault() {
        let reason = |failure: Option<Failure>| failure.map(|failure| failure.reason());
        assert_eq!(reason(WriteError::Busy.refusal()), Some(ErrorReason::Overloaded));
        assert_eq!(reason(WriteError::Closed.refusal()), Some(ErrorReason::Unavailable));
        assert_eq!(reason(read_refusal(&sqlx::Error::PoolTimedOut)), Some(ErrorReason::Overloaded));
        assert!(WriteError::Failed(Arc::new(sqlx::Error::RowNotFound)).refusal().is_none());
        assert!(read_refusal(&sqlx::Error::RowNotFound).is_none());
    }
}
