//! Room for what kernels said and the service has not written down yet: a part for each kernel, a share for all kernels of
//! one owner, and one for all. The owner's share is taken as a message is announced, which keeps nobody else waiting; what
//! all have together only for what really comes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is kept of one kernel, in units of 1 KiB: more than the longest message. A kernel waits when it is used up.
pub(crate) const KEPT_MAX_KIB: u32 = 128 * 1024;
/// What every kernel may say, however much is kept of others, in units of 1 KiB.
pub(crate) const FLOOR_KIB: usize = 1024;
/// What is kept of all kernels of one owner beyond that, in units of 1 KiB: more than one kernel can use, and so little of
/// what all have that a few owners do not stop the others.
pub(crate) const OWNER_KEPT_MAX_KIB: u32 = 160 * 1024;
/// What is kept of all kernels beyond that, in units of 1 KiB; one message may be above it.
pub(crate) const ALL_KEPT_MAX_KIB: u32 = 1024 * 1024;

/// What all kernels share. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    all: Arc<Semaphore>,
    /// For one message that comes to its end although there is no room: those that wait for more while they have some
    /// could wait for each other.
    beyond: Arc<Semaphore>,
    /// Of each owner whose kernels live.
    shares: Arc<Mutex<HashMap<String, Weak<Semaphore>>>>,
}

impl Common {
    pub(crate) fn new() -> Self {
        Self::of(ALL_KEPT_MAX_KIB as usize)
    }

    /// With so much for all, in units of 1 KiB.
    pub(crate) fn of(all_kib: usize) -> Self {
        let (all, beyond) = (Arc::new(Semaphore::new(all_kib)), Arc::new(Semaphore::new(1)));
        Self { all, beyond, shares: Arc::default() }
    }

    /// What is taken of all, in units of 1 KiB, and of this owner's share.
    #[cfg(test)]
    pub(crate) fn taken_kib(&self, owner: &str) -> (usize, usize) {
        let taken = |most: u32, semaphore: &Semaphore| most as usize - semaphore.available_permits();
        (taken(ALL_KEPT_MAX_KIB, &self.all), taken(OWNER_KEPT_MAX_KIB, &self.share(owner)))
    }

    fn share(&self, owner: &str) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(owner).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = whole_share();
        shares.insert(owner.to_owned(), Arc::downgrade(&share));
        share
    }
}

fn whole_share() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(OWNER_KEPT_MAX_KIB as usize))
}

/// What one kernel may have.
#[derive(Debug)]
pub(crate) struct Allowance {
    own: Arc<Semaphore>,
    /// Of its owner; one that has none has a share for itself.
    share: Mutex<Arc<Semaphore>>,
    common: Common,
}

/// Room for one message, given back when the message is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Room {
    own: Option<OwnedSemaphorePermit>,
    /// `None` for the little that every kernel may say.
    share: Option<OwnedSemaphorePermit>,
    all: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl Allowance {
    pub(crate) fn new(common: Common) -> Self {
        Self { own: Arc::new(Semaphore::new(KEPT_MAX_KIB as usize)), share: Mutex::new(whole_share()), common }
    }

    /// What it says from here on counts as this owner's.
    pub(crate) fn belongs_to(&self, owner: &str) {
        *self.share() = self.common.share(owner);
    }

    /// Waits until a message of so many bytes may come, of which nothing has come yet.
    pub(crate) async fn announce(&self, bytes: usize) -> Room {
        let units = units(bytes);
        // The semaphores are never closed. The own one first: a kernel that waits for itself holds nothing of the others'.
        let own = Arc::clone(&self.own).acquire_many_owned(units).await.ok();
        if self.taken_kib() <= FLOOR_KIB {
            return Room { own, ..Room::default() };
        }
        let share = Arc::clone(&self.share());
        Room { own, share: share.acquire_many_owned(units).await.ok(), ..Room::default() }
    }

    /// Waits until so many bytes of it may have come.
    pub(crate) async fn count(&self, room: &mut Room, bytes: usize) {
        let counted = room.all.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = units(bytes).saturating_sub(u32::try_from(counted).unwrap_or(u32::MAX));
        if room.share.is_none() || room.beyond.is_some() || more == 0 {
            return;
        }
        tokio::select! {
            biased;
            more = Arc::clone(&self.common.all).acquire_many_owned(more) => match (&mut room.all, more.ok()) {
                (Some(all), Some(more)) => all.merge(more),
                (all, more) => *all = more,
            },
            beyond = Arc::clone(&self.common.beyond).acquire_owned() => room.beyond = beyond.ok(),
        }
    }

    /// What is taken of the kernel's own, in units of 1 KiB.
    pub(crate) fn taken_kib(&self) -> usize {
        (KEPT_MAX_KIB as usize).saturating_sub(self.own.available_permits())
    }

    #[cfg(test)]
    pub(crate) fn common(&self) -> Common {
        self.common.clone()
    }

    fn share(&self) -> MutexGuard<'_, Arc<Semaphore>> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Gives back what is more than room for so many bytes.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        for permit in [&mut self.own, &mut self.share, &mut self.all].into_iter().flatten() {
            drop(permit.split(permit.num_permits().saturating_sub(units(bytes) as usize)));
        }
    }
}

