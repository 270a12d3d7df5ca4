//! Whose a kernel is, how many there may be, which request was taken before, and what outlives the service.

use std::time::Duration;

use analysis_service::{
    executions::{
        NewExecution,
        run::{RunError, Runner},
    },
    kernels::{
        model::{KernelError, Settings, TableUnavailable},
        registry::NewKernel,
    },
};
use fenxi_chassis::id;
use fenxi_proto::analysis::v1::{DeathCause, KernelState, Outcome, output_event::Event};
use uuid::Uuid;

use crate::house::{House, Ran, USER, settings, soon, until, until_printed, until_state};

const STRANGER: Uuid = Uuid::from_u128(0xB);

#[tokio::test]
pub(crate) async fn a_foreign_kernel_is_as_unknown_as_none() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let kernel_id = kernel.kernel_id();
    for kernel_id in [kernel_id, Uuid::from_u128(9)] {
        let unknown = |result: Result<(), KernelError>| assert!(matches!(result, Err(KernelError::NotFound)));
        unknown(house.registry.kernel(STRANGER, kernel_id).map(drop));
        unknown(house.registry.restart(STRANGER, kernel_id, None).await.map(drop));
        unknown(house.registry.rename(STRANGER, kernel_id, None, "mine".into()).await.map(drop));
        unknown(house.registry.interrupt(STRANGER, kernel_id, None, true).await.map(drop));
        unknown(house.registry.delete(STRANGER, kernel_id, Some(id::at(1))).await);
    }
    assert!(house.registry.list(STRANGER, None, 10).is_empty());
    assert_eq!(house.registry.list(USER, None, 10).len(), 1);
}

#[tokio::test]
pub(crate) async fn limits_are_said_and_freed_by_an_end() {
    let house = House::with(Settings { per_user_max: 1, total_max: 2, ..settings() }).await;
    let kernel = house.kernel().await;
    assert!(matches!(house.create(House::new_kernel()).await, Err(KernelError::UserLimit { limit: 1 })));
    house.registry.create(STRANGER, House::new_kernel()).await.expect("another user's");
    let third = house.registry.create(Uuid::from_u128(0xC), House::new_kernel()).await;
    assert!(matches!(third, Err(KernelError::TotalLimit { limit: 2 })));
    soon(house.registry.delete(USER, kernel.kernel_id(), None)).await.expect("deleted");
    house.kernel().await;
}

#[tokio::test]
pub(crate) async fn the_queue_has_an_end() {
    let mut settings = settings();
    settings.limits.queue_max = 2;
    let house = House::with(settings).await;
    let kernel = house.kernel().await;
    let (_, mut running) = house.send(&kernel, "print('on', flush=True)\nimport time; time.sleep(600)").await;
    until_printed(&mut running, "on").await;
    let (first, second) = (kernel.reserve().await.expect("a place"), kernel.reserve().await.expect("a place"));
    assert!(matches!(kernel.reserve().await, Err(KernelError::QueueFull { limit: 2 })));
    drop(first);
    let (waiting, reader) = house.send(&kernel, "1+1").await;
    assert!(soon(kernel.cancel(waiting, None)).await);
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Cancelled);
    assert!(!soon(kernel.cancel(Uuid::from_u128(1), None)).await, "an unknown execution was cancelled");
    let (_, reader) = house.send(&kernel, "1+1").await;
    soon(house.registry.interrupt(USER, kernel.kernel_id(), None, true)).await.expect("interrupted");
    assert_eq!(Ran::read(running).await.outcome(), Outcome::Interrupted);
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Cancelled);
    drop(second);
}

#[tokio::test]
pub(crate) async fn a_request_is_carried_out_once() {
    let house = House::new().await;
    let new = House::new_kernel();
    let (first, second) = (house.registry.create(USER, new.clone()), house.registry.create(USER, new.clone()));
    let (first, second) = tokio::join!(first, second);
    let kernel_id = first.expect("a kernel").kernel_id;
    assert_eq!(second.expect("the same").kernel_id, kernel_id);
    let other = NewKernel { display_name: "other".into(), ..new.clone() };
    assert!(matches!(house.registry.create(USER, other).await, Err(KernelError::RequestIdReused)));
    house.registry.create(STRANGER, new).await.expect("request ids are a user's own");

    let request = Some(id::at(7));
    for _ in 0..2 {
        soon(house.registry.restart(USER, kernel_id, request)).await.expect("restarted");
    }
    let kernel = house.registry.kernel(USER, kernel_id).expect("a kernel");
    assert_eq!(until_state(&kernel, KernelState::Idle).await.generation, 2, "it was restarted again");
    let reused = house.registry.delete(USER, kernel_id, request).await;
    assert!(matches!(reused, Err(KernelError::RequestIdReused)));
    let request = Some(id::at(8));
    for _ in 0..2 {
        soon(house.registry.delete(USER, kernel_id, request)).await.expect("deleted");
    }
    assert!(matches!(house.registry.delete(USER, kernel_id, Some(id::at(9))).await, Err(KernelError::NotFound)));
}

