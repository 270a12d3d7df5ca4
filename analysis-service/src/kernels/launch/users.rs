//! The users that kernels become where the service is root: a range that no other service of this machine has, one for
//! each kernel. What runs as such a user belongs to that kernel and ends with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;

use crate::kernels::machine::tree;

/// Users of one service: more than it may have kernels.
const RANGE_USERS: u32 = 20_000;
/// The user that every system has and that owns nothing.
const NOBODY: u32 = 65_534;
/// Ranges that are looked at.
const RANGES_MAX: u32 = 256;

/// A range of users, and which kernel has which. By default one from 65,534 (nobody) on, for where none is used.
#[derive(Debug)]
pub(super) struct Users {
    first: u32,
    /// Held as long as the range is: the system gives the name to one process, and takes it back at its end.
    _claim: Option<UnixListener>,
    /// The user of each kernel, as its distance from the first.
    taken: Mutex<BTreeMap<Uuid, u32>>,
}

impl Default for Users {
    fn default() -> Self {
        Self { first: NOBODY, _claim: None, taken: Mutex::default() }
    }
}

impl Users {
    /// Takes the first range from this user on that no other service holds and as which nobody runs. Blocks.
    ///
    /// # Errors
    /// All that are looked at are taken.
    pub(super) fn take(first: u32) -> anyhow::Result<Self> {
        for range in 0..RANGES_MAX {
            let first = first.saturating_add(range.saturating_mul(RANGE_USERS));
            let name = SocketAddr::from_abstract_name(format!("fenxi-users-{first}"))?;
            let Ok(claim) = UnixListener::bind_addr(&name) else { continue };
            // A container's users, or what is left of a service that was killed: neither must meet a kernel.
            if !tree::anyone_runs_as(&(first..first.saturating_add(RANGE_USERS))) {
                return Ok(Self { first, _claim: Some(claim), taken: Mutex::default() });
            }
        }
        anyhow::bail!(
            "--kernel-uid-first {first}: {RANGES_MAX} ranges of users from here on are in use by other services"
        )
    }

    /// The user of a kernel: the same as long as it is known, and nobody else's meanwhile.
    pub(super) fn of(&self, kernel_id: Uuid) -> u32 {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let number = taken.get(&kernel_id).copied().unwrap_or_else(|| {
            let numbers: BTreeSet<u32> = taken.values().copied().collect();
            let free = (0..).find(|number| !numbers.contains(number)).unwrap_or_default();
            taken.insert(kernel_id, free);
            free
        });
        self.first.saturating_add(number)
    }

    /// The kernel is gone for good: its user may be another's.
    pub(super) fn forget(&self, kernel_id: Uuid) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&kernel_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kernels_have_one_user_and_one_keeps_its_own() {
        let users = Users { first: 300_000, ..Users::default() };
        let [one, two, three, four] = [1, 2, 3, 4].map(Uuid::from_u128);
        assert_eq!([one, two, one, three].map(|kernel| users.of(kernel)), [300_000, 300_001, 300_000, 300_002]);
        users.forget(two);
        assert_eq!(users.of(four), 300_001);
    }

    #[test]
    fn no_two_services_have_one_range() {
        let first = 1_990_000_000;
        let (one, two) = (Users::take(first).expect("a range"), Users::take(first).expect("another"));
        assert!(one.first >= first && two.first >= one.first + RANGE_USERS);
        let freed = one.first;
        drop(one);
        assert_eq!(Users::take(first).expect("the first again").first, freed);
    }
}
