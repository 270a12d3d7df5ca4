//! Fills a database fast: rows that the service wrote itself are copied under other ids. Nothing here knows what stands in
//! them but where the ids are.

use std::path::Path;

use anyhow::Context as _;
use fenxi_chassis::id;
use rusqlite::{Connection, params};
use uuid::Uuid;

/// The end of the oldest entry: 2026-01-01.
pub(super) const END: i64 = 1_767_225_600_000_000;
/// Microseconds between one entry's end and the next one's.
pub(super) const GAP: i64 = 10_000;

/// An entry that the service wrote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Template {
    pub(super) user_id: Uuid,
    pub(super) entry_id: Uuid,
}

/// So many users with so many entries each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub(super) users: u32,
    pub(super) entries: u32,
}

/// The users that were made.
#[derive(Clone, Debug)]
pub(super) struct Users {
    pub(super) spread: Spread,
    group: u64,
}

impl Users {
    /// The id of one of them.
    pub(super) fn id(&self, number: u32) -> Uuid {
        let half = (u64::from(number) << 32) | u64::from(self.spread.entries);
        Uuid::from_u64_pair(self.group + u64::from(number), half)
    }
}

/// The same entries as anyone would keep them for a list, a column a field: what raw SQLite is read from.
const PLAIN: &str = "CREATE TABLE plain (user_id BLOB NOT NULL, history_entry_id BLOB NOT NULL, \
     execution_id BLOB NOT NULL, kernel_id BLOB NOT NULL, title TEXT NOT NULL, outcome INTEGER NOT NULL, \
     dataset_id BLOB, dataset_name TEXT, variable_name TEXT, start_time INTEGER, end_time INTEGER NOT NULL, \
     duration_micros INTEGER NOT NULL, preview TEXT NOT NULL, PRIMARY KEY (user_id, history_entry_id)) WITHOUT ROWID";

/// The account of a user.
const OWNER: &str = "INSERT INTO user_account (user_id, identity_provider, username, display_name, english_name, avatar_url, \
     email, names, role, create_time) VALUES (?1, 'local', 'bench', 'bench', '', '', '', 'bench', 1, ?2)";

/// Adds the plain table with the entries of these users.
pub(super) fn seed_plain(database: &Path, users: &Users) -> anyhow::Result<()> {
    let mut connection = Connection::open(database)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA journal_mode = MEMORY")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(PLAIN)?;
    {
        // Its owner exists, for GetCurrentUser.
        transaction.execute(OWNER, params![users.id(0).as_bytes(), END])?;
        let mut plain = transaction.prepare(
            "INSERT INTO plain VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, 'sales_2026_q3.xlsx', 'df', ?7, ?8, 250000, ?9)",
        )?;
        for user_id in (0..users.spread.users).map(|number| users.id(number)) {
            for end in (0..users.spread.entries).map(|number| END + i64::from(number) * GAP) {
                let ids = [id::at(end), id::at(end), id::at(end), id::at(end)];
                let [entry_id, execution_id, kernel_id, dataset_id] = ids.each_ref().map(Uuid::as_bytes);
                plain.execute(params![
                    user_id.as_bytes(),
                    entry_id,
                    execution_id,
                    kernel_id,
                    TITLE,
                    dataset_id,
                    end - 250_000,
                    end,
                    PREVIEW
                ])?;
            }
        }
    }
    transaction.commit()?;
    connection.execute_batch("PRAGMA journal_mode = WAL")?;
    Ok(())
}

/// What the entries of this bench show.
pub(super) const TITLE: &str = "df.groupby(\"region\")[\"revenue\"].sum()";
/// The same.
pub(super) const PREVIEW: &str = "region\nnorth    1203344.50\nsouth     998120.25\neast      771200.00\nwest";

/// Where many users are, their contents are left out: lists do not read them, and the disk is not that large.
const CONTENTS_MAX_USERS: u32 = 100;

/// Makes the users with their entries and their sums.
pub(super) fn seed(database: &Path, template: Template, spread: Spread) -> anyhow::Result<Users> {
    let users = Users { spread, group: u64::from(spread.users) << 40 };
    let mut connection = Connection::open(database)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA journal_mode = MEMORY")?;
    let key = params![template.user_id.as_bytes(), template.entry_id.as_bytes()];
    let read = "SELECT summary FROM history WHERE user_id = ?1 AND history_entry_id = ?2";
    let mut summary: Vec<u8> = connection.query_row(read, key, |row| row.get(0))?;
    let text = template.entry_id.to_string();
    let at = summary.windows(text.len()).position(|bytes| bytes == text.as_bytes()).context("no id in it")?;
    let transaction = connection.transaction()?;
    {
        let mut entry = transaction.prepare(
            "INSERT INTO history (user_id, history_entry_id, content_id, end_time, summary) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let mut content = transaction.prepare(
            "INSERT INTO history_content (history_entry_id, code, outputs) SELECT ?1, code, outputs \
             FROM history_content WHERE history_entry_id = ?2",
        )?;
        let mut sums = transaction.prepare(
            "INSERT INTO history_statistics (user_id, total, succeeded, ran, duration_micros, datasets, active_days, \
             last_activity_time) VALUES (?1, ?2, ?2, ?2, ?2 * 250000, 1, 1, ?3)",
        )?;
        for number in 0..spread.users {
            let user_id = users.id(number);
            for entry_number in 0..spread.entries {
                let end = END + i64::from(entry_number) * GAP;
                let entry_id = id::at(end);
                let content_id = if spread.users <= CONTENTS_MAX_USERS {
                    content.insert(params![entry_id.as_bytes(), template.entry_id.as_bytes()])?
                } else {
                    1
                };
                entry_id.hyphenated().encode_lower(&mut summary[at..at + text.len()]);
                entry.execute(params![user_id.as_bytes(), entry_id.as_bytes(), content_id, end, summary])?;
            }
            sums.execute(params![user_id.as_bytes(), spread.entries, END])?;
        }
    }
    transaction.commit()?;
    connection.execute_batch("PRAGMA journal_mode = WAL")?;
    Ok(users)
}
