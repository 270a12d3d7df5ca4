//! Times as they travel and as they are stored: protobuf timestamps and durations, and microseconds since 1970 in UTC.

use prost_types::{Duration, Timestamp};

const MICROS_PER_SEC: i64 = 1_000_000;
const NANOS_PER_MICRO: i64 = 1_000;

/// The timestamp of a stored time.
#[must_use]
pub fn timestamp(unix_micros: i64) -> Timestamp {
    let nanos = unix_micros.rem_euclid(MICROS_PER_SEC) * NANOS_PER_MICRO;
    Timestamp { seconds: unix_micros.div_euclid(MICROS_PER_SEC), nanos: i32::try_from(nanos).unwrap_or(0) }
}

/// The stored time of a timestamp; times outside the range of the store become its ends.
#[must_use]
pub fn unix_micros(timestamp: &Timestamp) -> i64 {
    timestamp
        .seconds
        .saturating_mul(MICROS_PER_SEC)
        .saturating_add(i64::from(timestamp.nanos.clamp(0, 999_999_999)) / NANOS_PER_MICRO)
}

/// The duration of a number of microseconds.
#[must_use]
pub fn duration(micros: i64) -> Duration {
    let nanos = (micros % MICROS_PER_SEC) * NANOS_PER_MICRO;
    Duration { seconds: micros / MICROS_PER_SEC, nanos: i32::try_from(nanos).unwrap_or(0) }
}

/// The microseconds of a duration, with the ends of the range for what lies outside.
#[must_use]
pub fn duration_micros(duration: &Duration) -> i64 {
    duration
        .seconds
        .saturating_mul(MICROS_PER_SEC)
        .saturating_add(i64::from(duration.nanos.clamp(-999_999_999, 999_999_999)) / NANOS_PER_MICRO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_give_the_same() {
        for micros in [0, 1, -1, 999_999, -1_000_001, 1_795_000_000_123_456] {
            assert_eq!(unix_micros(&timestamp(micros)), micros);
            assert_eq!(duration_micros(&duration(micros)), micros);
            assert!((0..1_000_000_000).contains(&timestamp(micros).nanos));
        }
        assert_eq!(unix_micros(&Timestamp { seconds: i64::MAX, nanos: i32::MAX }), i64::MAX);
        assert_eq!(duration_micros(&Duration { seconds: i64::MIN, nanos: i32::MIN }), i64::MIN);
    }
}
