//! The columnar files of datasets: shown in pieces, handed to kernels, made again when the cache let them go.

use std::path::{Path, PathBuf};

use fenxi_tables::{Column, ParseOptions, Table, TableError};
use uuid::Uuid;

use super::{
    Datasets,
    cache::Hold,
    error::DatasetError,
    fit,
    model::{Dataset, DatasetSlice, ParsedTable, TableForKernel},
    parser::Window,
    reader::Source,
    variable,
};
use crate::objects::ContentId;

impl Datasets {
    /// Cells of a dataset.
    ///
    /// # Errors
    /// [`DatasetError::NotFound`], [`DatasetError::Busy`], [`DatasetError::DiskFull`]; [`DatasetError::Table`] where the
    /// columnar file had to be made again and became another table.
    pub async fn preview(&self, user_id: Uuid, dataset_id: Uuid, window: Window) -> Result<DatasetSlice, DatasetError> {
        let dataset = self.brief(user_id, dataset_id).await?;
        let hold = self.columnar(&dataset).await?;
        let slice = self.inner.parser.slice(hold.path(), window).await?;
        drop(hold);
        let (total_rows, total_columns) = (dataset.table.row_count, dataset.table.column_count);
        Ok(DatasetSlice { slice, total_rows, total_columns })
    }

    /// A dataset's table for a kernel, made again first where the cache let it go.
    ///
    /// # Errors
    /// As [`Datasets::preview`].
    pub async fn table_for_kernel(&self, user_id: Uuid, dataset_id: Uuid) -> Result<TableForKernel, DatasetError> {
        let dataset = self.brief(user_id, dataset_id).await?;
        let hold = self.columnar(&dataset).await?;
        Ok(TableForKernel {
            dataset_id,
            variable_name: variable::variable_name(&dataset.name),
            name: dataset.name,
            path: hold.path(),
            hold,
        })
    }

    async fn columnar(&self, dataset: &Dataset) -> Result<Hold, DatasetError> {
        if let Some(hold) = self.ready(dataset.table.table_id).await {
            metrics::counter!("columnar_cache_hits_total").increment(1);
            return Ok(hold);
        }
        metrics::counter!("columnar_cache_misses_total").increment(1);
        let this = self.clone();
        let (table_id, content, file_name) = (dataset.table.table_id, dataset.content, dataset.file_name.clone());
        // The options found at the first parsing, so that nothing is detected in another way this time.
        let options = dataset.table.options.clone();
        let build = async move {
            if let Some(hold) = this.ready(table_id).await {
                return Ok(hold);
            }
            let before = this.inner.store.parsed(table_id).await?.ok_or(DatasetError::NotFound)?;
            let (mut table, made) = this.convert(content, file_name, options).await?;
            // As what is kept was made to fit.
            fit::columns(&mut table.columns, &mut table.warnings);
            if let Some(difference) = difference(&before, &table) {
                tracing::error!(%table_id, "a table is read otherwise than before");
                made.clear().await;
                return Err(otherwise(&difference).into());
            }
            this.keep(table_id, made).await
        };
        self.inner.builds.run(table_id, build).await
    }

    /// The file, if the cache has it and nobody took it from the folder.
    async fn ready(&self, table_id: ContentId) -> Option<Hold> {
        let hold = self.inner.cache.get(table_id)?;
        tokio::fs::try_exists(hold.path()).await.is_ok_and(|exists| exists).then_some(hold)
    }

    /// Parses a stored content into a columnar file that the cache keeps.
    pub(super) async fn make_columnar(
        &self,
        table_id: ContentId,
        content: ContentId,
        file_name: String,
        options: ParseOptions,
    ) -> Result<(Table, Hold), DatasetError> {
        let (table, made) = self.convert(content, file_name, options).await?;
        Ok((table, self.keep(table_id, made).await?))
    }

    /// Parses a stored content into a columnar file beside the cache.
    async fn convert(
        &self,
        content: ContentId,
        file_name: String,
        options: ParseOptions,
    ) -> Result<(Table, Aside), DatasetError> {
        let aside = Aside::make(self.inner.cache.aside()).await?;
        let path = self.inner.objects.path(content);
        match self.inner.parser.convert(Source { path, file_name, options }, aside.table()).await {
            Ok(table) => Ok((table, aside)),
            Err(error) => {
                aside.clear().await;
                Err(error)
            }
        }
    }

    /// Gives a columnar file to the cache.
    async fn keep(&self, table_id: ContentId, aside: Aside) -> Result<Hold, DatasetError> {
        let (cache, made) = (self.inner.cache.clone(), aside.table());
        let kept = tokio::task::spawn_blocking(move || cache.put(table_id, &made)).await;
        aside.clear().await;
        let hold = kept.map_err(std::io::Error::other)??;
        let (cache, held) = (self.inner.cache.clone(), hold.clone());
        self.inner.tasks.spawn(async move { cache.settle(held).await });
        metrics::counter!("columnar_cache_builds_total").increment(1);
        Ok(hold)
    }
}

/// A folder for one file that is being made, and for whatever its maker leaves when it is ended.
struct Aside(PathBuf);

impl Aside {
    async fn make(path: PathBuf) -> std::io::Result<Self> {
        tokio::fs::create_dir(&path).await?;
        Ok(Self(path))
    }

    fn table(&self) -> PathBuf {
        self.0.join("table")
    }

    async fn clear(mut self) {
        let path = std::mem::take(&mut self.0);
        let _ = tokio::task::spawn_blocking(move || remove(&path)).await;
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.0);
        // Its maker was given up.
        if !path.as_os_str().is_empty() {
            tokio::task::spawn_blocking(move || remove(&path));
        }
    }
}

/// As well as can be: what is left aside is cleared at the next start.
fn remove(aside: &Path) {
    let _ = std::fs::remove_dir_all(aside);
}

/// What a table that was made again has otherwise than the one that the dataset shows, if anything.
fn difference(before: &ParsedTable, now: &Table) -> Option<String> {
    if now.row_count != before.row_count {
        return Some(format!("it had {} rows and has {}", before.row_count, now.row_count));
    }
    if now.columns.len() != before.column_count {
        return Some(format!("it had {} columns and has {}", before.column_count, now.columns.len()));
    }
    let same = |(before, now): &(&Column, &Column)| before.name == now.name && before.arrow_type == now.arrow_type;
    let (before, now) = before.columns.iter().zip(&now.columns).find(|pair| !same(pair))?;
    let shown = |column: &Column| format!("\"{}\" ({})", column.name, column.arrow_type);
    Some(format!("the column {} is {} now", shown(before), shown(now)))
}

/// A kernel must not load another table under the same name: code written for the one would give wrong answers with
/// the other, and say nothing.
fn otherwise(difference: &str) -> TableError {
    let problem = format!(
        "the file is read otherwise now than when this dataset was made: {difference}. Delete the dataset and upload the \
         file again"
    );
    TableError::Unreadable { place: None, problem }
}
