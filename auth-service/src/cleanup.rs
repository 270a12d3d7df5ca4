//! Removes what ended by itself, a bounded batch at a time, so that no other write waits long for it.

use std::time::Duration;

use fenxi_chassis::{
    clock::Clock,
    lifecycle::Lifecycle,
    sqlite::{Database, Transaction},
};
use futures_util::future::BoxFuture;

use crate::{
    login,
    request_ids::{self, ANSWER_KEPT_SECS},
    session::{self, Lifetimes},
    store::StoreError,
    token,
};

/// How often it is looked for what ended.
const INTERVAL: Duration = Duration::from_secs(60);
/// Rows removed in one operation.
const ROWS_PER_WRITE: i64 = 500;
/// Batches of one table in one round; the rest waits for the next.
const BATCHES_PER_ROUND: u32 = 200;
const MICROS_PER_SEC: i64 = 1_000_000;
/// An ended LoginAttempt stays for a while, so that a replay of its callback is told from a guess.
const ATTEMPT_KEPT_SECS: i64 = 3_600;

/// What is cleaned by.
#[derive(Clone)]
pub(crate) struct Cleanup {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) lifetimes: Lifetimes,
}

impl Cleanup {
    /// Cleans from time to time until the service stops.
    pub(crate) async fn keep_clean(self, lifecycle: Lifecycle) {
        loop {
            match self.round().await {
                Ok(0) => {}
                Ok(rows) => tracing::debug!(rows, "removed what had ended"),
                Err(error) => tracing::warn!(%error, "what ended was not removed"),
            }
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// Removes what has ended by now; says how many rows.
    pub(crate) async fn round(&self) -> Result<u64, StoreError> {
        let now = self.clock.now_micros();
        let ago = |secs: i64| now.saturating_sub(secs * MICROS_PER_SEC);
        let in_force = self.lifetimes.in_force(now);
        let (attempts_before, answers_before) = (ago(ATTEMPT_KEPT_SECS), ago(ANSWER_KEPT_SECS));
        let mut rows = 0;
        rows += self.batches(move |t| Box::pin(login::store::remove_ended(t, attempts_before, ROWS_PER_WRITE))).await?;
        rows += self.batches(move |t| Box::pin(session::store::remove_ended(t, in_force, ROWS_PER_WRITE))).await?;
        rows += self.batches(move |t| Box::pin(token::store::remove_ended(t, now, ROWS_PER_WRITE))).await?;
        rows +=
            self.batches(move |t| Box::pin(request_ids::store::remove_old(t, answers_before, ROWS_PER_WRITE))).await?;
        Ok(rows)
    }

    async fn batches<F>(&self, remove: F) -> Result<u64, StoreError>
    where
        F: for<'c> Fn(&'c mut Transaction) -> BoxFuture<'c, Result<u64, StoreError>> + Clone + Send + 'static,
    {
        let mut rows = 0;
        for _ in 0..BATCHES_PER_ROUND {
            let removed = self.database.writer.write(remove.clone()).await?;
            rows += removed;
            if removed < ROWS_PER_WRITE.unsigned_abs() {
                break;
            }
        }
        Ok(rows)
    }
}
