//! New entries: many in one transaction, each kind of row in as few statements as there can be. What is usual is told by
//! silence: the driver's cost is by the row and by the statement, and not by the byte.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use fenxi_chassis::sqlite::{INSERT_MANY, Shapes, Transaction};
use sqlx::Row as _;
use uuid::Uuid;

use super::{
    super::entry::NewEntry,
    datasets::{self, IS_FIRST_USE, Uses},
    packed,
};
use crate::{
    statistics::{self, Change, Changes, IS_FIRST_OF_DAY},
    store::StoreError,
};

// column1 and so on are the names that both databases give to the columns of VALUES. A row without a first one is padding.

/// Of an entry, its user, its day and one of its datasets: those of which one is not as usual.
static UNUSUAL: LazyLock<Shapes> = LazyLock::new(|| {
    let head = format!(
        "SELECT column1, column2, column3, column4, is_taken, is_first_of_day, is_first_use FROM (SELECT column1, column2, \
         column3, column4, EXISTS (SELECT 1 FROM history_content AS c WHERE c.history_entry_id = column1) AS is_taken, \
         {IS_FIRST_OF_DAY} AS is_first_of_day, column4 IS NOT NULL AND {IS_FIRST_USE} AS is_first_use FROM (VALUES "
    );
    let tail = ") AS offered WHERE column1 IS NOT NULL) AS seen WHERE is_taken OR is_first_of_day OR is_first_use";
    Shapes::new(&head, "({1}, {2}, {3}, {4})", ", ", tail, 4)
});

static CONTENT: LazyLock<Shapes> = LazyLock::new(|| {
    let head = format!(
        "{INSERT_MANY} history_content (history_entry_id, code, outputs) \
         SELECT column1, column2, column3 FROM (VALUES "
    );
    Shapes::new(&head, "({1}, {2}, {3})", ", ", ") AS new WHERE column1 IS NOT NULL", 3)
});

static HISTORY: LazyLock<Shapes> = LazyLock::new(|| {
    let head = format!(
        "{INSERT_MANY} history (user_id, history_entry_id, content_id, end_time, summary) SELECT column1, column2, \
         (SELECT content_id FROM history_content AS c WHERE c.history_entry_id = column2), column3, column4 FROM (VALUES "
    );
    Shapes::new(&head, "({1}, {2}, {3}, {4})", ", ", ") AS new WHERE column1 IS NOT NULL", 4)
});

/// What is not as usual.
#[derive(Debug, Default)]
struct Unusual {
    /// Entries that are there already.
    taken: HashSet<Uuid>,
    /// Days that users have no entries on yet.
    first_days: HashSet<(Uuid, i32)>,
    /// Datasets that users have not used yet.
    first_uses: HashSet<(Uuid, Uuid)>,
}

/// Takes those entries that are not there yet; says for each whether it was new.
pub(crate) async fn record(transaction: &mut Transaction, entries: &[&NewEntry]) -> Result<Vec<bool>, StoreError> {
    // The first of several with the same id is the one that is taken.
    let mut firsts = HashMap::with_capacity(entries.len());
    for (at, new) in entries.iter().enumerate() {
        firsts.entry(new.whole.entry.id).or_insert(at);
    }
    let mut unusual = unusual(transaction, entries).await?;
    let is_new = |(at, new): (usize, &&NewEntry)| {
        let id = &new.whole.entry.id;
        firsts.get(id) == Some(&at) && !unusual.taken.contains(id)
    };
    let are_new: Vec<_> = entries.iter().enumerate().map(is_new).collect();
    let new: Vec<_> = entries.iter().zip(&are_new).filter_map(|(new, is_new)| is_new.then_some(*new)).collect();
    insert_entries(transaction, &new).await?;
    let (mut changes, mut uses) = (Changes::default(), Uses::default());
    for NewEntry { user_id, whole } in &new {
        changes.add(*user_id, &Change::of(&whole.entry, 1));
        for dataset_id in whole.entry.dataset_ids() {
            uses.add(*user_id, dataset_id, &whole.entry);
            if unusual.first_uses.remove(&(*user_id, dataset_id)) {
                changes.add_datasets(*user_id, 1);
            }
        }
    }
    datasets::add(transaction, &uses).await?;
    statistics::grow(transaction, &changes, &unusual.first_days).await?;
    Ok(are_new)
}

async fn unusual(transaction: &mut Transaction, entries: &[&NewEntry]) -> Result<Unusual, StoreError> {
    let mut rows = Vec::with_capacity(entries.len());
    for NewEntry { user_id, whole } in entries {
        let (id, day) = (whole.entry.id, statistics::day(&whole.entry));
        let datasets = whole.entry.dataset_ids();
        if datasets.is_empty() {
            rows.push((id, *user_id, day, None));
        }
        rows.extend(datasets.into_iter().map(|dataset_id| (id, *user_id, day, Some(dataset_id))));
    }
    let mut unusual = Unusual::default();
    for (sql, piece) in UNUSUAL.padded(&rows) {
        let mut query = sqlx::query(sql);
        for (id, user_id, day, dataset_id) in piece {
            query = query.bind(id).bind(user_id).bind(day).bind(dataset_id);
        }
        for row in query.fetch_all(&mut *transaction).await? {
            let user_id = row.try_get(1)?;
            if row.try_get(4)? {
                unusual.taken.insert(row.try_get(0)?);
            }
            if row.try_get(5)? {
                unusual.first_days.insert((user_id, row.try_get(2)?));
            }
            if row.try_get(6)? {
                unusual.first_uses.insert((user_id, row.try_get(3)?));
            }
        }
    }
    Ok(unusual)
}

async fn insert_entries(transaction: &mut Transaction, new: &[&NewEntry]) -> Result<(), StoreError> {
    for (sql, piece) in CONTENT.padded(new) {
        let mut query = sqlx::query(sql);
        for NewEntry { whole, .. } in piece {
            query = query.bind(whole.entry.id).bind(&whole.code).bind(&whole.outputs[..]);
        }
        query.execute(&mut *transaction).await?;
    }
    for (sql, piece) in HISTORY.padded(new) {
        let mut query = sqlx::query(sql);
        for NewEntry { user_id, whole } in piece {
            let entry = &whole.entry;
            query = query.bind(user_id).bind(entry.id).bind(entry.end_time).bind(packed::pack(entry));
        }
        query.execute(&mut *transaction).await?;
    }
    Ok(())
}
