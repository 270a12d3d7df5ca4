//! What this machine gives to kernels, for whoever runs the service: how they are started and what keeps them apart, and of
//! what is not to be had, why.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fenxi_proto::analysis::v1::{IsolationLevel, KernelIsolation, KernelStart};

/// What is kept of a long reason, in characters: its beginning, which says what, and its end, where a log says why.
const REASON_HEAD_CHARS: usize = 300;
const REASON_TAIL_CHARS: usize = 700;
/// The ways, as metrics name them.
const WAYS: [(KernelStart, &str); 3] =
    [(KernelStart::Forked, "deep"), (KernelStart::ForkedWarm, "warm"), (KernelStart::Plain, "plain")];

/// How the next kernel comes to be.
#[derive(Clone, Debug, Default)]
pub struct Support {
    /// The way in force; not specified while it is being found out.
    pub start: KernelStart,
    /// The way that the operator asked for.
    pub wanted_start: KernelStart,
    /// The better ways that were given up, each with the reason.
    pub failures: BTreeMap<KernelStart, String>,
    /// What keeps it apart.
    pub isolation: KernelIsolation,
    /// The levels, each with what this machine lacks for it; none where nothing was tried.
    pub levels: Vec<(IsolationLevel, Vec<String>)>,
    /// Steps that failed when they were tried, each with the reason.
    pub obstacles: BTreeMap<String, String>,
}

/// The ways of starting that were given up. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures(Arc<Mutex<BTreeMap<KernelStart, String>>>);

impl Failures {
    /// This way cannot be had at present.
    pub(super) fn note(&self, way: KernelStart, why: &str) {
        let why: Vec<char> = why.trim().chars().collect();
        let why = match why.len().checked_sub(REASON_TAIL_CHARS) {
            Some(tail_at) if tail_at > REASON_HEAD_CHARS => {
                let (head, tail) = (why.iter().take(REASON_HEAD_CHARS), why.iter().skip(tail_at));
                head.copied().chain(" … ".chars()).chain(tail.copied()).collect()
            }
            _ => why.into_iter().collect(),
        };
        self.lock().insert(way, why);
    }

    /// It can.
    pub(super) fn clear(&self, way: KernelStart) {
        self.lock().remove(&way);
    }

    pub(super) fn all(&self) -> BTreeMap<KernelStart, String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<KernelStart, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the way in force: `kernel_start{way}` is 1 for it and 0 for the others; for all while none is.
pub(crate) fn count_way(start: KernelStart) {
    for (way, name) in WAYS {
        metrics::gauge!("kernel_start", "way" => name).set(if way == start { 1.0 } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_reason_both_ends_are_kept_and_none_that_has_passed() {
        let failures = Failures::default();
        let noted = |why: &str| {
            failures.note(KernelStart::Forked, why);
            failures.all().remove(&KernelStart::Forked).expect("noted")
        };
        let long = noted(&format!("at first {}分 at last\n", "x".repeat(5_000)));
        assert!(long.starts_with("at first") && long.ends_with("分 at last") && long.len() < 1_100, "{long}");
        assert_eq!(noted(&"x".repeat(1_000)), "x".repeat(1_000));
        failures.clear(KernelStart::Forked);
        assert!(failures.all().is_empty());
    }
}
