//! What is known in memory of an execution that has not ended, or whose end is not in the database yet.
//!
//! Its log is written by the spool's thread alone (`scribe`); everybody else watches how far it is ([`Progress`]) and
//! reads: the newest events from memory, older ones from the file.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};

use fenxi_proto::analysis::v1::{Outcome, OutputEvent, QueuedEvent, StopCause, output_event::Event};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Accepted,
    dependency::Link,
    journal::Ticket,
    limits::{MARK_EVERY_BYTES, TIP_MAX_BYTES, TIP_MAX_EVENTS},
    record::{self, Through},
    requests::{Requests, Taken},
};
use crate::objects::ContentId;

/// How far an execution is. It only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// The number of the newest event on disk.
    pub(super) last_sequence: i64,
    /// Where it ends in the file.
    pub(super) bytes: u64,
    /// When the kernel began.
    pub(super) start_time: Option<i64>,
    /// The Jupyter execution count, once it began.
    pub(super) execution_count: i32,
    /// Up to which of its kernel's messages everything is on disk.
    pub(super) through: u64,
    /// How many requests that were taken are on disk.
    pub(super) requests: u64,
    /// When it ended, and how.
    pub(super) end: Option<(i64, Outcome)>,
    /// Why, where it was cancelled or interrupted.
    pub(super) stop_cause: StopCause,
}

/// An execution in memory.
#[derive(Debug)]
pub(crate) struct Live {
    pub(super) accepted: Arc<Accepted>,
    progress: watch::Sender<Progress>,
    file: Mutex<Option<Arc<File>>>,
    tip: Mutex<Tip>,
    contents: Mutex<HashMap<ContentId, u64>>,
    requests: Mutex<Requests>,
    /// For those that depend on it.
    pub(super) link: Arc<Link>,
    /// One request at a time is carried out.
    turn: Arc<Semaphore>,
    kept: watch::Sender<Kept>,
    /// Its acceptance in the journal, as long as its row is not in the database.
    ticket: Mutex<Option<Ticket>>,
    /// Its end with its log in the journal, where no file has it.
    end_ticket: Mutex<Option<Ticket>>,
    /// This service lets it go: the next one takes it up.
    left: CancellationToken,
}

/// What of it is durable. It only grows, unless the acceptance fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kept {
    /// The acceptance failed: there is no such execution.
    Nothing,
    /// Not known yet.
    Coming,
    /// Its acceptance, in the journal.
    Accepted,
    /// Its row, in the database.
    Row,
    /// Its end, in the database.
    End,
}

/// The newest events, and marks to find older ones by.
#[derive(Debug, Default)]
struct Tip {
    events: VecDeque<Written>,
    bytes: usize,
    marks: Vec<(i64, u64)>,
}

impl Tip {
    /// Whether it has every event.
    fn is_whole(&self) -> bool {
        self.events.front().is_some_and(|first| first.event.sequence == 1)
    }
}

/// An event on disk, and the length of its record, with those of records without an event before it.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) event: Arc<OutputEvent>,
    pub(super) through: Through,
    /// The request that was taken with it.
    pub(super) taken: Option<Taken>,
    pub(super) bytes: usize,
}

impl Live {
    pub(super) fn new(accepted: Arc<Accepted>) -> Self {
        Self {
            accepted,
            progress: watch::Sender::new(Progress::default()),
            file: Mutex::default(),
            tip: Mutex::default(),
            contents: Mutex::default(),
            requests: Mutex::default(),
            link: Arc::default(),
            turn: Arc::new(Semaphore::new(1)),
            kept: watch::Sender::new(Kept::Coming),
            ticket: Mutex::default(),
            end_ticket: Mutex::default(),
            left: CancellationToken::new(),
        }
    }

    pub(super) fn id(&self) -> Uuid {
        self.accepted.execution_id
    }

    pub(super) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The next service takes it up.
    pub(super) fn leave(&self) {
        self.left.cancel();
    }

