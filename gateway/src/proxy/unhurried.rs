//! Cancels calls to a backend without hurry. A backend counts calls that are cancelled before it has looked at them, and
//! takes too many for an attack: it closes the connection, which here carries everybody's calls. So a call that its
//! client gives up at once is cancelled a moment later, when the backend has surely seen it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{runtime::Handle, time::timeout};

/// The moment.
pub(super) const LINGER: Duration = Duration::from_millis(250);

/// A future that lives on for a moment when it is dropped unfinished.
pub(super) struct Unhurried<F: Future + Send + Unpin + 'static>(Option<F>);

impl<F: Future + Send + Unpin + 'static> Unhurried<F> {
    pub(super) fn new(future: F) -> Self {
        Self(Some(future))
    }
}

impl<F: Future + Send + Unpin + 'static> Future for Unhurried<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        let polled = Pin::new(future).poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<F: Future + Send + Unpin + 'static> Drop for Unhurried<F> {
    fn drop(&mut self) {
        // Without a runtime the process is at its end, and the connection with it.
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move {
                // Whether it answers meanwhile is nobody's business any more.
                drop(timeout(LINGER, future).await);
            });
        }
    }
}
