//! What was accepted and what has ended, durable before the database has it.
//!
//! One small record, appended and synced by a thread of its own, instead of a transaction: many callers at once share one
//! sync. The database follows (`finish`), and the next start takes what it does not have from here (`recovery`). Two
//! files of a fixed length, which exist in full from the beginning, so that a sync writes data and nothing else. A record
//! counts as open until the database has what it says ([`Ticket::settle`]); a file without open records is written from
//! its beginning again. Where there is no room, or a write failed, nothing is taken: the caller asks the database itself.
//!
//! ```text
//! u8 1, or 0 where it was taken back | u32 length of the body | u32 CRC-32 of what follows | u32 round | u32 number in
//! the round, from 0 | u8 kind | 16 bytes id | body                                                  all little-endian
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Instant,
};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::limits::{JOURNAL_BODY_MAX_BYTES, JOURNAL_COMMANDS_MAX, JOURNAL_FILE_BYTES, JOURNAL_LAZY_WAIT};

/// Bytes before the body.
const HEADER_BYTES: usize = 34;
/// Where the part begins that the checksum is of.
const SUMMED_FROM: usize = 9;
const FILE_MODE: u32 = 0o600;
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

/// A durable record whose content the database does not have yet. Dropped, it stays open: it is the next start's.
#[derive(Debug)]
pub(super) struct Ticket {
    file: usize,
    offset: u64,
    open: Arc<AtomicUsize>,
}

impl Ticket {
    /// The database has it, durably.
    pub(super) fn settle(self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

enum Command {
    Add {
        entry: Entry,
        answer: oneshot::Sender<Option<Ticket>>,
    },
    /// There is something to be taken back.
    Look,
}

/// Records that nobody was told of, to be taken back: no more than two files hold. Beside the queue, which can be full: one
/// that stayed open would keep its file from being written over, and be an execution without an end at the next start.
type Returned = Arc<Mutex<Vec<Ticket>>>;

/// The way to the thread. Clones lead to the same one.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    commands: SyncSender<Command>,
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
        let (first, mut entries) = Part::open(&folder.join("0"))?;
        let (second, more) = Part::open(&folder.join("1"))?;
        File::open(folder)?.sync_all()?;
        entries.extend(more);
        let (commands, queue) = sync_channel(JOURNAL_COMMANDS_MAX);
        let round = first.round.max(second.round);
        let (returned, waiting) = (Returned::default(), Vec::new());
        let (desk_returned, parts) = (Arc::clone(&returned), [first, second]);
        let desk = Desk { queue, parts, current: 0, round, broken: false, waiting, returned: desk_returned, due: None };
        let begun = Arc::new(AtomicBool::new(entries.is_empty()));
        Ok((Self { commands, returned, begun }, desk, entries))
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

    /// Takes a record back: nobody was told of it.
    pub(super) fn take_back(&self, ticket: Ticket) {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
        // Where there is no room, the thread has something to do, and looks behind it.
        self.commands.try_send(Command::Look).ok();
    }
}

/// A file, and how far it is written.
struct Part {
    file: File,
    length: u64,
    round: u32,
    number: u32,
    /// Records that are not settled.
    open: Arc<AtomicUsize>,
    unsynced: bool,
}

impl Part {
    fn open(path: &Path) -> io::Result<(Self, Vec<Entry>)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
        let whole = file.metadata()?.len() == JOURNAL_FILE_BYTES as u64;
        let mut bytes = vec![0; JOURNAL_FILE_BYTES];
        if whole {
            file.read_exact_at(&mut bytes, 0)?;
        } else {
            file.set_len(0)?;
            file.write_all_at(&bytes, 0)?;
            file.sync_all()?;
        }
        let (round, entries) = read(&bytes);
        let open = Arc::new(AtomicUsize::new(0));
        Ok((Self { file, length: 0, round, number: 0, open, unsynced: false }, entries))
    }

