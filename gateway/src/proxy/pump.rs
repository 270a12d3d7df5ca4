//! Moves a body into a stream towards a backend, as fast as the backend takes it and no faster.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body;

use crate::BoxError;

/// Ends when all is sent, when the body is broken (the backend's stream is reset), or when the backend wants no more.
pub(super) struct Pump<B> {
    body: B,
    stream: SendStream<Bytes>,
    /// Taken from the body, and waiting for the backend to take it; and whether it is the last.
    waiting: Option<(Bytes, bool)>,
}

impl<B> Pump<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    pub(super) fn new(body: B, stream: SendStream<Bytes>) -> Self {
        Self { body, stream, waiting: None }
    }

    /// `Ok(true)`: all is sent.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, h2::Error>> {
        if let Some((data, last)) = self.waiting.take() {
            // Asking for one byte is enough to be told when more may go: what is handed over waits in its turn.
            if !data.is_empty() {
                self.stream.reserve_capacity(1);
                while self.stream.capacity() == 0 {
                    match self.stream.poll_capacity(cx) {
                        Poll::Ready(Some(Ok(_))) => {}
                        Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                        // The stream has ended on the other side.
                        Poll::Ready(None) => return Poll::Ready(Ok(true)),
                        Poll::Pending => {
                            self.waiting = Some((data, last));
                            return Poll::Pending;
                        }
                    }
                }
            }
            self.stream.send_data(data, last)?;
            return Poll::Ready(Ok(last));
        }
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => self.waiting = Some((data, self.body.is_end_stream())),
                Err(frame) => {
                    self.stream.send_trailers(frame.into_trailers().unwrap_or_default())?;
                    return Poll::Ready(Ok(true));
                }
            },
            Some(Err(error)) => {
                tracing::debug!(error = %error.into(), "a body towards a backend broke off");
                self.stream.send_reset(Reason::INTERNAL_ERROR);
                return Poll::Ready(Ok(true));
            }
            None => {
                self.stream.send_data(Bytes::new(), true)?;
                return Poll::Ready(Ok(true));
            }
        }
        Poll::Ready(Ok(false))
    }
}

impl<B> Future for Pump<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match this.poll_step(cx) {
                Poll::Ready(Ok(false)) => {}
                Poll::Ready(Ok(true)) => return Poll::Ready(()),
                Poll::Ready(Err(error)) => {
                    tracing::debug!(%error, "a backend took no more of a body");
                    return Poll::Ready(());
                }
                // Woken too when the backend wants nothing more.
                Poll::Pending => return this.stream.poll_reset(cx).map(drop),
            }
        }
    }
}
