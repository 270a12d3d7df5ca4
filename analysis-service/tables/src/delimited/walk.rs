//! The walk over all runs of a text, and the way of what it read into the columnar file.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ArrayRef;

use super::build::{self, ColumnPlan, RunPlace};
use super::index::Index;
use super::profile::{self, RunSeen, Seen, Stop, Tails};
use super::run::{Run, Walk};
use super::{Failure, Layout, explain, split};
use crate::one_batch::OneBatch;
use crate::parallel::map_pieces;
use crate::values::{self, Held, Kinds, TextReason};
use crate::{ColumnSummary, TableError, summary};

/// Bytes of a run, and how they grow with the file and the number of columns.
const RUN_MIN_BYTES: usize = 1 << 20;
const RUN_MAX_BYTES: usize = 16 << 20;
const RUN_WIDE_MAX_BYTES: usize = 64 << 20;
const RUNS_WANTED: usize = 64;
const RUN_COLUMN_BYTES: usize = 8 << 10;

/// The values of a run, column by column, after the types in which they were taken.
type Kept = (Arc<[Held]>, Vec<ArrayRef>);

/// What the walk found.
pub(super) struct Profile {
    ranges: Vec<Range<usize>>,
    runs: Vec<RunSeen>,
    /// The values of each run that there was room for.
    kept: Vec<Option<Kept>>,
    pub(super) columns: Vec<(Seen, Held, Option<TextReason>)>,
    pub(super) rows: u64,
}

impl Profile {
    /// Rows with empty fields past the last column.
    pub(super) fn long_rows(&self) -> u64 {
        self.runs.iter().map(|run| run.long_rows).sum()
    }

    /// Fields with text after their closing quote.
    pub(super) fn tails(&self) -> Tails {
        self.runs.iter().fold(Tails::default(), |tails, run| tails.join(run.tails))
    }
}

/// The types that are expected: at first from the first rows, then also from runs that had something else.
struct Expected(Mutex<(Vec<Kinds>, Arc<[Held]>)>);

impl Expected {
    fn new(sample: &[Vec<String>], width: usize) -> Self {
        let of_column = |column: usize| {
            let cells = sample.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
            cells.fold(0, |kinds, cell| kinds | values::classify(cell.as_bytes()))
        };
        let kinds: Vec<Kinds> = (0..width).map(of_column).collect();
        let held = decided(&kinds);
        Self(Mutex::new((kinds, held)))
    }

    fn held(&self) -> Arc<[Held]> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    fn learn(&self, seen: &RunSeen) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.0.iter_mut().zip(&seen.columns).for_each(|(kinds, column)| *kinds |= column.kinds);
        known.1 = decided(&known.0);
    }
}

fn decided(kinds: &[Kinds]) -> Arc<[Held]> {
    kinds.iter().map(|kinds| values::decide(*kinds).0).collect()
}

/// Looks at every cell of the text and decides the types.
pub(super) fn walk(walk: Walk, layout: &Layout) -> Result<Profile, Failure> {
    let Walk { data, dialect, limits, .. } = walk;
    let width = layout.names.len();
    let wide = (width * RUN_COLUMN_BYTES).min(RUN_WIDE_MAX_BYTES);
    let target = (data.len() / RUNS_WANTED).clamp(RUN_MIN_BYTES, RUN_MAX_BYTES).max(wide);
    let start = layout.start.min(data.len());
    if let Err(wrong) = std::str::from_utf8(&data[..start]) {
        return Err(Failure::Encoding(wrong.valid_up_to()));
    }
    let ranges = split::runs(data, start, dialect, target, limits.threads_max)
        .map_err(|at| Failure::Table(layout.open_quote(data, at)))?;
    let expected = Expected::new(&layout.sample, width);
    let (kept_bytes, kept_max_bytes) = (AtomicUsize::new(0), limits.memory_max_bytes / 2);
    let read = |fields: &mut Index, run: usize| {
        let held = expected.held();
        let run: Run = walk.read(ranges[run].clone(), &held, fields)?;
        if run.columns.is_none() {
            expected.learn(&run.seen);
        }
        let bytes = run.bytes();
        if kept_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > kept_max_bytes {
            kept_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Ok((run.seen, None));
        }
        Ok((run.seen, run.columns.map(|columns| (held, columns))))
    };
    let results = map_pieces(ranges.len(), limits.threads_max, Index::default, read);
    let results = results.into_iter().collect::<Result<Vec<_>, Stop>>().map_err(|stop| explain(data, layout, stop))?;
    let (runs, kept): (Vec<RunSeen>, Vec<_>) = results.into_iter().unzip();
    let rows = runs.iter().map(|run| run.rows).sum();
    limits.check_rows(rows)?;
    let columns = (0..width)
        .map(|column| {
            let seen = profile::join(&runs, column);
            let (held, reason) = values::decide(seen.kinds);
            (seen, held, reason)
        })
        .collect();
    Ok(Profile { ranges, runs, kept, columns, rows })
}

/// Writes every run into `out`, which is whole then. Where all values were kept, their figures are drawn up meanwhile.
pub(super) fn write(
    walk: Walk,
    profile: &Profile,
    plans: &[ColumnPlan],
    out: &OneBatch,
) -> Result<Option<Vec<ColumnSummary>>, TableError> {
    let held: Vec<Held> = plans.iter().map(|plan| plan.held).collect();
    let places = build::places(&profile.runs, plans.len());
    let kept: Vec<Option<&[ArrayRef]>> =
        profile.kept.iter().map(|kept| kept.as_ref().filter(|kept| *kept.0 == *held).map(|kept| &*kept.1)).collect();
    if let Some(kept) = kept.iter().copied().collect::<Option<Vec<_>>>() {
        return write_kept(walk, &kept, &places, plans, out).map(Some);
    }
    let work = |fields: &mut Index, run: usize| {
        walk.cancel.check()?;
        let again;
        let columns = if let Some(columns) = kept[run] {
            columns
        } else {
            let read = walk.read(profile.ranges[run].clone(), &held, fields).map_err(|stop| match stop {
                Stop::Table(error) => error,
                _ => build::changed(),
            })?;
            let same = profile.runs[run].same_size(&read.seen);
            again = read.columns.filter(|_| same).ok_or_else(build::changed)?;
            again.as_slice()
        };
        let mut columns = columns.iter().zip(plans).enumerate();
        columns.try_for_each(|(at, (values, plan))| build::write(out, values, &places[run], (at, plan)))
    };
    let written: Result<(), TableError> =
        map_pieces(kept.len(), walk.limits.threads_max, Index::default, work).into_iter().collect();
    written?;
    out.finish()?;
    Ok(None)
}

fn write_kept(
    walk: Walk,
    kept: &[&[ArrayRef]],
    places: &[RunPlace],
    plans: &[ColumnPlan],
    out: &OneBatch,
) -> Result<Vec<ColumnSummary>, TableError> {
    let columns: Vec<Vec<ArrayRef>> =
        (0..plans.len()).map(|at| kept.iter().map(|run| run[at].clone()).collect()).collect();
    // One thread writes all: a file takes one write at a time.
    let write = || {
        for (at, (runs, plan)) in columns.iter().zip(plans).enumerate() {
            for (values, place) in runs.iter().zip(places) {
                walk.cancel.check()?;
                build::write(out, values, place, (at, plan))?;
            }
        }
        out.finish()
    };
    summary::beside(&columns, walk.limits.threads_max, walk.cancel, write)
}
