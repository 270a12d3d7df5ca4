//! Executions above their output limit whose service is replaced: what is kept, what is not, and what is said of it.

use fenxi_proto::analysis::v1::{NoticeKind, Outcome, OutputEvent, output_event::Event};
use nix::sys::signal::Signal;

use crate::{
    house::{assert_dense, end, next, texts},
    machine::Machine,
};

const LIMITS: &[&str] = &["--output-max-bytes", "200000", "--output-tail-bytes", "50000"];
/// Each line has 100 bytes.
const LINES: i64 = 10_000;
const LINE_BYTES: i64 = 100;

fn is_notice(event: &OutputEvent) -> bool {
    matches!(&event.event, Some(Event::Notice(notice)) if notice.kind() == NoticeKind::OutputLimit)
}

/// The whole log of code that says much, sees its service go, and says a little then.
async fn said_through(signal: Signal) -> Vec<OutputEvent> {
    let mut machine = Machine::start_with_settings("plain", LIMITS).await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let code = format!(
        "import os, time\nfor line in range({LINES}):\n    print(f'{{line:099}}', flush=line % 100 == 99)\n\
         open('said', 'w').close()\nwhile not os.path.exists('go'):\n    time.sleep(0.05)\nprint('x' * 99)"
    );
    let (execution, mut stream) = user.begin(&kernel, &code).await;
    while !is_notice(&next(&mut stream).await) {}
    let work = machine.folder.path().join("data/work").join(&kernel);
    while !work.join("said").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // Once more than the service takes to hear it.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    machine.replace(signal).await;
    std::fs::write(work.join("go"), "").expect("written");
    let events = machine.user().watch(&execution.execution_id, 0).await;
    assert_dense(&events, 0);
    assert_eq!(end(&events).outcome(), Outcome::Ok);
    assert!(texts(&events).ends_with(&format!("{}\n", "x".repeat(99))), "the last is not kept");
    let marked: i64 = events
        .iter()
        .map(|event| match &event.event {
            Some(Event::Truncated(cut)) => cut.dropped_bytes,
            _ => 0,
        })
        .sum();
    let end = end(&events);
    assert_eq!((end.dropped_bytes, end.output_bytes), (marked, i64::try_from(texts(&events).len()).expect("small")));
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_the_service_above_the_output_limit_loses_nothing_that_is_not_counted() {
    let events = said_through(Signal::SIGTERM).await;
    let end = end(&events);
    assert_eq!(end.output_bytes + end.dropped_bytes, (LINES + 1) * LINE_BYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_of_the_service_above_the_output_limit_is_told_with_what_it_loses() {
    let events = said_through(Signal::SIGKILL).await;
    let end = end(&events);
    let whole = end.output_bytes + end.dropped_bytes == (LINES + 1) * LINE_BYTES;
    let told = events.iter().filter(|event| is_notice(event)).count();
    assert!(whole || told == 2, "{told} notices, {} bytes kept, {} dropped", end.output_bytes, end.dropped_bytes);
    assert!(!whole, "all is there: the story says nothing");
}
