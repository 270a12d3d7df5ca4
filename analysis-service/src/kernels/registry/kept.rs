//! Which ended kernels are kept in the list, and for how long.

use std::{collections::HashMap, time::Duration};

use fenxi_chassis::clock::micros;
use uuid::Uuid;

/// How long a dead kernel is kept in the list.
const DEAD_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Dead kernels of one user that are kept, the latest: who has one after the other made does not fill the service.
pub(super) const DEAD_PER_USER_MAX: usize = 200;

/// A kernel that is dead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dead {
    pub kernel_id: Uuid,
    pub owner_user_id: Uuid,
    /// When it died, in microseconds; `None` where nothing is known of that.
    pub died: Option<i64>,
}

/// Those that are kept no longer.
pub(super) fn outdated(dead: impl Iterator<Item = Dead>, now: i64) -> Vec<Uuid> {
    let oldest = now - micros(DEAD_KEPT);
    let mut by_owner: HashMap<Uuid, Vec<Dead>> = HashMap::new();
    for one in dead {
        by_owner.entry(one.owner_user_id).or_default().push(one);
    }
    let mut outdated = Vec::new();
    for mut dead in by_owner.into_values() {
        dead.sort_unstable_by_key(|one| std::cmp::Reverse(one.died));
        let kept = |(at, one): &(usize, Dead)| *at < DEAD_PER_USER_MAX && one.died.is_some_and(|died| died >= oldest);
        outdated.extend(dead.into_iter().enumerate().filter(|one| !kept(one)).map(|(_, one)| one.kernel_id));
    }
    outdated
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1 << 50;

    fn dead(kernel: u128, owner: u128, age: Duration) -> Dead {
        let died = Some(NOW - micros(age));
        Dead { kernel_id: Uuid::from_u128(kernel), owner_user_id: Uuid::from_u128(owner), died }
    }

    #[test]
    fn the_dead_are_kept_for_a_day() {
        let all = [dead(1, 1, Duration::ZERO), dead(2, 1, DEAD_KEPT), dead(3, 1, DEAD_KEPT + Duration::from_secs(1))];
        let unknown = Dead { died: None, ..dead(4, 1, Duration::ZERO) };
        assert_eq!(outdated(all.into_iter().chain([unknown]), NOW), [3, 4].map(Uuid::from_u128));
    }

    #[test]
    fn of_very_many_only_a_users_latest_are_kept() {
        let secs = |number: usize| Duration::from_secs(u64::try_from(number).expect("small"));
        let many = (0..DEAD_PER_USER_MAX + 2).map(|number| dead(number as u128, 1, secs(number)));
        let others = [dead(1000, 2, secs(5000))];
        let oldest = [DEAD_PER_USER_MAX, DEAD_PER_USER_MAX + 1].map(|number| Uuid::from_u128(number as u128));
        assert_eq!(outdated(many.chain(others), NOW), oldest);
    }
}
