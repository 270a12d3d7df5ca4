//! What the history says of an execution: title, preview, and its events within the bounds of an entry.
//!
//! Pure: it is shown every event of a log once, in order, and keeps the head and the tail of them.

use std::collections::VecDeque;

use fenxi_proto::analysis::v1::{OutputEvent, StreamEvent, TruncatedEvent, mime_part::Content, output_event::Event};
use prost::Message as _;

use super::{
    bounds::{bound_error, payload_bytes},
    content::{bundle, inline_len},
};

/// Characters of a title.
const TITLE_MAX_CHARS: usize = 120;
/// Characters of a preview.
const PREVIEW_MAX_CHARS: usize = 200;
/// Inline contents of one entry: the bound that the history sets.
pub(super) const ENTRY_INLINE_MAX_BYTES: usize = 256 * 1024;
/// The oldest of them, where the whole is too long.
const HEAD_MAX_BYTES: usize = 96 * 1024;
/// The newest of them, with what is kept in between. A part of the bound is left for what is beside the contents.
const TAIL_MAX_BYTES: usize = 144 * 1024;
/// Results and errors kept between head and tail.
const PINNED_MAX_EVENTS: usize = 4;
/// One of them; at least 64 KiB of the tail are left for the newest.
const PINNED_MAX_BYTES: usize = 20 * 1024;
/// The traceback of an entry whose log is too long.
const TRACEBACK_MAX_BYTES: usize = 16 * 1024;
/// The longest form of an output that stays in an entry whose log is too long; longer ones are referred to.
pub(super) const ENTRY_PART_MAX_BYTES: usize = 4 * 1024;
/// Bytes that a reference takes in the place of a content: its name and its head.
const REFERENCE_BYTES: usize = 1200;

/// The first line of the code that says something: not blank, not a cell marker, and no import where there is more.
pub(super) fn title(code: &str) -> String {
    let lines = || code.lines().map(str::trim).filter(|line| !line.is_empty());
    let empty = |line: &str| line.trim_matches(['#', '%', '-', '=', ' ']).is_empty();
    let setting_up = |line: &str| {
        ["import ", "from ", "%", "#!", "# %%", "# -*-"].iter().any(|beginning| line.starts_with(beginning))
            || empty(line)
    };
    let line = lines().find(|line| !setting_up(line)).or_else(|| lines().next()).unwrap_or_default();
    line.chars().take(TITLE_MAX_CHARS).collect()
}

/// Collects what an entry says.
#[derive(Debug, Default)]
pub(super) struct Summary {
    error: Option<String>,
    result: Option<String>,
    shown: Option<String>,
    printed: String,
    /// Whether a line of `printed` is complete, so that a new text replaces it.
    line_ended: bool,
    head: Vec<OutputEvent>,
    head_bytes: usize,
    tail: VecDeque<(OutputEvent, usize)>,
    tail_bytes: usize,
    dropped_payload: u64,
}

impl Summary {
    /// Is shown the next event of the log. `whole` where the whole log fits into an entry.
    pub(super) fn see(&mut self, mut event: OutputEvent, whole: bool) {
        self.look(&event);
        if whole {
            self.head.push(event);
            return;
        }
        if let Some(Event::Error(error)) = &mut event.event {
            bound_error(error, TRACEBACK_MAX_BYTES);
        }
        if self.tail.is_empty() {
            let Some(rest) = self.fill_head(event) else { return };
            event = rest;
        }
        let bytes = entry_bytes(&event);
        self.tail.push_back((event, bytes));
        self.tail_bytes += bytes;
        self.shorten();
    }

    /// The preview: the error if there is one, else the last result, the last thing shown, the last printed line.
    pub(super) fn preview(&self) -> String {
        let printed = Some(self.printed.as_str()).filter(|line| !line.is_empty());
        let texts = [self.error.as_deref(), self.result.as_deref(), self.shown.as_deref(), printed];
        let text = texts.into_iter().flatten().next().unwrap_or_default();
        text.chars().take(PREVIEW_MAX_CHARS).collect()
    }

    /// The events, dense from 1; a marker stands where some were left out.
    pub(super) fn into_events(self) -> Vec<OutputEvent> {
        let mut events = self.head;
        if self.dropped_payload > 0 {
            let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
            let kept_bytes = events.iter().filter_map(|event| event.event.as_ref()).map(payload_bytes).sum();
            let marker = TruncatedEvent {
                kept_bytes: signed(kept_bytes),
                dropped_bytes: signed(self.dropped_payload),
                limit_bytes: signed(ENTRY_INLINE_MAX_BYTES as u64),
            };
            let time = self.tail.front().and_then(|(event, _)| event.time);
            events.push(OutputEvent { sequence: 0, time, event: Some(Event::Truncated(marker)) });
        }
        events.extend(self.tail.into_iter().map(|(event, _)| event));
        for (sequence, event) in (1..).zip(&mut events) {
            event.sequence = sequence;
        }
        events
    }

    fn look(&mut self, event: &OutputEvent) {
        match &event.event {
            Some(Event::Error(error)) => {
                let text = if error.value.is_empty() {
                    error.name.clone()
                } else {
                    format!("{}: {}", error.name, error.value)
                };
                self.error = Some(plain(&text));
            }
            Some(Event::Stream(stream)) => self.print(&stream.text),
            Some(event @ Event::Result(_)) => self.result = text_of(event).or(self.result.take()),
            Some(event @ (Event::Display(_) | Event::UpdateDisplay(_))) => {
                self.shown = text_of(event).or(self.shown.take());
            }
            _ => {}
        }
    }