    /// Waits until this service lets it go.
    pub(super) async fn left(&self) {
        self.left.cancelled().await;
    }

    /// The log's file, once it is there.
    pub(super) fn file(&self) -> Option<Arc<File>> {
        self.lock_file().clone()
    }

    pub(super) fn set_file(&self, file: Arc<File>) {
        *self.lock_file() = Some(file);
    }

    /// Gives the file up, once its log has ended, if the whole log is in memory: its readers need no file.
    pub(super) fn give_up_file(&self) -> Option<Arc<File>> {
        let whole = self.tip().is_whole();
        if whole { self.lock_file().take() } else { None }
    }

    /// Its first event and that one's record: what was accepted says it all, so that no file has to have it.
    pub(super) fn first(&self) -> (OutputEvent, Vec<u8>) {
        let queued = Event::Queued(QueuedEvent { position: self.accepted.position });
        let time = Some(fenxi_proto::time::timestamp(self.accepted.create_time));
        let (event, mut record) = (OutputEvent { sequence: 1, time, event: Some(queued) }, Vec::new());
        record::write(Some(&event), Some(0), None, &mut record);
        (event, record)
    }

    /// Makes its first event known. It is accepted, and nothing else of it was said.
    pub(super) fn begin(&self) {
        let (event, record) = self.first();
        let bytes = record.len();
        let written = Written { event: Arc::new(event), through: Some(0), taken: None, bytes };
        self.publish(vec![written], |progress| {
            progress.last_sequence = 1;
            progress.bytes = bytes as u64;
        });
    }

    /// Whether a file has its log. One that the journal alone has needs none, nor does one that gave it up.
    pub(super) fn has_file(&self) -> bool {
        self.lock_file().is_some()
    }

    /// Makes known what was written. But for the first event, only the spool's thread calls this, after the write.
    pub(super) fn publish(&self, written: Vec<Written>, update: impl FnOnce(&mut Progress)) {
        let mut offset = self.progress.borrow().bytes;
        {
            let mut tip = self.tip();
            for entry in written {
                if tip.marks.last().is_none_or(|(_, at)| offset >= at + MARK_EVERY_BYTES) {
                    tip.marks.push((entry.event.sequence, offset));
                }
                offset += entry.bytes as u64;
                tip.bytes += entry.bytes;
                tip.events.push_back(entry);
                while tip.bytes > TIP_MAX_BYTES || tip.events.len() > TIP_MAX_EVENTS {
                    let Some(oldest) = tip.events.pop_front() else { break };
                    tip.bytes -= oldest.bytes;
                }
            }
        }
        self.progress.send_modify(update);
    }

    /// Takes over the marks of a log that was written by an earlier process.
    pub(super) fn resume(&self, marks: Vec<(i64, u64)>, progress: Progress) {
        self.tip().marks = marks;
        self.progress.send_replace(progress);
    }

    /// The events from this number on that are in memory, at most `max` of them; `None` if it is not among them.
    pub(super) fn newest(&self, from: i64, max: usize) -> Option<Vec<Arc<OutputEvent>>> {
        let tip = self.tip();
        let first = &tip.events.front()?.event;
        let skip = usize::try_from(from.checked_sub(first.sequence)?).ok().filter(|skip| *skip < tip.events.len())?;
        Some(tip.events.iter().skip(skip).take(max).map(|entry| Arc::clone(&entry.event)).collect())
    }

    /// The nearest known place at or before an event: its number and offset in the file.
    pub(super) fn mark_before(&self, sequence: i64) -> (i64, u64) {
        let tip = self.tip();
        let after = tip.marks.partition_point(|(marked, _)| *marked <= sequence);
        after.checked_sub(1).and_then(|at| tip.marks.get(at).copied()).unwrap_or((1, 0))
    }

    /// Remembers a content that an event is about to refer to.
    pub(super) fn add_content(&self, id: ContentId, bytes: u64) {
        self.lock_contents().insert(id, bytes);
    }

