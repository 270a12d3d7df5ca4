//! Which entries used a dataset: found without a look at all the others.

mod any;

use fenxi_chassis::{lifecycle::Lifecycle, sqlite::Database};
use uuid::Uuid;

use super::{DAY, Filter, NewEntry, Outcome, Room, SECOND, dataset, entry};

const CARS: u128 = 7;

fn with_cars(user: Uuid, after: i64) -> NewEntry {
    let mut new = entry(user, after);
    new.whole.entry.datasets = vec![dataset(CARS, "cars")];
    new
}

fn cars() -> Filter {
    Filter { dataset_id: Some(Uuid::from_u128(CARS)), ..Filter::default() }
}

/// More entries than one call looks at, from this second on.
async fn record_others(room: &Room, user: Uuid, from: i64) {
    let others: Vec<_> = (0..4_500).map(|at| entry(user, from * SECOND + at * 100)).collect();
    for some in others.chunks(250) {
        room.history.record(some.to_vec()).await.expect("taken");
    }
}

#[tokio::test]
async fn a_look_for_a_dataset_passes_over_what_is_newer_and_older_than_its_uses_and_between_them() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    for from in [-1_000, 1_000, 500_000] {
        record_others(&room, user, from).await;
    }
    // They arrive in any order, several together and alone.
    let [first, middle, last, late] = [0, 1, 2, 400_000].map(|at| with_cars(user, at * SECOND));
    let ids = [&late, &last, &middle, &first].map(|new| new.whole.entry.id);
    room.history.record(vec![last, late, middle]).await.expect("taken");
    room.record(first).await;
    let (page, token) = room.page(user, &cars(), 20, "").await;
    assert_eq!(page.entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), ids);
    assert!(token.is_empty(), "there is more to look at");
    let (page, token) = room.page(user, &cars(), 3, "").await;
    assert_eq!((page.entries.len(), page.total), (3, 13_504));
    let (page, token) = room.page(user, &cars(), 3, &token).await;
    assert_eq!((page.entries[0].id, page.entries.len(), token.as_str()), (ids[3], 1, ""));
    let (_, token) = room.page(user, &cars(), 4, "").await;
    assert!(token.is_empty(), "the last full page has no next one");
    let (page, token) = room.page(Uuid::from_u128(2), &cars(), 20, "").await;
    assert!(page.entries.is_empty() && token.is_empty(), "another user did not use it");
}

#[tokio::test]
async fn a_call_looks_through_a_bounded_number_of_days() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let uses: Vec<_> = (0..300).map(|day| with_cars(user, day * DAY)).collect();
    for some in uses.chunks(100) {
        room.history.record(some.to_vec()).await.expect("taken");
    }
    room.history.record((0..250).map(|day| entry(user, day * DAY + SECOND)).collect()).await.expect("taken");
    let killed = Filter { outcomes: vec![Outcome::Killed], ..cars() };
    let (mut calls, mut token) = (0, String::new());
    while calls == 0 || !token.is_empty() {
        let (page, next) = room.page(user, &killed, 20, &token).await;
        assert!(page.entries.is_empty());
        (calls, token) = (calls + 1, next);
    }
    assert_eq!(calls, 3, "300 days, 128 in a call");
    let newest: Vec<_> = uses.iter().rev().map(|new| new.whole.entry.id).collect();
    assert_eq!(room.walk(user, &cars(), 200).await, newest);
}

#[tokio::test]
async fn a_dataset_is_used_as_long_as_an_entry_is_there_that_used_it() {
    for apart in [SECOND, 3 * DAY] {
        keep_count(apart).await;
    }
}

async fn keep_count(apart: i64) {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let uses = [0, 1].map(|at| with_cars(user, at * apart));
    let [one, other] = [&uses[0], &uses[1]].map(|new| new.whole.entry.id);
    room.history.record(uses.to_vec()).await.expect("taken");
    let datasets = async || room.history.statistics(user).await.expect("sums").datasets;
    room.history.delete(user, other, None).await.expect("deleted");
    assert_eq!((room.walk(user, &cars(), 20).await, datasets().await), (vec![one], 1));
    room.history.delete(user, one, None).await.expect("deleted");
    assert_eq!((room.walk(user, &cars(), 20).await, datasets().await), (Vec::new(), 0));
    room.history.undelete(user, other, None).await.expect("back");
    assert_eq!((room.walk(user, &cars(), 20).await, datasets().await), (vec![other], 1));
    room.history.undelete(user, one, None).await.expect("back");
    assert_eq!((room.walk(user, &cars(), 20).await, datasets().await), (vec![other, one], 1));
}

#[tokio::test]
async fn uses_noted_by_an_older_version_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("auth.db");
    let before = crate::store::STEPS.iter().take_while(|step| step.number < 101).copied().collect::<Vec<_>>();
    let database = Database::open(&path, &before).await.expect("opened");
    let written = database.writer.write::<_, crate::store::StoreError, _>(|transaction| {
        Box::pin(async move {
            // Ids that do not agree with the ends, which are the last of a day, the first of the next, and before 1970.
            for (user, id, end_time) in [(1, 3, DAY), (1, 4, DAY - 1), (1, 5, 2 * DAY - 1), (2, 9, -1), (2, 8, -DAY)] {
                let insert = sqlx::query("INSERT INTO history VALUES ($1, $2, 1, $3, x'')").bind(Uuid::from_u128(user));
                insert.bind(Uuid::from_u128(id)).bind(end_time).execute(&mut *transaction).await?;
            }
            for (user, dataset, id) in [(1, 7, 3), (1, 7, 5), (1, 7, 4), (1, 8, 4), (2, 7, 9), (2, 7, 8)] {
                let row = [user, dataset, id].map(Uuid::from_u128);
                let insert = sqlx::query("INSERT INTO history_dataset VALUES ($1, $2, $3)");
                row.into_iter().fold(insert, |query, id| query.bind(id)).execute(&mut *transaction).await?;
            }
            Ok(())
        })
    });
    written.await.expect("written");
    database.close(&Lifecycle::new()).await;
    let database = Database::open(&path, crate::store::STEPS).await.expect("opened");
    let uses: Vec<(Uuid, Uuid, i32, i64, Uuid, Uuid)> =
        sqlx::query_as("SELECT * FROM history_dataset_use").fetch_all(&database.reader).await.expect("read");
    let row = |user, dataset, day, entries, first, last| {
        let [user, dataset, first, last] = [user, dataset, first, last].map(Uuid::from_u128);
        (user, dataset, day, entries, first, last)
    };
    let expected = [row(1, 7, 0, 1, 4, 4), row(1, 7, 1, 2, 3, 5), row(1, 8, 0, 1, 4, 4), row(2, 7, -1, 2, 8, 9)];
    assert_eq!(uses, expected);
    database.close(&Lifecycle::new()).await;
}
