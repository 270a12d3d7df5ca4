//! Reading files on threads of their own: so many at once, so many waiting, the rest refused.

use std::{
    io,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use fenxi_tables::{Cancel, ColumnarFile, Limits, ParseOptions, Preview, Table, TableError, TableSlice};
use tokio::sync::Semaphore;

use super::{error::DatasetError, fit, settings::DatasetSettings};

/// Files that may wait to be parsed.
const PARSE_QUEUE_MAX: usize = 64;
/// Previews rendered at once; they are short.
const PREVIEWS_MAX: usize = 4;
/// Previews that may wait.
const PREVIEW_QUEUE_MAX: usize = 256;

/// The threads that read files.
#[derive(Debug)]
pub(super) struct Parser {
    parses: Lane,
    previews: Lane,
    limits: Limits,
    cancel: Cancel,
}

/// Some at once, some waiting.
#[derive(Debug)]
struct Lane {
    permits: Semaphore,
    inside: AtomicUsize,
    inside_max: usize,
}

/// Which cells.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The first row, from 0.
    pub row_offset: u64,
    /// Rows wanted.
    pub row_count: usize,
    /// The first column, from 0.
    pub column_offset: usize,
    /// Columns wanted.
    pub column_count: usize,
}

impl Parser {
    pub(super) fn new(settings: &DatasetSettings) -> Self {
        let limits = Limits {
            memory_max_bytes: usize::try_from(settings.parse_memory_max_bytes).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        Self {
            parses: Lane::new(usize::from(settings.parses_max), PARSE_QUEUE_MAX),
            previews: Lane::new(PREVIEWS_MAX, PREVIEW_QUEUE_MAX),
            limits,
            cancel: Cancel::default(),
        }
    }

    /// Parses a whole file into a columnar one at `out`; nothing stays there when it fails.
    pub(super) async fn convert(
        &self,
        path: PathBuf,
        file_name: String,
        options: ParseOptions,
        out: PathBuf,
    ) -> Result<Table, DatasetError> {
        let (limits, cancel) = (self.limits.clone(), self.cancel.clone());
        let convert = move || {
            let table = fenxi_tables::convert(&path, &file_name, &options, &out, &limits, &cancel);
            if table.is_err() {
                // Best effort: what is left aside is cleared at the next start.
                let _ = std::fs::remove_file(&out);
            }
            table
        };
        self.parses.run(convert).await
    }

    /// What would become of a file that may still be arriving.
    pub(super) async fn preview(
        &self,
        path: PathBuf,
        file_name: String,
        options: ParseOptions,
        rows: usize,
    ) -> Result<Preview, DatasetError> {
        let limits = self.limits.clone();
        let preview = move || {
            let mut preview = fenxi_tables::preview(&path, &file_name, &options, rows, &limits)?;
            fit::shorten(&mut preview.slice);
            Ok(preview)
        };
        self.previews.run(preview).await
    }

    /// Cells of a columnar file, as many rows as fit into an answer.
    pub(super) async fn slice(&self, path: PathBuf, window: Window) -> Result<TableSlice, DatasetError> {
        self.previews.run(move || fit::slice(&ColumnarFile::open(&path)?, window)).await
    }

    /// Ends what is being parsed, soon.
    pub(super) fn stop(&self) {
        self.cancel.cancel();
    }
}

impl Lane {
    fn new(at_once_max: usize, queue_max: usize) -> Self {
        Self { permits: Semaphore::new(at_once_max), inside: AtomicUsize::new(0), inside_max: at_once_max + queue_max }
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, TableError> + Send + 'static,
    ) -> Result<T, DatasetError> {
        let _inside = Inside::enter(self)?;
        let _permit = self.permits.acquire().await.map_err(|_| DatasetError::Closing)?;
        let joined = tokio::task::spawn_blocking(job).await;
        joined
            .map_err(|error| {
                tracing::error!(%error, "reading a file panicked");
                DatasetError::from(io::Error::other("reading the file failed in an unforeseen way"))
            })?
            .map_err(DatasetError::from)
    }
}

/// A place in a lane, given back when the waiting or the work ends.
struct Inside<'a>(&'a Lane);

impl<'a> Inside<'a> {
    fn enter(lane: &'a Lane) -> Result<Self, DatasetError> {
        let entered = lane.inside.fetch_add(1, Ordering::SeqCst) < lane.inside_max;
        let inside = Self(lane);
        if entered { Ok(inside) } else { Err(DatasetError::Busy("as many files wait to be read as the service takes")) }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}
