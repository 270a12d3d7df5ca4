//! The feed of who is disabled, for the service whose kernels go on without a call: first everyone who is, then each change.
//! What is told is read when it is told, so that it is true however late that is.

use std::pin::Pin;

use fenxi_chassis::lifecycle::Lifecycle;
use fenxi_proto::{
    auth::v1::WatchDisabledUsersResponse,
    error::{ErrorReason, Failure},
};
use futures_util::{Stream, stream};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::Interval,
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    credential::Revocation,
    user::{UserError, Users},
};

/// Users in one message.
const USERS_MAX: u32 = 1_000;

pub(super) type Answers = Pin<Box<dyn Stream<Item = Result<WatchDisabledUsersResponse, Status>> + Send>>;

/// One service that watches.
pub(super) struct Feed {
    pub(super) users: Users,
    /// Watched from before the first user was read, so that nobody is missed in between.
    pub(super) changes: Receiver<Revocation>,
    pub(super) heartbeat: Interval,
    pub(super) lifecycle: Lifecycle,
    /// Whom those who are disabled have been told up to; `None` once all have been.
    pub(super) told: Option<Uuid>,
    pub(super) ended: bool,
}

impl Feed {
    /// As it is served.
    pub(super) fn stream(self) -> Answers {
        Box::pin(stream::unfold(self, Self::next))
    }

    async fn next(mut self) -> Option<(Result<WatchDisabledUsersResponse, Status>, Self)> {
        if self.ended {
            return None;
        }
        let message = match self.told {
            Some(after) => self.page(after).await,
            None => self.change().await?,
        };
        self.ended = message.is_err();
        Some((message.map_err(Status::from), self))
    }

    async fn page(&mut self, after: Uuid) -> Result<WatchDisabledUsersResponse, Failure> {
        let page = self.users.disabled(after, USERS_MAX).await?;
        let full = page.len() >= USERS_MAX as usize;
        self.told = page.last().copied().filter(|_| full);
        Ok(WatchDisabledUsersResponse { disabled_user_ids: texts(&page), ..Default::default() })
    }

    /// The next thing to say; `None` when the service stops.
    async fn change(&mut self) -> Option<Result<WatchDisabledUsersResponse, Failure>> {
        loop {
            let user_id = tokio::select! {
                biased;
                () = self.lifecycle.stopping() => return None,
                change = self.changes.recv() => match change {
                    Ok(Revocation::User(user_id)) => user_id,
                    Ok(Revocation::Credential(_)) => continue,
                    Err(RecvError::Closed) => return None,
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "a watcher of disabled users fell behind and was cut off");
                        let text = "the stream fell behind: watch again";
                        return Some(Err(Failure::new(ErrorReason::Unavailable, text)));
                    }
                },
                _ = self.heartbeat.tick() => return Some(Ok(WatchDisabledUsersResponse::default())),
            };
            let user = match self.users.get(user_id).await {
                Ok(user) => user,
                Err(UserError::NotFound) => continue,
                Err(error) => return Some(Err(error.into())),
            };
            let ids = texts(&[user_id]);
            return Some(Ok(match user.disabled_time {
                Some(_) => WatchDisabledUsersResponse { disabled_user_ids: ids, ..Default::default() },
                None => WatchDisabledUsersResponse { enabled_user_ids: ids, ..Default::default() },
            }));
        }
    }
}

fn texts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}
