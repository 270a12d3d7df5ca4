//! Deleting and bringing back: an entry moves from one table to the other, and the sums with it.

use fenxi_chassis::sqlite::{Row, Transaction};
use sqlx::Row as _;
use uuid::Uuid;

use super::{
    super::entry::{Entry, WholeEntry},
    datasets::{self, Uses},
    packed, whole,
};
use crate::{
    statistics::{self, Change as Sums, Changes},
    store::StoreError,
};

const DELETE_KIND: i64 = 1;
const UNDELETE_KIND: i64 = 2;

const NOTE_REQUEST: &str = "INSERT INTO history_request (user_id, request_id, kind, history_entry_id, create_time) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, request_id) DO NOTHING";
const REQUEST: &str = "SELECT kind, history_entry_id FROM history_request WHERE user_id = $1 AND request_id = $2";

const TO_DELETED: &str = "INSERT INTO history_deleted (user_id, history_entry_id, content_id, end_time, delete_time, summary) \
     SELECT user_id, history_entry_id, content_id, end_time, $3, summary \
     FROM history WHERE user_id = $1 AND history_entry_id = $2 RETURNING summary";
const FROM_HISTORY: &str = "DELETE FROM history WHERE user_id = $1 AND history_entry_id = $2";

const TO_HISTORY: &str = "INSERT INTO history (user_id, history_entry_id, content_id, end_time, summary) \
     SELECT user_id, history_entry_id, content_id, end_time, summary \
     FROM history_deleted WHERE user_id = $1 AND history_entry_id = $2 AND delete_time > $3 RETURNING summary";
const FROM_DELETED: &str = "DELETE FROM history_deleted WHERE user_id = $1 AND history_entry_id = $2";

/// A wish to delete or to bring back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) user_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) request_id: Option<Uuid>,
    pub(crate) now: i64,
    /// What was deleted at this time or before is gone.
    pub(crate) deleted_after: i64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Changed {
    /// The entry as it is now.
    Now(Box<WholeEntry>),
    /// It is not deleted.
    NotDeleted,
    /// There is no such entry of this user.
    Missing,
    /// The request was another one before.
    Reused,
}

/// Deletes the entry; one that is deleted already stays so.
pub(crate) async fn delete(transaction: &mut Transaction, wish: Change) -> Result<Changed, StoreError> {
    if let Some(answer) = repeated(transaction, wish, DELETE_KIND).await? {
        return Ok(answer);
    }
    let query = sqlx::query(TO_DELETED).bind(wish.user_id).bind(wish.id).bind(wish.now);
    if let Some(row) = query.fetch_optional(&mut *transaction).await? {
        let entry = entry(&row)?;
        sqlx::query(FROM_HISTORY).bind(wish.user_id).bind(wish.id).execute(&mut *transaction).await?;
        let mut changes = Changes::default();
        changes.add(wish.user_id, &Sums::of(&entry, -1));
        for dataset_id in entry.dataset_ids() {
            if datasets::remove(transaction, wish.user_id, dataset_id, &entry).await? {
                changes.add_datasets(wish.user_id, -1);
            }
        }
        statistics::apply(transaction, &changes).await?;
    }
    current(transaction, wish).await
}

/// Brings the entry back.
pub(crate) async fn undelete(transaction: &mut Transaction, wish: Change) -> Result<Changed, StoreError> {
    if let Some(answer) = repeated(transaction, wish, UNDELETE_KIND).await? {
        return Ok(answer);
    }
    let query = sqlx::query(TO_HISTORY).bind(wish.user_id).bind(wish.id).bind(wish.deleted_after);
    let Some(row) = query.fetch_optional(&mut *transaction).await? else {
        // Deleted too long ago it is gone, also before it is removed.
        let there = whole(transaction, wish.user_id, wish.id, wish.deleted_after).await?;
        return Ok(if there.is_some() { Changed::NotDeleted } else { Changed::Missing });
    };
    let entry = entry(&row)?;
    sqlx::query(FROM_DELETED).bind(wish.user_id).bind(wish.id).execute(&mut *transaction).await?;
    let (mut changes, mut uses) = (Changes::default(), Uses::default());
    changes.add(wish.user_id, &Sums::of(&entry, 1));
    for dataset_id in entry.dataset_ids() {
        if !datasets::is_used(transaction, wish.user_id, dataset_id).await? {
            changes.add_datasets(wish.user_id, 1);
        }
        uses.add(wish.user_id, dataset_id, &entry);
    }
    datasets::add(transaction, &uses).await?;
    statistics::apply(transaction, &changes).await?;
    current(transaction, wish).await
}

/// Notes the request; if it was noted before, the answer without doing anything.
async fn repeated(transaction: &mut Transaction, wish: Change, kind: i64) -> Result<Option<Changed>, StoreError> {
    let Some(request_id) = wish.request_id else { return Ok(None) };
    let note = sqlx::query(NOTE_REQUEST).bind(wish.user_id).bind(request_id).bind(kind).bind(wish.id).bind(wish.now);
    if note.execute(&mut *transaction).await?.rows_affected() > 0 {
        return Ok(None);
    }
    let former = sqlx::query(REQUEST).bind(wish.user_id).bind(request_id).fetch_one(&mut *transaction).await?;
    if (former.try_get::<i64, _>(0)?, former.try_get::<Uuid, _>(1)?) == (kind, wish.id) {
        current(transaction, wish).await.map(Some)
    } else {
        Ok(Some(Changed::Reused))
    }
}

async fn current(transaction: &mut Transaction, wish: Change) -> Result<Changed, StoreError> {
    let entry = whole(transaction, wish.user_id, wish.id, wish.deleted_after).await?;
    Ok(entry.map_or(Changed::Missing, |entry| Changed::Now(Box::new(entry))))
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    packed::unpack(row.try_get(0)?, None)
}
