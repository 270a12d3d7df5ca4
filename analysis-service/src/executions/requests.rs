//! Which repeated calls were taken while an execution ran: cancels and inputs by their `request_id`, so that a second
//! one does nothing and is answered as the first. Each is written in the log with what came of it, and read from there by
//! a service that takes the execution up; from its end on they are in the database.

use std::collections::VecDeque;

use uuid::Uuid;

use super::limits::REQUESTS_MAX;

const ID_BYTES: usize = 16;
const HASH_BYTES: usize = 8;

/// A request that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What makes a repeated call the same call.
    pub(super) request_id: Uuid,
    /// The beginning of a hash of what it asked.
    pub(super) hash: [u8; HASH_BYTES],
}

impl Taken {
    /// `hash` is of what it asks.
    pub(super) fn new(request_id: Uuid, hash: &[u8; 32]) -> Self {
        let mut beginning = [0; HASH_BYTES];
        beginning.iter_mut().zip(hash).for_each(|(into, from)| *into = *from);
        Self { request_id, hash: beginning }
    }

    /// As the log has it.
    pub(crate) fn write(&self) -> Vec<u8> {
        [self.request_id.as_bytes().as_slice(), &self.hash].concat()
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (id, hash) = bytes.split_first_chunk::<ID_BYTES>()?;
        Some(Self { request_id: Uuid::from_bytes(*id), hash: hash.try_into().ok()? })
    }

    /// Compares a request with this one of the same id.
    pub(super) fn compare(&self, other: &Self) -> Seen {
        if self.hash == other.hash { Seen::Again } else { Seen::Reused }
    }
}

/// What a request is to the one of its id that was taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The same.
    Again,
    /// Another.
    Reused,
}

/// The requests of one execution.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Oldest first; the oldest go first.
    newest: VecDeque<Taken>,
    /// How many were taken in all.
    count: u64,
}

impl Requests {
    /// From the bytes that rows had before requests had rows of their own.
    pub(super) fn read_row(bytes: &[u8]) -> Vec<Taken> {
        let (records, _) = bytes.as_chunks::<{ ID_BYTES + HASH_BYTES }>();
        records.iter().filter_map(|record| Taken::read(record)).collect()
    }

    /// The one of this id, if it was taken.
    pub(super) fn get(&self, request_id: Uuid) -> Option<&Taken> {
        self.newest.iter().find(|taken| taken.request_id == request_id)
    }

    /// Those that are remembered.
    pub(super) fn all(&self) -> Vec<Taken> {
        self.newest.iter().copied().collect()
    }

    /// How many were taken.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Forgets a request that was not carried out after all.
    pub(super) fn remove(&mut self, request_id: Uuid) {
        self.newest.retain(|taken| taken.request_id != request_id);
        self.count = self.count.saturating_sub(1);
    }

    /// Remembers a request that was taken.
    pub(super) fn add(&mut self, taken: Taken) {
        if self.newest.len() == REQUESTS_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(taken);
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(id: u128, first: u8) -> Taken {
        Taken::new(Uuid::from_u128(id), &[first; 32])
    }

    #[test]
    fn a_request_is_known_again_by_what_was_written() {
        let written = taken(1, 7).write();
        let read = Taken::read(&written).expect("read");
        assert_eq!(
            (read, read.compare(&taken(1, 7)), read.compare(&taken(1, 8))),
            (taken(1, 7), Seen::Again, Seen::Reused)
        );
        assert_eq!(Taken::read(&written[1..]), None);
        assert_eq!(Requests::read_row(&[written, taken(2, 8).write()].concat()), [taken(1, 7), taken(2, 8)]);
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let mut requests = Requests::default();
        for id in 0..=REQUESTS_MAX as u128 {
            requests.add(taken(id, 0));
        }
        assert_eq!(requests.get(Uuid::from_u128(0)), None);
        assert_eq!(requests.get(Uuid::from_u128(1)), Some(&taken(1, 0)));
        assert_eq!((requests.all().len(), requests.count()), (REQUESTS_MAX, REQUESTS_MAX as u64 + 1));
    }
}
