//! How long what a kernel said waits for what it says next, so that both leave together.
//!
//! A short execution is five messages within some milliseconds, and each that leaves alone wakes the service, its log and
//! its reader for itself. So what comes on iopub waits a little, until code has come to its end: until the kernel has
//! answered on shell and said that it is idle, both of one request, in either order
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-iopub-pub-sub-channel>). When each
//! came is told with it.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use crate::protocol::{Channel, Heard, Told};

/// The longest that something waits.
const HOLD_MAX: Duration = Duration::from_millis(5);
/// As many bytes wait for nothing.
const HOLD_MAX_BYTES: usize = 16 * 1024;
/// The content of a message that tells a state is shorter.
const STATE_MAX_BYTES: usize = 64;

/// What of a kernel's messages waits, and until when.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    bytes: usize,
    /// When what waits leaves, whatever comes.
    due: Option<Instant>,
    /// It leaves now.
    is_over: bool,
    /// The request that was answered last.
    answered: Option<Request>,
    /// The request after which the kernel was idle last.
    idle: Option<Request>,
}

/// Tells requests apart: a hash of the parent header, which a kernel sends back as it came. That of a kernel which does
/// not is found to be nobody's, and what it says waits for the longest time.
type Request = u64;

impl Hold {
    /// Something came.
    pub(crate) fn came(&mut self, told: &Told, now: Instant) {
        if self.waits(told) {
            self.due.get_or_insert(now + HOLD_MAX);
        } else {
            self.is_over = true;
        }
    }

    fn waits(&mut self, told: &Told) -> bool {
        let Told::Heard(Heard { channel, frames, .. }) = told else { return false };
        self.bytes += frames.iter().map(Bytes::len).sum::<usize>();
        match Channel::try_from(*channel) {
            Ok(Channel::Iopub) if frames.last().is_some_and(says_idle) => self.idle = parent(frames),
            Ok(Channel::Iopub) => {}
            Ok(Channel::Shell) => self.answered = parent(frames),
            _ => return false,
        }
        if self.idle.is_some() && self.idle == self.answered {
            (self.idle, self.answered) = (None, None);
            return false;
        }
        self.bytes < HOLD_MAX_BYTES
    }

    /// Nothing waits any longer.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    /// When what waits leaves, if anything does.
    pub(crate) fn due(&self) -> Due {
        match self.due {
            _ if self.is_over => Due::Now,
            Some(at) => Due::At(at),
            None => Due::Never,
        }
    }

    /// What waited has left.
    pub(crate) fn left(&mut self) {
        (self.bytes, self.due, self.is_over) = (0, None, false);
    }
}

/// When something leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Due {
    Now,
    At(Instant),
    /// There is nothing.
    Never,
}

impl Due {
    /// Waits for it.
    pub(crate) async fn come(self) {
        match self {
            Self::Now => {}
            Self::At(at) => tokio::time::sleep_until(at).await,
            Self::Never => std::future::pending().await,
        }
    }
}

/// The request that a message is of. Its frames end with signature, header, parent header, metadata and content
/// (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol>); those that end with buffers are
/// neither an answer to code nor a state.
fn parent(frames: &[Bytes]) -> Option<Request> {
    let mut hasher = DefaultHasher::new();
    frames.get(frames.len().checked_sub(3)?)?.hash(&mut hasher);
    Some(hasher.finish())
}

/// Whether a message with this content tells that the kernel is idle. One that only looks like it leaves too early.
fn says_idle(content: &Bytes) -> bool {
    let idle = br#""idle""#;
    content.len() < STATE_MAX_BYTES && content.windows(idle.len()).any(|part| part == idle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Closed;

    /// What a kernel said of the request with this header.
    fn of(parent: &'static str, channel: Channel, content: &[u8]) -> Told {
        let before =
            ["topic", "<IDS|MSG>", "signature", "{}", parent, "{}"].map(|frame| Bytes::from_static(frame.as_bytes()));
        let frames = before.into_iter().chain([Bytes::copy_from_slice(content)]).collect();
        Told::Heard(Heard { channel: channel.into(), frames, ..Heard::default() })
    }

    fn heard(channel: Channel, content: &[u8]) -> Told {
        of("one", channel, content)
    }

    fn busy(parent: &'static str) -> Told {
        of(parent, Channel::Iopub, br#"{"execution_state": "busy"}"#)
    }

    fn idle(parent: &'static str) -> Told {
        of(parent, Channel::Iopub, br#"{"execution_state": "idle"}"#)
    }

    fn answer(parent: &'static str) -> Told {
        of(parent, Channel::Shell, b"{}")
    }

    fn waits(hold: &Hold) -> bool {
        matches!(hold.due(), Due::At(_))
    }

    #[test]
    fn what_is_said_waits_for_the_end_and_no_longer_than_the_limit() {
        let mut hold = Hold::default();
        assert_eq!(hold.due(), Due::Never);
        let now = Instant::now();
        for after in [Duration::ZERO, Duration::from_millis(1)] {
            hold.came(&heard(Channel::Iopub, b"{}"), now + after);
        }
        assert_eq!(hold.due(), Due::At(now + HOLD_MAX), "what came first waits longer for what came later");
        hold.left();
        assert_eq!(hold.due(), Due::Never);
    }

    #[test]
    fn an_answer_and_idleness_end_it_in_any_order_and_for_each_anew() {
        let mut hold = Hold::default();
        // Two sockets: the answer can overtake all that was said before it.
        let orders = |parent| {
            [
                [busy(parent), answer(parent), idle(parent)],
                [busy(parent), idle(parent), answer(parent)],
                [answer(parent), busy(parent), idle(parent)],
            ]
        };
        for parent in ["one", "two"] {
            for order in orders(parent) {
                for told in order {
                    assert_ne!(hold.due(), Due::Now, "of {parent} it has left before its end");
                    hold.came(&told, Instant::now());
                }
                assert_eq!(hold.due(), Due::Now);
                hold.left();
            }
        }
    }

    #[test]
    fn an_end_of_another_request_is_none_of_the_next() {
        let mut hold = Hold::default();
        // One on control: its answer is not on shell.
        for told in [busy("look"), idle("look"), busy("one"), answer("one")] {
            hold.came(&told, Instant::now());
        }
        assert!(waits(&hold), "the end of this one has not come");
        hold.came(&idle("one"), Instant::now());
        assert_eq!(hold.due(), Due::Now);
    }

    #[test]
    fn what_somebody_waits_for_and_what_is_large_leaves_at_once() {
        let large = vec![b' '; HOLD_MAX_BYTES];
        let closed = Told::Closed(Closed { number: 1, channel: Channel::Iopub.into() });
        for told in
            [heard(Channel::Control, b"{}"), heard(Channel::Stdin, b"{}"), heard(Channel::Iopub, &large), closed]
        {
            let mut hold = Hold::default();
            hold.came(&told, Instant::now());
            assert_eq!(hold.due(), Due::Now, "{told:?}");
        }
    }
}
