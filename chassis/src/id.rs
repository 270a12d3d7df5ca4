//! New ids: UUIDv7 (RFC 9562), so that ids order by time and index well: to the microsecond, which stands in the twelve bits
//! behind the millisecond (section 6.2, method 3).

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

    /// A new id; 62 of its bits are random.
    #[must_use]
    pub fn next(&self) -> Uuid {
        at(self.0.now_micros())
    }
}

/// A new id for this time, in microseconds since 1970.
#[must_use]
pub fn at(unix_micros: i64) -> Uuid {
    let micros = u64::try_from(unix_micros).unwrap_or(0);
    let mut rest: [u8; 10] = rand::random();
    // Of these two bytes the lower twelve bits are taken.
    let [high, low] = u16::try_from((micros % 1_000) * 4_096 / 1_000).unwrap_or(0).to_be_bytes();
    (rest[0], rest[1]) = (high, low);
    Builder::from_unix_timestamp_millis(micros / 1_000, &rest).into_uuid()
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
        let ids: Vec<_> = (5_000_000..5_002_000).map(at).collect();
        assert!(ids.is_sorted(), "ids of one millisecond do not order by time");
        assert!(floor(5_000_000) <= first && first < floor(5_001_000));
        assert_eq!(first.get_version_num(), 7);
    }
}
