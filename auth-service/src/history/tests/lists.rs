//! Pages, filters and tokens.

use std::collections::HashSet;

use fenxi_proto::error::ErrorReason;
use uuid::Uuid;

use super::{DAY, Filter, Outcome, Room, SECOND, dataset, entry};
use crate::history::HistoryError;

#[tokio::test]
async fn a_walk_sees_every_older_entry_once_whatever_comes_in_between() {
    let (room, user, other) = (Room::new().await, Uuid::from_u128(1), Uuid::from_u128(2));
    let mut before = Vec::new();
    for at in 0..57 {
        let new = entry(user, at * SECOND);
        before.push(new.whole.entry.id);
        room.record(new).await;
        room.record(entry(other, at * SECOND)).await;
    }
    let (mut seen, mut token, mut at) = (Vec::new(), String::new(), 100);
    loop {
        let (page, next) = room.page(user, &Filter::default(), 10, &token).await;
        seen.extend(page.entries.iter().map(|entry| entry.id));
        assert!(page.entries.is_sorted_by(|a, b| a.id > b.id), "newest first");
        at += 1;
        room.record(entry(user, at * SECOND)).await;
        token = next;
        if token.is_empty() {
            break;
        }
    }
    before.reverse();
    assert_eq!(seen, before);
}

#[tokio::test]
async fn the_last_full_page_has_no_next_one() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let (page, token) = room.page(user, &Filter::default(), 20, "").await;
    assert!(page.entries.is_empty() && token.is_empty() && page.total == 0);
    for at in 0..20 {
        room.record(entry(user, at)).await;
    }
    let (page, token) = room.page(user, &Filter::default(), 20, "").await;
    assert_eq!((page.entries.len(), page.total, token.as_str()), (20, 20, ""));
    let (_, token) = room.page(user, &Filter::default(), 19, "").await;
    assert_eq!(room.page(user, &Filter::default(), 19, &token).await.0.entries.len(), 1);
}

#[tokio::test]
async fn text_is_taken_literally_and_found_in_any_case() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let mut codes = vec!["x = 100 % 7", "x = 100_7", "print(\"it's\")", "# 画出柱状图", "ÄPFEL = 1", "plain"];
    for (at, code) in codes.iter().enumerate() {
        let mut new = entry(user, i64::try_from(at).expect("few") * SECOND);
        new.whole.code = (*code).into();
        room.record(new).await;
    }
    codes.push("nowhere");
    for (text, expected) in [
        ("100 %", vec![0]),
        ("%", vec![0]),
        ("_", vec![1]),
        ("IT'S\")", vec![2]),
        ("柱状", vec![3]),
        ("äpfel", vec![4]),
        ("PLAIN", vec![5]),
        ("100%", vec![]),
        ("a  B", (0..6).rev().collect()),
    ] {
        let filter = Filter { text: text.into(), ..Filter::default() };
        assert_eq!(room.walk(user, &filter, 20).await.len(), expected.len(), "{text}");
        let mut found = Vec::new();
        for id in room.walk(user, &filter, 2).await {
            let code = room.history.get(user, id).await.expect("there").code;
            found.push(codes.iter().position(|known| *known == code).expect("known"));
        }
        assert_eq!(found, expected, "{text}");
    }
}

#[tokio::test]
async fn filters_hold_together() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let cars = dataset(7, "Cars.csv");
    for at in 0..40 {
        let mut new = entry(user, at * DAY);
        new.whole.entry.outcome = if at % 4 == 0 { Outcome::Killed } else { Outcome::Ok };
        if at % 2 == 0 {
            new.whole.entry.datasets = vec![cars.clone(), dataset(8, "stocks"), cars.clone()];
        }
        room.record(new).await;
    }
    let count = async |filter: Filter| room.walk(user, &filter, 3).await.into_iter().collect::<HashSet<_>>().len();
    let killed = Filter { outcomes: vec![Outcome::Killed, Outcome::Lost], ..Filter::default() };
    assert_eq!(count(killed.clone()).await, 10);
    let with_cars = Filter { dataset_id: Some(cars.dataset_id), ..Filter::default() };
    assert_eq!(count(with_cars.clone()).await, 20);
    assert_eq!(count(Filter { dataset_id: Some(Uuid::from_u128(9)), ..Filter::default() }).await, 0);
    let span = |filter: Filter, from: i64, until: i64| Filter {
        from_time: Some(super::START + from * DAY),
        until_time: Some(super::START + until * DAY),
        ..filter
    };
    assert_eq!(count(span(Filter::default(), 10, 20)).await, 10);
    assert_eq!(count(span(with_cars.clone(), 10, 20)).await, 5);
    assert_eq!(count(span(killed.clone(), 10, 20)).await, 2);
    assert_eq!(count(span(Filter { text: "cars".into(), ..killed }, 10, 20)).await, 2);
    assert_eq!(count(Filter { text: "STOCKS".into(), ..with_cars }).await, 20);
    assert_eq!(count(span(Filter::default(), 20, 10)).await, 0);
}

