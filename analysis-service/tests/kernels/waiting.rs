//! What waits says where: executions in a kernel, and kernels for their turn to start.

use std::time::Duration;

use analysis_service::kernels::model::Settings;
use fenxi_proto::analysis::v1::{KernelState, Outcome};

use crate::house::{House, Ran, USER, fork_light_kernels, settings, soon, until_kernel, until_printed, until_state};

#[tokio::test]
async fn places_move_up_when_one_before_is_cancelled() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let (_, mut running) = house.send(&kernel, "print('on', flush=True)\nimport time; time.sleep(600)").await;
    until_printed(&mut running, "on").await;
    let (first, first_log) = house.send(&kernel, "1").await;
    let (second, second_log) = house.send(&kernel, "2").await;
    let (third, third_log) = house.send(&kernel, "3").await;
    let waits = until_kernel(&kernel, |kernel| kernel.waiting.len() == 3).await;
    let places: Vec<_> = waits.waiting.iter().map(|place| (place.execution_id, place.position)).collect();
    assert_eq!(places, [(first, 1), (second, 2), (third, 3)]);
    assert!(soon(kernel.cancel(second, None)).await);
    let waits = until_kernel(&kernel, |kernel| kernel.waiting.len() == 2).await;
    assert_eq!((waits.place_of(second), waits.place_of(third).map(|place| place.position)), (None, Some(2)));
    assert_eq!(Ran::read(second_log).await.outcome(), Outcome::Cancelled);
    soon(house.registry.interrupt(USER, kernel.kernel_id(), None, true)).await.expect("interrupted");
    for log in [first_log, third_log] {
        assert_eq!(Ran::read(log).await.outcome(), Outcome::Cancelled);
    }
    assert_eq!(Ran::read(running).await.outcome(), Outcome::Interrupted);
    assert!(kernel.snapshot().waiting.is_empty());
}

#[tokio::test]
async fn a_wait_is_told_where_what_is_before_ran_before() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let known = "import time; time.sleep(5)";
    house.printed(&kernel, known).await;
    let (_, running) = house.send(&kernel, known).await;
    house.send(&kernel, "print('new')").await;
    house.send(&kernel, known).await;
    let waits = until_kernel(&kernel, |kernel| kernel.waiting.len() == 2).await;
    let start_time = waits.waiting[0].start_time.expect("what runs ran before");
    assert!(start_time > house.clock.now_micros());
    assert_eq!(waits.waiting[1].start_time, None, "nobody knows how long new code runs");
    soon(house.registry.interrupt(USER, kernel.kernel_id(), None, true)).await.expect("interrupted");
    Ran::read(running).await;
}

#[tokio::test]
async fn a_kernel_says_its_place_among_those_that_wait_to_be_started() {
    let (house, tell) = House::slow_at_first(Settings { starts_max: 1, ..settings() }).await;
    let (first, second, third) = (house.kernel().await, house.kernel().await, house.kernel().await);
    until_kernel(&third, |kernel| kernel.start_position == 2).await;
    assert_eq!((first.snapshot().start_position, first.snapshot().state), (0, KernelState::Starting));
    soon(house.registry.delete(USER, second.kernel_id(), None)).await.expect("deleted");
    until_kernel(&third, |kernel| kernel.start_position == 1).await;
    tell.send(()).expect("the first is on its way");
    let ready = until_state(&third, KernelState::Idle).await;
    assert_eq!(ready.start_position, 0);
    assert_eq!(soon(house.run(&third, "1+1")).await.result(), "2");
}

/// Half of a kernel's life without work, after which it is warned.
fn brief() -> Settings {
    let mut settings = settings();
    settings.limits.idle_max = Duration::from_secs(1_000);
    settings.limits.idle_warning = Duration::from_secs(400);
    settings
}

fn micros(secs: i64) -> i64 {
    secs * 1_000_000
}

