//! Delimited text: from UTF-8 bytes to columns, in two walks of bounded memory. The first looks at every cell, the
//! second takes the values; both go over runs of whole rows in parallel. Encodings are `encoding`'s business.

pub(crate) mod build;
mod dialect;
mod header;
mod layout;
mod profile;
mod split;
mod warn;

use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit};

use crate::one_batch::{ColumnSize, OneBatch};
use crate::out_file::OutFile;
use crate::values::{self, Held, TextReason};
use crate::{Cancel, HeaderMode, Limits, ParseOptions, TableError};
use build::{ColumnPlan, Parts, Values};
pub(crate) use header::is_header;
pub(crate) use layout::Layout;
use profile::{RunSeen, Seen, Stop};

/// Bytes of a run, and how they grow with the file and the number of columns.
const RUN_MIN_BYTES: usize = 1 << 20;
const RUN_MAX_BYTES: usize = 16 << 20;
const RUN_WIDE_MAX_BYTES: usize = 64 << 20;
const RUNS_WANTED: usize = 64;
const RUN_COLUMN_BYTES: usize = 8 << 10;

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

/// What the first walk found.
struct Profile {
    ranges: Vec<std::ops::Range<usize>>,
    runs: Vec<RunSeen>,
    columns: Vec<(Seen, Held, Option<TextReason>)>,
    rows: u64,
}

/// Reads all of `data` into the columnar file that will stand at `out_path`; gives it and what a person should know.
pub(crate) fn convert(
    data: &[u8],
    layout: &Layout,
    out_path: &Path,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<(OutFile, Vec<String>), Failure> {
    let profile = walk(data, layout, limits, cancel)?;
    let plans: Vec<ColumnPlan> = profile.columns.iter().map(|(seen, held, _)| plan(seen, *held)).collect();
    let schema = schema(layout, &plans);
    let sizes: Vec<ColumnSize> =
        profile.columns.iter().zip(&plans).map(|((seen, _, _), plan)| size(seen, plan, profile.rows)).collect();
    let out = OneBatch::create(out_path, schema, profile.rows, &sizes)?;
    let (ranges, runs) = (&profile.ranges, &profile.runs);
    build::write_runs(data, ranges, runs, &plans, layout.dialect, &out, limits.threads_max, cancel)?;
    let out = out.finish()?;
    Ok((out, warn::warnings(data, layout, &profile.columns, &profile.runs)))
}

/// The first `rows` rows of `data`, which may be only a beginning: a last row that is cut off is left out.
pub(crate) fn preview(
    data: &[u8],
    layout: &Layout,
    rows: usize,
    limits: &Limits,
) -> Result<(arrow_array::RecordBatch, Vec<String>), Failure> {
    let profile = walk(data, layout, limits, &Cancel::default())?;
    let plans: Vec<ColumnPlan> = profile.columns.iter().map(|(seen, held, _)| plan(seen, *held)).collect();
    let mut parts = Parts::new(&plans);
    let start = layout.start.min(data.len());
    let rows = parts.read(data, start..data.len(), 0, |_| 0, layout.dialect, rows as u64)?;
    let arrays = parts.columns.into_iter().map(|part| array(part, usize::try_from(rows).unwrap_or(0)));
    let arrays: Vec<_> = arrays.collect::<Result<_, _>>()?;
    let options = arrow_array::RecordBatchOptions::new().with_row_count(usize::try_from(rows).ok());
    let batch = arrow_array::RecordBatch::try_new_with_options(Arc::new(schema(layout, &plans)), arrays, &options)
        .map_err(|error| TableError::Io(std::io::Error::other(error.to_string())))?;
    Ok((batch, warn::warnings(data, layout, &profile.columns, &profile.runs)))
}

fn walk(data: &[u8], layout: &Layout, limits: &Limits, cancel: &Cancel) -> Result<Profile, Failure> {
    let width = layout.names.len();
    let wide = (width * RUN_COLUMN_BYTES).min(RUN_WIDE_MAX_BYTES);
    let target = (data.len() / RUNS_WANTED).clamp(RUN_MIN_BYTES, RUN_MAX_BYTES).max(wide);
    let start = layout.start.min(data.len());
    if let Err(wrong) = std::str::from_utf8(&data[..start]) {
        return Err(Failure::Encoding(wrong.valid_up_to()));
    }
    let dialect = layout.dialect;
    let ranges = split::runs(data, start, dialect, target).map_err(|at| Failure::Table(layout.open_quote(data, at)))?;
    let results = crate::parallel::map_pieces(
        ranges.len(),
        limits.threads_max,
        || (),
        |(), run| profile::profile(data, ranges[run].clone(), width, dialect, limits, cancel),
    );
    let runs: Vec<RunSeen> =
        results.into_iter().collect::<Result<_, Stop>>().map_err(|stop| explain(data, layout, stop))?;
    let rows = runs.iter().map(|run| run.rows).sum();
    limits.check_rows(rows)?;
    let columns = (0..width)
        .map(|column| {
            let seen = profile::join(&runs, column);
            let (held, reason) = values::decide(seen.kinds);
            (seen, held, reason)
        })
        .collect();
    Ok(Profile { ranges, runs, columns, rows })
}

fn explain(data: &[u8], layout: &Layout, stop: Stop) -> Failure {
    match stop {
        Stop::Table(error) => Failure::Table(error),
        Stop::Encoding(at) => Failure::Encoding(at),
        Stop::Open(at) => Failure::Table(layout.open_quote(data, at)),
        Stop::Ragged(ragged) => Failure::Table(layout.ragged(data, ragged.at, ragged.found)),
    }
}

fn plan(seen: &Seen, held: Held) -> ColumnPlan {
    ColumnPlan { held, nullable: nulls(seen, held) > 0, large: seen.bytes > i32::MAX as u64 }
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
        Held::Moment { utc, nanos, .. } => {
            let unit = if nanos { TimeUnit::Nanosecond } else { TimeUnit::Microsecond };
            DataType::Timestamp(unit, utc.then(|| "UTC".into()))
        }
    }
}

