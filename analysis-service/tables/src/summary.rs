//! Figures of columns, from the columnar file, in memory bounded for each column: how many values are missing, how
//! many differ, the least and the greatest, mean and spread, a histogram, the most frequent values.

mod bins;
mod blocks;
mod distinct;
mod frequent;
mod numbers;
mod texts;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};

use crate::{Cancel, ColumnSummary, ColumnarFile, TableError, ValueCount, parallel, render};
use distinct::Distinct;
use numbers::Axis;

/// Rows between two looks at the cancel flag.
const CANCEL_ROWS: usize = 1 << 20;

/// The figures of every column, in order.
pub(crate) fn summarise(
    file: &ColumnarFile,
    threads: usize,
    cancel: &Cancel,
) -> Result<Vec<ColumnSummary>, TableError> {
    let batches = file.record_batches()?;
    let of_column = |column: usize| batches.iter().map(|batch| batch.column(column).clone()).collect();
    let columns = (0..file.column_count()).map(of_column).collect::<Vec<Vec<ArrayRef>>>();
    beside(columns, threads, cancel, || Ok(()))
}

/// One of the things that are done side by side.
enum Task<F> {
    Other(F),
    Column(usize, Vec<ArrayRef>),
}

/// The figures of columns, each given in chunks of one type, while the first thread that is free does `other` work too. A
/// column is let go when its figures are drawn up.
pub(crate) fn beside<F: FnOnce() -> Result<(), TableError> + Send>(
    columns: Vec<Vec<ArrayRef>>,
    threads: usize,
    cancel: &Cancel,
    other: F,
) -> Result<Vec<ColumnSummary>, TableError> {
    let mut tasks: Vec<_> = columns.into_iter().enumerate().map(|(at, chunks)| Task::Column(at, chunks)).collect();
    tasks.push(Task::Other(other));
    // What costs most goes first: the threads end together.
    tasks.sort_by_key(|task| std::cmp::Reverse(cost(task)));
    let work = |(): &mut (), task: Task<F>| {
        cancel.check()?;
        let (column, chunks) = match task {
            Task::Other(other) => return other().map(|()| None),
            Task::Column(column, chunks) => (column, chunks),
        };
        let summary = of_column(data_type(&chunks), &chunks, cancel)?;
        Ok(Some((column, summary)))
    };
    let results = parallel::map(tasks, threads, || (), work);
    let results = results.into_iter().collect::<Result<Vec<_>, TableError>>()?;
    let mut summaries: Vec<_> = results.into_iter().flatten().collect();
    summaries.sort_by_key(|(column, _)| *column);
    Ok(summaries.into_iter().map(|(_, summary)| summary).collect())
}

/// The order of what tasks cost.
fn cost<F>(task: &Task<F>) -> u8 {
    let Task::Column(_, chunks) = task else { return u8::MAX };
    match data_type(chunks) {
        DataType::Utf8 | DataType::LargeUtf8 => 3,
        DataType::Float32 | DataType::Float64 => 2,
        DataType::Boolean | DataType::Date32 => 0,
        _ => 1,
    }
}

fn data_type(chunks: &[ArrayRef]) -> &DataType {
    chunks.first().map_or(&DataType::Null, |chunk| chunk.data_type())
}

