//! What survives on disk: always a prefix, always dense.

use proptest::prelude::*;

use super::*;
use crate::executions::test_events::{finished, text};

const ID: Uuid = Uuid::from_u128(0x1234);

/// Appends events after the last one of the file.
fn append(file: &File, scan: Scan, texts: &[String]) -> Vec<OutputEvent> {
    let numbered = (scan.last_sequence + 1..).zip(texts);
    let events: Vec<_> = numbered.map(|(sequence, said)| text(sequence, said)).collect();
    let mut bytes = Vec::new();
    events.iter().for_each(|event| record::write(Some(event), None, None, &mut bytes));
    file.write_all_at(&bytes, scan.bytes).expect("written");
    events
}

fn read(file: &File) -> (Vec<OutputEvent>, Scan) {
    let mut events = Vec::new();
    let scan = scan(file, |entry| events.extend(entry.event)).expect("read");
    (events, scan)
}

/// A crash: the file ends somewhere, or a byte of it is another.
#[derive(Clone, Debug)]
enum Damage {
    None,
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Garbage(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        Just(Damage::None),
        any::<prop::sample::Index>().prop_map(Damage::Cut),
        (any::<prop::sample::Index>(), 1..=u8::MAX).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        prop::collection::vec(any::<u8>(), 1..200).prop_map(Damage::Garbage),
    ]
}

fn harm(path: &Path, damage: &Damage) {
    let mut bytes = fs::read(path).expect("read");
    match damage {
        Damage::None => {}
        Damage::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
        Damage::Flip(at, bits) => {
            let at = at.index(bytes.len().max(1));
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
        }
        Damage::Garbage(garbage) => bytes.extend(garbage),
    }
    fs::write(path, bytes).expect("written");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_prefix_survives_every_crash_and_the_log_goes_on(
        rounds in prop::collection::vec((prop::collection::vec("[a-z\u{e4}]{0,40}", 0..30), damage()), 1..6)
    ) {
        let home = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(home.path()).expect("opened");
        let mut expected = Vec::new();
        drop(folder.create(ID).expect("created"));
        for (texts, damage) in rounds {
            let (file, reopened) = folder.reopen(ID, false).expect("reopened").expect("there");
            let (events, scanned) = read(&file);
            prop_assert_eq!(scanned, reopened);
            prop_assert_eq!(fs::metadata(folder.running(ID)).expect("there").len(), scanned.bytes);
            prop_assert!(events.len() <= expected.len());
            prop_assert_eq!(&events[..], &expected[..events.len()], "what survives is no prefix");
            expected = events;
            expected.extend(append(&file, scanned, &texts));
            drop(file);
            harm(&folder.running(ID), &damage);
        }
    }
}

#[test]
fn nothing_follows_the_end_and_a_number_that_jumps_is_damage() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(home.path()).expect("opened");
    let file = folder.create(ID).expect("created");
    let end = OutputEvent { sequence: 2, time: None, event: Some(Event::Finished(finished())) };
    let mut bytes = Vec::new();
    for event in [text(1, "a"), end, text(3, "b")] {
        record::write(Some(&event), None, None, &mut bytes);
    }
    file.write_all_at(&bytes, 0).expect("written");
    let (events, scan) = read(&file);
    assert_eq!((events.len(), scan.last_sequence, scan.finished), (2, 2, true));

    let (file, scan) = folder.reopen(ID, false).expect("reopened").expect("there");
    file.set_len(0).expect("cut");
    let mut bytes = Vec::new();
    for event in [text(1, "a"), text(3, "b")] {
        record::write(Some(&event), None, None, &mut bytes);
    }
    file.write_all_at(&bytes, 0).expect("written");
    assert_eq!(read(&file).0.len(), 1);
    assert!(scan.finished);
}

#[test]
fn a_record_longer_than_a_read_is_read() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(home.path()).expect("opened");
    let file = folder.create(ID).expect("created");
    let long = "x".repeat(3 * READ_BYTES);
    let written = append(&file, Scan::default(), &["a".into(), long, "b".into()]);
    assert_eq!(read(&file).0, written);
}

#[test]
fn a_moved_log_is_found() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(home.path()).expect("opened");
    append(&folder.create(ID).expect("created"), Scan::default(), &["a".into()]);
    assert_eq!(folder.list_running().expect("listed"), [ID]);
    assert_eq!(read(&folder.read_ended(ID).expect("not moved yet")).0.len(), 1);
    folder.move_to_ended(ID).expect("moved");
    assert_eq!(read(&folder.read_ended(ID).expect("moved")).0.len(), 1);
    assert!(folder.list_running().expect("listed").is_empty());
    assert!(folder.reopen(ID, false).expect("looked").is_none());
    folder.remove_ended(ID).expect("removed");
    folder.remove_ended(ID).expect("removed before");
    assert_eq!(folder.read_ended(ID).expect_err("gone").kind(), io::ErrorKind::NotFound);
}
