//! A file that appears complete or not at all: written under a temporary name beside its place, then renamed.
//! Kernels map columnar files, so a file in place is never written to again.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// An unfinished file; dropped without [`OutFile::commit`] it is removed.
#[derive(Debug)]
pub(crate) struct OutFile {
    file: File,
    temporary: PathBuf,
    place: PathBuf,
    committed: bool,
}

impl OutFile {
    /// Begins a file that will stand at `place`, whose folder must exist.
    pub(crate) fn create(place: &Path) -> io::Result<Self> {
        let name = place.file_name().ok_or_else(|| io::Error::other("the output path has no file name"))?;
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}-{number}.partial", std::process::id()));
        let temporary = place.with_file_name(temporary);
        // A leftover of a process of the same id that died is nobody's.
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&temporary)?;
        Ok(Self { file, temporary, place: place.to_owned(), committed: false })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Makes the file visible. Gives its size.
    pub(crate) fn commit(mut self) -> io::Result<u64> {
        let size = self.file.metadata()?.len();
        std::fs::rename(&self.temporary, &self.place)?;
        self.committed = true;
        Ok(size)
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing to do about a failure; the folder's owner sweeps leftovers.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}
