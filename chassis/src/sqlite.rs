//! A service's own SQLite database: one writer with group commit, several readers, embedded migrations.
//!
//! Reads go to [`Database::reader`]; every write goes through [`Database::writer`]. SQL stands in the stores of the
//! services, in words that PostgreSQL understands too; what is SQLite's own stands in this folder, under names that are not.
//!
//! One habit of that SQL looks odd: `LIMIT $1 + 0`, and `LIKE $1 || ''`. SQLite plans with the value of a parameter that
//! stands there alone, and so prepares the statement anew at every call; a sum is just a value. A test of the whole
//! house holds every store to it.

mod dialect;
mod refusal;
mod shapes;
mod writer;

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, SqlSafeStr as _, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{lifecycle::Lifecycle, telemetry::begin_counters};

pub use self::{
    dialect::{Arguments, Connection, EMPTY_BYTES, Engine, Executor, INSERT_MANY, Pool, Row},
    refusal::{BUSY_RETRY_AFTER, read_refusal},
    shapes::Shapes,
    writer::{Transaction, WriteError, Writer},
};

/// Readers: four for calls of all kinds, more gain nothing on a small machine, and two for a feature that keeps its own.
const READERS: u32 = 6;
/// Rows that a reader fetches ahead: fewer cost a wake-up each.
const ROW_BUFFER: usize = 256;
const STATEMENTS_CACHED: usize = 256;
/// How long a connection waits for another's lock; only another process can hold one.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// How long a read waits for a free reader before it fails.
const ACQUIRE_WAIT: Duration = Duration::from_secs(5);
/// How long the end waits for what is read still, and then for what is written.
const READERS_CLOSE_WAIT: Duration = Duration::from_secs(5);
const WRITER_CLOSE_WAIT: Duration = Duration::from_secs(5);
/// Bytes of the file, from its beginning, that readers see in memory instead of copying them out page by page: the most
/// that SQLite does. The memory is the kernel's cache of the file, which is there in any case. Nothing but this service
/// may cut the file short while it is open, and SQLite itself does so only in a VACUUM, which nobody runs.
const READERS_MAPPED_BYTES: u32 = 0x7fff_0000;
/// Pages that the writer keeps, in KiB: those that a busy minute writes to again and again. SQLite's own 2 MiB are fewer
/// than one transaction of fifty users touches, each of which was then read and written out more than once.
const WRITER_CACHE_KIB: u32 = 32 << 10;
/// Pages in the write-ahead log, 64 MiB of them, at which they are copied to where they belong: a page that every
/// transaction writes to is copied once for all of them. SQLite's own 1,000 are fewer than ten transactions of fifty users.
const LOG_PAGES: u32 = 4_000;
/// 16 KiB: a 2 KB row takes 2.4 KB on disk, with the default page 4.1.
const PAGE_BYTES: u32 = 16_384;

/// One step of the schema, in the order of the numbers; once released it never changes.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its number.
    pub number: i64,
    /// What it does.
    pub title: &'static str,
    /// How.
    pub sql: &'static str,
}

/// An open database. Clones share it.
#[derive(Clone, Debug)]
pub struct Database {
    /// For reads.
    pub reader: SqlitePool,
    /// For writes.
    pub writer: Writer,
}

