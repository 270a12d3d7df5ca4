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
use hyper::rt::Executor;
use tokio::{task::AbortHandle, time::Instant};

use crate::{BoxError, body::Body};

/// One connection's pulse.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<State>);

#[derive(Debug)]
struct State {
    open: usize,
    idle_since: Instant,
    /// One for each request, and as many as most requests that there were at one time.
    places: Vec<Answering>,
    /// Places that no request has.
    free: Vec<usize>,
    /// The place of the request that began last, until it is known in which task it runs.
    begun: Option<usize>,
}

#[derive(Debug, Default)]
struct Answering {
    /// Since when a piece of the answer is handed over and none asked for.
    handed: Option<Instant>,
    /// What moves the answer, where it has a task of its own.
    task: Option<AbortHandle>,
}

impl State {
    fn set_handed(&mut self, place: usize, handed: Option<Instant>) {
        if let Some(answering) = self.places.get_mut(place) {
            answering.handed = handed;
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
        let state = State { open: 0, idle_since: Instant::now(), places: Vec::new(), free: Vec::new(), begun: None };
        Self(Mutex::new(state))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(self: &Arc<Self>) -> Beat {
        let mut state = self.state();
        state.open += 1;
        let place = state.free.pop().unwrap_or_else(|| {
            state.places.push(Answering::default());
            state.places.len() - 1
        });
        state.begun = Some(place);
        Beat { pulse: self.clone(), place }
    }

    /// For how long there has been no request; `None`: there is one.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        let state = self.state();
        (state.open == 0).then(|| state.idle_since.elapsed())
    }

    /// Takes the answers that have been stuck for so long, each as the task that moves it. One without a task has the
    /// connection for itself.
    pub(super) fn stalled(&self, stall_max: Duration) -> Vec<Option<AbortHandle>> {
        let mut state = self.state();
        let stalled = state.places.iter_mut().filter(|one| one.handed.is_some_and(|at| at.elapsed() >= stall_max));
        let taken = stalled.map(|one| {
            one.handed = None;
            one.task.take()
        });
        taken.collect()
    }
}

/// Runs the requests of an HTTP/2 connection, each in a task, so that one can be ended without the others: dropped, its
/// stream is reset. The server begins a request and at once asks for its task, so the one that began last is meant.
#[derive(Clone)]
pub(super) struct Tasks(pub(super) Arc<Pulse>);

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, request: F) {
        let task = tokio::spawn(request).abort_handle();
        let mut state = self.0.state();
        let begun = state.begun.take();
        if let Some(answering) = begun.and_then(|place| state.places.get_mut(place)) {
            answering.task = Some(task);
        }
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        let mut state = self.pulse.state();
        state.open = state.open.saturating_sub(1);
        if state.open == 0 {
            state.idle_since = Instant::now();
        }
        if let Some(answering) = state.places.get_mut(self.place) {
            *answering = Answering::default();
        }
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
        let stalled = || pulse.state().places.iter().flat_map(|one| one.handed).filter(|at| *at == long_ago).count();
        assert_eq!(stalled(), 1);
        drop(first);
        assert_eq!(stalled(), 0);
        let third = pulse.begin();
        drop(second);
        assert!(pulse.stalled(Duration::ZERO).is_empty() && pulse.idle_for().is_none());
        pulse.state().set_handed(third.place, Some(long_ago));
        assert_eq!(pulse.stalled(Duration::from_secs(3)).len(), 1);
        assert!(pulse.stalled(Duration::ZERO).is_empty(), "it was taken");
        drop(third);
        assert!(pulse.idle_for().is_some());
        assert_eq!(pulse.state().places.len(), 2, "as many places as requests at one time");
    }
}