    fn is_settled(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    fn rewind(&mut self, round: u32) {
        (self.length, self.number, self.round) = (0, 0, round);
    }

    fn fits(&self, bytes: usize) -> bool {
        self.length + bytes as u64 <= JOURNAL_FILE_BYTES as u64
    }
}

/// The thread's side.
struct Desk {
    queue: Receiver<Command>,
    parts: [Part; 2],
    current: usize,
    round: u32,
    /// A write failed: what is on disk is not known any more.
    broken: bool,
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
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.sync(),
                Err(RecvTimeoutError::Disconnected) => return self.sync(),
            }
        }
    }

    /// Writes; says whether somebody waits for the sync.
    fn take(&mut self, command: Command) -> bool {
        match command {
            Command::Add { entry, answer } => match self.write(&entry) {
                Some(ticket) => {
                    self.waiting.push((entry.kind, answer, ticket));
                    if entry.kind == Kind::Accepted {
                        return true;
                    }
                    self.sync_soon();
                }
                None => drop(answer.send(None)),
            },
            Command::Look => {}
        }
        false
    }

    fn take_back(&mut self) {
        let returned = std::mem::take(&mut *self.returned.lock().unwrap_or_else(PoisonError::into_inner));
        for ticket in returned {
            if let Some(part) = self.parts.get_mut(ticket.file) {
                self.broken |= part.file.write_all_at(&[0], ticket.offset).is_err();
                part.unsynced = true;
                self.sync_soon();
            }
            ticket.settle();
        }
    }

    fn sync_soon(&mut self) {
        self.due.get_or_insert_with(|| Instant::now() + JOURNAL_LAZY_WAIT);
    }

    fn write(&mut self, entry: &Entry) -> Option<Ticket> {
        let at = self.place(HEADER_BYTES + entry.body.len()).filter(|_| !self.broken)?;
        let part = self.parts.get_mut(at)?;
        let record = record(entry, part.round, part.number);
        if let Err(error) = part.file.write_all_at(&record, part.length) {
            self.fail(&error);
            return None;
        }
        let ticket = Ticket { file: at, offset: part.length, open: Arc::clone(&part.open) };
        part.length += record.len() as u64;
        part.number += 1;
        part.unsynced = true;
        part.open.fetch_add(1, Ordering::AcqRel);
        Some(ticket)
    }

    /// The file that takes so many bytes now.
    fn place(&mut self, bytes: usize) -> Option<usize> {
        for at in [self.current, 1 - self.current] {
            let part = self.parts.get_mut(at)?;
            if part.is_settled() {
                self.round = self.round.wrapping_add(1);
                part.rewind(self.round);
            } else if at != self.current || !part.fits(bytes) {
                continue;
            }
            self.current = at;
            return Some(at);
        }
        None
    }

    /// Makes what was written durable and tells everyone who waits.
    fn sync(&mut self) {
        self.due = None;
        let mut synced = Ok(());
        for part in &mut self.parts {
            if std::mem::take(&mut part.unsynced) {
                synced = synced.and(part.file.sync_data());
            }
        }
        if let Err(error) = &synced {
            self.fail(error);
        }
        for (kind, answer, ticket) in std::mem::take(&mut self.waiting) {
            let untaken = answer.send(Some(ticket).filter(|_| synced.is_ok())).err().flatten();
            if let Some(ticket) = untaken.filter(|_| kind == Kind::Accepted) {
                // Whoever asked has left, and nobody was told. An end is the next start's: nobody else leaves one.
                self.returned.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
            }
        }
        self.take_back();
    }

    fn fail(&mut self, error: &io::Error) {
        tracing::error!(%error, "the journal of executions cannot be written; the database is asked instead");
        self.broken = true;
    }
}

fn record(entry: &Entry, round: u32, number: u32) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER_BYTES + entry.body.len());
    record.push(1);
    record.extend_from_slice(&u32::try_from(entry.body.len()).unwrap_or(u32::MAX).to_le_bytes());
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&round.to_le_bytes());
    record.extend_from_slice(&number.to_le_bytes());
    record.push(entry.kind as u8);
    record.extend_from_slice(entry.id.as_bytes());
    record.extend_from_slice(&entry.body);
    let sum = crc32fast::hash(record.get(SUMMED_FROM..).unwrap_or_default()).to_le_bytes();
    for (byte, value) in record.iter_mut().skip(5).zip(sum) {
        *byte = value;
    }
    record
}

/// The records of the round that a file begins with, and its number; what an earlier round left behind them is none.
fn read(bytes: &[u8]) -> (u32, Vec<Entry>) {
    let (mut entries, mut rest) = (Vec::new(), bytes);
    let mut begun = None;
    for number in 0.. {
        let Some((round, entry, length)) = next(rest, number) else { break };
        if *begun.get_or_insert(round) != round {
            break;
        }
        if rest.first() == Some(&1) {
            entries.push(entry);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    (begun.unwrap_or(0), entries)
}

/// The record that stands first: its round, what it says, its length.
fn next(bytes: &[u8], number: u32) -> Option<(u32, Entry, usize)> {
    let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let length = HEADER_BYTES + usize::try_from(word(1)?).ok().filter(|bytes| *bytes <= JOURNAL_BODY_MAX_BYTES)?;
    let record = bytes.get(..length)?;
    if crc32fast::hash(record.get(SUMMED_FROM..)?) != word(5)? || word(13)? != number {
        return None;
    }
    let kind = [Kind::Accepted, Kind::Ended].into_iter().find(|kind| record.get(17) == Some(&(*kind as u8)))?;
    let id = Uuid::from_slice(record.get(18..HEADER_BYTES)?).ok()?;
    Some((word(9)?, Entry { kind, id, body: record.get(HEADER_BYTES..)?.to_vec() }, length))
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
