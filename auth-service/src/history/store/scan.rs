//! Rows to pick from, one by one, for lists whose filters no key answers.

use std::sync::LazyLock;

use fenxi_chassis::sqlite::{Pool, Shapes};
use sqlx::Row as _;

use super::{super::entry::Entry, packed, pages::Range};
use crate::store::StoreError;

/// Codes in one statement.
pub(crate) const CODES_MAX: usize = 64;

/// Where the rows come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// All entries of the user.
    All,
    /// Those that were deleted after this time.
    Deleted(i64),
}

/// A row to look at.
#[derive(Debug)]
pub(crate) struct Scanned {
    summary: Vec<u8>,
    delete_time: Option<i64>,
    /// For [`codes`].
    pub(crate) content_id: i64,
    /// 0 unless it was asked for.
    pub(crate) code_bytes: usize,
}

impl Scanned {
    /// Bytes of what was read.
    pub(crate) fn bytes(&self) -> usize {
        self.summary.len()
    }

    /// The entry.
    pub(crate) fn entry(self) -> Result<Entry, StoreError> {
        packed::unpack(self.summary, self.delete_time)
    }
}

macro_rules! scan_sql {
    ($bytes:literal, $join:literal, $delete_time:literal, $table:literal, $rule:literal) => {
        concat!(
            "SELECT h.summary, ",
            $delete_time,
            ", h.content_id, ",
            $bytes,
            " FROM ",
            $table,
            " AS h",
            $join,
            " WHERE h.user_id = $1 AND h.history_entry_id >= $2 AND h.history_entry_id < $3",
            $rule,
            " ORDER BY h.history_entry_id DESC LIMIT $4 + 0"
        )
    };
}

macro_rules! with_and_without_bytes {
    ($($text:literal),*) => {
        [
            scan_sql!("0", "", $($text),*),
            // Of the bytes, whose number stands before them: to count the characters, the code would be read.
            scan_sql!("OCTET_LENGTH(c.code)", " JOIN history_content AS c ON c.content_id = h.content_id", $($text),*),
        ]
    };
}

const ALL: [&str; 2] = with_and_without_bytes!("CAST(NULL AS BIGINT)", "history", "");
const DELETED: [&str; 2] = with_and_without_bytes!("h.delete_time", "history_deleted", " AND h.delete_time > $5");

static CODES: LazyLock<Shapes> = LazyLock::new(|| {
    Shapes::new("SELECT content_id, code FROM history_content WHERE content_id IN (", "{1}", ", ", ")", 1)
});

/// The newest rows of the range, newest first; how long their code is, where asked for.
pub(crate) async fn scan(
    reader: &Pool,
    source: Source,
    range: Range,
    with_bytes: bool,
) -> Result<Vec<Scanned>, StoreError> {
    let [without, with] = match source {
        Source::All => ALL,
        Source::Deleted(_) => DELETED,
    };
    let sql = if with_bytes { with } else { without };
    let query = sqlx::query(sql).bind(range.user_id).bind(range.from).bind(range.below).bind(i64::from(range.limit));
    let query = match source {
        Source::All => query,
        Source::Deleted(after) => query.bind(after),
    };
    let rows = query.fetch_all(reader).await?;
    rows.iter()
        .map(|row| {
            Ok(Scanned {
                summary: row.try_get(0)?,
                delete_time: row.try_get(1)?,
                content_id: row.try_get(2)?,
                code_bytes: usize::try_from(row.try_get::<i64, _>(3)?).unwrap_or(usize::MAX),
            })
        })
        .collect()
}

/// The code of at most [`CODES_MAX`] contents, in any order, each with its content's id.
pub(crate) async fn codes(reader: &Pool, content_ids: &[i64]) -> Result<Vec<(i64, String)>, StoreError> {
    let Some(last) = content_ids.last() else { return Ok(Vec::new()) };
    let (size, sql) = CODES.fitting(content_ids.len());
    // One that is asked for twice is read once.
    let padded = content_ids.iter().chain(std::iter::repeat(last)).take(size);
    let rows = padded.fold(sqlx::query(sql), |query, id| query.bind(*id)).fetch_all(reader).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
