//! What was revoked, told to everyone who remembers: this service's own memory at once, the gateways by a feed.
//!
//! Rooms that end credentials do so by [`Revocations::write_and_tell`]: what is durable is told, too.

#[cfg(test)]
mod tests;

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use fenxi_chassis::{
    caller::UserCaller,
    sqlite::{Transaction, WriteError, Writer},
};
use futures_util::future::BoxFuture;
use lru::LruCache;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::cache::HolderCache;

/// Revocations that a watcher may be behind; one that falls further behind is cut off and forgets everything.
const BEHIND_MAX: usize = 1_024;
/// Ended credentials that are remembered while Callers made from them may still be shown: five minutes' worth.
const ENDED_MAX: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// Something that a watcher is to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// A LoginSession or ApiToken.
    Credential(Uuid),
    /// Everything of a user.
    User(Uuid),
}

/// The feed and the memory behind it. Clones share both.
#[derive(Clone)]
pub(crate) struct Revocations(Arc<Shared>);

struct Shared {
    cache: HolderCache,
    ended: Mutex<LruCache<Uuid, ()>>,
    feed: broadcast::Sender<Revocation>,
}

impl Revocations {
    /// Nothing revoked yet.
    pub(crate) fn new() -> Self {
        let (feed, _) = broadcast::channel(BEHIND_MAX);
        Self(Arc::new(Shared { cache: HolderCache::new(), ended: Mutex::new(LruCache::new(ENDED_MAX)), feed }))
    }

    /// Writes, as [`Writer::write`] does, and then tells what ended with it. Once begun it is done, also where whoever
    /// asked does not wait: what is durable and was not told would be in force at the gateways for minutes, and a
    /// repeated call finds nothing left to tell.
    pub(crate) async fn write_and_tell<T, E, F, G>(&self, writer: &Writer, operation: F, tell: G) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<WriteError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Transaction) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        G: FnOnce(&Self, &T) + Send + 'static,
    {
        let (revocations, writer) = (self.clone(), writer.clone());
        let written = tokio::spawn(async move {
            let written = writer.write(operation).await;
            if let Ok(done) = &written {
                tell(&revocations, done);
            }
            written
        });
        written.await.unwrap_or_else(|_| Err(WriteError::Closed.into()))
    }

    /// These LoginSessions and ApiTokens ended.
    pub(crate) fn credentials_ended(&self, ids: &[Uuid]) {
        if ids.is_empty() {
            return;
        }
        {
            let mut ended = self.0.ended.lock().unwrap_or_else(PoisonError::into_inner);
            for id in ids {
                ended.put(*id, ());
            }
        }
        self.0.cache.forget(|gone| ids.contains(gone.credential_id));
        for id in ids {
            // Nobody watches: nobody remembers.
            drop(self.0.feed.send(Revocation::Credential(*id)));
        }
        metrics::counter!("auth_credentials_ended_total").increment(ids.len() as u64);
    }

    /// What this user may do changed, so that Callers of theirs are out of date.
    pub(crate) fn user_changed(&self, user_id: Uuid) {
        self.0.cache.forget(|gone| *gone.user_id == user_id);
        drop(self.0.feed.send(Revocation::User(user_id)));
    }

    /// Whether the credential behind a Caller ended since the Caller was signed.
    pub(crate) fn is_ended(&self, caller: &UserCaller) -> bool {
        self.0.ended.lock().unwrap_or_else(PoisonError::into_inner).contains(&caller.credential_id)
    }

    /// Everything that is revoked from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Revocation> {
        self.0.feed.subscribe()
    }

    /// What resolved credentials are remembered in.
    pub(super) fn cache(&self) -> &HolderCache {
        &self.0.cache
    }
}
