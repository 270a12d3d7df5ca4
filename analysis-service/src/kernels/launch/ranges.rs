//! Ranges of users: each belongs to one service of this machine, which gives them to its kernels.
//!
//! A range has a name in the abstract namespace of sockets (unix(7)), which the system gives to one process. It is the
//! supervisor that has it, because it outlives the service with its kernels: no other service takes their users before
//! they have ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    sync::Arc,
};

use fenxi_supervisor::client::Supervisor;

use crate::kernels::machine::tree;

/// Users of one service: more than it may have kernels that run.
pub(super) const RANGE_USERS: u32 = 20_000;
/// Ranges that are looked at.
const RANGES_MAX: u32 = 256;

/// A range that is held: no other service has it, nor will have it while this lives.
pub(super) type HeldRange = Arc<OwnedFd>;

/// The ranges from a user on, and those in which kernels of a former service have their users.
#[derive(Debug)]
pub(super) struct Ranges {
    first: u32,
    /// Holds what is taken.
    supervisor: Option<Supervisor>,
    /// By their first user.
    former: BTreeMap<u32, HeldRange>,
}

impl Ranges {
    /// From this user on.
    pub(super) fn from(first: u32, supervisor: Option<Supervisor>) -> Self {
        Self { first, supervisor, former: BTreeMap::new() }
    }

    /// Holds those of these users of former kernels. One that another service has is left to it: if nobody held it for a
    /// while, that service may have taken it, and its kernels are not this one's to end. Blocks.
    pub(super) fn hold_former(&mut self, users: impl Iterator<Item = u32>) {
        let ranges: BTreeSet<u32> = users.filter_map(|uid| self.range_of(uid)).collect();
        self.former = ranges.into_iter().filter_map(|range| Some((range, self.claim(range)?))).collect();
    }

    /// That of a former kernel's user, if it is held.
    pub(super) fn former(&self, uid: u32) -> Option<HeldRange> {
        self.former.get(&self.range_of(uid)?).cloned()
    }

    /// That of this user, unless another service has it. Blocks.
    pub(super) fn hold(&self, uid: u32) -> Option<HeldRange> {
        self.former(uid).or_else(|| self.claim(self.range_of(uid)?))
    }

    /// Takes the first one, given with its first user, that no other service has, in which no former kernel has its user,
    /// and as which nobody runs. Blocks.
    ///
    /// # Errors
    /// All that are looked at are taken.
    pub(super) fn take(&self) -> anyhow::Result<(u32, HeldRange)> {
        for range in 0..RANGES_MAX {
            let first = self.first.saturating_add(range.saturating_mul(RANGE_USERS));
            if self.former.contains_key(&first) {
                continue;
            }
            let Some(claim) = self.claim(first) else { continue };
            // A container's users, or what is left of a service that was killed: neither must meet a kernel.
            if !tree::anyone_runs_as(&(first..first.saturating_add(RANGE_USERS))) {
                return Ok((first, claim));
            }
        }
        anyhow::bail!(
            "--kernel-uid-first {}: {RANGES_MAX} ranges of users from here on are in use by other services",
            self.first
        )
    }

    /// The first user of the range that a user is in.
    fn range_of(&self, uid: u32) -> Option<u32> {
        let range = uid.checked_sub(self.first)? / RANGE_USERS;
        (range < RANGES_MAX).then(|| self.first + range * RANGE_USERS)
    }

    /// The range that begins with this user, unless another service has it.
    fn claim(&self, first: u32) -> Option<HeldRange> {
        let name = format!("fenxi-users-{first}");
        let taken = self.supervisor.as_ref().map(|supervisor| supervisor.take_name(&name));
        let fd = match taken {
            Some(Ok(fd)) => fd,
            Some(Err(error)) if error.kind() == io::ErrorKind::AddrInUse => return None,
            // A supervisor of an earlier version holds none: the name goes with this service then.
            _ => UnixListener::bind_addr(&SocketAddr::from_abstract_name(name).ok()?).ok()?.into(),
        };
        Some(Arc::new(fd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(first: u32) -> Ranges {
        Ranges::from(first, None)
    }

    #[test]
    fn no_two_services_have_one_range() {
        let first = 1_990_000_000;
        let ranges = ranges(first);
        let take = || ranges.take().expect("a range");
        let (one, two) = (take(), take());
        assert!(one.0 >= first && two.0 >= one.0 + RANGE_USERS);
        let freed = one.0;
        assert!(ranges.hold(freed + 7).is_none(), "it is held");
        drop(one);
        let held = ranges.hold(freed + 7).expect("it is nobody's");
        assert!(take().0 > freed);
        drop(held);
        assert_eq!(take().0, freed, "the first again");
        assert!(ranges.hold(first - 1).is_none());
    }

    #[test]
    fn a_range_of_former_kernels_is_nobody_elses_and_one_that_another_has_is_left() {
        let first = 1_970_000_000;
        let take = || ranges(first).take().expect("a range");
        let others = take();
        let mut mine = ranges(first);
        mine.hold_former([others.0, first + RANGE_USERS + 7, first - 1].into_iter());
        assert!(mine.former(others.0).is_none() && mine.former(first - 1).is_none());
        let range = mine.former(first + RANGE_USERS).expect("held");
        assert!(mine.former(first + 2 * RANGE_USERS).is_none(), "nobody had a user there");
        assert_eq!(mine.take().expect("a range").0, first + 2 * RANGE_USERS, "not among former kernels");
        drop(mine);
        assert_eq!(take().0, first + 2 * RANGE_USERS, "a kernel holds the second");
        drop(range);
        assert_eq!(take().0, first + RANGE_USERS);
    }
}
