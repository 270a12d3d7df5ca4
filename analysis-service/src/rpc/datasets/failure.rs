//! The room's errors in the words of the contract.

use fenxi_chassis::sqlite::read_refusal;
use fenxi_proto::error::{ErrorReason, Failure};
use tonic::Status;

use crate::datasets::error::{DatasetError, RETRY_AFTER};

/// An error as the caller gets it. Faults of the service are logged here, once.
pub(super) fn status(error: DatasetError) -> Status {
    failure(error).into()
}

pub(super) fn failure(error: DatasetError) -> Failure {
    let text = error.to_string();
    match error {
        DatasetError::Field { field, problem } => Failure::invalid(field, problem),
        DatasetError::NotFound => Failure::not_found(),
        DatasetError::RequestIdReused => Failure::new(ErrorReason::RequestIdReused, text).with_field("request_id"),
        DatasetError::Quota { limit, .. } => Failure::new(ErrorReason::QuotaExceeded, text).with_quota(limit),
        DatasetError::Offset { received_bytes, .. } => {
            Failure::new(ErrorReason::UploadOffset, text).with_metadata("offset", received_bytes)
        }
        DatasetError::Mismatch(_) => Failure::new(ErrorReason::UploadMismatch, text),
        DatasetError::Closed(_) => Failure::new(ErrorReason::UploadClosed, text),
        DatasetError::Table(error) => match error.reason().and_then(table_reason) {
            Some(reason) => Failure::new(reason, text),
            None => fault(&text),
        },
        DatasetError::Busy(_) => Failure::new(ErrorReason::Overloaded, text).retry_after(RETRY_AFTER),
        DatasetError::StreamBroken | DatasetError::Closing => {
            Failure::new(ErrorReason::Unavailable, text).retry_after(RETRY_AFTER)
        }
        DatasetError::DiskFull => {
            tracing::error!("the disk is full");
            Failure::new(ErrorReason::Unavailable, text).retry_after(RETRY_AFTER)
        }
        DatasetError::Sql(error) => read_refusal(&error).unwrap_or_else(|| fault(&text)),
        DatasetError::Disk(_) | DatasetError::Database(_) => fault(&text),
    }
}

fn fault(cause: &str) -> Failure {
    tracing::error!(cause, "a call about datasets failed");
    Failure::internal()
}

/// The reasons that `fenxi_tables` names.
fn table_reason(name: &str) -> Option<ErrorReason> {
    match name {
        "FILE_UNREADABLE" => Some(ErrorReason::FileUnreadable),
        "FILE_FORMAT" => Some(ErrorReason::FileFormat),
        "FILE_EMPTY" => Some(ErrorReason::FileEmpty),
        "FILE_TOO_LARGE" => Some(ErrorReason::FileTooLarge),
        _ => None,
    }
}
