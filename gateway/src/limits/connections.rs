//! How many connections: in all, and from one address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    meters,
    net::{self, Network},
};

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Doors {
    max: usize,
    per_address_max: usize,
    /// Their addresses say nothing of who comes through them.
    trusted_proxies: Vec<Network>,
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
    /// By what it is counted, if it is counted by its address.
    key: Option<IpAddr>,
}

impl Doors {
    pub(crate) fn new(max: usize, per_address_max: usize, trusted_proxies: Vec<Network>) -> Arc<Self> {
        Arc::new(Self { max, per_address_max, trusted_proxies, open: Mutex::default() })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from this address, or `None` if it or all have as many as they may. A trusted proxy brings
    /// everybody's connections, so it has as many as all.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let trusted = net::is_trusted(address, &self.trusted_proxies);
        let key = (!trusted).then(|| net::counting_key(address));
        let mut open = self.open();
        let of_address = key.and_then(|key| open.by_address.get(&key)).copied().unwrap_or(0);
        if open.all >= self.max || (key.is_some() && of_address >= self.per_address_max) {
            drop(open);
            meters::refused("connections");
            return None;
        }
        open.all += 1;
        if let Some(key) = key {
            open.by_address.insert(key, of_address + 1);
        }
        drop(open);
        meters::connections(1.0);
        Some(Place { doors: self.clone(), key })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.doors.open();
        open.all = open.all.saturating_sub(1);
        if let Some(key) = self.key
            && let Some(count) = open.by_address.get_mut(&key)
        {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&key);
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
        let doors = Doors::new(3, 2, Vec::new());
        let (one, two) = ("10.0.0.1".parse().expect("an address"), "10.0.0.2".parse().expect("an address"));
        let first = doors.enter(one).expect("a place");
        let _second = doors.enter(one).expect("a place");
        assert!(doors.enter(one).is_none());
        let _third = doors.enter(two).expect("a place for another");
        assert!(doors.enter(two).is_none(), "three in all");
        drop(first);
        assert!(doors.enter(one).is_some(), "a place was not given back");
    }

    #[test]
    fn behind_a_trusted_proxy_only_all_are_counted() {
        let doors = Doors::new(3, 1, vec!["10.1.0.0/16".parse().expect("a network")]);
        let (proxy, other) = ("::ffff:10.1.0.1".parse().expect("mapped"), "10.0.0.2".parse().expect("an address"));
        let _through = [doors.enter(proxy).expect("a place"), doors.enter(proxy).expect("another")];
        let third = doors.enter(other).expect("a place");
        assert!(doors.enter(proxy).is_none(), "three in all");
        drop(third);
        assert!(doors.enter(proxy).is_some(), "a place was not given back");
    }
}
