//! Delimited text: from UTF-8 bytes to columns, in bounded memory. A walk over runs of whole rows, in parallel, looks at
//! every cell, and takes its value in the type that the first rows lead to expect. Once the types are decided, the
//! values go to the file; runs whose values were taken in another type, or for which there was no room, are walked again.
//! Encodings are `encoding`'s business.

mod blanks;
mod build;
mod dialect;
mod expected;
mod header;
mod index;
mod layout;
mod part;
mod profile;
mod run;
mod split;
mod titles;
mod walk;
mod warn;

use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use crate::one_batch::{ColumnSize, OneBatch};
use crate::out_file::OutFile;
use crate::values::Held;
use crate::warning::Warning;
use crate::{Cancel, ColumnSummary, HeaderMode, Limits, ParseOptions, TableError};
use build::ColumnPlan;
pub(crate) use header::is_header;
pub(crate) use layout::Layout;
use profile::{Seen, Stop};
use run::Walk;
use walk::Profile;

/// Why a text was not read.
pub(crate) enum Failure {
    /// It is not UTF-8 at this byte.
    Encoding(usize),
    Table(TableError),
}

impl<E: Into<TableError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Table(error.into())
    }
}

/// A text of which every cell was looked at.
pub(crate) struct Read {
    profile: Profile,
    plans: Vec<ColumnPlan>,
}

/// Reads all of `data`.
pub(crate) fn read(data: &[u8], layout: &Layout, limits: &Limits, cancel: &Cancel) -> Result<Read, Failure> {
    let walk = Walk { data, dialect: layout.dialect, limits, cancel, quotes: true };
    let profile = walk::walk(walk, layout)?;
    let plans = profile.columns.iter().map(|(seen, held, _)| plan(seen, *held)).collect();
    Ok(Read { profile, plans })
}

impl Read {
    /// What a person should know.
    pub(crate) fn warnings(&self, data: &[u8], layout: &Layout) -> Vec<Warning> {
        warn::warnings(data, layout, &self.profile)
    }

    /// Whether no byte of the text is beyond ASCII.
    pub(crate) fn is_ascii(&self) -> bool {
        self.profile.ascii
    }

