//! Memory that counts against limits: what a kernel takes from the machine. A fork shares its pages with the process that
//! it is a fork of, be that the fork server or a process of the kernel's own, and each counts them as its own: summed up,
//! an idle kernel would seem to hold a hundred megabytes, and a pool of processes what one of them has, many times.

use super::{Driver, meter::MIB};
use crate::kernels::machine::{cgroup, disk, pages, tree};

/// By how much the sum may change until pages are looked at one by one again, which takes a few milliseconds a process.
const LOOK_AGAIN_BYTES: u64 = 8 << 20;

/// What a kernel holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    bytes: u64,
    /// Of its pages when they were looked at last: the sum, and what of it is its own.
    looked: Option<(u64, u64)>,
}

impl Held {
    /// Its memory, each page once, with its files in memory.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What of this sum is its own, if that is known without looking again.
    fn known(&self, sum_bytes: u64) -> Option<u64> {
        let (sum, own) = self.looked.filter(|(sum, _)| sum.abs_diff(sum_bytes) < LOOK_AGAIN_BYTES)?;
        Some((own + sum_bytes).saturating_sub(sum))
    }
}

impl Driver {
    /// Measures what counts, given the sum of what each process has for itself, and how often the system has killed for
    /// want of memory.
    pub(super) async fn measure_held(&mut self, sum_bytes: u64) {
        let Some(live) = &self.live else { return };
        let (kin, pid) = (live.launched.kin(self.is_idle()), live.launched.process.pid());
        let (group, own_tmp) = (live.launched.memory_group(), live.launched.has_own_tmp());
        let mut held = self.meter.held;
        let read = move || {
            let grouped = group.and_then(|(version, folder)| cgroup::held_bytes(version, &folder));
            held.bytes = grouped.unwrap_or_else(|| {
                let own = held.known(sum_bytes).unwrap_or_else(|| {
                    let own = pages::own_bytes(&kin).unwrap_or(sum_bytes);
                    held.looked = Some((sum_bytes, own));
                    own
                });
                own + disk::tmp_bytes(pid).filter(|_| own_tmp).unwrap_or_default()
            });
            (tree::memory_kills(), held)
        };
        if let Ok((kills, held)) = tokio::task::spawn_blocking(read).await {
            (self.meter.memory_kills, self.meter.held) = (kills, held);
            self.kernel.held_bytes = held.bytes / MIB * MIB;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_looked_at_again_when_the_sum_has_changed() {
        let mut held = Held::default();
        assert_eq!(held.known(0), None, "nobody has looked");
        held.looked = Some((150 << 20, 12 << 20));
        assert_eq!(held.known(152 << 20), Some(14 << 20));
        assert_eq!(held.known(149 << 20), Some(11 << 20));
        assert_eq!(held.known(158 << 20), None);
        held.looked = Some((20 << 20, 1 << 20));
        assert_eq!(held.known(15 << 20), Some(0));
    }
}
