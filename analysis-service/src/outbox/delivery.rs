//! One delivery, and what its answer means for the entries in it.

use std::time::Duration;

use fenxi_proto::history::v1::{HistoryRecordItem, RecordHistoryRequest, history_service_client::HistoryServiceClient};
use prost::Message as _;
use tonic::{Code, Status, codegen::InterceptedService, transport::Channel};

use super::store::Due;
use fenxi_chassis::client::Bearer;

/// Characters of a refusal that are kept with the entry.
const REFUSAL_MAX_CHARS: usize = 500;

/// The history, with this service's credential.
pub type History = HistoryServiceClient<InterceptedService<Channel, Bearer>>;

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Delivery {
    /// Everything in it is durable.
    Taken,
    /// Something in it is not as it must be.
    Refused(String),
    /// It failed, perhaps for something in it.
    Failed(String),
    /// The other side does not answer, or takes nothing at the moment.
    Away(String),
}

/// Delivers entries. The history acknowledges what is durable, so that without an answer they are sent again.
pub(super) async fn deliver(history: &mut History, entries: &[Due], answer_wait: Duration) -> Delivery {
    let mut items = Vec::with_capacity(entries.len());
    for entry in entries {
        match HistoryRecordItem::decode(entry.item.as_slice()) {
            Ok(item) => items.push(item),
            Err(error) => return Delivery::Refused(format!("the entry cannot be read: {error}")),
        }
    }
    let answer = history.record_history(RecordHistoryRequest { items });
    match tokio::time::timeout(answer_wait, answer).await {
        Ok(Ok(_)) => Delivery::Taken,
        Ok(Err(status)) => meaning(&status),
        Err(_) => Delivery::Away(format!("no answer within {} ms", answer_wait.as_millis())),
    }
}

fn meaning(status: &Status) -> Delivery {
    let text = format!("{:?}: {}", status.code(), status.message()).chars().take(REFUSAL_MAX_CHARS).collect();
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange => Delivery::Refused(text),
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::ResourceExhausted
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::Unimplemented => Delivery::Away(text),
        // A broken connection is told by tonic as UNKNOWN with a source.
        Code::Unknown if std::error::Error::source(status).is_some() => Delivery::Away(text),
        _ => Delivery::Failed(text),
    }
}
