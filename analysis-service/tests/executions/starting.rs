//! Kernels whose start their service does not see to its end, stopped or killed: the next one begins it anew, and what
//! waited for it runs once. What waited for a kernel that is dead never ran, and is told so.

use std::process::Command;

use fenxi_proto::analysis::v1::{
    CreateKernelRequest, DeathCause, KernelState, Outcome, RestartKernelRequest, output_event::Event,
};
use nix::sys::signal::{Signal, kill};
use sqlx::{Connection as _, SqliteConnection};

use crate::{
    house::{assert_dense, end, id, python, soon, texts},
    machine::Machine,
    outliving::until_printed,
};

/// Counts how often it runs in a kernel's folder.
const ONCE: &str = "import os\nwith open('ran', 'a') as file:\n    file.write('x')\nprint(os.path.getsize('ran'))";

async fn is_started_anew(signal: Signal, kernel_start: &'static str) {
    let mut machine = Machine::start_with(kernel_start).await;
    let user = machine.user();
    let request = CreateKernelRequest { request_id: id(), ..CreateKernelRequest::default() };
    machine.hold_starts();
    let kernel = user.create_kernel(request.clone()).await;
    let (first, _) = user.begin(&kernel, ONCE).await;
    let (second, _) = user.begin(&kernel, ONCE).await;
    // Twice, so that the second start is another service's already.
    for _ in 0..2 {
        assert_eq!(machine.user().state(&kernel).await, KernelState::Starting);
        machine.replace(signal).await;
    }
    let user = machine.user();
    assert_eq!(user.state(&kernel).await, KernelState::Starting);
    machine.let_starts_go_on();
    for (execution, expected) in [(first, "1\n"), (second, "2\n")] {
        let events = user.watch(&execution.execution_id, 0).await;
        assert_dense(&events, 0);
        assert_eq!((texts(&events).as_str(), end(&events).outcome()), (expected, Outcome::Ok));
    }
    assert_eq!(user.create_kernel(request).await, kernel, "the same request made another kernel");
    let (_, third) = user.run(&kernel, ONCE).await;
    assert_eq!(texts(&third), "3\n");
    assert_eq!(machine.auth.recorded(3).await.len(), 3, "the history has each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_a_stop_of_the_service_met_is_begun_anew() {
    is_started_anew(Signal::SIGTERM, "plain").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_a_kill_of_the_service_met_is_begun_anew() {
    is_started_anew(Signal::SIGKILL, "plain").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_for_the_fork_server_is_begun_anew() {
    is_started_anew(Signal::SIGKILL, "fork").await;
}

async fn is_restarted_anew(signal: Signal) {
    let mut machine = Machine::start_with("plain").await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let (_, ran) = user.run(&kernel, "x = 1").await;
    assert_eq!(end(&ran).outcome(), Outcome::Ok);
    let (running, mut stream) = user.begin(&kernel, "import time; print('on', flush=True); time.sleep(600)").await;
    until_printed(&mut stream, "on\n").await;
    let (before, _) = user.begin(&kernel, "print('before')").await;
    machine.hold_starts();
    let restart = RestartKernelRequest { kernel_id: kernel.clone(), request_id: id() };
    user.kernels.clone().restart_kernel(restart).await.expect("restarted");
    let (after, _) = user.begin(&kernel, "print('x' in globals())").await;
    // The former process is gone, and the next is on its way.
    let killed = user.watch(&running.execution_id, 0).await;
    assert_eq!(end(&killed).outcome(), Outcome::Killed);
    while user.state(&kernel).await == KernelState::Restarting {
        tokio::task::yield_now().await;
    }
    assert_eq!(user.state(&kernel).await, KernelState::Starting);
    machine.replace(signal).await;
    machine.let_starts_go_on();
    let user = machine.user();
    let fresh = user.watch(&after.execution_id, 0).await;
    assert_eq!((texts(&fresh).as_str(), end(&fresh).outcome()), ("False\n", Outcome::Ok));
    assert_eq!(user.watch(&running.execution_id, 0).await, killed, "an end has changed");
    assert_eq!(end(&user.watch(&before.execution_id, 0).await).outcome(), Outcome::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_a_kill_of_the_service_met_is_begun_anew() {
    is_restarted_anew(Signal::SIGKILL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_a_stop_of_the_service_met_is_begun_anew() {
    is_restarted_anew(Signal::SIGTERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_kernel_that_was_restarted_outlives_a_kill_of_the_service() {
    let mut machine = Machine::start_with("plain").await;
    let user = machine.user();
    let kernel = user.kernel().await;
    user.run(&kernel, "import os; os._exit(1)").await;
    // What ran in it has its end before.
    soon(async { while user.state(&kernel).await != KernelState::Dead {} }).await;
    let restart = RestartKernelRequest { kernel_id: kernel.clone(), request_id: id() };
    user.kernels.clone().restart_kernel(restart).await.expect("restarted");
    user.run(&kernel, "x = 6").await;
    machine.replace(Signal::SIGKILL).await;
    let (_, events) = machine.user().run(&kernel, "print(x * 7)").await;
    assert_eq!(texts(&events), "42\n", "its variables are gone");
}

/// Changes what is written down of kernels, while no service is there.
async fn rewrite(machine: &Machine, change: &'static str) {
    let file = machine.folder.path().join("data/analysis.db");
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("a database");
    let changed = sqlx::query(sqlx::AssertSqlSafe(change)).execute(&mut database).await.expect("changed");
    assert_eq!(changed.rows_affected(), 1);
    database.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_left_before_its_start_was_written_down_is_taken_up_as_started() {
    let mut machine = Machine::start_with("plain").await;
    let user = machine.user();
    let kernel = user.kernel().await;
    user.run(&kernel, "x = 1").await;
    machine.signal(Signal::SIGKILL);
    rewrite(&machine, "UPDATE kernels SET started_generation = 0").await;
    machine.start_again().await;
    let (_, events) = machine.user().run(&kernel, ONCE).await;
    assert_eq!(texts(&events), "1\n");
    // What has run code is started by a person alone.
    let supervisor = machine.supervisor();
    machine.signal(Signal::SIGKILL);
    kill(supervisor, Signal::SIGKILL).expect("killed");
    machine.start_again().await;
    assert_eq!(machine.user().state(&kernel).await, KernelState::Dead);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_no_service_sees_to_its_end_is_not_begun_for_ever() {
    let mut machine = Machine::start_with("plain").await;
    let user = machine.user();
    let kernel = user.kernel().await;
    user.run(&kernel, "1").await;
    let supervisor = machine.supervisor();
    machine.signal(Signal::SIGKILL);
    kill(supervisor, Signal::SIGKILL).expect("killed");
    rewrite(&machine, "UPDATE kernels SET started_generation = 0, start_attempts = 5").await;
    machine.start_again().await;
    let user = machine.user();
    let dead = user.get(&kernel).await;
    assert_eq!((dead.state(), dead.death.expect("why").cause()), (KernelState::Dead, DeathCause::StartFailed));
    let restart = RestartKernelRequest { kernel_id: kernel.clone(), request_id: id() };
    user.kernels.clone().restart_kernel(restart).await.expect("restarted");
    let (_, events) = user.run(&kernel, "print(1)").await;
    assert_eq!(texts(&events), "1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_kernel_that_died_unseen_is_told_that_it_never_ran() {
    let mut machine = Machine::start_with("plain").await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let (running, mut stream) = user.begin(&kernel, "import time; print('on', flush=True); time.sleep(600)").await;
    until_printed(&mut stream, "on\n").await;
    let (waiting, _) = user.begin(&kernel, "print('never')").await;
    let supervisor = machine.supervisor();
    machine.signal(Signal::SIGKILL);
    kill(supervisor, Signal::SIGKILL).expect("killed");
    machine.start_again().await;
    let user = machine.user();
    assert_eq!(user.state(&kernel).await, KernelState::Dead);
    let lost = end(&user.watch(&running.execution_id, 0).await);
    assert_eq!(lost.outcome(), Outcome::Lost);
    assert_eq!(lost.death.expect("a reason").cause(), DeathCause::Lost);
    let waited = user.watch(&waiting.execution_id, 0).await;
    let end = end(&waited);
    assert_eq!(end.outcome(), Outcome::Cancelled);
    assert_eq!(end.death.expect("a reason").cause(), DeathCause::Lost);
    assert!(!waited.iter().any(|event| matches!(event.event, Some(Event::Started(_)))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_does_not_take_the_kernels_of_another() {
    let machine = Machine::start_with("plain").await;
    let user = machine.user();
    let kernel = user.kernel().await;
    user.run(&kernel, "x = 7").await;
    let other = tempfile::tempdir_in("/tmp").expect("a folder");
    let mut second = Command::new("timeout");
    // Not for ever, if it is let in.
    second.args(["30", env!("CARGO_BIN_EXE_analysis-service"), "--listen", "127.0.0.1:0", "--kernel-start", "plain"]);
    second.args(["--auth-url", &machine.auth.url, "--data-dir"]).arg(other.path().join("data"));
    second.arg("--kernel-run-dir").arg(machine.folder.path().join("data/run")).arg("--python").arg(python());
    let refused = tokio::task::spawn_blocking(move || second.output()).await.expect("no panic").expect("started");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("data/run is in use by another"), "{said}");
    let (_, ran) = user.run(&kernel, "print(x)").await;
    assert_eq!(texts(&ran), "7\n");
}
