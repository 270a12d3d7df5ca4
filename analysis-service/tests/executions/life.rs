//! An execution's life: seen by many, left and taken up again, ended once, told to the history once.

use fenxi_proto::{
    analysis::v1::{
        DeathCause, KernelState, ListExecutionsRequest, Outcome, ReadContentRequest, WatchKernelRequest,
        mime_part::Content, output_event::Event,
    },
    error::{ErrorReason, reason_of},
};

use crate::house::{House, assert_dense, end, id, next, rest, soon, texts};

#[tokio::test(flavor = "multi_thread")]
async fn one_plus_one_is_seen_stored_and_told_to_the_history() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    let (execution, events) = user.run(&kernel, "# a sum\n1+1").await;
    assert_dense(&events, 0);
    assert!(matches!(events[0].event, Some(Event::Queued(_))));
    assert!(matches!(events[1].event, Some(Event::Started(_))));
    let Some(Event::Result(result)) = &events[2].event else { panic!("no result: {events:?}") };
    let part = &result.bundle.as_ref().expect("forms").parts[0];
    assert_eq!((part.mime_type.as_str(), part.content.clone()), ("text/plain", Some(Content::Text("2".into()))));
    assert_eq!(end(&events).outcome(), Outcome::Ok);
    assert_eq!(user.watch(&execution.execution_id, 0).await, events);
    assert_eq!(user.watch(&execution.execution_id, 3).await, events[3..]);

    let items = house.auth.recorded(1).await;
    let entry = items[0].entry.as_ref().expect("an entry");
    assert_eq!((entry.title.as_str(), entry.result_preview.as_str()), ("# a sum", "2"));
    assert_eq!(
        (entry.execution_id.clone(), items[0].user_id.clone()),
        (execution.execution_id, user.user_id.to_string())
    );
    assert_eq!(items[0].outputs, events);
    house.stop().await;
    assert_eq!(house.auth.recorded(1).await.len(), 1, "it was told twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_ends_nothing_and_another_device_sees_all_of_it() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    let code = "import time\nfor i in range(40):\n    print(i, flush=True)\n    time.sleep(0.02)";
    let (execution, mut stream) = user.begin(&kernel, code).await;
    while !texts(&[next(&mut stream).await]).contains('3') {}
    drop(stream);
    let device = house.user_called(user.user_id);
    let all = device.watch(&execution.execution_id, 0).await;
    assert_dense(&all, 0);
    let expected: String = (0..40).map(|line| format!("{line}\n")).collect();
    assert_eq!(texts(&all), expected);
    assert_eq!(end(&all).outcome(), Outcome::Ok);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_output_is_read_in_pieces_by_its_owner_alone() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    let code = "from IPython.display import display\ndisplay({'text/plain': 'x' * 700_001}, raw=True)";
    let (execution, events) = user.run(&kernel, code).await;
    let display = events.iter().find_map(|event| match &event.event {
        Some(Event::Display(display)) => display.bundle.clone(),
        _ => None,
    });
    let Some(Content::Reference(reference)) = display.expect("a display").parts[0].content.clone() else {
        panic!("it stands in its event")
    };
    assert_eq!((reference.size_bytes, reference.head.len()), (700_001, 1_000));
    let request = ReadContentRequest { execution_id: execution.execution_id, sha256: reference.sha256, offset: 1 };
    let mut pieces = user.executions.clone().read_content(request.clone()).await.expect("read").into_inner();
    let mut bytes = 0;
    while let Some(piece) = soon(pieces.message()).await.expect("a piece") {
        assert!(piece.data.len() <= 256 << 10 && piece.data.iter().all(|byte| *byte == b'x'));
        bytes += piece.data.len();
    }
    assert_eq!(bytes, 700_000);
    let stranger = house.user().executions.clone().read_content(request.clone()).await.expect_err("refused");
    assert_eq!(reason_of(&stranger), Some(ErrorReason::NotFound));
    let other = ReadContentRequest { sha256: "0".repeat(64), ..request };
    let unknown = user.executions.clone().read_content(other).await.expect_err("refused");
    assert_eq!(unknown.message(), stranger.message());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_service_ends_what_runs_and_the_next_has_it_all() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    let (running, mut stream) = user.begin(&kernel, "print('begun', flush=True)\nimport time; time.sleep(600)").await;
    let (waiting, _) = user.begin(&kernel, "print('never')").await;
    while !texts(&[next(&mut stream).await]).contains("begun") {}
    house.tell_to_stop();
    let seen = rest(stream).await;
    let told = end(&seen);
    assert_eq!(told.outcome(), Outcome::Killed);
    assert_eq!(told.death.expect("a death").cause(), DeathCause::Shutdown);
    house.stop().await;

    house.start_again().await;
    let user = house.user_called(user.user_id);
    let stored = user.watch(&running.execution_id, 0).await;
    assert_dense(&stored, 0);
    assert!(stored.ends_with(&seen), "the stored log is another");
    assert_eq!(end(&user.watch(&waiting.execution_id, 0).await).outcome(), Outcome::Cancelled);
    let items = house.auth.recorded(2).await;
    assert_eq!(items.len(), 2);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_a_kernel_sees_it_end_with_its_service() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel_id = user.kernel().await;
    user.run(&kernel_id, "1+1").await;
    let request = WatchKernelRequest { kernel_id };
    let mut watch = user.kernels.clone().watch_kernel(request).await.expect("watched").into_inner();
    soon(watch.message()).await.expect("told").expect("the kernel as it stands");
    house.tell_to_stop();
    let mut last = None;
    while let Some(message) = soon(watch.message()).await.expect("told to the end") {
        last = message.kernel.or(last);
    }
    let last = last.expect("a change");
    assert_eq!((last.state(), last.death.expect("a death").cause()), (KernelState::Dead, DeathCause::Shutdown));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_ones_own_newest_first() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    for number in 0..5 {
        user.run(&kernel, &format!("{number}")).await;
    }
    let list = async |request: ListExecutionsRequest| {
        user.executions.clone().list_executions(request).await.map(tonic::Response::into_inner)
    };
    let mut codes = Vec::new();
    let mut request = ListExecutionsRequest { page_size: 2, ..ListExecutionsRequest::default() };
    loop {
        let page = list(request.clone()).await.expect("a page");
        codes.extend(page.executions.into_iter().map(|execution| execution.code));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(codes, ["4", "3", "2", "1", "0"]);
    let first = list(ListExecutionsRequest { page_size: 2, ..ListExecutionsRequest::default() }).await.expect("a page");
    let other_filter = ListExecutionsRequest {
        kernel_id: id(),
        page_token: first.next_page_token,
        ..ListExecutionsRequest::default()
    };
    let refused = list(other_filter).await.expect_err("refused");
    assert_eq!(reason_of(&refused), Some(ErrorReason::InvalidPageToken));
    let nobodys = house.user().executions.clone().list_executions(ListExecutionsRequest::default()).await;
    assert!(nobodys.expect("a page").into_inner().executions.is_empty());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kernel_says_at_length_arrives_though_it_can_start_no_thread() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    let code = "import threading
def none(thread): raise RuntimeError('no thread is left')
threading.Thread.start = none
for i in range(3): print(str(i) * 100_000)
print('end')
'y' * 100_000";
    let (_, events) = user.run(&kernel, code).await;
    let said = texts(&events);
    assert_eq!((said.len(), said.ends_with("2\nend\n"), end(&events).outcome()), (3 * 100_001 + 4, true, Outcome::Ok));
    assert!(events.iter().any(|event| matches!(event.event, Some(Event::Result(_)))), "its result is lost");
    house.stop().await;
}
