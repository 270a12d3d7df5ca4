//! The executions' tables: what was accepted, how it ended, its log where that is small, the contents it refers to.
//!
//! Two writes an execution, and no more: accepted, and ended with its log and its outbox row in one transaction. What
//! lies between is in the spool and in memory. Times are Unix microseconds.

use std::sync::Arc;

use fenxi_chassis::sqlite::{Database, Step, Transaction, WriteError, is_unique_violation};
use fenxi_proto::analysis::v1::Outcome;
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Accepted, DatasetRef};
use crate::{objects::ContentId, outbox};

/// The schema.
pub const STEPS: [Step; 1] =
    [Step { number: 200, title: "executions", sql: include_str!("../../migrations/200_executions.sql") }];

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The write was not done.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The database said no.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A row holds what nobody wrote.
    #[error("a stored row cannot be read: {0}")]
    Row(String),
    /// Bytes of a content could not be removed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Where a finished execution's log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogPlace {
    /// Not stored yet: the execution runs.
    Spool = 0,
    /// In a row.
    Row = 1,
    /// In a file.
    File = 2,
    /// Removed, being old.
    Removed = 3,
}

/// An execution as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) accepted: Arc<Accepted>,
    pub(super) end: Option<End>,
}

/// How an execution ended, as it is stored.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) start_time: Option<i64>,
    pub(super) end_time: i64,
    pub(super) last_sequence: i64,
    pub(super) execution_count: i32,
    pub(super) log_place: LogPlace,
    /// Requests taken while it ran (see `requests`).
    pub(super) requests: Vec<u8>,
}

/// An end to be stored.
#[derive(Clone, Debug)]
pub(super) struct Finish {
    pub(super) execution_id: Uuid,
    pub(super) end: End,
    /// With [`LogPlace::Row`].
    pub(super) log: Vec<u8>,
    pub(super) contents: Vec<(ContentId, u64)>,
    pub(super) history: outbox::Item,
}

/// What an acceptance came to.
pub(super) enum Insert {
    /// The row is there.
    New,
    /// This user's request is there already.
    Known(Box<Stored>),
}

/// A page's filter.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) user_id: Uuid,
    pub(super) kernel_id: Option<Uuid>,
    /// Ended ones only, or others only.
    pub(super) ended: Option<bool>,
    pub(super) before: Option<Uuid>,
    pub(super) rows: u32,
}

/// The executions of this service's database.
#[derive(Clone, Debug)]
pub(super) struct Store {
    database: Database,
}

const COLUMNS: &str = "execution_id, user_id, request_id, request_hash, kernel_id, code, datasets, create_time, \
     start_time, end_time, outcome, last_sequence, execution_count, log_place, requests";

