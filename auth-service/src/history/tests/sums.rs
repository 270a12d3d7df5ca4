//! The counters are what a recount would give, after any sequence of changes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::{DAY, NewEntry, Outcome, Room, SECOND, dataset, entry};
use crate::{
    history::HistoryError,
    statistics::{Day, Statistics},
    store::StoreError,
};

#[derive(Clone, Debug)]
enum Step {
    /// Of a user, on a day, with an outcome, with datasets, whether it ran; several together.
    Record(Vec<(u8, i64, usize, Vec<u8>, bool)>),
    Resend(prop::sample::Index),
    Delete(prop::sample::Index),
    Undelete(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let new = (0..2_u8, 0..4_i64, 0..Outcome::ALL.len(), prop::collection::vec(0..3_u8, 0..3), any::<bool>());
    let step = prop_oneof![
        4 => prop::collection::vec(new, 1..6).prop_map(Step::Record),
        1 => any::<prop::sample::Index>().prop_map(Step::Resend),
        4 => any::<prop::sample::Index>().prop_map(Step::Delete),
        2 => any::<prop::sample::Index>().prop_map(Step::Undelete),
    ];
    prop::collection::vec(step, 1..40)
}

fn made((user, day, outcome, datasets, ran): &(u8, i64, usize, Vec<u8>, bool), number: i64) -> NewEntry {
    let mut new = entry(Uuid::from_u128(u128::from(*user)), day * DAY + number * SECOND);
    let entry = &mut new.whole.entry;
    entry.outcome = Outcome::ALL[*outcome];
    entry.datasets = datasets.iter().map(|number| dataset(u128::from(*number), "d")).collect();
    entry.start_time = ran.then_some(entry.end_time - number);
    entry.duration_micros = if *ran { number } else { 0 };
    new
}

/// The sums over these entries, counted.
fn recount<'e>(entries: impl Iterator<Item = &'e NewEntry>) -> Statistics {
    let (mut sums, mut days, mut datasets) = (Statistics::default(), BTreeMap::new(), BTreeSet::new());
    let mut newest = None;
    for NewEntry { whole, .. } in entries {
        let entry = &whole.entry;
        let ok = i64::from(entry.outcome == Outcome::Ok);
        sums.total += 1;
        sums.succeeded += ok;
        sums.ran += i64::from(entry.start_time.is_some());
        sums.duration_micros += entry.duration_micros;
        datasets.extend(entry.dataset_ids());
        let day = days.entry(entry.end_time.div_euclid(DAY)).or_insert((0, 0, 0));
        *day = (day.0 + 1, day.1 + ok, day.2 + i64::from(entry.start_time.is_some()));
        newest = newest.max(Some((entry.id, entry.end_time)));
    }
    sums.datasets = i64::try_from(datasets.len()).expect("few");
    sums.active_days = i64::try_from(days.len()).expect("few");
    sums.last_activity_time = newest.map(|(_, end)| end);
    let day = |(day, (total, succeeded, ran)): (i64, _)| {
        let day = i32::try_from(day).expect("a day");
        Day { day, total, succeeded, ran }
    };
    sums.days = days.into_iter().rev().map(day).collect();
    sums
}

async fn play(steps: Vec<Step>) {
    let room = Room::new().await;
    // Everything that was sent, and whether it is there.
    let mut model: Vec<(NewEntry, bool)> = Vec::new();
    for step in steps {
        match step {
            Step::Record(new) => {
                let from = i64::try_from(model.len()).expect("few");
                let new: Vec<_> = new.iter().zip(from..).map(|(new, number)| made(new, number)).collect();
                assert_eq!(room.history.record(new.clone()).await.expect("taken"), new.len());
                model.extend(new.into_iter().map(|new| (new, true)));
            }
            Step::Resend(_) | Step::Delete(_) | Step::Undelete(_) if model.is_empty() => {}
            Step::Resend(which) => assert!(!room.record(which.get(&model).0.clone()).await),
            Step::Delete(which) => {
                let at = which.index(model.len());
                let (user, id) = (model[at].0.user_id, model[at].0.whole.entry.id);
                room.history.delete(user, id, None).await.expect("deleted");
                model[at].1 = false;
            }
            Step::Undelete(which) => {
                let at = which.index(model.len());
                let (user, id) = (model[at].0.user_id, model[at].0.whole.entry.id);
                match room.history.undelete(user, id, None).await {
                    Ok(_) => assert!(!std::mem::replace(&mut model[at].1, true)),
                    Err(error) => assert!(matches!(error, HistoryError::NotDeleted) && model[at].1, "{error}"),
                }
            }
        }
    }
    for user in [0, 1].map(Uuid::from_u128) {
        let there = model.iter().filter(|(new, there)| *there && new.user_id == user).map(|(new, _)| new);
        assert_eq!(room.history.statistics(user).await.expect("sums"), recount(there));
    }
    room.database.close(&room.lifecycle).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_counters_are_a_recount(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(play(steps));
    }
}

