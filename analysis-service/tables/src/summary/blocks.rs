//! The values of an array in blocks, those that are missing left out, so that what is done to each needs no branch and
//! several things can be done to a block while it lies in the processor's nearest cache.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, PrimitiveArray};

use super::numbers::Figure;

/// Values of a block. Also how many are summed up before they join a total, so that a long sum stays accurate.
pub(super) const BLOCK_ROWS: usize = 1 << 12;
/// Sums that run side by side: one alone would wait for each addition before the next.
const LANES: usize = 8;

/// Calls `f` with the values that are there, at most [`BLOCK_ROWS`] at a time and in order.
pub(super) fn blocks<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, mut f: impl FnMut(&[T::Native]))
where
    T::Native: Figure,
{
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let mut there = Vec::new();
    let mut start = 0;
    for values in array.values().chunks(BLOCK_ROWS) {
        let nulls = nulls.map(|nulls| nulls.slice(start, values.len())).filter(|nulls| nulls.null_count() > 0);
        start += values.len();
        let nan = values.iter().fold(false, |nan, value| nan | value.figure().is_nan());
        if nulls.is_none() && !nan {
            f(values);
            continue;
        }
        there.clear();
        match nulls {
            Some(nulls) => nulls.valid_slices().for_each(|(from, to)| there.extend_from_slice(&values[from..to])),
            None => there.extend_from_slice(values),
        }
        if nan {
            there.retain(|value| !value.figure().is_nan());
        }
        f(&there);
    }
}

/// The sum of `f` of each value's figure.
pub(super) fn sum<N: Figure>(values: &[N], f: impl Fn(f64) -> f64) -> f64 {
    let (steps, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for step in steps {
        lanes.iter_mut().zip(step).for_each(|(lane, value)| *lane += f(value.figure()));
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|value| f(value.figure())).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use arrow_array::Float64Array;
    use proptest::prelude::*;

    use super::*;

    fn cells() -> impl Strategy<Value = Vec<Option<f64>>> {
        let cell = prop_oneof![3 => (-1e6..1e6).prop_map(Some), 1 => Just(None), 1 => Just(Some(f64::NAN))];
        prop_oneof![
            proptest::collection::vec(cell, 0..300),
            proptest::collection::vec((-9.0..9.0).prop_map(Some), 0..20_000)
        ]
    }

    proptest! {
        #[test]
        fn blocks_are_the_values_that_are_there(cells in cells(), offset in 0..70usize) {
            let array = Float64Array::from(cells.clone());
            let offset = offset.min(cells.len());
            let expected: Vec<f64> = cells[offset..].iter().flatten().copied().filter(|value| !value.is_nan()).collect();
            let (mut found, mut total) = (Vec::new(), 0.0);
            blocks(&array.slice(offset, cells.len() - offset), |values| {
                assert!(values.len() <= BLOCK_ROWS);
                found.extend_from_slice(values);
                total += sum(values, |figure| figure * 2.0);
            });
            prop_assert!((total - expected.iter().sum::<f64>() * 2.0).abs() < 1e-3);
            prop_assert_eq!(found, expected);
        }
    }
}
