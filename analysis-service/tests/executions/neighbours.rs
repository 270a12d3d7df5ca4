//! Two services on one machine: what one of them left behind is nothing to the other.

use std::{os::unix::fs::MetadataExt as _, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    house::{User, soon, texts},
    machine::Machine,
};

/// Users of this run alone, so that both services have the same ones to choose from, and no others are there still.
fn users() -> &'static [&'static str] {
    let first = 1_950_000_000 + std::process::id() % 2_000 * 20_000;
    vec!["--kernel-uid-first", first.to_string().leak()].leak()
}

/// The process of a kernel, as the machine numbers it.
async fn process(user: &User, kernel: &str) -> Pid {
    let (_, ran) = user.run(kernel, "import os; print(os.getpid())").await;
    Pid::from_raw(texts(&ran).trim().parse().expect("a pid"))
}

/// As which user it runs, if it does.
fn runs_as(process: Pid) -> Option<u32> {
    std::fs::metadata(format!("/proc/{process}")).ok().map(|found| found.uid())
}

/// Whether a service has what was written down of a kernel's process.
fn is_known(machine: &Machine, kernel: &str) -> bool {
    let places = std::fs::read_dir(machine.folder.path().join("data/run")).expect("there").flatten();
    let mut records = places.filter_map(|place| std::fs::read_to_string(place.path().join("process.json")).ok());
    records.any(|record| record.contains(kernel))
}

async fn once(mut condition: impl FnMut() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_died_while_nobody_looked_takes_no_neighbours_kernel_with_it() {
    let users = users();
    let mut machine = Machine::start_with_settings("plain", users).await;
    let user = machine.user();
    let left = user.kernel().await;
    let process_left = process(&user, &left).await;
    let as_whom = runs_as(process_left).expect("it runs");
    machine.signal(Signal::SIGTERM);
    kill(process_left, Signal::SIGKILL).expect("killed");
    once(|| runs_as(process_left) != Some(as_whom)).await;
    let neighbour = Machine::start_with_settings("plain", users).await;
    let other = neighbour.user();
    let lives = other.kernel().await;
    let process_that_lives = process(&other, &lives).await;
    assert_eq!(runs_as(process_that_lives), Some(as_whom), "nothing ran as these users any more");
    assert!(is_known(&machine, &left), "it was not left behind");
    machine.start_again().await;
    // Its end was seen, and what was left of it was ended.
    once(|| !is_known(&machine, &left)).await;
    assert_eq!(process(&other, &lives).await, process_that_lives, "a neighbour's kernel was ended");
}
