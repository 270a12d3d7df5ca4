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

/// Two services, of which the first has gone; a kernel of its died then. The second has a kernel that runs.
struct Street {
    machine: Machine,
    left: String,
    left_as: u32,
    neighbour: Machine,
    lives: String,
    process: Pid,
}

/// `with_supervisor`: what held the first service's kernels is killed before the second comes.
async fn street(with_supervisor: bool) -> Street {
    let users = users();
    let mut machine = Machine::start_with_settings("plain", users).await;
    let user = machine.user();
    let left = user.kernel().await;
    let process_left = process(&user, &left).await;
    let left_as = runs_as(process_left).expect("it runs");
    machine.signal(Signal::SIGTERM);
    kill(process_left, Signal::SIGKILL).expect("killed");
    if with_supervisor {
        kill(machine.supervisor(), Signal::SIGKILL).expect("killed");
    }
    once(|| runs_as(process_left) != Some(left_as)).await;
    let neighbour = Machine::start_with_settings("plain", users).await;
    let other = neighbour.user();
    let lives = other.kernel().await;
    let process = process(&other, &lives).await;
    assert!(is_known(&machine, &left), "it was not left behind");
    Street { machine, left, left_as, neighbour, lives, process }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_died_while_nobody_looked_takes_no_neighbours_kernel_with_it() {
    let Street { mut machine, left, left_as, neighbour, lives, process: runs } = street(false).await;
    assert_ne!(runs_as(runs), Some(left_as), "what holds a service's kernels holds their users");
    machine.start_again().await;
    // Its end was seen, and what was left of it was ended.
    once(|| !is_known(&machine, &left)).await;
    assert_eq!(process(&neighbour.user(), &lives).await, runs, "a neighbour's kernel was ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn kernels_of_a_neighbour_that_has_gone_are_let_be() {
    let Street { mut machine, left, left_as, mut neighbour, lives, process: runs } = street(true).await;
    assert_eq!(runs_as(runs), Some(left_as), "nobody held these users any more");
    neighbour.signal(Signal::SIGKILL);
    machine.start_again().await;
    once(|| !is_known(&machine, &left)).await;
    neighbour.start_again().await;
    assert_eq!(process(&neighbour.user(), &lives).await, runs, "a neighbour's kernel was ended");
}
