//! Many readers, slow readers, long logs and a process that is killed: everyone sees the same dense log.

use std::{
    process::{Command as Process, Stdio},
    sync::Arc,
    time::Duration,
};

use fenxi_chassis::clock::Clock;
use fenxi_proto::{
    analysis::v1::{Outcome, OutputEvent, output_event::Event},
    time::unix_micros,
};
use rand::Rng as _;

use crate::executions::{
    Acceptance, ExecutionState, Executions, ListFilter, Moment, Settings, View,
    limits::{DRAFTS_MAX, IN_FLIGHT_MAX_BYTES, STREAM_TEXT_MAX_BYTES},
    test_events::{finished, result, stdout},
    test_house::{House, START, USER, dead, open, request, settings},
};

const PATIENCE: Duration = Duration::from_secs(120);
const FOLDER: &str = "FENXI_TEST_EXECUTIONS_FOLDER";

fn texts(events: &[OutputEvent]) -> String {
    let text = |event: &OutputEvent| match &event.event {
        Some(Event::Stream(stream)) => Some(stream.text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

fn assert_dense(events: &[OutputEvent], after: i64) {
    for (expected, event) in (after + 1..).zip(events) {
        assert_eq!(event.sequence, expected, "a number is missing or doubled");
    }
}

/// Reads from somewhere, leaves and comes back at random, and gives everything after the first number.
async fn read_restlessly(executions: Executions, view: View, start: i64) -> (i64, Vec<OutputEvent>) {
    let mut events: Vec<OutputEvent> = Vec::new();
    loop {
        let after = events.last().map_or(start, |event| event.sequence);
        let stay = rand::rng().random_range(1..200);
        let (_, mut reader) = executions.read(USER, view.accepted.execution_id, after).await.expect("a reader");
        for _ in 0..stay {
            match reader.next().await.expect("an event") {
                Some(event) => events.push(event),
                None => return (start, events),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_readers_that_come_and_go_see_the_same_log() {
    let house = House::new().await;
    let (view, mut log) = house.accept("for i in range(3000): print(i)").await;
    let readers: Vec<_> = (0..50)
        .map(|reader| tokio::spawn(read_restlessly(house.executions.clone(), view.clone(), reader % 7)))
        .collect();
    log.started(1, Moment::default()).await;
    let mut expected = String::new();
    for line in 0..3_000 {
        let line = format!("{line} {}\n", "x".repeat(line % 300));
        log.append(stdout(&line)).await;
        expected.push_str(&line);
        if line.len() % 5 == 0 {
            tokio::task::yield_now().await;
        }
    }
    log.append(result("done")).await;
    log.finish(finished()).await;
    let whole = house.events(&view, 0).await;
    assert_dense(&whole, 0);
    assert_eq!(texts(&whole), expected);
    for reader in readers {
        let (start, events) = tokio::time::timeout(PATIENCE, reader).await.expect("in time").expect("no panic");
        assert_eq!(events, whole[usize::try_from(start).expect("small")..], "a reader saw another log");
    }
    house.until_saved(&view).await;
    assert_eq!(house.events(&view, 0).await, whole, "the stored log is another");
}

#[tokio::test]
async fn what_comes_together_is_written_together() {
    let house = House::new().await;
    let (view, mut log) = house.accept("1 + 1").await;
    log.started(1, Moment::default()).await;
    log.hear(Moment { number: 2, time: None }, result("2")).await;
    let last = async || house.executions.get(USER, view.accepted.execution_id).await.expect("there").last_sequence;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(last().await, 1, "more may have come");
    log.hand_in().await;
    let mut reader = house.reader(&view, 2).await;
    tokio::time::timeout(PATIENCE, reader.next()).await.expect("in time").expect("read");
    assert_eq!(last().await, 3);
    // So much is not kept back, whatever comes.
    let number = |line: u64| Moment { number: 3 + line, time: None };
    for line in 0..DRAFTS_MAX as u64 {
        log.hear(number(line), result("3")).await;
    }
    tokio::time::timeout(PATIENCE, reader.next()).await.expect("in time").expect("read");
    // Nor more bytes than may be on their way, which what is kept back has.
    let large = "x".repeat(STREAM_TEXT_MAX_BYTES);
    for line in 0..2 * u64::from(IN_FLIGHT_MAX_BYTES) / large.len() as u64 {
        let heard = log.hear(number(DRAFTS_MAX as u64 + line), stdout(&large));
        tokio::time::timeout(PATIENCE, heard).await.expect("it waits for itself");
    }
    log.finish(finished()).await;
    assert_dense(&house.events(&view, 0).await, 0);
}

#[tokio::test]
async fn what_a_kernel_said_has_the_time_at_which_it_came() {
    let house = House::new().await;
    let (view, mut log) = house.accept("1 + 1").await;
    house.clock.advance(Duration::from_secs(10));
    let at = |number, seconds: i64| Moment { number, time: Some(START + seconds * 1_000_000) };
    log.started(1, at(1, 2)).await;
    log.hear(at(2, 3), stdout("a")).await;
    // Neither before what was said already nor to come, whatever a clock that was set tells.
    log.hear(at(3, 1), result("2")).await;
    log.hear(at(4, 60), stdout("b")).await;
    // No text: that would be joined with what waits for the disk, now and then.
    log.hear(Moment { number: 5, time: None }, result("c")).await;
    log.finish_at(finished(), at(6, 11).time).await;
    house.until_saved(&view).await;
    let events = house.events(&view, 0).await;
    let seconds = |event: &OutputEvent| (unix_micros(&event.time.expect("a time")) - START) / 1_000_000;
    assert_eq!(events.iter().map(seconds).collect::<Vec<_>>(), [0, 2, 3, 3, 10, 10, 10]);
    let Some(Event::Finished(end)) = &events[events.len() - 1].event else { panic!("no end") };
    assert_eq!(
        (end.queue_duration.map(|time| time.seconds), end.wall_duration.map(|time| time.seconds)),
        (Some(2), Some(8))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_holds_nobody_up_and_loses_nothing() {
    let house = House::new().await;
    let (view, mut log) = house.accept("flood()").await;
    let mut slow = house.reader(&view, 0).await;
    slow.next().await.expect("an event").expect("queued");
    let line = "y".repeat(1_999) + "\n";
    // The reader takes nothing while 20 MB are written: the writer comes to its end all the same.
    for _ in 0..10_000 {
        log.append(stdout(&line)).await;
    }
    log.finish(finished()).await;
    house.until_saved(&view).await;
    let mut events = Vec::new();
    while let Some(event) = slow.next().await.expect("an event") {
        events.push(event);
    }
    assert_dense(&events, 1);
    assert_eq!(texts(&events).len(), 20_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_above_the_limit_keeps_head_and_tail_for_every_reader() {
    let limited = Settings { output_max_bytes: 1 << 20, output_tail_bytes: 128 << 10, ..settings() };
    let house = House::with(&limited).await;
    let (view, mut log) = house.accept("while True: print()").await;
    let mut live = house.reader(&view, 0).await;
    let mut seen_while_it_ran = Vec::new();
    let lines = 20_000;
    for line in 0..lines {
        log.append(stdout(&format!("{line:098} \n"))).await;
    }
    loop {
        let event = live.next().await.expect("an event").expect("it runs");
        let cut = matches!(event.event, Some(Event::Notice(_)));
        seen_while_it_ran.push(event);
        if cut {
            break;
        }
    }
    log.append(result("42")).await;
    log.finish(finished()).await;
    let events = house.events(&view, 0).await;
    assert_dense(&events, 0);
    assert_eq!(seen_while_it_ran, events[..seen_while_it_ran.len()]);
    let said = texts(&events);
    assert!(said.starts_with(&format!("{:098} \n", 0)) && said.ends_with(&format!("{:098} \n", lines - 1)));
    assert!(said.len() < 1 << 20, "{} bytes were kept", said.len());
    let [.., before, last] = events.as_slice() else { panic!("too few") };
    assert!(matches!(before.event, Some(Event::Result(_))));
    let Some(Event::Finished(end)) = &last.event else { panic!("no end") };
    assert_eq!(end.output_bytes, i64::try_from(said.len()).expect("small") + 2);
    assert_eq!(end.output_bytes + end.dropped_bytes, lines * 100 + 2);
}

#[test]
#[ignore = "the child of the test below: it writes until it is killed"]
fn writes_until_it_is_killed() {
    let Some(folder) = fenxi_chassis::config::variable(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async move {
        let (executions, _) = open(folder.as_ref(), &settings(), Clock::system()).await;
        assert!(executions.recover(dead).await.expect("recovered").is_empty());
        let mut logs = Vec::new();
        for code in ["runs", "waits"] {
            match executions.accept(request(code), Vec::new(), 0).await.expect("accepted") {
                Acceptance::New(_, log) => logs.push(log),
                Acceptance::Known(_) => panic!("known"),
            }
        }
        let log = logs.first_mut().expect("a log");
        log.started(1, Moment::default()).await;
        for line in 0_u64.. {
            log.append(stdout(&format!("{line}\n"))).await;
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_leaves_dense_logs_and_one_end_each() {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let mut child = Process::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "executions::log::tests::writes_until_it_is_killed"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("a child");
    let running = folder.path().join("executions/running");
    let written = || {
        let files = std::fs::read_dir(&running).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).max().unwrap_or(0)
    };
    let grown = async {
        while written() < 300_000 {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, grown).await;
    child.kill().expect("killed");
    child.wait().expect("gone");
    in_time.expect("the child wrote nothing");

    let house = House::over(Arc::clone(&folder), &settings()).await;
    assert!(house.executions.recover(dead).await.expect("recovered").is_empty());
    let filter = ListFilter { user_id: USER, kernel_id: None, states: Vec::new() };
    let ended = house.executions.list(&filter, None, 10).await.expect("a page").executions;
    assert_eq!(ended.len(), 2);
    for view in &ended {
        assert_eq!(view.state(), ExecutionState::Finished);
        let events = house.events(view, 0).await;
        assert_dense(&events, 0);
        let ends = events.iter().filter(|event| matches!(event.event, Some(Event::Finished(_)))).count();
        assert_eq!(ends, 1);
        let Some(Event::Finished(end)) = &events.last().expect("an end").event else { panic!("no end") };
        // Only the first can have been sent to their kernel.
        let runs = &*view.accepted.code == "runs";
        assert_eq!((end.outcome() == Outcome::Lost, end.outcome() == Outcome::Cancelled), (runs, !runs));
        assert!(end.death.is_some(), "nothing is said of its kernel");
        let said = texts(&events);
        for (line, text) in said.lines().enumerate() {
            assert_eq!(text, line.to_string(), "a line is missing");
        }
        assert_eq!(said.len() > 200_000, runs);
        house.until_saved(view).await;
    }
    let sql = "SELECT COUNT(*) FROM outbox";
    let count: i64 = sqlx::Row::get(&sqlx::query(sql).fetch_one(&house.database.reader).await.expect("a row"), 0);
    assert_eq!(count, 2);
    assert!(house.executions.recover(dead).await.expect("nothing left").is_empty());
    assert_eq!(std::fs::read_dir(&running).expect("a folder").count(), 0);
}
