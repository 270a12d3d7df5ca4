//! Requests that are repeated, wrong, foreign or late.

use fenxi_proto::{
    analysis::v1::{
        CancelExecutionRequest, ExecuteRequest, GetExecutionRequest, ListExecutionsRequest, Outcome, ReplyInputRequest,
        WatchExecutionRequest, output_event::Event,
    },
    error::{ErrorReason, reason_of},
};

use crate::{
    again::interrupts,
    house::{House, assert_dense, end, id, next, request, rest, texts},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_attaches_and_runs_nothing_twice() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    user.run(&kernel, "n = 0").await;
    let asked = request(&kernel, "n += 1\nprint(n)");
    let (first, stream) = user.execute(asked.clone()).await.expect("accepted");
    let together = ExecuteRequest { after_sequence: 1, ..asked.clone() };
    let (again, second) = user.execute(together.clone()).await.expect("attached");
    assert_eq!(again.execution_id, first.execution_id);
    let events = rest(stream).await;
    assert_eq!(rest(second).await, events[1..]);
    let (_, third) = user.execute(together).await.expect("attached after the end");
    assert_eq!(rest(third).await, events[1..]);
    assert_eq!(texts(&user.run(&kernel, "print(n)").await.1), "1\n");
    for other in [
        ExecuteRequest { code: "n += 2".into(), ..asked.clone() },
        ExecuteRequest { continue_on_error: true, ..asked.clone() },
    ] {
        let refused = user.execute(other).await.expect_err("refused");
        assert_eq!(reason_of(&refused), Some(ErrorReason::RequestIdReused));
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_takes_from_the_queue_or_interrupts_once() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    let (running, mut stream) = user.begin(&kernel, "print('go', flush=True)\nimport time; time.sleep(600)").await;
    let (waiting, queued) = user.begin(&kernel, "print('never')").await;
    while !texts(&[next(&mut stream).await]).contains("go") {}
    let cancel = async |execution_id: &str, request_id: &str| {
        let request = CancelExecutionRequest { execution_id: execution_id.into(), request_id: request_id.into() };
        user.executions.clone().cancel_execution(request).await
    };
    let (of_waiting, of_running) = (id(), id());
    cancel(&waiting.execution_id, &of_waiting).await.expect("cancelled");
    assert_eq!(end(&rest(queued).await).outcome(), Outcome::Cancelled);
    cancel(&running.execution_id, &of_running).await.expect("interrupted");
    cancel(&running.execution_id, &of_running).await.expect("the same request");
    let events = rest(stream).await;
    assert_eq!(end(&events).outcome(), Outcome::Interrupted);
    assert_eq!(interrupts(&events), 1, "a repeated request interrupted again");
    house.auth.recorded(2).await;
    cancel(&running.execution_id, &of_running).await.expect("the same request, after the end");
    let late = cancel(&running.execution_id, &id()).await.expect_err("refused");
    assert_eq!(reason_of(&late), Some(ErrorReason::ExecutionEnded));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_once() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    let (execution, mut stream) = user.begin(&kernel, "print('Hello ' + input('Who? '))").await;
    let asked = loop {
        if let Some(Event::InputRequest(asked)) = next(&mut stream).await.event {
            break asked;
        }
    };
    assert_eq!((asked.prompt.as_str(), asked.password), ("Who? ", false));
    let reply = ReplyInputRequest {
        execution_id: execution.execution_id.clone(),
        input_id: asked.input_id.clone(),
        value: "World".into(),
        request_id: id(),
    };
    let send = async |request: ReplyInputRequest| user.executions.clone().reply_input(request).await;
    let wrong = ReplyInputRequest { input_id: "other".into(), request_id: id(), ..reply.clone() };
    let refused = send(wrong).await.expect_err("refused");
    assert_eq!(reason_of(&refused), Some(ErrorReason::InputNotRequested));
    let lines = ReplyInputRequest { value: "a\nb".into(), request_id: id(), ..reply.clone() };
    assert_eq!(reason_of(&send(lines).await.expect_err("refused")), Some(ErrorReason::InvalidField));
    send(reply.clone()).await.expect("taken");
    send(reply.clone()).await.expect("the same request");
    let other = ReplyInputRequest { value: "Moon".into(), ..reply };
    assert_eq!(reason_of(&send(other).await.expect_err("refused")), Some(ErrorReason::RequestIdReused));
    assert_eq!(texts(&rest(stream).await), "Hello World\n");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_or_foreign_is_refused_and_leaves_nothing() {
    let mut house = House::start().await;
    let (user, stranger) = (house.user(), house.user());
    let kernel = user.kernel().await;
    let good = request(&kernel, "1");
    let long = fenxi_proto::time::duration(1_000_000 * 86_400 * 365);
    let mixed = prost_types::Duration { seconds: 5, nanos: -1 };
    for (wrong, reason) in [
        (ExecuteRequest { code: " \n".into(), ..good.clone() }, ErrorReason::InvalidField),
        (ExecuteRequest { code: "x".repeat((1 << 20) + 1), ..good.clone() }, ErrorReason::InvalidField),
        (ExecuteRequest { request_id: String::new(), ..good.clone() }, ErrorReason::InvalidField),
        (ExecuteRequest { time_limit: Some(long), ..good.clone() }, ErrorReason::InvalidField),
        (ExecuteRequest { time_limit: Some(mixed), ..good.clone() }, ErrorReason::InvalidField),
        (ExecuteRequest { after_sequence: -1, ..good.clone() }, ErrorReason::InvalidField),
        (ExecuteRequest { kernel_id: id(), ..good.clone() }, ErrorReason::NotFound),
        (ExecuteRequest { kernel_id: "kernel".into(), ..good.clone() }, ErrorReason::NotFound),
    ] {
        let refused = user.execute(wrong).await.expect_err("refused");
        assert_eq!(reason_of(&refused), Some(reason), "{refused:?}");
    }
    let foreign = stranger.execute(good.clone()).await.expect_err("refused");
    assert_eq!(reason_of(&foreign), Some(ErrorReason::NotFound));

    let (execution, events) = user.run(&kernel, "1").await;
    assert_dense(&events, 0);
    let get = |execution_id: String| GetExecutionRequest { execution_id };
    let foreign = stranger.executions.clone().get_execution(get(execution.execution_id.clone())).await;
    let unknown = stranger.executions.clone().get_execution(get(id())).await;
    let (foreign, unknown) = (foreign.expect_err("refused"), unknown.expect_err("refused"));
    assert_eq!(
        (foreign.code(), foreign.message(), foreign.details()),
        (unknown.code(), unknown.message(), unknown.details())
    );
    let beyond = WatchExecutionRequest { execution_id: execution.execution_id, after_sequence: 99 };
    let refused = user.executions.clone().watch_execution(beyond).await.expect_err("refused");
    assert_eq!(reason_of(&refused), Some(ErrorReason::InvalidField));
    assert_eq!(house.auth.recorded(1).await.len(), 1, "a refused request left something");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_code_is_listed_in_answers_that_any_client_takes() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    let mut sent = Vec::new();
    for _ in 0..6 {
        sent.push(user.run(&kernel, &format!("'{}'; None", "x".repeat(1_000_000))).await.0.execution_id);
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListExecutionsRequest { page_size: 100, page_token, ..ListExecutionsRequest::default() };
        let page = user.executions.clone().list_executions(request).await.expect("a page").into_inner();
        assert!(!page.executions.is_empty(), "an empty page");
        seen.extend(page.executions.into_iter().map(|execution| execution.execution_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    seen.reverse();
    assert_eq!(seen, sent);
    house.stop().await;
}
