//! A disk that takes nothing: output is lost and accounted for, the rest waits, the end comes.

use fenxi_proto::analysis::v1::StartedEvent;
use uuid::Uuid;

use super::*;
use crate::executions::{
    Accepted,
    test_events::{finished, queued, stderr, stdout},
    test_house::{KERNEL, START, USER},
};

fn live() -> Arc<Live> {
    Arc::new(Live::new(Arc::new(Accepted {
        execution_id: KERNEL,
        user_id: USER,
        request_id: KERNEL,
        request_hash: [0; 32],
        kernel_id: KERNEL,
        code: "x".into(),
        datasets: Vec::new(),
        create_time: START,
        position: 0,
        time_limit_micros: None,
        continue_on_error: false,
        depends_on: None,
    })))
}

/// A desk of its own.
fn paper() -> (tempfile::TempDir, Paper) {
    let home = tempfile::tempdir().expect("a folder");
    let folder = spool::Folder::open(home.path()).expect("opened");
    let (journal, _) = Journal::open(&home.path().join("journal")).expect("opened");
    (home, Paper { spares: Spares::new(folder), journal })
}

/// An empty log in this file.
fn sink(live: &Arc<Live>, file: &File) -> Sink {
    Sink::over(Arc::clone(live), Some(Arc::new(file.try_clone().expect("a handle"))))
}

fn draft(time: i64, event: Option<Event>, through: Through, taken: Option<Taken>) -> Draft {
    Draft { time, event, through, taken, room: None }
}

fn log(file: &File) -> Vec<Event> {
    let mut events = Vec::new();
    spool::scan(file, |entry| events.extend(entry.event.and_then(|event| event.event))).expect("read");
    events
}

#[test]
fn a_full_disk_costs_output_but_never_the_end() {
    let full = File::options().read(true).write(true).open("/dev/full").expect("a device that is always full");
    let live = live();
    let (_home, mut paper) = paper();
    let mut sink = sink(&live, &full);
    sink.stage(draft(1, Some(queued()), None, None));
    sink.stage(draft(2, Some(stdout("lost")), None, None));
    sink.stage(draft(3, Some(Event::Started(StartedEvent { execution_count: 1 })), None, None));
    assert!(!sink.write(&mut paper) && sink.is_failing());
    assert_eq!(live.progress(), Progress::default(), "a reader saw what is not on disk");
    sink.stage(draft(4, Some(stdout("lost too")), None, None));
    sink.stage(draft(5, Some(Event::Finished(finished())), None, None));
    assert!(!sink.write(&mut paper) && sink.is_failing());

    let repaired = tempfile::tempfile().expect("a file");
    sink.file = Some(Arc::new(repaired.try_clone().expect("a handle")));
    assert!(sink.write(&mut paper), "the log is not complete");
    let events = log(&repaired);
    let [Event::Queued(_), Event::Truncated(cut), Event::Started(_), Event::Truncated(more), Event::Finished(end)] =
        events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!((cut.dropped_bytes, more.dropped_bytes, end.dropped_bytes), (4, 8, 12));
    assert_eq!(live.progress().end, Some((5, Outcome::Ok)));
    assert_eq!(live.progress().last_sequence, 5);
}

#[test]
fn what_was_taken_is_known_again_with_an_event_and_without_one() {
    let file = tempfile::tempfile().expect("a file");
    let (_home, mut paper) = paper();
    let mut sink = sink(&live(), &file);
    let taken = |id: u128| Some(Taken::new(Uuid::from_u128(id), &[7; 32]));
    sink.stage(draft(1, Some(queued()), Some(0), None));
    sink.stage(draft(2, Some(stdout("a")), Some(1), taken(1)));
    sink.stage(draft(3, None, Some(1), taken(2)));
    sink.stage(draft(4, Some(stdout("b")), Some(2), None));
    sink.stage(draft(5, None, Some(3), taken(3)));
    assert!(!sink.write(&mut paper));
    let told = sink.live.progress();
    assert_eq!((told.requests, told.last_sequence, told.bytes), (3, 3, file.metadata().expect("there").len()));
    assert_eq!(log(&file), [queued(), stdout("a"), stdout("b")], "a text was joined to what stands before a request");

    let next = live();
    let scan = spool::scan(&file, |_| {}).expect("read");
    let (mut sink, held) = Sink::resume(&next, file.try_clone().expect("a handle"), scan).expect("resumed");
    assert_eq!(held.progress, told);
    assert_eq!(next.requests().all(), [taken(1), taken(2), taken(3)].into_iter().flatten().collect::<Vec<_>>());
    sink.stage(draft(6, Some(Event::Finished(finished())), None, None));
    assert!(sink.write(&mut paper));
    assert_eq!(log(&file).len(), 4);
}

