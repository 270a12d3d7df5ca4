//! On which days a user's entries used a dataset: how many entries of the day, and between which ids. Deleted ones are left
//! out.

use std::{collections::BTreeMap, sync::LazyLock};

use fenxi_chassis::sqlite::{INSERT_MANY, Pool, Shapes, Transaction};
use sqlx::Row as _;
use uuid::Uuid;

use super::{super::entry::Entry, pages::Range};
use crate::{statistics, store::StoreError};

static USES: LazyLock<Shapes> = LazyLock::new(|| {
    let head = format!(
        "{INSERT_MANY} history_dataset_use (user_id, dataset_id, day, entries, first_entry_id, last_entry_id) \
         SELECT column1, column2, column3, column4, column5, column6 FROM (VALUES "
    );
    let tail = ") AS used WHERE column1 IS NOT NULL ON CONFLICT (user_id, dataset_id, day) DO UPDATE SET \
         entries = history_dataset_use.entries + excluded.entries, \
         first_entry_id = CASE WHEN excluded.first_entry_id < history_dataset_use.first_entry_id \
         THEN excluded.first_entry_id ELSE history_dataset_use.first_entry_id END, \
         last_entry_id = CASE WHEN excluded.last_entry_id > history_dataset_use.last_entry_id \
         THEN excluded.last_entry_id ELSE history_dataset_use.last_entry_id END";
    Shapes::new(&head, "({1}, {2}, {3}, {4}, {5}, {6})", ", ", tail, 6)
});

const LESS: &str =
    "UPDATE history_dataset_use SET entries = entries - 1 WHERE user_id = $1 AND dataset_id = $2 AND day = $3";
const UNUSED: &str =
    "DELETE FROM history_dataset_use WHERE user_id = $1 AND dataset_id = $2 AND day = $3 AND entries = 0";
const IS_USED: &str = "SELECT EXISTS (SELECT 1 FROM history_dataset_use WHERE user_id = $1 AND dataset_id = $2)";

/// All days of the dataset are put in order for it: one small row each, and the ids of a day may reach beyond another's.
const WITHIN: &str = "SELECT first_entry_id, last_entry_id FROM history_dataset_use WHERE user_id = $1 \
     AND dataset_id = $2 AND last_entry_id >= $3 AND first_entry_id < $4 ORDER BY last_entry_id DESC LIMIT $5 + 0";

/// Whether the user of `column2` has not used the dataset of `column4` yet, for a statement that asks it of many.
pub(super) const IS_FIRST_USE: &str = "NOT EXISTS \
     (SELECT 1 FROM history_dataset_use AS u WHERE u.user_id = column2 AND u.dataset_id = column4)";

/// How entries of a user used a dataset on a day.
#[derive(Clone, Copy, Debug)]
struct Use {
    entries: i64,
    first: Uuid,
    last: Uuid,
}

/// Uses of datasets, added up: each is a user, a dataset and a day.
#[derive(Debug, Default)]
pub(super) struct Uses(BTreeMap<(Uuid, Uuid, i32), Use>);

impl Uses {
    pub(super) fn add(&mut self, user_id: Uuid, dataset_id: Uuid, entry: &Entry) {
        let id = entry.id;
        let key = (user_id, dataset_id, statistics::day(entry));
        let used = self.0.entry(key).or_insert(Use { entries: 0, first: id, last: id });
        *used = Use { entries: used.entries + 1, first: used.first.min(id), last: used.last.max(id) };
    }
}

/// Notes the uses by entries that come.
pub(super) async fn add(transaction: &mut Transaction, uses: &Uses) -> Result<(), StoreError> {
    let uses: Vec<_> = uses.0.iter().collect();
    for (sql, piece) in USES.padded(&uses) {
        let mut query = sqlx::query(sql);
        for ((user_id, dataset_id, day), used) in piece {
            query = query.bind(user_id).bind(dataset_id).bind(day);
            query = query.bind(used.entries).bind(used.first).bind(used.last);
        }
        query.execute(&mut *transaction).await?;
    }
    Ok(())
}

/// Notes that this entry goes, which used it; says whether no other one did, on any day.
pub(super) async fn remove(
    transaction: &mut Transaction,
    user_id: Uuid,
    dataset_id: Uuid,
    entry: &Entry,
) -> Result<bool, StoreError> {
    let day = statistics::day(entry);
    for sql in [LESS, UNUSED] {
        sqlx::query(sql).bind(user_id).bind(dataset_id).bind(day).execute(&mut *transaction).await?;
    }
    Ok(!is_used(transaction, user_id, dataset_id).await?)
}

/// Whether an entry used it.
pub(super) async fn is_used(
    transaction: &mut Transaction,
    user_id: Uuid,
    dataset_id: Uuid,
) -> Result<bool, StoreError> {
    let query = sqlx::query(IS_USED).bind(user_id).bind(dataset_id);
    Ok(query.fetch_one(&mut *transaction).await?.try_get(0)?)
}

/// The first and the last id of the days of whose entries some may be in the range and have used it: as many days as the
/// range's limit says, those with the greatest last ids, the greatest first.
pub(crate) async fn used_within(
    reader: &Pool,
    dataset_id: Uuid,
    range: Range,
) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
    let query = sqlx::query(WITHIN).bind(range.user_id).bind(dataset_id).bind(range.from).bind(range.below);
    let rows = query.bind(i64::from(range.limit)).fetch_all(reader).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
