//! HistoryService: what a user has done. From messages to the history and back.

mod list;
mod read;
mod write;

use fenxi_chassis::{caller, sqlite::BUSY_RETRY_AFTER};
use fenxi_proto::{
    error::{ErrorReason, Failure},
    history::v1::{
        DeleteHistoryEntryRequest, DeleteHistoryEntryResponse, GetHistoryEntryRequest, GetHistoryEntryResponse,
        GetStatisticsRequest, GetStatisticsResponse, ListHistoryRequest, ListHistoryResponse, RecordHistoryRequest,
        RecordHistoryResponse, UndeleteHistoryEntryRequest, UndeleteHistoryEntryResponse,
        history_service_server::{HistoryService, HistoryServiceServer},
    },
    id,
};
use prost::Message as _;
use tonic::{Request, Response, Status};

pub(crate) use self::read::statistics_message;
use crate::history::{History, HistoryError};

/// The service over this history.
pub(crate) fn service(history: History) -> list::Listing<HistoryServiceServer<impl HistoryService>> {
    list::Listing::new(history.clone(), HistoryServiceServer::new(Rpc(history)))
}

struct Rpc(History);

#[tonic::async_trait]
impl HistoryService for Rpc {
    async fn list_history(
        &self,
        request: Request<ListHistoryRequest>,
    ) -> Result<Response<ListHistoryResponse>, Status> {
        // `Listing` answers before, without the messages; this is the same with them.
        let answer = list::listed(&self.0, request).await?;
        let answer = ListHistoryResponse::decode(answer).map_err(|_| Failure::internal())?;
        Ok(Response::new(answer))
    }

    async fn get_history_entry(
        &self,
        request: Request<GetHistoryEntryRequest>,
    ) -> Result<Response<GetHistoryEntryResponse>, Status> {
        let user = caller::user(&request)?;
        let id = id::parse_resource("history_entry_id", &request.get_ref().history_entry_id)?;
        let whole = self.0.get(user.user_id, id).await.map_err(Failure::from)?;
        let outputs = read::outputs(&whole.outputs)?;
        Ok(Response::new(GetHistoryEntryResponse { entry: Some(read::whole_message(whole)), outputs }))
    }

    async fn delete_history_entry(
        &self,
        request: Request<DeleteHistoryEntryRequest>,
    ) -> Result<Response<DeleteHistoryEntryResponse>, Status> {
        let user = caller::user(&request)?;
        let request = request.into_inner();
        let id = id::parse_resource("history_entry_id", &request.history_entry_id)?;
        let request_id = id::parse_optional("request_id", &request.request_id)?;
        let whole = self.0.delete(user.user_id, id, request_id).await.map_err(Failure::from)?;
        Ok(Response::new(DeleteHistoryEntryResponse { entry: Some(read::whole_message(whole)) }))
    }

    async fn undelete_history_entry(
        &self,
        request: Request<UndeleteHistoryEntryRequest>,
    ) -> Result<Response<UndeleteHistoryEntryResponse>, Status> {
        let user = caller::user(&request)?;
        let request = request.into_inner();
        let id = id::parse_resource("history_entry_id", &request.history_entry_id)?;
        let request_id = id::parse_optional("request_id", &request.request_id)?;
        let whole = self.0.undelete(user.user_id, id, request_id).await.map_err(Failure::from)?;
        Ok(Response::new(UndeleteHistoryEntryResponse { entry: Some(read::whole_message(whole)) }))
    }

    async fn get_statistics(
        &self,
        request: Request<GetStatisticsRequest>,
    ) -> Result<Response<GetStatisticsResponse>, Status> {
        let user = caller::user(&request)?;
        let statistics = self.0.statistics(user.user_id).await.map_err(Failure::from)?;
        Ok(Response::new(GetStatisticsResponse { statistics: Some(statistics_message(&statistics)) }))
    }

    async fn record_history(
        &self,
        request: Request<RecordHistoryRequest>,
    ) -> Result<Response<RecordHistoryResponse>, Status> {
        let entries = write::new_entries(request.into_inner())?;
        let recorded = self.0.record(entries).await.map_err(Failure::from)?;
        Ok(Response::new(RecordHistoryResponse { recorded: i32::try_from(recorded).unwrap_or(i32::MAX) }))
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::NotFound => Self::not_found(),
            HistoryError::NotDeleted => Self::new(ErrorReason::NotDeleted, error.to_string()),
            HistoryError::RequestReused => {
                Self::new(ErrorReason::RequestIdReused, "request_id was used for another request; give a new one")
                    .with_field("request_id")
            }
            HistoryError::PageToken(failure) => failure,
            HistoryError::Overloaded => {
                Self::new(ErrorReason::Overloaded, "the history is busy; try again").retry_after(BUSY_RETRY_AFTER)
            }
            HistoryError::TooManySearches => {
                Self::new(ErrorReason::RateLimited, "too many of your searches run at once; try again")
                    .retry_after(BUSY_RETRY_AFTER)
            }
            HistoryError::TooManyChanges { retry_after } => {
                Self::new(ErrorReason::RateLimited, error.to_string()).retry_after(retry_after)
            }
            HistoryError::Stopping => {
                Self::new(ErrorReason::Unavailable, "the service is stopping; try again").retry_after(BUSY_RETRY_AFTER)
            }
            HistoryError::Unrecorded => {
                Self::new(ErrorReason::Unavailable, error.to_string()).retry_after(BUSY_RETRY_AFTER)
            }
            HistoryError::Store(error) => error.into(),
        }
    }
}
