//! Removing for good, a bounded number at a time.

use fenxi_chassis::sqlite::Transaction;
use sqlx::Row as _;

use crate::store::StoreError;

const DELETED: &str = "DELETE FROM history_deleted WHERE (user_id, history_entry_id) IN \
     (SELECT user_id, history_entry_id FROM history_deleted WHERE delete_time <= $1 ORDER BY delete_time LIMIT $2 + 0) \
     RETURNING content_id";
/// The row stays, so that the entry is not taken a second time.
const EMPTY: &str = "UPDATE history_content SET code = '', outputs = $2 WHERE content_id = $1";
const REQUESTS: &str = "DELETE FROM history_request WHERE (user_id, request_id) IN \
     (SELECT user_id, request_id FROM history_request WHERE create_time <= $1 ORDER BY create_time LIMIT $2 + 0)";

/// Removes entries that were deleted at this time or before; says how many.
pub(crate) async fn purge_deleted(transaction: &mut Transaction, until: i64, limit: i64) -> Result<u64, StoreError> {
    let rows = sqlx::query(DELETED).bind(until).bind(limit).fetch_all(&mut *transaction).await?;
    for row in &rows {
        let content_id: i64 = row.try_get(0)?;
        sqlx::query(EMPTY).bind(content_id).bind(Vec::<u8>::new()).execute(&mut *transaction).await?;
    }
    Ok(rows.len() as u64)
}

/// Forgets requests of this time or before; says how many.
pub(crate) async fn purge_requests(transaction: &mut Transaction, until: i64, limit: i64) -> Result<u64, StoreError> {
    Ok(sqlx::query(REQUESTS).bind(until).bind(limit).execute(&mut *transaction).await?.rows_affected())
}
