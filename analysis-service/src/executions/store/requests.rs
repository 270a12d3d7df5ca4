//! Which requests began executions, and which were taken by those that have ended.

use fenxi_chassis::sqlite::Transaction;
use sqlx::Row as _;
use uuid::Uuid;

use super::{End, Store, StoreError};
use crate::executions::{Accepted, begun::Request, requests::Taken};

impl Store {
    /// The requests that began executions: so many after that one, in the order of their index.
    pub(in crate::executions) async fn requests_after(
        &self,
        (user_id, request_id): Request,
        rows: i64,
    ) -> Result<Vec<Request>, StoreError> {
        let sql = "SELECT user_id, request_id FROM execution WHERE (user_id, request_id) > ($1, $2) \
                   ORDER BY user_id, request_id LIMIT $3 + 0";
        let query = sqlx::query_as(sql).bind(user_id).bind(request_id).bind(rows);
        Ok(query.fetch_all(&self.database.reader).await?)
    }

    /// The request of this id, if it was taken, and by which execution.
    pub(in crate::executions) async fn taken(
        &self,
        user_id: Uuid,
        request_id: Uuid,
    ) -> Result<Option<(Uuid, Taken)>, StoreError> {
        let sql = "SELECT execution_id, hash FROM execution_request WHERE user_id = $1 AND request_id = $2";
        let row = sqlx::query(sql).bind(user_id).bind(request_id).fetch_optional(&self.database.reader).await?;
        let Some(row) = row else { return Ok(None) };
        let hash: Vec<u8> = row.try_get("hash")?;
        let hash = hash.try_into().map_err(|_| StoreError::Row("hash".into()))?;
        Ok(Some((row.try_get("execution_id")?, Taken { request_id, hash })))
    }

    /// Forgets the requests of executions that ended before this time.
    pub(in crate::executions) async fn forget_requests(&self, before: i64) -> Result<(), StoreError> {
        self.database
            .writer
            .write(move |tx| {
                Box::pin(async move {
                    let sql = "DELETE FROM execution_request WHERE end_time < $1";
                    sqlx::query(sql).bind(before).execute(tx).await?;
                    Ok(())
                })
            })
            .await
    }
}

/// Keeps what an execution that ends has taken.
pub(super) async fn insert(tx: &mut Transaction, accepted: &Accepted, end: &End) -> Result<(), StoreError> {
    for Taken { request_id, hash } in &end.requests {
        // Two executions may have taken the same one at the same time.
        let sql = "INSERT INTO execution_request (user_id, request_id, execution_id, hash, end_time) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, request_id) DO NOTHING";
        sqlx::query(sql)
            .bind(accepted.user_id)
            .bind(request_id)
            .bind(accepted.execution_id)
            .bind(hash.as_slice())
            .bind(end.end_time)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}
