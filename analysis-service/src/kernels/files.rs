//! The files in a kernel's folder, listed and read for its owner. Code of the kernel made them, and may be at it still:
//! every step goes by descriptor from the folder before, follows no link, and only an ordinary file is read.

mod path;

use std::{
    ffi::CStr,
    fs::File,
    io::{Seek as _, SeekFrom},
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{AtFlags, OFlag, open},
    sys::stat::{FileStat, Mode, SFlag, fstat, fstatat},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use self::path::FilePath;
use super::launch::{FOLDER, open_here};
use crate::places::{Full, Place, Places};

/// Entries of a folder that are given, and that are looked at: of yet more nobody knows which come first by name.
const ENTRIES_MAX: usize = 1_000;
const SEEN_MAX: usize = 20_000;
/// The end of the year 9999, the last that a timestamp of Protobuf can be of.
const MICROS_MAX: i64 = 253_402_300_799_999_999;
/// Folders that are being listed and files that are being opened at a time; whoever comes then waits.
const LOOKS_MAX: usize = 4;
/// Files that are being read: each holds a descriptor as long as its reader takes.
const READS_MAX: usize = 128;
/// An ordinary file, and neither a pipe that would be waited for nor a terminal that would become ours.
const FILE: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// Why a file or a folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Nothing of this name is there, or it is not of the kind that was asked for.
    #[error("{path:?} {problem}")]
    NotFound {
        /// As it was asked for.
        path: String,
        /// What is the matter.
        problem: &'static str,
    },
    /// The system refuses it, such as for the rights that code gave it.
    #[error("{path:?} cannot be read: {}", errno.desc())]
    Unreadable {
        /// As it was asked for.
        path: String,
        /// What the system says.
        errno: Errno,
    },
    /// As many files are being read as may.
    #[error("{0}")]
    Busy(&'static str),
    /// The service is ending.
    #[error("the service is shutting down; try again in a moment")]
    Closing,
}

/// What is in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary file.
    File,
    /// A folder.
    Folder,
    /// Anything else.
    Other,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name there.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file.
    pub size_bytes: u64,
    /// When it was written last, in microseconds since 1970.
    pub modify_micros: i64,
}

/// What is in a folder, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// As many as are given.
    pub entries: Vec<Entry>,
    /// There are others.
    pub more: bool,
}

/// A file that is being read.
#[derive(Debug)]
pub struct Reading {
    /// From the offset on.
    pub file: File,
    /// Bytes of the whole file when it was opened.
    pub size_bytes: u64,
    /// Kept as long as it is read.
    pub(crate) place: Place,
}

/// The way to kernels' files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Files {
    looks: Arc<Semaphore>,
    reads: Places,
}

impl Default for Files {
    fn default() -> Self {
        Self { looks: Arc::new(Semaphore::new(LOOKS_MAX)), reads: Places::new(READS_MAX) }
    }
}

impl Files {
    /// What is in a folder below `work_dir`.
    ///
    /// # Errors
    /// [`FileError`]
    pub(crate) async fn list(&self, work_dir: PathBuf, path: FilePath) -> Result<Listing, FileError> {
        self.look(move || list(&work_dir, &path)).await
    }

    /// Opens a file below `work_dir`, to be read from `offset` on.
    ///
    /// # Errors
    /// [`FileError`]
    pub(crate) async fn read(
        &self,
        user_id: Uuid,
        work_dir: PathBuf,
        path: FilePath,
        offset: u64,
    ) -> Result<Reading, FileError> {
        let place = self.reads.enter(user_id).map_err(|full| {
            FileError::Busy(match full {
                Full::All => "as many files are being read as the service reads at once; try again in a moment",
                Full::Own => "as many of your files are being read as leave room for others; wait for one to end",
            })
        })?;
        let (file, size_bytes) = self.look(move || open_file(&work_dir, &path, offset)).await?;
        Ok(Reading { file, size_bytes, place })
    }

    /// Looks at the disk, on a thread that may block and in a turn.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, FileError> {
        // In the task, because the caller may go away and the disk is looked at all the same.
        let turn = Arc::clone(&self.looks).acquire_owned().await.map_err(|_| FileError::Closing)?;
        let looked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            look()
        });
        looked.await.map_err(|_| FileError::Closing)?
    }
}

fn list(work_dir: &Path, path: &FilePath) -> Result<Listing, FileError> {
    let mut listing = Listing::default();
    let folder = match open_folder(work_dir, path.parts(), path) {
        // Its kernel is being started.
        Err(FileError::NotFound { .. }) if path.parts().is_empty() => return Ok(listing),
        opened => opened?,
    };
    let mut seen = 0;
    let own = Dir::from_fd(folder.try_clone().map_err(|error| path.refused(errno_of(&error)))?);
    for found in own.map_err(|errno| path.refused(errno))?.iter() {
        seen += 1;
        // Those that are hidden count too: looking at them takes as long. What cannot be read on is a part, and said to be.
        let found = match found {
            Ok(found) if seen <= SEEN_MAX => found,
            _ => {
                listing.more = true;
                break;
            }
        };
        let name = found.file_name();
        if name.to_bytes().starts_with(b".") {
            continue;
        }
        match name.to_str() {
            // One that is gone since is none.
            Ok(text) => listing.entries.extend(entry(&folder, name, text)),
            Err(_) => listing.more = true,
        }
    }
    listing.entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    listing.more |= listing.entries.len() > ENTRIES_MAX;
    listing.entries.truncate(ENTRIES_MAX);
    Ok(listing)
}

fn entry(folder: &OwnedFd, name: &CStr, text: &str) -> Option<Entry> {
    let found = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
    let kind = kind_of(&found);
    let size_bytes = if kind == Kind::File { u64::try_from(found.st_size).unwrap_or_default() } else { 0 };
    let micros = found.st_mtime.saturating_mul(1_000_000).saturating_add(found.st_mtime_nsec / 1_000);
    // Code gives its files whatever time it likes.
    let modify_micros = micros.clamp(0, MICROS_MAX);
    Some(Entry { name: text.to_owned(), kind, size_bytes, modify_micros })
}

fn kind_of(found: &FileStat) -> Kind {
    match SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Folder,
        _ => Kind::Other,
    }
}

fn open_file(work_dir: &Path, path: &FilePath, offset: u64) -> Result<(File, u64), FileError> {
    let Some((name, folders)) = path.parts().split_last() else { return Err(path.not_found("is a folder")) };
    let folder = open_folder(work_dir, folders, path)?;
    let opened = open_here(folder.as_fd(), name, FILE).map_err(|errno| path.refused(errno))?;
    let found = fstat(&opened).map_err(|errno| path.refused(errno))?;
    match kind_of(&found) {
        Kind::File => {}
        Kind::Folder => return Err(path.not_found("is a folder")),
        Kind::Other => return Err(path.not_found("is no ordinary file")),
    }
    let mut file = File::from(opened);
    file.seek(SeekFrom::Start(offset)).map_err(|error| path.refused(errno_of(&error)))?;
    Ok((file, u64::try_from(found.st_size).unwrap_or_default()))
}

fn open_folder(work_dir: &Path, parts: &[std::ffi::CString], path: &FilePath) -> Result<OwnedFd, FileError> {
    let mut folder = open(work_dir, FOLDER, Mode::empty()).map_err(|errno| path.refused(errno))?;
    for part in parts {
        folder = open_here(folder.as_fd(), part, FOLDER).map_err(|errno| path.refused(errno))?;
    }
    Ok(folder)
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
