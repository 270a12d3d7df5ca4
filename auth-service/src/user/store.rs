//! The tables `user_account` and `user_total`.

use fenxi_chassis::sqlite::{Executor, Row, Transaction, is_unique_violation};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Role, User};
use crate::{admission::Admission, provider::Profile, store::StoreError};

macro_rules! columns {
    () => {
        "user_id, identity_provider, username, tenant_key, display_name, english_name, avatar_url, email, role, \
         disabled_time, create_time, last_login_time, first_login_time"
    };
}

fn user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        user_id: row.try_get("user_id")?,
        identity_provider: row.try_get("identity_provider")?,
        username: row.try_get("username")?,
        tenant_key: row.try_get("tenant_key")?,
        display_name: row.try_get("display_name")?,
        english_name: row.try_get("english_name")?,
        avatar_url: row.try_get("avatar_url")?,
        email: row.try_get("email")?,
        role: Role::from_number(row.try_get("role")?).ok_or(StoreError::Corrupt("role"))?,
        disabled_time: row.try_get("disabled_time")?,
        create_time: row.try_get("create_time")?,
        last_login_time: row.try_get("last_login_time")?,
        first_login_time: row.try_get("first_login_time")?,
    })
}

/// What `names` holds: everything that a search looks at.
fn names(user: &[&str]) -> String {
    user.join("\n").to_lowercase()
}

/// One user.
pub(crate) async fn by_id(executor: impl Executor<'_>, user_id: Uuid) -> Result<Option<User>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", columns!(), " FROM user_account WHERE user_id = $1"))
        .bind(user_id)
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(user).transpose()
}

/// A local account with the hash of its password.
pub(crate) async fn by_username(
    executor: impl Executor<'_>,
    username: &str,
) -> Result<Option<(User, Option<String>)>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", columns!(), ", password_hash FROM user_account WHERE username = $1"))
        .bind(username)
        .fetch_optional(executor)
        .await?;
    row.map(|row| Ok((user(&row)?, row.try_get("password_hash")?))).transpose()
}

/// The hash of a user's password; `None` if they have none.
pub(crate) async fn password_hash(executor: impl Executor<'_>, user_id: Uuid) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("SELECT password_hash FROM user_account WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(executor)
        .await?;
    Ok(row.map(|row| row.try_get("password_hash")).transpose()?.flatten())
}

/// Users by id from after `after`, at most `rows_max`; with `pattern`, those whose names are LIKE it (escape `\`).
pub(crate) async fn page(
    executor: impl Executor<'_>,
    pattern: Option<&str>,
    after: Option<Uuid>,
    rows_max: i64,
) -> Result<Vec<User>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM user_account WHERE user_id > $1 AND ($2 IS NULL OR names LIKE $2 || '' ESCAPE '\\') \
         ORDER BY user_id LIMIT $3 + 0"
    ))
    .bind(after.unwrap_or(Uuid::nil()))
    .bind(pattern)
    .bind(rows_max)
    .fetch_all(executor)
    .await?;
    rows.iter().map(user).collect()
}

/// Those who are shut out, by id from after `after`, at most `rows_max`.
pub(crate) async fn disabled(executor: impl Executor<'_>, after: Uuid, rows_max: i64) -> Result<Vec<Uuid>, StoreError> {
    let sql = "SELECT user_id FROM user_account WHERE disabled_time IS NOT NULL AND user_id > $1 \
               ORDER BY user_id LIMIT $2 + 0";
    let rows = sqlx::query(sql).bind(after).bind(rows_max).fetch_all(executor).await?;
    rows.iter().map(|row| Ok(row.try_get("user_id")?)).collect()
}

/// Users in all.
pub(crate) async fn total(executor: impl Executor<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query("SELECT total FROM user_total WHERE id = 1").fetch_one(executor).await?.try_get("total")?)
}

async fn count_one_more(transaction: &mut Transaction) -> Result<(), StoreError> {
    sqlx::query("UPDATE user_total SET total = total + 1 WHERE id = 1").execute(transaction).await?;
    Ok(())
}

/// A local account to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewLocal {
    /// Its id.
    pub(crate) user_id: Uuid,
    /// Lower case.
    pub(crate) username: String,
    /// argon2id.
    pub(crate) password_hash: String,
    /// For people.
    pub(crate) display_name: String,
    /// What they may do.
    pub(crate) role: Role,
}

/// Makes a local account; `None` if the name is taken.
pub(crate) async fn insert_local(
    transaction: &mut Transaction,
    new: &NewLocal,
    now: i64,
) -> Result<Option<User>, StoreError> {
    let row = sqlx::query(concat!(
        "INSERT INTO user_account (user_id, identity_provider, username, password_hash, display_name, english_name, \
         avatar_url, email, names, role, create_time) VALUES ($1, 'local', $2, $3, $4, '', '', '', $5, $6, $7) \
         RETURNING ",
        columns!()
    ))
    .bind(new.user_id)
    .bind(&new.username)
    .bind(&new.password_hash)
    .bind(&new.display_name)
    .bind(names(&[&new.username, &new.display_name]))
    .bind(new.role.number())
    .bind(now)
    .fetch_one(&mut *transaction)
    .await;
    let row = match row {
        Err(error) if is_unique_violation(&error) => return Ok(None),
        row => row?,
    };
    count_one_more(transaction).await?;
    user(&row).map(Some)
}

