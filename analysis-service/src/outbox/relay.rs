//! The one task that delivers. It takes what is due in batches, oldest first, and removes it once it is acknowledged.
//! While the other side is away it waits longer and longer, and loses nothing. A batch that is refused is delivered one
//! by one: an entry that is refused alone is set aside, loudly, and tried again at the next start; the others go on.

use std::time::Duration;

use fenxi_chassis::{
    clock::{Clock, micros},
    lifecycle::Lifecycle,
    repeated::Repeated,
    sqlite::Database,
};

pub use super::delivery::History;
use super::{
    Wake,
    delivery::{Delivery, deliver},
    store::{Due, Store, StoreError},
};

/// Entries of one delivery; the history takes 256.
const BATCH_MAX_ENTRIES: i64 = 256;
/// Bytes of one delivery; the history takes 4 MiB.
const BATCH_MAX_BYTES: i64 = 3 << 20;
/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(15);
/// The first wait while the other side is away; it doubles.
const AWAY_WAIT_FIRST: Duration = Duration::from_millis(100);
const AWAY_WAIT_MAX: Duration = Duration::from_secs(30);
/// The first wait of an entry that failed alone; it doubles.
const DEFER_FIRST: Duration = Duration::from_secs(1);
const DEFER_MAX: Duration = Duration::from_secs(300);
/// Entries that fail one after the other before it is taken to be the other side's trouble.
const FAILED_IN_A_ROW_MAX: u32 = 3;
/// How often the outbox is looked at without being woken.
const IDLE_LOOK: Duration = Duration::from_secs(5);

/// Delivers the outbox.
#[derive(Debug)]
pub struct Relay {
    store: Store,
    history: History,
    clock: Clock,
    wake: Wake,
    answer_wait: Duration,
}

/// What a round came to.
enum Round {
    /// There may be more.
    Delivered,
    /// Nothing is due.
    Idle,
    /// The other side is away.
    Away(String),
}

impl Relay {
    /// Over the database that executions write to.
    #[must_use]
    pub fn new(database: Database, history: History, clock: Clock, wake: Wake) -> Self {
        Self { store: Store::new(database), history, clock, wake, answer_wait: ANSWER_WAIT }
    }

    /// Delivers until the process is to stop. What is not delivered then is at the next start.
    pub async fn run(mut self, lifecycle: Lifecycle) {
        let token = lifecycle.token();
        token.run_until_cancelled(self.deliver_for_ever()).await;
    }

    async fn deliver_for_ever(&mut self) {
        match self.store.take_up().await {
            Ok(0) => {}
            Ok(entries) => tracing::info!(entries, "history entries that were refused before are tried again"),
            Err(error) => tracing::error!(%error, "the outbox cannot be read"),
        }
        let mut wait = AWAY_WAIT_FIRST;
        let mut said = Repeated::default();
        loop {
            match self.round().await {
                Ok(Round::Delivered) => {
                    if said.is_over() {
                        tracing::info!("the history takes entries again");
                    }
                    wait = AWAY_WAIT_FIRST;
                }
                Ok(Round::Idle) => {
                    self.tell().await;
                    self.rest().await;
                }
                Ok(Round::Away(why)) => {
                    if said.is_news(why.clone()) {
                        tracing::warn!(%why, "the history takes no entries; they wait in the outbox");
                    }
                    self.back_off(&mut wait).await;
                }
                Err(error) => {
                    tracing::error!(%error, "the outbox cannot be worked on");
                    self.back_off(&mut wait).await;
                }
            }
        }
    }

    async fn round(&mut self) -> Result<Round, StoreError> {
        let due = self.store.due(self.clock.now_micros(), BATCH_MAX_ENTRIES, BATCH_MAX_BYTES).await?;
        if due.is_empty() {
            return Ok(Round::Idle);
        }
        match deliver(&mut self.history, &due, self.answer_wait).await {
            Delivery::Taken => {
                self.acknowledged(&due).await?;
                Ok(Round::Delivered)
            }
            Delivery::Away(why) => Ok(Round::Away(why)),
            Delivery::Refused(_) | Delivery::Failed(_) if due.len() > 1 => self.one_by_one(&due).await,
            Delivery::Refused(why) => {
                self.refused(&due, &why).await?;
                Ok(Round::Delivered)
            }
            Delivery::Failed(why) => {
                self.failed(&due, &why).await?;
                Ok(Round::Delivered)
            }
        }
    }

