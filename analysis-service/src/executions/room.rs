//! The executions of this service: accepting one, looking at one, listing them, reading their logs and contents.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use fenxi_chassis::{clock::Clock, id::Ids, lifecycle::Lifecycle, sqlite::Database};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    ExecutionError, LogReader, OutputLimit, Settings,
    begun::Begun,
    boot,
    content::Contents,
    finish::Finisher,
    journal::{Entry, Journal},
    limits::{FILE_READS_MAX, READERS_MAX},
    live::{Kept, Live, Lives},
    log::Desk,
    material::Maker,
    readers::{Turns, beyond_end},
    retention::Keep,
    scribe::Scribe,
    spool::Folder,
    store::{End, Filter, LogPlace, Store, Stored},
    view::{ExecutionState, View},
};
use crate::{
    objects::{ContentId, Objects},
    outbox,
};

/// How long a look waits for the ends that are on disk and not yet in the database.
const SAVED_WAIT: Duration = Duration::from_secs(2);

/// A page's filter.
#[derive(Clone, Debug)]
pub struct ListFilter {
    /// Whose.
    pub user_id: Uuid,
    /// Of this kernel only.
    pub kernel_id: Option<Uuid>,
    /// In these states only; empty for all.
    pub states: Vec<ExecutionState>,
}

/// A page of executions, newest first.
#[derive(Debug)]
pub struct Page {
    /// They may be fewer than asked for, where a filter left some out or their code is long.
    pub executions: Vec<View>,
    /// The last one looked at, where there may be more.
    pub next: Option<Uuid>,
}

/// The room's door. Clones are the same.
#[derive(Clone, Debug)]
pub struct Executions {
    pub(super) desk: Desk,
    pub(super) store: Store,
    pub(super) folder: Folder,
    pub(super) lives: Lives,
    pub(super) begun: Begun,
    pub(super) keep: Keep,
    pub(super) ids: Ids,
    /// What the journal of an earlier process holds, until it is taken over.
    pub(super) left: Arc<Mutex<Vec<Entry>>>,
    /// The folder over which it is.
    pub(super) room: PathBuf,
    /// The machine has not been started anew since an earlier process used the folder: what that wrote is there.
    pub(super) same_boot: bool,
    readers: Arc<Semaphore>,
    reads: Arc<Semaphore>,
}

impl Executions {
    /// Opens the room over its folder and its area of the object store. [`Executions::recover`] is to follow before
    /// anything is accepted.
    ///
    /// # Errors
    /// The folder cannot be used, or the thread not be started.
    pub fn open(
        settings: &Settings,
        root: &Path,
        database: Database,
        objects: Objects,
        clock: Clock,
        relay: outbox::Wake,
    ) -> anyhow::Result<Self> {
        let folder = Folder::open(root).with_context(|| format!("the folder {} cannot be used", root.display()))?;
        let (journal, left) = Journal::open(&root.join("journal"))
            .with_context(|| format!("the journal in {} cannot be opened", root.display()))?;
        let scribe = Scribe::start(folder.clone(), journal.clone())
            .context("the thread for the logs of executions cannot be started")?;
        let (room, same_boot) = (root.to_owned(), boot::is_noted(root));
        let limit = OutputLimit { max_bytes: settings.output_max_bytes, tail_bytes: settings.output_tail_bytes };
        let (store, contents, lives) = (Store::new(database), Contents::new(objects), Lives::default());
        let maker = Maker::new(contents.clone());
        let finisher = Finisher::new(store.clone(), maker, scribe.clone(), journal.clone(), lives.clone(), relay);
        let ids = Ids::new(clock.clone());
        let desk = Desk { scribe, contents, clock, limit, finisher, journal };
        let readers = Arc::new(Semaphore::new(READERS_MAX));
        let reads = Arc::new(Semaphore::new(FILE_READS_MAX));
        let left = Arc::new(Mutex::new(left));
        let (begun, keep) = (Begun::new(), Keep::new(settings));
        Ok(Self { desk, store, folder, lives, begun, keep, ids, left, room, same_boot, readers, reads })
    }

    /// Learns what earlier processes accepted and removes what is old, until the process is to stop. To be called after
    /// [`Executions::recover`].
    pub fn work_behind_calls(&self, lifecycle: &Lifecycle) {
        lifecycle.spawn(self.clone().learn_requests(lifecycle.clone()));
        lifecycle.spawn(self.clone().keep_tidy(lifecycle.clone()));
    }

    /// One execution of this user as it stands.
    ///
    /// # Errors
    /// There is none, or the database does not answer.
    pub async fn get(&self, user_id: Uuid, execution_id: Uuid) -> Result<View, ExecutionError> {
        if let Some(live) = self.live(user_id, execution_id) {
            return Ok(View::of_live(&live));
        }
        let stored = self.stored(user_id, execution_id).await?;
        Ok(self.settled(stored).await?.1)
    }

    pub(super) async fn stored(&self, user_id: Uuid, execution_id: Uuid) -> Result<Stored, ExecutionError> {
        self.store.get(user_id, execution_id).await?.ok_or(ExecutionError::NotFound)
    }

