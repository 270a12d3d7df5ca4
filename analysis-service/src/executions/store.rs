//! The executions' tables: what was accepted, how it ended, its log where that is small, the contents it refers to.
//!
//! One write an execution, or two where it runs for long: accepted, and ended with its log and its outbox row in one
//! transaction. What the database does not have yet is in the journal, in the spool and in memory. Times are Unix
//! microseconds.

mod ends;
mod old;
mod requests;
mod rows;

use std::{collections::HashMap, sync::Arc};

use fenxi_chassis::sqlite::{Arguments, Database, Engine, Step, Transaction, WriteError, is_unique_violation};
use fenxi_proto::analysis::v1::{Outcome, StopCause};
use sqlx::{QueryBuilder, Row as _, query::Query};
use uuid::Uuid;

use self::{
    ends::Ends,
    rows::{place, stored},
};
use super::{Accepted, limits::PAGE_CODE_MAX_BYTES, requests::Taken};
use crate::{objects::ContentId, outbox};

/// The schema.
pub const STEPS: [Step; 4] = [
    Step { number: 200, title: "executions", sql: include_str!("../../migrations/sqlite/200_executions.sql") },
    Step {
        number: 201,
        title: "execution limits",
        sql: include_str!("../../migrations/sqlite/201_execution_limits.sql"),
    },
    Step {
        number: 202,
        title: "execution requests",
        sql: include_str!("../../migrations/sqlite/202_execution_requests.sql"),
    },
    Step {
        number: 203,
        title: "dependencies",
        sql: include_str!("../../migrations/sqlite/203_execution_dependencies.sql"),
    },
];

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
    pub(super) stop_cause: StopCause,
    pub(super) start_time: Option<i64>,
    pub(super) end_time: i64,
    pub(super) last_sequence: i64,
    pub(super) execution_count: i32,
    pub(super) log_place: LogPlace,
    /// Requests taken while it ran (see `requests`). Read back are those of ends that were stored before requests had rows
    /// of their own.
    pub(super) requests: Vec<Taken>,
}

/// An end to be stored.
#[derive(Clone, Debug)]
pub(super) struct Finish {
    pub(super) accepted: Arc<Accepted>,
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

impl Filter {
    fn push_to(&self, query: &mut QueryBuilder<Engine>) {
        query.push("WHERE user_id = ").push_bind(self.user_id);
        if let Some(kernel_id) = self.kernel_id {
            query.push(" AND kernel_id = ").push_bind(kernel_id);
        }
        match self.ended {
            Some(true) => query.push(" AND outcome <> 0"),
            Some(false) => query.push(" AND outcome = 0"),
            None => query,
        };
        if let Some(before) = self.before {
            query.push(" AND execution_id < ").push_bind(before);
        }
    }
}

/// The executions of this service's database.
#[derive(Clone, Debug)]
pub(super) struct Store {
    database: Database,
    ends: Ends,
}

/// Ids in one question.
const IDS_MAX: usize = 500;
const COLUMNS: &str = "execution_id, user_id, request_id, request_hash, kernel_id, code, datasets, create_time, \
     time_limit, continue_on_error, depends_on, depends_on_condition, start_time, end_time, outcome, stop_cause, \
     last_sequence, execution_count, log_place, requests";

impl Store {
    pub(super) fn new(database: Database) -> Self {
        Self { ends: Ends::start(database.writer.clone()), database }
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
        self.ends.store(finish).await
    }

    /// Those of these executions that the database has, and whether they have ended.
    pub(super) async fn known(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, bool>, StoreError> {
        let mut known = HashMap::new();
        for ids in ids.chunks(IDS_MAX) {
            let mut query =
                QueryBuilder::<Engine>::new("SELECT execution_id, outcome FROM execution WHERE execution_id IN (");
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(*id);
            }
            query.push(")");
            for row in query.build().fetch_all(&self.database.reader).await? {
                known.insert(row.try_get("execution_id")?, row.try_get::<i32, _>("outcome")? != 0);
            }
        }
        Ok(known)
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

    /// A page, newest first, and where the next one begins if there is more. It ends early where its code is long.
    pub(super) async fn list(&self, filter: &Filter) -> Result<(Vec<Stored>, Option<Uuid>), StoreError> {
        let mut query = QueryBuilder::new("SELECT execution_id, OCTET_LENGTH(code) AS bytes FROM execution ");
        filter.push_to(&mut query);
        query.push(" ORDER BY execution_id DESC LIMIT ").push_bind(i64::from(filter.rows) + 1).push(" + 0");
        let found = query.build().fetch_all(&self.database.reader).await?;
        let (mut ids, mut bytes) = (Vec::new(), 0);
        for row in found.iter().take(filter.rows as usize) {
            bytes += row.try_get::<i64, _>("bytes")?;
            if bytes > PAGE_CODE_MAX_BYTES && !ids.is_empty() {
                break;
            }
            ids.push(row.try_get::<Uuid, _>("execution_id")?);
        }
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok((Vec::new(), None)) };
        let mut query = QueryBuilder::new(concat_columns(""));
        filter.push_to(&mut query);
        query.push(" AND execution_id <= ").push_bind(*first).push(" AND execution_id >= ").push_bind(*last);
        query.push(" ORDER BY execution_id DESC LIMIT ").push_bind(i64::from(filter.rows)).push(" + 0");
        let rows = query.build().fetch_all(&self.database.reader).await?;
        let next = (found.len() > ids.len()).then_some(*last);
        Ok((rows.iter().map(stored).collect::<Result<_, _>>()?, next))
    }

    /// The records of a log that is in a row.
    pub(super) async fn log(&self, execution_id: Uuid) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT log FROM execution_log WHERE execution_id = $1";
        let row = sqlx::query(sql).bind(execution_id).fetch_optional(&self.database.reader).await?;
        row.map(|row| row.try_get("log").map_err(StoreError::from)).transpose()
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
    let sql = "INSERT INTO execution \
               (execution_id, user_id, request_id, request_hash, kernel_id, code, datasets, create_time, \
               time_limit, continue_on_error, depends_on, depends_on_condition) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    bound(sqlx::query(sql), accepted)?.execute(tx).await?;
    Ok(())
}

type Statement<'a> = Query<'a, Engine, Arguments>;

/// The statement with its next twelve parameters, which are what was accepted.
fn bound<'a>(statement: Statement<'a>, accepted: &'a Accepted) -> Result<Statement<'a>, StoreError> {
    let datasets = serde_json::to_string(&accepted.datasets).map_err(|error| StoreError::Row(error.to_string()))?;
    Ok(statement
        .bind(accepted.execution_id)
        .bind(accepted.user_id)
        .bind(accepted.request_id)
        .bind(accepted.request_hash.as_slice())
        .bind(accepted.kernel_id)
        .bind(&*accepted.code)
        .bind(datasets)
        .bind(accepted.create_time)
        .bind(accepted.time_limit_micros)
        .bind(accepted.continue_on_error)
        .bind(accepted.depends_on.map(|on| on.execution_id))
        .bind(accepted.depends_on.map_or(0, |on| on.condition as i32)))
}

fn concat_columns(rest: &str) -> String {
    format!("SELECT {COLUMNS} FROM execution {rest}")
}