    /// Finds the entries that a batch failed for.
    async fn one_by_one(&mut self, due: &[Due]) -> Result<Round, StoreError> {
        let mut failed = Vec::new();
        for entry in due.iter().map(std::slice::from_ref) {
            match deliver(&mut self.history, entry, self.answer_wait).await {
                Delivery::Taken => {
                    self.acknowledged(entry).await?;
                    self.put_off(&mut failed).await?;
                }
                Delivery::Refused(why) => self.refused(entry, &why).await?,
                Delivery::Away(why) => return Ok(Round::Away(why)),
                Delivery::Failed(why) => failed.push((entry, why)),
            }
            if failed.len() >= FAILED_IN_A_ROW_MAX as usize {
                let why = failed.last().map(|(_, why)| why.clone()).unwrap_or_default();
                // Or theirs: they are not the first again next time, so that nothing waits behind them for ever.
                self.put_off(&mut failed).await?;
                return Ok(Round::Away(why));
            }
        }
        self.put_off(&mut failed).await?;
        Ok(Round::Delivered)
    }

    async fn put_off(&self, failed: &mut Vec<(&[Due], String)>) -> Result<(), StoreError> {
        for (entry, why) in failed.drain(..) {
            self.failed(entry, &why).await?;
        }
        Ok(())
    }

    async fn acknowledged(&self, entries: &[Due]) -> Result<(), StoreError> {
        metrics::counter!("outbox_delivered_total").increment(entries.len() as u64);
        self.store.delete(entries.iter().map(|entry| entry.history_entry_id).collect()).await
    }

    async fn refused(&self, entries: &[Due], why: &str) -> Result<(), StoreError> {
        for entry in entries {
            metrics::counter!("outbox_set_aside_total").increment(1);
            let id = entry.history_entry_id;
            tracing::error!(history_entry_id = %id, why, "the history refuses an entry; it is set aside");
            self.store.set_aside(id, self.clock.now_micros(), why.to_owned()).await?;
        }
        Ok(())
    }

    async fn failed(&self, entries: &[Due], why: &str) -> Result<(), StoreError> {
        for entry in entries {
            let id = entry.history_entry_id;
            let doublings = u32::try_from(entry.attempts).unwrap_or(0).min(16);
            let wait = DEFER_FIRST.saturating_mul(1 << doublings).min(DEFER_MAX);
            tracing::warn!(history_entry_id = %id, why, wait_secs = wait.as_secs(), "an entry failed; it is put off");
            self.store.defer(id, self.clock.now_micros().saturating_add(micros(wait))).await?;
        }
        Ok(())
    }

    async fn tell(&self) {
        let Ok(waiting) = self.store.waiting().await else { return };
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        {
            let age = waiting.oldest_time.map_or(0, |oldest| (self.clock.now_micros() - oldest).max(0) / 1_000_000);
            metrics::gauge!("outbox_entries").set(waiting.entries as f64);
            metrics::gauge!("outbox_oldest_secs").set(age as f64);
            metrics::gauge!("outbox_set_aside_entries").set(waiting.set_aside as f64);
        }
    }

    /// Until there is something new, or something that was put off is due.
    async fn rest(&self) {
        let due = self.store.next_due_time().await.ok().flatten();
        let until = due.map(|due| due.saturating_sub(self.clock.now_micros()).max(0).unsigned_abs());
        let wait = until.map_or(IDLE_LOOK, |until| Duration::from_micros(until).min(IDLE_LOOK));
        tokio::time::timeout(wait, self.wake.woken()).await.ok();
    }

    /// Waits between half of `wait` and the whole of it, so that many do not come back at once, and doubles it.
    async fn back_off(&self, wait: &mut Duration) {
        self.tell().await;
        tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..=1.0))).await;
        *wait = (*wait * 2).min(AWAY_WAIT_MAX);
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
