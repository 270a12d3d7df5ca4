//! Figures of columns that lie on an axis: numbers, days, moments, times, spans.

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, ArrayRef, PrimitiveArray, make_array};
use arrow_buffer::{ArrowNativeType, Buffer, ToByteSlice};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::distinct::{Dense, Distinct, hash_bytes, hash_u64};
use super::shown;
use crate::{Cancel, ColumnSummary, HistogramBin, TableError, render};

/// Bins of a histogram.
const BINS_MAX: usize = 20;
/// Values summed up before they join the total, so that a long sum stays accurate.
const BLOCK_ROWS: usize = 1 << 12;

/// How values become numbers, and whether they have a mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Number,
    Decimal(i8),
    Time,
}

/// A native value as a number for figures.
pub(crate) trait Figure: ArrowNativeType {
    fn figure(self) -> f64;
    fn hash(self) -> u64;
}

macro_rules! figure {
    ($($type:ty),*) => {$(
        impl Figure for $type {
            #[inline]
            fn figure(self) -> f64 {
                #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "figures are approximate")]
                let figure = self as f64;
                figure
            }

            #[inline]
            fn hash(self) -> u64 {
                #[allow(
                    clippy::cast_lossless, clippy::cast_sign_loss, clippy::cast_possible_truncation, clippy::unnecessary_cast,
                    reason = "only bits"
                )]
                let hash = hash_u64(self as u64);
                hash
            }
        }
    )*};
}

figure!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Figure for f64 {
    #[inline]
    fn figure(self) -> f64 {
        self
    }

    #[inline]
    fn hash(self) -> u64 {
        // Zero has one hash, whatever its sign.
        hash_u64((self + 0.0).to_bits())
    }
}

impl Figure for f32 {
    fn figure(self) -> f64 {
        f64::from(self)
    }

    fn hash(self) -> u64 {
        f64::from(self).hash()
    }
}

impl Figure for i128 {
    #[expect(clippy::cast_precision_loss, reason = "figures are approximate")]
    fn figure(self) -> f64 {
        self as f64
    }

    fn hash(self) -> u64 {
        hash_bytes(self.to_byte_slice())
    }
}

/// A sum by blocks.
#[derive(Default)]
struct Sum {
    total: f64,
    block: f64,
    rows: usize,
}

impl Sum {
    #[inline]
    fn add(&mut self, value: f64) {
        self.block += value;
        self.rows += 1;
        if self.rows == BLOCK_ROWS {
            self.total += self.block;
            self.block = 0.0;
            self.rows = 0;
        }
    }

    fn get(&self) -> f64 {
        self.total + self.block
    }
}

/// Calls `f` with each value that is there and its row.
#[inline]
fn each<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, mut f: impl FnMut(usize, T::Native)) {
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => array.values().iter().enumerate().for_each(|(row, value)| f(row, *value)),
        Some(nulls) => nulls.valid_indices().for_each(|row| f(row, array.values()[row])),
    }
}

/// A value and its chunk and row.
type End<N> = ((usize, usize), N);

/// The figures of a column on an axis.
pub(crate) fn of_column<T: ArrowPrimitiveType>(
    chunks: &[ArrayRef],
    axis: Axis,
    cancel: &Cancel,
) -> Result<ColumnSummary, TableError>
where
    T::Native: Figure + PartialOrd,
{
    let arrays: Vec<&PrimitiveArray<T>> = chunks.iter().map(|chunk| chunk.as_primitive::<T>()).collect();
    let rows: usize = arrays.iter().map(|array| array.len()).sum();
    let mut ends: Option<[End<T::Native>; 2]> = None;
    let (mut sum, mut present, mut finite) = (Sum::default(), 0u64, 0u64);
    for (at, array) in arrays.iter().enumerate() {
        cancel.check()?;
        each(array, |row, value| {
            let figure = value.figure();
            if figure.is_nan() {
                return;
            }
            present += 1;
            if figure.is_finite() {
                sum.add(figure);
                finite += 1;
            }
            match &mut ends {
                None => ends = Some([((at, row), value); 2]),
                Some([min, max]) => {
                    if value < min.1 {
                        *min = ((at, row), value);
                    } else if value > max.1 {
                        *max = ((at, row), value);
                    }
                }
            }
        });
    }
    cancel.check()?;
    let (distinct_count, distinct_estimated) = count_distinct(&arrays, ends.map(|[min, max]| [min.1, max.1]));
    cancel.check()?;
    let mut summary = ColumnSummary {
        missing_count: rows as u64 - present,
        distinct_count: distinct_count.min(present),
        distinct_estimated,
        ..ColumnSummary::default()
    };
    let Some([min, max]) = ends else { return Ok(summary) };
    summary.min = Some(shown(chunks, min.0));
    summary.max = Some(shown(chunks, max.0));
    if axis != Axis::Time {
        spread(&arrays, axis, &sum, finite, &mut summary);
    }
    let text_ends = [summary.min.clone().unwrap_or_default(), summary.max.clone().unwrap_or_default()];
    summary.histogram = match axis {
        Axis::Time => time_bins(&arrays, [min.1, max.1], text_ends),
        _ => number_bins(&arrays, axis, [min.1.figure(), max.1.figure()], text_ends),
    };
    Ok(summary)
}