#[tokio::test]
pub(crate) async fn a_request_that_comes_twice_at_once_takes_one_place() {
    let house = House::with(Settings { per_user_max: 1, ..settings() }).await;
    let twice = || {
        let new = House::new_kernel();
        futures_util::future::join(house.registry.create(USER, new.clone()), house.registry.create(USER, new))
    };
    let (first, second) = twice().await;
    assert_eq!(second.expect("the same").kernel_id, first.expect("a kernel").kernel_id);
    let (first, second) = twice().await;
    for refused in [first, second] {
        assert!(matches!(refused, Err(KernelError::UserLimit { limit: 1 })), "{refused:?}");
    }
}

#[tokio::test]
pub(crate) async fn a_refused_request_can_be_tried_again() {
    let house = House::with(Settings { per_user_max: 1, ..settings() }).await;
    let kernel = house.kernel().await;
    house.run(&kernel, "import os; os._exit(0)").await;
    until_state(&kernel, KernelState::Dead).await;
    let in_its_place = house.kernel().await;
    let request = Some(id::at(7));
    let keep = house.registry.keep(USER, kernel.kernel_id(), Some(id::at(8))).await;
    assert!(matches!(keep, Err(KernelError::Dead { .. })), "{keep:?}");
    let refused = house.registry.restart(USER, kernel.kernel_id(), request).await;
    assert!(matches!(refused, Err(KernelError::UserLimit { limit: 1 })), "{refused:?}");
    soon(house.registry.delete(USER, in_its_place.kernel_id(), None)).await.expect("deleted");
    soon(house.registry.restart(USER, kernel.kernel_id(), request)).await.expect("restarted");
    until_state(&kernel, KernelState::Idle).await;
    let keep = house.registry.keep(USER, kernel.kernel_id(), Some(id::at(8))).await;
    keep.expect("it is kept when it is asked for again");
}

#[tokio::test]
pub(crate) async fn a_restart_that_was_noted_and_not_done_is_done_when_it_is_asked_for_again() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let (kernel_id, request) = (kernel.kernel_id(), Some(id::at(7)));
    soon(house.registry.restart(USER, kernel_id, request)).await.expect("restarted");
    assert_eq!(until_state(&kernel, KernelState::Idle).await.generation, 2);
    // As it stands when a service ends in between: it leads to the process after this one.
    house.edit("UPDATE kernel_requests SET generation = generation + 1 WHERE generation IS NOT NULL").await;
    let house = house.after(settings()).await;
    for _ in 0..2 {
        soon(house.registry.restart(USER, kernel_id, request)).await.expect("restarted");
    }
    let kernel = house.registry.kernel(USER, kernel_id).expect("it is known");
    assert_eq!(until_state(&kernel, KernelState::Idle).await.generation, 3, "once and no more");
}

