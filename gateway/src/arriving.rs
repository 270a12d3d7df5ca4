//! The body of a request as it arrives. Whoever lets go of it in the middle does not cost the client its answer, nor
//! others theirs. Over HTTP/1.1 unread bytes reset the whole connection, and a client that sends before it reads would
//! find its connection broken in place of a refusal. Over HTTP/2 the stream alone is reset, but what arrives for streams
//! that were reset counts as an error of the client, and too many of them end the connection, which behind a proxy is
//! everybody's. So the rest is taken and dropped.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Version, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::{runtime::Handle, time::timeout};

use crate::config::{Calls, secs};

/// How much of a body that nobody needs is still taken. Small, since it goes with every request.
#[derive(Clone, Copy, Debug)]
struct Rest {
    max_kib: u16,
    /// How long none of it may come: a client that has stopped sending reads its answer.
    idle_max_secs: u8,
    /// How long all of it may take.
    time_max_secs: u8,
}

/// Over HTTP/1.1: twice the usual piece of an upload.
const REST: Rest = Rest { max_kib: 32 << 10, idle_max_secs: 5, time_max_secs: 60 };
/// Over HTTP/2: what is under way when the client is answered. Whoever has more to send is told to stop by the reset.
const REST_OF_STREAM: Rest = Rest { max_kib: 64, idle_max_secs: 1, time_max_secs: 2 };

/// See above.
pub(crate) struct Arriving {
    /// `None`: nothing more comes.
    body: Option<Incoming>,
    rest: Rest,
    /// A client that waits to be told to go on sends nothing before, so a refusal leaves nothing unread.
    waits_for_continue: bool,
}

impl Arriving {
    /// The body of a request with these headers.
    pub(crate) fn new(body: Incoming, version: Version, headers: &HeaderMap, limits: &Calls) -> Self {
        let rest = if version < Version::HTTP_2 { REST } else { REST_OF_STREAM };
        let at_most = |usual: u8, set: u64| usual.min(u8::try_from(set).unwrap_or(u8::MAX));
        let rest = Rest {
            idle_max_secs: at_most(rest.idle_max_secs, limits.body_idle_max_secs),
            time_max_secs: at_most(rest.time_max_secs, limits.body_max_secs),
            ..rest
        };
        Self { body: Some(body), rest, waits_for_continue: headers.contains_key(header::EXPECT) }
    }

    /// Nothing more of it is wanted, not even its end.
    pub(crate) fn give_up(&mut self) {
        self.body = None;
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        this.waits_for_continue = false;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            this.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if self.waits_for_continue || self.is_end_stream() {
            return;
        }
        // Without a runtime the process is at its end, and the connection with it.
        if let (Some(body), Ok(runtime)) = (self.body.take(), Handle::try_current()) {
            let taking = timeout(secs(self.rest.time_max_secs.into()), drop_bytes(body, self.rest));
            runtime.spawn(async move { drop(taking.await) });
        }
    }
}

/// Takes what comes and drops it, to its end or its limit.
async fn drop_bytes(body: Incoming, rest: Rest) {
    let mut body = Limited::new(body, usize::from(rest.max_kib) << 10);
    while let Ok(Some(Ok(_))) = timeout(secs(rest.idle_max_secs.into()), body.frame()).await {}
}
