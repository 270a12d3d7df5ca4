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

/// Memory of a kernel's processes that no file backs, in bytes, each page divided by how many processes have it. `None` if
/// they are gone. Walks through their pages: some milliseconds a process.
pub(crate) fn own_bytes(kin: &Kin) -> Option<u64> {
    let sizes = kin.members().into_iter().filter_map(|pid| Some((pid, tree::memory(pid)?.1)));
    let sizes: Vec<_> = sizes.collect();
    (!sizes.is_empty()).then(|| sum(sizes, own_pages))
}

/// proc(5), `smaps_rollup`. A process can hide it from a service that is not root.
fn own_pages(pid: i32) -> Option<u64> {
    let text = read(&format!("/proc/{pid}/smaps_rollup"))?;
    Some((kib(&text, "Pss_Anon")? + kib(&text, "Pss_Shmem")?) * 1024)
}

/// The sum over processes of which only the size is known, with the pages that they share; `look` tells what is a
/// process's own. Where it does not, the size counts, which is no less.
fn sum(mut sizes: Vec<(i32, u64)>, look: impl Fn(i32) -> Option<u64>) -> u64 {
    let own = |&(pid, size): &(i32, u64)| look(pid).unwrap_or(size);
    sizes.sort_unstable_by_key(|(_, size)| Reverse(*size));
    let others = sizes.split_off(sizes.len().min(LARGEST_MAX));
    let largest: u64 = sizes.iter().map(own).sum();
    let chance = |_| usize::try_from(rand::random::<u32>()).unwrap_or_default() % others.len().max(1);
    let samples: Vec<_> = (0..SAMPLES).map(chance).filter_map(|at| others.get(at)).collect();
    let total = |processes: &mut dyn Iterator<Item = u64>| u128::from(processes.sum::<u64>());
    let sampled_own = total(&mut samples.iter().copied().map(own));
    let sampled = total(&mut samples.iter().map(|(_, size)| *size));
    let all = total(&mut others.iter().map(|(_, size)| *size));
    let others = (sampled_own * all).checked_div(sampled).unwrap_or_default();
    largest.saturating_add(u64::try_from(others).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use nix::unistd::{Pid, getpid};

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn pages_of_this_process_are_told() {
        let bytes = own_bytes(&Kin::alone(getpid())).expect("we are here");
        assert!(bytes > 100_000, "{bytes}");
        assert_eq!(own_bytes(&Kin::alone(Pid::from_raw(1 << 27))), None);
    }

    #[test]
    fn a_process_that_hides_its_pages_counts_with_its_size() {
        let sizes = vec![(1, 100 * MIB), (2, 50 * MIB)];
        assert_eq!(sum(sizes, |pid| (pid == 2).then_some(MIB)), 101 * MIB);
    }

    #[test]
    fn small_processes_hide_no_large_ones() {
        // A pool of forks that were there first, and what came after them.
        let small = (0..200).map(|pid| (pid, 12 * MIB));
        let large = (200..264).map(|pid| (pid, 100 * MIB));
        let own = |pid| Some(if pid < 200 { 0 } else { 100 * MIB });
        assert_eq!(sum(small.chain(large).collect(), own), 64 * 100 * MIB);
    }

    #[test]
    fn large_processes_that_share_hide_no_others() {
        let shared = (0..64).map(|pid| (pid, 100 * MIB));
        let own = (64..300).map(|pid| (pid, 99 * MIB));
        let look = |pid| Some(if pid < 64 { MIB } else { 99 * MIB });
        assert_eq!(sum(shared.chain(own).collect(), look), 64 * MIB + 236 * 99 * MIB);
    }
}
