//! Which repeated calls were taken while an execution ran: cancels and inputs by their `request_id`, so that a second
//! one does nothing and is answered as the first. They outlive the execution in its row.

use uuid::Uuid;

/// Requests remembered for one execution; the oldest go first.
const REQUESTS_MAX: usize = 64;
const ID_BYTES: usize = 16;
const HASH_BYTES: usize = 8;

/// What a request is to those taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Never seen.
    New,
    /// Taken before.
    Again,
    /// Its id was taken before for something else.
    Reused,
}

/// The requests of one execution.
#[derive(Debug, Default)]
pub(super) struct Requests(Vec<(Uuid, [u8; HASH_BYTES])>);

impl Requests {
    /// From the row's bytes.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let (records, _) = bytes.as_chunks::<{ ID_BYTES + HASH_BYTES }>();
        let record = |record: &[u8; ID_BYTES + HASH_BYTES]| {
            let (id, hash) = record.split_first_chunk::<ID_BYTES>()?;
            Some((Uuid::from_bytes(*id), hash.try_into().ok()?))
        };
        Self(records.iter().filter_map(record).collect())
    }

    /// For the row.
    pub(super) fn write(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(id, hash)| id.as_bytes().iter().chain(hash).copied()).collect()
    }

    /// Compares a request with those taken before. `hash` begins with a hash of what it asks.
    pub(super) fn seen(&self, id: Uuid, hash: &[u8; 32]) -> Seen {
        match self.0.iter().find(|(taken, _)| *taken == id) {
            None => Seen::New,
            Some((_, taken)) if hash.starts_with(taken) => Seen::Again,
            Some(_) => Seen::Reused,
        }
    }

    /// Forgets a request that was not carried out after all.
    pub(super) fn remove(&mut self, id: Uuid) {
        self.0.retain(|(taken, _)| *taken != id);
    }

    /// Remembers a request that was taken.
    pub(super) fn add(&mut self, id: Uuid, hash: &[u8; 32]) {
        let Some(beginning) = hash.first_chunk() else { return };
        if self.0.len() == REQUESTS_MAX {
            self.0.remove(0);
        }
        self.0.push((id, *beginning));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_again_after_the_row() {
        let mut requests = Requests::default();
        let (id, hash) = (Uuid::from_u128(1), [7; 32]);
        assert_eq!(requests.seen(id, &hash), Seen::New);
        requests.add(id, &hash);
        let requests = Requests::read(&requests.write());
        assert_eq!(requests.seen(id, &hash), Seen::Again);
        assert_eq!(requests.seen(id, &[8; 32]), Seen::Reused);
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let mut requests = Requests::default();
        for id in 0..=REQUESTS_MAX as u128 {
            requests.add(Uuid::from_u128(id), &[0; 32]);
        }
        assert_eq!(requests.seen(Uuid::from_u128(0), &[0; 32]), Seen::New);
        assert_eq!(requests.seen(Uuid::from_u128(1), &[0; 32]), Seen::Again);
        assert_eq!(requests.write().len(), REQUESTS_MAX * (ID_BYTES + HASH_BYTES));
    }
}
