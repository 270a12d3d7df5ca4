//! The files of the logs: where they stand, how one is opened, appended to, read and cut.
//!
//! Everything here blocks: it is called by the spool's own thread, and by `spawn_blocking` for readers. A file under
//! `running/` belongs to an execution whose end is not in the database yet; one under `ended/` to a finished execution
//! whose log is too large for a row; one under `spare/` to none (`spares`). Nobody else may touch the folder.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use fenxi_proto::analysis::v1::{OutputEvent, output_event::Event};
use uuid::Uuid;

use super::{
    record::{self, Next, Through},
    requests::Taken,
};

/// How much of a file is read at once, unless one record is longer.
pub(super) const READ_BYTES: usize = 256 * 1024;
const FILE_ENDING: &str = "log";
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// The folder of all logs.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    running: PathBuf,
    ended: PathBuf,
    spare: PathBuf,
}

impl Folder {
    /// Opens the folder, making what is missing.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let [running, ended, spare] = ["running", "ended", "spare"].map(|name| root.join(name));
        let folder = Self { running, ended, spare };
        for path in [&folder.running, &folder.ended, &folder.spare] {
            make(path)?;
        }
        // Those of an earlier process: they hold nothing.
        for file in fs::read_dir(&folder.spare)? {
            fs::remove_file(file?.path())?;
        }
        Ok(folder)
    }

    /// A new, empty log.
    pub(super) fn create(&self, id: Uuid) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(self.running(id))
    }

    /// The log of an execution that ran when the service stopped, if it has one, cut after its last whole record; or, to be
    /// `resumed` with what its kernel said next, after the last whole message.
    pub(super) fn reopen(&self, id: Uuid, resumed: bool) -> io::Result<Option<(File, Scan)>> {
        let file = match OpenOptions::new().read(true).write(true).open(self.running(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let (mut whole, mut bytes, mut last_sequence) = (Scan::default(), 0, 0);
        let mut scan = scan(&file, |entry| {
            bytes += entry.bytes;
            last_sequence = entry.event.map_or(last_sequence, |event| event.sequence);
            if entry.through.is_some() {
                whole = Scan { bytes, last_sequence, finished: false };
            }
        })?;
        if resumed && !scan.finished {
            scan = whole;
        }
        file.set_len(scan.bytes)?;
        Ok(Some((file, scan)))
    }

    /// Makes the log of an execution that had ended whole again, where less of it reached the disk than the journal has.
    pub(super) fn restore(&self, id: Uuid, log: &[u8]) -> io::Result<()> {
        let path = self.running(id);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
        if scan(&file, |_| {})?.finished {
            return Ok(());
        }
        file.write_all_at(log, 0)?;
        file.set_len(log.len() as u64)?;
        file.sync_all()?;
        File::open(&self.running)?.sync_all()
    }

    /// The log of a finished execution. The move from `running/` follows the database: a crash between the two leaves
    /// the file where it was.
    pub(super) fn read_ended(&self, id: Uuid) -> io::Result<File> {
        let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        for path in [self.ended(id), self.running(id)] {
            match File::open(path) {
                Err(error) if absent(&error) => {}
                other => return other,
            }
        }
        // It may have been moved between the two looks.
        File::open(self.ended(id))
    }

    /// Moves a log to the finished ones.
    pub(super) fn move_to_ended(&self, id: Uuid) -> io::Result<()> {
        let target = self.ended(id);
        if let Some(parent) = target.parent() {
            make(parent)?;
        }
        fs::rename(self.running(id), target)
    }

    /// Removes the log of an execution that runs no more, or never ran.
    pub(super) fn remove_running(&self, id: Uuid) -> io::Result<()> {
        absent_is_fine(fs::remove_file(self.running(id)))
    }

    /// Makes the file of a log that runs no more a spare one of this number.
    pub(super) fn put_aside(&self, id: Uuid, number: u64) -> io::Result<()> {
        fs::rename(self.running(id), self.spare(number))
    }

    /// Makes a spare file, which has to be empty, that of a new log.
    pub(super) fn take_spare(&self, number: u64, id: Uuid) -> io::Result<()> {
        fs::rename(self.spare(number), self.running(id))
    }

    /// Removes a spare file.
    pub(super) fn remove_spare(&self, number: u64) -> io::Result<()> {
        fs::remove_file(self.spare(number))
    }

    /// Removes a stored log.
    pub(super) fn remove_ended(&self, id: Uuid) -> io::Result<()> {
        absent_is_fine(fs::remove_file(self.ended(id)))
    }

    /// Every execution with a file under `running/`.
    pub(super) fn list_running(&self) -> io::Result<Vec<Uuid>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.running)? {
            let path = entry?.path();
            let ours = path.extension().is_some_and(|ending| ending == FILE_ENDING);
            let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| ours);
            ids.extend(stem.and_then(|stem| Uuid::try_parse(stem).ok()));
        }
        Ok(ids)
    }

    fn running(&self, id: Uuid) -> PathBuf {
        self.running.join(id.hyphenated().to_string()).with_extension(FILE_ENDING)
    }

    fn spare(&self, number: u64) -> PathBuf {
        self.spare.join(number.to_string())
    }

    /// One of 256 folders, by the last byte: a UUIDv7 begins with its time.
    fn ended(&self, id: Uuid) -> PathBuf {
        let [.., last] = id.into_bytes();
        self.ended.join(format!("{last:02x}")).join(id.hyphenated().to_string()).with_extension(FILE_ENDING)
    }
}

