//! Grants in the database. The only SQL of this room; rules and the time come from outside.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use fenxi_chassis::sqlite::{Database, Row, Step, Transaction, WriteError};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Grant, entry::Entry};

/// This room's steps of the schema.
pub const STEPS: &[Step] = &[Step {
    number: 210,
    title: "network grants",
    sql: include_str!("../../migrations/sqlite/210_network_grants.sql"),
}];

const COLUMNS: &str = "grant_id, user_id, entries, note, create_time, expire_time, creator_user_id";

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A statement failed.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A write did not happen.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A mutation, to be done once.
#[derive(Clone, Debug)]
pub(super) struct Once {
    pub user_id: Uuid,
    pub request_id: Uuid,
    pub fingerprint: Vec<u8>,
}

/// The grants of a user after a change.
#[derive(Debug)]
pub(super) struct InForce {
    /// Greater for what was read later.
    pub sequence: u64,
    pub grants: Vec<Grant>,
}

/// What became of a mutation.
#[derive(Debug)]
pub(super) enum Done {
    Now(InForce),
    /// It was done before, with this grant.
    Before(Option<Grant>),
    /// The id was used for something else.
    Reused,
    /// There are as many as may be.
    Full,
    NotFound,
}

/// The tables.
#[derive(Clone, Debug)]
pub(super) struct Store {
    database: Database,
    sequence: Arc<AtomicU64>,
}

impl Store {
    pub(super) fn new(database: Database) -> Self {
        Self { database, sequence: Arc::default() }
    }

    /// What became of this mutation, if it was done before.
    pub(super) async fn earlier(&self, once: &Once) -> Result<Option<Done>, StoreError> {
        let mut reader = self.database.reader.acquire().await?;
        earlier(&mut reader, once).await
    }

    /// Writes a grant down, unless its user has `max` in force.
    pub(super) async fn create(&self, grant: Grant, once: Once, max: usize) -> Result<Done, StoreError> {
        let sequence = Arc::clone(&self.sequence);
        let written = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                if let Some(before) = earlier(transaction, &once).await? {
                    return Ok(before);
                }
                if in_force(transaction, grant.user_id, grant.create_time).await?.len() >= max {
                    return Ok(Done::Full);
                }
                insert(transaction, &grant).await?;
                done(transaction, &once, grant.grant_id, grant.create_time).await?;
                let grants = in_force(transaction, grant.user_id, grant.create_time).await?;
                Ok::<_, StoreError>(Done::Now(InForce { sequence: sequence.fetch_add(1, Ordering::SeqCst), grants }))
            })
        });
        written.await
    }

    /// Removes a grant; gives it beside what is left of its user's.
    pub(super) async fn delete(
        &self,
        grant_id: Uuid,
        once: Option<Once>,
        now: i64,
    ) -> Result<(Done, Option<Grant>), StoreError> {
        let sequence = Arc::clone(&self.sequence);
        let written = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                if let Some(once) = &once
                    && let Some(before) = earlier(transaction, once).await?
                {
                    return Ok((before, None));
                }
                let Some(grant) = find(transaction, grant_id).await? else { return Ok((Done::NotFound, None)) };
                sqlx::query("DELETE FROM network_grants WHERE grant_id = $1")
                    .bind(grant_id)
                    .execute(&mut *transaction)
                    .await?;
                if let Some(once) = &once {
                    done(transaction, once, grant_id, now).await?;
                }
                let grants = in_force(transaction, grant.user_id, now).await?;
                let left = InForce { sequence: sequence.fetch_add(1, Ordering::SeqCst), grants };
                Ok::<_, StoreError>((Done::Now(left), Some(grant)))
            })
        });
        written.await
    }

    /// What a user has, read in the order of changes.
    pub(super) async fn of_user(&self, user_id: Uuid, now: i64) -> Result<InForce, StoreError> {
        let sequence = Arc::clone(&self.sequence);
        let read = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                let grants = in_force(transaction, user_id, now).await?;
                Ok::<_, StoreError>(InForce { sequence: sequence.fetch_add(1, Ordering::SeqCst), grants })
            })
        });
        read.await
    }

    /// The users with grants in force: read at start.
    pub(super) async fn users(&self, now: i64) -> Result<Vec<Uuid>, StoreError> {
        let sql = "SELECT DISTINCT user_id FROM network_grants WHERE expire_time IS NULL OR expire_time > $1";
        let rows = sqlx::query(sql).bind(now).fetch_all(&self.database.reader).await?;
        rows.iter().map(|row| Ok(row.try_get("user_id")?)).collect()
    }

    /// Grants, newest first, those older than `before` only, at most `count`; of one user or of all.
    pub(super) async fn list(
        &self,
        user_id: Option<Uuid>,
        before: Option<Uuid>,
        count: u32,
    ) -> Result<Vec<Grant>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM network_grants
             WHERE ($1 IS NULL OR user_id = $1) AND ($2 IS NULL OR grant_id < $2)
             ORDER BY grant_id DESC LIMIT $3 + 0"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(user_id).bind(before).bind(i64::from(count));
        query.fetch_all(&self.database.reader).await?.iter().map(read).collect()
    }

    /// Forgets grants that ended, and requests that were taken, before this time.
    pub(super) async fn forget(&self, before: i64) -> Result<(), StoreError> {
        let written = self.database.writer.write::<_, StoreError, _>(move |transaction| {
            Box::pin(async move {
                for sql in [
                    "DELETE FROM network_grants WHERE expire_time < $1",
                    "DELETE FROM network_grant_requests WHERE create_time < $1",
                ] {
                    sqlx::query(sql).bind(before).execute(&mut *transaction).await?;
                }
                Ok(())
            })
        });
        written.await
    }
}

