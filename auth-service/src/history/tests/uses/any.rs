//! The list of a dataset is that of the entries that used it, after any sequence of changes, whatever their ids and days.

use proptest::prelude::*;
use uuid::Uuid;

use super::super::{DAY, Filter, NewEntry, Room, SECOND, START, dataset, entry};
use crate::history::{ranges::tests::bounds, store::Range};

#[derive(Clone, Debug)]
enum Step {
    /// The days of an id and of an end, which need not be the same, and datasets; several together.
    Record(Vec<(i64, i64, Vec<u8>)>),
    Delete(prop::sample::Index),
    Undelete(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let new = (0..8_i64, -1..2_i64, prop::collection::vec(0..3_u8, 0..3));
    let new = new.prop_map(|(day, off, datasets)| (day, day + off, datasets));
    let step = prop_oneof![
        4 => prop::collection::vec(new, 1..6).prop_map(Step::Record),
        3 => any::<prop::sample::Index>().prop_map(Step::Delete),
        2 => any::<prop::sample::Index>().prop_map(Step::Undelete),
    ];
    prop::collection::vec(step, 1..30)
}

fn made(user: Uuid, (id_day, end_day, datasets): &(i64, i64, Vec<u8>), number: i64) -> NewEntry {
    let mut new = entry(user, end_day * DAY + number * SECOND);
    let entry = &mut new.whole.entry;
    entry.id = fenxi_chassis::id::at(START + id_day * DAY + number * SECOND);
    entry.datasets = datasets.iter().map(|number| dataset(u128::from(*number), "d")).collect();
    new
}

/// Plays the steps; gives what is there.
async fn play(room: &Room, user: Uuid, steps: Vec<Step>) -> Vec<NewEntry> {
    let mut model: Vec<(NewEntry, bool)> = Vec::new();
    for step in steps {
        match step {
            Step::Record(new) => {
                let from = i64::try_from(model.len()).expect("few");
                let new: Vec<_> = new.iter().zip(from..).map(|(new, number)| made(user, new, number)).collect();
                room.history.record(new.clone()).await.expect("taken");
                model.extend(new.into_iter().map(|new| (new, true)));
            }
            Step::Delete(_) | Step::Undelete(_) if model.is_empty() => {}
            Step::Delete(which) => {
                let at = which.index(model.len());
                room.history.delete(user, model[at].0.whole.entry.id, None).await.expect("deleted");
                model[at].1 = false;
            }
            Step::Undelete(which) => {
                let at = which.index(model.len());
                let back = room.history.undelete(user, model[at].0.whole.entry.id, None).await;
                assert_eq!(back.is_ok(), !std::mem::replace(&mut model[at].1, true));
            }
        }
    }
    model.into_iter().filter_map(|(new, there)| there.then_some(new)).collect()
}

/// The ids of those that used the dataset and lie in the range, newest first.
fn expected(there: &[NewEntry], dataset_id: Uuid, range: Range) -> Vec<Uuid> {
    let entries = there.iter().map(|new| &new.whole.entry);
    let wanted = entries.filter(|entry| entry.dataset_ids().contains(&dataset_id));
    let mut ids: Vec<_> = wanted.map(|entry| entry.id).filter(|id| *id >= range.from && *id < range.below).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids
}

async fn compare(steps: Vec<Step>, from_day: i64, until_day: i64, size: u32) {
    let (room, user) = (Room::new().await, Uuid::from_u128(1));
    let there = play(&room, user, steps).await;
    let [from_time, until_time] = [from_day, until_day].map(|day| START + day * DAY);
    let part = Range {
        user_id: user,
        from: fenxi_chassis::id::floor(from_time),
        below: fenxi_chassis::id::floor(until_time),
        limit: size,
    };
    let all = Range { from: Uuid::nil(), below: Uuid::max(), ..part };
    let mut used = 0;
    for dataset_id in (0..3).map(Uuid::from_u128) {
        let whole = Filter { dataset_id: Some(dataset_id), ..Filter::default() };
        let cut = Filter { from_time: Some(from_time), until_time: Some(until_time), ..whole.clone() };
        for (filter, range) in [(&whole, all), (&cut, part)] {
            let expected = expected(&there, dataset_id, range);
            assert_eq!(room.walk(user, filter, size).await, expected);
            let bounds = bounds(&room.database.reader, dataset_id, range, size).await;
            let in_range =
                bounds.iter().all(|(from, below)| range.from <= *from && from < below && *below <= range.below);
            assert!(in_range && bounds.is_sorted_by(|newer, older| newer.0 >= older.1), "{bounds:?}");
            let is_seen = |id: &Uuid| bounds.iter().any(|(from, below)| from <= id && id < below);
            assert!(expected.iter().all(is_seen), "{expected:?} in {bounds:?}");
        }
        used += i64::from(!expected(&there, dataset_id, all).is_empty());
    }
    assert_eq!(room.history.statistics(user).await.expect("sums").datasets, used);
    room.database.close(&room.lifecycle).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_list_of_a_dataset_has_each_of_its_entries_once(
        steps in steps(), from_day in 0..8_i64, until_day in 0..9_i64, size in 1..5_u32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(compare(steps, from_day, until_day, size));
    }
}
