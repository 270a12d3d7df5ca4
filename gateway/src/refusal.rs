//! Refusals in the words of whoever asked: gRPC, gRPC-web or plain HTTP.

use std::time::Duration;

use fenxi_proto::error::{self, ErrorReason, Failure};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use tonic::{Code, Status};

use crate::{body::Body, guard::Wire};

/// How soon to try again when a backend is away.
pub(crate) const RETRY_SOON: Duration = Duration::from_secs(1);

/// The content type of native gRPC.
pub(crate) const NATIVE: &str = "application/grpc";

/// A backend does not answer.
pub(crate) fn unavailable(what: &str) -> Failure {
    Failure::new(ErrorReason::Unavailable, format!("{what} does not answer; try again")).retry_after(RETRY_SOON)
}

/// The gateway is about to stop.
pub(crate) fn stopping() -> Failure {
    Failure::new(ErrorReason::Unavailable, "the gateway is being restarted; connect again").retry_after(RETRY_SOON)
}

/// The credential proves nobody, or nobody any more.
pub(crate) fn unauthenticated() -> Failure {
    Failure::new(ErrorReason::Unauthenticated, "the credential is missing, unknown, expired or revoked: sign in")
}

/// The deadline has passed.
pub(crate) fn too_late() -> Failure {
    Failure::new(ErrorReason::DeadlineExceeded, "the call took longer than its deadline")
}

/// The headers of a status: `grpc-status`, `grpc-message`, `grpc-status-details-bin` and its metadata.
pub(crate) fn status_headers(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    if status.add_header(&mut headers).is_err() {
        headers.clear();
        headers.insert("grpc-status", HeaderValue::from(Code::Internal as i32));
    }
    headers
}

/// A refusal of an RPC before any message: the status in the headers, no body.
pub(crate) fn rpc(wire: Wire, status: &Status) -> Response<Body> {
    let mut answer = Response::new(Body::default());
    let headers = answer.headers_mut();
    headers.extend(status_headers(status));
    headers.insert(header::CONTENT_TYPE, content_type(wire));
    answer
}

/// The content type of answers in this framing.
pub(crate) fn content_type(wire: Wire) -> HeaderValue {
    HeaderValue::from_static(match wire {
        Wire::Native => NATIVE,
        Wire::Web => "application/grpc-web+proto",
    })
}

/// A refusal of an HTTP request: a status and `{"reason": ..., "message": ...}`.
pub(crate) fn http(status: StatusCode, reason: &str, message: &str) -> Response<Body> {
    let body = serde_json::json!({ "reason": reason, "message": message }).to_string();
    let mut answer = Response::new(Body::full(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A gRPC status as an HTTP refusal.
pub(crate) fn http_from(status: &Status) -> Response<Body> {
    use tonic_types::StatusExt as _;
    let reason = error::reason_of(status);
    let word = reason.map_or_else(|| format!("{:?}", status.code()), |reason| error::name(reason).to_owned());
    let mut answer = http(http_status(status.code(), reason), &word, status.message());
    if let Some(delay) = status.get_details_retry_info().and_then(|info| info.retry_delay) {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs().max(1)));
    }
    answer
}

fn http_status(code: Code, reason: Option<ErrorReason>) -> StatusCode {
    match (code, reason) {
        (_, Some(ErrorReason::UploadOffset)) => StatusCode::CONFLICT,
        (_, Some(ErrorReason::UploadClosed)) => StatusCode::GONE,
        (_, Some(ErrorReason::QuotaExceeded | ErrorReason::FileTooLarge)) => StatusCode::PAYLOAD_TOO_LARGE,
        (Code::Ok, _) => StatusCode::OK,
        // 412 is the words of tus for a version that is not spoken here, and 409 for a piece that may come again.
        (Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition, _) => StatusCode::BAD_REQUEST,
        (Code::Unauthenticated, _) => StatusCode::UNAUTHORIZED,
        (Code::PermissionDenied, _) => StatusCode::FORBIDDEN,
        (Code::NotFound, _) => StatusCode::NOT_FOUND,
        (Code::AlreadyExists | Code::Aborted, _) => StatusCode::CONFLICT,
        (Code::ResourceExhausted, _) => StatusCode::TOO_MANY_REQUESTS,
        (Code::Cancelled, _) => StatusCode::REQUEST_TIMEOUT,
        (Code::DeadlineExceeded, _) => StatusCode::GATEWAY_TIMEOUT,
        (Code::Unavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
        (Code::Unimplemented, _) => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_rpc_says_it_in_headers() {
        for (wire, kind) in [(Wire::Native, "application/grpc"), (Wire::Web, "application/grpc-web+proto")] {
            let answer = rpc(wire, &unavailable("auth-service").into());
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(answer.headers()[header::CONTENT_TYPE], kind);
            assert_eq!(answer.headers()["grpc-status"], "14");
            assert!(answer.headers().contains_key("grpc-status-details-bin"), "no RetryInfo");
        }
    }

    #[test]
    fn a_refused_request_says_when_to_try_again() {
        let limited = Failure::new(ErrorReason::RateLimited, "slower").retry_after(Duration::from_millis(300));
        let answer = http_from(&limited.into());
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
        let gap = http_from(&Failure::new(ErrorReason::UploadOffset, "not there").into());
        assert_eq!(gap.status(), StatusCode::CONFLICT);
        let longer = http_from(&Failure::new(ErrorReason::UploadMismatch, "more bytes than declared").into());
        assert_eq!(longer.status(), StatusCode::BAD_REQUEST);
    }
}