#[tokio::test]
pub(crate) async fn a_request_is_seen_to_its_end_though_its_caller_has_gone() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let kernel_id = kernel.kernel_id();
    let mut deleting = Box::pin(house.registry.delete(USER, kernel_id, Some(id::at(7))));
    assert!(futures_util::poll!(&mut deleting).is_pending());
    drop(deleting);
    soon(async {
        while house.registry.kernel(USER, kernel_id).is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
pub(crate) async fn variables_are_checked_and_made() {
    let house = House::new().await;
    let one = house.dataset("cars", "pa.table({'x': [1]})");
    let with = |names: &[&str]| NewKernel {
        datasets: names.iter().map(|name| House::table(one, name)).collect(),
        ..House::new_kernel()
    };
    let long = "a".repeat(65);
    for names in [&["1x"][..], &["b", "class"], &["a b"], &["a", "a"], &["a\u{0}"], &[&long]] {
        let refused = house.create(with(names)).await;
        let wrong = names.len() - 1;
        assert!(matches!(refused, Err(KernelError::VariableName { index, .. }) if index == wrong), "{names:?}");
    }
    let unknown = NewKernel { datasets: vec![House::table(Uuid::from_u128(5), "")], ..House::new_kernel() };
    let refused = house.create(unknown).await;
    assert!(matches!(refused, Err(KernelError::Table { why: TableUnavailable::NotFound, .. })));
    assert_eq!(house.create(with(&[""])).await.expect("a kernel").datasets()[0].variable_name, "df");
    let names: Vec<_> = house.create(with(&["", "cars"])).await.expect("a kernel").datasets();
    assert_eq!(names.iter().map(|dataset| dataset.variable_name.as_str()).collect::<Vec<_>>(), ["cars_2", "cars"]);
}

#[tokio::test]
pub(crate) async fn the_end_of_the_service_ends_kernels_truthfully_and_their_ids_stay() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let kernel_id = kernel.kernel_id();
    let (_, mut running) = house.send(&kernel, "print('on', flush=True)\nimport time; time.sleep(600)").await;
    until_printed(&mut running, "on").await;
    let next = {
        let read = tokio::spawn(Ran::read(running));
        let next = house.after(settings()).await;
        let ran = soon(read).await.expect("read");
        assert_eq!(ran.outcome(), Outcome::Killed);
        assert_eq!(ran.end.death.map(|death| death.cause()), Some(DeathCause::Shutdown));
        next
    };
    let kernel = next.registry.kernel(USER, kernel_id).expect("it is known");
    let dead = kernel.snapshot();
    assert_eq!(dead.state, KernelState::Dead);
    assert_eq!(dead.death.as_ref().map(fenxi_proto::analysis::v1::Death::cause), Some(DeathCause::Shutdown));
    soon(next.registry.restart(USER, kernel_id, None)).await.expect("restarted");
    assert_eq!(next.run(&kernel, "1+1").await.result(), "2");
    until_state(&kernel, KernelState::Idle).await;
}

#[tokio::test]
pub(crate) async fn a_start_that_fails_says_why() {
    let house = House::with(Settings { start_max: Duration::from_millis(1), ..settings() }).await;
    // One that has failed by now takes no code.
    let (kernel, place) = soon(async {
        loop {
            let kernel = house.kernel().await;
            if let Ok(place) = kernel.reserve().await {
                break (kernel, place);
            }
        }
    })
    .await;
    let (_, reader) = house.submit(place, House::new_execution(&kernel, "1+1")).await;
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Cancelled);
    let dead = until_state(&kernel, KernelState::Dead).await;
    assert_eq!(dead.death.as_ref().map(fenxi_proto::analysis::v1::Death::cause), Some(DeathCause::StartFailed));
}

#[tokio::test]
pub(crate) async fn what_goes_on_in_the_next_service_is_not_said_to_have_ended() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let runner = Runner::new(house.executions.clone(), house.registry.clone());
    let (execution_id, mut reader) = house.send(&kernel, "input('? ')").await;
    let asked = until(&mut reader, |event| matches!(event, Event::InputRequest(_))).await;
    let Event::InputRequest(asked) = asked else { panic!("no question") };
    soon(house.registry.leave()).await;
    let request_id = Some(Uuid::from_u128(1));
    // The second time as the first: nothing was done.
    for _ in 0..2 {
        let cancelled = soon(runner.cancel(USER, execution_id, request_id)).await;
        assert!(matches!(cancelled, Err(RunError::Stopping)), "{cancelled:?}");
    }
    let answer = (asked.input_id, "x".to_owned());
    let replied = soon(runner.reply_input(USER, execution_id, answer, None)).await;
    assert!(matches!(replied, Err(RunError::Stopping)), "{replied:?}");
    let new = NewExecution {
        user_id: USER,
        request_id: Uuid::from_u128(2),
        kernel_id: kernel.kernel_id(),
        code: "1".into(),
        time_limit: None,
        continue_on_error: false,
        depends_on: None,
    };
    let executed = soon(runner.execute(new)).await;
    assert!(matches!(executed, Err(RunError::Stopping)), "{executed:?}");
}
