//! Kernels that outlive their service, stopped or killed: taken up by the next one with what runs in them, what waits for
//! them and what was said meanwhile.

use std::time::Duration;

use fenxi_chassis::clock::Clock;
use fenxi_proto::{
    analysis::v1::{
        CancelExecutionRequest, DeathCause, ExecuteResponse, GetKernelRequest, KernelState, Outcome, OutputEvent,
        ReplyInputRequest, RestartKernelRequest, WatchKernelRequest, output_event::Event,
    },
    error::{ErrorReason, reason_of},
    time::unix_micros,
};
use nix::sys::signal::{Signal, kill};
use tonic::Streaming;
use tonic_types::StatusExt as _;

use crate::{
    house::{User, assert_dense, end, id, next, soon, texts},
    machine::Machine,
};

/// Reads until the text was printed.
pub(crate) async fn until_printed(stream: &mut Streaming<ExecuteResponse>, text: &str) -> Vec<OutputEvent> {
    let mut events = Vec::new();
    while !texts(&events).contains(text) {
        events.push(next(stream).await);
    }
    events
}

fn counting(lines: u32) -> (String, String) {
    let code =
        format!("import time\nx = 7\nfor i in range({lines}):\n    print('line', i, flush=True)\n    time.sleep(0.01)");
    (code, (0..lines).map(|line| format!("line {line}\n")).collect())
}

/// How new what is told of a kernel is.
async fn revision(user: &User, kernel_id: &str) -> i64 {
    let request = GetKernelRequest { kernel_id: kernel_id.to_owned() };
    user.kernels.clone().get_kernel(request).await.expect("a kernel").into_inner().kernel.expect("a kernel").revision
}

