//! Answers of the proxy's own, in words that a person understands.

use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{
    Response, StatusCode,
    body::Bytes,
    ext::ReasonPhrase,
    header::{self, HeaderValue},
};

/// Of an answer.
pub(super) type Body = BoxBody<Bytes, hyper::Error>;

/// A request that is not carried out.
pub(super) struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(super) fn bad(text: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// The text stands in the status line, too: libraries show that and drop the rest.
    pub(super) fn into_response(self) -> Response<Body> {
        let phrase = ReasonPhrase::try_from(self.text.clone().into_bytes());
        let mut response = Response::new(full(format!("{}\n", self.text)));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let Ok(phrase) = phrase {
            response.extensions_mut().insert(phrase);
        }
        response
    }
}

pub(super) fn empty() -> Body {
    full(String::new())
}

fn full(text: String) -> Body {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed()
}
