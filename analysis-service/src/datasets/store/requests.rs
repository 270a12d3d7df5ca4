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
    /// What an earlier call with this request made, if there was one; an error where that call asked for something else.
    pub(in crate::datasets) async fn done_before(
        &self,
        user_id: Uuid,
        request: RequestId,
    ) -> Result<Option<Uuid>, DatasetError> {
        let mut connection = self.database.reader.acquire().await?;
        earlier(&mut connection, user_id, Some(request)).await
    }

    /// Notes a request for what is done already.
    pub(in crate::datasets) async fn note_request(
        &self,
        user_id: Uuid,
        request: RequestId,
        resource_id: Uuid,
        now_micros: i64,
    ) -> Result<(), DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                if earlier(transaction, user_id, Some(request)).await?.is_none() {
                    done(transaction, user_id, Some(request), resource_id, now_micros).await?;
                }
                Ok::<_, DatasetError>(())
            })
        });
        write.await
    }

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
