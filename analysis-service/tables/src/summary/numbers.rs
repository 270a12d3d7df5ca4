//! Figures of columns that lie on an axis: numbers, days, moments, times, spans.

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_buffer::{ArrowNativeType, ToByteSlice};

use super::bins::Bins;
use super::blocks::{blocks, sum};
use super::distinct::{Dense, Distinct, hash_bytes, hash_u64};
use super::shown;
use crate::{Cancel, ColumnSummary, TableError};

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

/// The least and the greatest value, each with the chunk that has it first.
#[derive(Clone, Copy)]
struct Ends<N> {
    min: (usize, N),
    max: (usize, N),
}

/// What one walk over a column finds.
struct Scan<N> {
    ends: Option<Ends<N>>,
    sum: f64,
    present: u64,
    finite: u64,
}

impl<N: Figure + PartialOrd> Scan<N> {
    fn of<T: ArrowPrimitiveType<Native = N>>(
        arrays: &[&PrimitiveArray<T>],
        cancel: &Cancel,
    ) -> Result<Self, TableError> {
        let mut scan = Self { ends: None, sum: 0.0, present: 0, finite: 0 };
        for (at, array) in arrays.iter().enumerate() {
            cancel.check()?;
            blocks(array, |values| scan.add(at, values));
        }
        Ok(scan)
    }

    fn add(&mut self, at: usize, values: &[N]) {
        let Some(first) = values.first() else { return };
        let (mut min, mut max, mut finite) = (*first, *first, 0u64);
        for value in values {
            min = if *value < min { *value } else { min };
            max = if *value > max { *value } else { max };
            finite += u64::from(value.figure().is_finite());
        }
        self.present += values.len() as u64;
        self.finite += finite;
        self.sum += sum(values, |figure| if figure.is_finite() { figure } else { 0.0 });
        let ends = self.ends.get_or_insert(Ends { min: (at, min), max: (at, max) });
        if min < ends.min.1 {
            ends.min = (at, min);
        }
        if max > ends.max.1 {
            ends.max = (at, max);
        }
    }
}

/// Counts the values of a column that differ.
enum Different {
    Close(Dense),
    Any(Distinct),
}

impl Different {
    fn new<T: ArrowPrimitiveType>(ends: &Ends<T::Native>) -> Self {
        let whole = T::DATA_TYPE.is_integer() || T::DATA_TYPE.is_temporal();
        let range = || Some((ends.min.1.to_i64()?, ends.max.1.to_i64()?));
        let dense = range().filter(|_| whole).and_then(|(min, max)| Dense::new(min, max));
        dense.map_or_else(|| Self::Any(Distinct::default()), Self::Close)
    }

    fn add<N: Figure>(&mut self, values: &[N]) {
        match self {
            Self::Close(dense) => values.iter().for_each(|value| dense.add(value.to_i64().unwrap_or_default())),
            Self::Any(distinct) => distinct.add(values.iter().map(|value| value.hash())),
        }
    }

    fn count(&self) -> (u64, bool) {
        match self {
            Self::Close(dense) => (dense.count(), false),
            Self::Any(distinct) => distinct.count(),
        }
    }
}

/// The figures of a column on an axis: two walks, the second with what the first found.
pub(crate) fn of_column<T: ArrowPrimitiveType>(
    chunks: &[ArrayRef],
    axis: Axis,
    cancel: &Cancel,
) -> Result<ColumnSummary, TableError>
where
    T::Native: Figure + PartialOrd,
{
    let arrays: Vec<&PrimitiveArray<T>> = chunks.iter().map(|chunk| chunk.as_primitive::<T>()).collect();
    let rows: u64 = arrays.iter().map(|array| array.len() as u64).sum();
    let scan = Scan::of(&arrays, cancel)?;
    let mut summary = ColumnSummary { missing_count: rows - scan.present, ..ColumnSummary::default() };
    let Some(ends) = scan.ends else { return Ok(summary) };
    #[expect(clippy::cast_precision_loss, reason = "figures are approximate")]
    let (finite, mean) = (scan.finite as f64, scan.sum / scan.finite as f64);
    let mut different = Different::new::<T>(&ends);
    let mut bins = Bins::new(axis, ends.min.1, ends.max.1);
    let mut squares = 0.0;
    for array in &arrays {
        cancel.check()?;
        blocks(array, |values| {
            different.add(values);
            bins.add(values);
            if axis != Axis::Time {
                squares +=
                    sum(values, |figure| if figure.is_finite() { (figure - mean) * (figure - mean) } else { 0.0 });
            }
        });
    }
    let (distinct_count, distinct_estimated) = different.count();
    summary.distinct_count = distinct_count.min(scan.present);
    summary.distinct_estimated = distinct_estimated;
    // Gaps are left out of a mean, infinities are not: a mean of what is beside them would be that of other values.
    let infinite = |array: &&PrimitiveArray<T>| array.iter().flatten().any(|value| value.figure().is_infinite());
    let finite_only = scan.finite == scan.present || !arrays.iter().any(infinite);
    if axis != Axis::Time && scan.finite > 0 && finite_only {
        summary.mean = Some(mean / scale(axis)).filter(|mean| mean.is_finite());
        let deviation = (squares / (finite - 1.0)).sqrt() / scale(axis);
        summary.standard_deviation = Some(deviation).filter(|deviation| scan.finite > 1 && deviation.is_finite());
    }
    let [min, max] = [ends.min, ends.max].map(|end| shown(chunks, place(&arrays, end)));
    summary.histogram = bins.finish(axis, chunks[0].data_type(), [min.clone(), max.clone()]);
    (summary.min, summary.max) = (Some(min), Some(max));
    Ok(summary)
}

/// Chunk and row of the first value that equals the end.
fn place<T: ArrowPrimitiveType>(arrays: &[&PrimitiveArray<T>], (at, end): (usize, T::Native)) -> (usize, usize)
where
    T::Native: PartialEq,
{
    let array = arrays[at];
    let mut rows = array.values().iter().enumerate();
    let row = rows.position(|(row, value)| *value == end && array.is_valid(row));
    (at, row.unwrap_or_default())
}

pub(super) fn scale(axis: Axis) -> f64 {
    match axis {
        Axis::Decimal(scale) => 10f64.powi(i32::from(scale)),
        Axis::Number | Axis::Time => 1.0,
    }
}
