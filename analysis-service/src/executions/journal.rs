//! What was accepted and what has ended, durable before the database has it.
//!
//! One small record, appended to one of two files and synced by a thread of its own, instead of a transaction: many
//! callers at once share one sync. The database follows (`finish`), and the next start takes what it does not have from
//! here (`recovery`). A record counts as open until the database has what it says ([`Ticket::settle`]). Where there is no
//! room, or a write failed, nothing is taken: the caller asks the database itself.

mod files;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Instant,
};

use tokio::sync::oneshot;
use uuid::Uuid;

use self::files::Files;
pub(super) use self::files::Ticket;
use super::limits::{JOURNAL_BODY_MAX_BYTES, JOURNAL_COMMANDS_MAX, JOURNAL_LAZY_WAIT};

const FOLDER_MODE: u32 = 0o700;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An execution was accepted; whoever asked waits for it.
    Accepted = 1,
    /// An execution ended, with this log; nobody waits.
    Ended = 2,
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) id: Uuid,
    pub(super) body: Vec<u8>,
}

enum Command {
    Add {
        entry: Entry,
        answer: oneshot::Sender<Option<Ticket>>,
    },
    /// There is something to be taken back, or to be synced.
    Look,
}

/// Records that nobody was told of, to be taken back: no more than two files hold. Beside the queue, which can be full: one
/// that stayed open would keep its file from being written over, and be an execution without an end at the next start.
type Returned = Arc<Mutex<Vec<Ticket>>>;

/// The files, under a lock that is held for one write.
type Shared = Arc<Mutex<Files>>;

/// The way to the thread. Clones lead to the same one.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    commands: SyncSender<Command>,
    files: Shared,
    returned: Returned,
    /// Whether what an earlier process left has been taken over.
    begun: Arc<AtomicBool>,
}

impl Journal {
    /// Opens the files, makes them where missing, and gives what they hold. Nothing is taken before
    /// [`Journal::begin`], unless they hold nothing. Blocks.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Vec<Entry>)> {
        let (journal, desk, entries) = Self::prepare(folder)?;
        thread::Builder::new().name("exec-journal".into()).spawn(move || desk.run())?;
        Ok((journal, entries))
    }

    fn prepare(folder: &Path) -> io::Result<(Self, Desk, Vec<Entry>)> {
        fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
        let (files, entries) = Files::open(folder)?;
        let (commands, queue) = sync_channel(JOURNAL_COMMANDS_MAX);
        let (files, returned) = (Arc::new(Mutex::new(files)), Returned::default());
        let desk =
            Desk { queue, files: Arc::clone(&files), waiting: Vec::new(), returned: Arc::clone(&returned), due: None };
        let begun = Arc::new(AtomicBool::new(entries.is_empty()));
        Ok((Self { commands, files, returned, begun }, desk, entries))
    }

    /// What it held is in the database now: it may be written over.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Adds a record; `None` where it cannot be taken, and is not known to be durable.
    pub(super) async fn add(&self, kind: Kind, id: Uuid, body: Vec<u8>) -> Option<Ticket> {
        if !self.begun.load(Ordering::Acquire) || body.len() > JOURNAL_BODY_MAX_BYTES {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        self.commands.try_send(Command::Add { entry: Entry { kind, id, body }, answer }).ok()?;
        answered.await.ok().flatten()
    }

    /// Writes an end with its log, for whoever may block for a write and waits for no sync: that follows soon. `None`
    /// where it cannot be taken.
    pub(super) fn write_end(&self, id: Uuid, log: &[u8]) -> Option<Ticket> {
        if !self.begun.load(Ordering::Acquire) || log.len() > JOURNAL_BODY_MAX_BYTES {
            return None;
        }
        let ticket = lock(&self.files).write(Kind::Ended, id, log)?;
        // Where there is no room, the thread has something to do, and looks behind it.
        self.commands.try_send(Command::Look).ok();
        Some(ticket)
    }

    /// Takes a record back: nobody was told of it.
    pub(super) fn take_back(&self, ticket: Ticket) {
        lock(&self.returned).push(ticket);
        // Where there is no room, the thread has something to do, and looks behind it.
        self.commands.try_send(Command::Look).ok();
    }
}

/// The thread's side.
struct Desk {
    queue: Receiver<Command>,
    files: Shared,
    /// Who is told after the next sync.
    waiting: Vec<(Kind, oneshot::Sender<Option<Ticket>>, Ticket)>,
    returned: Returned,
    /// When the next sync is, if it is due for nobody who waits.
    due: Option<Instant>,
}

impl Desk {
    fn run(mut self) {
        loop {
            let command = match self.due {
                None => self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => self.queue.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match command {
                Ok(command) => {
                    let mut waited_for = self.take(command);
                    while let Ok(command) = self.queue.try_recv() {
                        waited_for |= self.take(command);
                    }
                    self.take_back();
                    if waited_for {
                        self.sync();
                    } else if lock(&self.files).has_unsynced() {
                        self.due.get_or_insert_with(|| Instant::now() + JOURNAL_LAZY_WAIT);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.sync(),
                Err(RecvTimeoutError::Disconnected) => return self.sync(),
            }
        }
    }

    /// Writes; says whether somebody waits for the sync.
    fn take(&mut self, command: Command) -> bool {
        let Command::Add { entry: Entry { kind, id, body }, answer } = command else { return false };
        match lock(&self.files).write(kind, id, &body) {
            Some(ticket) => {
                self.waiting.push((kind, answer, ticket));
                return kind == Kind::Accepted;
            }
            None => drop(answer.send(None)),
        }
        false
    }

    fn take_back(&mut self) {
        let returned = std::mem::take(&mut *lock(&self.returned));
        if !returned.is_empty() {
            let mut files = lock(&self.files);
            returned.into_iter().for_each(|ticket| files.take_back(ticket));
        }
    }

    /// Makes what was written durable and tells everyone who waits.
    fn sync(&mut self) {
        self.due = None;
        let written = lock(&self.files).unsynced();
        let synced = written.iter().map(|file| file.sync_data()).fold(Ok(()), Result::and);
        if let Err(error) = &synced {
            lock(&self.files).fail(error);
        }
        for (kind, answer, ticket) in std::mem::take(&mut self.waiting) {
            let untaken = answer.send(Some(ticket).filter(|_| synced.is_ok())).err().flatten();
            if let Some(ticket) = untaken.filter(|_| kind == Kind::Accepted) {
                // Whoever asked has left, and nobody was told. An end is the next start's: nobody else leaves one.
                lock(&self.returned).push(ticket);
            }
        }
        self.take_back();
        if lock(&self.files).has_unsynced() {
            self.due = Some(Instant::now() + JOURNAL_LAZY_WAIT);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
