//! What an earlier process left: what only the journal has comes into the database, and every execution without an end in
//! the database gets its one end. A log that holds its
//! end is stored as it is; another, of a running or a waiting execution, ends as LOST. Damage at the end of a file, as a
//! crash in the middle of a write leaves it, is cut off.
//!
//! It runs once, before anything is accepted. A kernel that outlived the process would take its log back here
//! ([`LogWriter::resume`]) instead of its being ended.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError},
    time::Duration,
};

use fenxi_proto::analysis::v1::{FinishedEvent, Outcome, QueuedEvent, output_event::Event};
use uuid::Uuid;

use super::{
    Accepted, ExecutionError, Executions, LogWriter,
    journal::Kind,
    live::{Kept, Live},
    store::{Insert, LogPlace, Stored},
};

/// How long the start waits for these ends to be on disk.
const ENDS_WAIT: Duration = Duration::from_secs(10);

impl Executions {
    /// Ends what an earlier process left without an end, and tidies the folder. Gives how many executions were ended.
    ///
    /// # Errors
    /// The database or the folder cannot be read.
    pub async fn recover(&self) -> Result<usize, ExecutionError> {
        self.take_over_journal().await?;
        let unfinished = self.store.unfinished().await?;
        let ids: HashSet<Uuid> = unfinished.iter().map(|stored| stored.accepted.execution_id).collect();
        self.tidy(&ids).await?;
        for stored in unfinished {
            self.end_lost(stored).await?;
        }
        // Whoever looks from now on sees ends. On a disk that takes nothing they come when it does.
        let ends = async {
            for live in self.lives.those(|_| true) {
                live.watch().wait_for(|progress| progress.end.is_some()).await.ok();
            }
        };
        tokio::time::timeout(ENDS_WAIT, ends).await.ok();
        if !ids.is_empty() {
            tracing::info!(executions = ids.len(), "executions of an earlier process were ended");
        }
        Ok(ids.len())
    }

    /// Brings the database and the spool to where the journal is: every acceptance has a row, and every log that had
    /// ended its end.
    async fn take_over_journal(&self) -> Result<(), ExecutionError> {
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let ids: Vec<Uuid> = left.iter().map(|entry| entry.id).collect();
        let known = self.store.known(&ids).await?;
        for entry in left.iter().filter(|entry| entry.kind == Kind::Accepted && !known.contains_key(&entry.id)) {
            let Some(accepted) = Accepted::read(&entry.body) else { return Err(ExecutionError::Damaged) };
            if let Insert::Known(_) = self.store.insert(Arc::new(accepted)).await? {
                // Nobody was told of this one: the request had begun another.
                tracing::info!(execution_id = %entry.id, "an acceptance that came to nothing is left out");
            }
        }
        for entry in left.into_iter().filter(|entry| entry.kind == Kind::Ended && known.get(&entry.id) != Some(&true)) {
            let folder = self.folder.clone();
            let restored = tokio::task::spawn_blocking(move || folder.restore(entry.id, &entry.body));
            restored.await.map_err(std::io::Error::other)??;
        }
        self.desk.journal.begin();
        Ok(())
    }

    async fn end_lost(&self, stored: Stored) -> Result<(), ExecutionError> {
        let live = Arc::new(Live::new(stored.accepted));
        live.set_kept(Kept::Row);
        if self.lives.add(&live).is_err() {
            return Ok(());
        }
        self.desk.finisher.follow(Arc::clone(&live));
        let Some(held) = self.desk.scribe.reopen(Arc::clone(&live)).await? else {
            // The process ended between the row and the file.
            self.desk.scribe.create(Arc::clone(&live)).await?;
            let log = LogWriter::begin(live, self.desk.clone(), 0).await;
            log.finish(lost()).await;
            return Ok(());
        };
        if held.progress.end.is_some() {
            return Ok(());
        }
        let mut log = LogWriter::resume(live, self.desk.clone(), &held);
        if held.progress.last_sequence == 0 {
            log.append(Event::Queued(QueuedEvent { position: 0 })).await;
        }
        log.finish(lost()).await;
        Ok(())
    }

    /// Brings the files in line with the rows: what is unfinished stays, what is stored in a row or was never accepted
    /// goes, and a stored file goes to its place.
    async fn tidy(&self, unfinished: &HashSet<Uuid>) -> Result<(), ExecutionError> {
        let folder = self.folder.clone();
        let files =
            tokio::task::spawn_blocking(move || folder.list_running()).await.map_err(std::io::Error::other)??;
        for id in files.into_iter().filter(|id| !unfinished.contains(id)) {
            let place = self.store.log_place(id).await?;
            let folder = self.folder.clone();
            let tidied = tokio::task::spawn_blocking(move || match place {
                Some(LogPlace::File) => folder.move_to_ended(id),
                _ => folder.remove_running(id),
            });
            tidied.await.map_err(std::io::Error::other)??;
        }
        Ok(())
    }
}

fn lost() -> FinishedEvent {
    FinishedEvent { outcome: Outcome::Lost.into(), ..FinishedEvent::default() }
}
