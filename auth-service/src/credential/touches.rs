//! When credentials were last used: collected in memory, written in batches, so that a use costs no write of its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fenxi_chassis::{caller::token::Source, lifecycle::Lifecycle, sqlite::Database};
use uuid::Uuid;

use super::store;
use crate::store::StoreError;

/// How often the collected times are written.
const FLUSH_INTERVAL: Duration = Duration::from_secs(10);
/// Credentials whose use may wait to be written; further ones are noted at their next use.
const WAITING_MAX: usize = 65_536;
/// Rows written in one operation.
const ROWS_PER_WRITE: usize = 256;

type Waiting = HashMap<Uuid, (Source, i64)>;

/// The collected times. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Touches(Arc<Mutex<Waiting>>);

impl Touches {
    /// Notes a use.
    pub(super) fn note(&self, source: Source, credential_id: Uuid, used_time: i64) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX || waiting.contains_key(&credential_id) {
            waiting.insert(credential_id, (source, used_time));
        }
    }

    /// The last use of a credential that is not written yet.
    pub(super) fn waiting(&self, credential_id: Uuid) -> Option<i64> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get(&credential_id).map(|(_, used_time)| *used_time)
    }

    /// Writes what was collected.
    pub(crate) async fn flush(&self, database: &Database) -> Result<(), StoreError> {
        let waiting: Vec<_> = {
            let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.iter().map(|(id, touch)| (*id, *touch)).collect()
        };
        for chunk in waiting.chunks(ROWS_PER_WRITE) {
            let written = chunk.to_vec();
            let chunk = written.clone();
            database
                .writer
                .write::<_, StoreError, _>(move |transaction| {
                    Box::pin(async move {
                        for (credential_id, (source, used_time)) in chunk {
                            store::touch(transaction, source, credential_id, used_time).await?;
                        }
                        Ok(())
                    })
                })
                .await?;
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (credential_id, touch) in written {
                // Unless it was used again meanwhile.
                if waiting.get(&credential_id) == Some(&touch) {
                    waiting.remove(&credential_id);
                }
            }
        }
        Ok(())
    }

    /// Writes from time to time until the service stops.
    pub(crate) async fn keep_flushed(self, database: Database, lifecycle: Lifecycle) {
        while !lifecycle.is_stopping() {
            tokio::select! {
                () = lifecycle.stopping() => {}
                () = tokio::time::sleep(FLUSH_INTERVAL) => {}
            }
            if let Err(error) = self.flush(&database).await {
                tracing::warn!(%error, "times of last use were not written");
            }
        }
    }
}
