//! Memory that counts against limits: what a kernel takes from the machine; and what its processes have resident. A fork
//! shares its pages with the process that it is a fork of, be that the fork server or a process of the kernel's own, and each
//! counts them as its own: summed up, an idle kernel would seem to hold a hundred megabytes, and a pool of processes what one
//! of them has, many times.

use super::{Driver, meter::MIB};
use crate::kernels::machine::{
    cgroup, disk,
    pages::{self, Pages},
    tree::{self, Usage},
};

/// By how much a sum may change until pages are looked at one by one again, which takes a few milliseconds a process.
const LOOK_AGAIN_BYTES: u64 = 8 << 20;

/// What a kernel holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    bytes: u64,
    resident_bytes: u64,
    /// Its pages when they were looked at last.
    looked: Option<Pages>,
}

impl Held {
    /// Its memory, each page once, with its files in memory.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What its processes have resident, each page once.
    pub(super) fn resident_bytes(&self) -> u64 {
        self.resident_bytes
    }

    /// What is known page by page of processes with these sums, without looking again.
    fn known(&self, usage: &Usage) -> Option<Pages> {
        let then = self.looked?;
        let (private, resident) = (usage.private_bytes, usage.resident_bytes);
        let near = |then: u64, now: u64| then.abs_diff(now) < LOOK_AGAIN_BYTES;
        let is_known = near(then.private_sum_bytes, private) && near(then.resident_sum_bytes, resident);
        is_known.then(|| Pages {
            own_bytes: (then.own_bytes + private).saturating_sub(then.private_sum_bytes),
            resident_bytes: (then.resident_bytes + resident).saturating_sub(then.resident_sum_bytes),
            ..then
        })
    }
}

impl Driver {
    /// Measures what counts, given the sums over its processes, and how often the system has killed for want of memory.
    pub(super) async fn measure_held(&mut self, usage: Usage) {
        let Some(live) = &self.live else { return };
        let (kin, pid) = (live.launched.kin(self.is_idle()), live.launched.process.pid());
        let (group, own_tmp) = (live.launched.memory_group(), live.launched.has_own_tmp());
        let mut held = self.meter.held;
        let read = move || {
            let grouped = group.and_then(|(version, folder)| cgroup::held_bytes(version, &folder));
            // Of one process that is in a group, everything is known without a look.
            let pages = (grouped.is_none() || usage.processes > 1).then(|| {
                held.known(&usage).unwrap_or_else(|| {
                    held.looked = pages::look(&kin);
                    held.looked.unwrap_or_default()
                })
            });
            held.resident_bytes = pages.map_or(usage.resident_bytes, |pages| pages.resident_bytes);
            held.bytes = grouped.unwrap_or_else(|| {
                let own = pages.map_or(usage.private_bytes, |pages| pages.own_bytes);
                own + disk::tmp_bytes(pid).filter(|_| own_tmp).unwrap_or_default()
            });
            (tree::memory_kills(), held)
        };
        if let Ok((kills, held)) = tokio::task::spawn_blocking(read).await {
            (self.meter.memory_kills, self.meter.held) = (kills, held);
            self.meter.peak_bytes = self.meter.peak_bytes.max(held.resident_bytes);
            self.kernel.held_bytes = held.bytes / MIB * MIB;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(private_mib: u64, resident_mib: u64) -> Usage {
        Usage { private_bytes: private_mib << 20, resident_bytes: resident_mib << 20, ..Usage::default() }
    }

    #[test]
    fn pages_are_looked_at_again_when_a_sum_has_changed() {
        let mut held = Held::default();
        assert_eq!(held.known(&usage(0, 0)), None, "nobody has looked");
        let looked = |private: u64, own: u64| Pages {
            private_sum_bytes: private << 20,
            resident_sum_bytes: 300 << 20,
            own_bytes: own << 20,
            resident_bytes: 200 << 20,
        };
        let known = |held: &Held, private: u64, resident: u64| {
            held.known(&usage(private, resident)).map(|pages| (pages.own_bytes >> 20, pages.resident_bytes >> 20))
        };
        held.looked = Some(looked(150, 12));
        assert_eq!(known(&held, 152, 303), Some((14, 203)));
        assert_eq!(known(&held, 149, 298), Some((11, 198)));
        assert_eq!(known(&held, 158, 300), None);
        assert_eq!(known(&held, 150, 308), None);
        held.looked = Some(looked(20, 1));
        assert_eq!(known(&held, 15, 300), Some((0, 200)));
    }
}
