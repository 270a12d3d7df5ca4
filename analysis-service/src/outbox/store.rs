//! The table `outbox`. Times are Unix microseconds.

use std::sync::LazyLock;

use fenxi_chassis::sqlite::{Database, Shapes, Transaction, WriteError};
use sqlx::Row as _;
use uuid::Uuid;

use super::Item;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

/// An entry that is due.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) history_entry_id: Uuid,
    pub(super) item: Vec<u8>,
    /// How often it failed alone.
    pub(super) attempts: i32,
}

/// What is waiting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Waiting {
    /// Entries to be delivered.
    pub(super) entries: i64,
    /// When the oldest of them was written.
    pub(super) oldest_time: Option<i64>,
    /// Entries that were refused and wait for a person.
    pub(super) set_aside: i64,
}

static INSERT: LazyLock<Shapes> = LazyLock::new(|| {
    let head = "INSERT INTO outbox (history_entry_id, item, create_time) VALUES ";
    Shapes::new(head, "({1}, {2}, {3})", ", ", "", 3)
});

static DELETE: LazyLock<Shapes> =
    LazyLock::new(|| Shapes::new("DELETE FROM outbox WHERE history_entry_id IN (", "{1}", ", ", ")", 1));

/// Writes entries, within the transaction that makes them true.
pub(crate) async fn insert(tx: &mut Transaction, items: &[&Item]) -> Result<(), sqlx::Error> {
    for (sql, piece) in INSERT.chunks(items) {
        let mut statement = sqlx::query(sql);
        for item in piece {
            statement = statement.bind(item.history_entry_id).bind(&item.item).bind(item.create_time);
        }
        statement.execute(&mut *tx).await?;
    }
    Ok(())
}

/// The relay's side of the table.
#[derive(Clone, Debug)]
pub(super) struct Store {
    database: Database,
}

impl Store {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// The oldest entries that are due: at most `max_entries`, and, but for the first, at most `max_bytes` together.
    pub(super) async fn due(&self, now: i64, max_entries: i64, max_bytes: i64) -> Result<Vec<Due>, StoreError> {
        // Lengths first: the items themselves may be megabytes.
        let sql = "SELECT history_entry_id, LENGTH(item) AS bytes FROM outbox \
                   WHERE set_aside_time IS NULL AND next_attempt_time <= $1 ORDER BY history_entry_id LIMIT $2 + 0";
        let rows = sqlx::query(sql).bind(now).bind(max_entries).fetch_all(&self.database.reader).await?;
        let mut sum = 0;
        let mut last: Option<Uuid> = None;
        for row in rows {
            sum += row.try_get::<i64, _>("bytes")?;
            if last.is_some() && sum > max_bytes {
                break;
            }
            last = Some(row.try_get("history_entry_id")?);
        }
        let Some(last) = last else { return Ok(Vec::new()) };
        let sql = "SELECT history_entry_id, item, attempts FROM outbox \
                   WHERE set_aside_time IS NULL AND next_attempt_time <= $1 AND history_entry_id <= $2 \
                   ORDER BY history_entry_id LIMIT $3 + 0";
        let rows = sqlx::query(sql).bind(now).bind(last).bind(max_entries).fetch_all(&self.database.reader).await?;
        rows.iter()
            .map(|row| {
                Ok(Due {
                    history_entry_id: row.try_get("history_entry_id")?,
                    item: row.try_get("item")?,
                    attempts: row.try_get("attempts")?,
                })
            })
            .collect()
    }

    /// When the next entry is due that is not due yet.
    pub(super) async fn next_due_time(&self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT MIN(next_attempt_time) AS time FROM outbox WHERE set_aside_time IS NULL";
        Ok(sqlx::query(sql).fetch_one(&self.database.reader).await?.try_get("time")?)
    }

    pub(super) async fn waiting(&self) -> Result<Waiting, StoreError> {
        let sql = "SELECT COUNT(*) AS entries, MIN(create_time) AS oldest, \
                   (SELECT COUNT(*) FROM outbox WHERE set_aside_time IS NOT NULL) AS set_aside \
                   FROM outbox WHERE set_aside_time IS NULL";
        let row = sqlx::query(sql).fetch_one(&self.database.reader).await?;
        Ok(Waiting {
            entries: row.try_get("entries")?,
            oldest_time: row.try_get("oldest")?,
            set_aside: row.try_get("set_aside")?,
        })
    }

    /// Removes what was acknowledged.
    pub(super) async fn delete(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        self.database
            .writer
            .write(move |tx| {
                Box::pin(async move {
                    for (sql, piece) in DELETE.chunks(&ids) {
                        let statement = piece.iter().fold(sqlx::query(sql), |statement, id| statement.bind(id));
                        statement.execute(&mut *tx).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Tries an entry again not before this time.
    pub(super) async fn defer(&self, id: Uuid, until: i64) -> Result<(), StoreError> {
        self.database
            .writer
            .write(move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE outbox SET attempts = attempts + 1, next_attempt_time = $1 \
                               WHERE history_entry_id = $2";
                    sqlx::query(sql).bind(until).bind(id).execute(tx).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Keeps an entry that the other side refuses, out of the way of the others.
    pub(super) async fn set_aside(&self, id: Uuid, now: i64, refusal: String) -> Result<(), StoreError> {
        self.database
            .writer
            .write(move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE outbox SET set_aside_time = $1, refusal = $2 WHERE history_entry_id = $3";
                    sqlx::query(sql).bind(now).bind(refusal).bind(id).execute(tx).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Takes up again what was set aside: another version of either side may agree.
    pub(super) async fn take_up(&self) -> Result<u64, StoreError> {
        self.database
            .writer
            .write(|tx| {
                Box::pin(async move {
                    let sql = "UPDATE outbox SET set_aside_time = NULL, refusal = NULL, next_attempt_time = 0 \
                               WHERE set_aside_time IS NOT NULL";
                    Ok(sqlx::query(sql).execute(tx).await?.rows_affected())
                })
            })
            .await
    }
}
