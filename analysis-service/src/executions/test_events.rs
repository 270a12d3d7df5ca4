//! Events for the tests of this room.

use fenxi_proto::analysis::v1::{
    FinishedEvent, MimeBundle, MimePart, Outcome, OutputEvent, QueuedEvent, ResultEvent, StreamEvent, StreamName,
    mime_part::Content, output_event::Event,
};

/// Text on standard output, numbered.
pub(crate) fn text(sequence: i64, text: &str) -> OutputEvent {
    OutputEvent { sequence, time: Some(fenxi_proto::time::timestamp(sequence)), event: Some(stdout(text)) }
}

/// Text on standard output.
pub(crate) fn stdout(text: &str) -> Event {
    Event::Stream(StreamEvent { name: StreamName::Stdout.into(), text: text.to_owned() })
}

/// Text on standard error.
pub(crate) fn stderr(text: &str) -> Event {
    Event::Stream(StreamEvent { name: StreamName::Stderr.into(), text: text.to_owned() })
}

/// The first event.
pub(crate) fn queued() -> Event {
    Event::Queued(QueuedEvent { position: 0 })
}

/// A result with this plain text.
pub(crate) fn result(text: &str) -> Event {
    let part = MimePart { mime_type: "text/plain".into(), content: Some(Content::Text(text.to_owned())) };
    let bundle = MimeBundle { parts: vec![part], metadata_json: String::new() };
    Event::Result(ResultEvent { bundle: Some(bundle), execution_count: 1, display_id: String::new() })
}

/// A good end.
pub(crate) fn finished() -> FinishedEvent {
    FinishedEvent { outcome: Outcome::Ok.into(), ..FinishedEvent::default() }
}
