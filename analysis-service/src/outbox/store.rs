//! The table `outbox`. Times are Unix microseconds.

use fenxi_chassis::sqlite::Transaction;

use super::Item;

/// Writes an entry, within the transaction that makes it true.
pub(crate) async fn insert(tx: &mut Transaction, item: &Item) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO outbox (history_entry_id, item, create_time) VALUES ($1, $2, $3)";
    sqlx::query(sql).bind(item.history_entry_id).bind(&item.item).bind(item.create_time).execute(tx).await?;
    Ok(())
}
