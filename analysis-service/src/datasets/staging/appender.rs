//! One stream of bytes to one upload: what arrives waits in a short queue while a thread writes and sums up what came
//! before. The writing goes on in a task of its own, so that a caller who goes away takes nothing with it.

use std::{fs::File, path::PathBuf, sync::Arc, sync::atomic::Ordering};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::{OwnedMutexGuard, mpsc, watch},
    task::JoinHandle,
};
use tokio_util::task::TaskTracker;

use super::{DISCARDED, Progress, Slot, blocking, file};
use crate::{datasets::error::DatasetError, places::Place};

/// Messages, of at most 1 MiB each, that wait while the disk works.
const QUEUE_MESSAGES_MAX: usize = 4;
/// Bytes that are to be written before the next sync starts.
const SYNC_EVERY_BYTES: u64 = 8 << 20;

/// Which bytes of the upload a stream may send, and which of its upload's streams it is.
pub(super) struct Span {
    pub(super) from_bytes: u64,
    pub(super) to_bytes: u64,
    pub(super) number: u64,
}

/// A stream that may write. Dropped, it keeps what it was given.
pub(in crate::datasets) struct Appender {
    queue: mpsc::Sender<Bytes>,
    writing: JoinHandle<Result<u64, DatasetError>>,
    newest: watch::Receiver<u64>,
    span: Span,
    taken_bytes: u64,
}

impl Appender {
    pub(super) fn start(
        tasks: &TaskTracker,
        path: PathBuf,
        span: Span,
        slot: Arc<Slot>,
        progress: OwnedMutexGuard<Progress>,
        place: Place,
    ) -> Self {
        let (queue, arriving) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let newest = slot.newest.subscribe();
        let taken_bytes = span.from_bytes;
        let writing = tasks.spawn(async move {
            let written = write(path, arriving, &slot, progress).await;
            drop(place);
            written
        });
        Self { queue, writing, newest, span, taken_bytes }
    }

    /// Takes the next bytes. They are not durable before [`Self::finish`].
    ///
    /// # Errors
    /// [`DatasetError::Mismatch`] where they are more than was declared, and none of them is taken;
    /// [`DatasetError::Closing`] where writing has failed: `finish` says why.
    pub(in crate::datasets) async fn take(&mut self, bytes: Bytes) -> Result<(), DatasetError> {
        let taken_bytes = self.taken_bytes.saturating_add(bytes.len() as u64);
        if taken_bytes > self.span.to_bytes {
            let problem = format!(
                "more bytes than the {} declared; the {} before this message were kept",
                self.span.to_bytes, self.taken_bytes
            );
            return Err(DatasetError::Mismatch(problem));
        }
        self.queue.send(bytes).await.map_err(|_| DatasetError::Closing)?;
        self.taken_bytes = taken_bytes;
        Ok(())
    }

    /// Waits until this stream must stop, because a newer one came or the upload was cancelled.
    pub(in crate::datasets) async fn superseded(&mut self) {
        let number = self.span.number;
        // The sender lives as long as the task that writes.
        let _ = self.newest.wait_for(|newest| *newest != number).await;
    }

    /// What to tell a stream that had to stop.
    pub(in crate::datasets) fn why_stopped(&self, received_bytes: u64) -> DatasetError {
        if *self.newest.borrow() == DISCARDED {
            return DatasetError::Closed("cancelled");
        }
        DatasetError::Offset { received_bytes, problem: "a newer stream took this upload over".to_owned() }
    }

    /// Ends the stream and gives the bytes received in all, every one durable.
    ///
    /// # Errors
    /// [`DatasetError::DiskFull`] and others of the disk; what was written before stays.
    pub(in crate::datasets) async fn finish(&mut self) -> Result<u64, DatasetError> {
        let (closed, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.queue, closed));
        (&mut self.writing).await.map_err(|_| DatasetError::Closing)?
    }
}

async fn write(
    path: PathBuf,
    mut arriving: mpsc::Receiver<Bytes>,
    slot: &Slot,
    mut progress: OwnedMutexGuard<Progress>,
) -> Result<u64, DatasetError> {
    let known = std::mem::take(&mut *progress);
    let mut writer = Writer::open(path, known).await?;
    let mut syncing = Syncing { under_way: None, durable_bytes: writer.received_bytes };
    let mut group = Vec::with_capacity(QUEUE_MESSAGES_MAX);
    while arriving.recv_many(&mut group, QUEUE_MESSAGES_MAX).await > 0 {
        writer = writer.append(std::mem::take(&mut group)).await?;
        syncing.go_on(&writer).await?;
        slot.durable_bytes.store(syncing.durable_bytes, Ordering::Release);
    }
    syncing.finish(&writer).await?;
    slot.durable_bytes.store(syncing.durable_bytes, Ordering::Release);
    *progress = Progress { received_bytes: Some(writer.received_bytes), hasher: writer.hasher };
    Ok(writer.received_bytes)
}

/// Travels to the disk's threads and back. When it is lost to an error, the file tells what it knew.
struct Writer {
    file: Arc<File>,
    received_bytes: u64,
    hasher: Option<Sha256>,
}

impl Writer {
    async fn open(path: PathBuf, known: Progress) -> Result<Self, DatasetError> {
        let received_bytes = known.received_bytes.unwrap_or_default();
        let file = Arc::new(blocking(move || file::open(&path)).await?);
        Ok(Self { file, received_bytes, hasher: known.hasher })
    }

    async fn append(mut self, group: Vec<Bytes>) -> Result<Self, DatasetError> {
        blocking(move || {
            file::append(&self.file, &group)?;
            metrics::counter!("upload_received_bytes_total").increment(group.iter().map(|b| b.len() as u64).sum());
            for bytes in &group {
                self.received_bytes += bytes.len() as u64;
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(bytes);
                }
            }
            Ok(self)
        })
        .await
    }
}

/// Brings bytes to the disk while the next ones are written, so that the last sync finds little left to do.
struct Syncing {
    under_way: Option<JoinHandle<Result<u64, DatasetError>>>,
    durable_bytes: u64,
}

impl Syncing {
    /// Notes a sync that has ended and starts the next one when there is enough to do.
    async fn go_on(&mut self, writer: &Writer) -> Result<(), DatasetError> {
        if self.under_way.as_ref().is_some_and(JoinHandle::is_finished) {
            self.wait().await?;
        }
        if self.under_way.is_none() && writer.received_bytes - self.durable_bytes >= SYNC_EVERY_BYTES {
            self.start(writer);
        }
        Ok(())
    }

    async fn finish(&mut self, writer: &Writer) -> Result<(), DatasetError> {
        self.wait().await?;
        if self.durable_bytes < writer.received_bytes {
            self.start(writer);
        }
        self.wait().await
    }

    fn start(&mut self, writer: &Writer) {
        let (file, bytes) = (Arc::clone(&writer.file), writer.received_bytes);
        self.under_way = Some(tokio::spawn(blocking(move || file.sync_data().map(|()| bytes))));
    }

    async fn wait(&mut self) -> Result<(), DatasetError> {
        if let Some(under_way) = self.under_way.take() {
            self.durable_bytes = under_way.await.map_err(std::io::Error::other)??;
        }
        Ok(())
    }
}
