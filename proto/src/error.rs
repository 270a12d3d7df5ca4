//! The one error table: a refusal as the services name it, and its form on the wire.
//!
//! A room's own error becomes a [`Failure`] at the rpc layer; a `Failure` becomes a [`Status`] with `google.rpc` details
//! in exactly one place, here. What stands in a `Failure` reaches the client: never put a secret or a path there.

use std::{fmt, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, QuotaViolation, StatusExt as _};

pub use crate::errors::v1::ErrorReason;
use crate::tables::REASONS;

/// The `domain` of every ErrorInfo.
pub const ERROR_DOMAIN: &str = "fenxi";

/// A refusal: why, and what to do, for people; with its stable reason for programs.
#[derive(Clone, Debug)]
pub struct Failure {
    reason: ErrorReason,
    text: String,
    field: Option<String>,
    retry_after: Option<Duration>,
    quota: Option<String>,
    metadata: Vec<(&'static str, String)>,
}

impl Failure {
    /// A refusal for `reason`; `text` says what was wrong and what to do.
    #[must_use]
    pub fn new(reason: ErrorReason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into(), field: None, retry_after: None, quota: None, metadata: Vec::new() }
    }

    /// `INVALID_FIELD`: `what` completes the sentence that begins with the field's name.
    #[must_use]
    pub fn invalid(field: impl Into<String>, what: impl fmt::Display) -> Self {
        let field = field.into();
        let text = format!("{field} {what}");
        Self { field: Some(field), ..Self::new(ErrorReason::InvalidField, text) }
    }

    /// `NOT_FOUND`, the same for what does not exist and for what is somebody else's.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(ErrorReason::NotFound, "no such resource")
    }

    /// `INTERNAL`. The cause belongs into the log, where it is handled, and not here.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(ErrorReason::Internal, "a fault of the service; its log has the cause under this request's id")
    }

    /// The same, naming the field that is to blame (`google.rpc.BadRequest`).
    #[must_use]
    pub fn with_field(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// The same, saying when to try again (`google.rpc.RetryInfo`).
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        Self { retry_after: Some(delay), ..self }
    }

    /// The same, naming the limit that was reached (`google.rpc.QuotaFailure`).
    #[must_use]
    pub fn with_quota(self, limit: impl Into<String>) -> Self {
        Self { quota: Some(limit.into()), ..self }
    }

    /// The same, with a value for programs (`ErrorInfo.metadata`).
    #[must_use]
    pub fn with_metadata(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.metadata.push((key, value.to_string()));
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> ErrorReason {
        self.reason
    }

    /// The gRPC status code of the reason.
    #[must_use]
    pub fn code(&self) -> Code {
        row(self.reason).map_or(Code::Unknown, |(_, _, code)| Code::from(*code))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", name(self.reason), self.text)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let code = failure.code();
        let info = failure.metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let mut details = ErrorDetails::with_error_info(
            name(failure.reason),
            ERROR_DOMAIN,
            info.collect::<std::collections::HashMap<_, _>>(),
        );
        if let Some(field) = &failure.field {
            details.add_bad_request_violation(field, &failure.text);
        }
        if let Some(delay) = failure.retry_after {
            details.set_retry_info(Some(delay));
        }
        if let Some(limit) = &failure.quota {
            details.set_quota_failure(vec![QuotaViolation::new(limit, &failure.text)]);
        }
        Self::with_error_details(code, failure.text, details)
    }
}

/// The reason of an error from the wire, if it is one of ours.
#[must_use]
pub fn reason_of(status: &Status) -> Option<ErrorReason> {
    let info = status.get_details_error_info().filter(|info| info.domain == ERROR_DOMAIN)?;
    let (_, number, _) = REASONS.iter().find(|(name, _, _)| *name == info.reason)?;
    ErrorReason::try_from(*number).ok()
}

/// A reason's name on the wire, such as `NOT_FOUND`.
#[must_use]
pub fn name(reason: ErrorReason) -> &'static str {
    row(reason).map_or("UNSPECIFIED", |(name, _, _)| name)
}

fn row(reason: ErrorReason) -> Option<&'static (&'static str, i32, i32)> {
    REASONS.iter().find(|(_, number, _)| *number == i32::from(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_status_code() {
        assert!(REASONS.len() > 30, "the table was not generated");
        for (name, _, code) in REASONS {
            assert!((1..=16).contains(code), "{name} has no status code");
        }
    }

    #[test]
    fn a_failure_keeps_its_reason_and_details_on_the_wire() {
        let status: Status = Failure::invalid("page_size", "is -1; give 1 to 100").into();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(reason_of(&status), Some(ErrorReason::InvalidField));
        let violations = status.get_details_bad_request().expect("a BadRequest").field_violations;
        assert_eq!(violations.first().map(|v| v.field.as_str()), Some("page_size"));

        let status: Status = Failure::new(ErrorReason::QuotaExceeded, "no room")
            .with_quota("dataset_bytes_per_user")
            .retry_after(Duration::from_secs(3))
            .into();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.get_details_quota_failure().is_some());
        assert_eq!(status.get_details_retry_info().and_then(|r| r.retry_delay), Some(Duration::from_secs(3)));
    }
}
