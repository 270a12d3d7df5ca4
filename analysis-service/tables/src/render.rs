//! One cell as text: numbers in full precision, dates in ISO 8601, bytes in hexadecimal. The only place that decides
//! how a value looks, for slices and figures alike. Kernels show the cells of their own tables by the same rules, in
//! `fenxi_kernel.inspection.texts`; the contract tells them, with `ColumnSlice`.

mod nested;
mod zone;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, ArrowTemporalType, Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};

use crate::ColumnType;
use zone::Zone;

/// Characters of one cell in a slice.
pub(crate) const CELL_MAX_CHARS: usize = 1_000;

type Text<'a> = Box<dyn Fn(usize) -> String + 'a>;

/// How the values of an array look. The function must only be asked for rows that [`is_missing`] denies.
pub(crate) fn renderer(array: &ArrayRef) -> Text<'_> {
    match array.data_type() {
        DataType::Int8 => number::<Int8Type>(array),
        DataType::Int16 => number::<Int16Type>(array),
        DataType::Int32 => number::<Int32Type>(array),
        DataType::Int64 => number::<Int64Type>(array),
        DataType::UInt8 => number::<UInt8Type>(array),
        DataType::UInt16 => number::<UInt16Type>(array),
        DataType::UInt32 => number::<UInt32Type>(array),
        DataType::UInt64 => number::<UInt64Type>(array),
        DataType::Float16 => {
            let array = array.as_primitive::<Float16Type>();
            Box::new(move |row| format!("{:?}", f32::from(array.value(row))))
        }
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            Box::new(move |row| format!("{:?}", array.value(row)))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            Box::new(move |row| format!("{:?}", array.value(row)))
        }
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(move |row| array.value(row).to_string())
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            Box::new(move |row| cut(array.value(row), CELL_MAX_CHARS))
        }
        DataType::LargeUtf8 => {
            let array = array.as_string::<i64>();
            Box::new(move |row| cut(array.value(row), CELL_MAX_CHARS))
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            Box::new(move |row| hex(array.value(row)))
        }
        DataType::LargeBinary => {
            let array = array.as_binary::<i64>();
            Box::new(move |row| hex(array.value(row)))
        }
        DataType::FixedSizeBinary(_) => {
            let array = array.as_fixed_size_binary();
            Box::new(move |row| hex(array.value(row)))
        }
        temporal if temporal.is_temporal() => moment(array),
        _ => nested::text(array),
    }
}

fn number<T: ArrowPrimitiveType>(array: &ArrayRef) -> Text<'_>
where
    T::Native: std::fmt::Display,
{
    let array = array.as_primitive::<T>();
    Box::new(move |row| array.value(row).to_string())
}

