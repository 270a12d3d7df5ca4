//! Mutations that were done.

use fenxi_chassis::sqlite::Transaction;
use sqlx::Row as _;
use uuid::Uuid;

use super::Store;
use crate::datasets::{error::DatasetError, model::RequestId};

/// The resource of an earlier call with this id; an error where that call asked for something else.
pub(super) async fn earlier(
    transaction: &mut Transaction,
    user_id: Uuid,
    request: Option<RequestId>,
) -> Result<Option<Uuid>, DatasetError> {
    let Some(request) = request else { return Ok(None) };
    let sql = "SELECT fingerprint, resource_id FROM dataset_request WHERE user_id = $1 AND request_id = $2";
    let row = sqlx::query(sql).bind(user_id).bind(request.id).fetch_optional(transaction).await?;
    let Some(row) = row else { return Ok(None) };
    let fingerprint: Vec<u8> = row.try_get("fingerprint")?;
    if fingerprint != request.fingerprint {
        return Err(DatasetError::RequestIdReused);
    }
    Ok(Some(row.try_get("resource_id")?))
}

pub(super) async fn done(
    transaction: &mut Transaction,
    user_id: Uuid,
    request: Option<RequestId>,
    resource_id: Uuid,
    now_micros: i64,
) -> Result<(), DatasetError> {
    let Some(request) = request else { return Ok(()) };
    // A repeated CompleteUpload may bring a new id for what is done already.
    let sql = "INSERT INTO dataset_request (user_id, request_id, fingerprint, resource_id, create_time)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, request_id) DO NOTHING";
    sqlx::query(sql)
        .bind(user_id)
        .bind(request.id)
        .bind(request.fingerprint.as_slice())
        .bind(resource_id)
        .bind(now_micros)
        .execute(transaction)
        .await?;
    Ok(())
}

impl Store {
    /// Forgets what was done before this time.
    pub(in crate::datasets) async fn forget_requests(&self, before_micros: i64) -> Result<u64, DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                let sql = "DELETE FROM dataset_request WHERE create_time < $1";
                let done = sqlx::query(sql).bind(before_micros).execute(transaction).await?;
                Ok::<_, DatasetError>(done.rows_affected())
            })
        });
        write.await
    }
}