#[tokio::test]
async fn filters_hold_together_for_deleted_entries_too() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    for at in 0..8 {
        let mut new = entry(user, at * SECOND);
        let id = new.whole.entry.id;
        new.whole.entry.outcome = if at % 4 == 0 { Outcome::Killed } else { Outcome::Ok };
        if at % 2 == 0 {
            new.whole.entry.datasets = vec![dataset(8, "stocks"), dataset(7, "Cars.csv")];
        }
        room.record(new).await;
        if at < 6 {
            room.history.delete(user, id, None).await.expect("deleted");
        }
    }
    let deleted = Filter { deleted: true, ..Filter::default() };
    assert_eq!(room.walk(user, &deleted, 4).await.len(), 6);
    let with_cars = Filter { dataset_id: Some(Uuid::from_u128(7)), ..deleted.clone() };
    assert_eq!(room.walk(user, &with_cars, 4).await.len(), 3);
    let killed = Filter { outcomes: vec![Outcome::Killed], ..with_cars.clone() };
    assert_eq!(room.walk(user, &killed, 4).await.len(), 2);
    assert_eq!(room.walk(user, &Filter { text: "DF.HEAD".into(), ..with_cars }, 4).await.len(), 3);
    let unknown = Filter { dataset_id: Some(Uuid::from_u128(9)), ..deleted };
    assert!(room.walk(user, &unknown, 4).await.is_empty());
}

#[tokio::test]
async fn a_search_looks_at_a_bounded_number_of_entries_in_one_call() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let mut needle = entry(user, 0);
    needle.whole.code = "the needle".into();
    room.record(needle).await;
    for hundred in 0..45 {
        let hay = (0..100).map(|at| entry(user, (1 + hundred * 100 + at) * 1_000)).collect();
        assert_eq!(room.history.record(hay).await.expect("taken"), 100);
    }
    let filter = Filter { text: "needle".into(), ..Filter::default() };
    let (page, token) = room.page(user, &filter, 20, "").await;
    assert!(page.entries.is_empty() && !token.is_empty(), "an empty page that is not the end");
    let (page, token) = room.page(user, &filter, 20, &token).await;
    assert_eq!((page.entries.len(), token.as_str()), (1, ""));
}

#[tokio::test]
async fn a_token_is_good_for_its_list_alone() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    for at in 0..3 {
        room.record(entry(user, at * SECOND)).await;
    }
    let plain = Filter::default();
    let (_, token) = room.page(user, &plain, 1, "").await;
    let edited = format!("{}A", &token[..token.len() - 1]);
    let other = Filter { text: "x".into(), ..Filter::default() };
    for (user, filter, token) in [
        (user, &plain, edited.as_str()),
        (user, &plain, "nonsense"),
        (user, &other, &token),
        (Uuid::from_u128(2), &plain, &token),
    ] {
        let Err(HistoryError::PageToken(failure)) = room.history.list(user, filter, 1, token).await else {
            assert!(token == edited && edited == room.page(user, &plain, 1, "").await.1, "{token} was taken");
            continue;
        };
        assert_eq!(failure.reason(), ErrorReason::InvalidPageToken);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_asked_for_at_once_are_each_their_own_and_nobody_is_forgotten() {
    let room = Room::new().await;
    for user in 1..=5 {
        for at in 0..user {
            room.record(entry(Uuid::from_u128(user), i64::try_from(at).expect("small"))).await;
        }
    }
    // Some come while others are read, some just as the last one was: each gets an answer.
    let callers = (0..40_u128).map(|caller| {
        let room = room.clone();
        tokio::spawn(async move {
            for call in 0..100_u128 {
                let user = 1 + (caller + call) % 6;
                let size = 1 + u32::try_from(call % 5).expect("small");
                let (page, token) = room.page(Uuid::from_u128(user), &Filter::default(), size, "").await;
                let total = if user == 6 { 0 } else { usize::try_from(user).expect("small") };
                assert_eq!((page.entries.len(), page.total), (total.min(size as usize), total as i64), "{user} {size}");
                assert_eq!(token.is_empty(), total <= size as usize, "{user} {size}");
            }
        })
    });
    let all = futures_util::future::try_join_all(callers);
    tokio::time::timeout(std::time::Duration::from_secs(120), all).await.expect("all answered").expect("no panic");
    let closed = tokio::time::timeout(std::time::Duration::from_secs(10), room.database.reader.close());
    closed.await.expect("no connection is held back");
    assert!(room.history.list(Uuid::from_u128(1), &Filter::default(), 20, "").await.is_err(), "it is closed");
}
