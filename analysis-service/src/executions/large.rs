//! One output that is larger than what may be kept: the forms of it that fit are kept, and of its plain text the beginning.
//! A part of any other form would be none.

use fenxi_proto::analysis::v1::{MimePart, mime_part::Content, output_event::Event};

use super::{
    bounds::{clip, cost_bytes, payload_bytes},
    content::{bundle_mut, inline_len},
};

/// The form of which a part is worth something.
const PLAIN: &str = "text/plain";
/// The word about what is left out of a text, and by how much more bytes its length is written.
const WORD_MAX_BYTES: u64 = 128;

/// What of an event is kept in `room` bytes of the output limit, if anything is, and how many bytes are left out. A text
/// that has to be cut takes no more than `text_max_bytes`.
pub(super) fn fit(mut event: Event, room: u64, text_max_bytes: u64) -> (Option<Event>, u64) {
    let whole_bytes = payload_bytes(&event);
    let mut cost = cost_bytes(&event);
    while cost > room {
        let Some(bundle) = bundle_mut(&mut event) else { return (None, whole_bytes) };
        let others = bundle.parts.iter().enumerate().filter(|(_, part)| part.mime_type != PLAIN);
        if let Some((largest, _)) = others.max_by_key(|(_, part)| inline_len(part)) {
            bundle.parts.remove(largest);
        } else if let Some(MimePart { content: Some(Content::Text(text)), .. }) = bundle.parts.first_mut() {
            let beside = cost.saturating_sub(text.len() as u64) + WORD_MAX_BYTES;
            let left = room.min(text_max_bytes).saturating_sub(beside);
            if left == 0 {
                return (None, whole_bytes);
            }
            clip(text, usize::try_from(left).unwrap_or(usize::MAX));
        } else {
            return (None, whole_bytes);
        }
        cost = cost_bytes(&event);
    }
    let dropped_bytes = whole_bytes.saturating_sub(payload_bytes(&event));
    if dropped_bytes > 0 && payload_bytes(&event) == 0 { (None, whole_bytes) } else { (Some(event), dropped_bytes) }
}

#[cfg(test)]
mod tests {
    use fenxi_proto::analysis::v1::{DisplayEvent, MimeBundle};

    use super::*;
    use crate::executions::test_events::stdout;

    fn display(parts: &[(&str, usize)]) -> Event {
        let part = |(name, bytes): &(&str, usize)| MimePart {
            mime_type: (*name).into(),
            content: Some(Content::Text("分".repeat(bytes / 3))),
        };
        let bundle = MimeBundle { parts: parts.iter().map(part).collect(), metadata_json: String::new() };
        Event::Display(DisplayEvent { bundle: Some(bundle), display_id: String::new() })
    }

    fn forms(event: Option<Event>) -> Vec<(String, usize)> {
        let mut event = event.expect("something is kept");
        let parts = std::mem::take(&mut bundle_mut(&mut event).expect("forms").parts);
        parts.into_iter().map(|part| (part.mime_type.clone(), inline_len(&part))).collect()
    }

    #[test]
    fn what_fits_is_kept_as_it_is() {
        let event = display(&[("text/html", 3_000), ("text/plain", 300)]);
        assert_eq!(fit(event.clone(), 4_000, 10), (Some(event), 0));
    }

    #[test]
    fn the_largest_forms_go_and_the_others_stay() {
        let event = display(&[("image/svg+xml", 30_000), ("text/html", 3_000), ("text/plain", 300)]);
        let (kept, dropped_bytes) = fit(event, 10_000, 1_000);
        assert_eq!(forms(kept), [("text/html".to_owned(), 3_000), ("text/plain".to_owned(), 300)]);
        assert_eq!(dropped_bytes, 30_000);
    }

    #[test]
    fn of_a_plain_text_the_beginning_stays() {
        let (kept, dropped_bytes) = fit(display(&[("text/html", 90_000), ("text/plain", 60_000)]), 50_000, 9_000);
        assert!(cost_bytes(kept.as_ref().expect("kept")) <= 9_000);
        let [(name, bytes)] = &forms(kept)[..] else { panic!("not one form") };
        assert!(name == PLAIN && *bytes > 8_000, "{name} {bytes}");
        assert_eq!(dropped_bytes, 150_000 - *bytes as u64);
    }

    #[test]
    fn where_nothing_can_be_kept_all_is_counted() {
        for (event, bytes) in [
            (display(&[("text/html", 90_000)]), 90_000),
            (display(&[("text/plain", 90_000)]), 90_000),
            (stdout(&"x".repeat(500)), 500),
        ] {
            assert_eq!(fit(event, 100, 100), (None, bytes));
        }
    }
}
