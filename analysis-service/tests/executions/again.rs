//! Cancels and inputs that are repeated to the next service: answered as the first was, and done once.

use fenxi_proto::{
    analysis::v1::{
        CancelExecutionRequest, Execution, ExecutionState, NoticeKind, Outcome, OutputEvent, ReplyInputRequest,
        WatchExecutionRequest, output_event::Event,
    },
    error::{ErrorReason, reason_of},
};
use nix::sys::signal::Signal;
use tonic::Status;

use crate::{
    house::{User, assert_dense, end, id, next, soon, texts},
    machine::Machine,
    outliving::{go, long_cell, until_printed},
};

async fn cancel(user: &User, execution_id: &str, request_id: &str) -> Result<Execution, Status> {
    let request = CancelExecutionRequest { execution_id: execution_id.into(), request_id: request_id.into() };
    let answer = soon(user.executions.clone().cancel_execution(request)).await?;
    Ok(answer.into_inner().execution.expect("an execution"))
}

async fn reply(user: &User, execution_id: &str, input_id: &str, value: &str, request_id: &str) -> Result<(), Status> {
    let request = ReplyInputRequest {
        execution_id: execution_id.into(),
        input_id: input_id.into(),
        value: value.into(),
        request_id: request_id.into(),
    };
    soon(user.executions.clone().reply_input(request)).await.map(drop)
}

fn reused<T: std::fmt::Debug>(answer: Result<T, Status>) {
    assert_eq!(reason_of(&answer.expect_err("refused")), Some(ErrorReason::RequestIdReused));
}

/// How often it was interrupted for a person; a kernel that is slow to heed that is interrupted again by itself.
pub(crate) fn interrupts(events: &[OutputEvent]) -> usize {
    let sent = |event: &&OutputEvent| matches!(&event.event, Some(Event::Notice(told)) if told.kind() == NoticeKind::InterruptSent);
    events.iter().filter(sent).count()
}

/// Code that goes on when it is interrupted, wherever that meets it, until `go` is there.
const HEEDS_LATE: &str = "
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print('on', flush=True)
while not os.path.exists('go'): time.sleep(0.01)";

