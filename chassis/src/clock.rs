//! The one source of the time of day. Tests hold a clock that they move themselves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Tells the time as microseconds since 1970 in UTC. Clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(unix_micros: i64) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(unix_micros))))
    }

    /// The time, in microseconds since 1970 in UTC.
    #[must_use]
    pub fn now_micros(&self) -> i64 {
        match &self.0 {
            Source::System => system_micros(),
            Source::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Moves a manual clock and every clone of it; the machine's clock stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(micros(by), Ordering::SeqCst);
        }
    }
}

/// A duration in microseconds, with the end of the range for what lies outside.
#[must_use]
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that everyone else is to use")]
fn system_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(1_000);
        let clone = clock.clone();
        assert_eq!(clone.now_micros(), 1_000);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clone.now_micros(), 1_001_000);
    }
}
