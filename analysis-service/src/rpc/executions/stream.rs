//! The two streams: events of a log with heartbeats, and pieces of a content. Both go at the pace of whoever takes them.

use std::time::Duration;

use fenxi_proto::{
    analysis::v1::{ExecuteResponse, Execution, OutputEvent, ReadContentResponse, WatchExecutionResponse},
    error::{ErrorReason, Failure},
};
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{Stream, failure, messages};
use crate::{
    executions::{Executions, LogReader, View},
    objects::ContentId,
};

/// The longest silence on a stream of events.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);
/// How long a stream goes on once the service stops: the ends of executions are to be seen.
const STOP_GRACE: Duration = Duration::from_secs(4);
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// The longest piece of a content.
const PIECE_BYTES: u64 = 256 << 10;

/// A response of a stream of events.
pub(super) trait EventResponse: Send + 'static {
    fn new(execution: Option<Execution>, event: Option<OutputEvent>) -> Self;
}

impl EventResponse for ExecuteResponse {
    fn new(execution: Option<Execution>, event: Option<OutputEvent>) -> Self {
        Self { execution, event }
    }
}

impl EventResponse for WatchExecutionResponse {
    fn new(execution: Option<Execution>, event: Option<OutputEvent>) -> Self {
        Self { execution, event }
    }
}

/// The execution, then its events to the end, with heartbeats in between.
pub(super) fn events<R: EventResponse>(view: &View, reader: LogReader, stopping: CancellationToken) -> Stream<R> {
    let first = Ok(R::new(Some(messages::execution(view)), None));
    let rest = stream::unfold(Some((reader, stopping)), |state| async {
        let (mut reader, stopping) = state?;
        let answer = tokio::select! {
            biased;
            event = reader.next() => event.map_err(failure::execution),
            () = tokio::time::sleep(HEARTBEAT_EVERY) => return Some((Ok(R::new(None, None)), Some((reader, stopping)))),
            () = stopped(&stopping) => Err(stopping_failure()),
        };
        match answer {
            Ok(event) => {
                let event = event?;
                Some((Ok(R::new(None, Some(event))), Some((reader, stopping))))
            }
            Err(failure) => Some((Err(Status::from(failure)), None)),
        }
    });
    stream::once(async { first }).chain(rest).boxed()
}

async fn stopped(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}

fn stopping_failure() -> Failure {
    let text = "the service is stopping; watch the execution again after the number you have";
    Failure::new(ErrorReason::Unavailable, text).retry_after(RETRY_AFTER)
}

/// A content from the byte at `offset` on.
pub(super) fn pieces(executions: Executions, content: ContentId, offset: u64) -> Stream<ReadContentResponse> {
    stream::unfold(Some((executions, offset)), move |state| async move {
        let (executions, offset) = state?;
        match executions.read_content(content, offset, PIECE_BYTES).await {
            Ok(data) if data.is_empty() => None,
            Ok(data) => {
                let next = offset + data.len() as u64;
                Some((Ok(ReadContentResponse { data }), Some((executions, next))))
            }
            Err(error) => Some((Err(Status::from(failure::execution(error))), None)),
        }
    })
    .boxed()
}
