//! Holders remembered by the hash of their secret. A revocation takes them out at once; a read that began before it
//! cannot put them back. What is remembered is forgotten soon anyway, for changes made by another instance.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fenxi_chassis::clock::micros;
use lru::LruCache;
use uuid::Uuid;

use super::Holder;
use crate::secret::SecretHash;

/// Holders that are remembered: about 20 MB.
const HOLDERS_MAX: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// How long one is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);

struct Remembered {
    holder: Holder,
    until: i64,
}

struct State {
    holders: LruCache<SecretHash, Remembered>,
    /// How many revocations there were.
    generation: u64,
}

/// The memory.
pub(crate) struct HolderCache(Mutex<State>);

impl HolderCache {
    /// Empty.
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { holders: LruCache::new(HOLDERS_MAX), generation: 0 }))
    }

    /// What is remembered of this credential at `now`.
    pub(super) fn get(&self, hash: &SecretHash, now: i64) -> Option<Holder> {
        let mut state = self.state();
        let found = state.holders.get(hash)?;
        (now < found.until).then(|| found.holder.clone())
    }

    /// To be handed to [`Self::put`] with what is read after this.
    pub(super) fn generation(&self) -> u64 {
        self.state().generation
    }

    /// Remembers a holder that was read after `seen` was taken, unless something was revoked since; says whether it did.
    pub(super) fn put(&self, hash: SecretHash, holder: &Holder, now: i64, seen: u64) -> bool {
        let mut state = self.state();
        if state.generation != seen {
            return false;
        }
        let until = now.saturating_add(micros(REMEMBERED));
        state.holders.put(hash, Remembered { holder: holder.clone(), until });
        true
    }

    /// Notes a use, so that the next one within the grain is not noted again.
    pub(super) fn touch(&self, hash: &SecretHash, used_time: i64) {
        if let Some(found) = self.state().holders.peek_mut(hash) {
            found.holder.last_used_time = used_time;
        }
    }

    /// Forgets the holders that `gone` points out.
    pub(super) fn forget(&self, gone: impl Fn(&Gone<'_>) -> bool) {
        let mut state = self.state();
        state.generation += 1;
        let hashes: Vec<_> = state
            .holders
            .iter()
            .filter(|(_, found)| {
                gone(&Gone { user_id: &found.holder.user_id, credential_id: &found.holder.credential_id })
            })
            .map(|(hash, _)| *hash)
            .collect();
        for hash in hashes {
            state.holders.pop(&hash);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By what a holder is pointed out.
pub(super) struct Gone<'a> {
    pub(super) user_id: &'a Uuid,
    pub(super) credential_id: &'a Uuid,
}

#[cfg(test)]
mod tests {
    use fenxi_chassis::caller::token::{Role, Source};

    use super::*;

    fn holder(number: u128) -> Holder {
        Holder {
            credential_id: Uuid::from_u128(number),
            user_id: Uuid::from_u128(number % 2),
            source: Source::LoginSession,
            role: Role::Member,
            scopes: String::new(),
            last_used_time: 0,
            expire_time: i64::MAX,
            identity_provider: "local".into(),
            tenant_key: None,
        }
    }

    fn hash(number: u128) -> SecretHash {
        SecretHash::of_text(&number.to_string())
    }

    #[test]
    fn a_revocation_is_stronger_than_a_read_that_began_before_it() {
        let cache = HolderCache::new();
        let seen = cache.generation();
        cache.forget(|gone| *gone.credential_id == Uuid::from_u128(1));
        assert!(!cache.put(hash(1), &holder(1), 0, seen), "the read was from before");
        assert!(cache.get(&hash(1), 0).is_none());
        assert!(cache.put(hash(1), &holder(1), 0, cache.generation()));
        assert!(cache.get(&hash(1), 0).is_some());
    }

    #[test]
    fn exactly_what_is_pointed_out_is_forgotten_and_everything_soon() {
        let cache = HolderCache::new();
        for number in 1..=4 {
            cache.put(hash(number), &holder(number), 0, cache.generation());
        }
        cache.forget(|gone| *gone.user_id == Uuid::from_u128(1));
        let kept: Vec<_> = (1..=4).filter(|number| cache.get(&hash(*number), 0).is_some()).collect();
        assert_eq!(kept, [2, 4]);
        assert!(cache.get(&hash(2), micros(REMEMBERED)).is_none());
    }
}