/// Saves or updates the person whom an identity provider named; says whether they are new.
pub(crate) async fn save_at_login(
    transaction: &mut Transaction,
    profile: &Profile,
    new_user_id: Uuid,
    now: i64,
) -> Result<(User, bool), StoreError> {
    let row = sqlx::query(concat!(
        "INSERT INTO user_account (user_id, identity_provider, app_id, tenant_key, open_id, union_id, display_name, \
         english_name, avatar_url, email, names, role, create_time, last_login_time, first_login_time) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $13) \
         ON CONFLICT (identity_provider, app_id, tenant_key, open_id) DO UPDATE SET \
         union_id = excluded.union_id, display_name = excluded.display_name, english_name = excluded.english_name, \
         avatar_url = excluded.avatar_url, email = excluded.email, names = excluded.names, \
         last_login_time = excluded.last_login_time RETURNING ",
        columns!()
    ))
    .bind(new_user_id)
    .bind(profile.identity_provider)
    .bind(&profile.app_id)
    .bind(&profile.tenant_key)
    .bind(&profile.open_id)
    .bind(&profile.union_id)
    .bind(&profile.display_name)
    .bind(&profile.english_name)
    .bind(&profile.avatar_url)
    .bind(&profile.email)
    .bind(names(&[&profile.display_name, &profile.english_name]))
    .bind(Role::Member.number())
    .bind(now)
    .fetch_one(&mut *transaction)
    .await?;
    let user = user(&row)?;
    let new = user.user_id == new_user_id;
    if new {
        count_one_more(transaction).await?;
    }
    Ok((user, new))
}

/// Notes a login of a local account whose password hash is still this one and who is not disabled. It is the first of whoever
/// has no last one: where the first is not known, no later one takes its place.
pub(crate) async fn note_login(
    transaction: &mut Transaction,
    user_id: Uuid,
    password_hash: &str,
    now: i64,
) -> Result<Option<User>, StoreError> {
    let row = sqlx::query(concat!(
        "UPDATE user_account SET last_login_time = $1, \
         first_login_time = CASE WHEN last_login_time IS NULL THEN $1 ELSE first_login_time END \
         WHERE user_id = $2 AND password_hash = $3 AND disabled_time IS NULL RETURNING ",
        columns!()
    ))
    .bind(now)
    .bind(user_id)
    .bind(password_hash)
    .fetch_optional(transaction)
    .await?;
    row.as_ref().map(user).transpose()
}

/// Changes name and role of a user who is `before` now.
pub(crate) async fn set_profile(
    transaction: &mut Transaction,
    before: &User,
    display_name: &str,
    role: Role,
) -> Result<(), StoreError> {
    let username = before.username.as_deref().unwrap_or_default();
    sqlx::query("UPDATE user_account SET display_name = $1, role = $2, names = $3 WHERE user_id = $4")
        .bind(display_name)
        .bind(role.number())
        .bind(names(&[username, display_name, &before.english_name]))
        .bind(before.user_id)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Sets the password of an account that has one, whatever it was; says whether it did.
pub(crate) async fn set_password(
    transaction: &mut Transaction,
    user_id: Uuid,
    password_hash: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE user_account SET password_hash = $1 WHERE user_id = $2 AND username IS NOT NULL")
        .bind(password_hash)
        .bind(user_id)
        .execute(transaction)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Changes the password that has the hash `verified_hash` still, of a user who is not disabled; says whether it did.
pub(crate) async fn change_password(
    transaction: &mut Transaction,
    user_id: Uuid,
    verified_hash: &str,
    password_hash: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE user_account SET password_hash = $1 \
         WHERE user_id = $2 AND password_hash = $3 AND disabled_time IS NULL",
    )
    .bind(password_hash)
    .bind(user_id)
    .bind(verified_hash)
    .execute(transaction)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Shuts out from `disabled_time` on, or lets in again.
pub(crate) async fn set_disabled(
    transaction: &mut Transaction,
    user_id: Uuid,
    disabled_time: Option<i64>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE user_account SET disabled_time = $1 WHERE user_id = $2")
        .bind(disabled_time)
        .bind(user_id)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Whether an enabled administrator other than `user_id` exists who may come in.
pub(crate) async fn another_administrator(
    executor: impl Executor<'_>,
    admission: &Admission,
    user_id: Uuid,
) -> Result<bool, StoreError> {
    let rows = sqlx::query(
        "SELECT DISTINCT identity_provider, tenant_key FROM user_account \
         WHERE role = 2 AND disabled_time IS NULL AND user_id <> $1",
    )
    .bind(user_id)
    .fetch_all(executor)
    .await?;
    for row in rows {
        let (provider, tenant): (String, Option<String>) =
            (row.try_get("identity_provider")?, row.try_get("tenant_key")?);
        if admission.admits(&provider, tenant.as_deref()) {
            return Ok(true);
        }
    }
    Ok(false)
}
