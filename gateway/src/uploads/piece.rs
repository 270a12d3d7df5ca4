//! The bytes that a request to `/uploads` brings.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::time::timeout;

use crate::{
    arriving::Arriving,
    config::{Calls, secs},
};

/// The body of a request to `/uploads`.
pub(super) struct Piece {
    body: Arriving,
    idle_max: Duration,
}

impl Piece {
    /// The request with its body held so.
    pub(super) fn of(request: Request<Arriving>, limits: &Calls) -> Request<Self> {
        request.map(|body| Self { body, idle_max: secs(limits.body_idle_max_secs) })
    }

    /// Whether there are no bytes.
    pub(super) fn is_empty(&self) -> bool {
        self.body.is_end_stream()
    }

    /// More bytes; `None` at the end, however it came about.
    pub(super) async fn bytes(&mut self) -> Option<Bytes> {
        loop {
            let Ok(frame) = timeout(self.idle_max, self.body.frame()).await else {
                // Of a client that fell silent nothing more is wanted.
                self.body.give_up();
                return None;
            };
            if let Ok(data) = frame?.ok()?.into_data()
                && !data.is_empty()
            {
                return Some(data);
            }
        }
    }
}