async fn earlier(transaction: &mut Transaction, once: &Once) -> Result<Option<Done>, StoreError> {
    let sql = "SELECT fingerprint, grant_id FROM network_grant_requests WHERE user_id = $1 AND request_id = $2";
    let query = sqlx::query(sql).bind(once.user_id).bind(once.request_id);
    let Some(row) = query.fetch_optional(&mut *transaction).await? else { return Ok(None) };
    if row.try_get::<Vec<u8>, _>("fingerprint")? != once.fingerprint {
        return Ok(Some(Done::Reused));
    }
    Ok(Some(Done::Before(find(transaction, row.try_get("grant_id")?).await?)))
}

async fn done(transaction: &mut Transaction, once: &Once, grant_id: Uuid, now: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO network_grant_requests (user_id, request_id, fingerprint, grant_id, create_time)
        VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(sql).bind(once.user_id).bind(once.request_id).bind(once.fingerprint.as_slice());
    query.bind(grant_id).bind(now).execute(transaction).await?;
    Ok(())
}

async fn insert(transaction: &mut Transaction, grant: &Grant) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO network_grants ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(grant.grant_id)
        .bind(grant.user_id)
        .bind(serde_json::to_string(&grant.texts()).unwrap_or_else(|_| "[]".into()))
        .bind(&grant.note)
        .bind(grant.create_time)
        .bind(grant.expire_time)
        .bind(grant.creator_user_id)
        .execute(transaction)
        .await?;
    Ok(())
}

async fn find(transaction: &mut Transaction, grant_id: Uuid) -> Result<Option<Grant>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM network_grants WHERE grant_id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(grant_id).fetch_optional(transaction).await?;
    row.as_ref().map(read).transpose()
}

async fn in_force(transaction: &mut Transaction, user_id: Uuid, now: i64) -> Result<Vec<Grant>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM network_grants WHERE user_id = $1 AND (expire_time IS NULL OR expire_time > $2)
         ORDER BY grant_id"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(user_id).bind(now);
    query.fetch_all(transaction).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Grant, StoreError> {
    let unreadable = |why: String| StoreError::Sql(sqlx::Error::Decode(why.into()));
    let texts: Vec<String> =
        serde_json::from_str(row.try_get("entries")?).map_err(|error| unreadable(error.to_string()))?;
    let entries = texts.iter().map(|text| Entry::parse(text).map_err(|why| unreadable(format!("{text} {why}"))));
    Ok(Grant {
        grant_id: row.try_get("grant_id")?,
        user_id: row.try_get("user_id")?,
        entries: entries.collect::<Result<_, _>>()?,
        note: row.try_get("note")?,
        create_time: row.try_get("create_time")?,
        expire_time: row.try_get("expire_time")?,
        creator_user_id: row.try_get("creator_user_id")?,
    })
}
