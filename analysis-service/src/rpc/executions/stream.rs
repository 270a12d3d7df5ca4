//! Events of a log with heartbeats, at the pace of whoever takes them.

use std::time::Duration;

use fenxi_proto::{
    analysis::v1::{
        ExecuteResponse, Execution, OutputEvent, QueuePosition, WatchExecutionResponse, output_event::Event,
    },
    error::{ErrorReason, Failure},
};
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{Stream, failure, messages};
use crate::{
    executions::{LogReader, Place, Places, View},
    rpc::stopped,
};

/// The longest silence on a stream of events.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A response of a stream of events.
pub(super) trait EventResponse: Send + 'static {
    fn new(execution: Option<Execution>, event: Option<OutputEvent>, queue: Option<QueuePosition>) -> Self;
}

impl EventResponse for ExecuteResponse {
    fn new(execution: Option<Execution>, event: Option<OutputEvent>, queue: Option<QueuePosition>) -> Self {
        Self { execution, event, queue }
    }
}

impl EventResponse for WatchExecutionResponse {
    fn new(execution: Option<Execution>, event: Option<OutputEvent>, queue: Option<QueuePosition>) -> Self {
        Self { execution, event, queue }
    }
}

/// What a stream of events is made of.
struct Events {
    reader: LogReader,
    /// As long as the execution waits.
    places: Option<Places>,
    stopping: CancellationToken,
}

/// The execution, then its events to the end, with its places and heartbeats in between.
pub(super) fn events<R: EventResponse>(
    view: &View,
    reader: LogReader,
    mut places: Option<Places>,
    stopping: CancellationToken,
) -> Stream<R> {
    let place = places.as_mut().and_then(Places::now);
    let first = Ok(R::new(Some(messages::execution(view, place)), None, None));
    let rest = stream::unfold(Some(Events { reader, places, stopping }), |events| async {
        let mut events = events?;
        Some(match events.next().await {
            Ok(response) => (Ok(response?), Some(events)),
            Err(failure) => (Err(Status::from(failure)), None),
        })
    });
    stream::once(async { first }).chain(rest).boxed()
}

impl Events {
    /// The next response; `None` after the end.
    async fn next<R: EventResponse>(&mut self) -> Result<Option<R>, Failure> {
        tokio::select! {
            biased;
            event = self.reader.next() => {
                let event = event.map_err(failure::execution)?;
                if !matches!(event.as_ref().and_then(|event| event.event.as_ref()), Some(Event::Queued(_))) {
                    self.places = None;
                }
                Ok(event.map(|event| R::new(None, Some(event), None)))
            }
            place = next_place(self.places.as_mut()) => Ok(Some(R::new(None, None, Some(messages::queue(&place))))),
            () = tokio::time::sleep(HEARTBEAT_EVERY) => Ok(Some(R::new(None, None, None))),
            () = stopped(&self.stopping) => Err(stopping_failure()),
        }
    }
}

async fn next_place(places: Option<&mut Places>) -> Place {
    match places {
        Some(places) => places.next().await,
        None => std::future::pending().await,
    }
}

fn stopping_failure() -> Failure {
    let text = "the service is stopping; watch the execution again after the number you have";
    Failure::new(ErrorReason::Unavailable, text).retry_after(RETRY_AFTER)
}
