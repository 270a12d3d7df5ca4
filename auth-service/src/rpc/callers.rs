//! CallerService: the gateway's door to credentials, and the feed of what is revoked.

use std::{pin::Pin, time::Duration};

use fenxi_chassis::lifecycle::Lifecycle;
use fenxi_proto::{
    auth::v1::{
        ResolveCredentialRequest, ResolveCredentialResponse, WatchRevocationsRequest, WatchRevocationsResponse,
        caller_service_server::{CallerService, CallerServiceServer},
    },
    error::{ErrorReason, Failure},
    time::timestamp,
};
use futures_util::{Stream, stream};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Interval, MissedTickBehavior, interval},
};
use tonic::{Request, Response, Status};

use super::call::REQUEST_MAX_BYTES;
use crate::credential::{Credentials, Revocation, Revocations};

/// How often a watcher hears that its stream is in force.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// CallerService.
pub(crate) struct Rpc {
    pub(crate) credentials: Credentials,
    pub(crate) revocations: Revocations,
    pub(crate) lifecycle: Lifecycle,
}

impl Rpc {
    /// As it is served.
    pub(crate) fn service(self) -> CallerServiceServer<Self> {
        CallerServiceServer::new(self).max_decoding_message_size(REQUEST_MAX_BYTES)
    }
}

/// One gateway that watches.
struct Watch {
    revocations: Receiver<Revocation>,
    heartbeat: Interval,
    lifecycle: Lifecycle,
    ended: bool,
}

impl Watch {
    async fn next(mut self) -> Option<(Result<WatchRevocationsResponse, Status>, Self)> {
        if self.ended {
            return None;
        }
        let message = tokio::select! {
            biased;
            () = self.lifecycle.stopping() => return None,
            revocation = self.revocations.recv() => match revocation {
                Ok(revocation) => Ok(message(revocation)),
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "a watcher of revocations fell behind and was cut off");
                    self.ended = true;
                    let text = "the stream fell behind: forget every cached Caller and watch again";
                    Err(Failure::new(ErrorReason::Unavailable, text).retry_after(Duration::ZERO).into())
                }
            },
            _ = self.heartbeat.tick() => Ok(WatchRevocationsResponse::default()),
        };
        Some((message, self))
    }
}

fn message(revocation: Revocation) -> WatchRevocationsResponse {
    match revocation {
        Revocation::Credential(id) => {
            WatchRevocationsResponse { credential_id: id.to_string(), user_id: String::new() }
        }
        Revocation::User(id) => WatchRevocationsResponse { credential_id: String::new(), user_id: id.to_string() },
    }
}

#[tonic::async_trait]
impl CallerService for Rpc {
    async fn resolve_credential(
        &self,
        request: Request<ResolveCredentialRequest>,
    ) -> Result<Response<ResolveCredentialResponse>, Status> {
        let request = request.into_inner();
        let resolved = self.credentials.resolve(&request.credential, &request.audience).await.map_err(Failure::from)?;
        Ok(Response::new(ResolveCredentialResponse {
            caller_token: resolved.caller_token,
            expire_time: Some(timestamp(resolved.expire_time)),
            user_id: resolved.user_id.to_string(),
            credential_id: resolved.credential_id.to_string(),
        }))
    }

    type WatchRevocationsStream = Pin<Box<dyn Stream<Item = Result<WatchRevocationsResponse, Status>> + Send>>;

    async fn watch_revocations(
        &self,
        _request: Request<WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        // The first tick is at once: the heartbeat that says that the stream is in force.
        let mut heartbeat = interval(HEARTBEAT_INTERVAL);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let watch =
            Watch { revocations: self.revocations.watch(), heartbeat, lifecycle: self.lifecycle.clone(), ended: false };
        Ok(Response::new(Box::pin(stream::unfold(watch, Watch::next))))
    }
}
