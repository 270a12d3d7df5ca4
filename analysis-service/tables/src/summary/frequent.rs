//! The most frequent values, in bounded memory: counts by hash; when there are too many, the rarest are dropped
//! (lossy counting, Manku and Motwani 2002) and what is left is counted again exactly in a second walk.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::distinct::{SameState, Sketch};

/// Values that are told.
const TOP_MAX: usize = 10;
/// Values that are counted again when some were dropped.
const CANDIDATES_MAX: usize = 64;
/// Values that are counted exactly; what holds them should fit a processor's cache.
const EXACT_MAX: usize = 1 << 15;
/// Values that were seen lately and are counted beside the table, so that it is seldom asked: more of them the more rows
/// there are, for two that would have the same place push each other out.
const LATE_MIN: usize = 1 << 8;
const LATE_MAX: usize = 1 << 14;
/// Rows for each of them.
const LATE_ROWS: usize = 1 << 5;
/// Places that tell most values from the likeliest ones without asking the table.
const LIKELY: usize = 1 << 12;
/// Of how many rows one is looked at for frequent values, once there are more.
const SAMPLE_ROWS: usize = 8;

/// Counts values by their hash.
#[derive(Default)]
pub(crate) struct Frequent {
    /// Count and first row that was seen.
    counts: HashMap<u64, (u32, u64), SameState>,
    /// Hash and count of values that are still to be added to `counts`, which holds each of them.
    late: Vec<(u64, u32)>,
    /// All hashes, once `counts` no longer holds them.
    sketch: Option<Sketch>,
    /// Where the hashes are of which there is a new count.
    likely: Vec<bool>,
    /// Counts up to here were dropped.
    dropped: u32,
    /// Rows before the next that is looked at.
    skip: usize,
    /// One of those that were looked at was there before.
    met_again: bool,
}

#[expect(clippy::cast_possible_truncation, reason = "its lowest bits are wanted")]
fn likely_at(hash: u64) -> usize {
    hash as usize % LIKELY
}

impl Frequent {
    /// For about so many rows.
    pub(crate) fn new(rows: usize) -> Self {
        let late = (rows / LATE_ROWS).next_power_of_two().clamp(LATE_MIN, LATE_MAX);
        Self { late: vec![(0, 0); late], ..Self::default() }
    }

    /// Takes the next values by hash and row, which counts through all chunks.
    pub(crate) fn add(&mut self, values: &[(u64, u64)]) {
        let mut values = values.iter();
        while self.sketch.is_none() {
            let Some((hash, row)) = values.next() else { return };
            self.add_exactly(*hash, *row);
        }
        let Some(sketch) = &mut self.sketch else { return };
        values.as_slice().iter().for_each(|(hash, _)| sketch.add(*hash));
        let skipped = self.skip.min(values.len());
        self.skip = (self.skip + SAMPLE_ROWS - values.len() % SAMPLE_ROWS) % SAMPLE_ROWS;
        for (hash, row) in values.as_slice()[skipped..].iter().step_by(SAMPLE_ROWS) {
            match self.counts.entry(*hash) {
                Entry::Occupied(mut known) => {
                    let count = &mut known.get_mut().0;
                    *count = count.saturating_add(1);
                    self.met_again = true;
                }
                Entry::Vacant(new) => drop(new.insert((self.dropped + 1, *row))),
            }
            self.prune_if_many();
        }
    }

