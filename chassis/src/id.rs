//! New ids: UUIDv7 (RFC 9562), so that ids order by time and index well.

use uuid::{Builder, Uuid};

use crate::clock::Clock;

/// Makes ids from the injected clock.
#[derive(Clone, Debug)]
pub struct Ids(Clock);

impl Ids {
    /// Ids whose time is this clock's.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self(clock)
    }

    /// A new id; 74 of its bits are random.
    #[must_use]
    pub fn next(&self) -> Uuid {
        at(self.0.now_micros())
    }
}

/// A new id for this time, in microseconds since 1970.
#[must_use]
pub fn at(unix_micros: i64) -> Uuid {
    let millis = u64::try_from(unix_micros / 1_000).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}

/// The least id of this time: a bound for ranges of ids.
#[must_use]
pub fn floor(unix_micros: i64) -> Uuid {
    let millis = u64::try_from(unix_micros / 1_000).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_order_by_time_and_differ() {
        let (first, second, later) = (at(5_000_000), at(5_000_000), at(6_000_000));
        assert_ne!(first, second);
        assert!(first < later && second < later);
        assert!(floor(5_000_000) <= first && first < floor(5_001_000));
        assert_eq!(first.get_version_num(), 7);
    }
}
