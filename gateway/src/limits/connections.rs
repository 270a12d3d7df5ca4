//! How many connections: in all, and from one address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{meters, net};

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Doors {
    max: usize,
    per_address_max: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    doors: Arc<Doors>,
    key: IpAddr,
}

impl Doors {
    pub(crate) fn new(max: usize, per_address_max: usize) -> Arc<Self> {
        Arc::new(Self { max, per_address_max, open: Mutex::default() })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from this address, or `None` if it or all have as many as they may.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let key = net::counting_key(address);
        let mut open = self.open();
        if open.all >= self.max || open.by_address.get(&key).is_some_and(|count| *count >= self.per_address_max) {
            drop(open);
            meters::refused("connections");
            return None;
        }
        open.all += 1;
        *open.by_address.entry(key).or_insert(0) += 1;
        drop(open);
        meters::connections(1.0);
        Some(Place { doors: self.clone(), key })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.doors.open();
        open.all = open.all.saturating_sub(1);
        if let Some(count) = open.by_address.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.key);
            }
        }
        drop(open);
        meters::connections(-1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_place() {
        let doors = Doors::new(3, 2);
        let (one, two) = ("10.0.0.1".parse().expect("an address"), "10.0.0.2".parse().expect("an address"));
        let first = doors.enter(one).expect("a place");
        let _second = doors.enter(one).expect("a place");
        assert!(doors.enter(one).is_none());
        let _third = doors.enter(two).expect("a place for another");
        assert!(doors.enter(two).is_none(), "three in all");
        drop(first);
        assert!(doors.enter(one).is_some(), "a place was not given back");
    }
}
