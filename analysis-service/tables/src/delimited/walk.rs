//! The walk over all runs of a text, and the way of what it read into the columnar file.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow_array::ArrayRef;
use memchr::memchr;

use super::build::{self, ColumnPlan};
use super::expected::Expected;
use super::index::Index;
use super::profile::{self, RunSeen, Seen, Stop, Tails};
use super::run::{Run, Walk};
use super::{Failure, Layout, explain, split};
use crate::one_batch::OneBatch;
use crate::parallel;
use crate::values::{self, Held, TextReason};
use crate::{Cancel, ColumnSummary, TableError, summary};

/// Bytes of a run, and how they grow with the file and the number of columns.
const RUN_MIN_BYTES: usize = 1 << 20;
const RUN_MAX_BYTES: usize = 16 << 20;
const RUN_WIDE_MAX_BYTES: usize = 64 << 20;
const RUNS_WANTED: usize = 32;
const RUN_COLUMN_BYTES: usize = 8 << 10;
/// Bytes in which a quote is looked for before a text is taken for one without.
const PROBE_BYTES: usize = 1 << 20;

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
    /// No byte of the text is beyond ASCII.
    pub(super) ascii: bool,
}

impl Profile {
    /// Rows with empty fields past the last column.
    pub(super) fn long_rows(&self) -> u64 {
        self.runs.iter().map(|run| run.long_rows).sum()
    }

    /// The values of each run that were kept and have the types of these plans.
    pub(super) fn take_kept(&mut self, plans: &[ColumnPlan]) -> Vec<Option<Vec<ArrayRef>>> {
        let held = held(plans);
        let fit = |(types, columns): Kept| (*types == *held).then_some(columns);
        std::mem::take(&mut self.kept).into_iter().map(|kept| kept.and_then(fit)).collect()
    }

    /// Fields with text after their closing quote.
    pub(super) fn tails(&self) -> Tails {
        self.runs.iter().fold(Tails::default(), |tails, run| tails.join(run.tails))
    }
}

/// Looks at every cell of the text and decides the types.
pub(super) fn walk(walk: Walk, layout: &Layout) -> Result<Profile, Failure> {
    let Walk { data, dialect, .. } = walk;
    let start = layout.start.min(data.len());
    if let Err(wrong) = std::str::from_utf8(&data[..start]) {
        return Err(Failure::Encoding(wrong.valid_up_to()));
    }
    // A text without quotes needs no search for them before it can be cut. Most of the others have one early.
    let beginning = &data[start..][..PROBE_BYTES.min(data.len() - start)];
    if memchr(dialect.quote, beginning).is_none() {
        match read_runs(Walk { quotes: false, ..walk }, layout, start) {
            Err(Stop::Quote) => {}
            read => return read.map_err(|stop| explain(data, layout, stop)),
        }
    }
    read_runs(walk, layout, start).map_err(|stop| explain(data, layout, stop))
}

fn read_runs(walk: Walk, layout: &Layout, start: usize) -> Result<Profile, Stop> {
    let Walk { data, dialect, limits, .. } = walk;
    let width = layout.names.len();
    let wide = (width * RUN_COLUMN_BYTES).min(RUN_WIDE_MAX_BYTES);
    let target = (data.len() / RUNS_WANTED).clamp(RUN_MIN_BYTES, RUN_MAX_BYTES).max(wide);
    let ranges = split::runs(data, start, dialect, target, walk.quotes).map_err(Stop::Open)?;
    let expected = Expected::new(&layout.sample, width);
    let (kept_bytes, kept_max_bytes) = (AtomicUsize::new(0), limits.memory_max_bytes / 2);
    let quote_found = AtomicBool::new(false);
    let read = |fields: &mut Index, run: usize| {
        if quote_found.load(Ordering::Relaxed) {
            return Err(Stop::Quote);
        }
        let held = expected.held();
        let run: Run = walk.read(ranges[run].clone(), &held, fields).inspect_err(|stop| {
            quote_found.fetch_or(matches!(stop, Stop::Quote), Ordering::Relaxed);
        })?;
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
    let results = parallel::map(0..ranges.len(), limits.threads_max, Index::default, read);
    let (runs, kept): (Vec<RunSeen>, Vec<_>) =
        results.into_iter().collect::<Result<Vec<_>, Stop>>()?.into_iter().unzip();
    let rows = runs.iter().map(|run| run.rows).sum();
    limits.check_rows(rows).map_err(Stop::Table)?;
    let columns = (0..width)
        .map(|column| {
            let seen = profile::join(&runs, column);
            let (held, reason) = values::decide(seen.kinds);
            (seen, held, reason)
        })
        .collect();
    let ascii = data[..start].is_ascii() && runs.iter().all(|run| run.ascii);
    Ok(Profile { ranges, runs, kept, columns, rows, ascii })
}

fn held(plans: &[ColumnPlan]) -> Vec<Held> {
    plans.iter().map(|plan| plan.held).collect()
}

/// Writes every run into `out`, which is whole then; those that were not kept are read again.
pub(super) fn write(
    walk: Walk,
    profile: &Profile,
    kept: Vec<Option<Vec<ArrayRef>>>,
    plans: &[ColumnPlan],
    out: &OneBatch,
) -> Result<(), TableError> {
    let held = held(plans);
    let places = build::places(&profile.runs, plans.len());
    let work = |fields: &mut Index, (run, kept): (usize, Option<Vec<ArrayRef>>)| {
        walk.cancel.check()?;
        let columns = match kept {
            Some(columns) => columns,
            None => read_again(walk, profile, run, &held, fields)?,
        };
        let mut columns = columns.iter().zip(plans).enumerate();
        columns.try_for_each(|(at, (values, plan))| build::write(out, values, &places[run], (at, plan)))
    };
    let kept: Vec<_> = kept.into_iter().enumerate().collect();
    let written: Result<(), TableError> =
        parallel::map(kept, walk.limits.threads_max, Index::default, work).into_iter().collect();
    written?;
    out.finish()
}

fn read_again(
    walk: Walk,
    profile: &Profile,
    run: usize,
    held: &[Held],
    fields: &mut Index,
) -> Result<Vec<ArrayRef>, TableError> {
    let read = walk.read(profile.ranges[run].clone(), held, fields).map_err(|stop| match stop {
        Stop::Table(error) => error,
        _ => build::changed(),
    })?;
    let same = profile.runs[run].same_size(&read.seen);
    read.columns.filter(|_| same).ok_or_else(build::changed)
}

/// Writes the kept values of every run into `out`, which is whole then. Meanwhile the figures are drawn up, and the `text`
/// is let go; the memory of values is given back as soon as both are done with them.
pub(super) fn write_kept(
    kept: impl Iterator<Item = Vec<ArrayRef>>,
    profile: &Profile,
    plans: &[ColumnPlan],
    out: &OneBatch,
    text: impl Send,
    threads: usize,
    cancel: &Cancel,
) -> Result<Vec<ColumnSummary>, TableError> {
    let places = build::places(&profile.runs, plans.len());
    let mut columns = vec![Vec::with_capacity(places.len()); plans.len()];
    kept.for_each(|run| columns.iter_mut().zip(run).for_each(|(column, values)| column.push(values)));
    let to_write = columns.clone();
    // One thread writes all: a file takes one write at a time.
    let write = || {
        drop(text);
        for (at, (runs, plan)) in to_write.into_iter().zip(plans).enumerate() {
            for (values, place) in runs.iter().zip(&places) {
                cancel.check()?;
                build::write(out, values, place, (at, plan))?;
            }
        }
        out.finish()
    };
    summary::beside(columns, threads, cancel, write)
}
