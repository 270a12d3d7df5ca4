//! Work on items by a few threads, results in order.

use std::sync::{Mutex, PoisonError};

/// Calls `work` with a state of its thread and each of `items`, on at most `threads` threads, which take them in order.
/// Every item is worked even if another failed, so that the first failure in order is always among the results.
pub(crate) fn map<S, I, T: Send>(
    items: I,
    threads: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, I::Item) -> T + Sync,
) -> Vec<T>
where
    I: IntoIterator,
    I::IntoIter: ExactSizeIterator + Send,
{
    let items = items.into_iter();
    let count = items.len();
    let threads = threads.clamp(1, count.max(1));
    if threads == 1 {
        let mut own = state();
        return items.map(|item| work(&mut own, item)).collect();
    }
    let items = Mutex::new(items.enumerate());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let results = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = state();
                while let Some((at, item)) = next() {
                    let result = work(&mut own, item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}
