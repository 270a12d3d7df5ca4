//! The first walk over a text: every row's width is checked, and every cell is looked at, so that a column's type is
//! decided from all of it. Runs are walked in parallel; nothing of the values is kept.

use std::ops::Range;

use super::split::{Cursor, Dialect, unescape};
use crate::values::{self, Kinds};
use crate::{Cancel, Limits, TableError};

/// Rows between two looks at the cancel flag.
const CANCEL_ROWS: u64 = 16_384;

/// What is known of one column in one run, or in all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) kinds: Kinds,
    /// Cells without a byte.
    pub(crate) empty: u64,
    /// Cells with a marker of a missing value; only counted while the column is not text.
    pub(crate) markers: u64,
    /// Bytes of all values.
    pub(crate) bytes: u64,
    /// Where the first cell stands that can only be text; `start` of its row's run is not added.
    pub(crate) first_text: Option<usize>,
}

/// What is known of one run.
#[derive(Debug, Default)]
pub(crate) struct RunSeen {
    pub(crate) rows: u64,
    pub(crate) columns: Vec<Seen>,
    /// Rows with empty fields past the last column.
    pub(crate) long_rows: u64,
    pub(crate) longest_cell: usize,
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
    Encoding(usize),
    Table(TableError),
}

/// Walks the rows of `run`; each has `width` fields.
pub(crate) fn profile(
    data: &[u8],
    run: Range<usize>,
    width: usize,
    dialect: Dialect,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<RunSeen, Stop> {
    if let Err(broken) = std::str::from_utf8(&data[run.clone()]) {
        return Err(Stop::Encoding(run.start + broken.valid_up_to()));
    }
    let mut seen = RunSeen { columns: vec![Seen::default(); width], ..RunSeen::default() };
    let data = &data[..run.end];
    let mut cursor = Cursor::new(data, run.start, dialect);
    while !cursor.done() {
        if seen.rows.is_multiple_of(CANCEL_ROWS) {
            cancel.check().map_err(Stop::Table)?;
        }
        row(data, &mut cursor, &mut seen, dialect, limits)?;
    }
    Ok(seen)
}

/// Whether a row of one unquoted field is no row: nothing but blanks, where a row has several fields.
#[inline]
pub(crate) fn is_blank_row(cell: &[u8], width: usize) -> bool {
    width > 1 && cell.iter().all(|b| matches!(b, b' ' | b'\t'))
}

fn row(data: &[u8], cursor: &mut Cursor, seen: &mut RunSeen, dialect: Dialect, limits: &Limits) -> Result<(), Stop> {
    let start = cursor.pos;
    let width = seen.columns.len();
    let mut at = 0;
    loop {
        let field = cursor.field();
        if field.open {
            return Err(Stop::Open(field.start));
        }
        let raw = &data[field.start..field.end];
        if at == 0 && field.last && !field.quoted && is_blank_row(raw, width) {
            return Ok(());
        }
        let unescaped;
        let cell = if field.escaped {
            unescaped = unescape(raw, dialect.quote);
            unescaped.as_slice()
        } else {
            raw
        };
        if at < width {
            cell_seen(&mut seen.columns[at], cell, field.start);
            seen.longest_cell = seen.longest_cell.max(cell.len());
        } else if cell.is_empty() {
            seen.long_rows += u64::from(at == width);
        } else {
            return Err(Stop::Ragged(Ragged { at: start, found: count_fields(data, start, dialect) }));
        }
        at += 1;
        if field.last {
            break;
        }
    }
    if at < width {
        return Err(Stop::Ragged(Ragged { at: start, found: at }));
    }
    if seen.longest_cell > limits.cell_max_bytes {
        let (limit, found) = (limits.cell_max_bytes as u64, seen.longest_cell as u64);
        return Err(Stop::Table(crate::limits::too_large("bytes of one cell", "cell_max_bytes", limit, found)));
    }
    seen.rows += 1;
    Ok(())
}

#[inline]
fn cell_seen(column: &mut Seen, cell: &[u8], at: usize) {
    if cell.is_empty() {
        column.empty += 1;
        return;
    }
    column.bytes += cell.len() as u64;
    // A text column stays one; only what makes a difference to its warning is looked for in the first of them.
    if column.kinds & values::TEXT != 0 {
        return;
    }
    let kinds = values::classify(cell);
    column.kinds |= kinds;
    if kinds == values::NA {
        column.markers += 1;
    } else if kinds & values::TEXT != 0 {
        column.first_text = Some(at);
    }
}

fn count_fields(data: &[u8], start: usize, dialect: Dialect) -> usize {
    let mut cursor = Cursor::new(data, start, dialect);
    let mut count = 1;
    while !cursor.field().last {
        count += 1;
    }
    count
}

/// Joins the runs of one column.
pub(crate) fn join(runs: &[RunSeen], column: usize) -> Seen {
    let mut joined = Seen::default();
    for run in runs {
        let seen = run.columns[column];
        joined.kinds |= seen.kinds;
        joined.empty += seen.empty;
        joined.markers += seen.markers;
        joined.bytes += seen.bytes;
        joined.first_text = joined.first_text.or(seen.first_text);
    }
    joined
}
