//! What pandas has beside Arrow's own types: an order of categories, periods, and intervals. Arrow writes periods as the
//! number of days, months and so on since 1970, which nobody would take for times: they become their first day or moment.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowTemporalType, Date32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_schema::{DataType, Field, TimeUnit};
use serde::Deserialize;

use crate::values::temporal::days_from_civil;
use crate::warning::ColumnTrouble;

/// Years that a period's first day may be in: far more than any calendar has, and far less than a day's number holds.
const YEARS: std::ops::RangeInclusive<i64> = -1_000_000..=1_000_000;

/// What a column's field tells beside its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ordered,
    /// Periods, by how their numbers count; none where that is not known.
    Periods(Option<Step>),
    Intervals,
}

/// What the number of a period counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Days,
    Months(i64),
    Seconds(i64),
    Millis,
    Micros,
    Nanos,
}

impl Kind {
    pub(super) fn of(field: &Field) -> Option<Self> {
        match field.metadata().get("ARROW:extension:name").map(String::as_str) {
            Some("pandas.period") if *field.data_type() == DataType::Int64 => {
                Some(Self::Periods(field.metadata().get("ARROW:extension:metadata").and_then(|told| Step::of(told))))
            }
            Some("pandas.interval") => Some(Self::Intervals),
            _ => field.dict_is_ordered().filter(|ordered| *ordered).map(|_| Self::Ordered),
        }
    }

    /// What is to be known of such a column.
    pub(super) fn trouble(self) -> ColumnTrouble {
        match self {
            Self::Ordered => ColumnTrouble::OrderLost,
            Self::Periods(Some(_)) => ColumnTrouble::Periods,
            Self::Periods(None) => ColumnTrouble::PeriodNumbers,
            Self::Intervals => ColumnTrouble::Intervals,
        }
    }
}

impl Step {
    /// By pandas' words for frequencies, of older versions too.
    fn of(told: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Told {
            freq: String,
        }
        let Told { freq } = serde_json::from_str(told).ok()?;
        Some(match freq.as_str() {
            "D" => Self::Days,
            "M" => Self::Months(1),
            "Q-DEC" => Self::Months(3),
            "Y-DEC" | "A-DEC" => Self::Months(12),
            "h" | "H" => Self::Seconds(3_600),
            "min" | "T" => Self::Seconds(60),
            "s" | "S" => Self::Seconds(1),
            "ms" | "L" => Self::Millis,
            "us" | "U" => Self::Micros,
            "ns" | "N" => Self::Nanos,
            _ => return None,
        })
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Days | Self::Months(_) => DataType::Date32,
            Self::Seconds(_) => DataType::Timestamp(TimeUnit::Second, None),
            Self::Millis => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::Micros => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Nanos => DataType::Timestamp(TimeUnit::Nanosecond, None),
        }
    }

    /// The first day or moment of each; none where one is out of all bounds.
    pub(super) fn first(self, numbers: &ArrayRef) -> Option<ArrayRef> {
        match self {
            Self::Days => each::<Date32Type>(numbers, |number| i32::try_from(number).ok()),
            Self::Months(months) => each::<Date32Type>(numbers, |number| first_day(number.checked_mul(months)?)),
            Self::Seconds(seconds) => each::<TimestampSecondType>(numbers, |number| number.checked_mul(seconds)),
            Self::Millis => each::<TimestampMillisecondType>(numbers, Some),
            Self::Micros => each::<TimestampMicrosecondType>(numbers, Some),
            Self::Nanos => each::<TimestampNanosecondType>(numbers, Some),
        }
    }
}

fn each<T: ArrowTemporalType>(numbers: &ArrayRef, first: impl Fn(i64) -> Option<T::Native>) -> Option<ArrayRef> {
    let numbers = numbers.as_primitive_opt::<Int64Type>()?;
    let moments = numbers.try_unary::<_, T, ()>(|number| first(number).ok_or(())).ok()?;
    Some(Arc::new(moments))
}

/// Days since 1970 of the first of a month, which is counted since then too.
fn first_day(months: i64) -> Option<i32> {
    let year = 1970 + months.div_euclid(12);
    let month = u32::try_from(months.rem_euclid(12)).ok()? + 1;
    YEARS.contains(&year).then_some(())?;
    Some(days_from_civil(i32::try_from(year).ok()?, month, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Array, Int64Array};

    #[test]
    fn periods_begin_where_they_begin() {
        let first = |freq: &str, number: i64| {
            let step = Step::of(&format!("{{\"freq\": \"{freq}\"}}")).unwrap();
            let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(number), None]));
            let first = step.first(&numbers)?;
            assert_eq!((first.data_type(), first.is_null(1)), (&step.data_type(), true));
            Some(crate::render::renderer(&first)(0))
        };
        for (freq, number, day) in [
            ("D", -1, "1969-12-31"),
            ("M", 650, "2024-03-01"),
            ("M", -1, "1969-12-01"),
            ("Q-DEC", 217, "2024-04-01"),
            ("A-DEC", 54, "2024-01-01"),
            ("h", 473_353, "2024-01-01T01:00:00"),
            ("us", 1_500_000, "1970-01-01T00:00:01.500"),
        ] {
            assert_eq!(first(freq, number).as_deref(), Some(day), "{freq} {number}");
        }
        assert_eq!((first("M", i64::MAX), first("Y-DEC", i64::MIN), first("D", i64::MAX)), (None, None, None));
        assert_eq!(Step::of("{\"freq\": \"W-SUN\"}"), None);
    }
}
