//! What one log has for the spool's thread. What comes together goes there together: to wake the thread for each event
//! costs more than to write it, and a short log that arrives there whole needs no file.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    limits::{DRAFTS_MAX, IN_FLIGHT_MAX_BYTES},
    live::Live,
    scribe::{Command, Draft, Scribe},
};

#[derive(Debug)]
pub(super) struct Drafts {
    live: Arc<Live>,
    scribe: Scribe,
    /// For what is here or on its way to the disk; in bytes.
    room: Arc<Semaphore>,
    drafts: Vec<Draft>,
}

impl Drafts {
    pub(super) fn new(live: Arc<Live>, scribe: Scribe) -> Self {
        let room = Arc::new(Semaphore::new(IN_FLIGHT_MAX_BYTES as usize));
        Self { live, scribe, room, drafts: Vec::new() }
    }

    /// Waits for room for so many bytes. Without it, the draft goes on its way all the same.
    pub(super) async fn room(&mut self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(IN_FLIGHT_MAX_BYTES);
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(bytes) {
            return Some(room);
        }
        // What is here has some of it.
        self.hand_in().await;
        // The semaphore is never closed.
        Arc::clone(&self.room).acquire_many_owned(bytes).await.ok()
    }

    /// Adds one behind the others.
    pub(super) async fn add(&mut self, draft: Draft) {
        self.drafts.push(draft);
        if self.drafts.len() >= DRAFTS_MAX {
            self.hand_in().await;
        }
    }

    /// Hands over everything that is here, waiting while the thread has too much before it.
    pub(super) async fn hand_in(&mut self) {
        if self.drafts.is_empty() {
            return;
        }
        // One by one, the first would be written before the second is there.
        let (live, drafts) = (Arc::clone(&self.live), std::mem::take(&mut self.drafts));
        let execution_id = live.id();
        if self.scribe.send(Command::Append { live, drafts }).await.is_err() {
            tracing::error!(%execution_id, "an event came after the spool had ended");
        }
    }

    /// Takes what is here, for whoever cannot wait.
    pub(super) fn take(&mut self) -> Self {
        let (live, room) = (Arc::clone(&self.live), Arc::clone(&self.room));
        Self { live, scribe: self.scribe.clone(), room, drafts: std::mem::take(&mut self.drafts) }
    }
}