    /// A page of a user's executions, `rows` of them looked at, before the one named.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn list(&self, filter: &ListFilter, before: Option<Uuid>, rows: u32) -> Result<Page, ExecutionError> {
        self.until_saved(filter.user_id).await;
        let wanted = |state| filter.states.is_empty() || filter.states.contains(&state);
        let (ended, others) =
            (wanted(ExecutionState::Finished), wanted(ExecutionState::Queued) || wanted(ExecutionState::Running));
        let ended = if ended && others { None } else { Some(ended) };
        let (user_id, kernel_id) = (filter.user_id, filter.kernel_id);
        let (stored, next) = self.store.list(&Filter { user_id, kernel_id, ended, before, rows }).await?;
        let mut executions = Vec::with_capacity(stored.len());
        for stored in stored {
            executions.push(self.settled(stored).await?.1);
        }
        executions.retain(|view| wanted(view.state()));
        Ok(Page { executions, next })
    }

    /// Reads the log of a user's execution from the event after `after` on.
    ///
    /// # Errors
    /// There is no such execution, it ended before that number, its log was removed, there are too many readers, or the
    /// log cannot be read.
    pub async fn read(&self, user_id: Uuid, id: Uuid, after: i64) -> Result<(View, LogReader), ExecutionError> {
        if let Some(live) = self.live(user_id, id) {
            return self.read_live(live, after);
        }
        let stored = self.stored(user_id, id).await?;
        let (end, view) = self.settled(stored).await?;
        let Some(end) = end else {
            // Accepted between the two looks; or an acceptance that is being taken back.
            let live = self.live(user_id, id).ok_or(ExecutionError::NotSettled)?;
            return self.read_live(live, after);
        };
        beyond_end(after, end.last_sequence)?;
        let turns = self.turns()?;
        let reader = match end.log_place {
            LogPlace::Row => {
                let log = self.store.log(id).await?.ok_or(ExecutionError::LogRemoved)?;
                LogReader::memory(&log, after, turns)?
            }
            LogPlace::File => {
                let folder = self.folder.clone();
                let opened = tokio::task::spawn_blocking(move || folder.read_ended(id)).await;
                let file = opened.map_err(std::io::Error::other)?.map_err(ExecutionError::from_removal)?;
                LogReader::file(file, after, turns)?
            }
            LogPlace::Spool | LogPlace::Removed => return Err(ExecutionError::LogRemoved),
        };
        Ok((view, reader))
    }

    /// Whether an execution of this user refers to a content.
    ///
    /// # Errors
    /// It does not, or there is no such execution: the two are not told apart.
    pub async fn check_content(&self, user_id: Uuid, id: Uuid, content: ContentId) -> Result<(), ExecutionError> {
        let refers = match self.live(user_id, id) {
            Some(live) => live.refers_to(content),
            None => self.store.refers_to(user_id, id, content).await?,
        };
        if refers { Ok(()) } else { Err(ExecutionError::NotFound) }
    }

    /// At most `max_bytes` of a content from the byte at `offset`; nothing at its end.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn read_content(
        &self,
        content: ContentId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<bytes::Bytes, ExecutionError> {
        self.desk.contents.read(content, offset, max_bytes).await.map_err(ExecutionError::from_absence)
    }

    /// Waits until every end is stored; the next start stores the rest if this is dropped before. Call it when no kernel
    /// runs any more and before the database is closed.
    pub async fn drain(&self) {
        self.desk.finisher.drain().await;
    }

    pub(super) fn live(&self, user_id: Uuid, execution_id: Uuid) -> Option<Arc<Live>> {
        self.lives.get(execution_id).filter(|live| live.accepted.user_id == user_id)
    }

    fn read_live(&self, live: Arc<Live>, after: i64) -> Result<(View, LogReader), ExecutionError> {
        let progress = live.progress();
        if progress.end.is_some() {
            beyond_end(after, progress.last_sequence)?;
        }
        Ok((View::of_live(&live), LogReader::live(live, after, self.turns()?)))
    }

    fn turns(&self) -> Result<Turns, ExecutionError> {
        let reader = Arc::clone(&self.readers).try_acquire_owned().map_err(|_| ExecutionError::TooManyReaders)?;
        Ok(Turns { reader, reads: Arc::clone(&self.reads) })
    }

    /// What the row says, or what is known in memory, which is newer. A row without an end may have got it since it was
    /// read, and the execution have left the memory: then it is read again.
    pub(super) async fn settled(&self, stored: Stored) -> Result<(Option<End>, View), ExecutionError> {
        if stored.end.is_some() {
            return Ok((stored.end.clone(), View::of_stored(stored)));
        }
        let (user_id, id) = (stored.accepted.user_id, stored.accepted.execution_id);
        if let Some(live) = self.lives.get(id) {
            return Ok((None, View::of_live(&live)));
        }
        let again = self.store.get(user_id, id).await?.unwrap_or(stored);
        Ok((again.end.clone(), View::of_stored(again)))
    }

    /// Waits for what this user was told of and the database does not have yet: executions, and their ends.
    async fn until_saved(&self, user_id: Uuid) {
        let least = |live: &Live| if live.progress().end.is_some() { Kept::End } else { Kept::Row };
        let told = |live: &Live| live.accepted.user_id == user_id && live.kept() >= Kept::Accepted;
        let behind = self.lives.those(|live| told(live) && live.kept() < least(live));
        if behind.is_empty() {
            return;
        }
        let _hurry = self.desk.finisher.hurry();
        let saved = async {
            for live in behind {
                live.until(least(&live)).await;
            }
        };
        tokio::time::timeout(SAVED_WAIT, saved).await.ok();
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
