//! Builders that take cells: each the kinds it holds, missing values for all others.

use arrow_array::Array;
use arrow_array::builder::{
    BooleanBuilder, Date32Builder, DurationMicrosecondBuilder, Float64Builder, Int64Builder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};

use super::column::Cell;
use crate::values::number;

/// A builder that takes cells; those of other types are missing.
pub(super) trait Take: Default {
    type Array: Array + 'static;
    fn take(&mut self, cell: Option<Cell>);
    fn done(self) -> Self::Array;
}

macro_rules! take {
    ($($builder:ty, $array:ident, $($pattern:pat => $value:expr),+;)+) => {$(
        impl Take for $builder {
            type Array = arrow_array::$array;

            fn take(&mut self, cell: Option<Cell>) {
                match cell {
                    $(Some($pattern) => self.append_value($value),)+
                    _ => self.append_null(),
                }
            }

            fn done(mut self) -> Self::Array {
                self.finish()
            }
        }
    )+};
}

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

#[expect(clippy::cast_precision_loss, reason = "checked to be exact")]
fn exact(value: i64) -> f64 {
    value as f64
}

/// The value of a text that was seen to be a float.
fn written(text: &str) -> f64 {
    number::float(text.as_bytes()).unwrap_or(f64::NAN)
}

take! {
    Int64Builder, Int64Array, Cell::Int(value) => value;
    Float64Builder, Float64Array, Cell::Float(value) => value, Cell::Int(value) => exact(value),
        Cell::Written(text) => written(text);
    BooleanBuilder, BooleanArray, Cell::Bool(value) => value;
    Date32Builder, Date32Array, Cell::Date(value) => value;
    TimestampMicrosecondBuilder, TimestampMicrosecondArray,
        Cell::Moment(value) => value, Cell::Date(days) => i64::from(days) * DAY_MICROS;
    Time64MicrosecondBuilder, Time64MicrosecondArray, Cell::Time(value) => value;
    DurationMicrosecondBuilder, DurationMicrosecondArray, Cell::Span(value) => value;
}
