//! Uploads from their opening until their bytes are there: limits, resuming, cancelling, looking inside.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use fenxi_chassis::clock::micros;
use fenxi_tables::{ParseOptions, Preview, TableError};
use futures_util::{Stream, StreamExt as _};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    Datasets,
    error::DatasetError,
    model::{RequestId, Upload, UploadState, UploadStatus},
    name,
    reader::Source,
    staging::Appender,
    store::{NewUpload, UploadLimits, Usage},
};
use crate::objects::ContentId;

/// How long a stream may bring nothing before it is ended; what it brought stays.
const STREAM_IDLE_MAX: Duration = Duration::from_secs(60);
/// How long a closed upload is remembered, so that a repeated call finds it.
pub(super) const CLOSED_KEPT: Duration = Duration::from_secs(48 * 3600);
/// Rows of a preview, where none are asked for and at most.
const PREVIEW_ROWS: usize = 50;
const PREVIEW_ROWS_MAX: usize = 200;
/// How often the bytes of an upload can change their place: into the store, and away.
const MOVES_MAX: usize = 2;

impl Datasets {
    /// Opens an upload, if the file and the user's quota allow its size; or gives the one that this request opened.
    ///
    /// # Errors
    /// [`DatasetError::Field`], [`DatasetError::Quota`], [`DatasetError::DiskFull`], [`DatasetError::RequestIdReused`].
    pub async fn create_upload(
        &self,
        user_id: Uuid,
        file_name: &str,
        size_bytes: u64,
        declared: Option<ContentId>,
        request: RequestId,
    ) -> Result<UploadStatus, DatasetError> {
        let settings = &self.inner.settings;
        let file_name = name::file_name(file_name)?;
        // Before the limits: what was opened stays so, whatever has become of those.
        if let Some(upload_id) = self.inner.store.done_before(user_id, request).await? {
            return self.upload(user_id, upload_id).await;
        }
        if size_bytes > settings.upload_file_max_bytes {
            let text = format!("the file has {size_bytes} bytes; one file may have {}", settings.upload_file_max_bytes);
            return Err(DatasetError::Quota { limit: "upload_file_max_bytes", text });
        }
        self.inner.staging.check_room(size_bytes).await?;
        let now_micros = self.inner.frame.clock.now_micros();
        let new = NewUpload {
            upload_id: self.inner.frame.ids.next(),
            user_id,
            file_name,
            size_bytes,
            declared,
            expire_micros: self.expiry(now_micros),
        };
        let limits =
            UploadLimits { quota_bytes: settings.dataset_quota_bytes, open_uploads_max: settings.open_uploads_max };
        let created = self.inner.store.create_upload(new, limits, request, now_micros).await?;
        let upload = created.map_err(|usage| over_limits(size_bytes, limits, usage))?;
        self.status_of(upload).await
    }

    /// An upload as it stands.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`].
    pub async fn upload(&self, user_id: Uuid, upload_id: Uuid) -> Result<UploadStatus, DatasetError> {
        let _deciding = self.inner.uploads.lock(upload_id).await;
        let upload = self.inner.store.upload(user_id, upload_id).await?;
        self.status_of(upload).await
    }

    /// The open uploads of a user, newest first.
    ///
    /// # Errors
    /// What the database or the disk gives.
    pub async fn open_uploads(&self, user_id: Uuid) -> Result<Vec<UploadStatus>, DatasetError> {
        let open = self.inner.store.open_uploads(user_id, self.inner.settings.open_uploads_max).await?;
        let mut statuses = Vec::with_capacity(open.len());
        for upload in open {
            // Under the lock of each, because a completion moves its bytes. One that has ended since is none of them.
            let status = match self.upload(user_id, upload.upload_id).await {
                Err(DatasetError::NotFound) => continue,
                status => status?,
            };
            if status.upload.state == UploadState::Open {
                statuses.push(status);
            }
        }
        Ok(statuses)
    }

