//! What users have done. It takes finished analyses, each once, gives them as pages, whole, and found again, and lets their
//! owner delete them and bring them back. An entry is its owner's alone: to everybody else it does not exist.
//!
//! It knows no gRPC and no message; `rpc::history` does. It changes the statistics in its own transactions.

mod cleanup;
pub(crate) mod entry;
mod list;
mod page_reader;
mod ranges;
mod recorder;
mod scan;
mod search;
mod store;
#[cfg(test)]
mod tests;
mod turns;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use fenxi_chassis::{
    clock::{self, Clock},
    lifecycle::Lifecycle,
    page::PageTokens,
    sqlite::{Database, Step, WriteError},
};
use uuid::Uuid;

use self::{
    entry::{NewEntry, WholeEntry},
    page_reader::PageReader,
    recorder::Recorder,
    store::{Change, Changed},
    turns::Turns,
};
use crate::{
    statistics::{self, Statistics},
    store::StoreError,
    throttle::{Rate, Throttle},
};

/// The schema of these rooms.
pub(crate) const STEPS: [Step; 3] = [
    Step { number: 100, title: "history", sql: include_str!("../migrations/sqlite/0100_history.sql") },
    Step {
        number: 101,
        title: "the days on which a dataset was used",
        sql: include_str!("../migrations/sqlite/0101_history_dataset_use.sql"),
    },
    Step {
        number: 102,
        title: "of a day's entries those that ran",
        sql: include_str!("../migrations/sqlite/0102_history_day_ran.sql"),
    },
];

/// How long a deleted entry can be brought back.
const DELETED_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Deletions, and what is brought back, of one user: each keeps the id of its request for days.
const CHANGES_PER_USER: Rate = Rate { burst: 10_000, refill: Duration::from_secs(1) };
/// Users whose changes are counted.
const CHANGES_USERS_MAX: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// Why the history did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    /// It does not exist, or is somebody else's.
    #[error("no such entry")]
    NotFound,
    /// There is nothing to bring back.
    #[error("the entry is not deleted")]
    NotDeleted,
    /// The request_id belongs to another request.
    #[error("the request_id was used for another request")]
    RequestReused,
    /// The page token is none of this list.
    #[error("the page token does not belong to this list")]
    PageToken(fenxi_proto::error::Failure),
    /// The queue stayed full.
    #[error("too many calls wait")]
    Overloaded,
    /// The user's own searches are in the way, and nobody else's.
    #[error("too many of your searches wait")]
    TooManySearches,
    /// The user has changed very much lately.
    #[error("too many entries were deleted or brought back; try again later")]
    TooManyChanges {
        /// When.
        retry_after: Duration,
    },
    /// The service stops.
    #[error("the service is stopping")]
    Stopping,
    /// The transaction failed; the cause is in the log.
    #[error("the entries could not be stored; send them again")]
    Unrecorded,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteError> for HistoryError {
    fn from(error: WriteError) -> Self {
        Self::Store(error.into())
    }
}

/// The history of all users. Clones are the same, and cheap: every call makes some.
#[derive(Clone)]
pub(crate) struct History(Arc<Shared>);

struct Shared {
    database: Database,
    clock: Clock,
    tokens: PageTokens,
    recorder: Recorder,
    pages: PageReader,
    turns: Turns,
    changes: Throttle<Uuid>,
}

impl History {
    /// The history in this database; its cleaning goes on until the process stops.
    pub(crate) fn start(database: Database, clock: Clock, tokens: PageTokens, lifecycle: &Lifecycle) -> Self {
        let recorder = Recorder::start(database.writer.clone());
        let pages = PageReader::start(database.reader.clone());
        lifecycle.spawn(cleanup::keep_clean(database.writer.clone(), clock.clone(), lifecycle.clone()));
        let changes = Throttle::new(CHANGES_PER_USER, CHANGES_USERS_MAX);
        Self(Arc::new(Shared { database, clock, tokens, recorder, pages, turns: Turns::new(), changes }))
    }

    /// Takes entries, each once by its id; gives how many were new. They are durable when this returns.
    pub(crate) async fn record(&self, entries: Vec<NewEntry>) -> Result<usize, HistoryError> {
        self.0.recorder.record(entries).await
    }

    /// One of the user's entries, deleted or not.
    pub(crate) async fn get(&self, user_id: Uuid, id: Uuid) -> Result<WholeEntry, HistoryError> {
        let entry = store::whole(&self.0.database.reader, user_id, id, self.deleted_after()).await?;
        entry.ok_or(HistoryError::NotFound)
    }

    /// Deletes one of the user's entries; one that is deleted already stays so.
    pub(crate) async fn delete(
        &self,
        user_id: Uuid,
        id: Uuid,
        request_id: Option<Uuid>,
    ) -> Result<WholeEntry, HistoryError> {
        let wish = self.wish(user_id, id, request_id)?;
        self.0
            .database
            .writer
            .write(move |transaction| Box::pin(async move { done(store::delete(transaction, wish).await?) }))
            .await
    }

    /// Brings back one of the user's entries.
    pub(crate) async fn undelete(
        &self,
        user_id: Uuid,
        id: Uuid,
        request_id: Option<Uuid>,
    ) -> Result<WholeEntry, HistoryError> {
        let wish = self.wish(user_id, id, request_id)?;
        self.0
            .database
            .writer
            .write(move |transaction| Box::pin(async move { done(store::undelete(transaction, wish).await?) }))
            .await
    }

    /// The user's sums.
    pub(crate) async fn statistics(&self, user_id: Uuid) -> Result<Statistics, HistoryError> {
        Ok(statistics::of(&self.0.database, user_id).await?)
    }

    fn wish(&self, user_id: Uuid, id: Uuid, request_id: Option<Uuid>) -> Result<Change, HistoryError> {
        let now = self.0.clock.now_micros();
        let taken = self.0.changes.take(user_id, now);
        taken.map_err(|retry_after| HistoryError::TooManyChanges { retry_after })?;
        Ok(Change { user_id, id, request_id, now, deleted_after: self.deleted_after() })
    }

    fn deleted_after(&self) -> i64 {
        self.0.clock.now_micros().saturating_sub(clock::micros(DELETED_KEPT))
    }
}

fn done(changed: Changed) -> Result<WholeEntry, HistoryError> {
    match changed {
        Changed::Now(entry) => Ok(*entry),
        Changed::NotDeleted => Err(HistoryError::NotDeleted),
        Changed::Missing => Err(HistoryError::NotFound),
        Changed::Reused => Err(HistoryError::RequestReused),
    }
}
