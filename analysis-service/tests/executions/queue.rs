//! Where an execution waits is told to whoever looks or watches, and is no part of its log.

use fenxi_proto::analysis::v1::{
    CancelExecutionRequest, ExecuteResponse, Execution, GetExecutionRequest, InterruptKernelRequest, KeepKernelRequest,
    ListExecutionsRequest, Outcome, output_event::Event,
};
use tonic::Streaming;

use crate::house::{House, User, assert_dense, end, id, next, rest, soon, texts};

async fn position(user: &User, execution: &Execution) -> i32 {
    let asked = GetExecutionRequest { execution_id: execution.execution_id.clone() };
    let got = soon(user.executions.clone().get_execution(asked)).await.expect("got");
    got.into_inner().execution.expect("an execution").queue_position
}

/// Reads on to the next place that is told.
async fn told(stream: &mut Streaming<ExecuteResponse>) -> i32 {
    loop {
        let message = soon(stream.message()).await.expect("a stream").expect("a response");
        if let Some(queue) = message.queue {
            return queue.position;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_execution_tells_its_place_as_it_changes() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    let (_, mut running) = user.begin(&kernel, "print('go', flush=True)\nimport time; time.sleep(600)").await;
    while !texts(&[next(&mut running).await]).contains("go") {}
    let (first, first_stream) = user.begin(&kernel, "1").await;
    let (second, second_stream) = user.begin(&kernel, "2").await;
    let (third, mut third_stream) = user.begin(&kernel, "3").await;
    assert_eq!([&first, &second, &third].map(|execution| execution.queue_position), [1, 2, 3]);
    while position(&user, &third).await != 3 {}
    assert_eq!((position(&user, &first).await, position(&user, &second).await), (1, 2));
    let cancel = CancelExecutionRequest { execution_id: second.execution_id.clone(), request_id: id() };
    soon(user.executions.clone().cancel_execution(cancel)).await.expect("cancelled");
    while told(&mut third_stream).await != 2 {}
    let list = ListExecutionsRequest { kernel_id: kernel.clone(), ..ListExecutionsRequest::default() };
    let list = soon(user.executions.clone().list_executions(list)).await.expect("a list").into_inner().executions;
    assert_eq!(list.iter().map(|execution| execution.queue_position).collect::<Vec<_>>(), [2, 0, 1, 0]);

    let all = InterruptKernelRequest { kernel_id: kernel.clone(), request_id: id(), clear_queue: true };
    soon(user.kernels.clone().interrupt_kernel(all)).await.expect("interrupted");
    assert_eq!(end(&rest(running).await).outcome(), Outcome::Interrupted);
    for stream in [first_stream, second_stream, third_stream] {
        assert_eq!(end(&rest(stream).await).outcome(), Outcome::Cancelled);
    }
    let log = user.watch(&third.execution_id, 0).await;
    assert_dense(&log, 0);
    assert!(matches!(&log[..], [queued, _] if matches!(queued.event, Some(Event::Queued(_)))), "{log:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_is_kept_by_its_owner_alone() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel = user.kernel().await;
    user.run(&kernel, "1").await;
    let keep = KeepKernelRequest { kernel_id: kernel, request_id: id() };
    let kept = soon(user.kernels.clone().keep_kernel(keep.clone())).await.expect("kept").into_inner();
    let kept = kept.kernel.expect("a kernel");
    assert!(kept.idle_end_time.is_some() && kept.idle_warning_time.is_none());
    assert_eq!(kept.limits.and_then(|limits| limits.idle_warning_duration).map(|warning| warning.seconds), Some(300));
    assert!(soon(house.user().kernels.clone().keep_kernel(keep)).await.is_err(), "a stranger keeps it");
    house.stop().await;
}