    /// Appends what `bytes` brings at `offset`, which must be where the upload stands. What was brought stays, also
    /// when the stream breaks; it is durable when this returns. An older stream of the same upload is ended.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`], [`DatasetError::Closed`], [`DatasetError::Offset`], [`DatasetError::Mismatch`] for
    /// more bytes than declared, [`DatasetError::StreamBroken`] and what `bytes` itself gives, [`DatasetError::Busy`],
    /// [`DatasetError::DiskFull`].
    pub async fn write_upload<S>(
        &self,
        user_id: Uuid,
        upload_id: Uuid,
        offset: u64,
        bytes: S,
    ) -> Result<UploadStatus, DatasetError>
    where
        S: Stream<Item = Result<Bytes, DatasetError>> + Send + Unpin + 'static,
    {
        let appender = {
            let _deciding = self.inner.uploads.lock(upload_id).await;
            let upload = self.open_upload(user_id, upload_id).await?;
            if upload.content.is_some() {
                return self.nothing_more(upload, offset, bytes).await;
            }
            self.inner.staging.append(user_id, upload_id, upload.size_bytes, offset).await?
        };
        // In a task of its own, because the caller's future ends with the connection.
        let this = self.clone();
        let drained = self.inner.tasks.spawn(async move { this.drain(upload_id, appender, bytes).await });
        drained.await.map_err(|_| DatasetError::Closing)??;
        self.upload(user_id, upload_id).await
    }

    /// Drops an upload and its bytes; done again it is done.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`]; [`DatasetError::Closed`] when it became a dataset; [`DatasetError::RequestIdReused`].
    pub async fn cancel_upload(
        &self,
        user_id: Uuid,
        upload_id: Uuid,
        request: Option<RequestId>,
    ) -> Result<(), DatasetError> {
        let _deciding = self.inner.uploads.lock(upload_id).await;
        let upload = self.inner.store.upload(user_id, upload_id).await?;
        if let UploadState::Complete(_) = upload.state {
            return Err(DatasetError::Closed("complete"));
        }
        let now_micros = self.inner.frame.clock.now_micros();
        let forget_micros = now_micros + micros(CLOSED_KEPT);
        self.inner.store.cancel_upload(user_id, upload_id, request, forget_micros, now_micros).await?;
        self.inner.staging.discard(upload_id).await
    }

    /// What would become of the bytes received so far, read with these options; 0 rows means 50.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`], [`DatasetError::Closed`], [`DatasetError::Field`], [`DatasetError::Table`].
    pub async fn preview_upload(
        &self,
        user_id: Uuid,
        upload_id: Uuid,
        options: ParseOptions,
        rows: usize,
    ) -> Result<Preview, DatasetError> {
        let rows = match rows {
            0 => PREVIEW_ROWS,
            rows if rows <= PREVIEW_ROWS_MAX => rows,
            rows => return Err(DatasetError::field("row_count", format!("is {rows}; give 1 to {PREVIEW_ROWS_MAX}"))),
        };
        // One of a user at a time, so that nobody's keep everybody else's waiting.
        let _turn = self.inner.looks.lock(user_id).await;
        let mut moves = 0;
        loop {
            let (path, whole, file_name) = {
                let _deciding = self.inner.uploads.lock(upload_id).await;
                let upload = self.open_upload(user_id, upload_id).await?;
                let (path, whole) = self.bytes_of(&upload).await?;
                (path, whole, upload.file_name)
            };
            let source = Source { path: path.clone(), file_name, options: options.clone() };
            let preview = self.inner.parser.preview(source, rows, whole).await;
            // Before they were opened the bytes were moved by a completion, or removed: what is there now is asked anew.
            let is_gone = preview.is_err() && !tokio::fs::try_exists(&path).await.unwrap_or(true);
            if !is_gone || moves == MOVES_MAX {
                return preview;
            }
            moves += 1;
        }
    }

    /// An upload that is open; the caller holds its lock.
    pub(super) async fn open_upload(&self, user_id: Uuid, upload_id: Uuid) -> Result<Upload, DatasetError> {
        let upload = self.inner.store.upload(user_id, upload_id).await?;
        match upload.state {
            UploadState::Open => Ok(upload),
            UploadState::Complete(_) => Err(DatasetError::Closed("complete")),
            UploadState::Cancelled => Err(DatasetError::Closed("cancelled or expired")),
        }
    }