/// How many values differ, and whether that is an estimate.
fn count_distinct<T: ArrowPrimitiveType>(arrays: &[&PrimitiveArray<T>], ends: Option<[T::Native; 2]>) -> (u64, bool)
where
    T::Native: Figure,
{
    let whole = T::DATA_TYPE.is_integer() || T::DATA_TYPE.is_temporal();
    let dense = ends.filter(|_| whole).and_then(|[min, max]| Dense::new(min.to_i64()?, max.to_i64()?));
    if let Some(mut dense) = dense {
        for array in arrays {
            each(array, |_, value| dense.add(value.to_i64().unwrap_or_default()));
        }
        return (dense.count(), false);
    }
    let mut distinct = Distinct::default();
    for array in arrays {
        each(array, |_, value| {
            if !value.figure().is_nan() {
                distinct.add(value.hash());
            }
        });
    }
    distinct.count()
}

fn scale(axis: Axis) -> f64 {
    match axis {
        Axis::Decimal(scale) => 10f64.powi(i32::from(scale)),
        Axis::Number | Axis::Time => 1.0,
    }
}

/// Mean and standard deviation of the finite values.
fn spread<T: ArrowPrimitiveType>(
    arrays: &[&PrimitiveArray<T>],
    axis: Axis,
    sum: &Sum,
    finite: u64,
    summary: &mut ColumnSummary,
) where
    T::Native: Figure,
{
    if finite == 0 {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "figures are approximate")]
    let count = finite as f64;
    let mean = sum.get() / count;
    summary.mean = Some(mean / scale(axis)).filter(|mean| mean.is_finite());
    if finite > 1 {
        let mut squares = Sum::default();
        for array in arrays {
            each(array, |_, value| {
                let figure = value.figure();
                if figure.is_finite() {
                    squares.add((figure - mean) * (figure - mean));
                }
            });
        }
        let deviation = (squares.get() / (count - 1.0)).sqrt() / scale(axis);
        summary.standard_deviation = Some(deviation).filter(|deviation| deviation.is_finite());
    }
}

/// Twenty bins over the finite values; none where an infinity or an overflow leaves no width.
fn number_bins<T: ArrowPrimitiveType>(
    arrays: &[&PrimitiveArray<T>],
    axis: Axis,
    [min, max]: [f64; 2],
    ends: [String; 2],
) -> Vec<HistogramBin>
where
    T::Native: Figure,
{
    let range = max - min;
    if !range.is_finite() {
        return Vec::new();
    }
    let bins = if range > 0.0 { BINS_MAX } else { 1 };
    #[expect(clippy::cast_precision_loss, reason = "at most 20")]
    let per_unit = if range > 0.0 { bins as f64 / range } else { 0.0 };
    if !per_unit.is_finite() {
        return Vec::new();
    }
    let mut counts = vec![0u64; bins];
    for array in arrays {
        each(array, |_, value| {
            let figure = value.figure();
            if !figure.is_nan() {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, then bounded")]
                let bin = ((figure - min) * per_unit) as usize;
                counts[bin.min(bins - 1)] += 1;
            }
        });
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 20")]
    let edge = |at: usize| (min + range * (at as f64 / bins as f64)) / scale(axis);
    label(&counts, ends, |at| {
        let edge = edge(at);
        if T::DATA_TYPE.is_integer() && edge.fract() == 0.0 && edge.abs() < 1e15 {
            format!("{edge}")
        } else {
            format!("{edge:?}")
        }
    })
}

/// At most twenty bins whose edges are values of the axis themselves, such as days.
fn time_bins<T: ArrowPrimitiveType>(
    arrays: &[&PrimitiveArray<T>],
    [min, max]: [T::Native; 2],
    ends: [String; 2],
) -> Vec<HistogramBin>
where
    T::Native: Figure + PartialOrd,
{
    let (Some(low), Some(high)) = (min.to_i64(), max.to_i64()) else { return Vec::new() };
    let range = i128::from(high) - i128::from(low);
    let bins = usize::try_from(range).unwrap_or(BINS_MAX).clamp(1, BINS_MAX);
    let edge = |at: usize| i64::try_from(i128::from(low) + range * at as i128 / bins as i128).unwrap_or(high);
    let edges: Vec<i64> = (1..bins).map(edge).collect();
    let mut counts = vec![0u64; bins];
    for array in arrays {
        each(array, |_, value| {
            let value = value.to_i64().unwrap_or(low);
            counts[edges.partition_point(|edge| *edge <= value)] += 1;
        });
    }
    let Some(texts) = arrays.first().and_then(|array| of_type(array.data_type(), edges)) else { return Vec::new() };
    let text = render::renderer(&texts);
    label(&counts, ends, |at| text(at - 1))
}

/// Signed numbers as values of a type that holds its own as such, in 32 or 64 bits.
fn of_type(data_type: &DataType, values: Vec<i64>) -> Option<ArrayRef> {
    let builder = ArrayData::builder(data_type.clone()).len(values.len());
    let buffer = match data_type.primitive_width() {
        Some(4) => Buffer::from_vec(values.into_iter().map(i32::try_from).collect::<Result<Vec<_>, _>>().ok()?),
        _ => Buffer::from_vec(values),
    };
    Some(make_array(builder.add_buffer(buffer).build().ok()?))
}

fn label(counts: &[u64], [min, max]: [String; 2], edge: impl Fn(usize) -> String) -> Vec<HistogramBin> {
    let last = counts.len() - 1;
    let bin = |(at, count): (usize, &u64)| HistogramBin {
        lower: if at == 0 { min.clone() } else { edge(at) },
        upper: if at == last { max.clone() } else { edge(at + 1) },
        count: *count,
    };
    counts.iter().enumerate().map(bin).collect()
}
