//! Rows of stored bytes and of what parsing them gave.

use std::sync::Arc;

use fenxi_chassis::sqlite::{Row, Transaction};
use fenxi_tables::Warning;
use serde::Deserialize;
use sqlx::Row as _;

use super::{Store, broken, content, read, stored};
use crate::{
    datasets::{error::DatasetError, model::ParsedTable},
    objects::ContentId,
};

/// Columns whose figures are read without leaving the async runtime.
const COLUMNS_AT_ONCE_MAX: i64 = 500;

/// A content that nothing refers to.
#[derive(Clone, Debug)]
pub(in crate::datasets) struct Orphan {
    pub(in crate::datasets) content: ContentId,
    /// The columnar files made from it.
    pub(in crate::datasets) tables: Vec<ContentId>,
}

impl Store {
    /// What parsing gave before.
    pub(in crate::datasets) async fn parsed(
        &self,
        table_id: ContentId,
    ) -> Result<Option<Arc<ParsedTable>>, DatasetError> {
        let sql = "SELECT * FROM parsed_table WHERE table_id = $1";
        let row = sqlx::query(sql).bind(table_id.to_string()).fetch_optional(&self.database.reader).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Arc::new(whole(row, |row| table(row, true)).await?)))
    }

    /// Keeps what parsing gave, unless the content has gone meanwhile: then nobody would ever remove it.
    pub(in crate::datasets) async fn keep_parsed(
        &self,
        content: ContentId,
        table: Arc<ParsedTable>,
    ) -> Result<(), DatasetError> {
        let json = |value: serde_json::Result<String>| value.map_err(|_| broken("table"));
        let options = json(serde_json::to_string(&table.options))?;
        let warnings = json(serde_json::to_string(&table.warnings))?;
        let columns = json(serde_json::to_string(&table.columns))?;
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                let sql = "INSERT INTO parsed_table
                    (table_id, sha256, row_count, column_count, options, warnings, columns)
                    SELECT $1, sha256, $3, $4, $5, $6, $7 FROM content WHERE sha256 = $2
                    ON CONFLICT (table_id) DO NOTHING";
                sqlx::query(sql)
                    .bind(table.table_id.to_string())
                    .bind(content.to_string())
                    .bind(stored(table.row_count))
                    .bind(stored(table.column_count as u64))
                    .bind(options)
                    .bind(warnings)
                    .bind(columns)
                    .execute(transaction)
                    .await?;
                Ok::<_, DatasetError>(())
            })
        });
        write.await
    }

    /// Contents that nothing has referred to since before this time, the oldest first.
    pub(in crate::datasets) async fn orphans(
        &self,
        before_micros: i64,
        count_max: u32,
    ) -> Result<Vec<Orphan>, DatasetError> {
        let sql = "SELECT sha256 FROM content WHERE reference_count = 0 AND orphan_time < $1
            ORDER BY orphan_time LIMIT $2 + 0";
        let query = sqlx::query(sql).bind(before_micros).bind(i64::from(count_max));
        let mut orphans = Vec::new();
        for row in query.fetch_all(&self.database.reader).await? {
            let sum: String = row.try_get("sha256")?;
            let sql = "SELECT table_id FROM parsed_table WHERE sha256 = $1";
            let tables = sqlx::query(sql).bind(&sum).fetch_all(&self.database.reader).await?;
            let tables = tables.iter().map(|row| content(&row.try_get::<String, _>("table_id")?));
            orphans.push(Orphan { content: content(&sum)?, tables: tables.collect::<Result<_, DatasetError>>()? });
        }
        Ok(orphans)
    }

    /// Whether still nothing refers to a content.
    pub(in crate::datasets) async fn is_orphan(&self, content: ContentId) -> Result<bool, DatasetError> {
        let sql = "SELECT reference_count FROM content WHERE sha256 = $1";
        let row = sqlx::query(sql).bind(content.to_string()).fetch_optional(&self.database.reader).await?;
        row.map_or(Ok(true), |row| Ok(row.try_get::<i64, _>("reference_count")? == 0))
    }

    /// Forgets a content that nothing refers to, and what parsing it gave.
    pub(in crate::datasets) async fn forget_content(&self, content: ContentId) -> Result<(), DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                let sum = content.to_string();
                let sql = "DELETE FROM content WHERE sha256 = $1 AND reference_count = 0";
                if sqlx::query(sql).bind(&sum).execute(&mut *transaction).await?.rows_affected() == 1 {
                    let sql = "DELETE FROM parsed_table WHERE sha256 = $1";
                    sqlx::query(sql).bind(&sum).execute(transaction).await?;
                }
                Ok::<_, DatasetError>(())
            })
        });
        write.await
    }
}

/// One more refers to a content.
pub(super) async fn refer(
    transaction: &mut Transaction,
    content: ContentId,
    size_bytes: i64,
) -> Result<(), DatasetError> {
    let sql = "INSERT INTO content (sha256, size_bytes, reference_count) VALUES ($1, $2, 1)
        ON CONFLICT (sha256) DO UPDATE SET reference_count = content.reference_count + 1, orphan_time = NULL";
    sqlx::query(sql).bind(content.to_string()).bind(size_bytes).execute(transaction).await?;
    Ok(())
}

/// One less does.
pub(super) async fn release(
    transaction: &mut Transaction,
    content: ContentId,
    now_micros: i64,
) -> Result<(), DatasetError> {
    let sql = "UPDATE content SET reference_count = reference_count - 1,
        orphan_time = CASE WHEN reference_count = 1 THEN $2 ELSE NULL END WHERE sha256 = $1";
    sqlx::query(sql).bind(content.to_string()).bind(now_micros).execute(transaction).await?;
    Ok(())
}

/// Reads a row with all its columns' figures, which can be megabytes, where that may take its time.
pub(super) async fn whole<T: Send + 'static>(
    row: Row,
    read: fn(&Row) -> Result<T, DatasetError>,
) -> Result<T, DatasetError> {
    if row.try_get::<i64, _>("column_count")? <= COLUMNS_AT_ONCE_MAX {
        return read(&row);
    }
    let joined = tokio::task::spawn_blocking(move || read(&row)).await;
    joined.map_err(|error| DatasetError::Database(error.to_string()))?
}

/// A warning as rows have it: those from before warnings had kinds have its sentence.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredWarning {
    Sentence(String),
    Kind(Warning),
}

impl StoredWarning {
    fn warning(self) -> Warning {
        match self {
            Self::Sentence(text) => Warning::Other { text },
            Self::Kind(warning) => warning,
        }
    }
}

/// The parsed table in a row; without its columns, which can be large, where they are not wanted.
pub(super) fn table(row: &Row, with_columns: bool) -> Result<ParsedTable, DatasetError> {
    fn json<T: serde::de::DeserializeOwned>(row: &Row, column: &str) -> Result<T, DatasetError> {
        serde_json::from_str(row.try_get::<&str, _>(column)?).map_err(|_| broken("table"))
    }
    Ok(ParsedTable {
        table_id: content(row.try_get("table_id")?)?,
        row_count: read(row.try_get("row_count")?),
        column_count: usize::try_from(row.try_get::<i64, _>("column_count")?).unwrap_or(0),
        options: json(row, "options")?,
        warnings: json::<Vec<StoredWarning>>(row, "warnings")?.into_iter().map(StoredWarning::warning).collect(),
        columns: if with_columns { json(row, "columns")? } else { Vec::new() },
    })
}
