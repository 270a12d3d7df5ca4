//! The values of runs into the columnar file: each run's part of a column goes to its place, which is known from the rows
//! and bytes of the runs before.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, ToByteSlice};

use super::profile::RunSeen;
use crate::TableError;
use crate::one_batch::{ColumnPlace, OneBatch};
use crate::values::Held;

/// How one column is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnPlan {
    pub(crate) held: Held,
    /// Offsets of 64 bits, for columns of more than 2 GiB.
    pub(crate) large: bool,
}

/// Where a run's values go.
#[derive(Clone, Debug)]
pub(super) struct RunPlace {
    /// The run's first row in the table.
    first_row: u64,
    /// Where its text begins in the text of each column.
    text_bases: Vec<u64>,
}

/// The places of all runs.
pub(super) fn places(runs: &[RunSeen], width: usize) -> Vec<RunPlace> {
    let mut next = RunPlace { first_row: 0, text_bases: vec![0; width] };
    let place = |run: &RunSeen| {
        let here = next.clone();
        next.first_row += run.rows;
        next.text_bases.iter_mut().zip(&run.columns).for_each(|(base, column)| *base += column.bytes);
        here
    };
    runs.iter().map(place).collect()
}

/// The two walks disagree: the bytes changed under our hands.
pub(super) fn changed() -> TableError {
    TableError::Io(std::io::Error::other("the file changed while it was read; upload it again"))
}

/// Writes a run's values of one column. `run` is where the run goes, `column` which column it is and how it is built.
pub(super) fn write(
    out: &OneBatch,
    values: &ArrayRef,
    run: &RunPlace,
    (column, plan): (usize, &ColumnPlan),
) -> Result<(), TableError> {
    let place: ColumnPlace = out.places[column];
    let first_row = run.first_row;
    match place.validity {
        Some(at) => {
            let valid =
                values.nulls().map_or_else(|| BooleanBuffer::new_set(values.len()), |nulls| nulls.inner().clone());
            out.write_bits(at, first_row, &shifted(&valid, first_row))?;
        }
        None if values.null_count() > 0 => return Err(changed()),
        None => {}
    }
    match plan.held {
        Held::Bool => out.write_bits(place.values, first_row, &shifted(values.as_boolean().values(), first_row))?,
        Held::Text => texts(out, values, place, first_row, run.text_bases[column], plan.large)?,
        Held::Int | Held::Float | Held::Date(_) | Held::Moment { .. } | Held::Time => {
            let value_bytes = if matches!(plan.held, Held::Date(_)) { 4 } else { 8 };
            let data = values.to_data();
            let bytes = data.buffers().first().and_then(|buffer| buffer.get(..values.len() * value_bytes));
            out.write(place.values + first_row * value_bytes as u64, bytes.ok_or_else(changed)?)?;
        }
    }
    Ok(())
}

/// Texts: the first offset of a column is the zero that the file already holds.
fn texts(
    out: &OneBatch,
    values: &ArrayRef,
    place: ColumnPlace,
    first_row: u64,
    base: u64,
    large: bool,
) -> Result<(), TableError> {
    let values = values.as_string_opt::<i32>().ok_or_else(changed)?;
    let ends = values.value_offsets().get(1..).unwrap_or_default();
    if large {
        let ends: Vec<i64> = ends.iter().map(|end| base.cast_signed() + i64::from(*end)).collect();
        out.write(place.offsets + (first_row + 1) * 8, ends.to_byte_slice())?;
    } else {
        let base = i32::try_from(base).map_err(|_| changed())?;
        // A column of at most `i32::MAX` bytes, so no end is beyond.
        let ends: Vec<i32> = ends.iter().map(|end| base.wrapping_add(*end)).collect();
        out.write(place.offsets + (first_row + 1) * 4, ends.to_byte_slice())?;
    }
    Ok(out.write(place.values + base, values.value_data())?)
}

/// Bits as bytes whose first bit is `first % 8`, with zeros around.
fn shifted(bits: &BooleanBuffer, first: u64) -> Vec<u8> {
    let shift = (first % 8) as usize;
    let mut moved = arrow_array::builder::BooleanBufferBuilder::new(bits.len() + shift);
    moved.append_n(shift, false);
    moved.append_buffer(bits);
    moved.as_slice().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_move_to_where_the_runs_before_end() {
        let bits = BooleanBuffer::from(vec![true, false, true, true, false, true, true]);
        assert_eq!(shifted(&bits, 16), [0b0110_1101]);
        assert_eq!(shifted(&bits, 3), [0b0110_1000, 0b0000_0011]);
        assert_eq!(shifted(&BooleanBuffer::new_set(2), 7), [0b1000_0000, 0b0000_0001]);
    }
}
