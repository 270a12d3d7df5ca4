//! Whether a connection lives: how many requests it has, since when it has none, and whether an answer is stuck because
//! the client does not take it.

use std::{
    collections::HashMap,
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
    next: u64,
    open: usize,
    idle_since: Instant,
    /// Answers of which a piece was handed over, and none asked for since.
    handed: HashMap<u64, Instant>,
}

/// One request of the connection, until its answer has ended.
#[derive(Debug)]
pub(super) struct Beat {
    pulse: Arc<Pulse>,
    id: u64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let state = State { next: 0, open: 0, idle_since: Instant::now(), handed: HashMap::new() };
        Self(Mutex::new(state))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(self: &Arc<Self>) -> Beat {
        let mut state = self.state();
        state.open += 1;
        state.next += 1;
        Beat { pulse: self.clone(), id: state.next }
    }

    /// For how long there has been no request; `None`: there is one.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        let state = self.state();
        (state.open == 0).then(|| state.idle_since.elapsed())
    }

    /// For how long the most stuck answer has been stuck.
    pub(super) fn stalled_for(&self) -> Option<Duration> {
        self.state().handed.values().map(Instant::elapsed).max()
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        let mut state = self.pulse.state();
        state.open = state.open.saturating_sub(1);
        state.idle_since = Instant::now();
        state.handed.remove(&self.id);
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
            this.beat.pulse.state().handed.remove(&this.beat.id);
        }
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(Some(Ok(_)))) && !this.body.is_end_stream() {
            this.handed = true;
            this.beat.pulse.state().handed.insert(this.beat.id, Instant::now());
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
