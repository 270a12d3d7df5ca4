//! The desks: threads with an async runtime of their own each. A connection is given to one desk, and everything of its
//! calls happens there, on connections to the backends that are this desk's own.
//!
//! A call is some microseconds of work in several steps. Where threads share the steps, waking them costs as much as the
//! work, and each step writes its own few bytes; at one desk everything that arrived together leaves together.

use std::{
    cell::Cell,
    convert::Infallible,
    sync::Arc,
    thread::{self, JoinHandle},
};

use anyhow::Context as _;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

thread_local! {
    /// Threads that are no desk count as one that has no connections of clients.
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// Every desk.
#[derive(Debug)]
pub(crate) struct Desks(Vec<Arc<Desk>>);

/// One desk. It is there for as long as somebody holds it.
#[derive(Debug)]
pub(crate) struct Desk {
    runtime: Handle,
    _held: oneshot::Sender<Infallible>,
}

impl Desks {
    /// Sets up this many.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn open(count: usize) -> anyhow::Result<Self> {
        let opened = (1..=count.max(1)).map(Desk::open).collect::<Result<_, _>>();
        opened.map(Self).context("a thread for connections")
    }

    /// The one with the fewest connections.
    pub(crate) fn freest(&self) -> Option<Arc<Desk>> {
        self.0.iter().min_by_key(|desk| Arc::strong_count(desk)).cloned()
    }
}

impl Desk {
    fn open(number: usize) -> std::io::Result<Arc<Self>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (held, all_gone) = oneshot::channel::<Infallible>();
        let desk = Self { runtime: runtime.handle().clone(), _held: held };
        let thread = thread::Builder::new().name(format!("desk-{number}"));
        // Not joined: its last holder is a task of its own.
        let _: JoinHandle<()> = thread.spawn(move || {
            HERE.set(number);
            // An error is what is waited for: nobody holds the desk any more.
            let _ = runtime.block_on(all_gone);
        })?;
        Ok(Arc::new(desk))
    }

    /// Where its tasks run.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

/// Something that every desk has of its own.
#[derive(Debug)]
pub(crate) struct PerDesk<T> {
    /// Of the threads that are no desk.
    elsewhere: T,
    desks: Vec<T>,
}

impl<T: Default> PerDesk<T> {
    /// For this many desks, and for the threads that are none.
    pub(crate) fn new(desks: usize) -> Self {
        Self { elsewhere: T::default(), desks: (0..desks).map(|_| T::default()).collect() }
    }

    /// That of the desk where this is called.
    pub(crate) fn here(&self) -> &T {
        HERE.get().checked_sub(1).and_then(|desk| self.desks.get(desk)).unwrap_or(&self.elsewhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_spread_and_each_desk_has_its_own() {
        let desks = Desks::open(2).expect("two threads");
        let own: Arc<PerDesk<std::sync::atomic::AtomicUsize>> = Arc::new(PerDesk::new(2));
        let held: Vec<_> = (0..2).filter_map(|_| desks.freest()).collect();
        assert!(!Arc::ptr_eq(&held[0], &held[1]), "one desk got both");
        let mut places = Vec::new();
        for desk in &held {
            let own = own.clone();
            let place = async move { std::ptr::from_ref(own.here()) as usize };
            places.push(desk.runtime().spawn(place).await.expect("ran"));
        }
        places.push(std::ptr::from_ref(own.here()) as usize);
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 3, "two of them share");
    }
}
