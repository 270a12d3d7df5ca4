//! Where a list looks: through all ids that are asked for, or only through those between which a dataset was used on some
//! day. The ranges come newest first and have no id in common, so that a list is in order and gives no entry twice.

use std::collections::VecDeque;

use fenxi_chassis::sqlite::Pool;
use uuid::Uuid;

use super::store::{self, Range};
use crate::store::StoreError;

/// Days on which a dataset was used that one statement reads.
const DAYS_READ: u32 = 128;

/// Ranges of ids of one user, still to be looked through.
pub(super) struct Ranges<'p> {
    found: VecDeque<Range>,
    /// Where to find more.
    uses: Option<Uses<'p>>,
}

/// A dataset's uses that were not read yet.
struct Uses<'p> {
    reader: &'p Pool,
    dataset_id: Uuid,
    /// Where they are; its limit is how many days to read at a time.
    rest: Range,
}

impl<'p> Ranges<'p> {
    /// This range as it is.
    pub(super) fn all(range: Range) -> Self {
        Self { found: VecDeque::from([range]), uses: None }
    }

    /// What lies in this range between uses of the dataset.
    pub(super) fn of_dataset(reader: &'p Pool, dataset_id: Uuid, range: Range) -> Self {
        let rest = Range { limit: DAYS_READ, ..range };
        Self { found: VecDeque::new(), uses: Some(Uses { reader, dataset_id, rest }) }
    }

    /// The next range, whose limit says nothing; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Range>, StoreError> {
        if self.found.is_empty()
            && let Some(uses) = &mut self.uses
        {
            self.found = uses.read().await?;
            if uses.rest.from >= uses.rest.below {
                self.uses = None;
            }
        }
        Ok(self.found.pop_front())
    }
}

impl Uses<'_> {
    /// The next ones; none at the end.
    async fn read(&mut self) -> Result<VecDeque<Range>, StoreError> {
        let days = store::used_within(self.reader, self.dataset_id, self.rest).await?;
        let ranges = joined(&days, self.rest);
        // What was not read has lesser last ids than what was: it adds nothing to the ids from the lowest range on.
        let is_all = days.len() < self.rest.limit as usize;
        self.rest.below = ranges.back().filter(|_| !is_all).map_or(self.rest.from, |lowest| lowest.from);
        Ok(ranges)
    }
}

/// The parts of the range that lie between a first and a last id, which are in the order of the last ones, the greatest
/// first: those that overlap or touch are one.
fn joined(days: &[(Uuid, Uuid)], range: Range) -> VecDeque<Range> {
    let mut ranges: VecDeque<Range> = VecDeque::new();
    for (first, last) in days {
        let from = range.from.max(*first);
        let below = range.below.min(Uuid::from_u128(last.as_u128().saturating_add(1)));
        match ranges.back_mut() {
            Some(newer) if newer.from <= below => newer.from = newer.from.min(from),
            _ if from < below => ranges.push_back(Range { from, below, ..range }),
            _ => {}
        }
    }
    ranges
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// All ranges of the dataset, so many days read at a time, as their bounds.
    pub(in super::super) async fn bounds(
        reader: &Pool,
        dataset_id: Uuid,
        range: Range,
        days_read: u32,
    ) -> Vec<(Uuid, Uuid)> {
        let mut ranges = Ranges::of_dataset(reader, dataset_id, range);
        if let Some(uses) = &mut ranges.uses {
            uses.rest.limit = days_read;
        }
        let mut bounds = Vec::new();
        while let Some(Range { from, below, .. }) = ranges.next().await.expect("read") {
            bounds.push((from, below));
        }
        bounds
    }

    fn joined_in(days: &[(u128, u128)], from: u128, below: u128) -> Vec<(u128, u128)> {
        let id = Uuid::from_u128;
        let days: Vec<_> = days.iter().map(|(first, last)| (id(*first), id(*last))).collect();
        let range = Range { user_id: id(1), from: id(from), below: id(below), limit: 9 };
        joined(&days, range).iter().map(|range| (range.from.as_u128(), range.below.as_u128())).collect()
    }

    #[test]
    fn days_are_joined_where_they_overlap_or_touch_and_cut_to_what_is_asked_for() {
        assert_eq!(joined_in(&[(50, 60), (30, 55), (20, 29), (10, 15), (12, 13)], 0, 99), [(20, 61), (10, 16)]);
        assert_eq!(joined_in(&[(50, 60), (30, 55), (20, 28), (10, 15)], 12, 58), [(30, 58), (20, 29), (12, 16)]);
        assert_eq!(joined_in(&[(40, 60), (10, 58)], 0, 30), [(10, 30)], "what is newer than asked for adds nothing");
        assert_eq!(joined_in(&[(10, 60)], 30, 20), []);
        assert_eq!(joined_in(&[], 0, 99), []);
    }
}
