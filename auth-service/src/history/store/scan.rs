//! Rows to pick from, one by one, for lists whose filters no key answers.

use sqlx::{Row as _, SqlitePool};
use uuid::Uuid;

use super::{super::entry::Entry, packed, pages::Range};
use crate::store::StoreError;

/// Where the rows come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// All entries of the user.
    All,
    /// Those that used this dataset.
    Dataset(Uuid),
    /// Those that were deleted after this time.
    Deleted(i64),
}

/// A row to look at.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) entry: Entry,
    /// Empty unless it was asked for.
    pub(crate) code: String,
}

macro_rules! scan_sql {
    ($code:literal, $join:literal, $delete_time:literal, $tables:literal, $key:literal, $rule:literal) => {
        concat!(
            "SELECT h.summary, ",
            $delete_time,
            ", ",
            $code,
            " FROM ",
            $tables,
            $join,
            " WHERE ",
            $key,
            ".user_id = $1 AND ",
            $key,
            ".history_entry_id >= $2 AND ",
            $key,
            ".history_entry_id < $3",
            $rule,
            " ORDER BY ",
            $key,
            ".history_entry_id DESC LIMIT $4 + 0"
        )
    };
}

macro_rules! with_and_without_code {
    ($($text:literal),*) => {
        [
            scan_sql!("''", "", $($text),*),
            scan_sql!("c.code", " JOIN history_content AS c ON c.content_id = h.content_id", $($text),*),
        ]
    };
}

const ALL: [&str; 2] = with_and_without_code!("CAST(NULL AS BIGINT)", "history AS h", "h", "");
const DATASET: [&str; 2] = with_and_without_code!(
    "CAST(NULL AS BIGINT)",
    "history_dataset AS d JOIN history AS h ON h.user_id = d.user_id AND h.history_entry_id = d.history_entry_id",
    "d",
    " AND d.dataset_id = $5"
);
const DELETED: [&str; 2] =
    with_and_without_code!("h.delete_time", "history_deleted AS h", "h", " AND h.delete_time > $5");

/// The newest rows of the range, newest first.
pub(crate) async fn scan(
    reader: &SqlitePool,
    source: Source,
    range: Range,
    with_code: bool,
) -> Result<Vec<Scanned>, StoreError> {
    let [without, with] = match source {
        Source::All => ALL,
        Source::Dataset(_) => DATASET,
        Source::Deleted(_) => DELETED,
    };
    let sql = if with_code { with } else { without };
    let query = sqlx::query(sql).bind(range.user_id).bind(range.from).bind(range.below).bind(i64::from(range.limit));
    let query = match source {
        Source::All => query,
        Source::Dataset(dataset_id) => query.bind(dataset_id),
        Source::Deleted(after) => query.bind(after),
    };
    let rows = query.fetch_all(reader).await?;
    rows.iter()
        .map(|row| Ok(Scanned { entry: packed::unpack(row.try_get(0)?, row.try_get(1)?)?, code: row.try_get(2)? }))
        .collect()
}
