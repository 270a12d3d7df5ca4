//! How an end decides for those that depend on it, also where a service has taken both up.

use std::{collections::HashMap, sync::Arc};

use fenxi_proto::analysis::v1::{FinishedEvent, Outcome, OutputEvent, StopCause, output_event::Event};

use super::*;
use crate::executions::{
    Acceptance, Fate, LogWriter, NewExecution, record,
    test_events::queued,
    test_house::{House, request, settings},
};

fn ready(link: &Link) -> (Readiness, Readiness) {
    (link.readiness(Condition::Succeeded), link.readiness(Condition::NotFailed))
}

fn after(on: &Arc<Link>) -> Arc<Link> {
    let link = Arc::new(Link::default());
    link.depend_on(Arc::clone(on));
    link
}

#[test]
fn an_end_decides_by_the_condition() {
    use Readiness::{Never, Ready, Waits};
    assert_eq!(ready(&Link::default()), (Ready, Ready), "it depends on none");
    for (outcome, cause, expected) in [
        (Outcome::Ok, StopCause::Unspecified, (Ready, Ready)),
        (Outcome::Error, StopCause::Unspecified, (Never, Never)),
        (Outcome::TimedOut, StopCause::Unspecified, (Never, Never)),
        (Outcome::Killed, StopCause::Unspecified, (Never, Never)),
        (Outcome::Lost, StopCause::Unspecified, (Never, Never)),
        (Outcome::Interrupted, StopCause::Requested, (Never, Ready)),
        (Outcome::Interrupted, StopCause::Limit, (Never, Ready)),
        (Outcome::Interrupted, StopCause::Memory, (Never, Never)),
        (Outcome::Cancelled, StopCause::Requested, (Never, Ready)),
        (Outcome::Cancelled, StopCause::QueueCleared, (Never, Never)),
        (Outcome::Cancelled, StopCause::Dependency, (Never, Never)),
        (Outcome::Cancelled, StopCause::Unspecified, (Never, Never)),
    ] {
        let on = Arc::new(Link::default());
        let link = after(&on);
        assert_eq!(ready(&link), (Waits, Waits));
        on.ended(outcome, cause);
        on.ended(Outcome::Ok, StopCause::Unspecified);
        assert_eq!(ready(&link), expected, "{outcome:?} {cause:?}");
    }
}

#[test]
fn what_was_taken_from_the_queue_hands_on_what_it_depended_on() {
    let first = Arc::new(Link::default());
    let mut last = Arc::clone(&first);
    for _ in 0..100 {
        let next = after(&last);
        next.ended(Outcome::Cancelled, StopCause::Requested);
        last = next;
    }
    let before = last.on().expect("it is handed on");
    assert!(Arc::ptr_eq(&first, &before) || Arc::ptr_eq(&first, &before.on().expect("the next")), "they pile up");
    let link = after(&last);
    assert_eq!(ready(&link), (Readiness::Never, Readiness::Waits));
    first.ended(Outcome::Error, StopCause::Unspecified);
    assert_eq!(ready(&link).1, Readiness::Never);
}

#[test]
fn a_row_of_any_length_that_was_taken_back_is_dropped_on_a_small_stack() {
    let mut row = vec![Arc::new(Link::default())];
    for _ in 0..200_000 {
        row.extend(row.last().map(after));
    }
    for link in &row {
        link.ended(Outcome::Cancelled, StopCause::Requested);
    }
    let last = row.pop();
    drop(row);
    drop(last);
}

#[test]
fn who_waits_keeps_nothing_of_what_was_taken_back_before_it() {
    let first = Arc::new(Link::default());
    let mut last = after(&first);
    // Each is taken back when the next one waits for it already.
    for _ in 0..100 {
        let next = after(&last);
        last.ended(Outcome::Cancelled, StopCause::Requested);
        assert_eq!(next.readiness(Condition::NotFailed), Readiness::Waits);
        assert_eq!((Arc::strong_count(&last), Arc::strong_count(&first)), (1, 3), "it is kept");
        last = next;
        assert_eq!(Arc::strong_count(&first), 2);
    }
    first.ended(Outcome::Ok, StopCause::Unspecified);
    assert_eq!(last.readiness(Condition::NotFailed), Readiness::Ready);
    // It depends on nothing any more.
    let alone = Arc::new(Link::default());
    let waits = after(&alone);
    alone.ended(Outcome::Cancelled, StopCause::Requested);
    assert_eq!(ready(&waits), (Readiness::Never, Readiness::Ready));
}

#[test]
fn nothing_is_kept_of_what_stands_before_an_end() {
    let first = Arc::new(Link::default());
    let second = after(&first);
    second.ended(Outcome::Ok, StopCause::Unspecified);
    let third = after(&second);
    assert_eq!((Arc::strong_count(&first), ready(&third).0), (1, Readiness::Ready));
}

async fn accept(house: &House, on: Option<Uuid>) -> LogWriter {
    let depends_on = on.map(|execution_id| Dependency { execution_id, condition: Condition::NotFailed });
    let new = NewExecution { depends_on, ..request("x") };
    let Acceptance::New(_, log) = house.executions.accept(new, Vec::new(), 0).await.expect("accepted") else {
        panic!("known already")
    };
    *log
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_from_the_queue_just_before_a_crash_hands_on_what_it_depended_on() {
    let house = House::new().await;
    let first = accept(&house, None).await;
    let taken = accept(&house, Some(first.execution_id())).await;
    let last = accept(&house, Some(taken.execution_id())).await;
    // The database does not have the end that the log has.
    let path = format!("executions/running/{}.log", taken.execution_id());
    let end = FinishedEvent {
        outcome: Outcome::Cancelled.into(),
        stop_cause: StopCause::Requested.into(),
        ..FinishedEvent::default()
    };
    let mut log = Vec::new();
    for (sequence, event) in (1..).zip([queued(), Event::Finished(end)]) {
        let event = OutputEvent { sequence, time: Some(fenxi_proto::time::timestamp(1)), event: Some(event) };
        record::write(Some(&event), Some(0), None, &mut log);
    }
    std::fs::write(house.folder.path().join(path), log).expect("written");

    let next = House::over(Arc::clone(&house.folder), &settings()).await;
    let works = next.executions.recover(|_| Fate::Lives).await.expect("recovered");
    let mut logs: HashMap<_, _> = works.into_iter().map(|(_, work)| (work.log.execution_id(), work.log)).collect();
    let again = logs.remove(&first.execution_id()).expect("the first");
    let waits = logs.remove(&last.execution_id()).expect("the last");
    assert_eq!(logs.len(), 0, "what was taken has ended");
    assert_eq!(waits.readiness(), Readiness::Waits);
    again.finish(FinishedEvent { outcome: Outcome::Error.into(), ..FinishedEvent::default() }).await;
    assert_eq!(waits.readiness(), Readiness::Never);
    assert_eq!(accept(&next, Some(taken.execution_id())).await.readiness(), Readiness::Never);
}
