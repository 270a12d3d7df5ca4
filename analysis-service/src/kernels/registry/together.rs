//! What kernels use together: memory of a user's and of all, files of a user's. No other kernel is started above a limit;
//! and when memory goes above one under way, the largest kernel is told, so that the machine does not choose who is ended.

use std::collections::HashMap;

use fenxi_chassis::lifecycle::Lifecycle;
use uuid::Uuid;

use super::{Entry, Registry};
use crate::kernels::{
    driver::{Height, Pressure},
    model::KernelError,
};

/// From which part of a limit on the largest kernel is warned, and from which on it is ended at once, in percent.
const NEAR_PERCENT: u64 = 90;
const FAR_PERCENT: u64 = 110;
const MIB: u64 = 1 << 20;

impl Registry {
    /// Looks at the memory that kernels use together as often as it is measured, until the process is to stop.
    pub(super) async fn watch_memory(self, lifecycle: Lifecycle) {
        let settings = &self.0.parts.settings;
        if settings.memory_max_bytes.is_none() && settings.user_memory_max_bytes.is_none() {
            return;
        }
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = tokio::time::sleep(settings.sample_interval) => self.press(),
            }
        }
    }

    /// Tells the largest kernel of those that use too much together.
    fn press(&self) {
        let settings = &self.0.parts.settings;
        let entries = self.entries();
        let alive: Vec<_> = entries.values().filter(|entry| entry.is_alive()).collect();
        if let Some(limit) = settings.memory_max_bytes {
            press(&alive, limit, "the kernels of this service use");
        }
        if let Some(limit) = settings.user_memory_max_bytes {
            let mut by_user: HashMap<Uuid, Vec<&Entry>> = HashMap::new();
            for entry in alive {
                by_user.entry(entry.owner_user_id).or_default().push(entry);
            }
            for kernels in by_user.values() {
                press(kernels, limit, "your kernels use");
            }
        }
    }

    /// Whether there is room for one more kernel of this user.
    pub(super) fn check_room(&self, entries: &HashMap<Uuid, Entry>, owner_user_id: Uuid) -> Result<(), KernelError> {
        self.check_disk(entries, owner_user_id)?;
        let settings = &self.0.parts.settings;
        let of_user = || entries.values().filter(|entry| entry.owner_user_id == owner_user_id);
        let used = of_user().map(memory).sum();
        if let Some(limit_bytes) = settings.user_memory_max_bytes.filter(|limit| used >= *limit) {
            let what = "the memory of your kernels is";
            return Err(room("kernel_user_memory_max_bytes", what, used, limit_bytes, "delete one first"));
        }
        let used = entries.values().map(memory).sum();
        if let Some(limit_bytes) = settings.memory_max_bytes.filter(|limit| used >= *limit) {
            let (what, advice) =
                ("the memory of all kernels of this service is", "delete one of yours, or try again later");
            return Err(room("kernels_memory_max_bytes", what, used, limit_bytes, advice));
        }
        Ok(())
    }

    /// Whether there is room for more files of this user, and of all.
    pub(super) fn check_disk(&self, entries: &HashMap<Uuid, Entry>, owner_user_id: Uuid) -> Result<(), KernelError> {
        let settings = &self.0.parts.settings;
        let of_user = entries.values().filter(|entry| entry.owner_user_id == owner_user_id);
        let used = of_user.map(files).sum();
        if let Some(limit_bytes) = settings.user_disk_max_bytes.filter(|limit| used >= *limit) {
            let (what, advice) = ("the files of your kernels, ended ones too, take", "delete one first");
            return Err(room("kernel_user_disk_max_bytes", what, used, limit_bytes, advice));
        }
        let used = entries.values().map(files).sum();
        if let Some(limit_bytes) = settings.all_disk_max_bytes.filter(|limit| used >= *limit) {
            let what = "the files of all kernels of this service, ended ones too, take";
            let advice = "delete one of yours, or try again later";
            return Err(room("kernels_disk_max_bytes", what, used, limit_bytes, advice));
        }
        Ok(())
    }
}

fn room(
    quota: &'static str,
    what: &'static str,
    used_bytes: u64,
    limit_bytes: u64,
    advice: &'static str,
) -> KernelError {
    KernelError::Room { quota, what, used_bytes, limit_bytes, advice }
}

fn files(entry: &Entry) -> u64 {
    entry.snapshot().disk_bytes
}

/// What is measured of a dead kernel's memory is nothing.
fn memory(entry: &Entry) -> u64 {
    entry.snapshot().held_bytes
}

fn press(kernels: &[&Entry], limit: u64, whose: &str) {
    let used: u64 = kernels.iter().map(|entry| memory(entry)).sum();
    let Some(height) = height(used, limit) else { return };
    let largest = kernels.iter().max_by_key(|entry| memory(entry));
    if let Some(handle) = largest.and_then(|entry| entry.handle.as_ref()) {
        let text = format!("{whose} {} of {} MiB of memory together", used / MIB, limit / MIB);
        handle.press(Pressure { height, text });
    }
}

fn height(used: u64, limit: u64) -> Option<Height> {
    let above = |percent: u64| used > limit.saturating_mul(percent) / 100;
    let heights = [(FAR_PERCENT, Height::FarOver), (100, Height::Over), (NEAR_PERCENT, Height::Near)];
    heights.into_iter().find(|(percent, _)| above(*percent)).map(|(_, height)| height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_a_sum_comes_to_its_limit_the_more_is_done() {
        let told = [0, 90, 91, 100, 101, 110, 111].map(|used| height(used, 100));
        let (near, over) = (Some(Height::Near), Some(Height::Over));
        assert_eq!(told, [None, None, near, near, over, over, Some(Height::FarOver)]);
    }
}
