//! What an earlier process left: every execution without an end in the database gets its one end. A log that holds its
//! end is stored as it is; another, of a running or a waiting execution, ends as LOST. Damage at the end of a file, as a
//! crash in the middle of a write leaves it, is cut off.
//!
//! It runs once, before anything is accepted. A kernel that outlived the process would take its log back here
//! ([`LogWriter::resume`]) instead of its being ended.

use std::{collections::HashSet, sync::Arc, time::Duration};

use fenxi_proto::analysis::v1::{FinishedEvent, Outcome, QueuedEvent, output_event::Event};
use uuid::Uuid;

use super::{
    ExecutionError, Executions, LogWriter,
    live::Live,
    store::{LogPlace, Stored},
};

/// How long the start waits for these ends to be on disk.
const ENDS_WAIT: Duration = Duration::from_secs(10);

impl Executions {
    /// Ends what an earlier process left without an end, and tidies the folder. Gives how many executions were ended.
    ///
    /// # Errors
    /// The database or the folder cannot be read.
    pub async fn recover(&self) -> Result<usize, ExecutionError> {
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

    async fn end_lost(&self, stored: Stored) -> Result<(), ExecutionError> {
        let live = Arc::new(Live::new(stored.accepted));
        self.lives.add(&live);
        let Some(held) = self.desk.scribe.reopen(Arc::clone(&live)).await? else {
            // The process ended between the row and the file.
            self.desk.scribe.create(Arc::clone(&live)).await?;
            let log = LogWriter::begin(live, self.desk.clone(), 0).await;
            log.finish(lost()).await;
            return Ok(());
        };
        if held.progress.end.is_some() {
            self.desk.finisher.expect_end(live);
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