    /// Keeps the last line that says something; it may come in pieces.
    fn print(&mut self, text: &str) {
        // Only the end of a text matters, and a line longer than this is cut anyway.
        const LOOK_BACK_BYTES: usize = 8 * 1024;
        let text = text.get(text.ceil_char_boundary(text.len().saturating_sub(LOOK_BACK_BYTES))..).unwrap_or_default();
        for piece in text.split_inclusive('\n') {
            let line = plain(piece);
            if line.trim().is_empty() {
                self.line_ended |= piece.ends_with('\n') && !self.printed.is_empty();
                continue;
            }
            if std::mem::take(&mut self.line_ended) {
                self.printed.clear();
            }
            if self.printed.len() < LOOK_BACK_BYTES {
                self.printed.push_str(line.trim_end_matches(['\r', '\n']));
            }
            self.line_ended = piece.ends_with('\n');
        }
    }

    /// Adds an event to the head, or of a text as much as has room; gives what has not. Texts of one stream are joined.
    fn fill_head(&mut self, mut event: OutputEvent) -> Option<OutputEvent> {
        let room = HEAD_MAX_BYTES.saturating_sub(self.head_bytes);
        let bytes = entry_bytes(&event);
        let last = self.head.last_mut().and_then(|event| event.event.as_mut());
        if let (Some(Event::Stream(next)), Some(Event::Stream(last))) = (&mut event.event, last)
            && next.name == last.name
        {
            let taken = next.text.floor_char_boundary(room);
            last.text.extend(next.text.drain(..taken));
            self.head_bytes += taken;
            return Some(event).filter(|event| !is_empty(event));
        }
        if bytes <= room {
            self.head_bytes += bytes;
            self.head.push(event);
            return None;
        }
        if let Some(Event::Stream(stream)) = &mut event.event {
            let beside = bytes - stream.text.len();
            let taken = stream.text.floor_char_boundary(room.saturating_sub(beside));
            let text = stream.text.drain(..taken).collect();
            let begun = Event::Stream(StreamEvent { name: stream.name, text });
            if taken > 0 {
                self.head.push(OutputEvent { event: Some(begun), ..event });
                self.head_bytes += beside + taken;
            }
        }
        Some(event)
    }

    fn shorten(&mut self) {
        let mut oldest = 0;
        while self.tail_bytes > TAIL_MAX_BYTES {
            match self.tail.get(oldest) {
                Some((event, bytes)) if oldest < PINNED_MAX_EVENTS && is_pinned(event, *bytes) => oldest += 1,
                Some(_) if self.tail.len() > oldest + 1 => {
                    let above = self.tail_bytes - TAIL_MAX_BYTES;
                    let Some((mut event, bytes)) = self.tail.remove(oldest) else { break };
                    self.tail_bytes -= bytes;
                    self.dropped_payload += drop_of(&mut event, above);
                    if !is_empty(&event) {
                        let bytes = entry_bytes(&event);
                        self.tail_bytes += bytes;
                        self.tail.insert(oldest, (event, bytes));
                    }
                }
                _ => break,
            }
        }
    }
}

/// Drops as many bytes of a text, from its beginning, or all that another event says. Gives how many bytes of content went.
fn drop_of(event: &mut OutputEvent, bytes: usize) -> u64 {
    match &mut event.event {
        Some(Event::Stream(stream)) => {
            let dropped = stream.text.ceil_char_boundary(bytes);
            stream.text.drain(..dropped);
            dropped as u64
        }
        other => other.take().as_ref().map_or(0, payload_bytes),
    }
}

fn is_empty(event: &OutputEvent) -> bool {
    match &event.event {
        Some(Event::Stream(stream)) => stream.text.is_empty(),
        other => other.is_none(),
    }
}

fn is_pinned(event: &OutputEvent, bytes: usize) -> bool {
    bytes <= PINNED_MAX_BYTES && matches!(event.event, Some(Event::Result(_) | Event::Error(_)))
}

/// What an event takes of an entry once its long forms are referred to.
fn entry_bytes(event: &OutputEvent) -> usize {
    let parts = event.event.as_ref().and_then(bundle).map(|bundle| bundle.parts.as_slice()).unwrap_or_default();
    let moved = parts.iter().map(inline_len).filter(|bytes| *bytes > ENTRY_PART_MAX_BYTES);
    let (count, bytes) = moved.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
    event.encoded_len() - bytes + count * REFERENCE_BYTES
}

fn text_of(event: &Event) -> Option<String> {
    let parts = &bundle(event)?.parts;
    let part = parts.iter().find(|part| part.mime_type == "text/plain")?;
    let text = match part.content.as_ref()? {
        Content::Text(text) => text.as_str(),
        Content::Reference(reference) => reference.head.as_str(),
        Content::Data(_) => return None,
    };
    let text: String = plain(text).chars().take(PREVIEW_MAX_CHARS).collect();
    Some(text).filter(|text| !text.trim().is_empty())
}

/// The text without ANSI escapes (ECMA-48 control sequences).
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len().min(1024));
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '\u{1b}' {
            plain.push(char);
        } else if chars.next_if_eq(&'[').is_some() {
            // Parameters and intermediates, then one final byte.
            while chars.next_if(|char| ('\u{20}'..='\u{3f}').contains(char)).is_some() {}
            chars.next_if(|char| ('\u{40}'..='\u{7e}').contains(char));
        }
    }
    plain
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
