//! Executions that depend on others, as a client asks for them, and through a change of the service.

use fenxi_proto::{
    analysis::v1::{
        CancelExecutionRequest, DependencyCondition, ExecuteRequest, Outcome, OutputEvent, StopCause,
        output_event::Event,
    },
    error::{ErrorReason, reason_of},
};
use nix::sys::signal::Signal;

use crate::{
    house::{House, end, id, request, rest, soon, texts},
    machine::Machine,
    outliving::until_printed,
};

fn after(kernel: &str, code: &str, on: &str, condition: DependencyCondition) -> ExecuteRequest {
    let (depends_on_execution_id, dependency_condition) = (on.to_owned(), condition.into());
    ExecuteRequest { depends_on_execution_id, dependency_condition, ..request(kernel, code) }
}

fn never_began(events: &[OutputEvent]) {
    let end = end(events);
    assert_eq!((end.outcome(), end.stop_cause()), (Outcome::Cancelled, StopCause::Dependency));
    let [queued, _] = events else { panic!("more was said: {events:?}") };
    assert!(matches!(queued.event, Some(Event::Queued(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dependency_is_of_the_same_kernel_and_user_and_belongs_to_the_request() {
    use DependencyCondition::{NotFailed, Succeeded, Unspecified};
    let mut house = House::start().await;
    let (user, stranger) = (house.user(), house.user());
    let (kernel, other) = (user.kernel().await, user.kernel().await);
    let (foreign, elsewhere) = (stranger.kernel().await, user.run(&other, "1").await.0.execution_id);
    let foreign = stranger.run(&foreign, "1").await.0.execution_id;
    let mut refusals = Vec::new();
    for on in [id(), "x".to_owned(), foreign, elsewhere] {
        refusals.push(user.execute(after(&kernel, "1", &on, Unspecified)).await.expect_err("refused"));
    }
    assert!(refusals.iter().all(|refused| reason_of(refused) == Some(ErrorReason::NotFound)), "{refusals:?}");
    let told = |at: usize| (refusals[at].message(), refusals[at].details());
    assert!((1..4).all(|at| told(at) == told(0)), "they are told apart: {refusals:?}");
    let alone = ExecuteRequest { dependency_condition: NotFailed.into(), ..request(&kernel, "1") };
    let none = ExecuteRequest { dependency_condition: 99, ..after(&kernel, "1", &id(), Unspecified) };
    for wrong in [alone, none] {
        let refused = user.execute(wrong).await.expect_err("refused");
        assert_eq!(reason_of(&refused), Some(ErrorReason::InvalidField));
    }

    let (failed, events) = user.run(&kernel, "1/0").await;
    assert_eq!(end(&events).outcome(), Outcome::Error);
    house.auth.recorded(3).await;
    let asked = after(&kernel, "1", &failed.execution_id, Succeeded);
    let (late, stream) = user.execute(asked.clone()).await.expect("accepted");
    assert_eq!(late.depends_on_execution_id, failed.execution_id);
    assert_eq!(late.dependency_condition(), Succeeded);
    never_began(&rest(stream).await);
    let (again, _) = user.execute(asked.clone()).await.expect("attached");
    assert_eq!(again.execution_id, late.execution_id);
    let (changed, without) = (
        ExecuteRequest { dependency_condition: NotFailed.into(), ..asked.clone() },
        ExecuteRequest { depends_on_execution_id: String::new(), dependency_condition: 0, ..asked.clone() },
    );
    let unknown = ExecuteRequest { depends_on_execution_id: id(), ..asked };
    for other in [changed, without, unknown] {
        let refused = user.execute(other).await.expect_err("refused");
        assert_eq!(reason_of(&refused), Some(ErrorReason::RequestIdReused));
    }
    house.stop().await;
}

async fn outlives(signal: Signal) {
    use DependencyCondition::{NotFailed, Succeeded};
    let mut machine = Machine::start_with("plain").await;
    let user = machine.user();
    let (kernel, other) = (user.kernel().await, user.kernel().await);
    let waits = "import os, time\nprint('on', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.01)\n";
    let begin = async |request: ExecuteRequest| user.execute(request).await.expect("accepted");
    // What has ended before, and is known by the database alone.
    let (was_well, _) = user.run(&kernel, "1").await;
    let (failing, mut stream) =
        begin(ExecuteRequest { continue_on_error: true, ..request(&kernel, &format!("{waits}1/0")) }).await;
    let (taken, _) = begin(after(&kernel, "1", &failing.execution_id, Succeeded)).await;
    let cancel = CancelExecutionRequest { execution_id: taken.execution_id.clone(), request_id: id() };
    soon(user.executions.clone().cancel_execution(cancel)).await.expect("cancelled");
    let mut row = Vec::new();
    for on in [&failing, &taken] {
        let (first, _) = begin(after(&kernel, "1", &on.execution_id, NotFailed)).await;
        let (second, _) = begin(after(&kernel, "1", &first.execution_id, NotFailed)).await;
        row.extend([first, second]);
    }
    let (well, _) = begin(after(&kernel, "print('well')", &was_well.execution_id, Succeeded)).await;
    let (running, mut second) = begin(request(&other, &format!("{waits}print('done')"))).await;
    let (behind, _) = begin(after(&other, "print('behind')", &running.execution_id, Succeeded)).await;
    until_printed(&mut stream, "on\n").await;
    until_printed(&mut second, "on\n").await;
    machine.auth.recorded(2).await;
    machine.replace(signal).await;

    for kernel in [&kernel, &other] {
        std::fs::write(machine.folder.path().join("data/work").join(kernel).join("go"), "").expect("written");
    }
    let user = machine.user();
    assert_eq!(end(&user.watch(&failing.execution_id, 0).await).outcome(), Outcome::Error);
    for one in row {
        never_began(&user.watch(&one.execution_id, 0).await);
    }
    assert_eq!(texts(&user.watch(&well.execution_id, 0).await), "well\n");
    assert_eq!(texts(&user.watch(&behind.execution_id, 0).await), "behind\n");
    let late = user.execute(after(&kernel, "1", &taken.execution_id, NotFailed)).await.expect("accepted");
    never_began(&rest(late.1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_end_does_so_through_a_stop_of_the_service() {
    outlives(Signal::SIGTERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_end_does_so_through_a_kill_of_the_service() {
    outlives(Signal::SIGKILL).await;
}
