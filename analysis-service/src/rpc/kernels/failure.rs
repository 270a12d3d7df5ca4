//! The room's errors in the words of the contract.

use std::time::Duration;

use fenxi_proto::error::{ErrorReason, Failure};
use tonic::Status;

use crate::kernels::model::{KernelError, TableUnavailable};

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
        KernelError::NotFound | KernelError::Table { why: TableUnavailable::NotFound, .. } => Failure::not_found(),
        KernelError::Table { why: TableUnavailable::NotReady, .. } => refused(ErrorReason::DatasetNotReady),
        KernelError::UserLimit { .. } => refused(ErrorReason::KernelLimit).with_quota("kernels_per_user_max"),
        KernelError::TotalLimit { .. } => {
            refused(ErrorReason::KernelLimit).with_quota("kernels_max").retry_after(RETRY_AFTER)
        }
        KernelError::Room { quota, .. } | KernelError::Files { quota, .. } => {
            refused(ErrorReason::KernelLimit).with_quota(*quota).retry_after(RETRY_AFTER)
        }
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
        KernelError::VariableName { .. } => refused(ErrorReason::VariableName).with_field("datasets.variable_name"),
        KernelError::SpecUnknown { .. } => refused(ErrorReason::KernelSpecUnknown).with_field("kernel_spec"),
        KernelError::SpecWithoutTables { .. } => {
            refused(ErrorReason::KernelSpecWithoutTables).with_field("kernel_spec")
        }
        KernelError::NotInspectable { .. } => refused(ErrorReason::KernelNotInspectable),
        KernelError::RequestIdReused => refused(ErrorReason::RequestIdReused),
        KernelError::Stopping => refused(ErrorReason::Unavailable).retry_after(RETRY_AFTER),
        KernelError::Table { why: TableUnavailable::Internal, .. } | KernelError::Store(_) => {
            tracing::error!(cause = text, "a call about kernels failed");
            Failure::internal()
        }
    }
}
