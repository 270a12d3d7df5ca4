//! The one body type of every answer.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;

use crate::{BoxError, limits::calls::CallPlace, local::Said, proxy::Relay};

/// What an answer carries.
pub(crate) enum Body {
    /// Bytes at hand.
    Full(Full<Bytes>),
    /// What a backend sends.
    Relay(Box<Relay>),
    /// What a service inside this process says (health, reflection).
    Local(Box<Said>),
}

impl Body {
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Full::new(bytes.into()))
    }

    /// Holds a call's place for as long as a backend's answer is being taken.
    pub(crate) fn hold(&mut self, place: Option<CallPlace>) {
        if let Self::Relay(relay) = self {
            relay.hold(place);
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::full(Bytes::new())
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Full(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Relay(body) => Pin::new(body.as_mut()).poll_frame(cx),
            Self::Local(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(body) => body.is_end_stream(),
            Self::Relay(body) => body.is_end_stream(),
            Self::Local(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(body) => body.size_hint(),
            Self::Relay(_) | Self::Local(_) => SizeHint::default(),
        }
    }
}