async fn cancels_are_done_once(signal: Signal) {
    let mut machine = Machine::start_with("plain").await;
    let user = machine.user();
    let (kernel, other) = (user.kernel().await, user.kernel().await);
    let (running, mut stream) = user.begin(&kernel, HEEDS_LATE).await;
    let (waiting, _) = user.begin(&kernel, "print('never')").await;
    until_printed(&mut stream, "on\n").await;
    let (of_waiting, first, second) = (id(), id(), id());
    assert_eq!(
        cancel(&user, &waiting.execution_id, &of_waiting).await.expect("taken").state(),
        ExecutionState::Finished
    );
    cancel(&user, &running.execution_id, &first).await.expect("interrupted");
    cancel(&user, &running.execution_id, &second).await.expect("it is being interrupted");
    machine.replace(signal).await;

    let user = machine.user();
    let again = cancel(&user, &waiting.execution_id, &of_waiting).await.expect("as before");
    assert_eq!(again.outcome(), Outcome::Cancelled);
    let go = machine.folder.path().join("data/work").join(&kernel).join("go");
    std::fs::write(go, "").expect("written");
    let ended = user.watch(&running.execution_id, 0).await;
    assert_dense(&ended, 0);
    // What has ended was cancelled twice, and nothing that runs now is touched.
    let (next_one, mut stream) = user.begin(&kernel, "import time\nprint('next', flush=True)\ntime.sleep(600)").await;
    until_printed(&mut stream, "next\n").await;
    for request_id in [&first, &second] {
        let again = cancel(&user, &running.execution_id, request_id).await.expect("as before");
        assert_eq!(again.state(), ExecutionState::Finished);
    }
    let late = cancel(&user, &running.execution_id, &id()).await.expect_err("refused");
    assert_eq!(reason_of(&late), Some(ErrorReason::ExecutionEnded));
    for request_id in [&of_waiting, &first, &second] {
        reused(cancel(&user, &next_one.execution_id, request_id).await);
        reused(reply(&user, &running.execution_id, "input", "x", request_id).await);
    }
    cancel(&user, &next_one.execution_id, &id()).await.expect("interrupted");
    let interrupted = user.watch(&next_one.execution_id, 0).await;
    assert_eq!((end(&interrupted).outcome(), interrupts(&interrupted)), (Outcome::Interrupted, 1));
    let (_, ran) = user.run(&other, "print(1)").await;
    assert_eq!(texts(&ran), "1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_done_once_though_the_service_is_stopped() {
    cancels_are_done_once(Signal::SIGTERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_done_once_though_the_service_is_killed() {
    cancels_are_done_once(Signal::SIGKILL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_does_not_take_is_not_said_to_be_known() {
    let machine = Machine::start_with("plain").await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let execution_id = long_cell(&machine, &kernel).await;
    let request_id = id();
    for _ in 0..2 {
        let refused = cancel(&user, &execution_id, &request_id).await.expect_err("nobody would know of it");
        assert_eq!(reason_of(&refused), Some(ErrorReason::Unavailable));
    }
    machine.free_disk();
    let all = user.watch(&execution_id, 0).await;
    assert_eq!((end(&all).outcome(), interrupts(&all)), (Outcome::Interrupted, 1));
    cancel(&user, &execution_id, &request_id).await.expect("it was done");
}

async fn asked(stream: &mut tonic::Streaming<fenxi_proto::analysis::v1::ExecuteResponse>) -> String {
    loop {
        if let Some(Event::InputRequest(asked)) = next(stream).await.event {
            return asked.input_id;
        }
    }
}

/// The question that comes after this one.
async fn second_question(user: &User, execution_id: &str, first: &str) -> String {
    let request = WatchExecutionRequest { execution_id: execution_id.into(), after_sequence: 0 };
    let mut stream = user.executions.clone().watch_execution(request).await.expect("watched").into_inner();
    loop {
        let response = soon(stream.message()).await.expect("a stream").expect("it goes on");
        if let Some(Event::InputRequest(asked)) = response.event.and_then(|event| event.event)
            && asked.input_id != first
        {
            return asked.input_id;
        }
    }
}

async fn inputs_are_given_once(signal: Signal) {
    let mut machine = Machine::start_with("plain").await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let (asks, mut stream) = user.begin(&kernel, "a, b = input('1'), input('2')\nprint(a, b)").await;
    let execution_id = asks.execution_id.as_str();
    let (first, second) = (id(), id());
    let one = asked(&mut stream).await;
    reply(&user, execution_id, &one, "one", &first).await.expect("taken");
    let two = asked(&mut stream).await;
    machine.replace(signal).await;

    let user = machine.user();
    reply(&user, execution_id, &one, "one", &first).await.expect("as before");
    reused(reply(&user, execution_id, &one, "1", &first).await);
    reused(reply(&user, execution_id, &two, "one", &first).await);
    reused(cancel(&user, execution_id, &first).await);
    reply(&user, execution_id, &two, "two", &second).await.expect("taken");
    machine.replace(signal).await;

    let user = machine.user();
    reply(&user, execution_id, &two, "two", &second).await.expect("as before");
    let all = user.watch(execution_id, 0).await;
    assert_dense(&all, 0);
    assert_eq!(texts(&all), "one two\n");
    let given = all.iter().filter(|event| matches!(event.event, Some(Event::InputReply(_)))).count();
    assert_eq!(given, 2, "an input was given twice");
    machine.auth.recorded(1).await;
    reply(&user, execution_id, &one, "one", &first).await.expect("as before, after the end");
    reused(reply(&user, execution_id, &one, "two", &first).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_was_handed_over_and_not_written_down_is_not_given_again() {
    let mut machine = Machine::start_with("plain").await;
    let user = machine.user();
    let kernel = user.kernel().await;
    // Its log is too long to grow on a full disk.
    let code = "import os, time\nfor i in range(300): print('x' * 9_999)\nprint('written', flush=True)\n\
                while not os.path.exists('go'): time.sleep(0.01)\na, b = input('1'), input('2')\nprint(a, b)";
    let (asks, mut stream) = user.begin(&kernel, code).await;
    let execution_id = asks.execution_id.as_str();
    until_printed(&mut stream, "written\n").await;
    go(&machine, &kernel);
    let one = asked(&mut stream).await;
    machine.fill_disk();
    let (first, second) = (id(), id());
    let refused = reply(&user, execution_id, &one, "one", &first).await.expect_err("nobody would know of it");
    assert_eq!(reason_of(&refused), Some(ErrorReason::Unavailable));
    machine.replace(Signal::SIGKILL).await;

    let user = machine.user();
    reply(&user, execution_id, &one, "one", &first).await.expect("as before");
    let two = second_question(&user, execution_id, &one).await;
    reply(&user, execution_id, &two, "two", &second).await.expect("taken");
    let all = user.watch(execution_id, 0).await;
    assert_dense(&all, 0);
    assert!(texts(&all).ends_with("\none two\n"), "an input was given twice");
    let given = all.iter().filter(|event| matches!(event.event, Some(Event::InputReply(_)))).count();
    assert_eq!(given, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_is_given_once_though_the_service_is_stopped() {
    inputs_are_given_once(Signal::SIGTERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_is_given_once_though_the_service_is_killed() {
    inputs_are_given_once(Signal::SIGKILL).await;
}
