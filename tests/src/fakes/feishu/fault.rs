//! Ways for an answer to go wrong.

use axum::{
    Json,
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

/// What happens instead of an answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An error of the vendor's: HTTP status and code.
    Code(u16, i64),
    /// 429 with the seconds to wait.
    RateLimited(u64),
    /// The older form of the same: 400 with code 99991400.
    RateLimitedOld(u64),
    /// 503 without a body.
    Down,
    /// No answer at all, ever.
    Silent,
    /// The head of an answer, and a body that never ends.
    Slow,
    /// A body of 10 MB.
    Oversized,
    /// A page for people, with status 200.
    Html,
    /// A body that is no text.
    InvalidUtf8,
    /// An object in which every key stands twice.
    DuplicateKeys,
    /// The beginning of a body.
    Truncated,
    /// 302 to somewhere else.
    Redirect(String),
    /// An object without anything in it.
    Empty,
}

impl Fault {
    /// The answer that it makes.
    pub(super) async fn answer(self) -> Response {
        let json = |text: &'static str| ([("content-type", "application/json")], text).into_response();
        match self {
            Self::Code(status, code) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let body = json!({"code": code, "error": "server_error", "error_description": "fake", "msg": "fake"});
                (status, [("x-tt-logid", "fake-log-id")], Json(body)).into_response()
            }
            Self::RateLimited(secs) => limited(StatusCode::TOO_MANY_REQUESTS, secs),
            Self::RateLimitedOld(secs) => limited(StatusCode::BAD_REQUEST, secs),
            Self::Down => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Self::Silent => std::future::pending().await,
            Self::Slow => {
                let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"code\":"))]);
                Body::from_stream(begun.chain(stream::pending())).into_response()
            }
            Self::Oversized => {
                let piece = Bytes::from(vec![b' '; 1 << 20]);
                Body::from_stream(stream::iter((0..10).map(move |_| Ok::<_, std::io::Error>(piece.clone()))))
                    .into_response()
            }
            Self::Html => {
                ([("content-type", "text/html")], "<!doctype html><title>Maintenance</title>").into_response()
            }
            Self::InvalidUtf8 => {
                b"{\"code\":0,\"access_token\":\"\xff\xfe\",\"data\":{\"open_id\":\"\xff\"}}".as_slice().into_response()
            }
            Self::DuplicateKeys => json(
                r#"{"code":0,"code":0,"access_token":"a","access_token":"b","data":{"open_id":"ou_1","open_id":"ou_2","tenant_key":"t1","tenant_key":"t1"}}"#,
            ),
            Self::Truncated => json(r#"{"code":0,"access_token":"ey"#),
            Self::Redirect(to) => {
                let to = HeaderValue::from_str(&to).unwrap_or(HeaderValue::from_static("/"));
                (StatusCode::FOUND, [(LOCATION, to)]).into_response()
            }
            Self::Empty => json("{}"),
        }
    }
}

fn limited(status: StatusCode, secs: u64) -> Response {
    let headers = [("x-ogw-ratelimit-limit", "50".to_owned()), ("x-ogw-ratelimit-reset", secs.to_string())];
    (status, headers, Json(json!({"code": 99_991_400, "msg": "request trigger frequency limit"}))).into_response()
}
