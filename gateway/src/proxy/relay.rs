//! What a backend answers, on its way to the client: bytes as they come, and always a proper end. Whatever happens in
//! the middle (the backend dies, the deadline passes, the credential is revoked, the gateway stops), the client gets a
//! status and not a torn connection.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use fenxi_proto::error::Failure;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep},
};
use tonic::{Code, Status};

use super::{answer::Answer, frames::Frames, headers::GRPC_STATUS, sent::Verdict, upstream::Lease};
use crate::{BoxError, guard::Wire, limits::calls::CallPlace, meters::CallMeter, refusal};

/// The flag of the last frame of gRPC-web, which holds the trailers.
const TRAILERS_FLAG: u8 = 0x80;

/// A backend's answer.
pub(crate) struct Relay {
    inner: Option<(Answer, Lease)>,
    wire: Wire,
    frames: Frames,
    backend: &'static str,
    /// The status stood in the headers already.
    status_sent: bool,
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    cut: Option<oneshot::Receiver<Failure>>,
    verdict: Verdict,
    place: Option<CallPlace>,
    meter: CallMeter,
    trace_id: HeaderValue,
}

/// What a relay needs to know beside the body.
pub(crate) struct Terms {
    pub(crate) wire: Wire,
    pub(crate) backend: &'static str,
    pub(crate) status_sent: bool,
    pub(crate) deadline: Option<Instant>,
    /// Ends the answer early with a reason.
    pub(crate) cut: Option<oneshot::Receiver<Failure>>,
    pub(crate) verdict: Verdict,
    pub(crate) meter: CallMeter,
    /// For the log.
    pub(crate) trace_id: HeaderValue,
}

impl Relay {
    pub(crate) fn new(body: Answer, lease: Lease, terms: Terms) -> Self {
        let Terms { wire, backend, status_sent, deadline, cut, verdict, meter, trace_id } = terms;
        // What a backend sends is not limited here; the position is kept to know where an answer can be ended.
        let frames = Frames::new(usize::MAX);
        let inner = Some((body, lease));
        Self {
            inner,
            wire,
            frames,
            backend,
            status_sent,
            deadline,
            timer: None,
            cut,
            verdict,
            place: None,
            meter,
            trace_id,
        }
    }

    /// Holds the call's place among its user's until the answer has been taken.
    pub(crate) fn hold(&mut self, place: Option<CallPlace>) {
        self.place = place;
    }

    fn last(&mut self, trailers: HeaderMap) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        (self.inner, self.place) = (None, None);
        self.meter.end(code_of(&trailers));
        Poll::Ready(Some(Ok(match self.wire {
            Wire::Native => Frame::trailers(trailers),
            Wire::Web => Frame::data(web_trailers(&trailers)),
        })))
    }

    /// Ends the answer with a status of the gateway's own.
    fn end(&mut self, failure: Failure) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.status_sent {
            self.inner = None;
            return Poll::Ready(None);
        }
        let status = Status::from(failure);
        if self.wire == Wire::Web && !self.frames.between_messages() {
            // A trailer frame here would be read as the rest of the message.
            self.inner = None;
            self.meter.end(status.code());
            return Poll::Ready(Some(Err(status.message().to_owned().into())));
        }
        self.last(refusal::status_headers(&status))
    }

    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Option<Failure> {
        match Pin::new(self.cut.as_mut()?).poll(cx) {
            Poll::Ready(Ok(failure)) => Some(failure),
            Poll::Ready(Err(_)) => {
                self.cut = None;
                None
            }
            Poll::Pending => None,
        }
    }

    fn deadline_passed(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.deadline else { return false };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        timer.as_mut().poll(cx).is_ready()
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.inner.is_none() {
            return Poll::Ready(None);
        }
        if let Some(failure) = this.poll_cut(cx) {
            return this.end(failure);
        }
        let Some((body, _)) = this.inner.as_mut() else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => {
                    // Without a limit no length is too long.
                    let _ = this.frames.advance(&data);
                    Poll::Ready(Some(Ok(Frame::data(data))))
                }
                Err(frame) => this.last(frame.into_trailers().unwrap_or_default()),
            },
            Poll::Ready(None) => this.end(refusal::unavailable(this.backend)),
            Poll::Ready(Some(Err(error))) => {
                let failure = this.verdict.get().cloned().unwrap_or_else(|| {
                    let request_id = this.trace_id.to_str().unwrap_or_default();
                    tracing::warn!(backend = this.backend, request_id, %error, "a backend broke off its answer");
                    refusal::unavailable(this.backend)
                });
                this.end(failure)
            }
            Poll::Pending if this.deadline_passed(cx) => this.end(refusal::too_late()),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(|(body, _)| self.status_sent && body.is_end_stream())
    }
}

/// The status code in trailers, or in the headers of an answer without a body.
pub(crate) fn code_of(headers: &HeaderMap) -> Code {
    headers.get(&GRPC_STATUS).map_or(Code::Unknown, |status| Code::from_bytes(status.as_bytes()))
}

/// Trailers as the last frame of gRPC-web.
fn web_trailers(trailers: &HeaderMap) -> Bytes {
    let mut frame = BytesMut::with_capacity(64);
    frame.put_u8(TRAILERS_FLAG);
    frame.put_u32(0);
    for (name, value) in trailers {
        frame.put_slice(name.as_str().as_bytes());
        frame.put_slice(b": ");
        frame.put_slice(value.as_bytes());
        frame.put_slice(b"\r\n");
    }
    let length = u32::try_from(frame.len().saturating_sub(5)).unwrap_or(0);
    if let Some(place) = frame.get_mut(1..5) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_trailers_are_a_frame_of_header_lines() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("5"));
        trailers.insert("grpc-message", HeaderValue::from_static("no%20such"));
        let frame = web_trailers(&trailers);
        let text = b"grpc-status: 5\r\ngrpc-message: no%20such\r\n";
        assert_eq!(frame[0], 0x80);
        assert_eq!(frame[1..5], u32::try_from(text.len()).expect("small").to_be_bytes());
        assert_eq!(&frame[5..], text);
        assert_eq!(code_of(&trailers), Code::NotFound);
    }
}
