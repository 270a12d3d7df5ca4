//! From the rooms' own errors to the one error table. What is a fault of ours is logged here, once, and told to nobody.

use std::time::Duration;

use fenxi_chassis::sqlite::WriteError;
use fenxi_proto::error::{ErrorReason, Failure};

use crate::store::StoreError;

/// When a client may ask a busy database again.
pub(crate) const BUSY_RETRY_AFTER: Duration = Duration::from_secs(2);

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Write(WriteError::Busy) | StoreError::Sql(sqlx::Error::PoolTimedOut) => {
                Self::new(ErrorReason::Overloaded, "the database is busy; try again").retry_after(BUSY_RETRY_AFTER)
            }
            StoreError::Write(WriteError::Closed) => {
                Self::new(ErrorReason::Unavailable, "the service is stopping; try again").retry_after(BUSY_RETRY_AFTER)
            }
            error => {
                tracing::error!(%error, "the database failed");
                Self::internal()
            }
        }
    }
}
