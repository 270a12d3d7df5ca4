//! The table `audit_event`.

use fenxi_chassis::{id, sqlite::Transaction};

use super::Entry;
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
