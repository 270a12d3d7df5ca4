//! Searches that cost much: what one call looks at, and what everybody else notices of it.

use uuid::Uuid;

use super::{Filter, Room, SECOND, entry};
use crate::history::{HistoryError, entry::CODE_MAX_BYTES, turns::PLACES_PER_USER_MAX};

fn search(text: &str) -> Filter {
    Filter { text: text.into(), ..Filter::default() }
}

/// A user's entries with the longest code there may be.
async fn record_long(room: &Room, user: Uuid, entries: i64) {
    for at in 0..entries {
        let mut new = entry(user, at * SECOND);
        new.whole.code = "x".repeat(CODE_MAX_BYTES);
        room.record(new).await;
    }
}

#[tokio::test]
async fn a_search_looks_at_bounded_bytes_in_one_call_and_finds_all_in_several() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let mut needle = entry(user, -SECOND);
    needle.whole.code = "the needle".into();
    let id = needle.whole.entry.id;
    room.record(needle).await;
    record_long(&room, user, 20).await;
    let (page, token) = room.page(user, &search("needle"), 20, "").await;
    assert!(page.entries.is_empty() && !token.is_empty(), "20 MiB in one call");
    assert_eq!(room.walk(user, &search("needle"), 20).await, [id]);
    assert_eq!(room.walk(user, &search("XX"), 3).await.len(), 20);
    let (page, token) = room.page(user, &search("A  B"), 20, "").await;
    assert_eq!((page.entries.len(), token.is_empty()), (20, false), "what the preview decides costs no code");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_searches_of_one_user_are_refused_and_nobody_else_waits_for_them() {
    let (room, ada, ben) = (Room::new().await, Uuid::from_u128(1), Uuid::from_u128(2));
    for user in [ada, ben] {
        record_long(&room, user, 2).await;
    }
    // Ada's first search, kept at work.
    let held = room.history.0.turns.turn(ada).await.expect("a turn");
    let waiting: Vec<_> = (1..PLACES_PER_USER_MAX)
        .map(|_| {
            let room = room.clone();
            tokio::spawn(async move { room.page(ada, &search("nothing"), 20, "").await.0.entries.len() })
        })
        .collect();
    // They take their places when they run.
    while room.history.0.turns.places_of(ada) < PLACES_PER_USER_MAX {
        tokio::task::yield_now().await;
    }
    let refused = room.history.list(ada, &search("x"), 20, "").await;
    assert!(matches!(refused, Err(HistoryError::TooManySearches)), "{refused:?}");
    assert_eq!(room.page(ada, &Filter::default(), 20, "").await.0.entries.len(), 2, "plain pages are no searches");
    assert_eq!(room.page(ben, &search("x"), 20, "").await.0.entries.len(), 2, "ben does not wait for ada");
    drop(held);
    for search in waiting {
        assert_eq!(search.await.expect("no panic"), 0, "those that waited are answered");
    }
    assert_eq!(room.page(ada, &search("x"), 20, "").await.0.entries.len(), 2);
}
