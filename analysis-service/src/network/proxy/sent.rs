//! A request's body on its way out, that tells when nothing of it is left to be sent.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// A body; dropped, which is when it has been sent, it tells so.
#[derive(Debug)]
pub(super) struct Sent {
    body: Incoming,
    _tells: oneshot::Sender<()>,
}

impl Sent {
    /// The receiver hears an error once it is sent.
    pub(super) fn new(body: Incoming) -> (Self, oneshot::Receiver<()>) {
        let (tells, told) = oneshot::channel();
        (Self { body, _tells: tells }, told)
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
