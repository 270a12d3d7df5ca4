//! Pages of the plain list. A page is one row, because the driver's cost is by the row and by the statement and not by
//! the byte; and pages that are asked for at the same time are one statement.

use std::sync::LazyLock;

use bytes::Bytes;
use sqlx::{Row as _, SqlitePool};
use uuid::Uuid;

use super::{dialect::empty_bytes, packed};
use crate::{store::StoreError, store_rows::Shapes};

/// Pages in one statement.
pub(crate) const PAGES_MAX: usize = 16;

/// Entries of one user: the newest ones of those from an id on and below another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) user_id: Uuid,
    /// This id and those above.
    pub(crate) from: Uuid,
    /// Those below this id.
    pub(crate) below: Uuid,
    /// At most so many.
    pub(crate) limit: u32,
}

/// A page with its number, and the user's total.
const PAGE: &str = concat!(
    "SELECT {1}, (SELECT string_agg(summary, ",
    empty_bytes!(),
    ") FROM (SELECT summary FROM history WHERE user_id = {2} AND history_entry_id >= {3} AND history_entry_id < {4} \
     ORDER BY history_entry_id DESC LIMIT {5} + 0) AS page), \
     (SELECT total FROM history_statistics WHERE user_id = {2})"
);

static PAGES: LazyLock<Shapes> = LazyLock::new(|| Shapes::new("", PAGE, " UNION ALL ", "", 5));

/// A page as it is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackedPage {
    /// The entries, one behind the other.
    pub(crate) entries: Bytes,
    /// The last one's id, if the range goes on below it.
    pub(crate) next: Option<Uuid>,
    /// The user's entries in all.
    pub(crate) total: i64,
}

/// The pages of these ranges, at most [`PAGES_MAX`], in their order.
pub(crate) async fn pages(reader: &SqlitePool, ranges: &[Range]) -> Result<Vec<PackedPage>, StoreError> {
    let mut pages = Vec::with_capacity(ranges.len());
    for (sql, ranges) in PAGES.chunks(ranges) {
        let mut query = sqlx::query(sql);
        for (number, range) in (0_i64..).zip(ranges) {
            query = query
                .bind(number)
                .bind(range.user_id)
                .bind(range.from)
                .bind(range.below)
                .bind(i64::from(range.limit) + 1);
        }
        let mut rows = query.fetch_all(reader).await?;
        rows.sort_by_cached_key(|row| row.try_get::<i64, _>(0).unwrap_or(i64::MAX));
        for (row, range) in rows.iter().zip(ranges) {
            // One more than the page tells whether there is another.
            let packed = row.try_get::<Option<Vec<u8>>, _>(1)?.unwrap_or_default();
            let (entries, next) = packed::first(Bytes::from(packed), range.limit as usize)?;
            pages.push(PackedPage { entries, next, total: row.try_get::<Option<i64>, _>(2)?.unwrap_or(0) });
        }
    }
    Ok(pages)
}