fn moment(array: &ArrayRef) -> Text<'_> {
    const DAY_SECS: i64 = 86_400;
    match array.data_type() {
        DataType::Date32 => {
            let array = array.as_primitive::<Date32Type>();
            Box::new(move |row| date(i64::from(array.value(row))))
        }
        DataType::Date64 => instant::<Date64Type>(array, |value| date(value.div_euclid(DAY_SECS * 1_000))),
        DataType::Time32(TimeUnit::Second) => {
            let array = array.as_primitive::<Time32SecondType>();
            Box::new(move |row| clock(i64::from(array.value(row)), 0))
        }
        DataType::Time32(_) => {
            let array = array.as_primitive::<Time32MillisecondType>();
            Box::new(move |row| {
                let value = i64::from(array.value(row));
                clock(value.div_euclid(1_000), value.rem_euclid(1_000) * 1_000_000)
            })
        }
        DataType::Time64(TimeUnit::Nanosecond) => instant::<Time64NanosecondType>(array, |value| {
            clock(value.div_euclid(1_000_000_000), value.rem_euclid(1_000_000_000))
        }),
        DataType::Time64(_) => instant::<Time64MicrosecondType>(array, |value| {
            clock(value.div_euclid(1_000_000), value.rem_euclid(1_000_000) * 1_000)
        }),
        DataType::Timestamp(unit, zone) => {
            let zone = zone.as_deref().map(Zone::of);
            match unit {
                TimeUnit::Second => instant::<TimestampSecondType>(array, move |v| stamp(v, 1, zone)),
                TimeUnit::Millisecond => instant::<TimestampMillisecondType>(array, move |v| stamp(v, 1_000, zone)),
                TimeUnit::Microsecond => instant::<TimestampMicrosecondType>(array, move |v| stamp(v, 1_000_000, zone)),
                TimeUnit::Nanosecond => {
                    instant::<TimestampNanosecondType>(array, move |v| stamp(v, 1_000_000_000, zone))
                }
            }
        }
        DataType::Duration(TimeUnit::Second) => instant::<DurationSecondType>(array, |v| length(v, 1)),
        DataType::Duration(TimeUnit::Millisecond) => instant::<DurationMillisecondType>(array, |v| length(v, 1_000)),
        DataType::Duration(TimeUnit::Microsecond) => {
            instant::<DurationMicrosecondType>(array, |v| length(v, 1_000_000))
        }
        DataType::Duration(TimeUnit::Nanosecond) => {
            instant::<DurationNanosecondType>(array, |v| length(v, 1_000_000_000))
        }
        _ => nested::text(array),
    }
}

fn instant<'a, T>(array: &'a ArrayRef, text: impl Fn(i64) -> String + 'a) -> Text<'a>
where
    T: ArrowPrimitiveType<Native = i64> + ArrowTemporalType,
{
    let array = array.as_primitive::<T>();
    Box::new(move |row| text(array.value(row)))
}

/// A moment `value / per_sec` seconds after 1970-01-01T00:00 in UTC, as its zone has it; one without a zone says none.
fn stamp(value: i64, per_sec: i64, zone: Option<Zone>) -> String {
    let secs = value.div_euclid(per_sec);
    let nanos = value.rem_euclid(per_sec) * (1_000_000_000 / per_sec);
    let east_secs = zone.map(|zone| zone.east_secs(secs));
    let local = secs.saturating_add(east_secs.unwrap_or_default());
    let offset = east_secs.map(zone::offset).unwrap_or_default();
    format!("{}T{}{offset}", date(local.div_euclid(86_400)), clock(local.rem_euclid(86_400), nanos))
}

/// How long `value / per_sec` seconds are: hours, minutes and seconds, as spreadsheets have them; from 100 hours on days
/// as well.
fn length(value: i64, per_sec: i64) -> String {
    const DAYS_FROM_SECS: u64 = 100 * 3_600;
    let (sign, size, per_sec) = (if value < 0 { "-" } else { "" }, value.unsigned_abs(), per_sec.unsigned_abs());
    let (secs, nanos) = (size / per_sec, size % per_sec * (1_000_000_000 / per_sec));
    let days = if secs >= DAYS_FROM_SECS { secs / 86_400 } else { 0 };
    // Both are less than a year's, so that they fit.
    let rest = i64::try_from(secs - days * 86_400).unwrap_or_default();
    let clock = clock(rest, i64::try_from(nanos).unwrap_or_default());
    match (days, rest, nanos) {
        (0, ..) => format!("{sign}{clock}"),
        (days, 0, 0) => format!("{sign}{days} days"),
        (days, ..) => format!("{sign}{days} days {clock}"),
    }
}

fn clock(secs: i64, nanos: i64) -> String {
    let text = format!("{:02}:{:02}:{:02}", secs / 3_600, secs / 60 % 60, secs % 60);
    match nanos {
        0 => text,
        nanos if nanos % 1_000_000 == 0 => format!("{text}.{:03}", nanos / 1_000_000),
        nanos if nanos % 1_000 == 0 => format!("{text}.{:06}", nanos / 1_000),
        nanos => format!("{text}.{nanos:09}"),
    }
}

