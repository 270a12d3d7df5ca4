//! A disk that takes nothing: output is lost and accounted for, the rest waits, the end comes.

use fenxi_proto::analysis::v1::StartedEvent;

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
    })))
}

fn log(file: &File) -> Vec<Event> {
    let mut events = Vec::new();
    spool::scan(file, |entry| events.extend(entry.event.event)).expect("read");
    events
}

#[test]
fn a_full_disk_costs_output_but_never_the_end() {
    let full = File::options().read(true).write(true).open("/dev/full").expect("a device that is always full");
    let live = live();
    let mut sink = Sink::new(Arc::clone(&live), full);
    sink.stage(1, queued(), None, None);
    sink.stage(2, stdout("lost"), None, None);
    sink.stage(3, Event::Started(StartedEvent { execution_count: 1 }), None, None);
    assert!(!sink.write() && sink.is_failing());
    assert_eq!(live.progress(), Progress::default(), "a reader saw what is not on disk");
    sink.stage(4, stdout("lost too"), None, None);
    sink.stage(5, Event::Finished(finished()), None, None);
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
fn texts_of_one_stream_that_wait_together_are_one_event() {
    let file = tempfile::tempfile().expect("a file");
    let mut sink = Sink::new(live(), file.try_clone().expect("a handle"));
    let long = "x".repeat(STREAM_TEXT_MAX_BYTES);
    for event in [stdout("a"), stdout("b"), stderr("c"), stderr("d"), stdout("e"), stdout(&long)] {
        sink.stage(1, event, None, None);
    }
    assert!(!sink.write());
    assert_eq!(log(&file), [stdout("ab"), stderr("cd"), stdout("e"), stdout(&long)]);
    sink.stage(2, stdout("f"), None, None);
    sink.write();
    assert_eq!(log(&file).len(), 5, "what was written is not changed");
}