    async fn status_of(&self, upload: Upload) -> Result<UploadStatus, DatasetError> {
        let received_bytes = match (upload.state, upload.content) {
            (UploadState::Open, None) => self.inner.staging.received_bytes(upload.upload_id).await?,
            (UploadState::Open, Some(_)) | (UploadState::Complete(_), _) => upload.size_bytes,
            (UploadState::Cancelled, _) => 0,
        };
        Ok(UploadStatus { upload, received_bytes })
    }

    /// Where the bytes of an upload are, and whether that is all of them.
    async fn bytes_of(&self, upload: &Upload) -> Result<(PathBuf, bool), DatasetError> {
        if let Some(content) = upload.content {
            return Ok((self.stored(upload.upload_id, content).await?, true));
        }
        let received_bytes = self.inner.staging.received_bytes(upload.upload_id).await?;
        if received_bytes == 0 {
            return Err(TableError::Empty("no bytes were received yet; send some first".to_owned()).into());
        }
        Ok((self.inner.staging.path(upload.upload_id), received_bytes == upload.size_bytes))
    }

    /// Reads a stream to its end, or until it breaks or must give way, and makes durable what it brought.
    async fn drain<S>(&self, upload_id: Uuid, mut appender: Appender, mut bytes: S) -> Result<(), DatasetError>
    where
        S: Stream<Item = Result<Bytes, DatasetError>> + Send + Unpin + 'static,
    {
        let drained = loop {
            let next = tokio::select! {
                biased;
                () = appender.superseded() => break Ok(false),
                () = self.inner.frame.lifecycle.stopping() => break Err(DatasetError::Closing),
                next = timeout(STREAM_IDLE_MAX, bytes.next()) => next,
            };
            match next {
                Ok(None) => break Ok(true),
                Ok(Some(Ok(bytes))) => {
                    if let Err(error) = appender.take(bytes).await {
                        break Err(error);
                    }
                }
                Ok(Some(Err(error))) => break Err(error),
                Err(_) => break Err(DatasetError::StreamBroken),
            }
        };
        // What the disk said goes before what the stream said: it is why the stream had to end.
        let received_bytes = appender.finish().await?;
        let expire_micros = self.expiry(self.inner.frame.clock.now_micros());
        self.inner.store.touch_upload(upload_id, expire_micros).await?;
        match drained {
            Ok(true) => Ok(()),
            Ok(false) => Err(appender.why_stopped(received_bytes)),
            Err(error) => Err(error),
        }
    }

    /// A stream to an upload that has all its bytes: there is nothing to add.
    async fn nothing_more<S>(&self, upload: Upload, offset: u64, mut bytes: S) -> Result<UploadStatus, DatasetError>
    where
        S: Stream<Item = Result<Bytes, DatasetError>> + Send + Unpin + 'static,
    {
        let size_bytes = upload.size_bytes;
        if offset != size_bytes {
            let problem = format!("offset is {offset}, and all {size_bytes} bytes were received");
            return Err(DatasetError::Offset { received_bytes: size_bytes, problem });
        }
        while let Ok(Some(next)) = timeout(STREAM_IDLE_MAX, bytes.next()).await {
            if !next?.is_empty() {
                return Err(DatasetError::Mismatch(format!("more bytes than the {size_bytes} declared")));
            }
        }
        self.status_of(upload).await
    }

    /// When an upload that is used now is dropped.
    pub(super) fn expiry(&self, now_micros: i64) -> i64 {
        now_micros + micros(Duration::from_secs(self.inner.settings.upload_idle_max_secs.into()))
    }
}

fn over_limits(size_bytes: u64, limits: UploadLimits, usage: Usage) -> DatasetError {
    if usage.open_upload_count >= u64::from(limits.open_uploads_max) {
        let text = format!("{} uploads are open; complete or cancel one of them", usage.open_upload_count);
        return DatasetError::Quota { limit: "open_uploads_max", text };
    }
    let text = format!(
        "the file has {size_bytes} bytes, and {} of your {} bytes are used; delete datasets or cancel uploads",
        usage.used_bytes, limits.quota_bytes
    );
    DatasetError::Quota { limit: "dataset_quota_bytes", text }
}