impl Store {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Accepts an execution, durably, unless the user's request is known.
    pub(super) async fn insert(&self, accepted: Arc<Accepted>) -> Result<Insert, StoreError> {
        let (user_id, request_id) = (accepted.user_id, accepted.request_id);
        let inserted = self.database.writer.write(move |tx| Box::pin(async move { insert(tx, &accepted).await })).await;
        match inserted {
            Ok(()) => Ok(Insert::New),
            Err(StoreError::Sql(error)) if is_unique_violation(&error) => {
                let known = self.by_request(user_id, request_id).await?;
                known.map(|known| Insert::Known(Box::new(known))).ok_or(StoreError::Sql(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Takes back an acceptance whose answer is not known.
    pub(super) async fn delete_unfinished(&self, execution_id: Uuid) -> Result<(), StoreError> {
        self.database
            .writer
            .write(move |tx| {
                Box::pin(async move {
                    let sql = "DELETE FROM execution WHERE execution_id = $1 AND outcome = 0";
                    sqlx::query(sql).bind(execution_id).execute(tx).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Stores an end, with its log and its outbox row, in one transaction. A second end changes nothing.
    pub(super) async fn finish(&self, finish: Arc<Finish>) -> Result<(), StoreError> {
        self.database.writer.write(move |tx| Box::pin(async move { store_end(tx, &finish).await })).await
    }

    pub(super) async fn by_request(&self, user_id: Uuid, request_id: Uuid) -> Result<Option<Stored>, StoreError> {
        let sql = concat_columns("WHERE user_id = $1 AND request_id = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(user_id).bind(request_id);
        row.fetch_optional(&self.database.reader).await?.map(|row| stored(&row)).transpose()
    }

    pub(super) async fn get(&self, user_id: Uuid, execution_id: Uuid) -> Result<Option<Stored>, StoreError> {
        let sql = concat_columns("WHERE execution_id = $1 AND user_id = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(execution_id).bind(user_id);
        row.fetch_optional(&self.database.reader).await?.map(|row| stored(&row)).transpose()
    }

    /// The executions without an end.
    pub(super) async fn unfinished(&self) -> Result<Vec<Stored>, StoreError> {
        let sql = concat_columns("WHERE outcome = 0 ORDER BY execution_id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&self.database.reader).await?;
        rows.iter().map(stored).collect()
    }

    /// Where the log of any user's execution is; `None` for an unknown one.
    pub(super) async fn log_place(&self, execution_id: Uuid) -> Result<Option<LogPlace>, StoreError> {
        let sql = "SELECT log_place FROM execution WHERE execution_id = $1";
        let row = sqlx::query(sql).bind(execution_id).fetch_optional(&self.database.reader).await?;
        row.map(|row| place(row.try_get("log_place")?)).transpose()
    }

    pub(super) async fn list(&self, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(concat_columns("WHERE user_id = "));
        query.push_bind(filter.user_id);
        if let Some(kernel_id) = filter.kernel_id {
            query.push(" AND kernel_id = ").push_bind(kernel_id);
        }
        match filter.ended {
            Some(true) => query.push(" AND outcome <> 0"),
            Some(false) => query.push(" AND outcome = 0"),
            None => &mut query,
        };
        if let Some(before) = filter.before {
            query.push(" AND execution_id < ").push_bind(before);
        }
        query.push(" ORDER BY execution_id DESC LIMIT ").push_bind(i64::from(filter.rows));
        query.build().fetch_all(&self.database.reader).await?.iter().map(stored).collect()
    }

    /// The records of a log that is in a row.
    pub(super) async fn log(&self, execution_id: Uuid) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT log FROM execution_log WHERE execution_id = $1";
        let row = sqlx::query(sql).bind(execution_id).fetch_optional(&self.database.reader).await?;
        row.map(|row| row.try_get("log").map_err(StoreError::from)).transpose()
    }

    /// The oldest logs of executions that ended before this time.
    pub(super) async fn logs_before(&self, time: i64, rows: i64) -> Result<Vec<(Uuid, LogPlace)>, StoreError> {
        let sql = "SELECT execution_id, log_place FROM execution \
                   WHERE log_place IN (1, 2) AND end_time < $1 ORDER BY end_time LIMIT $2";
        let rows = sqlx::query(sql).bind(time).bind(rows).fetch_all(&self.database.reader).await?;
        rows.iter().map(|row| Ok((row.try_get("execution_id")?, place(row.try_get("log_place")?)?))).collect()
    }

    /// Forgets where these logs are, and those that are in rows.
    pub(super) async fn remove_logs(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        self.database
            .writer
            .write(move |tx| {
                Box::pin(async move {
                    for id in ids {
                        let sql = "UPDATE execution SET log_place = 3 WHERE execution_id = $1";
                        sqlx::query(sql).bind(id).execute(&mut *tx).await?;
                        let sql = "DELETE FROM execution_log WHERE execution_id = $1";
                        sqlx::query(sql).bind(id).execute(&mut *tx).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// References to contents by executions that ended before this time.
    pub(super) async fn contents_before(&self, time: i64, rows: i64) -> Result<Vec<(Uuid, ContentId)>, StoreError> {
        let sql = "SELECT c.execution_id, c.sha256 FROM execution_content c \
                   JOIN execution e ON e.execution_id = c.execution_id WHERE e.end_time < $1 LIMIT $2";
        let rows = sqlx::query(sql).bind(time).bind(rows).fetch_all(&self.database.reader).await?;
        rows.iter()
            .map(|row| {
                let text: String = row.try_get("sha256")?;
                let content = text.parse().map_err(|_| StoreError::Row(format!("sha256 {text}")))?;
                Ok((row.try_get("execution_id")?, content))
            })
            .collect()
    }

    /// Whether an execution other than these refers to a content.
    pub(super) async fn is_kept(&self, content: ContentId, but: &[Uuid]) -> Result<bool, StoreError> {
        let sql = "SELECT execution_id FROM execution_content WHERE sha256 = $1 LIMIT $2";
        let enough = i64::try_from(but.len()).unwrap_or(i64::MAX).saturating_add(1);
        let rows = sqlx::query(sql).bind(content.to_string()).bind(enough).fetch_all(&self.database.reader).await?;
        for row in rows {
            if !but.contains(&row.try_get("execution_id")?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes references to contents.
    pub(super) async fn remove_references(&self, old: Vec<(Uuid, ContentId)>) -> Result<(), StoreError> {
        self.database
            .writer
            .write(move |tx| {
                Box::pin(async move {
                    for (id, content) in old {
                        let sql = "DELETE FROM execution_content WHERE execution_id = $1 AND sha256 = $2";
                        sqlx::query(sql).bind(id).bind(content.to_string()).execute(&mut *tx).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Whether this finished execution of this user refers to a content.
    pub(super) async fn refers_to(&self, user_id: Uuid, execution_id: Uuid, id: ContentId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM execution_content c JOIN execution e ON e.execution_id = c.execution_id \
                   WHERE c.execution_id = $1 AND e.user_id = $2 AND c.sha256 = $3";
        let row = sqlx::query(sql).bind(execution_id).bind(user_id).bind(id.to_string());
        Ok(row.fetch_optional(&self.database.reader).await?.is_some())
    }
}

async fn insert(tx: &mut Transaction, accepted: &Accepted) -> Result<(), StoreError> {
    let datasets = serde_json::to_string(&accepted.datasets).map_err(|error| StoreError::Row(error.to_string()))?;
    let sql = "INSERT INTO execution \
               (execution_id, user_id, request_id, request_hash, kernel_id, code, datasets, create_time) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(sql)
        .bind(accepted.execution_id)
        .bind(accepted.user_id)
        .bind(accepted.request_id)
        .bind(accepted.request_hash.as_slice())
        .bind(accepted.kernel_id)
        .bind(&*accepted.code)
        .bind(datasets)
        .bind(accepted.create_time)
        .execute(tx)
        .await?;
    Ok(())
}

async fn store_end(tx: &mut Transaction, finish: &Finish) -> Result<(), StoreError> {
    let (id, end) = (finish.execution_id, &finish.end);
    let sql = "UPDATE execution SET outcome = $1, start_time = $2, end_time = $3, last_sequence = $4, \
               execution_count = $5, log_place = $6, requests = $7 WHERE execution_id = $8 AND outcome = 0";
    let updated = sqlx::query(sql)
        .bind(i32::from(end.outcome))
        .bind(end.start_time)
        .bind(end.end_time)
        .bind(end.last_sequence)
        .bind(end.execution_count)
        .bind(end.log_place as i32)
        .bind(&end.requests)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    if updated.rows_affected() == 0 {
        return Ok(());
    }
    if end.log_place == LogPlace::Row {
        let sql = "INSERT INTO execution_log (execution_id, log) VALUES ($1, $2)";
        sqlx::query(sql).bind(id).bind(&finish.log).execute(&mut *tx).await?;
    }
    for (content, bytes) in &finish.contents {
        let sql = "INSERT INTO execution_content (execution_id, sha256, bytes) VALUES ($1, $2, $3) \
                   ON CONFLICT (execution_id, sha256) DO NOTHING";
        let bytes = i64::try_from(*bytes).unwrap_or(i64::MAX);
        sqlx::query(sql).bind(id).bind(content.to_string()).bind(bytes).execute(&mut *tx).await?;
    }
    outbox::insert(tx, &finish.history).await?;
    Ok(())
}

fn concat_columns(rest: &str) -> String {
    format!("SELECT {COLUMNS} FROM execution {rest}")
}

fn place(number: i32) -> Result<LogPlace, StoreError> {
    [LogPlace::Spool, LogPlace::Row, LogPlace::File, LogPlace::Removed]
        .into_iter()
        .find(|place| *place as i32 == number)
        .ok_or_else(|| StoreError::Row(format!("log_place {number}")))
}

fn stored(row: &SqliteRow) -> Result<Stored, StoreError> {
    let datasets: String = row.try_get("datasets")?;
    let datasets: Vec<DatasetRef> =
        serde_json::from_str(&datasets).map_err(|error| StoreError::Row(error.to_string()))?;
    let hash: Vec<u8> = row.try_get("request_hash")?;
    let code: String = row.try_get("code")?;
    let accepted = Accepted {
        execution_id: row.try_get("execution_id")?,
        user_id: row.try_get("user_id")?,
        request_id: row.try_get("request_id")?,
        request_hash: hash.try_into().map_err(|_| StoreError::Row("request_hash".into()))?,
        kernel_id: row.try_get("kernel_id")?,
        code: code.into(),
        datasets,
        create_time: row.try_get("create_time")?,
    };
    let outcome = Outcome::try_from(row.try_get::<i32, _>("outcome")?)
        .map_err(|error| StoreError::Row(format!("outcome: {error}")))?;
    let end_time: Option<i64> = row.try_get("end_time")?;
    let end = match end_time {
        None => None,
        Some(end_time) => Some(End {
            outcome,
            start_time: row.try_get("start_time")?,
            end_time,
            last_sequence: row.try_get("last_sequence")?,
            execution_count: row.try_get("execution_count")?,
            log_place: place(row.try_get("log_place")?)?,
            requests: row.try_get::<Option<Vec<u8>>, _>("requests")?.unwrap_or_default(),
        }),
    };
    Ok(Stored { accepted: Arc::new(accepted), end })
}
