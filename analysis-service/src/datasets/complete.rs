//! From the bytes of an upload to a dataset: size and sum are checked, the bytes move to the store, the file is parsed,
//! and the rows are made. Each step can be taken again after a failure or a crash and then continues where it was; the
//! whole runs in a task of its own, so that a caller who leaves finds the dataset when coming back.

use std::{path::PathBuf, sync::Arc};

use fenxi_chassis::clock::micros;
use fenxi_tables::{ParseOptions, TableError};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Datasets,
    error::DatasetError,
    fit,
    model::{Dataset, ParsedTable, RequestId, Upload, UploadState},
    name,
    store::NewDataset,
    upload::CLOSED_KEPT,
};
use crate::objects::ContentId;

/// How an upload is to become a dataset.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The upload.
    pub upload_id: Uuid,
    /// How to read the file.
    pub options: ParseOptions,
    /// The dataset's name; empty: the file's without its ending.
    pub name: String,
    /// The sum that the bytes must have, if given.
    pub sum: Option<ContentId>,
    /// The caller's id of this call.
    pub request: RequestId,
}

impl Datasets {
    /// Makes the dataset of an upload that has all its bytes, or gives the one that it became.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`], [`DatasetError::Closed`], [`DatasetError::Mismatch`], [`DatasetError::Table`] with
    /// the upload as open as before, [`DatasetError::Field`], [`DatasetError::Busy`], [`DatasetError::DiskFull`].
    pub async fn complete_upload(&self, user_id: Uuid, completion: Completion) -> Result<Dataset, DatasetError> {
        let this = self.clone();
        let completed = self.inner.tasks.spawn(async move { this.complete(user_id, completion).await });
        completed.await.map_err(|_| DatasetError::Closing)?
    }

    async fn complete(&self, user_id: Uuid, completion: Completion) -> Result<Dataset, DatasetError> {
        let store = &self.inner.store;
        if let Some(dataset_id) = store.done_before(user_id, completion.request).await? {
            return store.dataset(user_id, dataset_id).await;
        }
        let named = match completion.name.as_str() {
            "" => None,
            given => Some(name::dataset_name(given)?),
        };
        let (upload, content) = match self.seal(user_id, &completion).await? {
            Sealed::Open(upload, content) => (upload, content),
            Sealed::Complete(dataset_id) => {
                let now_micros = self.inner.frame.clock.now_micros();
                store.note_request(user_id, completion.request, dataset_id, now_micros).await?;
                return store.dataset(user_id, dataset_id).await;
            }
        };
        let table = self.parse(user_id, content, &upload.file_name, completion.options).await?;
        let now_micros = self.inner.frame.clock.now_micros();
        let new = NewDataset {
            dataset_id: self.inner.frame.ids.next(),
            user_id,
            upload_id: upload.upload_id,
            name: named.unwrap_or_else(|| name::from_file_name(&upload.file_name)),
            file_name: upload.file_name,
            content,
            size_bytes: upload.size_bytes,
            table_id: table.table_id,
            create_micros: now_micros,
            forget_micros: now_micros + micros(CLOSED_KEPT),
        };
        let dataset_id = store.create_dataset(new, completion.request).await?;
        let (size_bytes, rows, columns) = (upload.size_bytes, table.row_count, table.column_count);
        tracing::info!(%dataset_id, upload_id = %upload.upload_id, size_bytes, rows, columns, "an upload is a dataset");
        store.dataset(user_id, dataset_id).await
    }

    /// Checks the bytes and moves them to the store.
    async fn seal(&self, user_id: Uuid, completion: &Completion) -> Result<Sealed, DatasetError> {
        let upload_id = completion.upload_id;
        let _deciding = self.inner.uploads.lock(upload_id).await;
        let upload = self.inner.store.upload(user_id, upload_id).await?;
        if let (UploadState::Complete(dataset_id), Some(content)) = (upload.state, upload.content) {
            check_sums(content, None, completion.sum)?;
            return Ok(Sealed::Complete(dataset_id));
        }
        let upload = self.open_upload(user_id, upload_id).await?;
        if upload.size_bytes == 0 {
            return Err(TableError::Empty("the file is empty: there is no table in 0 bytes".to_owned()).into());
        }
        let content = match upload.content {
            Some(content) => content,
            None => self.sum_of_all(&upload).await?,
        };
        check_sums(content, upload.declared, completion.sum)?;
        // The row first: then a crash leaves either the file here or the object there, and `stored` finds both.
        let _moving = self.inner.contents.lock(content).await;
        let expire_micros = self.expiry(self.inner.frame.clock.now_micros());
        let upload = self.inner.store.seal_upload(user_id, upload_id, content, expire_micros).await?;
        self.adopt(upload_id, content).await?;
        Ok(Sealed::Open(upload, content))
    }

