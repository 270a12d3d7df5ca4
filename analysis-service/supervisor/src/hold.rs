//! How long what a kernel said waits for what it says next, so that both leave together.
//!
//! A short execution is five messages within some milliseconds, and each that leaves alone wakes the service, its log and
//! its reader for itself. So what comes on iopub waits a little, until code has come to its end: until the kernel has
//! answered on shell and said that it is idle
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-iopub-pub-sub-channel>). When each
//! came is told with it.

use std::time::Duration;

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
    answered: bool,
    idle: bool,
}

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
            Ok(Channel::Iopub) => match frames.last().and_then(state) {
                // What was told of former requests, such as one on control that has no answer on shell, is over.
                Some(State::Busy) => (self.idle, self.answered) = (false, false),
                Some(State::Idle) => self.idle = true,
                None => {}
            },
            Ok(Channel::Shell) => self.answered = true,
            _ => return false,
        }
        if self.idle && self.answered {
            (self.idle, self.answered) = (false, false);
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

enum State {
    Busy,
    Idle,
}

/// The state that a message with this content tells, if it tells one. One that only looks like it leaves too early.
fn state(content: &Bytes) -> Option<State> {
    let says = |state: &[u8]| content.len() < STATE_MAX_BYTES && content.windows(state.len()).any(|part| part == state);
    if says(br#""busy""#) { Some(State::Busy) } else { says(br#""idle""#).then_some(State::Idle) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Closed;

    fn heard(channel: Channel, content: &[u8]) -> Told {
        let frames = vec![Bytes::from_static(b"topic"), Bytes::copy_from_slice(content)];
        Told::Heard(Heard { channel: channel.into(), frames, ..Heard::default() })
    }

    fn idle() -> Told {
        heard(Channel::Iopub, br#"{"execution_state": "idle"}"#)
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
    fn an_answer_and_idleness_end_it_in_either_order_and_for_each_anew() {
        let mut hold = Hold::default();
        for _ in 0..2 {
            for last_is_idle in [true, false] {
                let [first, last] = if last_is_idle {
                    [heard(Channel::Shell, b"{}"), idle()]
                } else {
                    [idle(), heard(Channel::Shell, b"{}")]
                };
                hold.came(&first, Instant::now());
                assert!(waits(&hold));
                hold.came(&last, Instant::now());
                assert_eq!(hold.due(), Due::Now);
                hold.left();
            }
        }
    }

    #[test]
    fn an_end_of_another_request_is_none_of_the_next() {
        let busy = heard(Channel::Iopub, br#"{"execution_state": "busy"}"#);
        let answer = heard(Channel::Shell, b"{}");
        let mut hold = Hold::default();
        // One on control: its answer is not on shell.
        for told in [&busy, &idle(), &busy, &answer] {
            hold.came(told, Instant::now());
        }
        assert!(waits(&hold), "the end of this one has not come");
        hold.came(&idle(), Instant::now());
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
