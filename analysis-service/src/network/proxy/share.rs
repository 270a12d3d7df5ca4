//! How much of what all proxies have one user may take, so that nobody holds up the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// Names of one user's that are looked up at a time.
const LOOKUPS_PER_USER_MAX: usize = 4;

/// One user's share, of all of the user's kernels together.
#[derive(Debug)]
pub(super) struct Share {
    connections: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
}

/// The shares of users who have proxies.
#[derive(Debug, Default)]
pub(super) struct Shares(Mutex<HashMap<Uuid, Weak<Share>>>);

/// A place among others, given up when this is dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl Shares {
    /// The share of a user, the same for as long as somebody has it; `connections` when it is made.
    pub(super) fn of(&self, user_id: Uuid, connections: usize) -> Arc<Share> {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shares.retain(|_, share| share.strong_count() > 0);
        if let Some(share) = shares.get(&user_id).and_then(Weak::upgrade) {
            return share;
        }
        let share = Arc::new(Share {
            connections: Arc::new(Semaphore::new(connections)),
            lookups: Arc::new(Semaphore::new(LOOKUPS_PER_USER_MAX)),
        });
        shares.insert(user_id, Arc::downgrade(&share));
        share
    }
}

impl Share {
    /// Waits for a connection of the user's, and then for one of all, so that a user's many stand in the user's own queue.
    pub(super) async fn connection(&self, of_all: &Arc<Semaphore>) -> [Option<Place>; 2] {
        both(&self.connections, of_all).await
    }

    /// Waits for a place to look up a name, likewise.
    pub(super) async fn lookup(&self, of_all: &Arc<Semaphore>) -> [Option<Place>; 2] {
        both(&self.lookups, of_all).await
    }
}

/// `None` stands for a place of a semaphore that was closed, which none is.
async fn both(own: &Arc<Semaphore>, of_all: &Arc<Semaphore>) -> [Option<Place>; 2] {
    let own = Arc::clone(own).acquire_owned().await.ok();
    [own, Arc::clone(of_all).acquire_owned().await.ok()]
}
