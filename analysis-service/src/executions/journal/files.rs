//! The journal's two files and the form of a record in them. Two files of a fixed length, which exist in full from the
//! beginning, so that a sync writes data and nothing else. A file without open records is written from its beginning
//! again.
//!
//! ```text
//! u8 1, or 0 where it was taken back | u32 length of the body | u32 CRC-32 of what follows | u32 round | u32 number in
//! the round, from 0 | u8 kind | 16 bytes id | body                                                  all little-endian
//! ```

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use uuid::Uuid;

use super::{
    super::limits::{JOURNAL_BODY_MAX_BYTES, JOURNAL_FILE_BYTES},
    Entry, Kind,
};

/// Bytes before the body.
pub(super) const HEADER_BYTES: usize = 34;
/// Where the part begins that the checksum is of.
const SUMMED_FROM: usize = 9;
const FILE_MODE: u32 = 0o600;

/// A durable record whose content the database does not have yet. Dropped, it stays open: it is the next start's.
#[derive(Debug)]
pub(in super::super) struct Ticket {
    file: usize,
    offset: u64,
    open: Arc<AtomicUsize>,
}

impl Ticket {
    /// The database has it, durably.
    pub(in super::super) fn settle(self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Both files. Who writes holds their lock for one write; who syncs, for none.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) parts: [Part; 2],
    current: usize,
    round: u32,
    /// A write failed: what is on disk is not known any more.
    broken: bool,
}

impl Files {
    /// Opens them in this folder, makes them where missing, and gives what they hold.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Vec<Entry>)> {
        let (first, mut entries) = Part::open(&folder.join("0"))?;
        let (second, more) = Part::open(&folder.join("1"))?;
        File::open(folder)?.sync_all()?;
        entries.extend(more);
        let round = first.round.max(second.round);
        Ok((Self { parts: [first, second], current: 0, round, broken: false }, entries))
    }

    /// Writes a record, to be synced; `None` where there is no room for it, or a write has failed.
    pub(super) fn write(&mut self, kind: Kind, id: Uuid, body: &[u8]) -> Option<Ticket> {
        let at = self.place(HEADER_BYTES + body.len()).filter(|_| !self.broken)?;
        let part = self.parts.get_mut(at)?;
        let record = record(kind, id, body, part.round, part.number);
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

    /// Takes a record back, to be synced.
    pub(super) fn take_back(&mut self, ticket: Ticket) {
        if let Some(part) = self.parts.get_mut(ticket.file) {
            self.broken |= part.file.write_all_at(&[0], ticket.offset).is_err();
            part.unsynced = true;
        }
        ticket.settle();
    }

    /// Whether anything was written since it was last asked what there is to sync.
    pub(super) fn has_unsynced(&self) -> bool {
        self.parts.iter().any(|part| part.unsynced)
    }

    /// The files to be synced.
    pub(super) fn unsynced(&mut self) -> Vec<Arc<File>> {
        let written = self.parts.iter_mut().filter_map(|part| std::mem::take(&mut part.unsynced).then_some(&part.file));
        written.map(Arc::clone).collect()
    }

    pub(super) fn fail(&mut self, error: &io::Error) {
        tracing::error!(%error, "the journal of executions cannot be written; the database is asked instead");
        self.broken = true;
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
}

/// A file, and how far it is written.
#[derive(Debug)]
pub(super) struct Part {
    file: Arc<File>,
    length: u64,
    round: u32,
    number: u32,
    /// Records that are not settled.
    pub(super) open: Arc<AtomicUsize>,
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
        let file = Arc::new(file);
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

fn record(kind: Kind, id: Uuid, body: &[u8], round: u32, number: u32) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER_BYTES + body.len());
    record.push(1);
    record.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&round.to_le_bytes());
    record.extend_from_slice(&number.to_le_bytes());
    record.push(kind as u8);
    record.extend_from_slice(id.as_bytes());
    record.extend_from_slice(body);
    let sum = crc32fast::hash(record.get(SUMMED_FROM..).unwrap_or_default()).to_le_bytes();
    for (byte, value) in record.iter_mut().skip(5).zip(sum) {
        *byte = value;
    }
    record
}

/// The records of the round that a file begins with, and its number; what an earlier round left behind them is none.
pub(super) fn read(bytes: &[u8]) -> (u32, Vec<Entry>) {
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
