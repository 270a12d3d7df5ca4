//! Kernels that outlive their service, where it matters what exactly the former one had come to.

use std::time::Duration;

use analysis_service::{
    executions::Acceptance,
    kernels::{
        model::{KernelError, Settings},
        state::Ladder,
    },
};
use fenxi_proto::analysis::v1::{KernelState, Outcome, StopCause, StreamName, output_event::Event};
use uuid::Uuid;

use crate::house::{House, Ran, USER, settings, soon, until_printed, until_state};

/// The supervisor is told nothing by the way.
const SELDOM: Duration = Duration::from_secs(3600);

fn kept() -> Settings {
    Settings { sample_interval: SELDOM, ..settings() }
}

#[tokio::test]
async fn what_waits_has_nothing_in_its_log_of_what_ended_before() {
    let house = House::lasting(kept()).await;
    let kernel = house.kernel().await;
    let said = house.printed(&kernel, "for i in range(20): print('old', i, flush=True)").await;
    assert_eq!(said.lines().count(), 20);
    soon(house.registry.leave()).await;
    // Its end is on disk, and what it said is kept all the same. Meanwhile another was accepted.
    let new = House::new_execution(&kernel, "print('new')");
    let Acceptance::New(view, log) = house.executions.accept(new, Vec::new(), 0).await.expect("accepted") else {
        panic!("known already")
    };
    let id = view.accepted.execution_id;
    // It is written.
    soon(house.executions.read(USER, id, 0).await.expect("a reader").1.next()).await.expect("an event");
    log.leave().await;
    let next = house.next(settings()).await;
    let ran = Ran::read(next.executions.read(USER, id, 0).await.expect("a reader").1).await;
    assert_eq!((ran.text(StreamName::Stdout).as_str(), ran.outcome()), ("new\n", Outcome::Ok));
    let begun = ran.events.iter().position(|event| matches!(event, Event::Started(_)));
    assert_eq!(begun, Some(1), "{:?}", ran.events);
}

/// Code that runs until it is interrupted, as often as it says. Who reads that it is on may interrupt it while it still
/// prints that.
fn until_interrupted(times: u32) -> String {
    format!(
        "import time\nfor i in range({times}):\n    try:\n        if i == 0: print('on', flush=True)\n        \
         while True: time.sleep(0.01)\n    except KeyboardInterrupt: print('heard', i, flush=True)"
    )
}

#[tokio::test]
async fn an_interrupt_that_was_told_before_the_code_was_under_way_is_sent_by_the_next_service() {
    let ladder = Ladder { again: SELDOM, stacks: SELDOM, kill: SELDOM, ..Ladder::default() };
    let house = House::lasting(Settings { ladder, ..kept() }).await;
    let kernel = house.kernel().await;
    let (id, mut reader) = house.send(&kernel, &until_interrupted(2)).await;
    until_printed(&mut reader, "on\n").await;
    assert!(soon(kernel.cancel(id, None)).await);
    until_printed(&mut reader, "heard 0\n").await;
    soon(house.registry.leave()).await;
    // By the log, which has the time of a clock that stands, it was told when the code began.
    let next = house.next(Settings { ladder, ..settings() }).await;
    let ran = Ran::read(next.executions.read(USER, id, 0).await.expect("a reader").1).await;
    assert_eq!(ran.text(StreamName::Stdout), "on\nheard 0\nheard 1\n");
}