fn schema(layout: &Layout, plans: &[ColumnPlan]) -> Schema {
    let fields = layout.names.iter().zip(plans);
    Schema::new(
        fields.map(|(name, plan)| Field::new(&name.name, arrow_type(plan.held, plan.large), true)).collect::<Vec<_>>(),
    )
}

/// The values of a part that began at row 0, as an array.
fn array(part: build::Part, rows: usize) -> Result<arrow_array::ArrayRef, TableError> {
    use arrow_buffer::Buffer;
    let (held, large) = part.held();
    let valid = (!part.valid.bytes.is_empty()).then(|| Buffer::from_vec(part.valid.bytes));
    let builder = arrow_data::ArrayData::builder(arrow_type(held, large)).len(rows).null_bit_buffer(valid);
    let with_zero = |ends: Vec<i32>| Buffer::from_vec([vec![0], ends].concat());
    let builder = match part.values {
        Values::I64(values) => builder.add_buffer(Buffer::from_vec(values)),
        Values::I32(values) => builder.add_buffer(Buffer::from_vec(values)),
        Values::F64(values) => builder.add_buffer(Buffer::from_vec(values)),
        Values::Bits(bits) => builder.add_buffer(Buffer::from_vec(bits.bytes)),
        Values::Text { ends, bytes } => builder.add_buffer(with_zero(ends)).add_buffer(Buffer::from_vec(bytes)),
        Values::LargeText { ends, bytes } => {
            builder.add_buffer(Buffer::from_vec([vec![0], ends].concat())).add_buffer(Buffer::from_vec(bytes))
        }
    };
    let data = builder.build().map_err(|error| TableError::Io(std::io::Error::other(error.to_string())))?;
    Ok(arrow_array::make_array(data))
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
