//! The only place with SQL of the statistics.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use fenxi_chassis::sqlite::{INSERT_MANY, Pool, Shapes, Transaction};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Changes, DAYS_MAX, Day, Statistics};
use crate::store::StoreError;

/// One day; tells its total.
const DAY: &str = "INSERT INTO history_day (user_id, day, total, succeeded, ran) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (user_id, day) DO UPDATE SET total = history_day.total + excluded.total, \
     succeeded = history_day.succeeded + excluded.succeeded, ran = history_day.ran + excluded.ran RETURNING total";

const EMPTY_DAY: &str = "DELETE FROM history_day WHERE user_id = $1 AND day = $2 AND total = 0";

/// Many days, untold: a row for each would cost more than the day.
static DAYS: LazyLock<Shapes> = LazyLock::new(|| {
    let head = format!(
        "{INSERT_MANY} history_day (user_id, day, total, succeeded, ran) \
         SELECT column1, column2, column3, column4, column5 FROM (VALUES "
    );
    let tail = ") AS more WHERE column1 IS NOT NULL \
         ON CONFLICT (user_id, day) DO UPDATE SET total = history_day.total + excluded.total, \
         succeeded = history_day.succeeded + excluded.succeeded, ran = history_day.ran + excluded.ran";
    Shapes::new(&head, "({1}, {2}, {3}, {4}, {5})", ", ", tail, 5)
});

static USERS: LazyLock<Shapes> = LazyLock::new(|| {
    let head = format!(
        "{INSERT_MANY} history_statistics \
         (user_id, total, succeeded, ran, duration_micros, datasets, active_days, last_activity_time) \
         SELECT column1, column2, column3, column4, column5, column6, column7, \
         (SELECT end_time FROM history WHERE user_id = column1 ORDER BY history_entry_id DESC LIMIT 1) FROM (VALUES "
    );
    let tail = ") AS changed WHERE column1 IS NOT NULL \
         ON CONFLICT (user_id) DO UPDATE SET total = history_statistics.total + excluded.total, \
         succeeded = history_statistics.succeeded + excluded.succeeded, ran = history_statistics.ran + excluded.ran, \
         duration_micros = history_statistics.duration_micros + excluded.duration_micros, \
         datasets = history_statistics.datasets + excluded.datasets, \
         active_days = history_statistics.active_days + excluded.active_days, \
         last_activity_time = excluded.last_activity_time";
    Shapes::new(&head, "({1}, {2}, {3}, {4}, {5}, {6}, {7})", ", ", tail, 7)
});

/// The days are one text, newest first: the driver's cost is by the row.
const READ: &str = "SELECT total, succeeded, ran, duration_micros, datasets, active_days, last_activity_time, \
     (SELECT string_agg(day || ':' || total || ':' || succeeded || ':' || ran, ',') FROM (SELECT day, total, succeeded, ran \
     FROM history_day WHERE user_id = $1 ORDER BY day DESC LIMIT $2 + 0) AS newest) \
     FROM history_statistics WHERE user_id = $1";

/// Whether the user of `column2` has no entries yet on the day of `column3`, for a statement that asks it of many.
pub(crate) const IS_FIRST_OF_DAY: &str =
    "NOT EXISTS (SELECT 1 FROM history_day AS d WHERE d.user_id = column2 AND d.day = column3)";

/// Adds new entries to the sums, after their rows were written in the same transaction; these days of these users have
/// their first ones.
pub(crate) async fn grow(
    transaction: &mut Transaction,
    changes: &Changes,
    first_days: &HashSet<(Uuid, i32)>,
) -> Result<(), StoreError> {
    let days: Vec<_> = changes.days().collect();
    for (sql, piece) in DAYS.padded(&days) {
        let mut query = sqlx::query(sql);
        for (user_id, day, change) in piece {
            query = query.bind(user_id).bind(day).bind(change.total).bind(change.succeeded).bind(change.ran);
        }
        query.execute(&mut *transaction).await?;
    }
    let mut active_days: HashMap<Uuid, i64> = HashMap::new();
    for (user_id, day, _) in days {
        *active_days.entry(user_id).or_default() += i64::from(first_days.contains(&(user_id, day)));
    }
    apply_users(transaction, changes, &active_days).await
}

/// Changes the sums, up or down, after the rows of the history were changed in the same transaction.
pub(crate) async fn apply(transaction: &mut Transaction, changes: &Changes) -> Result<(), StoreError> {
    let mut active_days: HashMap<Uuid, i64> = HashMap::new();
    for (user_id, day, change) in changes.days() {
        let query = sqlx::query(DAY).bind(user_id).bind(day);
        let query = query.bind(change.total).bind(change.succeeded).bind(change.ran);
        let total: i64 = query.fetch_one(&mut *transaction).await?.try_get(0)?;
        if total == 0 {
            sqlx::query(EMPTY_DAY).bind(user_id).bind(day).execute(&mut *transaction).await?;
        }
        // A day comes with its first entry and goes with its last.
        let was_active = total != change.total;
        *active_days.entry(user_id).or_default() += i64::from(total != 0) - i64::from(was_active);
    }
    apply_users(transaction, changes, &active_days).await
}

/// With so many active days won or lost by each user.
async fn apply_users(
    transaction: &mut Transaction,
    changes: &Changes,
    active_days: &HashMap<Uuid, i64>,
) -> Result<(), StoreError> {
    let users: Vec<_> = changes.0.iter().collect();
    for (sql, piece) in USERS.padded(&users) {
        let mut query = sqlx::query(sql);
        for (user_id, change) in piece {
            let active_days = active_days.get(user_id).copied().unwrap_or(0);
            query = query
                .bind(*user_id)
                .bind(change.total)
                .bind(change.succeeded)
                .bind(change.ran)
                .bind(change.duration_micros)
                .bind(change.datasets)
                .bind(active_days);
        }
        query.execute(&mut *transaction).await?;
    }
    Ok(())
}

/// The sums of this user.
pub(super) async fn read(reader: &Pool, user_id: Uuid) -> Result<Statistics, StoreError> {
    let query = sqlx::query(READ).bind(user_id).bind(i64::from(DAYS_MAX));
    let Some(row) = query.fetch_optional(reader).await? else { return Ok(Statistics::default()) };
    Ok(Statistics {
        total: row.try_get(0)?,
        succeeded: row.try_get(1)?,
        ran: row.try_get(2)?,
        duration_micros: row.try_get(3)?,
        datasets: row.try_get(4)?,
        active_days: row.try_get(5)?,
        last_activity_time: row.try_get(6)?,
        days: days(row.try_get::<Option<&str>, _>(7)?.unwrap_or_default())?,
    })
}

fn days(text: &str) -> Result<Vec<Day>, StoreError> {
    let day = |text: &str| {
        let mut numbers = text.split(':').map(str::parse::<i64>);
        let mut next = || numbers.next()?.ok();
        Some(Day { day: i32::try_from(next()?).ok()?, total: next()?, succeeded: next()?, ran: next()? })
    };
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts.map(|part| day(part).ok_or(StoreError::Corrupt("day of the statistics"))).collect()
}
