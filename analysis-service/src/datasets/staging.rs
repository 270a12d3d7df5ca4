//! The bytes of uploads while they arrive: one file an upload, which only ever grows.
//!
//! The file is the truth: its length is the number of bytes received, also after the process was killed. What is kept
//! in memory beside it (the SHA-256 so far) can be made again from it. One stream writes to an upload at a time; a
//! newer one takes over, because a client that lost its connection comes back before the server has noticed. Knows no
//! database; `upload` and `complete` are its callers.

mod appender;
mod file;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sha2::Sha256;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::error::DatasetError;
use crate::{
    objects::ContentId,
    places::{Full, Places},
};

pub(super) use appender::Appender;

/// Streams that may write at once, in the whole service; each holds at most 8 MiB.
const STREAMS_MAX: usize = 64;
/// How long a stream or a completion waits for the one before it to let go.
const TAKEOVER_WAIT_MAX: Duration = Duration::from_secs(10);
/// Bytes of the disk that uploads leave free, for the database and for what was begun already.
const DISK_RESERVE_BYTES: u64 = 256 << 20;
/// The number that tells every stream of an upload to stop for good.
const DISCARDED: u64 = u64::MAX;

/// The folder of arriving bytes. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Staging {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    slots: Mutex<HashMap<Uuid, Arc<Slot>>>,
    streams: Places,
    tasks: TaskTracker,
}

/// What is known of an upload that was touched since the start.
#[derive(Debug)]
struct Slot {
    /// Locked by whoever writes or reads the whole.
    progress: Arc<AsyncMutex<Progress>>,
    /// Counts the streams that wanted to write; the greatest one may.
    newest: watch::Sender<u64>,
    /// Bytes that are on disk for certain.
    durable_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct Progress {
    /// Bytes in the file; `None` until it was looked at, and again after an error.
    received_bytes: Option<u64>,
    /// Of all received bytes; `None` where it must be made from the file.
    hasher: Option<Sha256>,
}

impl Staging {
    /// Opens the folder, making it where it is missing. Blocks on the disk; called once at start. Streams run on
    /// `tasks`, so that the end of the service can wait for them.
    pub(super) fn open(folder: &Path, tasks: TaskTracker) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let inner =
            Inner { folder: folder.to_owned(), slots: Mutex::default(), streams: Places::new(STREAMS_MAX), tasks };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether the disk has room for so many more bytes; [`DatasetError::DiskFull`] if not. No promise: others write too.
    pub(super) async fn check_room(&self, size_bytes: u64) -> Result<(), DatasetError> {
        let folder = self.inner.folder.clone();
        let free_bytes = blocking(move || file::free_bytes(&folder)).await?;
        if free_bytes < size_bytes.saturating_add(DISK_RESERVE_BYTES) { Err(DatasetError::DiskFull) } else { Ok(()) }
    }

    /// Begins to append to an upload of `size_bytes` in all, at `offset`. An older stream of the same upload is
    /// stopped; what it received stays.
    pub(super) async fn append(
        &self,
        user_id: Uuid,
        upload_id: Uuid,
        size_bytes: u64,
        offset: u64,
    ) -> Result<Appender, DatasetError> {
        let place = self.inner.streams.enter(user_id).map_err(no_place)?;
        let slot = self.slot(upload_id);
        let mut number = 0;
        slot.newest.send_if_modified(|newest| {
            number = newest.saturating_add(1);
            // A discarded upload stays discarded.
            let taken = number < DISCARDED;
            *newest = number;
            taken
        });
        let mut progress = lock(&slot).await?;
        match *slot.newest.borrow() {
            DISCARDED => return Err(DatasetError::Closed("cancelled")),
            newest if newest == number => {}
            _ => return Err(DatasetError::Busy("another stream is writing to this upload")),
        }
        let path = self.path(upload_id);
        let received_bytes = received(&path, &mut progress).await?;
        slot.durable_bytes.store(received_bytes, Ordering::Release);
        if offset != received_bytes {
            let problem = format!("offset is {offset}, and {received_bytes} bytes were received");
            return Err(DatasetError::Offset { received_bytes, problem });
        }
        let limits = appender::Span { from_bytes: offset, to_bytes: size_bytes, number };
        Ok(Appender::start(&self.inner.tasks, path, limits, slot, progress, place))
    }