#[tokio::test]
async fn a_kernel_that_is_left_to_the_next_service_is_not_said_to_be_gone() {
    let house = House::lasting(kept()).await;
    let kernel = house.kernel().await;
    let kernel_id = kernel.kernel_id();
    let (id, mut reader) = house.send(&kernel, &until_interrupted(1)).await;
    until_printed(&mut reader, "on\n").await;
    soon(house.registry.leave()).await;
    let request_id = Some(Uuid::from_u128(1));
    // The second time as the first: nothing was done.
    for _ in 0..2 {
        let interrupted = soon(house.registry.interrupt(USER, kernel_id, request_id, false)).await;
        assert!(matches!(interrupted, Err(KernelError::Stopping)), "{interrupted:?}");
        let deleted = soon(house.registry.delete(USER, kernel_id, Some(Uuid::from_u128(2)))).await;
        assert!(matches!(deleted, Err(KernelError::Stopping)), "{deleted:?}");
    }
    let kept = soon(house.registry.keep(USER, kernel_id, None)).await;
    assert!(matches!(kept, Err(KernelError::Stopping)), "{kept:?}");
    let variables = soon(kernel.variables()).await;
    assert!(matches!(variables, Err(KernelError::Stopping)), "{variables:?}");
    let place = soon(kernel.reserve()).await;
    assert!(matches!(place, Err(KernelError::Stopping)), "{place:?}");
    // To the next service it is new.
    let next = house.next(settings()).await;
    soon(next.registry.interrupt(USER, kernel_id, request_id, false)).await.expect("interrupted");
    let ran = Ran::read(next.executions.read(USER, id, 0).await.expect("a reader").1).await;
    assert_eq!(ran.text(StreamName::Stdout), "on\nheard 0\n");
    soon(next.registry.delete(USER, kernel_id, Some(Uuid::from_u128(2)))).await.expect("deleted");
    assert!(next.registry.kernel(USER, kernel_id).is_err());
}

#[tokio::test]
async fn an_interrupt_that_is_repeated_is_done_if_what_it_was_for_still_runs() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let (kernel_id, request_id) = (kernel.kernel_id(), Some(Uuid::from_u128(1)));
    let interrupt = async || soon(house.registry.interrupt(USER, kernel_id, request_id, true)).await.expect("told");
    let endless = "import time\nprint('on', flush=True)\ntime.sleep(600)";
    let (_, mut reader) = house.send(&kernel, endless).await;
    until_printed(&mut reader, "on\n").await;
    interrupt().await;
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Interrupted);
    let (id, mut reader) = house.send(&kernel, endless).await;
    until_printed(&mut reader, "on\n").await;
    let (_, early) = house.send(&kernel, "print('early')").await;
    house.clock.advance(Duration::from_secs(1));
    let (_, late) = house.send(&kernel, "print('late')").await;
    house.forget_interrupts(id).await;
    interrupt().await;
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Interrupted);
    let early = Ran::read(early).await;
    assert_eq!((early.outcome(), early.end.stop_cause()), (Outcome::Cancelled, StopCause::QueueCleared));
    assert_eq!(Ran::read(late).await.text(StreamName::Stdout), "late\n", "it was not there when it was asked for");
    // Another is not meant.
    let (other, mut reader) = house.send(&kernel, endless).await;
    until_printed(&mut reader, "on\n").await;
    interrupt().await;
    assert_eq!(kernel.snapshot().running_execution_id, Some(other));
    until_state(&kernel, KernelState::Busy).await;
}

#[tokio::test]
async fn a_clock_that_was_set_takes_no_time_from_what_runs() {
    let house = House::lasting(kept()).await;
    let kernel = house.kernel().await;
    let code = "import os, time\nprint('on', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.01)";
    let hour = Duration::from_secs(3600);
    let (id, mut reader) = house.send_with(&kernel, code, Some(hour), false).await;
    until_printed(&mut reader, "on\n").await;
    soon(house.registry.leave()).await;
    house.clock.advance(2 * hour);
    let next = house.next(settings()).await;
    let kernel = next.registry.kernel(USER, kernel.kernel_id()).expect("it goes on");
    until_state(&kernel, KernelState::Busy).await;
    // Longer than a service takes to see that the time is over.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let go = next.files.join("work").join(kernel.kernel_id().to_string()).join("go");
    std::fs::write(go, "").expect("written");
    let ran = Ran::read(next.executions.read(USER, id, 0).await.expect("a reader").1).await;
    assert_eq!(ran.outcome(), Outcome::Ok);
}