#[tokio::test]
async fn the_days_told_are_the_newest_366() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    for chunk in 0..4 {
        let new = (0..100).map(|day| entry(user, (chunk * 100 + day) * DAY)).collect();
        room.history.record(new).await.expect("taken");
    }
    let sums = room.history.statistics(user).await.expect("sums");
    assert_eq!((sums.active_days, sums.days.len()), (400, 366));
    assert!(sums.days.is_sorted_by(|a, b| a.day > b.day));
    assert_eq!(i64::from(sums.days[0].day), (super::START + 399 * DAY) / DAY);
}

#[tokio::test]
async fn what_never_ran_has_neither_succeeded_nor_failed() {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let outcomes =
        [(Outcome::Ok, true), (Outcome::Error, true), (Outcome::Interrupted, true), (Outcome::Cancelled, false)];
    let made = |(number, (outcome, ran)): (i64, (Outcome, bool))| {
        let mut new = entry(user, number * SECOND);
        new.whole.entry.outcome = outcome;
        new.whole.entry.start_time = ran.then_some(new.whole.entry.end_time);
        new
    };
    let new: Vec<_> = (0..).zip(outcomes).map(made).collect();
    let idle = new[3].whole.entry.id;
    room.history.record(new).await.expect("taken");
    let sums = room.history.statistics(user).await.expect("sums");
    assert_eq!((sums.total, sums.succeeded, sums.failed()), (4, 1, 2));
    assert!((sums.success_rate() - 1.0 / 3.0).abs() < 1e-9, "{}", sums.success_rate());
    assert_eq!((sums.days[0].total, sums.days[0].succeeded, sums.days[0].failed()), (4, 1, 2));
    room.history.delete(user, idle, None).await.expect("deleted");
    let sums = room.history.statistics(user).await.expect("sums");
    assert_eq!((sums.total, sums.failed(), sums.days[0].failed()), (3, 2, 2));
}

#[tokio::test]
async fn days_from_before_those_that_ran_were_counted_are_counted_anew() {
    let room = Room::new().await;
    // Summaries of all lengths: with texts and datasets of none, one and two bytes of length.
    let made = |number: i64| {
        let mut new = entry(Uuid::from_u128(1 + u128::from(number % 3 == 0)), (number % 5 - 2) * DAY + number * SECOND);
        let at = usize::try_from(number).expect("small");
        let entry = &mut new.whole.entry;
        entry.title = "t".repeat(at % 4 * 40);
        entry.preview = "查".repeat(at % 3 * 66);
        entry.datasets = (0..at % 40).map(|number| dataset(number as u128, &"d".repeat(at * 6))).collect();
        (entry.outcome, entry.start_time) = match number % 4 {
            0 => (Outcome::Cancelled, None),
            1 => (Outcome::Error, Some(entry.end_time - number)),
            2 => (Outcome::Lost, None),
            _ => (Outcome::Ok, Some(entry.end_time)),
        };
        new
    };
    let new: Vec<_> = (0..40).map(made).collect();
    room.history.record(new.clone()).await.expect("taken");
    // As it was before the step.
    for sql in ["ALTER TABLE history_day DROP COLUMN ran", "DELETE FROM _sqlx_migrations WHERE version = 102"] {
        let done = room.database.writer.write::<_, StoreError, _>(move |transaction| {
            Box::pin(async move { Ok(sqlx::query(sql).execute(transaction).await?) })
        });
        done.await.expect("undone");
    }
    room.database.close(&room.lifecycle).await;
    let room = Room::over(room.folder).await;
    for user in [1, 2].map(Uuid::from_u128) {
        let there = new.iter().filter(|new| new.user_id == user);
        assert_eq!(room.history.statistics(user).await.expect("sums").days, recount(there).days);
    }
}
