//! The table `audit_event`.

use fenxi_chassis::{
    id,
    sqlite::{Executor, Transaction},
};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Entry, Kept};
use crate::store::StoreError;

/// Appends a line.
pub(crate) async fn append(transaction: &mut Transaction, now: i64, entry: &Entry) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit_event \
         (audit_event_id, event_time, event, user_id, actor_user_id, credential_id, ip_address, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id::at(now))
    .bind(now)
    .bind(entry.event.name())
    .bind(entry.user_id)
    .bind(entry.actor_user_id)
    .bind(entry.credential_id)
    .bind(&entry.ip_address)
    .bind(&entry.detail)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes of the oldest `limit` lines those that are older or more than are kept, from the oldest on to the first that
/// stays; says how many.
pub(crate) async fn remove_oldest(
    transaction: &mut Transaction,
    kept: Kept,
    now: i64,
    limit: i64,
) -> Result<u64, StoreError> {
    // Lines are removed from one end alone, so that the numbers of those that are left have no gap and tell how many they are.
    let removed = sqlx::query(
        "DELETE FROM audit_event WHERE line_number < ( \
         SELECT COALESCE(MIN(oldest.number) FILTER (WHERE oldest.event_time >= $1 AND oldest.number > last.number - $2), \
         MAX(oldest.number) + 1) \
         FROM (SELECT line_number AS number, event_time FROM audit_event ORDER BY line_number LIMIT $3 + 0) AS oldest, \
         (SELECT MAX(line_number) AS number FROM audit_event) AS last)",
    )
    .bind(kept.since(now))
    .bind(kept.lines_max)
    .bind(limit)
    .execute(transaction)
    .await?;
    Ok(removed.rows_affected())
}

/// A stored line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// In the order of their coming.
    pub(crate) line_number: i64,
    /// When, in unix microseconds.
    pub(crate) event_time: i64,
    /// The name of what happened.
    pub(crate) event: String,
    /// To whom.
    pub(crate) user_id: Option<Uuid>,
    /// By whom.
    pub(crate) actor_user_id: Option<Uuid>,
    /// The LoginSession or ApiToken concerned.
    pub(crate) credential_id: Option<Uuid>,
    /// From where; may be empty.
    pub(crate) ip_address: String,
    /// A word more.
    pub(crate) detail: String,
}

/// Lines from after the number `after`, the oldest first, at most `rows_max`.
pub(crate) async fn lines(executor: impl Executor<'_>, after: i64, rows_max: i64) -> Result<Vec<Line>, StoreError> {
    let sql = "SELECT line_number, event_time, event, user_id, actor_user_id, credential_id, ip_address, detail \
               FROM audit_event WHERE line_number > $1 ORDER BY line_number LIMIT $2 + 0";
    let rows = sqlx::query(sql).bind(after).bind(rows_max).fetch_all(executor).await?;
    let line = |row: &fenxi_chassis::sqlite::Row| {
        Ok(Line {
            line_number: row.try_get("line_number")?,
            event_time: row.try_get("event_time")?,
            event: row.try_get("event")?,
            user_id: row.try_get("user_id")?,
            actor_user_id: row.try_get("actor_user_id")?,
            credential_id: row.try_get("credential_id")?,
            ip_address: row.try_get("ip_address")?,
            detail: row.try_get("detail")?,
        })
    };
    rows.iter().map(line).collect()
}
