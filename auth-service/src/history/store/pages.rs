//! Pages of the plain list. Pages that are asked for at the same time are one statement, and all of them one row: the
//! driver's cost is by the row and by the statement, each a wake-up of another thread, and not by the byte.

use std::sync::LazyLock;

use bytes::Bytes;
use fenxi_chassis::sqlite::{Connection, EMPTY_BYTES, Shapes};
use sqlx::Row as _;
use uuid::Uuid;

use super::packed;
use crate::store::StoreError;

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

const NOTHING: Range = Range { user_id: Uuid::nil(), from: Uuid::max(), below: Uuid::nil(), limit: 0 };

/// A page, and the user's total: two columns.
const PAGE: [&str; 3] = [
    "(SELECT string_agg(summary, ",
    EMPTY_BYTES,
    ") FROM (SELECT summary FROM history WHERE user_id = {1} AND history_entry_id >= {2} AND history_entry_id < {3} \
     ORDER BY history_entry_id DESC LIMIT {4} + 0) AS page), \
     (SELECT total FROM history_statistics WHERE user_id = {1})",
];

static PAGES: LazyLock<Shapes> = LazyLock::new(|| Shapes::new("SELECT ", &PAGE.concat(), ", ", "", 4));

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
pub(crate) async fn pages(reader: &mut Connection, ranges: &[Range]) -> Result<Vec<PackedPage>, StoreError> {
    let mut pages = Vec::with_capacity(ranges.len());
    for ranges in ranges.chunks(PAGES_MAX) {
        let (size, sql) = PAGES.fitting(ranges.len());
        let mut query = sqlx::query(sql);
        // What is left of the statement reads nothing: that costs less than a second statement for what does not fit.
        let padding = std::iter::repeat((&NOTHING, 0));
        let asked = ranges.iter().map(|range| (range, i64::from(range.limit) + 1));
        for (range, limit) in asked.chain(padding).take(size) {
            // One more than the page tells whether there is another.
            query = query.bind(range.user_id).bind(range.from).bind(range.below).bind(limit);
        }
        let row = query.fetch_one(&mut *reader).await?;
        for (at, range) in ranges.iter().enumerate() {
            let packed = row.try_get::<Option<Vec<u8>>, _>(2 * at)?.unwrap_or_default();
            let (entries, next) = packed::first(Bytes::from(packed), range.limit as usize)?;
            pages.push(PackedPage { entries, next, total: row.try_get::<Option<i64>, _>(2 * at + 1)?.unwrap_or(0) });
        }
    }
    Ok(pages)
}
