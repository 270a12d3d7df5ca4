//! How often something may happen, by key: a bounded map of token buckets. No IO; time is handed in.
//!
//! A bucket is one number, the time at which it will be full again (the "theoretical arrival time" of the generic cell
//! rate algorithm), so that a key costs a few bytes and forgetting the oldest key only ever forgives.

use std::{
    hash::Hash,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;

/// How many at once, and how soon one more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// How many may happen at once.
    pub(crate) burst: u32,
    /// How long one more takes.
    pub(crate) refill: Duration,
}

/// Token buckets by key.
pub(crate) struct Throttle<K> {
    buckets: Mutex<LruCache<K, i64>>,
    refill_micros: i64,
    depth_micros: i64,
}

impl<K: Hash + Eq> Throttle<K> {
    /// At `rate` for each of at most `keys_max` keys; beyond that the one not seen for longest is forgotten.
    #[must_use]
    pub(crate) fn new(rate: Rate, keys_max: NonZeroUsize) -> Self {
        let refill_micros = i64::try_from(rate.refill.as_micros()).unwrap_or(i64::MAX).max(1);
        Self {
            buckets: Mutex::new(LruCache::new(keys_max)),
            refill_micros,
            depth_micros: refill_micros.saturating_mul(i64::from(rate.burst)),
        }
    }

    /// Whether one more may happen now, without counting it.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn check(&self, key: &K, now_micros: i64) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = self.full_at(buckets.get_mut(key), now_micros);
        self.room(full_at, now_micros)
    }

    /// Counts one that happened, whether or not there was room for it.
    pub(crate) fn charge(&self, key: K, now_micros: i64) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = self.full_at(buckets.get_mut(&key), now_micros);
        let ceiling = now_micros.saturating_add(self.depth_micros);
        buckets.put(key, full_at.saturating_add(self.refill_micros).min(ceiling));
    }

    /// Counts one if it may happen now.
    ///
    /// # Errors
    /// How long to wait; then it is not counted.
    pub(crate) fn take(&self, key: K, now_micros: i64) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = self.full_at(buckets.get_mut(&key), now_micros);
        self.room(full_at, now_micros)?;
        buckets.put(key, full_at.saturating_add(self.refill_micros));
        Ok(())
    }

    /// When the bucket will be full again. What is further away than an empty bucket needs is from before the clock was set
    /// back, and is brought near once: it holds nobody up for longer.
    fn full_at(&self, stored: Option<&mut i64>, now_micros: i64) -> i64 {
        let Some(stored) = stored else { return now_micros };
        *stored = (*stored).min(now_micros.saturating_add(self.depth_micros));
        (*stored).max(now_micros)
    }

    fn room(&self, full_at: i64, now_micros: i64) -> Result<(), Duration> {
        let over =
            full_at.saturating_add(self.refill_micros).saturating_sub(now_micros.saturating_add(self.depth_micros));
        if over <= 0 { Ok(()) } else { Err(Duration::from_micros(over.unsigned_abs())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: i64 = 1_000_000;

    fn three_then_one_each_ten_secs(keys_max: usize) -> Throttle<&'static str> {
        let rate = Rate { burst: 3, refill: Duration::from_secs(10) };
        Throttle::new(rate, NonZeroUsize::new(keys_max).expect("not zero"))
    }

    #[test]
    fn a_burst_is_let_through_and_then_one_at_a_time() {
        let throttle = three_then_one_each_ten_secs(9);
        for _ in 0..3 {
            assert_eq!(throttle.take("a", 0), Ok(()));
        }
        assert_eq!(throttle.take("a", 0), Err(Duration::from_secs(10)));
        assert_eq!(throttle.check(&"a", 4 * SEC), Err(Duration::from_secs(6)));
        assert_eq!(throttle.take("b", 0), Ok(()), "another key is another bucket");
        assert_eq!(throttle.take("a", 10 * SEC), Ok(()));
        assert!(throttle.take("a", 10 * SEC).is_err());
        assert_eq!(throttle.check(&"a", 1_000 * SEC), Ok(()));
    }

    #[test]
    fn charging_without_room_never_shuts_out_for_longer_than_the_depth() {
        let throttle = three_then_one_each_ten_secs(9);
        for _ in 0..1_000 {
            throttle.charge("a", 0);
        }
        assert_eq!(throttle.check(&"a", 0), Err(Duration::from_secs(10)));
        assert_eq!(throttle.check(&"a", 10 * SEC), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nobody_up_for_longer_than_the_depth() {
        let (throttle, hour) = (three_then_one_each_ten_secs(9), 3_600 * SEC);
        assert_eq!(throttle.take("one", hour), Ok(()));
        throttle.charge("charged", hour);
        assert_eq!(throttle.take("one", 0), Err(Duration::from_secs(10)));
        assert_eq!(throttle.take("one", 10 * SEC), Ok(()));
        throttle.charge("charged", 0);
        assert_eq!(throttle.check(&"charged", 10 * SEC), Ok(()));
        assert_eq!(throttle.take("charged", 10 * SEC), Ok(()));
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let throttle = three_then_one_each_ten_secs(2);
        for key in ["a", "b", "c"] {
            for _ in 0..3 {
                throttle.charge(key, 0);
            }
        }
        assert_eq!(throttle.check(&"a", 0), Ok(()), "the oldest was forgotten");
        assert!(throttle.check(&"c", 0).is_err());
    }
}