    #[inline]
    fn add_exactly(&mut self, hash: u64, row: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "its lowest bits are wanted")]
        let place = hash as usize & (self.late.len() - 1);
        let place = &mut self.late[place];
        if place.0 == hash && place.1 > 0 {
            place.1 = place.1.saturating_add(1);
            return;
        }
        let before = std::mem::replace(place, (hash, 1));
        self.settle(before);
        self.counts.entry(hash).or_insert((0, row));
        self.prune_if_many();
    }

    #[inline]
    fn prune_if_many(&mut self) {
        if self.counts.len() > EXACT_MAX {
            self.prune();
        }
    }

    /// Adds what was counted of a value beside the table.
    fn settle(&mut self, (hash, late): (u64, u32)) {
        if let Some((count, _)) = self.counts.get_mut(&hash).filter(|_| late > 0) {
            *count = count.saturating_add(late);
        }
    }

    fn settle_all(&mut self) {
        for late in std::mem::take(&mut self.late) {
            self.settle(late);
        }
    }

    fn prune(&mut self) {
        self.settle_all();
        if self.sketch.is_none() {
            self.met_again = self.counts.values().any(|(count, _)| *count > 1);
            let mut sketch = Sketch::default();
            self.counts.keys().for_each(|hash| sketch.add(*hash));
            self.sketch = Some(sketch);
        }
        // At least half goes, so that pruning is rare.
        while self.counts.len() > EXACT_MAX / 2 {
            self.dropped += 1;
            let dropped = self.dropped;
            self.counts.retain(|_, (count, _)| *count > dropped);
        }
    }

    /// Whether there are values to be told whose counts are not exact any more. Where none was met again while it was
    /// remembered, none is frequent.
    pub(crate) fn to_recount(&self) -> bool {
        self.sketch.is_some() && self.met_again
    }

    /// Forgets all but the likeliest values, whose counts begin anew.
    pub(crate) fn begin_recount(&mut self) -> &mut Self {
        self.settle_all();
        let mut kept: Vec<_> = self.counts.drain().collect();
        kept.sort_unstable_by_key(|(_, (count, row))| (std::cmp::Reverse(*count), *row));
        self.counts = kept.into_iter().take(CANDIDATES_MAX).map(|(hash, (_, row))| (hash, (0, row))).collect();
        self.likely = vec![false; LIKELY];
        self.counts.keys().for_each(|hash| self.likely[likely_at(*hash)] = true);
        self
    }

    #[inline]
    pub(crate) fn recount(&mut self, hash: u64) {
        if self.likely[likely_at(hash)]
            && let Some((count, _)) = self.counts.get_mut(&hash)
        {
            *count = count.saturating_add(1);
        }
    }

    /// How many values differ, and whether that is an estimate.
    pub(crate) fn distinct(&self) -> (u64, bool) {
        match &self.sketch {
            Some(sketch) => (sketch.count().max(EXACT_MAX as u64), true),
            None => (self.counts.len() as u64, false),
        }
    }

    /// Rows and counts of the most frequent, first the more frequent, then the earlier.
    pub(crate) fn top(&mut self) -> Vec<(u64, u64)> {
        if self.sketch.is_some() && !self.met_again {
            return Vec::new();
        }
        self.settle_all();
        let mut all: Vec<_> = self.counts.values().map(|(count, row)| (*row, u64::from(*count))).collect();
        all.sort_unstable_by_key(|(row, count)| (std::cmp::Reverse(*count), *row));
        all.truncate(TOP_MAX);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::distinct::hash_u64;
    use super::*;

    #[test]
    fn the_frequent_are_found_among_many_rare() {
        let value = |row: u64| if row % 101 < 7 { row % 101 % 3 } else { 1_000 + row };
        let mut frequent = Frequent::new(303_000);
        let hashed: Vec<_> = (0..303_000).map(|row| (hash_u64(value(row)), row)).collect();
        hashed.chunks(1_000).for_each(|block| frequent.add(block));
        assert!(frequent.to_recount());
        let candidates = frequent.begin_recount();
        (0..303_000).for_each(|row| candidates.recount(hash_u64(value(row))));
        let top = frequent.top();
        assert_eq!(top[..3], [(0, 9_000), (1, 6_000), (2, 6_000)]);
        let (distinct, estimated) = frequent.distinct();
        assert!(estimated && distinct.abs_diff(282_003) < 12_000);
    }

    #[test]
    fn none_is_frequent_where_all_differ_but_one_is_that_came_early() {
        let top = |first: u64| {
            let mut frequent = Frequent::new(303_000);
            let value = |row: u64| if row < first { 7 } else { 1_000 + row };
            let hashed: Vec<_> = (0..303_000).map(|row| (hash_u64(value(row)), row)).collect();
            hashed.chunks(1_000).for_each(|block| frequent.add(block));
            if frequent.to_recount() {
                let candidates = frequent.begin_recount();
                hashed.iter().for_each(|(hash, _)| candidates.recount(*hash));
            }
            frequent.top()
        };
        assert_eq!(top(0), []);
        assert_eq!(top(200)[0], (0, 200));
    }
}
