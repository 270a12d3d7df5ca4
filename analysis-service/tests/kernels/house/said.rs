//! What executions said and where kernels stand: read to its end, or waited for.

use std::sync::Arc;

use analysis_service::{
    executions::LogReader,
    kernels::{KernelHandle, model::Kernel},
};
use fenxi_proto::analysis::v1::{
    FinishedEvent, KernelState, Outcome, OutputEvent, StreamName, mime_part::Content, output_event::Event,
};

use super::soon;

/// What an execution said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) events: Vec<Event>,
    pub(crate) end: FinishedEvent,
}

impl Ran {
    /// Reads a log to its end.
    pub(crate) async fn read(mut reader: LogReader) -> Self {
        let mut events = Vec::new();
        while let Some(event) = next(&mut reader).await {
            events.push(event);
        }
        let Some(Event::Finished(end)) = events.last().cloned() else { panic!("no end: {events:?}") };
        let ends = events.iter().filter(|event| matches!(event, Event::Finished(_))).count();
        assert_eq!(ends, 1, "one end and no more");
        Self { events, end }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.end.outcome()
    }

    pub(crate) fn text(&self, name: StreamName) -> String {
        let texts = self.events.iter().filter_map(|event| match event {
            Event::Stream(stream) if stream.name() == name => Some(stream.text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// The `text/plain` of its result.
    pub(crate) fn result(&self) -> String {
        let result = self.events.iter().find_map(|event| match event {
            Event::Result(result) => result.bundle.as_ref(),
            _ => None,
        });
        let parts = &result.expect("a result").parts;
        let plain = parts.iter().find(|part| part.mime_type == "text/plain").expect("plain text");
        let Some(Content::Text(text)) = &plain.content else { panic!("no text") };
        text.clone()
    }
}

/// The next event of a log, without its number.
pub(crate) async fn next(reader: &mut LogReader) -> Option<Event> {
    let event: Option<OutputEvent> = soon(reader.next()).await.expect("an event");
    event.map(|event| event.event.expect("something said"))
}

/// Waits for an event.
pub(crate) async fn until(reader: &mut LogReader, mut wanted: impl FnMut(&Event) -> bool) -> Event {
    while let Some(event) = next(reader).await {
        if wanted(&event) {
            return event;
        }
    }
    panic!("the log ended without it");
}

/// Waits until code says so by printing.
pub(crate) async fn until_printed(reader: &mut LogReader, text: &str) {
    until(reader, |event| matches!(event, Event::Stream(stream) if stream.text.contains(text))).await;
}

/// Waits until a kernel stands there.
pub(crate) async fn until_state(kernel: &KernelHandle, state: KernelState) -> Arc<Kernel> {
    until_kernel(kernel, |kernel| kernel.state == state).await
}

pub(crate) async fn until_kernel(kernel: &KernelHandle, wanted: impl FnMut(&Arc<Kernel>) -> bool) -> Arc<Kernel> {
    let mut watch = kernel.watch();
    Arc::clone(&*soon(watch.wait_for(wanted)).await.expect("the kernel is there"))
}
