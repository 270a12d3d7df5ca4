//! One at a time for each key: whoever asks for what is being made waits for that one. The making goes on when those
//! who wait go away.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio_util::task::TaskTracker;

use super::error::DatasetError;
use crate::objects::ContentId;

type Flight<T> = Shared<BoxFuture<'static, Result<T, DatasetError>>>;
type Running<T> = Arc<Mutex<HashMap<ContentId, Flight<T>>>>;

/// What is being made now.
#[derive(Debug)]
pub(super) struct Flights<T: Clone> {
    running: Running<T>,
    tasks: TaskTracker,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(super) fn new(tasks: TaskTracker) -> Self {
        Self { running: Arc::default(), tasks }
    }

    /// What `make` gives, or what the one under way for the same key will give.
    pub(super) async fn run<F>(&self, key: ContentId, make: F) -> Result<T, DatasetError>
    where
        F: Future<Output = Result<T, DatasetError>> + Send + 'static,
    {
        let flight = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.entry(key).or_insert_with(|| self.start(key, make)).clone()
        };
        flight.await
    }

    fn start<F>(&self, key: ContentId, make: F) -> Flight<T>
    where
        F: Future<Output = Result<T, DatasetError>> + Send + 'static,
    {
        let landing = Landing { running: Arc::clone(&self.running), key };
        let task = self.tasks.spawn(async move {
            let _landing = landing;
            make.await
        });
        async move { task.await.unwrap_or(Err(DatasetError::Closing)) }.boxed().shared()
    }
}

/// Takes the flight off the list when it ends, by a panic too.
struct Landing<T: Clone> {
    running: Running<T>,
    key: ContentId,
}

impl<T: Clone> Drop for Landing<T> {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Locks by key, held across waits. A lock lives as long as somebody holds it or waits for it.
#[derive(Debug)]
pub(super) struct KeyLocks<K>(Mutex<HashMap<K, Weak<AsyncMutex<()>>>>);

impl<K> Default for KeyLocks<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> KeyLocks<K> {
    pub(super) async fn lock(&self, key: K) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if locks.len() == locks.capacity() {
                locks.retain(|_, lock| lock.strong_count() > 0);
            }
            let known = locks.get(&key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::default();
                locks.insert(key, Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn many_who_ask_for_the_same_get_one_flight_even_when_the_first_leaves() {
        let flights = Arc::new(Flights::<usize>::new(TaskTracker::new()));
        let made = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Semaphore::new(0));
        let key = ContentId::of(b"key");
        let ask = || {
            let (flights, made, gate) = (Arc::clone(&flights), Arc::clone(&made), Arc::clone(&gate));
            tokio::spawn(async move {
                let make = async move {
                    let _open = gate.acquire().await;
                    Ok(made.fetch_add(1, Ordering::SeqCst) + 1)
                };
                flights.run(key, make).await
            })
        };
        let first = ask();
        tokio::task::yield_now().await;
        first.abort();
        let others: Vec<_> = (0..20).map(|_| ask()).collect();
        tokio::task::yield_now().await;
        gate.add_permits(1);
        for other in others {
            assert_eq!(other.await.expect("no panic").expect("made"), 1);
        }
        assert_eq!(flights.run(key, async { Ok(7) }).await.expect("made anew"), 7);
    }

    #[tokio::test]
    async fn a_flight_that_panics_is_an_error_and_the_next_one_starts() {
        let flights = Flights::<()>::new(TaskTracker::new());
        let key = ContentId::of(b"key");
        flights.run(key, async { panic!("on purpose") }).await.expect_err("panicked");
        flights.run(key, async { Ok(()) }).await.expect("a new one");
    }

    #[tokio::test]
    async fn a_key_is_locked_once_and_forgotten_after() {
        let locks = KeyLocks::default();
        for key in 0..1_000 {
            drop(locks.lock(key).await);
        }
        assert!(locks.0.lock().expect("no panic").len() < 1_000, "locks pile up");
        let held = locks.lock(1).await;
        assert!(locks.lock(1).now_or_never().is_none(), "locked twice");
        drop(held);
        assert!(locks.lock(1).now_or_never().is_some());
    }
}
