//! The table `api_token`.

use fenxi_chassis::sqlite::{Executor, Row, Transaction};
use sqlx::Row as _;
use uuid::Uuid;

use super::ApiToken;
use crate::{secret::SecretHash, store::StoreError};

macro_rules! columns {
    () => {
        "api_token_id, name, scopes, shown_prefix, create_time, last_used_time, expire_time"
    };
}

fn api_token(row: &Row) -> Result<ApiToken, StoreError> {
    let scopes: String = row.try_get("scopes")?;
    Ok(ApiToken {
        api_token_id: row.try_get("api_token_id")?,
        name: row.try_get("name")?,
        scopes: scopes.split_ascii_whitespace().map(String::from).collect(),
        shown_prefix: row.try_get("shown_prefix")?,
        create_time: row.try_get("create_time")?,
        last_used_time: row.try_get("last_used_time")?,
        expire_time: row.try_get("expire_time")?,
    })
}

/// Makes one.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    user_id: Uuid,
    secret_hash: SecretHash,
    new: &ApiToken,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO api_token (api_token_id, secret_hash, user_id, name, scopes, shown_prefix, create_time, \
         expire_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.api_token_id)
    .bind(secret_hash.as_bytes())
    .bind(user_id)
    .bind(&new.name)
    .bind(new.scopes.join(" "))
    .bind(&new.shown_prefix)
    .bind(new.create_time)
    .bind(new.expire_time)
    .execute(transaction)
    .await?;
    Ok(())
}

/// How many of a user are in force at `now`, counted to at most `count_max`.
pub(crate) async fn count(
    executor: impl Executor<'_>,
    user_id: Uuid,
    now: i64,
    count_max: i64,
) -> Result<i64, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS tokens FROM \
         (SELECT api_token_id FROM api_token WHERE user_id = $1 AND expire_time > $2 LIMIT $3 + 0) AS some",
    )
    .bind(user_id)
    .bind(now)
    .bind(count_max)
    .fetch_one(executor)
    .await?;
    Ok(row.try_get("tokens")?)
}

/// One of a user.
pub(crate) async fn by_id(
    executor: impl Executor<'_>,
    user_id: Uuid,
    api_token_id: Uuid,
) -> Result<Option<ApiToken>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", columns!(), " FROM api_token WHERE api_token_id = $1 AND user_id = $2"))
        .bind(api_token_id)
        .bind(user_id)
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(api_token).transpose()
}

/// Those of a user that are in force at `now`, newest first, from below `before`.
pub(crate) async fn page(
    executor: impl Executor<'_>,
    user_id: Uuid,
    before: Option<Uuid>,
    now: i64,
    rows_max: i64,
) -> Result<Vec<ApiToken>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM api_token WHERE user_id = $1 AND api_token_id < $2 AND expire_time > $3 \
         ORDER BY api_token_id DESC LIMIT $4 + 0"
    ))
    .bind(user_id)
    .bind(before.unwrap_or(Uuid::max()))
    .bind(now)
    .bind(rows_max)
    .fetch_all(executor)
    .await?;
    rows.iter().map(api_token).collect()
}

/// Ends one of a user; says whether there was one.
pub(crate) async fn remove(
    transaction: &mut Transaction,
    user_id: Uuid,
    api_token_id: Uuid,
) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM api_token WHERE api_token_id = $1 AND user_id = $2")
        .bind(api_token_id)
        .bind(user_id)
        .execute(transaction)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all of a user; gives their ids.
pub(crate) async fn remove_all(transaction: &mut Transaction, user_id: Uuid) -> Result<Vec<Uuid>, StoreError> {
    let rows = sqlx::query("DELETE FROM api_token WHERE user_id = $1 RETURNING api_token_id")
        .bind(user_id)
        .fetch_all(transaction)
        .await?;
    rows.iter().map(|row| Ok(row.try_get("api_token_id")?)).collect()
}

/// Removes at most `rows_max` that ended by themselves before `before`; says how many.
pub(crate) async fn remove_ended(transaction: &mut Transaction, before: i64, rows_max: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM api_token WHERE api_token_id IN \
         (SELECT api_token_id FROM api_token WHERE expire_time <= $1 LIMIT $2 + 0)",
    )
    .bind(before)
    .bind(rows_max)
    .execute(transaction)
    .await?;
    Ok(done.rows_affected())
}
