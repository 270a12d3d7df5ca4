//! `fenxi.analysis.v1.NetworkGrantService` on top of the room `network`. For administrators, which the layer has checked.

use fenxi_chassis::{
    caller,
    page::{self, PageTokens},
    sqlite::read_refusal,
};
use fenxi_proto::{
    analysis::v1::{
        CreateNetworkGrantRequest, CreateNetworkGrantResponse, DeleteNetworkGrantRequest, DeleteNetworkGrantResponse,
        ListNetworkGrantsRequest, ListNetworkGrantsResponse, NetworkGrant,
        network_grant_service_server::NetworkGrantService,
    },
    error::{ErrorReason, Failure},
    id, time,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::network::{Grant, NetworkError, Networks, NewGrant, StoreError};

type Answer<T> = Result<Response<T>, Status>;

/// Serves the contract.
pub(super) struct NetworkRpc {
    networks: Networks,
    pages: PageTokens,
}

impl NetworkRpc {
    pub(super) fn new(networks: Networks, pages: PageTokens) -> Self {
        Self { networks, pages }
    }
}

#[tonic::async_trait]
impl NetworkGrantService for NetworkRpc {
    async fn create_network_grant(
        &self,
        request: Request<CreateNetworkGrantRequest>,
    ) -> Answer<CreateNetworkGrantResponse> {
        let creator = caller::user(&request)?.user_id;
        let asked = request.into_inner();
        let new = NewGrant {
            request_id: id::parse("request_id", &asked.request_id)?,
            user_id: id::parse("user_id", &asked.user_id)?,
            entries: asked.entries,
            note: asked.note.trim().to_owned(),
            expire_time: asked.expire_time.as_ref().map(time::unix_micros),
        };
        let grant = self.networks.create(creator, new).await.map_err(status)?;
        Ok(Response::new(CreateNetworkGrantResponse { grant: Some(message(&grant)) }))
    }

    async fn list_network_grants(
        &self,
        request: Request<ListNetworkGrantsRequest>,
    ) -> Answer<ListNetworkGrantsResponse> {
        let asked = request.into_inner();
        let rows = page::size(asked.page_size)?;
        let user_id = id::parse_optional("user_id", &asked.user_id)?;
        let list = format!("ListNetworkGrants\n{}", asked.user_id);
        let cursor = self.pages.open(list.as_bytes(), &asked.page_token)?;
        let before = cursor.and_then(|cursor| Uuid::from_slice(&cursor).ok());
        let mut grants = self.networks.list(user_id, before, rows + 1).await.map_err(status)?;
        let more = grants.len() > rows as usize;
        grants.truncate(rows as usize);
        let last = grants.last().filter(|_| more);
        let next_page_token = last.map(|last| self.pages.seal(list.as_bytes(), last.grant_id.as_bytes()));
        let grants = grants.iter().map(message).collect();
        Ok(Response::new(ListNetworkGrantsResponse { grants, next_page_token: next_page_token.unwrap_or_default() }))
    }

    async fn delete_network_grant(
        &self,
        request: Request<DeleteNetworkGrantRequest>,
    ) -> Answer<DeleteNetworkGrantResponse> {
        let asker = caller::user(&request)?.user_id;
        let asked = request.into_inner();
        let grant_id = id::parse_resource("grant_id", &asked.grant_id)?;
        let request_id = id::parse_optional("request_id", &asked.request_id)?;
        self.networks.delete(asker, grant_id, request_id).await.map_err(status)?;
        Ok(Response::new(DeleteNetworkGrantResponse {}))
    }
}

fn message(grant: &Grant) -> NetworkGrant {
    NetworkGrant {
        grant_id: grant.grant_id.to_string(),
        user_id: grant.user_id.to_string(),
        entries: grant.texts(),
        note: grant.note.clone(),
        create_time: Some(time::timestamp(grant.create_time)),
        expire_time: grant.expire_time.map(time::timestamp),
        creator_user_id: grant.creator_user_id.to_string(),
    }
}

/// An error as the caller gets it. Faults of the service are logged here, once.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn status(error: NetworkError) -> Status {
    let text = error.to_string();
    let failure = match &error {
        NetworkError::Invalid { field, what } => Failure::invalid(*field, what),
        NetworkError::Unavailable { .. } => Failure::new(ErrorReason::NetworkUnavailable, text),
        NetworkError::Full => Failure::new(ErrorReason::NetworkGrantLimit, text).with_quota("network_grants_per_user"),
        NetworkError::NotFound => Failure::not_found(),
        NetworkError::RequestIdReused => Failure::new(ErrorReason::RequestIdReused, text).with_field("request_id"),
        NetworkError::Store(StoreError::Write(error)) => error.refusal().unwrap_or_else(|| fault(&text)),
        NetworkError::Store(StoreError::Sql(error)) => read_refusal(error).unwrap_or_else(|| fault(&text)),
    };
    failure.into()
}

fn fault(cause: &str) -> Failure {
    tracing::error!(cause, "a call about networks failed");
    Failure::internal()
}

#[cfg(test)]
mod tests {
    use fenxi_chassis::sqlite::WriteError;
    use fenxi_proto::error::reason_of;

    use super::*;

    #[test]
    fn a_busy_database_is_no_fault() {
        let reason = |error: StoreError| reason_of(&status(error.into()));
        assert_eq!(reason(WriteError::Busy.into()), Some(ErrorReason::Overloaded));
        assert_eq!(reason(WriteError::Closed.into()), Some(ErrorReason::Unavailable));
        assert_eq!(reason(sqlx::Error::PoolTimedOut.into()), Some(ErrorReason::Overloaded));
        assert_eq!(reason(sqlx::Error::RowNotFound.into()), Some(ErrorReason::Internal));
    }
}