    /// Writes the columnar file that will stand at `out_path`; with the figures of its columns, if they could be drawn up
    /// from values at hand. The text is let go as soon as it is not needed.
    pub(crate) fn write(
        self,
        text: impl AsRef<[u8]> + Send,
        layout: &Layout,
        out_path: &Path,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<(OutFile, Option<Vec<ColumnSummary>>), TableError> {
        let Self { mut profile, plans } = self;
        let sizes: Vec<ColumnSize> =
            profile.columns.iter().zip(&plans).map(|((seen, ..), plan)| size(seen, plan, profile.rows)).collect();
        let out = OneBatch::create(out_path, schema(layout, &plans), profile.rows, &sizes)?;
        let kept = profile.take_kept(&plans);
        let summaries = if kept.iter().all(Option::is_some) {
            let kept = kept.into_iter().flatten();
            Some(walk::write_kept(kept, &profile, &plans, &out, text, limits.threads_max, cancel)?)
        } else {
            let walk = Walk { data: text.as_ref(), dialect: layout.dialect, limits, cancel, quotes: true };
            walk::write(walk, &profile, kept, &plans, &out)?;
            None
        };
        Ok((out.into_file(), summaries))
    }
}

/// The first `rows` rows of `data`, which may be only a beginning: a last row that is cut off is left out.
pub(crate) fn preview(
    data: &[u8],
    layout: &Layout,
    rows: usize,
    limits: &Limits,
) -> Result<(RecordBatch, Vec<Warning>), Failure> {
    let cancel = Cancel::default();
    let walk = Walk { data, dialect: layout.dialect, limits, cancel: &cancel, quotes: true };
    let profile = walk::walk(walk, layout)?;
    let plans: Vec<ColumnPlan> = profile.columns.iter().map(|(seen, held, _)| plan(seen, *held)).collect();
    let warnings = warn::warnings(data, layout, &profile);
    let held: Vec<Held> = plans.iter().map(|plan| plan.held).collect();
    let whole = layout.start.min(data.len())..data.len();
    let run = walk.read(whole, &held, &mut index::Index::default()).map_err(|stop| explain(data, layout, stop))?;
    let columns = run.columns.ok_or_else(build::changed)?;
    let options = RecordBatchOptions::new().with_row_count(usize::try_from(run.seen.rows).ok());
    let batch = RecordBatch::try_new_with_options(Arc::new(self::schema(layout, &plans)), columns, &options)
        .map_err(|error| TableError::Io(std::io::Error::other(error.to_string())))?;
    Ok((batch.slice(0, rows.min(batch.num_rows())), warnings))
}

fn explain(data: &[u8], layout: &Layout, stop: Stop) -> Failure {
    match stop {
        Stop::Table(error) => Failure::Table(error),
        Stop::Encoding(at) => Failure::Encoding(at),
        Stop::Open(at) => Failure::Table(layout.open_quote(data, at)),
        Stop::Stray(at) => Failure::Table(layout.stray_quote(data, at)),
        // A text that may have quotes is not stopped by one.
        Stop::Quote => Failure::Table(build::changed()),
        Stop::Ragged(ragged) => Failure::Table(layout.ragged(data, ragged.at, ragged.found)),
    }
}

/// From so much text on, its places are counted in 64 bits. pandas takes no others: kernels map them where they lie in the
/// file, and of shorter ones each kernel makes a copy of its own.
const LARGE_TEXT_BYTES: u64 = 1 << 20;

fn plan(seen: &Seen, held: Held) -> ColumnPlan {
    ColumnPlan { held, large: seen.bytes >= LARGE_TEXT_BYTES }
}

fn nulls(seen: &Seen, held: Held) -> u64 {
    if held == Held::Text { seen.empty } else { seen.empty + seen.markers }
}

fn size(seen: &Seen, plan: &ColumnPlan, rows: u64) -> ColumnSize {
    let (offsets_bytes, values_bytes) = match plan.held {
        Held::Int | Held::Float | Held::Moment { .. } | Held::Time => (0, rows * 8),
        Held::Date(_) => (0, rows * 4),
        Held::Bool => (0, rows.div_ceil(8)),
        Held::Text => ((rows + 1) * if plan.large { 8 } else { 4 }, seen.bytes),
    };
    ColumnSize { nulls: nulls(seen, plan.held), offsets_bytes, values_bytes }
}

/// The Arrow type of values that are held so.
pub(crate) fn arrow_type(held: Held, large: bool) -> DataType {
    match held {
        Held::Int => DataType::Int64,
        Held::Float => DataType::Float64,
        Held::Bool => DataType::Boolean,
        Held::Text if large => DataType::LargeUtf8,
        Held::Text => DataType::Utf8,
        Held::Date(_) => DataType::Date32,
        Held::Time => DataType::Time64(TimeUnit::Microsecond),
        Held::Moment { nanos, .. } => {
            let unit = if nanos { TimeUnit::Nanosecond } else { TimeUnit::Microsecond };
            DataType::Timestamp(unit, held.zone().map(Into::into))
        }
    }
}

fn schema(layout: &Layout, plans: &[ColumnPlan]) -> Schema {
    let fields = layout.names.iter().zip(plans);
    Schema::new(
        fields.map(|(name, plan)| Field::new(&name.name, arrow_type(plan.held, plan.large), true)).collect::<Vec<_>>(),
    )
}

/// The options in force, to be told back.
pub(crate) fn options(layout: &Layout, encoding: &str) -> ParseOptions {
    ParseOptions {
        format: Some(crate::FileFormat::Delimited),
        encoding: Some(encoding.to_owned()),
        delimiter: Some(layout.dialect.delimiter.into()),
        quote: Some(layout.dialect.quote.into()),
        header: Some(if layout.header { HeaderMode::Present } else { HeaderMode::Absent }),
        sheet: None,
    }
}

/// The frame and the whole rows of a beginning of a text. A last row that no line break ends is left out when `more`
/// of the file is known to follow, and when it has fewer fields than the others: it may still be arriving.
pub(crate) fn complete_rows<'a>(
    text: &'a [u8],
    trimmed: &'a [u8],
    more: bool,
    find: impl Fn(&'a [u8]) -> Result<Layout, TableError>,
) -> Result<(Layout, &'a [u8]), TableError> {
    let layout = find(trimmed);
    let ended = text.len() > trimmed.len();
    let Ok(layout) = layout else {
        // An open quote in the first rows of a text that is cut off is no fault of the text.
        let cut = memchr::memrchr(b'\n', trimmed).filter(|_| !ended || more);
        return match cut {
            Some(cut) => find(crate::text::trim_end(&trimmed[..cut])).map(|layout| (layout, &trimmed[..cut])),
            None => layout.map(|layout| (layout, trimmed)),
        };
    };
    if ended && !more {
        return Ok((layout, trimmed));
    }
    let start = layout.start.min(trimmed.len());
    let last = split::last_row(trimmed, start, layout.dialect);
    let keep = match last {
        Some((_, fields, open)) if !more && !open && fields >= layout.names.len() => trimmed,
        Some((at, ..)) => &trimmed[..at],
        None => trimmed,
    };
    Ok((layout, keep))
}
