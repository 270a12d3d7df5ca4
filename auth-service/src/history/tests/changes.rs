//! Deleting and bringing back.

use std::time::Duration;

use uuid::Uuid;

use super::{Filter, Room, SECOND, dataset, entry};
use crate::history::{HistoryError, cleanup};

#[tokio::test]
async fn a_deleted_entry_is_hidden_and_can_be_brought_back() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let deleted = Filter { deleted: true, ..Filter::default() };
    let new = entry(user, 0);
    let (id, sent) = (new.whole.entry.id, new.whole.clone());
    room.record(new).await;
    room.record(entry(user, SECOND)).await;

    let gone = room.history.delete(user, id, None).await.expect("deleted");
    assert_eq!(gone.entry.delete_time, Some(room.clock.now_micros()));
    assert_eq!(gone.code, sent.code);
    assert!(!room.walk(user, &Filter::default(), 20).await.contains(&id));
    assert_eq!(room.walk(user, &deleted, 20).await, [id]);
    assert_eq!(room.history.get(user, id).await.expect("still shown to its owner").entry, gone.entry);
    room.clock.advance(Duration::from_secs(5));
    assert_eq!(room.history.delete(user, id, None).await.expect("still so").entry, gone.entry);

    assert_eq!(room.history.undelete(user, id, None).await.expect("back"), sent);
    assert_eq!(room.walk(user, &Filter::default(), 20).await.len(), 2);
    assert!(room.walk(user, &deleted, 20).await.is_empty());
    assert!(matches!(room.history.undelete(user, id, None).await, Err(HistoryError::NotDeleted)));
}

#[tokio::test]
async fn a_repeated_request_is_the_same_request() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let (one, two) = (entry(user, 0), entry(user, SECOND));
    let (id, other) = (one.whole.entry.id, two.whole.entry.id);
    room.record(one).await;
    room.record(two).await;
    let [delete, undelete] = [100, 101].map(|number| Some(Uuid::from_u128(number)));
    room.history.delete(user, id, delete).await.expect("deleted");
    room.history.undelete(user, id, undelete).await.expect("back");
    let late = room.history.delete(user, id, delete).await.expect("known");
    assert_eq!(late.entry.delete_time, None, "a late repetition deletes nothing");
    room.history.undelete(user, id, undelete).await.expect("known");
    assert!(matches!(room.history.delete(user, other, delete).await, Err(HistoryError::RequestReused)));
    assert!(matches!(room.history.undelete(user, id, delete).await, Err(HistoryError::RequestReused)));
    // A request that failed is not remembered.
    let unknown = Some(Uuid::from_u128(102));
    assert!(matches!(room.history.delete(user, Uuid::from_u128(5), unknown).await, Err(HistoryError::NotFound)));
    room.history.delete(user, other, unknown).await.expect("deleted");
}

#[tokio::test]
async fn what_is_foreign_is_as_unknown_as_what_is_not_there() {
    let (room, user, other) = (Room::new().await, Uuid::from_u128(1), Uuid::from_u128(2));
    let new = entry(user, 0);
    let id = new.whole.entry.id;
    room.record(new).await;
    for id in [id, Uuid::from_u128(77)] {
        assert!(matches!(room.history.get(other, id).await, Err(HistoryError::NotFound)));
        assert!(matches!(room.history.delete(other, id, None).await, Err(HistoryError::NotFound)));
        assert!(matches!(room.history.undelete(other, id, None).await, Err(HistoryError::NotFound)));
    }
    room.history.delete(user, id, None).await.expect("deleted");
    assert!(matches!(room.history.get(other, id).await, Err(HistoryError::NotFound)));
    assert!(matches!(room.history.undelete(other, id, None).await, Err(HistoryError::NotFound)));
}

#[tokio::test]
async fn after_thirty_days_it_is_gone_for_good() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    for at in 0..250 {
        let mut new = entry(user, at * SECOND);
        new.whole.entry.datasets = vec![dataset(7, "cars")];
        let id = new.whole.entry.id;
        room.record(new).await;
        room.history.delete(user, id, Some(Uuid::from_u128(u128::try_from(at).expect("few")))).await.expect("deleted");
    }
    let ids = room.walk(user, &Filter { deleted: true, ..Filter::default() }, 100).await;
    assert_eq!(ids.len(), 250);
    room.clock.advance(Duration::from_secs(30 * 86_400));
    assert!(matches!(room.history.undelete(user, ids[0], None).await, Err(HistoryError::NotFound)));
    assert!(matches!(room.history.get(user, ids[0]).await, Err(HistoryError::NotFound)));
    let mut rounds = Vec::new();
    while rounds.last() != Some(&0) {
        rounds.push(cleanup::clean(&room.database.writer, room.clock.now_micros()).await.expect("clean"));
    }
    assert_eq!(rounds, [200, 50, 0], "a bounded number at a time");
    assert!(matches!(room.history.undelete(user, ids[0], None).await, Err(HistoryError::NotFound)));
    let left: (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM history_deleted), (SELECT COUNT(*) FROM history_request), \
         (SELECT COUNT(*) FROM history_content WHERE code <> '' OR outputs <> x'')",
    )
    .fetch_one(&room.database.reader)
    .await
    .expect("counted");
    assert_eq!(left, (0, 0, 0));
}
