//! Memory of a kernel's processes page by page: a fork shares its pages with the process that it is a fork of, and each
//! counts them as its own. Everything here blocks.

use std::cmp::Reverse;

use super::{
    kin::Kin,
    tree::{self, kib, read},
};

/// Processes that are looked at page by page: the largest.
const LARGEST_MAX: usize = 64;
/// Of the others as many are looked at, by chance: nobody can prepare for being one of them.
const SAMPLES: usize = 16;

/// Memory of a kernel's processes in bytes, all at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pages {
    /// What their own counters say, summed up: all that is resident, and what of it no file backs.
    pub resident_sum_bytes: u64,
    pub private_sum_bytes: u64,
    /// What no file backs, each page divided by how many processes have it, be they the kernel's or not.
    pub own_bytes: u64,
    /// What any of them has, each page once: no more than that, and less only by pages that several of them share and the
    /// one that shares most does not have.
    pub resident_bytes: u64,
}

/// A process as its own counters have it.
#[derive(Clone, Copy, Debug)]
struct Size {
    pid: i32,
    resident_bytes: u64,
    private_bytes: u64,
}

/// A process page by page.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    own_bytes: u64,
    /// Pages that nobody else has.
    alone_bytes: u64,
    shared_bytes: u64,
    /// All of its pages, each divided by how many processes have it.
    part_bytes: u64,
}

/// Of all processes of a kernel; `None` if they are gone. Walks through their pages: some milliseconds a process.
pub(crate) fn look(kin: &Kin) -> Option<Pages> {
    let sizes = kin.members().into_iter().filter_map(|pid| {
        tree::memory(pid).map(|(resident_bytes, private_bytes)| Size { pid, resident_bytes, private_bytes })
    });
    let sizes: Vec<_> = sizes.collect();
    (!sizes.is_empty()).then(|| sum(sizes, look_at))
}

/// What a process has now, which is nothing if it has ended. Where it hides its pages, its size counts, which is no less.
fn look_at(pid: i32) -> Look {
    rollup(pid).unwrap_or_else(|| {
        let (resident_bytes, private_bytes) = tree::memory(pid).unwrap_or_default();
        Look {
            own_bytes: private_bytes,
            alone_bytes: private_bytes,
            shared_bytes: resident_bytes.saturating_sub(private_bytes),
            part_bytes: private_bytes,
        }
    })
}

/// proc(5), `smaps_rollup`. A process can hide it from a service that is not root.
fn rollup(pid: i32) -> Option<Look> {
    let text = read(&format!("/proc/{pid}/smaps_rollup"))?;
    let bytes = |name: &str| kib(&text, name).map(|kib| kib * 1024);
    let alone_bytes = bytes("Private_Clean")? + bytes("Private_Dirty")?;
    Some(Look {
        own_bytes: bytes("Pss_Anon")? + bytes("Pss_Shmem")?,
        alone_bytes,
        shared_bytes: bytes("Rss")?.saturating_sub(alone_bytes),
        part_bytes: bytes("Pss")?,
    })
}

/// The sum over processes of which only the size is known, with the pages that they share; `look` tells what is a
/// process's own.
fn sum(mut sizes: Vec<Size>, look: impl Fn(i32) -> Look) -> Pages {
    let look = |size: &Size| look(size.pid);
    let (resident_sum_bytes, private_sum_bytes) = sizes
        .iter()
        .fold((0, 0), |(resident, private), size| (resident + size.resident_bytes, private + size.private_bytes));
    sizes.sort_unstable_by_key(|size| Reverse(size.private_bytes));
    let others = sizes.split_off(sizes.len().min(LARGEST_MAX));
    let largest: Vec<Look> = sizes.iter().map(look).collect();
    let chance = |_| usize::try_from(rand::random::<u32>()).unwrap_or_default() % others.len().max(1);
    let samples = (0..SAMPLES).map(chance).filter_map(|at| others.get(at));
    let samples: Vec<(u64, Look)> = samples.map(|size| (size.private_bytes, look(size))).collect();
    let sampled: u128 = samples.iter().map(|(bytes, _)| u128::from(*bytes)).sum();
    let all: u128 = others.iter().map(|size| u128::from(size.private_bytes)).sum();
    let total = |part: fn(&Look) -> u64| {
        let of_samples: u128 = samples.iter().map(|(_, look)| u128::from(part(look))).sum();
        let of_others = (of_samples * all).checked_div(sampled).unwrap_or_default();
        largest.iter().map(part).sum::<u64>().saturating_add(u64::try_from(of_others).unwrap_or(u64::MAX))
    };
    let looked = largest.iter().chain(samples.iter().map(|(_, look)| look));
    let shared = looked.map(|look| look.shared_bytes).max().unwrap_or_default();
    Pages {
        resident_sum_bytes,
        private_sum_bytes,
        own_bytes: total(|look| look.own_bytes),
        resident_bytes: total(|look| look.alone_bytes).saturating_add(shared).max(total(|look| look.part_bytes)),
    }
}