fn make(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What a file holds from its beginning up to its first damage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scan {
    /// Length of the whole records.
    pub(super) bytes: u64,
    /// The number of the last one; 0 for an empty log.
    pub(super) last_sequence: i64,
    /// Whether it is the end.
    pub(super) finished: bool,
}

/// A record that was read.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// `None` for a request that led to none.
    pub(super) event: Option<OutputEvent>,
    pub(super) through: Through,
    /// The request that was taken with it.
    pub(super) taken: Option<Taken>,
    /// Its length in the file.
    pub(super) bytes: u64,
}

/// Hands every record to `each`, in order, as far as they are whole, numbers are dense and the end has not been.
pub(super) fn scan(file: &File, mut each: impl FnMut(Entry)) -> io::Result<Scan> {
    let mut scan = Scan::default();
    loop {
        let (bytes, length) = read_from(file, scan.bytes, u64::MAX, READ_BYTES)?;
        let mut rest = bytes.get(..length).unwrap_or_default();
        let before = scan.bytes;
        while let (Next::Record(message, used), false) = (record::next(rest), scan.finished) {
            let (through, taken) = record::mark(message);
            let event = match record::event(message) {
                Ok(_) if !record::has_event(message) => None,
                Ok(event) if event.sequence == scan.last_sequence + 1 => Some(event),
                _ => return Ok(scan),
            };
            if let Some(event) = &event {
                scan.last_sequence = event.sequence;
                scan.finished = matches!(event.event, Some(Event::Finished(_)));
            }
            scan.bytes += used as u64;
            rest = rest.get(used..).unwrap_or_default();
            each(Entry { event, through, taken, bytes: used as u64 });
        }
        if scan.finished || scan.bytes == before {
            return Ok(scan);
        }
    }
}

/// Reads from `offset`, not beyond `end`: about `about` bytes, and at least the one record that begins there if the file
/// holds it whole. Gives the buffer and how much of it was read.
pub(super) fn read_from(file: &File, offset: u64, end: u64, about: usize) -> io::Result<(Vec<u8>, usize)> {
    let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; about.min(left)];
    let mut length = fill(file, &mut bytes, 0, offset)?;
    if let Next::Short(needed) = record::next(bytes.get(..length).unwrap_or_default())
        && needed > bytes.len()
        && needed <= left
    {
        bytes.resize(needed, 0);
        length = fill(file, &mut bytes, length, offset)?;
    }
    Ok((bytes, length))
}

/// Fills `bytes` from `from` on with what the file has from `offset + from` on.
fn fill(file: &File, bytes: &mut [u8], from: usize, offset: u64) -> io::Result<usize> {
    let mut length = from;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read_at(room, offset + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