    /// Bytes of an upload that are received and durable.
    pub(super) async fn received_bytes(&self, upload_id: Uuid) -> Result<u64, DatasetError> {
        let slot = self.slot(upload_id);
        let Ok(mut progress) = Arc::clone(&slot.progress).try_lock_owned() else {
            return Ok(slot.durable_bytes.load(Ordering::Acquire));
        };
        received(&self.path(upload_id), &mut progress).await
    }

    /// Whether a stream is writing to the upload now.
    pub(super) fn is_writing(&self, upload_id: Uuid) -> bool {
        let slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.get(&upload_id).is_some_and(|slot| slot.progress.try_lock().is_err())
    }

    /// Number and SHA-256 of the bytes received, read again from the file where the sum is not at hand.
    pub(super) async fn sum(&self, upload_id: Uuid) -> Result<(u64, ContentId), DatasetError> {
        let slot = self.slot(upload_id);
        let mut progress = lock(&slot).await?;
        let path = self.path(upload_id);
        let received_bytes = received(&path, &mut progress).await?;
        let hasher = match progress.hasher.take() {
            Some(hasher) => hasher,
            None => blocking(move || file::hash(&path)).await?,
        };
        progress.hasher = Some(hasher.clone());
        Ok((received_bytes, ContentId::finish(hasher)))
    }

    /// Removes the bytes and stops whoever writes them.
    pub(super) async fn discard(&self, upload_id: Uuid) -> Result<(), DatasetError> {
        let slot = self.slot(upload_id);
        slot.newest.send_replace(DISCARDED);
        let _progress = lock(&slot).await?;
        let path = self.path(upload_id);
        blocking(move || file::remove(&path)).await?;
        self.forget(upload_id);
        Ok(())
    }

    /// Forgets what was known, once the file was moved away.
    pub(super) fn forget(&self, upload_id: Uuid) {
        self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(&upload_id);
    }

    /// Where the bytes are. Only for reading, and for moving the file away once its sum was taken.
    pub(super) fn path(&self, upload_id: Uuid) -> PathBuf {
        self.inner.folder.join(format!("{upload_id}.part"))
    }

    /// The uploads that have a file, in no order. Blocks on the disk.
    pub(super) fn uploads_on_disk(&self) -> io::Result<Vec<Uuid>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.inner.folder)? {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".part")).map(Uuid::try_parse);
            found.extend(id.and_then(Result::ok));
        }
        Ok(found)
    }

    fn slot(&self, upload_id: Uuid) -> Arc<Slot> {
        let mut slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(upload_id).or_insert_with(|| {
            Arc::new(Slot { progress: Arc::default(), newest: watch::Sender::new(0), durable_bytes: AtomicU64::new(0) })
        }))
    }
}

async fn lock(slot: &Slot) -> Result<OwnedMutexGuard<Progress>, DatasetError> {
    tokio::time::timeout(TAKEOVER_WAIT_MAX, Arc::clone(&slot.progress).lock_owned())
        .await
        .map_err(|_| DatasetError::Busy("another stream is still writing to this upload"))
}

async fn received(path: &Path, progress: &mut Progress) -> Result<u64, DatasetError> {
    if let Some(bytes) = progress.received_bytes {
        return Ok(bytes);
    }
    let path = path.to_owned();
    let bytes = blocking(move || file::recover(&path)).await?;
    *progress = Progress { received_bytes: Some(bytes), hasher: None };
    if bytes == 0 {
        progress.hasher = Some(Sha256::default());
    }
    Ok(bytes)
}

/// Runs a short job of the disk. Its callers hold a stream's place or an upload's lock, which bounds them.
async fn blocking<T: Send + 'static>(job: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, DatasetError> {
    let joined = tokio::task::spawn_blocking(job).await;
    joined.map_err(io::Error::other)?.map_err(DatasetError::from)
}

fn no_place(full: Full) -> DatasetError {
    DatasetError::Busy(match full {
        Full::All => "as many uploads are running as the service takes at once",
        Full::Own => "as many of your uploads are running as leave room for others; go on when one of them has ended",
    })
}
