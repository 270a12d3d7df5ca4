//! A workbook's cell as one of ours.

use calamine::{Data, DataRef, ExcelDateTime};

use crate::cells::Cell;
use crate::values::temporal::{self, Order, days_from_civil};

/// The first whole number that a float cannot tell from the next.
const EXACT_FLOAT_END: f64 = 9_007_199_254_740_992.0;
/// Whole numbers from here on are no numbers of things: they have more digits than any of those.
const LONG_END: f64 = 1e20;
/// Digits before the zeros at the end up to which a long number is one that was meant to be round.
const ROUND_DIGITS: usize = 12;
const DAY_MICROS: f64 = 86_400_000_000.0;
/// Days that a date may have: Excel ends with the year 9999.
const SERIAL_MAX: f64 = 2_958_466.0;

/// A cell's value.
pub(super) enum Value<'a> {
    Empty,
    /// A formula whose value nobody has calculated.
    Unstored,
    /// `#DIV/0!` and its kin.
    Error,
    Cell(Cell<'a>),
}

pub(super) fn of_ref<'a>(value: &'a DataRef<'_>) -> Value<'a> {
    match value {
        DataRef::Empty => Value::Empty,
        DataRef::Error(_) => Value::Error,
        DataRef::Int(value) => Value::Cell(Cell::Int(*value)),
        DataRef::Float(value) => Value::Cell(number(*value)),
        DataRef::String(text) => text_cell(text),
        DataRef::SharedString(text) => text_cell(text),
        DataRef::Bool(value) => Value::Cell(Cell::Bool(*value)),
        DataRef::DateTime(value) => Value::Cell(moment(value)),
        DataRef::DateTimeIso(text) => iso(text),
        DataRef::DurationIso(text) => text_cell(text),
    }
}

pub(super) fn of_data(value: &Data) -> Value<'_> {
    match value {
        Data::Empty => Value::Empty,
        Data::Error(_) => Value::Error,
        Data::Int(value) => Value::Cell(Cell::Int(*value)),
        Data::Float(value) => Value::Cell(number(*value)),
        Data::String(text) => text_cell(text),
        Data::Bool(value) => Value::Cell(Cell::Bool(*value)),
        Data::DateTime(value) => Value::Cell(moment(value)),
        Data::DateTimeIso(text) => iso(text),
        Data::DurationIso(text) => text_cell(text),
    }
}

fn text_cell(text: &str) -> Value<'_> {
    if text.is_empty() { Value::Empty } else { Value::Cell(Cell::Text(text)) }
}

/// Excel keeps every number as a float; a whole one was typed as a whole one.
pub(super) fn number<'a>(value: f64) -> Cell<'a> {
    if value.fract() == 0.0 && value.abs() < EXACT_FLOAT_END && !(value == 0.0 && value.is_sign_negative()) {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        return Cell::Int(value as i64);
    }
    Cell::Float(value)
}

/// Whether a float has all digits of a whole number.
pub(super) fn is_float(value: i64) -> bool {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "what is lost is the question")]
    let there_and_back = value as f64 as i64;
    there_and_back == value
}

/// Whether it is such as a long number becomes in a workbook: those of cards and accounts have lost their last digits then.
pub(super) fn is_long(value: f64) -> bool {
    let digits = || format!("{value:e}").bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
    (EXACT_FLOAT_END..LONG_END).contains(&value.abs()) && digits() > ROUND_DIGITS
}

#[expect(clippy::cast_possible_truncation, reason = "bounded by the largest date")]
fn moment<'a>(value: &ExcelDateTime) -> Cell<'a> {
    let serial = value.as_f64();
    if !serial.is_finite() || serial.abs() >= SERIAL_MAX {
        return Cell::Float(serial);
    }
    if value.is_duration() {
        return Cell::Span((serial * DAY_MICROS).round() as i64);
    }
    if serial < 0.0 {
        return Cell::Float(serial);
    }
    let (year, month, day, hour, minute, second, milli) = value.to_ymd_hms_milli();
    let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    let micros = seconds * 1_000_000 + i64::from(milli) * 1_000;
    if serial < 1.0 {
        return Cell::Time(micros);
    }
    let days = days_from_civil(i32::from(year), u32::from(month), u32::from(day));
    if serial.fract() == 0.0 { Cell::Date(days) } else { Cell::Moment(i64::from(days) * 86_400_000_000 + micros) }
}

fn iso(text: &str) -> Value<'_> {
    let Some(civil) = temporal::parse(text.as_bytes()) else { return text_cell(text) };
    let cell = match civil.time {
        None => civil.days(Order::Plain).map(Cell::Date),
        Some(_) => civil.instant(Order::Plain, false).map(Cell::Moment),
    };
    cell.map_or_else(|| text_cell(text), Value::Cell)
}
