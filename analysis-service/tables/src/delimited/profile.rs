//! What a walk over a run of rows has seen, so that a column's type is decided from all of its cells, and what stops it.

use crate::TableError;
use crate::values::{self, Kinds};

/// What is known of one column in one run, or in all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) kinds: Kinds,
    /// Cells without a byte.
    pub(crate) empty: u64,
    /// Cells with a marker of a missing value; only counted while the column is not text.
    pub(crate) markers: u64,
    /// Those among the markers that may have been meant otherwise, and where the first of them stands.
    pub(crate) doubtful: u64,
    pub(crate) first_doubtful: Option<usize>,
    /// Bytes of all values.
    pub(crate) bytes: u64,
    /// Where in the text the first cell stands that can only be text.
    pub(crate) first_text: Option<usize>,
}

/// What is known of one run.
#[derive(Debug, Default)]
pub(crate) struct RunSeen {
    pub(crate) rows: u64,
    pub(crate) columns: Vec<Seen>,
    /// Rows with empty fields past the last column.
    pub(crate) long_rows: u64,
    pub(crate) tails: Tails,
    /// No byte is beyond ASCII.
    pub(crate) ascii: bool,
}

/// Fields with text after their closing quote.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tails {
    pub(crate) count: u64,
    /// Where the first of them begins.
    pub(crate) first: Option<usize>,
    /// The quote that closes one of them stands after a backslash.
    pub(crate) backslash: bool,
}

impl Tails {
    pub(crate) fn join(self, later: Self) -> Self {
        Self {
            count: self.count + later.count,
            first: self.first.or(later.first),
            backslash: self.backslash || later.backslash,
        }
    }
}

impl RunSeen {
    /// Whether the other has as many rows and bytes, so that its values have the same places.
    pub(super) fn same_size(&self, other: &Self) -> bool {
        let bytes = |seen: &Self| seen.columns.iter().map(|column| column.bytes).collect::<Vec<_>>();
        self.rows == other.rows && bytes(self) == bytes(other)
    }
}

/// A row of the wrong width.
#[derive(Debug)]
pub(crate) struct Ragged {
    pub(crate) at: usize,
    pub(crate) found: usize,
}

/// What stops a walk.
#[derive(Debug)]
pub(crate) enum Stop {
    Ragged(Ragged),
    Open(usize),
    /// A quote here and one in a later line are most likely strays.
    Stray(usize),
    Encoding(usize),
    /// There is a quote, in a text that was taken for one without.
    Quote,
    Table(TableError),
}

impl Seen {
    /// Looks at a cell that stands at `at`.
    #[inline]
    pub(super) fn see(&mut self, cell: &[u8], at: usize) {
        if cell.is_empty() {
            self.empty += 1;
            return;
        }
        self.bytes += cell.len() as u64;
        // A text column stays one; only what makes a difference to its warning is looked for in the first of them.
        if self.kinds & values::TEXT != 0 {
            return;
        }
        let kinds = values::classify(cell);
        self.kinds |= kinds;
        if kinds == values::NA {
            self.markers += 1;
            if values::is_doubtful_marker(values::trim(cell)) {
                self.doubtful += 1;
                self.first_doubtful = self.first_doubtful.or(Some(at));
            }
        } else if kinds & values::TEXT != 0 {
            self.first_text = Some(at);
        }
    }
}

/// Joins the runs of one column.
pub(crate) fn join(runs: &[RunSeen], column: usize) -> Seen {
    let mut joined = Seen::default();
    for run in runs {
        let seen = run.columns[column];
        joined.kinds |= seen.kinds;
        joined.empty += seen.empty;
        joined.markers += seen.markers;
        joined.doubtful += seen.doubtful;
        joined.first_doubtful = joined.first_doubtful.or(seen.first_doubtful);
        joined.bytes += seen.bytes;
        joined.first_text = joined.first_text.or(seen.first_text);
    }
    joined
}
