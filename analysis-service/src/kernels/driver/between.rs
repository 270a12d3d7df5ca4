//! What a kernel prints while no code runs in it, from a thread or a process that a cell has left: the next cell shows it.

use std::{collections::VecDeque, mem::take};

use fenxi_proto::analysis::v1::{StreamEvent, TruncatedEvent, output_event::Event};

use super::{Driver, run::signed};

/// As much is kept of it, the newest.
const KEPT_MAX_BYTES: usize = 64 * 1024;
/// As many pieces, once those that follow one another are joined.
const PIECES_MAX: usize = 1024;

/// Text that nobody was shown.
#[derive(Debug, Default)]
pub(super) struct Between {
    pieces: VecDeque<StreamEvent>,
    bytes: usize,
    dropped_bytes: u64,
}

impl Between {
    /// Keeps what was printed.
    pub(super) fn keep(&mut self, printed: StreamEvent) {
        self.bytes += printed.text.len();
        match self.pieces.back_mut().filter(|last| last.name == printed.name) {
            Some(last) => last.text.push_str(&printed.text),
            None => self.pieces.push_back(printed),
        }
        while self.pieces.len() > PIECES_MAX {
            self.drop_first(usize::MAX);
        }
        while self.bytes > KEPT_MAX_BYTES {
            self.drop_first(self.bytes - KEPT_MAX_BYTES);
        }
    }

    /// Drops as many bytes of the first piece, and what of a character is left by them, or all of it.
    fn drop_first(&mut self, bytes: usize) {
        let Some(first) = self.pieces.front_mut() else { return };
        let dropped = first.text.ceil_char_boundary(bytes);
        first.text.drain(..dropped);
        if first.text.is_empty() {
            self.pieces.pop_front();
        }
        self.bytes -= dropped;
        self.dropped_bytes += dropped as u64;
    }

    /// All of it, after a marker where something was dropped.
    fn take(&mut self) -> impl Iterator<Item = Event> + use<> {
        let Self { pieces, bytes, dropped_bytes } = take(self);
        let marker = TruncatedEvent {
            kept_bytes: signed(bytes as u64),
            dropped_bytes: signed(dropped_bytes),
            limit_bytes: signed(KEPT_MAX_BYTES as u64),
        };
        let marker = (dropped_bytes > 0).then_some(Event::Truncated(marker));
        marker.into_iter().chain(pieces.into_iter().map(Event::Stream))
    }
}

impl Driver {
    /// Shows it in the log of what runs now.
    pub(super) async fn tell_between(&mut self) {
        let Some(running) = &mut self.running else { return };
        for event in self.between.take() {
            running.work.log.append(event).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use fenxi_proto::analysis::v1::StreamName;

    use super::*;

    fn printed(name: StreamName, text: &str) -> StreamEvent {
        StreamEvent { name: name.into(), text: text.into() }
    }

    #[test]
    fn what_is_printed_is_kept_in_its_order_and_once() {
        let mut between = Between::default();
        for (name, text) in [(StreamName::Stdout, "a"), (StreamName::Stdout, "b"), (StreamName::Stderr, "c")] {
            between.keep(printed(name, text));
        }
        let told: Vec<_> = between.take().collect();
        assert_eq!(
            told,
            [(StreamName::Stdout, "ab"), (StreamName::Stderr, "c")]
                .map(|(name, text)| { Event::Stream(printed(name, text)) })
        );
        assert_eq!(between.take().count(), 0);
    }

    #[test]
    fn the_newest_is_kept_and_the_rest_is_counted() {
        let mut between = Between::default();
        between.keep(printed(StreamName::Stderr, "old"));
        between.keep(printed(StreamName::Stdout, &"好".repeat(KEPT_MAX_BYTES)));
        between.keep(printed(StreamName::Stdout, "!"));
        let told: Vec<_> = between.take().collect();
        let [Event::Truncated(marker), Event::Stream(kept)] = told.as_slice() else { panic!("{told:?}") };
        assert!(
            kept.text.len() <= KEPT_MAX_BYTES && kept.text.len() + 3 > KEPT_MAX_BYTES && kept.text.ends_with("好!")
        );
        assert_eq!(marker.kept_bytes, signed(kept.text.len() as u64));
        assert_eq!(marker.kept_bytes + marker.dropped_bytes, signed(3 + 3 * KEPT_MAX_BYTES as u64 + 1));
    }

    #[test]
    fn many_small_pieces_are_no_more_than_the_limit() {
        let mut between = Between::default();
        for _ in 0..PIECES_MAX {
            between.keep(printed(StreamName::Stdout, "o"));
            between.keep(printed(StreamName::Stderr, "e"));
        }
        assert_eq!(between.pieces.len(), PIECES_MAX);
        assert_eq!(between.dropped_bytes, PIECES_MAX as u64);
    }
}
