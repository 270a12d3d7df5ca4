//! The tables `login_attempt` and `setup_token`.

use fenxi_chassis::sqlite::{Executor, Transaction};
use sqlx::Row as _;

use super::state::{AttemptState, LoginAttempt};
use crate::{secret::SecretHash, store::StoreError};

/// Begins one that is bound to the secret with this hash.
pub(super) async fn insert(
    transaction: &mut Transaction,
    secret_hash: SecretHash,
    attempt: &LoginAttempt,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO login_attempt (secret_hash, state_hash, login_method_id, return_to, expire_time) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(secret_hash.as_bytes())
    .bind(attempt.state_hash.as_bytes())
    .bind(&attempt.login_method_id)
    .bind(&attempt.return_to)
    .bind(attempt.expire_time)
    .execute(transaction)
    .await?;
    Ok(())
}

/// The one that is bound to the secret with this hash.
pub(super) async fn by_secret(
    executor: impl Executor<'_>,
    secret_hash: SecretHash,
) -> Result<Option<LoginAttempt>, StoreError> {
    let row = sqlx::query(
        "SELECT state_hash, login_method_id, return_to, used_time, expire_time FROM login_attempt \
         WHERE secret_hash = $1",
    )
    .bind(secret_hash.as_bytes())
    .fetch_optional(executor)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let state_hash: Vec<u8> = row.try_get("state_hash")?;
    let used_time: Option<i64> = row.try_get("used_time")?;
    Ok(Some(LoginAttempt {
        login_method_id: row.try_get("login_method_id")?,
        state_hash: SecretHash::from_bytes(&state_hash).ok_or(StoreError::Corrupt("state_hash"))?,
        return_to: row.try_get("return_to")?,
        expire_time: row.try_get("expire_time")?,
        state: used_time.map_or(AttemptState::Open, |used_time| AttemptState::Used { used_time }),
    }))
}

/// Uses one up; says whether it was open, which is so for one of many who ask.
pub(super) async fn use_up(
    transaction: &mut Transaction,
    secret_hash: SecretHash,
    now: i64,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE login_attempt SET used_time = $1 WHERE secret_hash = $2 AND used_time IS NULL")
        .bind(now)
        .bind(secret_hash.as_bytes())
        .execute(transaction)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes at most `rows_max` that ended before `before`; says how many.
pub(crate) async fn remove_ended(transaction: &mut Transaction, before: i64, rows_max: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM login_attempt WHERE secret_hash IN \
         (SELECT secret_hash FROM login_attempt WHERE expire_time <= $1 LIMIT $2 + 0)",
    )
    .bind(before)
    .bind(rows_max)
    .execute(transaction)
    .await?;
    Ok(done.rows_affected())
}

/// Puts this set-up token in place of any other; `None`: there is none any more.
pub(super) async fn set_setup_token(
    transaction: &mut Transaction,
    token_hash: Option<SecretHash>,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM setup_token").execute(&mut *transaction).await?;
    if let Some(hash) = token_hash {
        sqlx::query("INSERT INTO setup_token (id, token_hash, create_time) VALUES (1, $1, $2)")
            .bind(hash.as_bytes())
            .bind(now)
            .execute(transaction)
            .await?;
    }
    Ok(())
}

/// The set-up token in force.
pub(super) async fn setup_token(executor: impl Executor<'_>) -> Result<Option<SecretHash>, StoreError> {
    let row = sqlx::query("SELECT token_hash FROM setup_token WHERE id = 1").fetch_optional(executor).await?;
    let Some(row) = row else { return Ok(None) };
    let hash: Vec<u8> = row.try_get("token_hash")?;
    SecretHash::from_bytes(&hash).map(Some).ok_or(StoreError::Corrupt("token_hash"))
}
