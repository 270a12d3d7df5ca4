//! The table `request_answer`.

use fenxi_chassis::sqlite::Transaction;
use sqlx::Row as _;
use subtle::ConstantTimeEq as _;

use super::{Once, OnceError};
use crate::store::StoreError;

/// What the same call answered before, if it was made before.
pub(crate) async fn answered(transaction: &mut Transaction, once: &Once) -> Result<Option<Vec<u8>>, OnceError> {
    let Some(request_id) = once.request_id else { return Ok(None) };
    let row = sqlx::query("SELECT digest, answer FROM request_answer WHERE user_id = $1 AND request_id = $2")
        .bind(once.user_id)
        .bind(request_id)
        .fetch_optional(transaction)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let digest: Vec<u8> = row.try_get("digest")?;
    if bool::from(digest.ct_eq(&once.digest)) { Ok(Some(row.try_get("answer")?)) } else { Err(OnceError::Reused) }
}

/// Keeps the answer of a call that was made now.
pub(crate) async fn keep(
    transaction: &mut Transaction,
    once: &Once,
    answer: &[u8],
    now: i64,
) -> Result<(), StoreError> {
    let Some(request_id) = once.request_id else { return Ok(()) };
    sqlx::query(
        "INSERT INTO request_answer (user_id, request_id, digest, answer, create_time) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(once.user_id)
    .bind(request_id)
    .bind(once.digest.as_slice())
    .bind(answer)
    .bind(now)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes at most `rows_max` answers older than `before`; says how many.
pub(crate) async fn remove_old(transaction: &mut Transaction, before: i64, rows_max: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM request_answer WHERE (user_id, request_id) IN \
         (SELECT user_id, request_id FROM request_answer WHERE create_time < $1 LIMIT $2 + 0)",
    )
    .bind(before)
    .bind(rows_max)
    .execute(transaction)
    .await?;
    Ok(done.rows_affected())
}
