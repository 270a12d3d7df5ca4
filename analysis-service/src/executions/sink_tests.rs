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
        time_limit_micros: None,
        continue_on_error: false,
        depends_on: None,
    })))
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
    let mut sink = Sink::new(Arc::clone(&live), full);
    sink.stage(1, Some(queued()), None, None, None);
    sink.stage(2, Some(stdout("lost")), None, None, None);
    sink.stage(3, Some(Event::Started(StartedEvent { execution_count: 1 })), None, None, None);
    assert!(!sink.write() && sink.is_failing());
    assert_eq!(live.progress(), Progress::default(), "a reader saw what is not on disk");
    sink.stage(4, Some(stdout("lost too")), None, None, None);
    sink.stage(5, Some(Event::Finished(finished())), None, None, None);
    assert!(!sink.write() && sink.is_failing());

    let repaired = tempfile::tempfile().expect("a file");
    sink.file = Arc::new(repaired.try_clone().expect("a handle"));
    assert!(sink.write(), "the log is not complete");
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
    let mut sink = Sink::new(live(), file.try_clone().expect("a handle"));
    let taken = |id: u128| Some(Taken::new(Uuid::from_u128(id), &[7; 32]));
    sink.stage(1, Some(queued()), Some(0), None, None);
    sink.stage(2, Some(stdout("a")), Some(1), taken(1), None);
    sink.stage(3, None, Some(1), taken(2), None);
    sink.stage(4, Some(stdout("b")), Some(2), None, None);
    sink.stage(5, None, Some(3), taken(3), None);
    assert!(!sink.write());
    let told = sink.live.progress();
    assert_eq!((told.requests, told.last_sequence, told.bytes), (3, 3, file.metadata().expect("there").len()));
    assert_eq!(log(&file), [queued(), stdout("a"), stdout("b")], "a text was joined to what stands before a request");

    let next = live();
    let scan = spool::scan(&file, |_| {}).expect("read");
    let (mut sink, held) = Sink::resume(&next, file.try_clone().expect("a handle"), scan).expect("resumed");
    assert_eq!(held.progress, told);
    assert_eq!(next.requests().all(), [taken(1), taken(2), taken(3)].into_iter().flatten().collect::<Vec<_>>());
    sink.stage(6, Some(Event::Finished(finished())), None, None, None);
    assert!(sink.write());
    assert_eq!(log(&file).len(), 4);
}

#[test]
fn a_full_disk_costs_nothing_that_was_taken() {
    let full = File::options().read(true).write(true).open("/dev/full").expect("a device that is always full");
    let live = live();
    let mut sink = Sink::new(Arc::clone(&live), full);
    let taken = Some(Taken::new(KERNEL, &[7; 32]));
    sink.stage(1, Some(queued()), None, taken, None);
    sink.stage(2, Some(Event::Finished(finished())), None, None, None);
    sink.stage(3, None, None, taken, None);
    assert!(!sink.write() && live.progress().requests == 0);
    sink.file = Arc::new(tempfile::tempfile().expect("a file"));
    assert!(sink.write(), "the log is not complete");
    assert_eq!(live.progress().requests, 2);
    let mut taken = 0;
    spool::scan(&sink.file, |entry| taken += usize::from(entry.taken.is_some())).expect("read");
    assert_eq!(taken, 2, "what stands behind the end is not read");
}

#[test]
fn texts_of_one_stream_that_wait_together_are_one_event() {
    let file = tempfile::tempfile().expect("a file");
    let mut sink = Sink::new(live(), file.try_clone().expect("a handle"));
    let long = "x".repeat(STREAM_TEXT_MAX_BYTES);
    for event in [stdout("a"), stdout("b"), stderr("c"), stderr("d"), stdout("e"), stdout(&long)] {
        sink.stage(1, Some(event), None, None, None);
    }
    assert!(!sink.write());
    assert_eq!(log(&file), [stdout("ab"), stderr("cd"), stdout("e"), stdout(&long)]);
    sink.stage(2, Some(stdout("f")), None, None, None);
    sink.write();
    assert_eq!(log(&file).len(), 5, "what was written is not changed");
}
