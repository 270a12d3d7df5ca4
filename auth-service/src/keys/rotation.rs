//! Which key signs, which are published, and when a new one is due: pure rules over times in unix microseconds.

use fenxi_chassis::clock::micros;
use std::time::Duration;

/// A new key is published this long before it signs, so that every verifier has it by then.
pub(crate) const PUBLISH_AHEAD: Duration = Duration::from_secs(600);

/// How long keys live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    /// A key signs for this long.
    pub(crate) age_max: Duration,
    /// A retired key stays published for this long: at least the life of what it signed.
    pub(crate) overlap: Duration,
}

/// When a key was made and when it begins to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyTimes {
    /// Made.
    pub(crate) create_time: i64,
    /// Begins to sign.
    pub(crate) active_time: i64,
}

impl Rotation {
    /// The times of a key made now; the first key of all signs at once.
    #[must_use]
    pub(crate) fn new_key(&self, first: bool, now: i64) -> KeyTimes {
        let active_time = if first { now } else { now.saturating_add(micros(PUBLISH_AHEAD)) };
        KeyTimes { create_time: now, active_time }
    }

    /// Whether a new key is to be made. `keys` are in the order of their making.
    #[must_use]
    pub(crate) fn is_due(&self, keys: &[KeyTimes], now: i64) -> bool {
        keys.last().is_none_or(|newest| {
            now >= newest.active_time.saturating_add(micros(self.age_max)).saturating_sub(micros(PUBLISH_AHEAD))
        })
    }

    /// The position of the key that signs: the newest that has begun, or the first if none has.
    #[must_use]
    pub(crate) fn signing(keys: &[KeyTimes], now: i64) -> Option<usize> {
        keys.iter().rposition(|key| key.active_time <= now).or(if keys.is_empty() { None } else { Some(0) })
    }

    /// Whether the key at `position` is still to be published: it signs, is about to, or ended within the overlap.
    #[must_use]
    pub(crate) fn is_published(&self, keys: &[KeyTimes], position: usize, now: i64) -> bool {
        let ended = keys.get(position + 1).map(|successor| successor.active_time);
        ended.is_none_or(|ended| now < ended.saturating_add(micros(self.overlap)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;
    const RULE: Rotation = Rotation { age_max: Duration::from_secs(24 * 3_600), overlap: Duration::from_secs(3_600) };

    #[test]
    fn a_key_is_published_before_it_signs_and_for_a_while_after() {
        let first = RULE.new_key(true, 0);
        assert!(RULE.is_due(&[], 0));
        assert!(!RULE.is_due(&[first], 23 * HOUR));
        assert_eq!(Rotation::signing(&[first], 0), Some(0));

        let due = 24 * HOUR - micros(PUBLISH_AHEAD);
        assert!(RULE.is_due(&[first], due));
        let keys = [first, RULE.new_key(false, due)];
        assert!(!RULE.is_due(&keys, due), "one is enough");
        assert_eq!(Rotation::signing(&keys, due), Some(0), "nobody knows the new one yet");
        assert!(RULE.is_published(&keys, 0, due) && RULE.is_published(&keys, 1, due));
        assert_eq!(Rotation::signing(&keys, 24 * HOUR), Some(1));
        assert!(RULE.is_published(&keys, 0, 25 * HOUR - 1), "what it signed last is still good");
        assert!(!RULE.is_published(&keys, 0, 25 * HOUR));
        assert!(RULE.is_published(&keys, 1, 1_000 * HOUR));
    }

    #[test]
    fn a_service_that_slept_for_long_still_signs() {
        let keys = [RULE.new_key(true, 0)];
        assert!(RULE.is_due(&keys, 1_000 * HOUR));
        assert_eq!(Rotation::signing(&keys, 1_000 * HOUR), Some(0));
        assert_eq!(Rotation::signing(&[RULE.new_key(false, 5)], 5), Some(0));
        assert_eq!(Rotation::signing(&[], 0), None);
    }
}