#[test]
fn a_full_disk_costs_nothing_that_was_taken() {
    let full = File::options().read(true).write(true).open("/dev/full").expect("a device that is always full");
    let live = live();
    let (_home, mut paper) = paper();
    let mut sink = sink(&live, &full);
    let taken = Some(Taken::new(KERNEL, &[7; 32]));
    sink.stage(draft(1, Some(queued()), None, taken));
    sink.stage(draft(2, Some(Event::Finished(finished())), None, None));
    sink.stage(draft(3, None, None, taken));
    assert!(!sink.write(&mut paper) && live.progress().requests == 0);
    let repaired = tempfile::tempfile().expect("a file");
    sink.file = Some(Arc::new(repaired.try_clone().expect("a handle")));
    assert!(sink.write(&mut paper), "the log is not complete");
    assert_eq!(live.progress().requests, 2);
    let mut taken = 0;
    spool::scan(&repaired, |entry| taken += usize::from(entry.taken.is_some())).expect("read");
    assert_eq!(taken, 2, "what stands behind the end is not read");
}

#[test]
fn texts_of_one_stream_that_wait_together_are_one_event() {
    let file = tempfile::tempfile().expect("a file");
    let (_home, mut paper) = paper();
    let mut sink = sink(&live(), &file);
    let long = "x".repeat(STREAM_TEXT_MAX_BYTES);
    for event in [stdout("a"), stdout("b"), stderr("c"), stderr("d"), stdout("e"), stdout(&long)] {
        sink.stage(draft(1, Some(event), None, None));
    }
    assert!(!sink.write(&mut paper));
    assert_eq!(log(&file), [stdout("ab"), stderr("cd"), stdout("e"), stdout(&long)]);
    sink.stage(draft(2, Some(stdout("f")), None, None));
    sink.write(&mut paper);
    assert_eq!(log(&file).len(), 5, "what was written is not changed");
}

#[test]
fn a_short_log_that_is_whole_at_once_is_in_the_journal_alone() {
    let (home, mut paper) = paper();
    let live = live();
    live.begin();
    let mut sink = Sink::new(Arc::clone(&live));
    sink.stage(draft(2, Some(stdout("a")), Some(1), None));
    sink.stage(draft(3, Some(Event::Finished(finished())), Some(2), None));
    assert!(sink.write(&mut paper), "the log is not complete");
    assert!(!live.has_file());
    assert_eq!(live.progress().end, Some((3, Outcome::Ok)));
    let whole = live.whole().expect("all of it is in memory");
    assert_eq!(live.progress().bytes, whole.iter().map(|written| written.bytes as u64).sum::<u64>());
    let (_, left) = Journal::open(&home.path().join("journal")).expect("opened");
    let [end] = left.as_slice() else { panic!("{left:?}") };
    let file = tempfile::tempfile().expect("a file");
    file.write_all_at(&end.body, 0).expect("written");
    assert_eq!((end.id, end.body.len() as u64), (KERNEL, live.progress().bytes));
    assert_eq!(log(&file), [queued(), stdout("a"), Event::Finished(finished())]);
}

#[test]
fn every_other_log_is_a_file_from_its_first_event_on() {
    let (home, mut paper) = paper();
    let live = live();
    live.begin();
    let mut sink = Sink::new(Arc::clone(&live));
    sink.stage(draft(2, Some(stdout("a")), Some(1), None));
    assert!(!sink.write(&mut paper));
    let file = live.file().expect("a file");
    assert_eq!(log(&file), [queued(), stdout("a")]);
    sink.stage(draft(3, Some(Event::Finished(finished())), Some(2), None));
    assert!(sink.write(&mut paper));
    assert_eq!((log(&file).len(), live.progress().last_sequence), (3, 3));
    assert!(live.take_end_ticket().is_none());
    std::fs::remove_file(home.path().join(format!("running/{KERNEL}.log"))).expect("removed");
    // Too long for the memory of its readers; and one with a request that no event has beside it.
    let long = "x".repeat(STREAM_TEXT_MAX_BYTES);
    let taken = Some(Taken::new(KERNEL, &[7; 32]));
    for (text, taken) in [(long.as_str(), None), ("a", taken)] {
        let live = self::live();
        live.begin();
        let mut sink = Sink::new(Arc::clone(&live));
        sink.stage(draft(2, Some(stdout(text)), Some(1), None));
        if taken.is_some() {
            sink.stage(draft(2, None, Some(1), taken));
        }
        sink.stage(draft(3, Some(Event::Finished(finished())), Some(2), None));
        assert!(sink.write(&mut paper));
        assert_eq!(log(&live.file().expect("a file")).len(), 3);
        std::fs::remove_file(home.path().join(format!("running/{KERNEL}.log"))).expect("removed");
    }
}
