//! What was answered comes back after a crash, in every state that a file can be left in, and nothing else does.

use std::path::Path;

use super::{
    files::{HEADER_BYTES, read},
    *,
};
use crate::executions::limits::JOURNAL_FILE_BYTES;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn open(folder: &Path) -> (Journal, Vec<Uuid>) {
    let (journal, left) = Journal::open(folder).expect("opened");
    (journal, left.into_iter().map(|entry| entry.id).collect())
}

async fn accept(journal: &Journal, number: u128) -> Option<Ticket> {
    journal.add(Kind::Accepted, id(number), vec![7; 100]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_after_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, left) = open(folder.path());
    assert!(left.is_empty());
    let added = (1..=50).map(|number| {
        let journal = journal.clone();
        tokio::spawn(async move { accept(&journal, number).await.is_some() })
    });
    for added in futures_util::future::join_all(added).await {
        assert!(added.expect("no panic"), "one was not taken");
    }
    let ended = journal.add(Kind::Ended, id(99), b"log".to_vec()).await;
    assert!(ended.is_some());
    // As after a crash: the files as they are, and nobody who closed them.
    let (_, entries) = Journal::open(folder.path()).expect("opened");
    let mut ids: Vec<_> = entries.iter().map(|entry| entry.id.as_u128()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=50).chain([99]).collect::<Vec<_>>());
    let last = entries.into_iter().find(|entry| entry.kind == Kind::Ended).expect("the end");
    assert_eq!((last.id, last.body), (id(99), b"log".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_not_written_over_before_it_was_taken_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _) = open(folder.path());
    accept(&journal, 1).await.expect("taken");
    let (journal, left) = open(folder.path());
    assert_eq!(left, [id(1)]);
    assert!(accept(&journal, 2).await.is_none());
    assert_eq!(open(folder.path()).1, [id(1)]);
    journal.begin();
    accept(&journal, 3).await.expect("taken");
    assert_eq!(open(folder.path()).1, [id(3)], "what was there before is read as if it were of today");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _) = open(folder.path());
    let first = accept(&journal, 1).await.expect("taken");
    accept(&journal, 2).await.expect("taken");
    journal.take_back(first);
    accept(&journal, 3).await.expect("taken");
    assert_eq!(open(folder.path()).1, [id(2), id(3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_without_room_takes_nothing_and_takes_again_once_it_has_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _) = open(folder.path());
    assert!(journal.add(Kind::Accepted, id(1), vec![0; JOURNAL_BODY_MAX_BYTES + 1]).await.is_none());
    let mut tickets = Vec::new();
    let mut number = 0;
    while let Some(ticket) = journal.add(Kind::Accepted, id(number), vec![1; JOURNAL_BODY_MAX_BYTES]).await {
        tickets.push(ticket);
        number += 1;
    }
    let each = JOURNAL_FILE_BYTES / (JOURNAL_BODY_MAX_BYTES + HEADER_BYTES);
    assert_eq!(tickets.len(), 2 * each, "not both files are used to their end");
    assert_eq!(open(folder.path()).1.len(), 2 * each);
    // One file is settled, and serves again; what the other holds stays.
    tickets.drain(..each).for_each(Ticket::settle);
    let body = vec![1; JOURNAL_BODY_MAX_BYTES];
    journal.add(Kind::Accepted, id(1_000), body).await.expect("there is room again");
    let left = open(folder.path()).1;
    assert!(left.contains(&id(1_000)) && left.contains(&id(number - 1)), "{left:?}");
    assert_eq!(left.len(), each + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_record_and_what_lies_behind_it_are_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _) = open(folder.path());
    for number in 1..=3 {
        accept(&journal, number).await.expect("taken");
    }
    let path = folder.path().join("0");
    let whole = fs::read(&path).expect("a file");
    let length = HEADER_BYTES + 100;
    for at in length + 1..2 * length {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).expect("written");
        assert_eq!(open(folder.path()).1, [id(1)], "byte {at} was changed");
    }
    fs::write(&path, &whole[..length]).expect("written");
    assert!(open(folder.path()).1.is_empty(), "a file that is not whole was not made by us");
}

#[test]
fn no_bytes_are_a_panic() {
    for seed in 0..200_u32 {
        let noise: Vec<u8> =
            (0..500_u32).map(|at| at.wrapping_mul(seed + 1).to_le_bytes()[seed as usize % 4]).collect();
        assert!(read(&noise).1.is_empty());
    }
}

fn entry(kind: Kind, number: u128) -> Entry {
    Entry { kind, id: id(number), body: vec![7; 100] }
}

#[test]
fn what_is_taken_back_while_the_queue_is_full_is_gone_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, desk, _) = Journal::prepare(folder.path()).expect("prepared");
    let ticket = lock(&desk.files).write(Kind::Accepted, id(1), &[7; 100]).expect("written");
    while journal.commands.try_send(Command::Look).is_ok() {}
    journal.take_back(ticket);
    let open = Arc::clone(&lock(&desk.files).parts[0].open);
    drop(journal);
    desk.run();
    assert_eq!((open.load(Ordering::Acquire), self::open(folder.path()).1), (0, Vec::new()));
}

#[test]
fn an_acceptance_whose_asker_left_is_taken_back_and_an_end_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, desk, _) = Journal::prepare(folder.path()).expect("prepared");
    for entry in [entry(Kind::Accepted, 1), entry(Kind::Ended, 2)] {
        let (answer, _) = oneshot::channel();
        journal.commands.try_send(Command::Add { entry, answer }).expect("room");
    }
    let open = Arc::clone(&lock(&desk.files).parts[0].open);
    drop(journal);
    desk.run();
    assert_eq!((open.load(Ordering::Acquire), self::open(folder.path()).1), (1, vec![id(2)]));
}
