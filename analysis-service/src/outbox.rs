//! What auth-service is to know, kept until it has said that it knows: finished executions on their way to the history.
//!
//! A row is written in the transaction that stores the end of an execution ([`insert`]); the relay delivers rows until
//! they are acknowledged. The history takes an entry once, by its id, so that delivering twice is harmless; nothing
//! else is delivered here. Executions write, `relay` reads; nobody else touches the table.

mod delivery;
mod relay;
mod store;

use std::sync::Arc;

use tokio::sync::Notify;
use uuid::Uuid;

pub use self::relay::{History, Relay};
pub(crate) use self::store::insert;

/// An entry to be delivered.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// UUIDv7 of the end of the analysis.
    pub(crate) history_entry_id: Uuid,
    /// The encoded `HistoryRecordItem`.
    pub(crate) item: Vec<u8>,
    /// When it was written.
    pub(crate) create_time: i64,
}

/// Tells the relay that there is something to deliver. Clones tell the same one.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// There is something new.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }

    async fn woken(&self) {
        self.0.notified().await;
    }
}
