//! What an earlier process left: what only the journal has comes into the database, and every execution without an end in
//! the database gets its one end, or goes on. A log that holds its end is stored as it is. Another goes back to its kernel,
//! where that has outlived the process or is started anew. Where it is dead, what waited behind one that had begun ends as
//! CANCELLED, and what may have run as LOST. Damage at the end of a file, as a crash in the middle of a write
//! leaves it, is cut off.
//!
//! It runs once, before anything is accepted.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
    time::Duration,
};

use fenxi_proto::analysis::v1::{Death, FinishedEvent, Outcome, QueuedEvent, StopCause, output_event::Event};
use uuid::Uuid;

use super::{
    Accepted, ExecutionError, Executions, LogWriter, boot,
    journal::Kind,
    live::{Kept, Live},
    scribe::Command,
    store::{Insert, LogPlace},
};
use crate::kernels::Work;

/// How long the start waits for these ends to be on disk.
const ENDS_WAIT: Duration = Duration::from_secs(10);

/// What has become of a kernel of an earlier process.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It has outlived that process, with what runs in it.
    Lives,
    /// It was being started, and is started anew: nothing was ever sent to this process.
    StartsAnew {
        /// Kernels that were restarted had others.
        is_first: bool,
    },
    /// It is dead. One execution at a time was sent to it, the next when the end of the one before was written.
    Dead(Death),
}

impl Executions {
    /// Ends what an earlier process left without an end, and tidies the folder. What belongs to a kernel whose `fate` it
    /// is to go on is given, in the order in which it was accepted.
    ///
    /// # Errors
    /// The database or the folder cannot be read.
    pub async fn recover(&self, fate: impl Fn(Uuid) -> Fate) -> Result<Vec<(Uuid, Work)>, ExecutionError> {
        let positions = self.take_over_journal().await?;
        let mut unfinished = self.store.unfinished().await?;
        for accepted in unfinished.iter_mut().map(|stored| &mut stored.accepted) {
            Arc::make_mut(accepted).position = positions.get(&accepted.execution_id).copied().unwrap_or(0);
        }
        let ids: HashSet<Uuid> = unfinished.iter().map(|stored| stored.accepted.execution_id).collect();
        self.tidy(&ids).await?;
        let (mut works, mut left, mut ran) = (Vec::new(), Vec::new(), HashSet::new());
        for stored in unfinished {
            let kernel_id = stored.accepted.kernel_id;
            let fate = fate(kernel_id);
            let Some(log) = self.take_up(stored.accepted, fate == Fate::Lives).await? else { continue };
            let began = log.start_time().is_some();
            match fate {
                Fate::Lives => works.push((kernel_id, work(log))),
                // What a machine wrote last before it went down may not be on its disk: then a former process may have run
                // this, and nothing is known of it.
                Fate::StartsAnew { is_first } if !began && (is_first || self.same_boot) => {
                    works.push((kernel_id, work(log)));
                }
                Fate::StartsAnew { .. } => drop(log.finish(lost(None)).await),
                Fate::Dead(death) => {
                    ran.extend(began.then_some(kernel_id));
                    left.push((kernel_id, began, death, log));
                }
            }
        }
        // All of them are in memory by now. What has ended may hand on what it depended on.
        for live in self.lives.those(|live| live.accepted.depends_on.is_some()) {
            if let Some(on) = self.link_again(&live.accepted).await? {
                live.link.depend_on(on);
            }
        }
        for (kernel_id, began, death, log) in left {
            // While one that has begun has no end, no other was sent. Where none has begun, any may have been sent.
            let waited = self.same_boot && !began && ran.contains(&kernel_id);
            log.finish(if waited { never_ran(death) } else { lost(Some(death)) }).await;
        }
        // Whoever looks from now on sees ends. On a disk that takes nothing they come when it does.
        let go_on: HashSet<Uuid> = works.iter().map(|(_, work)| work.execution_id).collect();
        let ends = async {
            for live in self.lives.those(|live| !go_on.contains(&live.id())) {
                live.watch().wait_for(|progress| progress.end.is_some()).await.ok();
            }
        };
        tokio::time::timeout(ENDS_WAIT, ends).await.ok();
        if !ids.is_empty() {
            let (ended, go_on) = (ids.len() - works.len(), works.len());
            tracing::info!(ended, go_on, "executions of an earlier process were taken up");
        }
        // Until here, who comes next knows as little of what an earlier start of the machine left.
        let room = self.room.clone();
        tokio::task::spawn_blocking(move || boot::note(&room)).await.map_err(std::io::Error::other)??;
        Ok(works)
    }

    /// Brings the database and the spool to where the journal is: every acceptance has a row, and every log that had
    /// ended its end. Gives the places in the queue that no row has.
    async fn take_over_journal(&self) -> Result<HashMap<Uuid, i32>, ExecutionError> {
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let ids: Vec<Uuid> = left.iter().map(|entry| entry.id).collect();
        let known = self.store.known(&ids).await?;
        let mut positions = HashMap::new();
        for entry in left.iter().filter(|entry| entry.kind == Kind::Accepted) {
            let accepted = Accepted::read(&entry.body);
            positions.extend(accepted.iter().map(|accepted| (entry.id, accepted.position)));
            if known.contains_key(&entry.id) {
                continue;
            }
            let accepted = accepted.ok_or(ExecutionError::Damaged)?;
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
        Ok(positions)
    }

    /// The log of an execution that an earlier process left; `None` where that holds its end.
    async fn take_up(&self, accepted: Arc<Accepted>, resumed: bool) -> Result<Option<LogWriter>, ExecutionError> {
        let live = Arc::new(Live::new(accepted));
        live.set_kept(Kept::Row);
        if self.lives.add(&live).is_err() {
            return Ok(None);
        }
        self.desk.finisher.follow(Arc::clone(&live));
        let Some(held) = self.desk.scribe.reopen(Arc::clone(&live), resumed).await? else {
            // Nothing but its acceptance was written.
            let log = LogWriter::begin(Arc::clone(&live), self.desk.clone());
            self.desk.scribe.send(Command::Keep { live, ticket: None }).await.ok();
            return Ok(Some(log));
        };
        if held.progress.end.is_some() {
            return Ok(None);
        }
        let mut log = LogWriter::resume(live, self.desk.clone(), &held).await;
        if held.progress.last_sequence == 0 {
            let position = log.accepted().position;
            log.append(Event::Queued(QueuedEvent { position })).await;
        }
        Ok(Some(log))
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

/// What the kernel goes on with.
fn work(log: LogWriter) -> Work {
    let accepted = log.accepted();
    let micros = |micros: i64| Duration::from_micros(u64::try_from(micros).unwrap_or_default());
    Work {
        execution_id: accepted.execution_id,
        time_limit: accepted.time_limit_micros.map(micros),
        continue_on_error: accepted.continue_on_error,
        log,
    }
}

/// The end of one that waited for a kernel which is dead.
fn never_ran(death: Death) -> FinishedEvent {
    let stop_cause = StopCause::Kernel.into();
    FinishedEvent { outcome: Outcome::Cancelled.into(), stop_cause, death: Some(death), ..FinishedEvent::default() }
}

/// The end of one of which nobody knows how far it came.
fn lost(death: Option<Death>) -> FinishedEvent {
    FinishedEvent { outcome: Outcome::Lost.into(), death, ..FinishedEvent::default() }
}