    async fn sum_of_all(&self, upload: &Upload) -> Result<ContentId, DatasetError> {
        let incomplete = |received_bytes: u64| {
            let text = format!("{received_bytes} of {} bytes were received; send the rest first", upload.size_bytes);
            DatasetError::Mismatch(text)
        };
        let received_bytes = self.inner.staging.received_bytes(upload.upload_id).await?;
        if received_bytes != upload.size_bytes {
            return Err(incomplete(received_bytes));
        }
        let (summed_bytes, content) = self.inner.staging.sum(upload.upload_id).await?;
        if summed_bytes == upload.size_bytes { Ok(content) } else { Err(incomplete(summed_bytes)) }
    }

    /// Where the bytes of a sealed upload are; finishes a move that a crash cut short.
    pub(super) async fn stored(&self, upload_id: Uuid, content: ContentId) -> Result<PathBuf, DatasetError> {
        let _moving = self.inner.contents.lock(content).await;
        self.adopt(upload_id, content).await?;
        Ok(self.inner.objects.path(content))
    }

    async fn adopt(&self, upload_id: Uuid, content: ContentId) -> Result<(), DatasetError> {
        self.inner.objects.adopt(content, self.inner.staging.path(upload_id)).await?;
        self.inner.staging.forget(upload_id);
        Ok(())
    }

    /// What parsing this content with these options gives: from before, from the one under way, or now.
    async fn parse(
        &self,
        user_id: Uuid,
        content: ContentId,
        file_name: &str,
        options: ParseOptions,
    ) -> Result<Arc<ParsedTable>, DatasetError> {
        let table_id = table_id(content, file_name, &options);
        if let Some(table) = self.inner.store.parsed(table_id).await? {
            return Ok(table);
        }
        let this = self.clone();
        let file_name = file_name.to_owned();
        let parse = async move {
            // One file of a user at a time, so that nobody's files keep everybody else's waiting.
            let _turn = this.inner.turns.lock(user_id).await;
            // It may have landed since the look before.
            if let Some(table) = this.inner.store.parsed(table_id).await? {
                return Ok(table);
            }
            this.parse_now(table_id, content, file_name, options).await
        };
        self.inner.parses.run(table_id, parse).await
    }

    async fn parse_now(
        &self,
        table_id: ContentId,
        content: ContentId,
        file_name: String,
        options: ParseOptions,
    ) -> Result<Arc<ParsedTable>, DatasetError> {
        let (mut table, hold) = self.make_columnar(table_id, content, file_name, options).await?;
        fit::columns(&mut table.columns, &mut table.warnings);
        let table = Arc::new(ParsedTable {
            table_id,
            row_count: table.row_count,
            column_count: table.columns.len(),
            options: table.options,
            warnings: table.warnings,
            columns: table.columns,
        });
        self.inner.store.keep_parsed(content, Arc::clone(&table)).await?;
        drop(hold);
        metrics::counter!("dataset_parses_total").increment(1);
        Ok(table)
    }
}

fn check_sums(content: ContentId, declared: Option<ContentId>, given: Option<ContentId>) -> Result<(), DatasetError> {
    for (expected, whose) in [(declared, "declared at the start"), (given, "given now")] {
        if let Some(expected) = expected.filter(|expected| *expected != content) {
            let text = format!("the bytes have SHA-256 {content}, not {expected} as {whose}");
            return Err(DatasetError::Mismatch(text + "; check it, or cancel and upload the file again"));
        }
    }
    Ok(())
}

enum Sealed {
    Open(Upload, ContentId),
    Complete(Uuid),
}

/// The name of what parsing gives. The file's ending is in it because detection may look at it.
fn table_id(content: ContentId, file_name: &str, options: &ParseOptions) -> ContentId {
    let mut hasher = Sha256::default();
    hasher.update(content.as_bytes());
    hasher.update(fenxi_tables::READING.to_le_bytes());
    // `Debug` of plain enums, texts and characters: the same for the same options, and unambiguous.
    hasher.update(format!("{options:?}\n{:?}", name::ending(file_name)));
    ContentId::finish(hasher)
}
