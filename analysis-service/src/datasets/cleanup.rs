//! What time and deletions leave behind: abandoned uploads, forgotten rows, bytes that nothing refers to.

use std::time::Duration;

use fenxi_chassis::clock::micros;
use uuid::Uuid;

use super::{Datasets, error::DatasetError, store::Orphan};

/// How often the room is swept.
const INTERVAL: Duration = Duration::from_secs(30);
/// How long a request_id is remembered.
const REQUESTS_KEPT: Duration = Duration::from_secs(48 * 3600);
/// Uploads and contents of one sweep, so that it ends soon; the next one goes on.
const SWEEP_MAX: u32 = 200;

impl Datasets {
    /// Sweeps now and then until the service stops; [`Datasets::close`] waits for the last sweep.
    pub async fn keep_clean(self) {
        let _tracked = self.inner.tasks.token();
        while !self.inner.frame.lifecycle.is_stopping() {
            if let Err(error) = self.clean().await {
                tracing::error!(%error, "cleaning up after uploads and datasets failed; it is tried again");
            }
            tokio::select! {
                () = self.inner.frame.lifecycle.stopping() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// Sweeps once: drops expired uploads, removes bytes that nothing refers to, forgets what is long done.
    ///
    /// # Errors
    /// Those of the database and of the disk; what was swept before stays swept.
    pub async fn clean(&self) -> Result<(), DatasetError> {
        let now_micros = self.inner.frame.clock.now_micros();
        for upload in self.inner.store.expired_uploads(now_micros, SWEEP_MAX).await? {
            if !self.inner.staging.is_writing(upload.upload_id) {
                tracing::info!(upload_id = %upload.upload_id, "an abandoned upload is dropped");
                self.cancel_upload(upload.user_id, upload.upload_id, None).await?;
            }
        }
        for upload_id in self.on_disk().await? {
            self.drop_stray(upload_id).await?;
        }
        for orphan in self.inner.store.orphans(now_micros, SWEEP_MAX).await? {
            self.remove(orphan).await?;
        }
        self.inner.store.forget_uploads(now_micros).await?;
        self.inner.store.forget_requests(now_micros - micros(REQUESTS_KEPT)).await?;
        Ok(())
    }

    async fn on_disk(&self) -> Result<Vec<Uuid>, DatasetError> {
        let staging = self.inner.staging.clone();
        let listed = tokio::task::spawn_blocking(move || staging.uploads_on_disk()).await;
        Ok(listed.map_err(std::io::Error::other)??)
    }

    /// Removes arriving bytes whose upload is closed: a crash came between the two.
    async fn drop_stray(&self, upload_id: Uuid) -> Result<(), DatasetError> {
        let _deciding = self.inner.uploads.lock(upload_id).await;
        if self.inner.store.is_arriving(upload_id).await? {
            return Ok(());
        }
        self.inner.staging.discard(upload_id).await
    }

    async fn remove(&self, orphan: Orphan) -> Result<(), DatasetError> {
        let _moving = self.inner.contents.lock(orphan.content).await;
        if !self.inner.store.is_orphan(orphan.content).await? {
            return Ok(());
        }
        // The bytes first: a crash in between leaves a row, which the next sweep finds, and never bytes without one.
        self.inner.objects.remove(orphan.content).await?;
        for table_id in orphan.tables {
            self.inner.cache.let_go(table_id);
        }
        self.inner.store.forget_content(orphan.content).await
    }
}
