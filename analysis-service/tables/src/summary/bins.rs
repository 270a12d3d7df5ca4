//! Histograms: at most twenty bins between the least and the greatest value.

use arrow_array::{ArrayRef, make_array};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::numbers::{Axis, Figure, scale};
use crate::{HistogramBin, render};

/// Bins of a histogram.
const BINS_MAX: usize = 20;
/// Counts that are kept side by side: neighbours are often in one bin, and each addition would wait for the one before.
const LANES: usize = 4;

/// Counts of values by bin.
pub(super) struct Bins {
    edges: Edges,
    counts: [[u64; BINS_MAX]; LANES],
}

/// Where bins begin.
enum Edges {
    /// Nowhere, because an infinity or an overflow leaves no width.
    None,
    Numbers {
        min: f64,
        range: f64,
        /// Bins, and how many of them a unit has.
        bins: usize,
        per_unit: f64,
    },
    /// Bins whose edges are values of the axis themselves, such as days.
    Times {
        low: i64,
        per_unit: f64,
        /// Where each bin but the first begins.
        begins: Vec<i64>,
    },
}

impl Bins {
    pub(super) fn new<N: Figure>(axis: Axis, min: N, max: N) -> Self {
        let edges = match axis {
            Axis::Time => min.to_i64().zip(max.to_i64()).map_or(Edges::None, |(low, high)| times(low, high)),
            Axis::Number | Axis::Decimal(_) => numbers(min.figure(), max.figure()),
        };
        Self { edges, counts: [[0; BINS_MAX]; LANES] }
    }

    /// Counts values, each between the least and the greatest.
    pub(super) fn add<N: Figure>(&mut self, values: &[N]) {
        match &self.edges {
            Edges::None => {}
            Edges::Numbers { min, per_unit, .. } => {
                // To 32 bits, which takes fewer instructions than to 64.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, then bounded")]
                count(&mut self.counts, values, |value| ((value.figure() - min) * per_unit) as u32 as usize);
            }
            Edges::Times { low, per_unit, begins } => {
                count(&mut self.counts, values, |value| {
                    time_bin(value.to_i64().unwrap_or(*low), *low, *per_unit, begins)
                });
            }
        }
    }

    /// The histogram, whose first and last edges look like `ends`.
    pub(super) fn finish(self, axis: Axis, data_type: &DataType, ends: [String; 2]) -> Vec<HistogramBin> {
        let count = |bin: usize| self.counts.iter().map(|lane| lane[bin]).sum::<u64>();
        match self.edges {
            Edges::None => Vec::new(),
            Edges::Numbers { min, range, bins, .. } => {
                let counts: Vec<u64> = (0..bins).map(count).collect();
                #[expect(clippy::cast_precision_loss, reason = "at most 20")]
                let edge = |at: usize| (min + range * (at as f64 / bins as f64)) / scale(axis);
                label(&counts, ends, |at| {
                    let edge = edge(at);
                    if data_type.is_integer() && edge.fract() == 0.0 && edge.abs() < 1e15 {
                        format!("{edge}")
                    } else {
                        format!("{edge:?}")
                    }
                })
            }
            Edges::Times { begins, .. } => {
                let counts: Vec<u64> = (0..=begins.len()).map(count).collect();
                let Some(texts) = of_type(data_type, begins) else { return Vec::new() };
                let text = render::renderer(&texts);
                label(&counts, ends, |at| text(at - 1))
            }
        }
    }
}

fn numbers(min: f64, max: f64) -> Edges {
    let range = max - min;
    let bins = if range > 0.0 { BINS_MAX } else { 1 };
    #[expect(clippy::cast_precision_loss, reason = "at most 20")]
    let per_unit = if range > 0.0 { bins as f64 / range } else { 0.0 };
    if range.is_finite() && per_unit.is_finite() { Edges::Numbers { min, range, bins, per_unit } } else { Edges::None }
}

fn times(low: i64, high: i64) -> Edges {
    let range = i128::from(high) - i128::from(low);
    let bins = usize::try_from(range).unwrap_or(BINS_MAX).clamp(1, BINS_MAX);
    let edge = |at: usize| i64::try_from(i128::from(low) + range * at as i128 / bins as i128).unwrap_or(high);
    #[expect(clippy::cast_precision_loss, reason = "a first guess")]
    let per_unit = bins as f64 / range.max(1) as f64;
    Edges::Times { low, per_unit, begins: (1..bins).map(edge).collect() }
}

/// The bin of a value: a guess, mended where rounding led it astray.
#[inline]
fn time_bin(value: i64, low: i64, per_unit: f64, begins: &[i64]) -> usize {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a first guess"
    )]
    let guess = (value.wrapping_sub(low).cast_unsigned() as f64 * per_unit) as u32 as usize;
    let mut bin = guess.min(begins.len());
    while bin > 0 && begins[bin - 1] > value {
        bin -= 1;
    }
    while begins.get(bin).is_some_and(|begin| *begin <= value) {
        bin += 1;
    }
    bin
}

#[inline]
fn count<N: Copy>(counts: &mut [[u64; BINS_MAX]; LANES], values: &[N], bin: impl Fn(N) -> usize) {
    let (steps, rest) = values.as_chunks::<LANES>();
    let mut add = |lane: usize, value: N| counts[lane][bin(value).min(BINS_MAX - 1)] += 1;
    for step in steps {
        (0..LANES).for_each(|lane| add(lane, step[lane]));
    }
    rest.iter().for_each(|value| add(0, *value));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_in_the_bin_whose_edges_are_around_it(
            mut values in prop_oneof![
                proptest::collection::vec(any::<i64>(), 1..200),
                proptest::collection::vec(-40..40i64, 1..200),
                proptest::collection::vec((i64::MAX - 90)..i64::MAX, 1..200)
            ]
        ) {
            values.sort_unstable();
            let (low, high) = (values[0], values[values.len() - 1]);
            let Edges::Times { per_unit, begins, .. } = times(low, high) else { return Ok(()) };
            for value in values {
                let searched = begins.partition_point(|begin| *begin <= value);
                prop_assert_eq!(time_bin(value, low, per_unit, &begins), searched);
            }
        }
    }
}
