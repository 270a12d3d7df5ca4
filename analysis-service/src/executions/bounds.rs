//! Makes an event fit: bounds every field of it, so that one record, one answer on the wire and one wait of a reader
//! stay small whatever the code prints. What is cut leaves a word about it in the text.
//!
//! Forms of an output are not cut here: large ones go to the object store (`content`).

use fenxi_proto::analysis::v1::{ErrorEvent, MimeBundle, StreamEvent, mime_part::Content, output_event::Event};

use super::{
    content::bundle,
    limits::{
        BUNDLE_MAX_PARTS, EVENT_COST_BYTES, MESSAGE_TEXT_MAX_BYTES, METADATA_MAX_BYTES, NAME_MAX_BYTES,
        STREAM_TEXT_MAX_BYTES, TRACEBACK_MAX_BYTES,
    },
};

/// The event with bounded fields; a stream text that is too long becomes several.
pub(super) fn bound(mut event: Event) -> Vec<Event> {
    match &mut event {
        Event::Stream(stream) if stream.text.len() > STREAM_TEXT_MAX_BYTES => return split(stream),
        Event::Display(display) => {
            bound_bundle(display.bundle.as_mut());
            clip(&mut display.display_id, NAME_MAX_BYTES);
        }
        Event::UpdateDisplay(display) => {
            bound_bundle(display.bundle.as_mut());
            clip(&mut display.display_id, NAME_MAX_BYTES);
        }
        Event::Result(result) => {
            bound_bundle(result.bundle.as_mut());
            clip(&mut result.display_id, NAME_MAX_BYTES);
        }
        Event::Error(error) => bound_error(error, TRACEBACK_MAX_BYTES),
        Event::InputRequest(request) => clip(&mut request.prompt, MESSAGE_TEXT_MAX_BYTES),
        Event::Notice(notice) => clip(&mut notice.text, MESSAGE_TEXT_MAX_BYTES),
        _ => {}
    }
    vec![event]
}

/// The bytes of output in an event, contents in the object store included.
pub(super) fn payload_bytes(event: &Event) -> u64 {
    let bundle = match event {
        Event::Stream(stream) => return stream.text.len() as u64,
        Event::Error(error) => {
            let lines = error.traceback.iter().map(String::len).sum::<usize>();
            return (error.name.len() + error.value.len() + lines) as u64;
        }
        Event::Display(display) => &display.bundle,
        Event::UpdateDisplay(display) => &display.bundle,
        Event::Result(result) => &result.bundle,
        _ => return 0,
    };
    let parts = bundle.iter().flat_map(|bundle| &bundle.parts).filter_map(|part| part.content.as_ref());
    parts.map(content_bytes).sum::<u64>() + bundle.as_ref().map_or(0, |bundle| bundle.metadata_json.len() as u64)
}

/// What an event takes of the output limit: all that it takes on the disk, names and ids as well as output, and its
/// contents in the object store.
pub(super) fn cost_bytes(event: &Event) -> u64 {
    let stored: u64 = references(event).sum();
    event.encoded_len() as u64 + stored + EVENT_COST_BYTES
}

/// The bytes of each content in the object store that an event refers to.
fn references(event: &Event) -> impl Iterator<Item = u64> {
    bundle(event).into_iter().flat_map(|bundle| &bundle.parts).filter_map(|part| match &part.content {
        Some(Content::Reference(reference)) => Some(u64::try_from(reference.size_bytes).unwrap_or(0)),
        _ => None,
    })
}

fn content_bytes(content: &Content) -> u64 {
    match content {
        Content::Text(text) => text.len() as u64,
        Content::Data(data) => data.len() as u64,
        Content::Reference(reference) => u64::try_from(reference.size_bytes).unwrap_or(0),
    }
}

fn split(stream: &StreamEvent) -> Vec<Event> {
    let mut pieces = Vec::with_capacity(stream.text.len() / STREAM_TEXT_MAX_BYTES + 1);
    let mut rest = stream.text.as_str();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(STREAM_TEXT_MAX_BYTES));
        pieces.push(Event::Stream(StreamEvent { name: stream.name, text: piece.to_owned() }));
        rest = after;
    }
    pieces
}

fn bound_bundle(bundle: Option<&mut MimeBundle>) {
    let Some(bundle) = bundle else { return };
    bundle.parts.truncate(BUNDLE_MAX_PARTS);
    for part in &mut bundle.parts {
        clip(&mut part.mime_type, NAME_MAX_BYTES);
    }
    if bundle.metadata_json.len() > METADATA_MAX_BYTES {
        // A part of a JSON text is none. The room goes, too.
        bundle.metadata_json = String::new();
    }
}

