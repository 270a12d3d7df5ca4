//! New entries: many in one transaction, each kind of row in as few statements as there can be.

use std::{collections::HashMap, sync::LazyLock};

use fenxi_chassis::sqlite::{Shapes, Transaction};
use sqlx::Row as _;
use uuid::Uuid;

use super::{
    super::entry::{Entry, NewEntry},
    packed,
};
use crate::{
    statistics::{self, Change, Changes},
    store::StoreError,
};

static CONTENT: LazyLock<Shapes> = LazyLock::new(|| {
    let head = "INSERT INTO history_content (history_entry_id, code, outputs) VALUES ";
    let tail = " ON CONFLICT (history_entry_id) DO NOTHING RETURNING content_id, history_entry_id";
    Shapes::new(head, "({1}, {2}, {3})", ", ", tail, 3)
});

static HISTORY: LazyLock<Shapes> = LazyLock::new(|| {
    let head = "INSERT INTO history (user_id, history_entry_id, content_id, end_time, summary) VALUES ";
    Shapes::new(head, "({1}, {2}, {3}, {4}, {5})", ", ", "", 5)
});

static NEW_DATASETS: LazyLock<Shapes> = LazyLock::new(|| {
    // column1 and column2 are the names that both databases give to the columns of VALUES.
    let head = "SELECT column1 FROM (VALUES ";
    let tail = ") AS used WHERE NOT EXISTS \
         (SELECT 1 FROM history_dataset AS d WHERE d.user_id = column1 AND d.dataset_id = column2)";
    Shapes::new(head, "({1}, {2})", ", ", tail, 2)
});

static DATASETS: LazyLock<Shapes> = LazyLock::new(|| {
    let head = "INSERT INTO history_dataset (user_id, dataset_id, history_entry_id) VALUES ";
    Shapes::new(head, "({1}, {2}, {3})", ", ", "", 3)
});

/// Takes those entries that are not there yet; says for each whether it was new.
pub(crate) async fn record(transaction: &mut Transaction, entries: &[&NewEntry]) -> Result<Vec<bool>, StoreError> {
    let mut content_ids = insert_contents(transaction, entries).await?;
    // The first of several with the same id is the one that was taken.
    let taken: Vec<_> = entries.iter().map(|new| content_ids.remove(&new.whole.entry.id)).collect();
    let new: Vec<_> = entries.iter().zip(&taken).filter_map(|(new, id)| Some((*new, (*id)?))).collect();
    for (sql, piece) in HISTORY.chunks(&new) {
        let mut query = sqlx::query(sql);
        for (NewEntry { user_id, whole }, content_id) in piece {
            let entry = &whole.entry;
            query = query.bind(user_id).bind(entry.id).bind(content_id).bind(entry.end_time).bind(packed::pack(entry));
        }
        query.execute(&mut *transaction).await?;
    }
    let mut changes = Changes::default();
    for (NewEntry { user_id, whole }, _) in &new {
        changes.add(*user_id, &Change::of(&whole.entry, 1));
    }
    let rows: Vec<_> = new
        .iter()
        .flat_map(|(new, _)| {
            new.whole.entry.dataset_ids().into_iter().map(|dataset| (new.user_id, dataset, &new.whole.entry))
        })
        .collect();
    for user_id in insert_datasets(transaction, &rows).await? {
        changes.add_datasets(user_id, 1);
    }
    statistics::apply(transaction, &changes).await?;
    Ok(taken.into_iter().map(|id| id.is_some()).collect())
}

async fn insert_contents(
    transaction: &mut Transaction,
    entries: &[&NewEntry],
) -> Result<HashMap<Uuid, i64>, StoreError> {
    let mut content_ids = HashMap::with_capacity(entries.len());
    for (sql, piece) in CONTENT.chunks(entries) {
        let mut query = sqlx::query(sql);
        for NewEntry { whole, .. } in piece {
            query = query.bind(whole.entry.id).bind(&whole.code).bind(&whole.outputs[..]);
        }
        for row in query.fetch_all(&mut *transaction).await? {
            content_ids.insert(row.try_get(1)?, row.try_get(0)?);
        }
    }
    Ok(content_ids)
}

/// Notes which entries used which datasets; gives the user of every dataset that was not used by them before.
pub(super) async fn insert_datasets(
    transaction: &mut Transaction,
    rows: &[(Uuid, Uuid, &Entry)],
) -> Result<Vec<Uuid>, StoreError> {
    let mut used: Vec<_> = rows.iter().map(|(user_id, dataset_id, _)| (*user_id, *dataset_id)).collect();
    used.sort_unstable();
    used.dedup();
    let mut firsts = Vec::new();
    for (sql, piece) in NEW_DATASETS.chunks(&used) {
        let mut query = sqlx::query(sql);
        for (user_id, dataset_id) in piece {
            query = query.bind(user_id).bind(dataset_id);
        }
        for row in query.fetch_all(&mut *transaction).await? {
            firsts.push(row.try_get(0)?);
        }
    }
    for (sql, piece) in DATASETS.chunks(rows) {
        let mut query = sqlx::query(sql);
        for (user_id, dataset_id, entry) in piece {
            query = query.bind(user_id).bind(dataset_id).bind(entry.id);
        }
        query.execute(&mut *transaction).await?;
    }
    Ok(firsts)
}
