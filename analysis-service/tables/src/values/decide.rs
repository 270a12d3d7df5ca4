//! What a whole column is, once it is known what every cell of it could be.

use super::temporal::Order;
use super::{
    BARE, BIG, BOOL, DAY, DAY_FIRST, DIALLED, DOTTED, DRESSED, EITHER_FIRST, EXPONENT, FAR_YEAR, FLOAT, HUGE, INT,
    Kinds, MOMENT, MONTH_FIRST, NA, NANOS, NEGATIVE, ODD_YEAR, OFFSET, PADDED, PLACES, PLAIN, PLUS, ROUNDED,
    SHORT_YEAR, TEXT, TIME, ZERO_ENDED, ZONED,
};

pub(crate) const NUMBERS: Kinds =
    INT | BIG | FLOAT | ROUNDED | BARE | EXPONENT | ZERO_ENDED | PLACES | NEGATIVE | PLUS | DIALLED;
pub(crate) const DATES: Kinds =
    PLAIN | DAY_FIRST | MONTH_FIRST | EITHER_FIRST | DAY | MOMENT | ZONED | NANOS | FAR_YEAR | OFFSET | DOTTED;

/// How the values of a column are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Int,
    Float,
    Bool,
    Text,
    Date(Order),
    /// Timestamps: with an offset from UTC when every value named one, and that of UTC itself where they differ;
    /// nanoseconds when microseconds would lose digits.
    Moment {
        order: Order,
        offset_minutes: Option<i16>,
        nanos: bool,
    },
    Time,
}

impl Held {
    /// The zone of timestamps that have one, as Arrow writes it.
    pub(crate) fn zone(self) -> Option<String> {
        let Self::Moment { offset_minutes: Some(minutes), .. } = self else { return None };
        let (sign, far) = (if minutes < 0 { '-' } else { '+' }, minutes.unsigned_abs());
        Some(if minutes == 0 { "UTC".to_owned() } else { format!("{sign}{:02}:{:02}", far / 60, far % 60) })
    }
}

/// Why a column that looks like more is kept as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextReason {
    AmbiguousDates,
    MixedDateOrders,
    SomeZoned,
    HugeIntegers,
    LosesDigits,
    Codes,
    Padded,
    Dressed,
    /// Whole numbers, of which some have a plus sign and none shows that it is one of a number and not of a code.
    PlusSigns,
    ShortYears,
    OddYears,
    Mixed,
}

/// How to hold a column of these kinds, and why it is text where one might have hoped for more.
pub(crate) fn decide(kinds: Kinds) -> (Held, Option<TextReason>) {
    let text = |reason| (Held::Text, Some(reason));
    let values = kinds & !NA;
    if values & TEXT != 0 {
        return (Held::Text, reason_for_text(values));
    }
    if values == 0 {
        return (Held::Text, None);
    }
    if values & !NUMBERS == 0 {
        if values & BARE != 0 && values & (EXPONENT | PLACES) == 0 {
            return text(TextReason::Codes);
        }
        if values & PLUS != 0
            && let Some(reason) = reason_for_plus(values)
        {
            return (Held::Text, reason);
        }
        return match (values & FLOAT != 0, values & BIG != 0) {
            (false, _) => (Held::Int, None),
            (true, false) => (Held::Float, None),
            (true, true) => text(TextReason::LosesDigits),
        };
    }
    if values == BOOL {
        return (Held::Bool, None);
    }
    if values == TIME {
        return (Held::Time, None);
    }
    if values & !DATES != 0 {
        return text(TextReason::Mixed);
    }
    decide_dates(values)
}

fn decide_dates(values: Kinds) -> (Held, Option<TextReason>) {
    let text = |reason| (Held::Text, Some(reason));
    let has = |bits: Kinds| values & bits != 0;
    let order = match (has(PLAIN), has(DAY_FIRST), has(MONTH_FIRST), has(EITHER_FIRST)) {
        (true, false, false, false) => Order::Plain,
        (false, true, false, _) => Order::DayFirst,
        (false, false, true, _) => Order::MonthFirst,
        (false, false, false, true) => return text(TextReason::AmbiguousDates),
        _ => return text(TextReason::MixedDateOrders),
    };
    if !has(MOMENT | ZONED) {
        return (Held::Date(order), None);
    }
    if has(ZONED) && has(MOMENT | DAY) {
        return text(TextReason::SomeZoned);
    }
    if has(NANOS) && has(FAR_YEAR) {
        return text(TextReason::LosesDigits);
    }
    let offset_minutes = has(ZONED).then(|| super::offset_minutes(values).unwrap_or_default());
    (Held::Moment { order, offset_minutes, nanos: has(NANOS) }, None)
}

/// Why numbers with plus signs are text, if they are, and whether that is to be told: nobody takes what is dialled for more.
#[expect(clippy::option_option, reason = "no text and a text that is no surprise differ")]
fn reason_for_plus(values: Kinds) -> Option<Option<TextReason>> {
    match (values & FLOAT != 0, values & NEGATIVE != 0, values & DIALLED != 0) {
        (true, _, _) | (_, true, false) => None,
        (false, false, true) => Some(None),
        (false, ..) => Some(Some(TextReason::PlusSigns)),
    }
}

fn reason_for_text(values: Kinds) -> Option<TextReason> {
    let odd = HUGE | PADDED | DRESSED | SHORT_YEAR | ODD_YEAR;
    if values & HUGE != 0 {
        return Some(TextReason::HugeIntegers);
    }
    if values & PADDED != 0 {
        return Some(TextReason::Padded);
    }
    if values & DRESSED != 0 && values & !(TEXT | NUMBERS | odd) == 0 {
        return Some(TextReason::Dressed);
    }
    if values & (SHORT_YEAR | ODD_YEAR) != 0 && values & !(TEXT | DATES | SHORT_YEAR | ODD_YEAR) == 0 {
        return Some(if values & SHORT_YEAR != 0 { TextReason::ShortYears } else { TextReason::OddYears });
    }
    (values & !(TEXT | odd) != 0).then_some(TextReason::Mixed)
}
