//! What a client sends to a backend: its body as it arrives, held to its limits.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use fenxi_proto::error::{ErrorReason, Failure};
use http_body::{Body, Frame};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep},
};

use super::{frames::Frames, unhurried::LINGER};
use crate::{
    BoxError,
    arriving::Arriving,
    config::{Calls, secs},
    contract::Method,
};

/// Why a client's body was given up, for whoever answers the call.
pub(crate) type Verdict = Arc<OnceLock<Failure>>;

/// A client's body. Its size is never told: frames are passed as they come, and a broken client does not keep what it
/// promises.
pub(crate) struct ClientBody {
    inner: Arriving,
    frames: Frames,
    one_message: bool,
    idle_max: Duration,
    ends_by: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// What arrived before the backend was called.
    begun: Option<Bytes>,
    /// Nothing more comes.
    ended: bool,
    /// The body is broken; the backend hears of it when this has run out.
    broken: Option<(Pin<Box<Sleep>>, BoxError)>,
    /// Ends the body early with a reason.
    cut: Option<oneshot::Receiver<Failure>>,
    verdict: Verdict,
}

impl ClientBody {
    pub(crate) fn new(inner: Arriving, method: &Method, limits: &Calls) -> (Self, Verdict) {
        let verdict = Verdict::default();
        let one_message = !method.client_streams;
        let body = Self {
            inner,
            frames: Frames::new(limits.message_max_bytes),
            one_message,
            idle_max: secs(limits.body_idle_max_secs),
            ends_by: one_message.then(|| Instant::now() + secs(limits.body_max_secs)),
            timer: None,
            begun: None,
            ended: false,
            broken: None,
            cut: None,
            verdict: verdict.clone(),
        };
        (body, verdict)
    }

    /// Gives the body up as soon as a reason comes.
    pub(crate) fn end_when(&mut self, cut: oneshot::Receiver<Failure>) {
        self.cut = Some(cut);
    }

    /// Waits for the first bytes, and checks them. What is wrong stands in the verdict.
    pub(crate) async fn begin(&mut self) {
        poll_fn(|cx| self.poll_begin(cx)).await;
    }

    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(Ok(data)) = ready!(self.poll_data(cx)) {
            self.begun = Some(data);
            self.look_for_end(cx);
        }
        Poll::Ready(())
    }

    /// Most clients end a call's one message by a frame of its own, without bytes, that has come along. Known now, it needs
    /// no frame towards the backend.
    fn look_for_end(&mut self, cx: &mut Context<'_>) {
        while self.one_message && self.frames.messages() == 1 && self.frames.between_messages() && !self.is_over() {
            match self.poll_frames(cx) {
                Poll::Ready(Some(Ok(data))) if data.is_empty() => {}
                // Whatever it is, it is more than one message; or it is broken, and the verdict says so.
                Poll::Ready(Some(Ok(_))) => drop(self.give_up(more_than_one())),
                Poll::Ready(Some(Err(_)) | None) | Poll::Pending => return,
            }
        }
    }

    fn is_over(&self) -> bool {
        self.ended || self.verdict.get().is_some() || self.inner.is_end_stream()
    }

    fn give_up(&self, failure: Failure) -> BoxError {
        let error = failure.to_string();
        // The first reason is the one to tell.
        let _ = self.verdict.set(failure);
        error.into()
    }

    fn check(&mut self, data: &Bytes) -> Result<(), BoxError> {
        if let Err(too_long) = self.frames.advance(data) {
            let text = format!(
                "a message announces {} bytes, which is more than a message may have",
                too_long.announced_bytes
            );
            return Err(self.give_up(Failure::new(ErrorReason::QuotaExceeded, text).with_quota("message_bytes")));
        }
        if self.one_message && self.frames.messages() > 1 {
            return Err(self.give_up(more_than_one()));
        }
        Ok(())
    }

    /// Nothing has come; is it too long ago?
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let (idle_max, ends_by) = (self.idle_max, self.ends_by);
        let timer = self.timer.get_or_insert_with(|| {
            let until = Instant::now() + idle_max;
            Box::pin(tokio::time::sleep_until(ends_by.map_or(until, |end| end.min(until))))
        });
        ready!(timer.as_mut().poll(cx));
        let failure = Failure::new(ErrorReason::DeadlineExceeded, "the request did not arrive in the time it has");
        Poll::Ready(Some(Err(self.give_up(failure))))
    }
}

fn more_than_one() -> Failure {
    Failure::invalid("body", "holds more than the one message of this call")
}

impl ClientBody {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let Poll::Ready(polled) = self.poll_frames(cx) else { return self.wait(cx) };
        self.timer = None;
        Poll::Ready(polled)
    }

    fn poll_frames(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                // A client's trailers mean nothing in gRPC.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Some(self.check(&data).map(|()| data)),
                    Err(_) => continue,
                },
                Some(Err(error)) => Some(Err(self.give_up(Failure::invalid("body", format!("broke off: {error}"))))),
                None if self.frames.between_messages() => {
                    self.ended = true;
                    None
                }
                None => Some(Err(self.give_up(Failure::invalid("body", "ends in the middle of a message")))),
            });
        }
    }

    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Option<Failure> {
        match Pin::new(self.cut.as_mut()?).poll(cx) {
            Poll::Ready(reason) => {
                self.cut = None;
                reason.ok()
            }
            Poll::Pending => None,
        }
    }

    /// The same for the backend, which hears of a broken body only after a moment (see `unhurried`).
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(failure) = self.poll_cut(cx) {
            self.begun = None;
            self.broken = Some((Box::pin(tokio::time::sleep(LINGER)), self.give_up(failure)));
        }
        if let Some(data) = self.begun.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if self.broken.is_none() {
            match ready!(self.poll_data(cx)) {
                Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                None => return Poll::Ready(None),
                Some(Err(error)) => self.broken = Some((Box::pin(tokio::time::sleep(LINGER)), error)),
            }
        }
        if let Some((linger, _)) = &mut self.broken {
            ready!(linger.as_mut().poll(cx));
        }
        Poll::Ready(self.broken.take().map(|(_, error)| Err(error)))
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.get_mut().poll_sent(cx)
    }

    fn is_end_stream(&self) -> bool {
        let ended = self.ended || self.inner.is_end_stream();
        self.begun.is_none() && self.broken.is_none() && ended && self.frames.between_messages()
    }
}

#[cfg(test)]
#[path = "sent_tests.rs"]
mod tests;
