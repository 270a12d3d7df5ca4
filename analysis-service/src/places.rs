//! The places for streams of bytes: so many in the service, and nobody holds more of them than are left.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

/// All places. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    free: usize,
    by_owner: HashMap<Uuid, usize>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    owner: Uuid,
}

/// There is no place now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// For anybody.
    All,
    /// For this owner, who holds as many as are free.
    Own,
}

impl Places {
    pub(crate) fn new(max: usize) -> Self {
        Self(Arc::new(Mutex::new(Held { free: max, by_owner: HashMap::new() })))
    }

    /// A place for one more stream of this owner. Who holds as many as are free has to wait, so that who comes later
    /// finds one too, however many come and however slowly bytes arrive.
    pub(crate) fn enter(&self, owner: Uuid) -> Result<Place, Full> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.by_owner.get(&owner).copied().unwrap_or_default();
        if held.free == 0 {
            return Err(Full::All);
        }
        if own >= held.free {
            return Err(Full::Own);
        }
        held.free -= 1;
        held.by_owner.insert(owner, own + 1);
        Ok(Place { places: self.clone(), owner })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.free += 1;
        match held.by_owner.get_mut(&self.owner) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(held.by_owner.remove(&self.owner)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter_all(places: &Places, owner: u128) -> Vec<Place> {
        std::iter::from_fn(|| places.enter(Uuid::from_u128(owner)).ok()).collect()
    }

    #[test]
    fn nobody_holds_more_than_are_left_and_all_come_back() {
        let places = Places::new(64);
        let first = enter_all(&places, 1);
        let second = enter_all(&places, 2);
        assert_eq!((first.len(), second.len()), (32, 16));
        let others: Vec<_> = (3..100).flat_map(|owner| places.enter(Uuid::from_u128(owner)).ok()).collect();
        assert_eq!(others.len(), 16, "each of many finds one");
        assert_eq!(places.enter(Uuid::from_u128(100)).err(), Some(Full::All), "as many as there are");
        assert_eq!(Places::new(3).enter(Uuid::nil()).err(), None);
        drop((first, second, others));
        let held = places.0.lock().expect("sound");
        assert_eq!((held.free, held.by_owner.len()), (64, 0));
    }
}
