//! The room's errors in the words of the contract.

use std::time::Duration;

use fenxi_chassis::sqlite::read_refusal;
use fenxi_proto::error::{ErrorReason, Failure};
use tonic::Status;

use crate::kernels::{
    files::FileError,
    model::{KernelError, TableUnavailable},
    store::StoreError,
};

/// When a refusal for want of room may be tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The same, of a question that has to be answered in that time.
const ASK_RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error as the caller gets it. Faults of the service are logged here, once.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(in crate::rpc) fn status(error: KernelError) -> Status {
    failure(&error).into()
}

pub(in crate::rpc) fn failure(error: &KernelError) -> Failure {
    let text = error.to_string();
    let refused = |reason| Failure::new(reason, text.clone());
    match error {
        KernelError::NotFound => Failure::not_found(),
        KernelError::Table { why, .. } => table(why, text),
        KernelError::UserLimit { .. } => refused(ErrorReason::KernelLimit).with_quota("kernels_per_user_max"),
        KernelError::TotalLimit { .. } => {
            refused(ErrorReason::KernelLimit).with_quota("kernels_max").retry_after(RETRY_AFTER)
        }
        KernelError::Room { quota, .. } | KernelError::Files { quota, .. } => {
            refused(ErrorReason::KernelLimit).with_quota(*quota).retry_after(RETRY_AFTER)
        }
        KernelError::File(error) => file(error, text),
        KernelError::Dead { .. } => refused(ErrorReason::KernelDead),
        KernelError::QueueFull { .. } => {
            refused(ErrorReason::ExecutionQueueFull).with_quota("kernel_queue_max").retry_after(RETRY_AFTER)
        }
        KernelError::AskedTooMuch { .. } => refused(ErrorReason::Overloaded).retry_after(ASK_RETRY_AFTER),
        KernelError::AskTimeout { .. } => refused(ErrorReason::DeadlineExceeded),
        KernelError::NoVariable { .. } => Failure::not_found(),
        // Code in a kernel can make it answer anything: no fault of the service.
        KernelError::ValueRaised { .. } | KernelError::AnswerUnreadable => refused(ErrorReason::VariableUnreadable),
        KernelError::InputNotRequested => refused(ErrorReason::InputNotRequested),
        KernelError::VariableName { index, .. } => {
            refused(ErrorReason::VariableName).with_field(format!("datasets[{index}].variable_name"))
        }
        KernelError::SpecUnknown { .. } => refused(ErrorReason::KernelSpecUnknown).with_field("kernel_spec"),
        KernelError::SpecWithoutTables { .. } => {
            refused(ErrorReason::KernelSpecWithoutTables).with_field("kernel_spec")
        }
        KernelError::NotInspectable { .. } => refused(ErrorReason::KernelNotInspectable),
        KernelError::RequestIdReused => refused(ErrorReason::RequestIdReused).with_field("request_id"),
        KernelError::Stopping => refused(ErrorReason::Unavailable).retry_after(RETRY_AFTER),
        KernelError::Store(StoreError::Write(error)) => error.refusal().unwrap_or_else(|| fault(&text)),
        KernelError::Store(StoreError::Sql(error)) => read_refusal(error).unwrap_or_else(|| fault(&text)),
    }
}

fn file(error: &FileError, text: String) -> Failure {
    match error {
        FileError::NotFound { .. } => Failure::new(ErrorReason::NotFound, text).with_field("path"),
        FileError::Unreadable { .. } => Failure::new(ErrorReason::FileUnreadable, text).with_field("path"),
        FileError::Busy(_) => Failure::new(ErrorReason::Overloaded, text).retry_after(RETRY_AFTER),
        FileError::Closing => Failure::new(ErrorReason::Unavailable, text).retry_after(RETRY_AFTER),
    }
}

fn table(why: &TableUnavailable, text: String) -> Failure {
    match why {
        TableUnavailable::NotFound => Failure::not_found(),
        TableUnavailable::Refused(_) => Failure::new(ErrorReason::FileUnreadable, text),
        TableUnavailable::Busy(_) => Failure::new(ErrorReason::Overloaded, text).retry_after(RETRY_AFTER),
        TableUnavailable::Closing(_) => Failure::new(ErrorReason::Unavailable, text).retry_after(RETRY_AFTER),
        TableUnavailable::Internal => fault(&text),
    }
}

fn fault(cause: &str) -> Failure {
    tracing::error!(cause, "a call about kernels failed");
    Failure::internal()
}

#[cfg(test)]
mod tests {
    use fenxi_chassis::sqlite::WriteError;
    use tonic_types::StatusExt as _;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_busy_database_is_no_fault() {
        let reason = |error: StoreError| failure(&error.into()).reason();
        assert_eq!(reason(WriteError::Busy.into()), ErrorReason::Overloaded);
        assert_eq!(reason(WriteError::Closed.into()), ErrorReason::Unavailable);
        assert_eq!(reason(sqlx::Error::PoolTimedOut.into()), ErrorReason::Overloaded);
        assert_eq!(reason(sqlx::Error::RowNotFound.into()), ErrorReason::Internal);
    }

    #[test]
    fn a_variable_that_cannot_be_is_named_with_its_place() {
        let status = status(KernelError::VariableName { index: 1, name: "class".into(), why: "it is a keyword" });
        let blamed = status.get_details_bad_request().expect("a field").field_violations;
        assert_eq!(blamed[0].field, "datasets[1].variable_name");
        let blamed = super::status(KernelError::RequestIdReused).get_details_bad_request().expect("a field");
        assert_eq!(blamed.field_violations[0].field, "request_id");
    }

    #[test]
    fn a_table_that_cannot_be_had_is_told_with_what_is_the_matter() {
        let refused = |why| failure(&KernelError::Table { dataset_id: Uuid::nil(), why });
        let unreadable = refused(TableUnavailable::Refused("line 3 is cut short".into()));
        assert_eq!(unreadable.reason(), ErrorReason::FileUnreadable);
        assert!(unreadable.to_string().contains("line 3 is cut short"), "{unreadable}");
        assert_eq!(refused(TableUnavailable::Busy("much to do".into())).reason(), ErrorReason::Overloaded);
        assert_eq!(refused(TableUnavailable::Closing("it ends".into())).reason(), ErrorReason::Unavailable);
        assert_eq!(refused(TableUnavailable::NotFound).reason(), ErrorReason::NotFound);
        assert_eq!(refused(TableUnavailable::Internal).reason(), ErrorReason::Internal);
    }
}