impl Database {
    /// Opens the file, makes it where missing, and brings its schema up to date.
    ///
    /// # Errors
    /// One line that names the file and what is wrong with it.
    pub async fn open(path: &Path, steps: &[Step]) -> anyhow::Result<Self> {
        begin_counters(&[(refusal::DISK_FAILURES, None)]);
        let opened = async {
            let options = options(path);
            let writing = writing(&options);
            let mut connection = writing.clone().create_if_missing(true).connect().await?;
            migrator(steps).run_direct(None, &mut connection, false).await.map_err(explained)?;
            let readers = SqlitePoolOptions::new()
                .min_connections(1)
                .max_connections(READERS)
                .acquire_timeout(ACQUIRE_WAIT)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false);
            let reader = readers.connect_with(reading(&options)).await?;
            anyhow::Ok(Self { reader, writer: Writer::start(connection, writing) })
        };
        opened.await.with_context(|| format!("the database {} cannot be opened", path.display()))
    }

    /// Opens the file as it is, beside a service that may have it open: its schema is left to that.
    ///
    /// # Errors
    /// One line that names the file and what is wrong with it.
    pub async fn open_beside(path: &Path) -> anyhow::Result<Self> {
        let opened = async {
            let options = options(path);
            let writing = writing(&options);
            let connection = writing.clone().connect().await?;
            let reader = SqlitePoolOptions::new().max_connections(1).connect_with(reading(&options)).await?;
            anyhow::Ok(Self { reader, writer: Writer::start(connection, writing) })
        };
        opened.await.with_context(|| format!("the database {} cannot be opened", path.display()))
    }

    /// Ends the readers, then the writer when what it was given is committed. The last connection to go puts the log into
    /// the file and removes it, which a reader could not: whoever copies the file of a stopped service has everything.
    /// Two steps of the stop: what was acknowledged is on the disk, and nothing is lost with a connection that is not given
    /// back.
    pub async fn close(&self, lifecycle: &Lifecycle) {
        lifecycle.step("readers of the database", READERS_CLOSE_WAIT, self.reader.close()).await;
        lifecycle.step("writer of the database", WRITER_CLOSE_WAIT, self.writer.close()).await;
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: what was acknowledged outlives a power cut. Group commit makes it as fast as NORMAL.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_WAIT)
        // What a savepoint has to keep stays in memory; otherwise every transaction makes a file for it.
        .pragma("temp_store", "memory")
        .statement_cache_capacity(STATEMENTS_CACHED)
        .row_buffer_size(ROW_BUFFER)
}

fn writing(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .clone()
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        .pragma("wal_autocheckpoint", LOG_PAGES.to_string())
}

fn reading(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    options.clone().read_only(true).pragma("mmap_size", READERS_MAPPED_BYTES.to_string())
}

fn migrator(steps: &[Step]) -> Migrator {
    let mut migrations: Vec<_> = steps
        .iter()
        .map(|step| {
            let sql = AssertSqlSafe(step.sql).into_sql_str();
            Migration::new(step.number, step.title.into(), MigrationType::Simple, sql, false)
        })
        .collect();
    migrations.sort_by_key(|migration| migration.version);
    Migrator::with_migrations(migrations)
}

/// Why the schema cannot be brought up to date, in words for who starts the service.
fn explained(error: MigrateError) -> anyhow::Error {
    match error {
        MigrateError::VersionMissing(number) => anyhow::anyhow!(
            "a newer Fenxi made it (step {number} of its schema is unknown here): run that one, or go back to a copy from before"
        ),
        other => other.into(),
    }
}

/// Whether this is a violation of a UNIQUE or PRIMARY KEY rule, in either database.
#[must_use]
pub fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_is_not_given_back_holds_no_end_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::open(&folder.path().join("test.db"), &[]).await.expect("opened");
        let held = database.reader.acquire().await.expect("a reader");
        database.close(&Lifecycle::out_of_time()).await;
        assert!(database.reader.is_closed());
        let asked = database.writer.write(|_| Box::pin(async { Ok::<_, WriteError>(()) })).await;
        assert!(matches!(asked, Err(WriteError::Closed)), "it was not asked to close");
        drop(held);
    }

    #[tokio::test]
    async fn a_database_of_a_newer_version_is_called_that() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("test.db");
        let step = |number| Step { number, title: "a table", sql: "SELECT 1" };
        Database::open(&path, &[step(1), step(1100)]).await.expect("opened").close(&Lifecycle::new()).await;
        let error = Database::open(&path, &[step(1)]).await.expect_err("an older version opened it");
        let line = format!("{error:#}");
        assert!(line.contains("a newer Fenxi made it (step 1100 "), "{line}");
    }

    #[tokio::test]
    async fn a_closed_database_is_one_file_with_everything() {
        let folder = tempfile::tempdir().expect("a folder");
        let step = Step { number: 1, title: "a table", sql: "CREATE TABLE kept (number INTEGER)" };
        let database = Database::open(&folder.path().join("test.db"), &[step]).await.expect("opened");
        let read = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM kept").fetch_one(&database.reader).await;
        assert_eq!(read.expect("read"), 0);
        database.close(&Lifecycle::new()).await;
        let files: Vec<_> = std::fs::read_dir(folder.path())
            .expect("a folder")
            .map(|entry| entry.expect("a file").file_name())
            .collect();
        assert_eq!(files, ["test.db"]);
        let options = SqliteConnectOptions::new().filename(folder.path().join("test.db")).immutable(true);
        let mut alone = options.connect().await.expect("opened");
        let tables = "SELECT count(*) FROM sqlite_master WHERE name = 'kept'";
        assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut alone).await.expect("read"), 1);
    }
}
