//! An execution that the next service takes up ends as one that no other had: with its processor time, and with all that
//! its code had printed.

use std::time::Duration;

use fenxi_proto::analysis::v1::{DeathCause, Outcome};
use nix::sys::signal::Signal;

use crate::{
    house::{assert_dense, end, texts},
    machine::Machine,
    outliving::{go, until_printed},
};

const WAITS: &str = "while not os.path.exists('go'): time.sleep(0.01)\n";

/// Code that uses the processor for so many seconds.
fn burns(secs: f64) -> String {
    format!("import os, time\nbegun = time.process_time()\nwhile time.process_time() - begun < {secs}: pass\n")
}

fn cpu(end: &fenxi_proto::analysis::v1::FinishedEvent) -> Duration {
    let used = end.cpu_duration.expect("its processor time");
    Duration::try_from(used).expect("a duration")
}

async fn keeps_its_processor_time(kernel_start: &'static str) {
    let mut machine = Machine::start_with(kernel_start).await;
    let user = machine.user();
    let (kernel, dying) = (user.kernel().await, user.kernel().await);
    for kernel in [&kernel, &dying] {
        user.run(kernel, &burns(1.5)).await;
    }
    let half = |then: &str| format!("{0}print('on', flush=True)\n{WAITS}{0}{then}", burns(0.3));
    let (ends, mut one) = user.begin(&kernel, &half("")).await;
    let (dies, mut two) = user.begin(&dying, &half("os._exit(9)")).await;
    until_printed(&mut one, "on\n").await;
    until_printed(&mut two, "on\n").await;
    machine.signal(Signal::SIGKILL);
    // One comes to its end while no service is there.
    go(&machine, &dying);
    machine.start_again().await;
    go(&machine, &kernel);
    let user = machine.user();
    for (execution, outcome) in [(ends, Outcome::Ok), (dies, Outcome::Killed)] {
        let all = user.watch(&execution.execution_id, 0).await;
        let end = end(&all);
        assert_eq!(end.outcome(), outcome);
        let (used, before) = (cpu(&end), Duration::from_millis(1500));
        assert!(used >= Duration::from_millis(580), "{used:?}: what it used under the former service is missing");
        assert!(used < before, "{used:?}: what another used is counted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_up_has_its_processor_time() {
    keeps_its_processor_time("plain").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_up_has_its_processor_time_where_kernels_are_forked() {
    keeps_its_processor_time("fork").await;
}

/// Prints so much that a part of it need not be kept by the supervisor, goes on under the next service, and dies with its
/// last words unsent.
async fn says_its_last_words(signal: Signal) {
    let mut machine = Machine::start().await;
    let user = machine.user();
    let kernel = user.kernel().await;
    // Of another execution, which counts for nothing.
    user.run(&kernel, "print('x' * 1000)").await;
    let code = format!(
        "import os, sys, time\nfor i in range(700): print('line', i, flush=True)\nprint('on', flush=True)\n{WAITS}\
         print('of the next', flush=True)\ntime.sleep(0.3)\nprint('last words')\nprint('e', end='', file=sys.stderr)\n\
         os._exit(9)"
    );
    let (dies, mut stream) = user.begin(&kernel, &code).await;
    until_printed(&mut stream, "on\n").await;
    machine.replace(signal).await;
    go(&machine, &kernel);
    let all = machine.user().watch(&dies.execution_id, 0).await;
    assert_dense(&all, 0);
    let lines: String = (0..700).map(|line| format!("line {line}\n")).collect();
    assert_eq!(texts(&all), format!("{lines}on\nof the next\nlast words\ne"), "text is lost, doubled or out of order");
    let end = end(&all);
    assert_eq!((end.outcome(), end.death.expect("a death").cause()), (Outcome::Killed, DeathCause::Exit));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_words_of_what_is_taken_up_after_a_kill_are_kept() {
    says_its_last_words(Signal::SIGKILL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_words_of_what_is_taken_up_after_a_stop_are_kept() {
    says_its_last_words(Signal::SIGTERM).await;
}