async fn outlives(signal: Signal, kernel_start: &'static str, kernel_spec: &str) {
    let mut machine = Machine::start_with(kernel_start).await;
    let user = machine.user();
    let kernel = user.kernel_of(kernel_spec).await;
    let (code, expected) = counting(400);
    let (running, mut stream) = user.begin(&kernel, &code).await;
    let (waiting, _) = user.begin(&kernel, "print(x * 6)").await;
    let before = until_printed(&mut stream, "line 20\n").await;
    let told = revision(&user, &kernel).await;
    machine.replace(signal).await;
    let user = machine.user();
    assert!(revision(&user, &kernel).await > told, "what the next service tells is taken for older");
    let all = user.watch(&running.execution_id, 0).await;
    assert_dense(&all, 0);
    assert_eq!(texts(&all), expected, "lines are lost, doubled or out of order");
    assert_eq!(all[..before.len()], before, "what was seen has changed");
    assert_eq!(end(&all).outcome(), Outcome::Ok);
    let second = user.watch(&waiting.execution_id, 0).await;
    assert_eq!((texts(&second).as_str(), end(&second).outcome()), ("42\n", Outcome::Ok));
    // The kernel is the same, and goes on like any other.
    let (_, third) = user.run(&kernel, "print(x)").await;
    assert_eq!(texts(&third), "7\n");
    assert_eq!(machine.auth.recorded(3).await.len(), 3, "the history has each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_a_kernel_that_outlives_its_service_is_told_to_come_again() {
    let mut machine = Machine::start().await;
    let user = machine.user();
    let kernel_id = user.kernel().await;
    user.run(&kernel_id, "1+1").await;
    let request = WatchKernelRequest { kernel_id };
    let mut watch = user.kernels.clone().watch_kernel(request).await.expect("watched").into_inner();
    let first = soon(watch.message()).await.expect("told").and_then(|message| message.kernel);
    let first = first.expect("the kernel as it stands");
    assert_ne!(first.state(), KernelState::Dead, "before any stop: {first:?}");
    machine.signal(Signal::SIGTERM);
    let told = loop {
        match soon(watch.message()).await {
            Ok(Some(message)) => assert!(message.kernel.is_none_or(|kernel| kernel.state() != KernelState::Dead)),
            Ok(None) => panic!("it ended as if the kernel were dead"),
            Err(status) => break status,
        }
    };
    assert_eq!(reason_of(&told), Some(ErrorReason::Unavailable), "{told}");
    assert!(told.get_details_retry_info().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_cell_goes_on_through_a_stop_of_the_service() {
    outlives(Signal::SIGTERM, "plain", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_cell_goes_on_through_a_kill_of_the_service() {
    outlives(Signal::SIGKILL, "plain", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_kernel_outlives_its_service_and_its_fork_server() {
    outlives(Signal::SIGKILL, "fork", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_of_another_kind_outlives_its_service() {
    outlives(Signal::SIGKILL, "plain", "stock").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_is_killed_under_again_and_again_and_its_log_has_no_gap() {
    let mut machine = Machine::start().await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let (code, expected) = counting(600);
    let (running, mut stream) = user.begin(&kernel, &code).await;
    until_printed(&mut stream, "line 3\n").await;
    for _ in 0..3 {
        machine.replace(Signal::SIGKILL).await;
    }
    let all = machine.user().watch(&running.execution_id, 0).await;
    assert_dense(&all, 0);
    assert_eq!(texts(&all), expected, "lines are lost, doubled or out of order");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_while_nobody_looked_has_its_true_end() {
    let mut machine = Machine::start().await;
    let user = machine.user();
    let (one, two) = (user.kernel().await, user.kernel().await);
    let wait = "import time\nprint('on', flush=True)\ntime.sleep(1)\n";
    let (ends, mut first) = user.begin(&one, &format!("{wait}1 + 1")).await;
    let (dies, mut second) =
        user.begin(&two, &format!("{wait}import os; print('last', flush=True); time.sleep(0.3); os._exit(9)")).await;
    until_printed(&mut first, "on\n").await;
    until_printed(&mut second, "on\n").await;
    machine.signal(Signal::SIGKILL);
    // Longer than both take.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let back = Clock::system().now_micros();
    machine.start_again().await;
    let user = machine.user();
    let ended = user.watch(&ends.execution_id, 0).await;
    assert_eq!(end(&ended).outcome(), Outcome::Ok);
    let last = ended.last().and_then(|event| event.time).expect("a time");
    assert!(unix_micros(&last) < back, "it has the time at which it was heard: {ended:?}");
    assert!(ended.iter().any(|event| matches!(event.event, Some(Event::Result(_)))), "{ended:?}");
    let died = user.watch(&dies.execution_id, 0).await;
    assert!(texts(&died).ends_with("last\n"), "{died:?}");
    let end = end(&died);
    let death = end.death.clone().expect("a death");
    assert_eq!((end.outcome(), death.cause(), death.exit_code), (Outcome::Killed, DeathCause::Exit, 9));
}

#[tokio::test(flavor = "multi_thread")]
async fn much_that_was_said_before_a_death_that_nobody_saw_is_kept() {
    let mut machine = Machine::start().await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let code = "import os, time\nprint('on', flush=True)\ntime.sleep(1)\nfor i in range(20_000):\n    print('line', i, flush=i % 100 == 0)\n\
                print(end='', flush=True)\ntime.sleep(0.5)\nos._exit(9)";
    let (dies, mut stream) = user.begin(&kernel, code).await;
    until_printed(&mut stream, "on\n").await;
    machine.signal(Signal::SIGKILL);
    tokio::time::sleep(Duration::from_secs(4)).await;
    machine.start_again().await;
    let all = machine.user().watch(&dies.execution_id, 0).await;
    let expected: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
    assert_eq!(texts(&all), format!("on\n{expected}"), "lines are lost, doubled or out of order");
    assert_eq!(end(&all).death.clone().expect("a death").exit_code, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_outlives_the_service_that_sent_it() {
    let mut machine = Machine::start().await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let code = "import time\nprint('on', flush=True)\ntry:\n    time.sleep(60)\nfinally:\n    time.sleep(3)";
    let (interrupted, mut stream) = user.begin(&kernel, code).await;
    let (waiting, _) = user.begin(&kernel, "print('after')").await;
    until_printed(&mut stream, "on\n").await;
    let cancel = CancelExecutionRequest { execution_id: interrupted.execution_id.clone(), request_id: id() };
    user.executions.clone().cancel_execution(cancel).await.expect("asked");
    while !matches!(next(&mut stream).await.event, Some(Event::Notice(_))) {}
    machine.replace(Signal::SIGKILL).await;
    let user = machine.user();
    assert_eq!(end(&user.watch(&interrupted.execution_id, 0).await).outcome(), Outcome::Interrupted);
    let after = user.watch(&waiting.execution_id, 0).await;
    assert_eq!((texts(&after).as_str(), end(&after).outcome()), ("after\n", Outcome::Ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_to_the_next_service() {
    let mut machine = Machine::start().await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let (asks, mut stream) = user.begin(&kernel, "print('hello ' + input('who? '))").await;
    let input_id = loop {
        if let Some(Event::InputRequest(asked)) = next(&mut stream).await.event {
            break asked.input_id;
        }
    };
    machine.replace(Signal::SIGKILL).await;
    let user = machine.user();
    let answer =
        ReplyInputRequest { execution_id: asks.execution_id.clone(), input_id, value: "you".into(), request_id: id() };
    user.executions.clone().reply_input(answer).await.expect("taken");
    let all = user.watch(&asks.execution_id, 0).await;
    assert_dense(&all, 0);
    assert_eq!(texts(&all), "hello you\n");
    let asked = all.iter().filter(|event| matches!(event.event, Some(Event::InputRequest(_)))).count();
    assert_eq!(asked, 1, "the question was asked twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_supervisor_dies_what_runs_is_lost_and_a_restart_helps() {
    let machine = Machine::start().await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let (execution, mut stream) = user.begin(&kernel, "import time; print('on', flush=True); time.sleep(600)").await;
    until_printed(&mut stream, "on\n").await;
    kill(machine.supervisor(), Signal::SIGKILL).expect("killed");
    let all = user.watch(&execution.execution_id, 0).await;
    assert_eq!(end(&all).outcome(), Outcome::Lost);
    let request_id = id();
    let restart = RestartKernelRequest { kernel_id: kernel.clone(), request_id };
    let kernel_now = user.kernels.clone().restart_kernel(restart).await.expect("restarted").into_inner().kernel;
    assert_ne!(kernel_now.expect("a kernel").state(), KernelState::Dead);
    let (_, ran) = user.run(&kernel, "print(1)").await;
    assert_eq!(texts(&ran), "1\n");
}

/// Code that writes down this line each time that it runs.
pub(crate) fn line(line: &str) -> String {
    format!("open('ran', 'a').write('{line}\\n')")
}

/// The lines that a kernel's cells wrote down.
pub(crate) fn lines(machine: &Machine, kernel: &str) -> String {
    let path = machine.folder.path().join("data/work").join(kernel).join("ran");
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Runs code whose log is too long to grow on a disk that [`Machine::fill_disk`] filled. It goes on once that is so.
pub(crate) async fn long_cell(machine: &Machine, kernel: &str) -> String {
    let code = format!(
        "import os, time\nfor i in range(300): print('x' * 9_999)\nprint('written', flush=True)\n\
         while not os.path.exists('go'): time.sleep(0.01)\n{}",
        line("first")
    );
    let (running, mut stream) = machine.user().begin(kernel, &code).await;
    until_printed(&mut stream, "written\n").await;
    machine.fill_disk();
    running.execution_id
}

/// Lets it go on.
pub(crate) fn go(machine: &Machine, kernel: &str) {
    std::fs::write(machine.folder.path().join("data/work").join(kernel).join("go"), "").expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn code_whose_end_the_disk_did_not_take_is_not_run_again() {
    let mut machine = Machine::start().await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let first = long_cell(&machine, &kernel).await;
    let (second, _) = user.begin(&kernel, &line("second")).await;
    go(&machine, &kernel);
    // Longer than any end is waited for.
    tokio::time::sleep(Duration::from_secs(4)).await;
    machine.replace(Signal::SIGKILL).await;
    let user = machine.user();
    assert_eq!(end(&user.watch(&first, 0).await).outcome(), Outcome::Ok);
    assert_eq!(end(&user.watch(&second.execution_id, 0).await).outcome(), Outcome::Ok);
    // Behind whatever was sent.
    user.run(&kernel, "print('after')").await;
    assert_eq!(lines(&machine, &kernel), "first\nsecond\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_is_restarted_once_the_disk_takes_the_end_of_what_ran() {
    let machine = Machine::start().await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let first = long_cell(&machine, &kernel).await;
    let restart = RestartKernelRequest { kernel_id: kernel.clone(), request_id: id() };
    user.kernels.clone().restart_kernel(restart).await.expect("asked");
    // Longer than any end is waited for.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(user.state(&kernel).await, KernelState::Restarting, "another process could run it again");
    machine.free_disk();
    assert_eq!(end(&user.watch(&first, 0).await).outcome(), Outcome::Killed);
    let (_, after) = user.run(&kernel, "print('after')").await;
    assert_eq!((texts(&after).as_str(), lines(&machine, &kernel).as_str()), ("after\n", ""));
}
