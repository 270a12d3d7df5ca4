//! CallerService: the gateway's door to credentials, and the feeds of what is revoked and of who is disabled.

use std::{pin::Pin, time::Duration};

use fenxi_chassis::lifecycle::Lifecycle;
use fenxi_proto::{
    auth::v1::{
        ResolveCredentialRequest, ResolveCredentialResponse, WatchDisabledUsersRequest, WatchRevocationsRequest,
        WatchRevocationsResponse,
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
use uuid::Uuid;

use super::{
    call::REQUEST_MAX_BYTES,
    disabled_users::{Answers, Feed},
};
use crate::{
    credential::{Credentials, Revocation, Revocations},
    user::Users,
};

/// How often a watcher hears that its stream is in force.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// CallerService.
pub(crate) struct Rpc {
    pub(crate) credentials: Credentials,
    pub(crate) revocations: Revocations,
    pub(crate) users: Users,
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
        let (revocations, lifecycle) = (self.revocations.watch(), self.lifecycle.clone());
        let watch = Watch { revocations, heartbeat: heartbeat(), lifecycle, ended: false };
        Ok(Response::new(Box::pin(stream::unfold(watch, Watch::next))))
    }

    type WatchDisabledUsersStream = Answers;

    async fn watch_disabled_users(
        &self,
        _request: Request<WatchDisabledUsersRequest>,
    ) -> Result<Response<Answers>, Status> {
        let feed = Feed {
            changes: self.revocations.watch(),
            users: self.users.clone(),
            heartbeat: heartbeat(),
            lifecycle: self.lifecycle.clone(),
            told: Some(Uuid::nil()),
            ended: false,
        };
        Ok(Response::new(feed.stream()))
    }
}

/// The first tick is at once: the heartbeat that says that the stream is in force.
fn heartbeat() -> Interval {
    let mut heartbeat = interval(HEARTBEAT_INTERVAL);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn watch(revocations: &Revocations) -> Watch {
        let heartbeat = interval(HEARTBEAT_INTERVAL);
        Watch { revocations: revocations.watch(), heartbeat, lifecycle: Lifecycle::new(), ended: false }
    }

    #[tokio::test]
    async fn a_watcher_that_falls_behind_is_cut_off() {
        let revocations = Revocations::new();
        let behind = watch(&revocations);
        for number in 0..5_000 {
            revocations.credentials_ended(&[Uuid::from_u128(number)]);
        }
        let (message, behind) = behind.next().await.expect("a word of parting");
        assert_eq!(message.expect_err("not a revocation").code(), Code::Unavailable);
        assert!(behind.next().await.is_none(), "the stream goes on");
    }

    #[tokio::test]
    async fn a_watcher_hears_everything_in_order_and_the_end_of_the_service() {
        let revocations = Revocations::new();
        let mut watching = watch(&revocations);
        let lifecycle = watching.lifecycle.clone();
        revocations.credentials_ended(&[Uuid::from_u128(1), Uuid::from_u128(2)]);
        revocations.user_changed(Uuid::from_u128(3));
        let mut heard = Vec::new();
        for _ in 0..3 {
            let (message, next) = watching.next().await.expect("a message");
            watching = next;
            let message = message.expect("a revocation");
            heard.push(format!("{}{}", message.credential_id, message.user_id));
        }
        assert_eq!(heard, [1, 2, 3].map(|number| Uuid::from_u128(number).to_string()));
        lifecycle.stop();
        assert!(watching.next().await.is_none());
    }
}
