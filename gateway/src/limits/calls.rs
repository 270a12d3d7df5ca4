//! How many calls each user has under way: what one client does not read may wait for it, but not without end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The calls that are under way, by user.
#[derive(Debug)]
pub(super) struct Underway {
    /// 0 for no limit.
    max: usize,
    by_user: Mutex<HashMap<u128, usize>>,
}

/// A call's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct CallPlace(Option<(Arc<Underway>, u128)>);

impl Underway {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, by_user: Mutex::default() })
    }

    fn by_user(&self) -> MutexGuard<'_, HashMap<u128, usize>> {
        self.by_user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more call of this user, or `None` if there are as many as may be.
    pub(super) fn enter(self: &Arc<Self>, user: u128) -> Option<CallPlace> {
        if self.max == 0 {
            return Some(CallPlace(None));
        }
        let mut by_user = self.by_user();
        let count = by_user.entry(user).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        drop(by_user);
        Some(CallPlace(Some((self.clone(), user))))
    }
}

impl Drop for CallPlace {
    fn drop(&mut self) {
        let Some((underway, user)) = self.0.take() else { return };
        let mut by_user = underway.by_user();
        if let Some(count) = by_user.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                by_user.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_each_users_own_and_come_back() {
        let underway = Underway::new(2);
        let held = [underway.enter(1).expect("one"), underway.enter(1).expect("two")];
        assert!(underway.enter(1).is_none());
        drop(underway.enter(2).expect("another user"));
        drop(held);
        assert!(underway.by_user().is_empty());
        let underway = Underway::new(0);
        let held: Vec<_> = (0..1_000).map_while(|_| underway.enter(1)).collect();
        assert_eq!(held.len(), 1_000, "0 is no limit");
    }
}
