//! A database that has no time, or no more of it, in the words of the one error table: the same for every service.

use std::time::Duration;

use fenxi_proto::error::{ErrorReason, Failure};

use super::WriteError;

/// When a client may ask a busy database again.
pub const BUSY_RETRY_AFTER: Duration = Duration::from_secs(2);
/// When one may ask again whose disk took nothing: somebody has to do something.
const DISK_RETRY_AFTER: Duration = Duration::from_secs(30);
/// Counts what the disk did not take.
pub(super) const DISK_FAILURES: &str = "database_disk_failures_total";
const SQLITE_READONLY: u32 = 8;
const SQLITE_IOERR: u32 = 10;
const SQLITE_FULL: u32 = 13;
const SQLITE_CANTOPEN: u32 = 14;

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
            Self::Failed(error) => disk(error),
        }
    }
}

/// The refusal that a failed read is to a caller; `None` where it is a fault of the service.
#[must_use]
pub fn read_refusal(error: &sqlx::Error) -> Option<Failure> {
    matches!(error, sqlx::Error::PoolTimedOut).then(busy).or_else(|| disk(error))
}

/// What a disk that takes nothing is to a caller: nobody's fault who calls, and over once somebody makes room.
fn disk(error: &sqlx::Error) -> Option<Failure> {
    let code = error.as_database_error()?.code()?;
    // The primary code is the last byte of an extended one (<https://www.sqlite.org/rescode.html>).
    let primary = code.parse::<u32>().ok()? & 0xFF;
    let text = match primary {
        SQLITE_FULL => {
            "the disk of the service's database is full; nothing stored is lost, try again when room was made"
        }
        SQLITE_READONLY | SQLITE_IOERR | SQLITE_CANTOPEN => {
            "the disk of the service's database does not work; try again"
        }
        _ => return None,
    };
    tracing::error!(%error, "the database cannot be written");
    metrics::counter!(DISK_FAILURES).increment(1);
    Some(Failure::new(ErrorReason::Unavailable, text).retry_after(DISK_RETRY_AFTER))
}

fn busy() -> Failure {
    Failure::new(ErrorReason::Overloaded, "the database is busy; try again").retry_after(BUSY_RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sqlite::{Database, Step};

    #[test]
    fn want_of_time_is_no_fault() {
        let reason = |failure: Option<Failure>| failure.map(|failure| failure.reason());
        assert_eq!(reason(WriteError::Busy.refusal()), Some(ErrorReason::Overloaded));
        assert_eq!(reason(WriteError::Closed.refusal()), Some(ErrorReason::Unavailable));
        assert_eq!(reason(read_refusal(&sqlx::Error::PoolTimedOut)), Some(ErrorReason::Overloaded));
        assert!(WriteError::Failed(Arc::new(sqlx::Error::RowNotFound)).refusal().is_none());
        assert!(read_refusal(&sqlx::Error::RowNotFound).is_none());
    }

    #[tokio::test]
    async fn a_full_disk_is_no_fault_and_over_once_there_is_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Step { number: 1, title: "kept", sql: "CREATE TABLE kept (bytes BLOB NOT NULL)" };
        let database = Database::open(&folder.path().join("a.db"), &[kept]).await.expect("open");
        let pages = |max: &'static str| {
            database.writer.write::<_, WriteError, _>(move |transaction| {
                Box::pin(async move {
                    sqlx::query(max)
                        .execute(transaction)
                        .await
                        .map(drop)
                        .map_err(|error| WriteError::Failed(Arc::new(error)))
                })
            })
        };
        let insert = || {
            database.writer.write::<_, WriteError, _>(|transaction| {
                Box::pin(async move {
                    let insert = sqlx::query("INSERT INTO kept VALUES (zeroblob(1000000))").execute(transaction).await;
                    insert.map(drop).map_err(|error| WriteError::Failed(Arc::new(error)))
                })
            })
        };
        pages("PRAGMA max_page_count = 20").await.expect("set");
        let refusal = insert().await.expect_err("full").refusal().expect("a refusal");
        assert_eq!(refusal.reason(), ErrorReason::Unavailable);
        assert!(refusal.to_string().contains("is full"), "{refusal}");
        pages("PRAGMA max_page_count = 1000000").await.expect("set");
        insert().await.expect("there is room");
    }
}
