//! What depends on another begins when that has ended as it had to, and never otherwise.

use analysis_service::{
    executions::{Condition, Dependency, LogReader, NewExecution},
    kernels::KernelHandle,
};
use fenxi_proto::analysis::v1::{DeathCause, Outcome, StopCause, output_event::Event};
use uuid::Uuid;

use crate::house::{House, Ran, UNTIL_GO, USER, soon, until_printed};

async fn send_after(house: &House, kernel: &KernelHandle, on: Uuid, condition: Condition) -> (Uuid, LogReader) {
    let depends_on = Some(Dependency { execution_id: on, condition });
    house.send_new(kernel, NewExecution { depends_on, ..House::new_execution(kernel, "1 + 1") }).await
}

/// The log of one that goes on with the queue when it fails.
async fn send_failing(house: &House, kernel: &KernelHandle) -> (Uuid, LogReader) {
    let code = format!("print('on', flush=True)\n{UNTIL_GO}1/0");
    let (id, mut log) = house.send_with(kernel, &code, None, true).await;
    until_printed(&mut log, "on").await;
    (id, log)
}

/// How it ended, why, and whether it had begun.
async fn ended(log: LogReader) -> (Outcome, StopCause, bool) {
    let ran = Ran::read(log).await;
    let began = ran.events.iter().any(|event| matches!(event, Event::Started(_)));
    (ran.outcome(), ran.end.stop_cause(), began)
}

const OK: (Outcome, StopCause, bool) = (Outcome::Ok, StopCause::Unspecified, true);
const NEVER: (Outcome, StopCause, bool) = (Outcome::Cancelled, StopCause::Dependency, false);

#[tokio::test]
async fn nothing_of_a_row_runs_behind_the_first_that_fails() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let (first, failing) = send_failing(&house, &kernel).await;
    let (mut last, mut logs) = (first, Vec::new());
    for _ in 0..30 {
        let (id, log) = send_after(&house, &kernel, last, Condition::NotFailed).await;
        (last, logs) = (id, logs.into_iter().chain([log]).collect());
    }
    let (_, alone) = house.send(&kernel, "1 + 1").await;
    house.go(&kernel).await;
    assert_eq!(Ran::read(failing).await.outcome(), Outcome::Error);
    for log in logs {
        assert_eq!(ended(log).await, NEVER);
    }
    assert_eq!(ended(alone).await, OK, "it depends on none");
    // However late it comes, and though something else runs.
    let (running, mut log) = house.send(&kernel, "print('on', flush=True)\nimport time; time.sleep(600)").await;
    until_printed(&mut log, "on").await;
    for on in [first, last] {
        assert_eq!(ended(send_after(&house, &kernel, on, Condition::NotFailed).await.1).await, NEVER);
    }
    assert!(soon(kernel.cancel(running, None)).await);
    assert_eq!(ended(log).await, (Outcome::Interrupted, StopCause::Requested, false), "the begin was read above");
}

#[tokio::test]
async fn a_row_in_which_all_is_well_runs_in_order() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let (mut last, mut log) = house.send(&kernel, "1").await;
    for _ in 0..10 {
        let (id, next) = send_after(&house, &kernel, last, Condition::Succeeded).await;
        assert_eq!(ended(std::mem::replace(&mut log, next)).await, OK);
        last = id;
    }
    assert_eq!(ended(log).await, OK);
}

#[tokio::test]
async fn what_a_person_stops_fails_for_some_and_not_for_others() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    for (condition, expected) in [(Condition::Succeeded, NEVER), (Condition::NotFailed, OK)] {
        let (running, mut log) = house.send(&kernel, "print('on', flush=True)\nimport time; time.sleep(600)").await;
        until_printed(&mut log, "on").await;
        let (_, behind) = send_after(&house, &kernel, running, condition).await;
        assert!(soon(kernel.cancel(running, None)).await);
        assert_eq!(ended(behind).await, expected);
        assert_eq!(Ran::read(log).await.outcome(), Outcome::Interrupted);
    }
}

#[tokio::test]
async fn what_is_taken_from_the_queue_hands_on_what_it_waited_for() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let (first, failing) = send_failing(&house, &kernel).await;
    let (middle, taken) = send_after(&house, &kernel, first, Condition::Succeeded).await;
    let (_, strict) = send_after(&house, &kernel, middle, Condition::Succeeded).await;
    let (_, before) = send_after(&house, &kernel, middle, Condition::NotFailed).await;
    assert!(soon(kernel.cancel(middle, None)).await);
    assert_eq!(ended(taken).await, (Outcome::Cancelled, StopCause::Requested, false));
    assert_eq!(ended(strict).await, NEVER, "at once");
    let (_, after) = send_after(&house, &kernel, middle, Condition::NotFailed).await;
    assert_eq!(kernel.snapshot().running_execution_id, Some(first));
    house.go(&kernel).await;
    assert_eq!(Ran::read(failing).await.outcome(), Outcome::Error);
    assert_eq!((ended(before).await, ended(after).await), (NEVER, NEVER));
    let (_, alone) = send_after(&house, &kernel, middle, Condition::NotFailed).await;
    assert_eq!(ended(alone).await, NEVER, "what it waited for has failed");
}

#[tokio::test]
async fn a_cleared_queue_and_a_restart_end_what_comes_late() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let sleeps = "print('on', flush=True)\nimport time; time.sleep(600)";
    let (running, mut log) = house.send(&kernel, sleeps).await;
    until_printed(&mut log, "on").await;
    let (waiting, waits) = send_after(&house, &kernel, running, Condition::NotFailed).await;
    soon(house.registry.interrupt(USER, kernel.kernel_id(), None, true)).await.expect("interrupted");
    assert_eq!(ended(waits).await, (Outcome::Cancelled, StopCause::QueueCleared, false));
    assert_eq!(ended(send_after(&house, &kernel, waiting, Condition::NotFailed).await.1).await, NEVER);
    Ran::read(log).await;

    let (running, mut log) = house.send(&kernel, sleeps).await;
    until_printed(&mut log, "on").await;
    let (_, waits) = send_after(&house, &kernel, running, Condition::NotFailed).await;
    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    let late = send_after(&house, &kernel, running, Condition::NotFailed).await.1;
    assert_eq!(ended(waits).await, (Outcome::Cancelled, StopCause::Kernel, false));
    let killed = Ran::read(log).await;
    assert_eq!(killed.end.death.map(|death| death.cause()), Some(DeathCause::Restarted));
    assert_eq!(ended(late).await, NEVER);
    assert_eq!(house.run(&kernel, "1 + 1").await.result(), "2");
}
