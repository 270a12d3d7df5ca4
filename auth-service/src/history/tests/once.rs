//! Every entry is taken once, and what was acknowledged is there.

use futures_util::future::join_all;
use uuid::Uuid;

use super::{Filter, Room, SECOND, entry};
use crate::history::HistoryError;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_parallel_resends_are_one_entry() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let entries: Vec<_> = (0..10).map(|at| entry(user, at * SECOND)).collect();
    let sends = (0..50).map(|_| room.history.record(entries.clone()));
    let new: usize = join_all(sends).await.into_iter().map(|taken| taken.expect("taken")).sum();
    assert_eq!(new, 10);
    let (page, _) = room.page(user, &Filter::default(), 100, "").await;
    assert_eq!((page.entries.len(), page.total), (10, 10));
    assert_eq!(room.history.statistics(user).await.expect("sums").total, 10);
}

#[tokio::test]
async fn more_calls_at_once_than_fit_into_a_transaction_are_all_taken() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let sends = (0..600).map(|at| room.record(entry(user, at * SECOND)));
    assert!(join_all(sends).await.into_iter().all(|new| new));
    assert_eq!(room.history.statistics(user).await.expect("sums").total, 600);
}

#[tokio::test]
async fn the_same_entry_twice_in_one_call_and_for_another_user_is_one_entry() {
    let (room, user, other) = (Room::new().await, Uuid::from_u128(1), Uuid::from_u128(2));
    let first = entry(user, 0);
    let foreign = crate::history::NewEntry { user_id: other, ..first.clone() };
    assert_eq!(room.history.record(vec![first.clone(), first.clone(), foreign]).await.expect("taken"), 1);
    assert_eq!(room.history.statistics(user).await.expect("sums").total, 1);
    assert_eq!(room.history.statistics(other).await.expect("sums").total, 0);
}

#[tokio::test]
async fn an_entry_that_was_deleted_does_not_come_back_by_being_sent_again() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let sent = entry(user, 0);
    let id = sent.whole.entry.id;
    assert!(room.record(sent.clone()).await);
    room.history.delete(user, id, None).await.expect("deleted");
    assert!(!room.record(sent.clone()).await);
    room.clock.advance(std::time::Duration::from_secs(31 * 86_400));
    crate::history::cleanup::clean(&room.database.writer, room.clock.now_micros()).await.expect("clean");
    assert!(!room.record(sent).await, "not even after it was removed for good");
    assert!(matches!(room.history.get(user, id).await, Err(HistoryError::NotFound)));
    assert_eq!(room.page(user, &Filter::default(), 20, "").await.0.total, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_writer_that_is_cut_off() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let sends = (0..300).map(|at| {
        let (history, new) = (room.history.clone(), entry(user, at * SECOND));
        tokio::spawn(async move { history.record(vec![new.clone()]).await.is_ok().then_some(new.whole.entry.id) })
    });
    let mut sends: Vec<_> = sends.collect();
    let first = sends.remove(0).await.expect("ended").expect("acknowledged");
    // In the midst of the sends: some are acknowledged, some will be refused, and some are cut from their answer.
    for send in sends.iter().step_by(3) {
        send.abort();
    }
    room.database.clone().close(&room.lifecycle).await;
    assert!(room.history.record(vec![entry(user, -SECOND)]).await.is_err(), "nothing is acknowledged after the end");
    let acknowledged = join_all(sends).await.into_iter().filter_map(|sent| sent.ok().flatten());
    let acknowledged: Vec<_> = acknowledged.chain([first]).collect();
    let folder = std::sync::Arc::clone(&room.folder);
    drop(room);
    let again = Room::over(folder).await;
    let there = again.walk(user, &Filter::default(), 100).await;
    for id in &acknowledged {
        assert!(there.contains(id), "an acknowledged entry is gone");
    }
    let total = i64::try_from(there.len()).expect("few");
    assert_eq!(again.history.statistics(user).await.expect("sums").total, total);
}
