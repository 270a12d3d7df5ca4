//! What types the columns are expected to have while a text is read.

use std::sync::{Arc, Mutex, PoisonError};

use super::profile::RunSeen;
use crate::values::{self, Held, Kinds};

/// The types that are expected: at first from the first rows, then also from runs that had something else.
pub(super) struct Expected(Mutex<(Vec<Kinds>, Arc<[Held]>)>);

impl Expected {
    pub(super) fn new(sample: &[Vec<String>], width: usize) -> Self {
        let of_column = |column: usize| {
            let cells = sample.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
            cells.fold(0, |kinds, cell| kinds | values::classify(cell.as_bytes()))
        };
        let kinds: Vec<Kinds> = (0..width).map(of_column).collect();
        let held = decided(&kinds);
        Self(Mutex::new((kinds, held)))
    }

    pub(super) fn held(&self) -> Arc<[Held]> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    pub(super) fn learn(&self, seen: &RunSeen) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.0.iter_mut().zip(&seen.columns).for_each(|(kinds, column)| *kinds |= column.kinds);
        known.1 = decided(&known.0);
    }
}

fn decided(kinds: &[Kinds]) -> Arc<[Held]> {
    kinds.iter().map(|kinds| values::decide(*kinds).0).collect()
}
