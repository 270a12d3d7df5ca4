//! The peer: SQLite itself, by rusqlite on one thread, with nothing around it.

use std::{hint::black_box, path::Path, time::Instant};

use fenxi_chassis::id;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rand::Rng as _;
use rusqlite::{Connection, OpenFlags, Row, params};
use uuid::Uuid;

use super::seed::{END, GAP, Users};

const PAGE: u32 = 20;

/// An entry, read.
struct Entry {
    _ids: [Uuid; 3],
    _title: String,
    _outcome: i64,
    _dataset: Option<(Uuid, String, String)>,
    _times: (Option<i64>, i64, i64),
    _preview: String,
}

/// The rows of the plain table that are a page.
const PLAIN: &str = "SELECT history_entry_id, execution_id, kernel_id, title, outcome, dataset_id, dataset_name, \
     variable_name, start_time, end_time, duration_micros, preview FROM plain \
     WHERE user_id = ?1 AND history_entry_id < ?2 ORDER BY history_entry_id DESC LIMIT 20";
/// The rows of the service's own table, whose packed entries are left packed.
const PACKED: &str = "SELECT history_entry_id, end_time, summary FROM history \
     WHERE user_id = ?1 AND history_entry_id < ?2 ORDER BY history_entry_id DESC LIMIT 20";

/// Processor microseconds of this thread for a page and the total, wherever the page begins: of entries from plain
/// columns, and of entries as the service packs them, not unpacked.
pub(super) fn page_cpu_micros(database: &Path, users: &Users, calls: usize) -> anyhow::Result<(f64, f64)> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let pages = Pages { connection, users };
    Ok((pages.cpu_micros(PLAIN, plain, calls)?, pages.cpu_micros(PACKED, packed, calls)?))
}

struct Pages<'u> {
    connection: Connection,
    users: &'u Users,
}

impl Pages<'_> {
    fn cpu_micros<T>(
        &self,
        sql: &str,
        entry: fn(&Row<'_>) -> rusqlite::Result<T>,
        calls: usize,
    ) -> anyhow::Result<f64> {
        for _ in 0..calls / 4 {
            self.read(sql, entry)?;
        }
        let before = thread_cpu_micros()?;
        for _ in 0..calls {
            self.read(sql, entry)?;
        }
        Ok((thread_cpu_micros()? - before) / calls as f64)
    }

    fn read<T>(&self, sql: &str, entry: fn(&Row<'_>) -> rusqlite::Result<T>) -> anyhow::Result<()> {
        let user_id = self.users.id(0);
        let below = rand::rng().random_range(PAGE..=self.users.spread.entries);
        let below = id::floor(END + i64::from(below) * GAP);
        let mut page = self.connection.prepare_cached(sql)?;
        let rows = page.query_map(params![user_id.as_bytes(), below.as_bytes()], entry)?;
        let entries = rows.collect::<rusqlite::Result<Vec<T>>>()?;
        let mut total = self.connection.prepare_cached("SELECT total FROM history_statistics WHERE user_id = ?1")?;
        let total: i64 = total.query_row(params![user_id.as_bytes()], |row| row.get(0))?;
        anyhow::ensure!(entries.len() == PAGE as usize && total >= i64::from(PAGE), "{} entries", entries.len());
        black_box(entries);
        Ok(())
    }
}

fn plain(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let id = |at| row.get::<_, [u8; 16]>(at).map(Uuid::from_bytes);
    let dataset = match row.get::<_, Option<[u8; 16]>>(5)? {
        Some(dataset_id) => Some((Uuid::from_bytes(dataset_id), row.get(6)?, row.get(7)?)),
        None => None,
    };
    Ok(Entry {
        _ids: [id(0)?, id(1)?, id(2)?],
        _title: row.get(3)?,
        _outcome: row.get(4)?,
        _dataset: dataset,
        _times: (row.get(8)?, row.get(9)?, row.get(10)?),
        _preview: row.get(11)?,
    })
}

fn packed(row: &Row<'_>) -> rusqlite::Result<([u8; 16], i64, Vec<u8>)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn thread_cpu_micros() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
    Ok((usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64)
}

/// Rows of about 2 KB in a second, each durable by a commit of its own, in a table with nothing but a key.
pub(super) fn commits_per_sec(path: &Path, commits: usize) -> anyhow::Result<f64> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         CREATE TABLE plain (id BLOB NOT NULL UNIQUE, entry BLOB NOT NULL)",
    )?;
    let entry = vec![b'x'; super::ENTRY_BYTES];
    let start = Instant::now();
    for _ in 0..commits {
        let mut insert = connection.prepare_cached("INSERT INTO plain (id, entry) VALUES (?1, ?2)")?;
        insert.execute(params![id::at(END).as_bytes(), entry])?;
    }
    Ok(commits as f64 / start.elapsed().as_secs_f64())
}

/// The entries in a database.
pub(super) fn count(database: &Path) -> anyhow::Result<i64> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    Ok(connection.query_row("SELECT COUNT(*) FROM history", [], |row| row.get(0))?)
}
