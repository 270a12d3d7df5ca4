//! What a transaction does to the sums. Pure.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::history::entry::{Entry, Outcome};

const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// The day that the entry counts for.
pub(crate) fn day(entry: &Entry) -> i32 {
    i32::try_from(entry.end_time.div_euclid(DAY_MICROS)).unwrap_or(i32::MAX)
}

/// What one entry adds, or takes away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    day: i32,
    sign: i64,
    succeeded: i64,
    ran: i64,
    duration_micros: i64,
}

impl Change {
    /// The entry comes (`sign` 1) or goes (-1).
    pub(crate) fn of(entry: &Entry, sign: i64) -> Self {
        let ran = i64::from(entry.start_time.is_some());
        Self {
            day: day(entry),
            sign,
            succeeded: sign * i64::from(entry.outcome == Outcome::Ok),
            ran: sign * ran,
            duration_micros: sign * ran * entry.duration_micros,
        }
    }
}

/// What happens to the sums of one day.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DayChange {
    pub(super) total: i64,
    pub(super) succeeded: i64,
    pub(super) ran: i64,
}

/// What happens to one user's sums.
#[derive(Clone, Debug, Default)]
pub(super) struct UserChange {
    pub(super) total: i64,
    pub(super) succeeded: i64,
    pub(super) ran: i64,
    pub(super) duration_micros: i64,
    pub(super) datasets: i64,
    pub(super) days: BTreeMap<i32, DayChange>,
}

/// What happens to the sums of all users that a transaction touches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(pub(super) BTreeMap<Uuid, UserChange>);

impl Changes {
    /// With this change to this user's sums.
    pub(crate) fn add(&mut self, user_id: Uuid, change: &Change) {
        let user = self.0.entry(user_id).or_default();
        user.total += change.sign;
        user.succeeded += change.succeeded;
        user.ran += change.ran;
        user.duration_micros = user.duration_micros.saturating_add(change.duration_micros);
        let day = user.days.entry(change.day).or_default();
        day.total += change.sign;
        day.succeeded += change.succeeded;
        day.ran += change.ran;
    }

    /// With so many datasets more, or fewer.
    pub(crate) fn add_datasets(&mut self, user_id: Uuid, datasets: i64) {
        self.0.entry(user_id).or_default().datasets += datasets;
    }

    /// Every day of every user, with the change of its sums.
    pub(super) fn days(&self) -> impl Iterator<Item = (Uuid, i32, DayChange)> {
        self.0.iter().flat_map(|(user_id, user)| user.days.iter().map(|(day, sums)| (*user_id, *day, *sums)))
    }
}