#[cfg(test)]
mod tests {
    use nix::unistd::{Pid, getpid};

    use super::*;

    const MIB: u64 = 1 << 20;

    fn size(pid: i32, mib: u64) -> Size {
        Size { pid, resident_bytes: mib * MIB, private_bytes: mib * MIB }
    }

    /// What no file backs of processes of this kind, where each has so much of its own.
    fn own_bytes(sizes: Vec<Size>, own: impl Fn(i32) -> u64) -> u64 {
        sum(sizes, |pid| Look { own_bytes: own(pid), ..Look::default() }).own_bytes
    }

    #[test]
    fn pages_of_this_process_are_told() {
        let pages = look(&Kin::alone(getpid())).expect("we are here");
        assert!(pages.own_bytes > 100_000 && pages.resident_bytes > pages.own_bytes, "{pages:?}");
        assert_eq!(look(&Kin::alone(Pid::from_raw(1 << 27))), None);
    }

    #[test]
    fn what_all_have_counts_once_and_what_each_has_counts_with_it() {
        // A process of 150 MiB, 100 of them another kernel's too, and four forks with 10 MiB of their own each.
        let sizes = (0..5).map(|pid| size(pid, if pid == 0 { 150 } else { 160 })).collect();
        let look = |pid| {
            let alone_bytes = if pid == 0 { 0 } else { 10 * MIB };
            Look { own_bytes: 0, alone_bytes, shared_bytes: 150 * MIB, part_bytes: alone_bytes + 26 * MIB }
        };
        assert_eq!(sum(sizes, look).resident_bytes, 190 * MIB);
        // Two pairs that share nothing with one another: the parts of their pages tell it.
        let sizes = (0..4).map(|pid| size(pid, 100)).collect();
        let pair = |_| Look { shared_bytes: 100 * MIB, part_bytes: 50 * MIB, ..Look::default() };
        assert_eq!(sum(sizes, pair).resident_bytes, 200 * MIB);
    }

    #[test]
    fn a_process_that_has_ended_since_its_size_was_read_has_nothing() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().expect("started");
        let pid = i32::try_from(child.id()).expect("a pid");
        while look_at(pid).own_bytes == 0 {}
        child.kill().expect("killed");
        // It ends, and is not waited for.
        while rollup(pid).is_some() {}
        assert_eq!(sum(vec![size(pid, 100)], look_at).own_bytes, 0);
        child.wait().expect("an end");
        assert_eq!(sum(vec![size(pid, 100)], look_at).resident_bytes, 0);
    }

    #[test]
    fn small_processes_hide_no_large_ones() {
        // A pool of forks that were there first, and what came after them.
        let small = (0..200).map(|pid| size(pid, 12));
        let large = (200..264).map(|pid| size(pid, 100));
        let own = |pid| if pid < 200 { 0 } else { 100 * MIB };
        assert_eq!(own_bytes(small.chain(large).collect(), own), 64 * 100 * MIB);
    }

    #[test]
    fn large_processes_that_share_hide_no_others() {
        let shared = (0..64).map(|pid| size(pid, 100));
        let own = (64..300).map(|pid| size(pid, 99));
        let look = |pid| if pid < 64 { MIB } else { 99 * MIB };
        assert_eq!(own_bytes(shared.chain(own).collect(), look), 64 * MIB + 236 * 99 * MIB);
    }
}
