//! Whether a connection lives: how many requests it has, since when it has none, and whether an answer is stuck because
//! the client does not take it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use crate::{BoxError, body::Body};

/// One connection's pulse.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<State>);

#[derive(Debug)]
struct State {
    open: usize,
    idle_since: Instant,
    /// For each request, since when a piece of its answer is handed over and none asked for. As long as most requests that
    /// there were at one time.
    handed: Vec<Option<Instant>>,
    /// Places in `handed` that no request has.
    free: Vec<usize>,
}

impl State {
    fn set_handed(&mut self, place: usize, handed: Option<Instant>) {
        if let Some(slot) = self.handed.get_mut(place) {
            *slot = handed;
        }
    }
}

/// One request of the connection, until its answer has ended.
#[derive(Debug)]
pub(super) struct Beat {
    pulse: Arc<Pulse>,
    place: usize,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let state = State { open: 0, idle_since: Instant::now(), handed: Vec::new(), free: Vec::new() };
        Self(Mutex::new(state))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(self: &Arc<Self>) -> Beat {
        let mut state = self.state();
        state.open += 1;
        let place = state.free.pop().unwrap_or_else(|| {
            state.handed.push(None);
            state.handed.len() - 1
        });
        Beat { pulse: self.clone(), place }
    }

    /// For how long there has been no request; `None`: there is one.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        let state = self.state();
        (state.open == 0).then(|| state.idle_since.elapsed())
    }

    /// For how long the most stuck answer has been stuck.
    pub(super) fn stalled_for(&self) -> Option<Duration> {
        self.state().handed.iter().flatten().map(Instant::elapsed).max()
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        let mut state = self.pulse.state();
        state.open = state.open.saturating_sub(1);
        if state.open == 0 {
            state.idle_since = Instant::now();
        }
        state.set_handed(self.place, None);
        state.free.push(self.place);
    }
}

/// An answer's body, felt.
pub(super) struct Felt {
    body: Body,
    beat: Beat,
    handed: bool,
}

impl Felt {
    pub(super) fn new(body: Body, beat: Beat) -> Self {
        Self { body, beat, handed: false }
    }
}

impl HttpBody for Felt {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.handed {
            this.handed = false;
            this.beat.pulse.state().set_handed(this.beat.place, None);
        }
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        // The last frame too: the server keeps it, and this body, until the client has room for it.
        if matches!(&frame, Poll::Ready(Some(Ok(frame))) if frame.is_data()) {
            this.handed = true;
            this.beat.pulse.state().set_handed(this.beat.place, Some(Instant::now()));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_again_and_says_nothing_of_its_last_request() {
        let pulse = Arc::new(Pulse::new());
        let (first, second) = (pulse.begin(), pulse.begin());
        let long_ago = Instant::now().checked_sub(Duration::from_secs(3)).expect("a clock that runs for a while");
        pulse.state().set_handed(first.place, Some(long_ago));
        pulse.state().set_handed(second.place, Some(Instant::now()));
        assert!(pulse.stalled_for() >= Some(Duration::from_secs(3)));
        drop(first);
        assert!(pulse.stalled_for() < Some(Duration::from_secs(3)));
        let third = pulse.begin();
        drop(second);
        assert_eq!((pulse.stalled_for(), pulse.idle_for()), (None, None));
        drop(third);
        assert!(pulse.idle_for().is_some());
        assert_eq!(pulse.state().handed.len(), 2, "as many places as requests at one time");
    }
}