/// Room for so many bytes, in units of 1 KiB.
fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).clamp(1, KEPT_MAX_KIB)
}

#[cfg(test)]
mod tests {
    use std::{future::Future, time::Duration};

    use super::*;

    const KERNEL_BYTES: usize = KEPT_MAX_KIB as usize * 1024;
    const MIB: usize = 1024 * 1024;

    fn of(common: &Common, owner: &str) -> Allowance {
        let allowance = Allowance::new(common.clone());
        allowance.belongs_to(owner);
        allowance
    }

    async fn room(allowance: &Allowance, bytes: usize) -> Room {
        let mut room = allowance.announce(bytes).await;
        allowance.count(&mut room, bytes).await;
        room
    }

    async fn waits(future: impl Future) -> bool {
        tokio::time::timeout(Duration::from_millis(50), future).await.is_err()
    }

    #[tokio::test]
    async fn the_kernels_of_one_owner_leave_room_to_those_of_others() {
        let common = Common::new();
        let (one, two, three) = (of(&common, "a"), of(&common, "a"), of(&common, "a"));
        let mut taken = vec![room(&one, KERNEL_BYTES).await];
        assert!(waits(room(&two, KERNEL_BYTES)).await, "two kernels have more than their owner");
        let other = of(&common, "b");
        taken.push(room(&other, KERNEL_BYTES).await);
        taken.push(room(&three, FLOOR_KIB * 1024).await);
        taken.remove(0);
        assert!(!waits(room(&two, KERNEL_BYTES)).await, "what was given back is not there");
    }

    #[tokio::test]
    async fn a_share_is_forgotten_with_the_last_kernel_of_its_owner() {
        let common = Common::new();
        for owner in 0..100 {
            drop(of(&common, &owner.to_string()));
        }
        assert!(common.shares.lock().expect("held by nobody").len() <= 1);
    }

    #[tokio::test]
    async fn what_is_announced_takes_nothing_of_what_all_have() {
        let common = Common::new();
        let one = of(&common, "a");
        let mut coming = one.announce(KERNEL_BYTES).await;
        assert_eq!(common.taken_kib("a"), (0, KEPT_MAX_KIB as usize));
        one.count(&mut coming, 3 * MIB).await;
        one.count(&mut coming, 2 * MIB).await;
        assert_eq!(common.taken_kib("a"), (3 * 1024, KEPT_MAX_KIB as usize));
        coming.shrink(2 * MIB);
        assert_eq!(common.taken_kib("a"), (2 * 1024, 2 * 1024));
    }

    #[tokio::test]
    async fn messages_that_wait_for_each_other_come_to_their_ends() {
        let common = Common::of(8 * 1024);
        let kernels = ["a", "b", "c"].map(|owner| of(&common, owner));
        let mut coming = Vec::new();
        for kernel in &kernels[..2] {
            let mut room = kernel.announce(6 * MIB).await;
            kernel.count(&mut room, 4 * MIB).await;
            coming.push(room);
        }
        let [mut one, mut two] = [coming.remove(0), coming.remove(0)];
        assert!(!waits(kernels[0].count(&mut one, 6 * MIB)).await, "both wait for the other");
        assert!(waits(kernels[1].count(&mut two, 6 * MIB)).await, "there is no limit");
        assert!(waits(room(&kernels[2], 2 * MIB)).await, "there is no limit");
        drop(one);
        assert!(!waits(kernels[1].count(&mut two, 6 * MIB)).await, "it waits for nothing");
    }
}
