//! Whose turn it is to have a file read: so many at once, so many waiting, the rest refused.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use fenxi_tables::{ColumnarFile, Limits, Preview, Table, TableSlice};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    error::DatasetError,
    fit,
    reader::{Reader, Source},
    settings::DatasetSettings,
};

/// Files that may wait to be parsed.
const PARSE_QUEUE_MAX: usize = 64;
/// Files that are looked into at once before they are parsed. A workbook is read whole for it.
const PREVIEWS_MAX: usize = 2;
/// Pieces of columnar files rendered at once; they are short.
const SLICES_MAX: usize = 4;
/// Previews and pieces that may wait.
const PREVIEW_QUEUE_MAX: usize = 256;

/// The turns to read files.
#[derive(Debug)]
pub(super) struct Parser {
    reader: Reader,
    parses: Lane,
    previews: Lane,
    slices: Lane,
}

/// Some at once, some waiting.
#[derive(Debug)]
struct Lane {
    permits: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
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
    /// # Errors
    /// There is no program that reads files.
    pub(super) fn new(settings: &DatasetSettings) -> io::Result<Self> {
        let limits = Limits {
            memory_max_bytes: usize::try_from(settings.parse_memory_max_bytes).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        Ok(Self {
            reader: Reader::new(settings.reader()?, limits),
            parses: Lane::new(usize::from(settings.parses_max), PARSE_QUEUE_MAX),
            previews: Lane::new(PREVIEWS_MAX, PREVIEW_QUEUE_MAX),
            slices: Lane::new(SLICES_MAX, PREVIEW_QUEUE_MAX),
        })
    }

    /// Parses a whole file into a columnar one at `out`.
    pub(super) async fn convert(&self, source: Source, out: PathBuf) -> Result<Table, DatasetError> {
        let _place = self.parses.enter().await?;
        self.reader.convert(source, out).await
    }

    /// What would become of a file that may still be arriving, unless it is `whole`.
    pub(super) async fn preview(&self, source: Source, rows: usize, whole: bool) -> Result<Preview, DatasetError> {
        let _place = self.previews.enter().await?;
        let mut preview = self.reader.preview(source, rows, whole).await?;
        fit::shorten(&mut preview.slice);
        Ok(preview)
    }

    /// Cells of a columnar file, as many rows as fit into an answer.
    pub(super) async fn slice(&self, path: PathBuf, window: Window) -> Result<TableSlice, DatasetError> {
        let place = self.slices.enter().await?;
        let slice = move || {
            // Kept to the end of the work, also when nobody waits for it any more.
            let _place = place;
            fit::slice(&ColumnarFile::open(&path)?, window)
        };
        let joined = tokio::task::spawn_blocking(slice).await;
        joined
            .map_err(|error| {
                tracing::error!(%error, "reading a columnar file panicked");
                DatasetError::from(io::Error::other("reading the table failed in an unforeseen way"))
            })?
            .map_err(DatasetError::from)
    }

    /// Ends what is being parsed, soon.
    pub(super) fn stop(&self) {
        self.reader.stop();
    }
}

impl Lane {
    fn new(at_once_max: usize, queue_max: usize) -> Self {
        let permits = Arc::new(Semaphore::new(at_once_max));
        Self { permits, inside: Arc::default(), inside_max: at_once_max + queue_max }
    }

    /// Waits for its turn.
    async fn enter(&self) -> Result<Place, DatasetError> {
        let inside = Inside::enter(self)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| DatasetError::Closing)?;
        Ok(Place { _inside: inside, _permit: permit })
    }
}

/// A turn in a lane.
#[derive(Debug)]
struct Place {
    _inside: Inside,
    _permit: OwnedSemaphorePermit,
}

/// A place in a lane, given back when the waiting or the work ends.
#[derive(Debug)]
struct Inside(Arc<AtomicUsize>);

impl Inside {
    fn enter(lane: &Lane) -> Result<Self, DatasetError> {
        let entered = lane.inside.fetch_add(1, Ordering::SeqCst) < lane.inside_max;
        let inside = Self(Arc::clone(&lane.inside));
        if entered { Ok(inside) } else { Err(DatasetError::Busy("as many files wait to be read as the service takes")) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn so_many_are_inside_and_no_more() {
        let lane = Lane::new(1, 1);
        let first = lane.enter().await.expect("free");
        let mut second = Box::pin(lane.enter());
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(matches!(lane.enter().await, Err(DatasetError::Busy(_))));
        drop(first);
        let second = second.await.expect("its turn");
        let third = Box::pin(lane.enter());
        drop((second, third));
        lane.enter().await.expect("who has gone holds no place");
    }
}