/// Bounds the name, the text and the lines of an exception: a traceback says most at its ends, where the code is and
/// what went wrong.
pub(super) fn bound_error(error: &mut ErrorEvent, traceback_max_bytes: usize) {
    let line_max_bytes = MESSAGE_TEXT_MAX_BYTES.min(traceback_max_bytes / 4);
    clip(&mut error.name, NAME_MAX_BYTES);
    clip(&mut error.value, line_max_bytes);
    for line in &mut error.traceback {
        clip(line, line_max_bytes);
    }
    if lines_bytes(error.traceback.iter()) <= traceback_max_bytes {
        return;
    }
    let head = fitting(error.traceback.iter(), traceback_max_bytes / 2);
    let tail = fitting(error.traceback.iter().rev(), traceback_max_bytes / 2);
    let end = error.traceback.len() - tail;
    let note = format!("... {} lines left out ...", end - head);
    error.traceback.splice(head..end, [note]);
    error.traceback.shrink_to_fit();
}

/// An empty line takes room too.
fn line_bytes(line: &str) -> usize {
    line.len() + 1
}

fn lines_bytes<'a>(lines: impl Iterator<Item = &'a String>) -> usize {
    lines.map(|line| line_bytes(line)).sum()
}

/// How many of the lines fit.
fn fitting<'a>(lines: impl Iterator<Item = &'a String>, room: usize) -> usize {
    let sums = lines.scan(0, |sum, line| {
        *sum += line_bytes(line);
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= room).count()
}

/// Cuts `text` to `max_bytes` and a word about it. What is cut takes no memory any more: an event counts by its bytes
/// wherever it waits.
pub(super) fn clip(text: &mut String, max_bytes: usize) {
    if text.len() > max_bytes {
        let left_out = text.len() - text.floor_char_boundary(max_bytes);
        text.truncate(text.floor_char_boundary(max_bytes));
        text.push_str(&format!("... [{left_out} bytes left out]"));
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use fenxi_proto::analysis::v1::DisplayEvent;
    use proptest::prelude::*;

    use super::*;
    use crate::executions::test_events::stdout;

    fn streamed(events: &[Event]) -> String {
        events
            .iter()
            .map(|event| match event {
                Event::Stream(s) => s.text.as_str(),
                _ => panic!("no stream"),
            })
            .collect()
    }

    #[test]
    fn what_is_cut_takes_no_memory() {
        let long = || "x".repeat(8 << 20);
        let bundle = MimeBundle { parts: Vec::new(), metadata_json: long() };
        let display = DisplayEvent { bundle: Some(bundle), display_id: long() };
        let [Event::Display(display)] = &bound(Event::Display(display))[..] else { panic!("not one display") };
        let metadata = display.bundle.as_ref().map_or(0, |bundle| bundle.metadata_json.capacity());
        assert!(metadata + display.display_id.capacity() < 4 * NAME_MAX_BYTES, "{metadata}");
        let error = ErrorEvent { name: long(), value: long(), traceback: vec![String::new(); 1 << 20] };
        let [Event::Error(error)] = &bound(Event::Error(error))[..] else { panic!("not one error") };
        let lines = error.traceback.capacity() * size_of::<String>();
        let held = error.name.capacity() + error.value.capacity() + lines;
        assert!(held < 32 * TRACEBACK_MAX_BYTES, "{held}");
    }

    proptest! {
        #[test]
        fn a_long_text_is_split_and_nothing_of_it_is_lost(piece in "[a\u{e4}\u{20ac}\u{1f600}]{1,9}", times in 0..20_000usize) {
            let text = piece.repeat(times);
            let events = bound(stdout(&text));
            prop_assert_eq!(streamed(&events), text);
            for event in &events {
                prop_assert!(payload_bytes(event) <= STREAM_TEXT_MAX_BYTES as u64);
            }
        }

        #[test]
        fn a_traceback_keeps_both_ends(lines in 0..4000usize, width in 0..400usize, value in 0..200_000usize) {
            let traceback: Vec<_> = (0..lines).map(|line| format!("{line}:{}", "x".repeat(width))).collect();
            let error = ErrorEvent { name: "E".into(), value: "v".repeat(value), traceback: traceback.clone() };
            let events = bound(Event::Error(error));
            let [Event::Error(cut)] = events.as_slice() else { panic!("not one error") };
            prop_assert!(payload_bytes(&events[0]) < (TRACEBACK_MAX_BYTES + MESSAGE_TEXT_MAX_BYTES + 4096) as u64);
            prop_assert_eq!(cut.traceback.first(), traceback.first());
            prop_assert_eq!(cut.traceback.last(), traceback.last());
        }
    }
}
