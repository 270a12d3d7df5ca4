//! Sums over a user's entries. They are kept as counters in the transactions that change the history, and never counted
//! at a read; only the history may change them.

mod change;
mod store;

use fenxi_chassis::sqlite::Database;
use uuid::Uuid;

use crate::store::StoreError;

pub(crate) use self::{
    change::{Change, Changes, day},
    store::{IS_FIRST_OF_DAY, apply, grow},
};

/// Days that are told.
pub(crate) const DAYS_MAX: u32 = 366;

/// The sums of one user. Times are unix microseconds, days are those since 1970-01-01 in UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) total: i64,
    pub(crate) succeeded: i64,
    /// Entries that ran.
    pub(crate) ran: i64,
    /// Their times from start to end.
    pub(crate) duration_micros: i64,
    /// Different datasets of all entries.
    pub(crate) datasets: i64,
    pub(crate) active_days: i64,
    /// The end of the newest entry.
    pub(crate) last_activity_time: Option<i64>,
    /// Newest first, at most [`DAYS_MAX`].
    pub(crate) days: Vec<Day>,
}

/// The sums of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) day: i32,
    pub(crate) total: i64,
    pub(crate) succeeded: i64,
    /// Entries that ran.
    pub(crate) ran: i64,
}

impl Day {
    /// Those that ran and did not succeed.
    pub(crate) fn failed(&self) -> i64 {
        (self.ran - self.succeeded).max(0)
    }
}

impl Statistics {
    /// Those that ran and did not succeed. What was cancelled before it ran did neither.
    pub(crate) fn failed(&self) -> i64 {
        (self.ran - self.succeeded).max(0)
    }

    /// The share of those that succeeded among those that ran, from 0 to 1.
    pub(crate) fn success_rate(&self) -> f64 {
        let ran = self.succeeded + self.failed();
        #[expect(clippy::cast_precision_loss, reason = "a share is told to a few digits")]
        if ran > 0 { self.succeeded as f64 / ran as f64 } else { 0.0 }
    }

    /// The mean time from start to end of those that ran; `None` if none did.
    pub(crate) fn mean_duration_micros(&self) -> Option<i64> {
        self.duration_micros.checked_div(self.ran)
    }
}

/// The sums of this user.
pub(crate) async fn of(database: &Database, user_id: Uuid) -> Result<Statistics, StoreError> {
    store::read(&database.reader, user_id).await
}
