//! Requests under way: the same request again waits for the end of the first, and is then answered from what that one left.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use uuid::Uuid;

/// Whose request it is, and its id.
type Key = (Uuid, Uuid);

/// The requests under way: as many as calls. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<Key, watch::Sender<()>>>>);

/// A request under way; dropped, it has come to its end.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    key: Key,
}

impl Turns {
    /// Waits until no request of this id is under way. From then on this one is.
    pub(super) async fn take(&self, key: Key) -> Turn {
        while let Some(mut other) = self.begin(key) {
            // Nothing is sent: it closes with the other's end.
            let _ = other.changed().await;
        }
        Turn { turns: self.clone(), key }
    }

    /// Begins one, or gives what closes with the end of the one under way.
    fn begin(&self, key: Key) -> Option<watch::Receiver<()>> {
        let mut under_way = self.under_way();
        if let Some(other) = under_way.get(&key) {
            return Some(other.subscribe());
        }
        under_way.insert(key, watch::Sender::new(()));
        None
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Key, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.under_way().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_same_request_waits_and_others_do_not() {
        let turns = Turns::default();
        let (key, other) = ((Uuid::from_u128(1), Uuid::from_u128(2)), (Uuid::from_u128(1), Uuid::from_u128(3)));
        let first = turns.take(key).await;
        let mut second = Box::pin(turns.take(key));
        assert!(second.as_mut().now_or_never().is_none(), "the first is under way");
        assert!(turns.take(other).now_or_never().is_some());
        drop(first);
        let second = second.now_or_never().expect("its turn");
        assert!(turns.take(key).now_or_never().is_none());
        drop(second);
        assert!(turns.under_way().is_empty());
    }
}