/// A day of the proleptic Gregorian calendar (Howard Hinnant's `civil_from_days`).
fn date(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if (0..=9_999).contains(&year) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:+05}-{month:02}-{day:02}")
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in &bytes[..bytes.len().min(CELL_MAX_CHARS / 2 + 1)] {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    cut(&text, CELL_MAX_CHARS)
}

/// The first `max_chars` characters; where some are missing the last is an ellipsis.
pub(crate) fn cut(text: &str, max_chars: usize) -> String {
    if text.len() <= max_chars {
        return text.to_owned();
    }
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max_chars - 1).chain(['…']).collect(),
    }
}

/// Whether a row has no value: null, or a float that is not a number.
pub(crate) fn is_missing(array: &ArrayRef, row: usize) -> bool {
    if array.is_null(row) || array.data_type() == &DataType::Null {
        return true;
    }
    match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).is_nan(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).is_nan(),
        DataType::Float16 => array.as_primitive::<Float16Type>().value(row).is_nan(),
        _ => false,
    }
}

/// What a person calls a type.
pub(crate) fn column_type(data_type: &DataType) -> ColumnType {
    match data_type {
        integer if integer.is_integer() => ColumnType::Integer,
        float if float.is_floating() => ColumnType::Float,
        DataType::Boolean => ColumnType::Boolean,
        DataType::Date32 | DataType::Date64 => ColumnType::Date,
        DataType::Timestamp(..) => ColumnType::Datetime,
        DataType::Time32(_) | DataType::Time64(_) => ColumnType::Time,
        DataType::Duration(_) | DataType::Interval(_) => ColumnType::Duration,
        decimal if decimal.is_decimal() => ColumnType::Decimal,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            ColumnType::Binary
        }
        nested if nested.is_nested() => ColumnType::Nested,
        _ => ColumnType::Text,
    }
}

/// A type's name as pyarrow writes it.
pub(crate) fn type_name(data_type: &DataType) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    let field = |field: &arrow_schema::Field| format!("{}: {}", field.name(), type_name(field.data_type()));
    match data_type {
        DataType::Float16 => "halffloat".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "bool".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::LargeUtf8 => "large_string".to_owned(),
        DataType::LargeBinary => "large_binary".to_owned(),
        DataType::FixedSizeBinary(bytes) => format!("fixed_size_binary[{bytes}]"),
        DataType::Date32 => "date32[day]".to_owned(),
        DataType::Date64 => "date64[ms]".to_owned(),
        DataType::Time32(u) => format!("time32[{}]", unit(u)),
        DataType::Time64(u) => format!("time64[{}]", unit(u)),
        DataType::Timestamp(u, None) => format!("timestamp[{}]", unit(u)),
        DataType::Timestamp(u, Some(zone)) => format!("timestamp[{}, tz={zone}]", unit(u)),
        DataType::Duration(u) => format!("duration[{}]", unit(u)),
        DataType::Decimal32(p, s) => format!("decimal32({p}, {s})"),
        DataType::Decimal64(p, s) => format!("decimal64({p}, {s})"),
        DataType::Decimal128(p, s) => format!("decimal128({p}, {s})"),
        DataType::Decimal256(p, s) => format!("decimal256({p}, {s})"),
        DataType::List(item) => format!("list<{}>", field(item)),
        DataType::LargeList(item) => format!("large_list<{}>", field(item)),
        DataType::FixedSizeList(item, size) => format!("fixed_size_list<{}>[{size}]", field(item)),
        DataType::Struct(fields) => {
            format!("struct<{}>", fields.iter().map(|f| field(f)).collect::<Vec<_>>().join(", "))
        }
        DataType::Map(entries, _) => format!("map<{}>", field(entries)),
        other => other.to_string().to_lowercase(),
    }
}
