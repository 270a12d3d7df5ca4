//! What stands behind a secret, read by its hash; and the times of last use, written in batches.

use fenxi_chassis::{
    caller::token::{Role, Source},
    sqlite::{Executor, Transaction},
};
use sqlx::Row as _;
use uuid::Uuid;

use super::Holder;
use crate::{secret::SecretHash, store::StoreError, user};

/// The holder of the credential with this hash, if its user is not shut out.
pub(super) async fn holder(
    executor: impl Executor<'_>,
    hash: SecretHash,
    source: Source,
) -> Result<Option<Holder>, StoreError> {
    let sql = match source {
        Source::LoginSession => {
            "SELECT c.login_session_id AS credential_id, c.user_id, '' AS scopes, c.last_used_time, c.expire_time, \
             u.role, u.identity_provider, u.tenant_key FROM login_session AS c \
             JOIN user_account AS u ON u.user_id = c.user_id WHERE c.secret_hash = $1 AND u.disabled_time IS NULL"
        }
        Source::ApiToken => {
            "SELECT c.api_token_id AS credential_id, c.user_id, c.scopes, \
             COALESCE(c.last_used_time, 0) AS last_used_time, c.expire_time, \
             u.role, u.identity_provider, u.tenant_key FROM api_token AS c \
             JOIN user_account AS u ON u.user_id = c.user_id WHERE c.secret_hash = $1 AND u.disabled_time IS NULL"
        }
    };
    let row = sqlx::query(sql).bind(hash.as_bytes()).fetch_optional(executor).await?;
    let Some(row) = row else { return Ok(None) };
    let role = user::Role::from_number(row.try_get("role")?).ok_or(StoreError::Corrupt("role"))?;
    Ok(Some(Holder {
        credential_id: row.try_get("credential_id")?,
        user_id: row.try_get("user_id")?,
        source,
        role: match role {
            user::Role::Member => Role::Member,
            user::Role::Administrator => Role::Administrator,
        },
        scopes: row.try_get("scopes")?,
        last_used_time: row.try_get("last_used_time")?,
        expire_time: row.try_get("expire_time")?,
        identity_provider: row.try_get("identity_provider")?,
        tenant_key: row.try_get("tenant_key")?,
    }))
}

/// Notes the last use of a credential; a time never goes back.
pub(super) async fn touch(
    transaction: &mut Transaction,
    source: Source,
    credential_id: Uuid,
    used_time: i64,
) -> Result<(), StoreError> {
    let sql = match source {
        Source::LoginSession => {
            "UPDATE login_session SET last_used_time = $1 WHERE login_session_id = $2 AND last_used_time < $1"
        }
        Source::ApiToken => {
            "UPDATE api_token SET last_used_time = $1 WHERE api_token_id = $2 AND COALESCE(last_used_time, 0) < $1"
        }
    };
    sqlx::query(sql).bind(used_time).bind(credential_id).execute(transaction).await?;
    Ok(())
}
