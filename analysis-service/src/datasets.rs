//! Uploads and datasets: bytes arrive, are checked, stored once by their sum, parsed once into a columnar file, and
//! shown. Every function takes the user who asks; what is another user's is as unknown as what does not exist.
//!
//! How much a user has: each different content of their datasets once, however many of their datasets have it, and the
//! declared size of each open upload. Others who store the same bytes change nothing in it, so nobody learns from it
//! what others have.
//!
//! This room knows no gRPC and no kernels; the rpc layer calls it, and kernels are handed [`TableForKernel`]s.

mod cache;
mod cleanup;
mod complete;
pub mod error;
mod fit;
mod flights;
pub mod model;
mod name;
mod parser;
mod reader;
mod settings;
mod staging;
mod store;
mod tables;
mod upload;
pub mod variable;

use std::{io, path::Path, sync::Arc};

use bytes::Bytes;
use fenxi_chassis::{program::Frame, sqlite::Database};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::objects::{ContentId, Objects};

pub use cache::Hold;
pub use complete::Completion;
pub use error::DatasetError;
pub use model::{
    Dataset, DatasetPage, DatasetSlice, ParsedTable, RequestId, TableForKernel, Upload, UploadState, UploadStatus,
};
pub use parser::Window;
pub use settings::DatasetSettings;
pub use store::STEPS;

use cache::Cache;
use flights::{Flights, KeyLocks};
use parser::Parser;
use staging::Staging;
use store::Store;

/// The room. Cheap to clone.
#[derive(Clone)]
pub struct Datasets {
    inner: Arc<Inner>,
}

struct Inner {
    settings: DatasetSettings,
    frame: Frame,
    store: Store,
    staging: Staging,
    objects: Objects,
    cache: Cache,
    parser: Parser,
    /// Files being parsed for the first time.
    parses: Flights<Arc<ParsedTable>>,
    /// Columnar files being made again.
    builds: Flights<Hold>,
    /// Held while it is decided what becomes of an upload, never while its bytes arrive.
    uploads: KeyLocks<Uuid>,
    /// Held while a content is moved in or out of the store.
    contents: KeyLocks<ContentId>,
    /// Held while a file of the user is parsed.
    turns: KeyLocks<Uuid>,
    /// Whose file is looked into before it is parsed.
    looks: KeyLocks<Uuid>,
    tasks: TaskTracker,
}

impl Datasets {
    /// Opens the folders below `data`, makes them where missing, and takes up what an earlier process left. Blocks on
    /// the disk; called once at start.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(data: &Path, settings: DatasetSettings, database: Database, frame: Frame) -> std::io::Result<Self> {
        let tasks = TaskTracker::new();
        let inner = Inner {
            store: Store::new(database),
            staging: Staging::open(&data.join("uploads"), tasks.clone())?,
            objects: Objects::open(&data.join("objects").join("datasets"))?,
            cache: Cache::open(&data.join("columnar"), settings.columnar_cache_max_bytes)?,
            parser: Parser::new(&settings)?,
            parses: Flights::new(tasks.clone()),
            builds: Flights::new(tasks.clone()),
            uploads: KeyLocks::default(),
            contents: KeyLocks::default(),
            turns: KeyLocks::default(),
            looks: KeyLocks::default(),
            settings,
            frame,
            tasks,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The user's datasets before `before` (all, where `None`), newest first, whose name contains `query`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn list(
        &self,
        user_id: Uuid,
        before: Option<Uuid>,
        query: &str,
        page_size: u32,
    ) -> Result<DatasetPage, DatasetError> {
        let query = name::query(query)?;
        let before = before.unwrap_or(Uuid::max());
        let (mut datasets, usage) = self.inner.store.datasets(user_id, before, &query, page_size + 1).await?;
        let has_more = datasets.len() > page_size as usize;
        datasets.truncate(page_size as usize);
        Ok(DatasetPage {
            next: datasets.last().map(|last| last.dataset_id).filter(|_| has_more),
            datasets,
            total: usage.dataset_count,
            used_bytes: usage.used_bytes,
            quota_bytes: self.inner.settings.dataset_quota_bytes,
        })
    }

    /// One dataset with its columns.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`].
    pub async fn get(&self, user_id: Uuid, dataset_id: Uuid) -> Result<Dataset, DatasetError> {
        self.inner.store.dataset(user_id, dataset_id).await
    }

    /// One dataset without its columns, which can be many.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`].
    pub async fn brief(&self, user_id: Uuid, dataset_id: Uuid) -> Result<Dataset, DatasetError> {
        self.inner.store.brief(user_id, dataset_id).await
    }

    /// At most `max_bytes` bytes of the file with this content, which is a dataset's, from the byte at `offset`.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`] where the dataset was deleted since, [`DatasetError::Disk`].
    pub async fn read_file(&self, content: ContentId, offset: u64, max_bytes: u64) -> Result<Bytes, DatasetError> {
        self.inner.objects.read(content, offset, max_bytes).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DatasetError::NotFound,
            _ => error.into(),
        })
    }

    /// Gives a dataset another name, 1 to 200 characters.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`], [`DatasetError::Field`].
    pub async fn rename(
        &self,
        user_id: Uuid,
        dataset_id: Uuid,
        name: &str,
        request: Option<RequestId>,
    ) -> Result<Dataset, DatasetError> {
        let name = name::dataset_name(name)?;
        let now_micros = self.inner.frame.clock.now_micros();
        self.inner.store.rename_dataset(user_id, dataset_id, name, request, now_micros).await?;
        self.brief(user_id, dataset_id).await
    }

    /// Deletes a dataset. Kernels that hold its table keep it; its bytes go when nothing refers to them any more.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`], also when it is deleted already, unless by the same request.
    pub async fn delete(
        &self,
        user_id: Uuid,
        dataset_id: Uuid,
        request: Option<RequestId>,
    ) -> Result<(), DatasetError> {
        let now_micros = self.inner.frame.clock.now_micros();
        self.inner.store.delete_dataset(user_id, dataset_id, request, now_micros).await
    }

    /// Bytes of the columnar files kept ready.
    #[must_use]
    pub fn columnar_bytes(&self) -> u64 {
        self.inner.cache.total_bytes()
    }

    /// Ends what is under way: parsing is cancelled, bytes that were received are kept.
    pub async fn close(&self) {
        self.inner.parser.stop();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}