#[tokio::test]
async fn an_idle_kernel_is_warned_and_lives_on_if_it_is_kept() {
    let house = House::with(brief()).await;
    let kernel = house.kernel().await;
    until_state(&kernel, KernelState::Idle).await;
    house.clock.advance(Duration::from_secs(601));
    let warned = until_kernel(&kernel, |kernel| kernel.idle_warning_time.is_some()).await;
    assert_eq!(warned.state, KernelState::Idle);
    assert_eq!(warned.idle_end_time, Some(warned.idle_warning_time.expect("warned") + micros(400)));
    let request_id = Some(fenxi_chassis::id::at(7));
    let kept = soon(house.registry.keep(USER, kernel.kernel_id(), request_id)).await.expect("kept");
    let now = house.clock.now_micros();
    assert_eq!((kept.idle_warning_time, kept.idle_end_time), (None, Some(now + micros(1_000))));

    // The same request again keeps nothing; an execution does.
    house.clock.advance(Duration::from_secs(601));
    until_kernel(&kernel, |kernel| kernel.idle_warning_time.is_some()).await;
    let again = soon(house.registry.keep(USER, kernel.kernel_id(), request_id)).await.expect("kept before");
    assert!(again.idle_warning_time.is_some());
    house.run(&kernel, "1+1").await;
    assert_eq!(kernel.snapshot().idle_warning_time, None);

    // However late the service looks, the warning stands for its time.
    house.clock.advance(Duration::from_secs(10_000));
    let warned = until_kernel(&kernel, |kernel| kernel.idle_warning_time.is_some()).await;
    assert_eq!(warned.idle_end_time, Some(house.clock.now_micros() + micros(400)));
    house.clock.advance(Duration::from_secs(400));
    let dead = until_state(&kernel, KernelState::Dead).await;
    assert_eq!(dead.death.as_ref().map(|death| death.cause()), Some(fenxi_proto::analysis::v1::DeathCause::Idle));
    assert!(soon(house.registry.keep(USER, kernel.kernel_id(), None)).await.is_err(), "a dead kernel is kept");
}

#[tokio::test]
async fn a_child_that_sleeps_doubles_the_time_and_one_that_works_keeps_it() {
    let house = House::with(brief()).await;
    let (asleep, busy) = (house.kernel().await, house.kernel().await);
    house.printed(&asleep, "import subprocess; p = subprocess.Popen(['sleep', '600'])").await;
    let work = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'while True: pass'])";
    house.printed(&busy, work).await;
    let doubled = |kernel: &std::sync::Arc<_>| idle_secs(kernel) == Some(2_000);
    until_kernel(&asleep, doubled).await;
    house.clock.advance(Duration::from_secs(1_601));
    until_kernel(&asleep, |kernel| kernel.idle_warning_time.is_some()).await;
    house.clock.advance(Duration::from_secs(400));
    until_state(&asleep, KernelState::Dead).await;
    let now = house.clock.now_micros();
    until_kernel(&busy, |kernel| kernel.last_activity_time >= now && kernel.state == KernelState::Idle).await;
}

#[tokio::test]
async fn a_process_whose_parent_has_ended_keeps_its_kernel_by_its_work() {
    for forked in [false, true] {
        if forked {
            fork_light_kernels().await;
        }
        let house = House::with(brief()).await;
        let kernel = house.kernel().await;
        let work = "import os, sys; os.system(f'{sys.executable} -c \"while True: pass\" &')";
        house.run(&kernel, work).await;
        until_kernel(&kernel, |kernel| idle_secs(kernel) == Some(2_000)).await;
        house.clock.advance(Duration::from_secs(1_601));
        let now = house.clock.now_micros();
        until_kernel(&kernel, |kernel| kernel.last_activity_time >= now && kernel.state == KernelState::Idle).await;
    }
}

/// How long it may be idle.
fn idle_secs(kernel: &analysis_service::kernels::model::Kernel) -> Option<i64> {
    kernel.idle_end_time.map(|end| (end - kernel.last_activity_time) / 1_000_000)
}