fn of_column(data_type: &DataType, chunks: &[ArrayRef], cancel: &Cancel) -> Result<ColumnSummary, TableError> {
    macro_rules! axis {
        ($type:ty, $axis:expr) => {
            numbers::of_column::<$type>(chunks, $axis, cancel)
        };
    }
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    match data_type {
        DataType::Int8 => axis!(Int8Type, Axis::Number),
        DataType::Int16 => axis!(Int16Type, Axis::Number),
        DataType::Int32 => axis!(Int32Type, Axis::Number),
        DataType::Int64 => axis!(Int64Type, Axis::Number),
        DataType::UInt8 => axis!(UInt8Type, Axis::Number),
        DataType::UInt16 => axis!(UInt16Type, Axis::Number),
        DataType::UInt32 => axis!(UInt32Type, Axis::Number),
        DataType::UInt64 => axis!(UInt64Type, Axis::Number),
        DataType::Float32 => axis!(Float32Type, Axis::Number),
        DataType::Float64 => axis!(Float64Type, Axis::Number),
        DataType::Decimal128(_, scale) => axis!(Decimal128Type, Axis::Decimal(*scale)),
        DataType::Date32 => axis!(Date32Type, Axis::Time),
        DataType::Date64 => axis!(Date64Type, Axis::Time),
        DataType::Time32(Second) => axis!(Time32SecondType, Axis::Time),
        DataType::Time32(_) => axis!(Time32MillisecondType, Axis::Time),
        DataType::Time64(Nanosecond) => axis!(Time64NanosecondType, Axis::Time),
        DataType::Time64(_) => axis!(Time64MicrosecondType, Axis::Time),
        DataType::Timestamp(Second, _) => axis!(TimestampSecondType, Axis::Time),
        DataType::Timestamp(Millisecond, _) => axis!(TimestampMillisecondType, Axis::Time),
        DataType::Timestamp(Microsecond, _) => axis!(TimestampMicrosecondType, Axis::Time),
        DataType::Timestamp(Nanosecond, _) => axis!(TimestampNanosecondType, Axis::Time),
        DataType::Duration(Second) => axis!(DurationSecondType, Axis::Time),
        DataType::Duration(Millisecond) => axis!(DurationMillisecondType, Axis::Time),
        DataType::Duration(Microsecond) => axis!(DurationMicrosecondType, Axis::Time),
        DataType::Duration(Nanosecond) => axis!(DurationNanosecondType, Axis::Time),
        DataType::Boolean => Ok(booleans(chunks)),
        DataType::Utf8 => texts::of_column::<i32>(chunks, cancel),
        DataType::LargeUtf8 => texts::of_column::<i64>(chunks, cancel),
        _ => rendered(chunks, cancel),
    }
}

fn booleans(chunks: &[ArrayRef]) -> ColumnSummary {
    let mut counts = [0u64; 2];
    let mut missing = 0;
    for chunk in chunks {
        let array = chunk.as_boolean();
        let yes = array.true_count() as u64;
        let nulls = array.null_count() as u64;
        missing += nulls;
        counts[1] += yes;
        counts[0] += array.len() as u64 - nulls - yes;
    }
    let mut top: Vec<ValueCount> = [("false", counts[0]), ("true", counts[1])]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(value, count)| ValueCount { value: value.to_owned(), count })
        .collect();
    top.sort_by_key(|value| std::cmp::Reverse(value.count));
    let distinct_count = top.len() as u64;
    ColumnSummary { missing_count: missing, distinct_count, top_values: top, ..ColumnSummary::default() }
}

/// Types without an order or rarely met: only what is missing and what differs, by how they look.
fn rendered(chunks: &[ArrayRef], cancel: &Cancel) -> Result<ColumnSummary, TableError> {
    let mut distinct = Distinct::default();
    let mut missing = 0;
    for chunk in chunks {
        let text = render::renderer(chunk);
        for row in 0..chunk.len() {
            if row % CANCEL_ROWS == 0 {
                cancel.check()?;
            }
            if render::is_missing(chunk, row) {
                missing += 1;
            } else {
                distinct.add(std::iter::once(distinct::hash_bytes(text(row).as_bytes())));
            }
        }
    }
    let (distinct_count, distinct_estimated) = distinct.count();
    Ok(ColumnSummary { missing_count: missing, distinct_count, distinct_estimated, ..ColumnSummary::default() })
}

/// A value's row as text.
fn shown(chunks: &[ArrayRef], place: (usize, usize)) -> String {
    render::renderer(&chunks[place.0])(place.1)
}
