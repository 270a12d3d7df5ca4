//! The table `login_session`, and in `networks` what outlives its rows.

mod networks;

use fenxi_chassis::sqlite::{Executor, Row, Transaction};
use sqlx::Row as _;
use uuid::Uuid;

pub(crate) use self::networks::{knows_network, note_network, remove_old_networks};
use super::LoginSession;
use crate::{secret::SecretHash, store::StoreError};

macro_rules! columns {
    () => {
        "login_session_id, user_agent, ip_address, login_method_id, create_time, last_used_time, expire_time"
    };
}

fn login_session(row: &Row) -> Result<LoginSession, StoreError> {
    Ok(LoginSession {
        login_session_id: row.try_get("login_session_id")?,
        user_agent: row.try_get("user_agent")?,
        ip_address: row.try_get("ip_address")?,
        login_method_id: row.try_get("login_method_id")?,
        create_time: row.try_get("create_time")?,
        last_used_time: row.try_get("last_used_time")?,
        expire_time: row.try_get("expire_time")?,
    })
}

fn ids(rows: &[Row]) -> Result<Vec<Uuid>, StoreError> {
    rows.iter().map(|row| Ok(row.try_get("login_session_id")?)).collect()
}

/// Makes one, and ends the oldest of the user's beyond `kept_max`; gives the ids of those.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    user_id: Uuid,
    secret_hash: SecretHash,
    new: &LoginSession,
    kept_max: i64,
) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query(
        "INSERT INTO login_session (login_session_id, secret_hash, user_id, login_method_id, user_agent, ip_address, \
         create_time, last_used_time, expire_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(new.login_session_id)
    .bind(secret_hash.as_bytes())
    .bind(user_id)
    .bind(&new.login_method_id)
    .bind(&new.user_agent)
    .bind(&new.ip_address)
    .bind(new.create_time)
    .bind(new.last_used_time)
    .bind(new.expire_time)
    .execute(&mut *transaction)
    .await?;
    let rows = sqlx::query(
        "DELETE FROM login_session WHERE login_session_id IN (SELECT login_session_id FROM login_session \
         WHERE user_id = $1 ORDER BY login_session_id DESC LIMIT 100 OFFSET $2) RETURNING login_session_id",
    )
    .bind(user_id)
    .bind(kept_max)
    .fetch_all(transaction)
    .await?;
    ids(&rows)
}

/// Those of a user that are in force, newest first, from below `before`.
pub(crate) async fn page(
    executor: impl Executor<'_>,
    user_id: Uuid,
    before: Option<Uuid>,
    in_force: InForce,
    rows_max: i64,
) -> Result<Vec<LoginSession>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM login_session WHERE user_id = $1 AND login_session_id < $2 AND expire_time > $3 \
         AND last_used_time > $4 ORDER BY login_session_id DESC LIMIT $5 + 0"
    ))
    .bind(user_id)
    .bind(before.unwrap_or(Uuid::max()))
    .bind(in_force.now)
    .bind(in_force.used_after)
    .bind(rows_max)
    .fetch_all(executor)
    .await?;
    rows.iter().map(login_session).collect()
}

/// Which LoginSessions are in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InForce {
    /// They end after this time.
    pub(crate) now: i64,
    /// They were used after this time.
    pub(crate) used_after: i64,
}

/// Whether a user has this one.
pub(crate) async fn exists(
    executor: impl Executor<'_>,
    user_id: Uuid,
    login_session_id: Uuid,
) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM login_session WHERE login_session_id = $1 AND user_id = $2")
        .bind(login_session_id)
        .bind(user_id)
        .fetch_optional(executor)
        .await?;
    Ok(row.is_some())
}

/// Ends one of a user; says whether there was one.
pub(crate) async fn remove(
    transaction: &mut Transaction,
    user_id: Uuid,
    login_session_id: Uuid,
) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM login_session WHERE login_session_id = $1 AND user_id = $2")
        .bind(login_session_id)
        .bind(user_id)
        .execute(transaction)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all of a user but `kept`; gives their ids.
pub(crate) async fn remove_all(
    transaction: &mut Transaction,
    user_id: Uuid,
    kept: Option<Uuid>,
) -> Result<Vec<Uuid>, StoreError> {
    let rows = sqlx::query(
        "DELETE FROM login_session WHERE user_id = $1 AND login_session_id <> $2 RETURNING login_session_id",
    )
    .bind(user_id)
    .bind(kept.unwrap_or(Uuid::nil()))
    .fetch_all(transaction)
    .await?;
    ids(&rows)
}

/// Removes at most `rows_max` that ended by themselves; says how many.
pub(crate) async fn remove_ended(
    transaction: &mut Transaction,
    in_force: InForce,
    rows_max: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM login_session WHERE login_session_id IN (SELECT login_session_id FROM login_session \
         WHERE expire_time <= $1 OR last_used_time <= $2 LIMIT $3 + 0)",
    )
    .bind(in_force.now)
    .bind(in_force.used_after)
    .bind(rows_max)
    .execute(transaction)
    .await?;
    Ok(done.rows_affected())
}
