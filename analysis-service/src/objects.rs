//! Bytes by their SHA-256, in a folder of this machine: the bytes of datasets, and outputs too large for a row.
//!
//! An [`Objects`] is one area with its own folder, so that no room deletes what another refers to. An object appears
//! whole and durable or not at all (written aside, synced, renamed, folder synced) and never changes afterwards. This
//! room counts no references: whoever stores says when to remove.

mod content;

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use tokio::sync::Semaphore;

pub use content::ContentId;

/// Threads that one area may keep busy with the disk.
const DISK_JOBS_MAX: usize = 8;
/// The folder, inside an area's, where objects are written before they have their name.
const ASIDE: &str = "aside";

/// One area of content-addressed bytes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Objects {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    next_aside: AtomicU64,
    disk_jobs: Semaphore,
}

impl Objects {
    /// Opens the area in the folder `root`, making it where it is missing, and clears what an earlier process left
    /// half-written. Blocks on the disk; called once at start.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(root: &Path) -> io::Result<Self> {
        let aside = root.join(ASIDE);
        fs::create_dir_all(&aside)?;
        for left in fs::read_dir(&aside)? {
            fs::remove_file(left?.path())?;
        }
        let inner =
            Inner { root: root.to_owned(), next_aside: AtomicU64::new(0), disk_jobs: Semaphore::new(DISK_JOBS_MAX) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Stores `bytes` and gives their id. What is there already is not written again.
    ///
    /// # Errors
    /// Those of the file system, such as a full disk; nothing is left behind then.
    pub async fn put(&self, bytes: Bytes) -> io::Result<ContentId> {
        self.on_disk(move |inner| {
            let id = ContentId::of(&bytes);
            let target = inner.path(id);
            if target.exists() {
                return Ok(id);
            }
            let number = inner.next_aside.fetch_add(1, Ordering::Relaxed);
            let aside = inner.root.join(ASIDE).join(number.to_string());
            let written = write_synced(&aside, &bytes).and_then(|()| move_into_place(&aside, &target));
            if written.is_err() {
                let _ = fs::remove_file(&aside);
            }
            written.map(|()| id)
        })
        .await
    }

    /// Takes the complete and synced file at `staged`, whose SHA-256 is `id`, by renaming it into place. Where the
    /// object is there already, or `staged` was moved by an earlier call, nothing is stored twice and `staged` goes.
    ///
    /// # Errors
    /// `NotFound` when neither the object nor `staged` is there; otherwise those of the file system.
    pub async fn adopt(&self, id: ContentId, staged: PathBuf) -> io::Result<()> {
        self.on_disk(move |inner| {
            let target = inner.path(id);
            if !target.exists() {
                return move_into_place(&staged, &target);
            }
            match fs::remove_file(&staged) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        })
        .await
    }

    /// At most `max_bytes` bytes of an object, from the byte at `offset`.
    ///
    /// # Errors
    /// `NotFound`, and those of the file system.
    pub async fn read(&self, id: ContentId, offset: u64, max_bytes: u64) -> io::Result<Bytes> {
        self.on_disk(move |inner| {
            let mut file = File::open(inner.path(id))?;
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.take(max_bytes).read_to_end(&mut bytes)?;
            Ok(bytes.into())
        })
        .await
    }

    /// Removes an object; whoever has it open keeps reading. Gives whether it was there.
    ///
    /// # Errors
    /// Those of the file system.
    pub async fn remove(&self, id: ContentId) -> io::Result<bool> {
        self.on_disk(move |inner| match fs::remove_file(inner.path(id)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }

    /// Where an object's file is, or would be.
    #[must_use]
    pub fn path(&self, id: ContentId) -> PathBuf {
        self.inner.path(id)
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Inner) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let _permit = self.inner.disk_jobs.acquire().await.map_err(io::Error::other)?;
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || job(&inner)).await.map_err(io::Error::other)?
    }
}

impl Inner {
    /// Two levels, so that a folder stays small with a million objects.
    fn path(&self, id: ContentId) -> PathBuf {
        let name = id.to_string();
        self.root.join(name.get(..2).unwrap_or_default()).join(name)
    }
}

/// Makes a new file durable. Its folder is synced when it gets its name.
fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// Renames within one file system and makes the new name durable.
fn move_into_place(from: &Path, target: &Path) -> io::Result<()> {
    let folder = target.parent().ok_or_else(|| io::Error::other("an object has a folder"))?;
    let is_new = !folder.exists();
    fs::create_dir_all(folder)?;
    fs::rename(from, target)?;
    File::open(folder)?.sync_all()?;
    if let (true, Some(root)) = (is_new, folder.parent()) {
        File::open(root)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(root: &Path) -> usize {
        fs::read_dir(root)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .map(|path| if path.is_dir() { files(&path) } else { 1 })
            .sum()
    }

    #[tokio::test]
    async fn the_same_bytes_are_stored_once_and_read_back() {
        let home = tempfile::tempdir().expect("a folder");
        let objects = Objects::open(home.path()).expect("opens");
        let id = objects.put(Bytes::from_static(b"hello world")).await.expect("stored");
        assert_eq!(objects.put(Bytes::from_static(b"hello world")).await.expect("stored again"), id);
        assert_eq!(files(home.path()), 1);
        assert_eq!(&objects.read(id, 6, 100).await.expect("read")[..], b"world");
        assert_eq!(&objects.read(id, 0, 5).await.expect("read")[..], b"hello");
        assert!(objects.remove(id).await.expect("removed"));
        assert!(!objects.remove(id).await.expect("removed before"));
        assert_eq!(objects.read(id, 0, 1).await.expect_err("gone").kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_staged_file_is_moved_and_adopting_it_again_is_harmless() {
        let home = tempfile::tempdir().expect("a folder");
        let objects = Objects::open(&home.path().join("objects")).expect("opens");
        let staged = home.path().join("staged");
        let id = ContentId::of(b"bytes");
        let missing = objects.adopt(id, staged.clone()).await.expect_err("nothing there");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        for _ in 0..2 {
            fs::write(&staged, b"bytes").expect("written");
            objects.adopt(id, staged.clone()).await.expect("adopted");
            assert!(!staged.exists());
        }
        objects.adopt(id, staged).await.expect("moved before");
        assert_eq!(files(home.path()), 1);
    }

    #[tokio::test]
    async fn what_was_left_half_written_is_cleared_at_start() {
        let home = tempfile::tempdir().expect("a folder");
        Objects::open(home.path()).expect("opens");
        fs::write(home.path().join(ASIDE).join("7"), b"half").expect("written");
        Objects::open(home.path()).expect("opens again");
        assert_eq!(files(home.path()), 0);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_an_error_and_leaves_nothing() {
        let home = tempfile::tempdir().expect("a folder");
        let objects = Objects::open(home.path()).expect("opens");
        let id = ContentId::of(b"x");
        // A file stands where the object's folder should be.
        let blocker = home.path().join(&id.to_string()[..2]);
        fs::write(&blocker, b"").expect("written");
        objects.put(Bytes::from_static(b"x")).await.expect_err("no folder");
        fs::remove_file(&blocker).expect("removed");
        assert_eq!(files(home.path()), 0, "something was left behind");
        objects.put(Bytes::from_static(b"x")).await.expect("recovers");
    }
}
