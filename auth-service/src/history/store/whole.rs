//! One entry with its code and its result.

use bytes::Bytes;
use fenxi_chassis::sqlite::Executor;
use sqlx::Row as _;
use uuid::Uuid;

use super::{super::entry::WholeEntry, packed};
use crate::store::StoreError;

const WHOLE: &str = "SELECT h.summary, CAST(NULL AS BIGINT), c.code, c.outputs \
     FROM history AS h JOIN history_content AS c ON c.content_id = h.content_id \
     WHERE h.user_id = $1 AND h.history_entry_id = $2 \
     UNION ALL SELECT h.summary, h.delete_time, c.code, c.outputs \
     FROM history_deleted AS h JOIN history_content AS c ON c.content_id = h.content_id \
     WHERE h.user_id = $1 AND h.history_entry_id = $2 AND h.delete_time > $3";

/// The user's entry, also if it was deleted after this time.
pub(crate) async fn whole<'e>(
    executor: impl Executor<'e>,
    user_id: Uuid,
    id: Uuid,
    deleted_after: i64,
) -> Result<Option<WholeEntry>, StoreError> {
    let query = sqlx::query(WHOLE).bind(user_id).bind(id).bind(deleted_after);
    let Some(row) = query.fetch_optional(executor).await? else { return Ok(None) };
    let entry = packed::unpack(row.try_get(0)?, row.try_get(1)?)?;
    let outputs: Vec<u8> = row.try_get(3)?;
    Ok(Some(WholeEntry { entry, code: row.try_get(2)?, outputs: Bytes::from(outputs) }))
}
