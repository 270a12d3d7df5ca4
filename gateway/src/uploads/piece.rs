//! The bytes that a request brings. Whoever lets go of them in the middle does not cost the client its answer: over
//! HTTP/2 the stream alone is reset, but over HTTP/1.1 unread bytes reset the whole connection, and a client that sends
//! before it reads would find its connection broken in place of a refusal. There the rest is taken and dropped.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Version, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::{runtime::Handle, time::timeout};

use crate::config::{Calls, secs};

/// Bytes of a body that nobody needs which are still taken: twice the usual piece of an upload.
const REST_MAX_BYTES: usize = 32 << 20;
/// How long none of them may come: a client that has stopped sending reads its answer.
const REST_IDLE_MAX: Duration = Duration::from_secs(5);

/// The body of a request to `/uploads`.
pub(super) struct Piece {
    /// `None`: nothing more comes.
    body: Option<Incoming>,
    /// Whether the rest is to be taken when nobody wants it.
    takes_rest: bool,
    /// A client that waits to be told to go on sends nothing before, so a refusal leaves nothing unread.
    waits_for_continue: bool,
    idle_max: Duration,
    rest_max: Duration,
}

impl Piece {
    /// The request with its body held so.
    pub(super) fn of(request: Request<Incoming>, limits: &Calls) -> Request<Self> {
        let takes_rest = request.version() < Version::HTTP_2;
        let waits_for_continue = request.headers().contains_key(header::EXPECT);
        let (idle_max, rest_max) = (secs(limits.body_idle_max_secs), secs(limits.body_max_secs));
        request.map(|body| Self { body: Some(body), takes_rest, waits_for_continue, idle_max, rest_max })
    }

    /// Whether there are no bytes.
    pub(super) fn is_empty(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    /// More bytes; `None` at the end, however it came about.
    pub(super) async fn bytes(&mut self) -> Option<Bytes> {
        self.waits_for_continue = false;
        loop {
            let frame = timeout(self.idle_max, self.body.as_mut()?.frame()).await;
            let Ok(Some(Ok(frame))) = frame else {
                // Of a client that broke off, or fell silent, nothing more is wanted.
                self.body = None;
                return None;
            };
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                return Some(data);
            }
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if !self.takes_rest || self.waits_for_continue || self.is_empty() {
            return;
        }
        // Without a runtime the process is at its end, and the connection with it.
        if let (Some(body), Ok(runtime)) = (self.body.take(), Handle::try_current()) {
            let taking = timeout(self.rest_max, drop_bytes(body, self.idle_max.min(REST_IDLE_MAX)));
            runtime.spawn(async move { drop(taking.await) });
        }
    }
}

/// Takes what comes and drops it, to its end or its limit.
async fn drop_bytes(body: Incoming, idle_max: Duration) {
    let mut body = Limited::new(body, REST_MAX_BYTES);
    while let Ok(Some(Ok(_))) = timeout(idle_max, body.frame()).await {}
}