    /// Whether an event refers to this content.
    pub(super) fn refers_to(&self, id: ContentId) -> bool {
        self.lock_contents().contains_key(&id)
    }

    /// The contents that the events refer to.
    pub(super) fn contents(&self) -> Vec<(ContentId, u64)> {
        self.lock_contents().iter().map(|(id, bytes)| (*id, *bytes)).collect()
    }

    /// The requests that were taken while it runs.
    pub(super) fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other request is being carried out.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.turn).acquire_owned().await.ok()
    }

    /// Says what is durable now.
    pub(super) fn set_kept(&self, kept: Kept) {
        self.kept.send_replace(kept);
    }

    /// What is durable.
    pub(super) fn kept(&self) -> Kept {
        *self.kept.borrow()
    }

    /// Waits until this much is durable, or the acceptance has failed; says which.
    pub(super) async fn until(&self, least: Kept) -> Kept {
        let done = |kept: &Kept| *kept >= least || *kept == Kept::Nothing;
        // The sender lives as long as `self`.
        self.kept.subscribe().wait_for(done).await.map_or(Kept::Nothing, |kept| *kept)
    }

    /// It is accepted by this record of the journal.
    pub(super) fn set_ticket(&self, ticket: Ticket) {
        *self.ticket.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticket);
        self.set_kept(Kept::Accepted);
    }

    /// The record of the journal that it is accepted by, as long as its row is not in the database.
    pub(super) fn take_ticket(&self) -> Option<Ticket> {
        self.ticket.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Its end is in the journal by this record.
    pub(super) fn set_end_ticket(&self, ticket: Ticket) {
        *self.end_ticket.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticket);
    }

    /// The record of the journal that has its end.
    pub(super) fn take_end_ticket(&self) -> Option<Ticket> {
        self.end_ticket.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The events of the whole log, if they are in memory.
    pub(super) fn whole(&self) -> Option<Vec<Written>> {
        let tip = self.tip();
        tip.is_whole().then(|| tip.events.iter().cloned().collect())
    }

    fn lock_file(&self) -> MutexGuard<'_, Option<Arc<File>>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tip(&self) -> MutexGuard<'_, Tip> {
        self.tip.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_contents(&self) -> MutexGuard<'_, HashMap<ContentId, u64>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every execution in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Lives(Arc<RwLock<All>>);

#[derive(Debug, Default)]
struct All {
    by_id: HashMap<Uuid, Arc<Live>>,
    /// By user and request.
    by_request: HashMap<(Uuid, Uuid), Arc<Live>>,
}

impl Lives {
    pub(super) fn get(&self, id: Uuid) -> Option<Arc<Live>> {
        self.read().by_id.get(&id).cloned()
    }

    /// The one that this user's request began.
    pub(super) fn by_request(&self, user_id: Uuid, request_id: Uuid) -> Option<Arc<Live>> {
        self.read().by_request.get(&(user_id, request_id)).cloned()
    }

    /// Adds one, unless another of the same request is there: that one it gives.
    pub(super) fn add(&self, live: &Arc<Live>) -> Result<(), Arc<Live>> {
        let request = (live.accepted.user_id, live.accepted.request_id);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = all.by_request.get(&request) {
            return Err(Arc::clone(other));
        }
        all.by_request.insert(request, Arc::clone(live));
        all.by_id.insert(live.id(), Arc::clone(live));
        Ok(())
    }

    pub(super) fn remove(&self, live: &Live) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.by_id.remove(&live.id());
        all.by_request.remove(&(live.accepted.user_id, live.accepted.request_id));
    }

    /// Those for which this holds.
    pub(super) fn those(&self, holds: impl Fn(&Live) -> bool) -> Vec<Arc<Live>> {
        self.read().by_id.values().filter(|live| holds(live)).map(Arc::clone).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, All> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
