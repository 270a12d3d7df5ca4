//! What one cell's text could be, as a set of bits, and what a whole column is once the bits of every cell are
//! joined. Bits only ever widen, so chunks of a column can be looked at in any order and merged by `|`.

mod clock;
mod decide;
pub(crate) mod number;
mod odd;
pub(crate) mod quick;
pub(crate) mod temporal;
mod weekday;

pub(crate) use decide::{DATES, Held, NUMBERS, TextReason, decide};
use temporal::{Civil, Clock};

/// A set of the `*` bits below.
pub(crate) type Kinds = u64;

/// A whole number that fits `i64` and has one way to be written.
pub(crate) const INT: Kinds = 1;
/// Set with [`INT`]: too large to be held exactly as a float.
pub(crate) const BIG: Kinds = 1 << 1;
/// A number with a fraction or an exponent, or an infinity.
pub(crate) const FLOAT: Kinds = 1 << 2;
/// `true` or `false` in any case.
pub(crate) const BOOL: Kinds = 1 << 3;
/// A time of day.
pub(crate) const TIME: Kinds = 1 << 4;
/// A marker of a missing value, such as `NA`; also nothing but blanks.
pub(crate) const NA: Kinds = 1 << 5;
/// Anything else.
pub(crate) const TEXT: Kinds = 1 << 6;
/// A date whose order is plain: ISO and its kin, 2024年1月2日, 2 Jan 2024.
pub(crate) const PLAIN: Kinds = 1 << 7;
/// 31/1/2024: the day must come first.
pub(crate) const DAY_FIRST: Kinds = 1 << 8;
/// 1/31/2024: the month must come first.
pub(crate) const MONTH_FIRST: Kinds = 1 << 9;
/// 1/2/2024: may be either.
pub(crate) const EITHER_FIRST: Kinds = 1 << 10;
/// A date without a time.
pub(crate) const DAY: Kinds = 1 << 11;
/// A date and a time, no zone.
pub(crate) const MOMENT: Kinds = 1 << 12;
/// A date, a time and a zone.
pub(crate) const ZONED: Kinds = 1 << 13;
/// More than six digits of a second.
pub(crate) const NANOS: Kinds = 1 << 14;
/// A year that nanoseconds in 64 bits cannot reach.
pub(crate) const FAR_YEAR: Kinds = 1 << 15;
/// Set with [`TEXT`]: digits only, too many for `i64`.
pub(crate) const HUGE: Kinds = 1 << 16;
/// Set with [`TEXT`]: a number written with leading zeros.
pub(crate) const PADDED: Kinds = 1 << 17;
/// Set with [`TEXT`]: a number with thousands separators, a percent sign or a currency.
pub(crate) const DRESSED: Kinds = 1 << 18;
/// Set with [`FLOAT`]: it has digits that a float does not hold.
pub(crate) const ROUNDED: Kinds = 1 << 19;
/// Set with [`FLOAT`]: digits, an `e` and digits, as codes have it.
pub(crate) const BARE: Kinds = 1 << 20;
/// Set with [`FLOAT`]: another number with an exponent.
pub(crate) const EXPONENT: Kinds = 1 << 21;
/// Set with [`FLOAT`]: a fraction of two places or more that ends in zero.
pub(crate) const ZERO_ENDED: Kinds = 1 << 22;
/// Set with [`FLOAT`] of a fraction, from this bit on: its places, and beside them their complement. Where two that differ
/// are joined, a bit is set in both.
const PLACES_AT: u32 = 23;
const PLACES_MASK: Kinds = (1 << 3) - 1;
pub(crate) const PLACES: Kinds = (PLACES_MASK | PLACES_MASK << 3) << PLACES_AT;
/// A date of numbers with points, month and day not both of two digits, as versions have it: 2024.1.10.
pub(crate) const DOTTED: Kinds = 1 << 29;
/// Set with [`TEXT`]: a date whose year has two digits.
pub(crate) const SHORT_YEAR: Kinds = 1 << 30;
/// Set with [`TEXT`]: three numbers that are a day of a year in which few days of tables are.
pub(crate) const ODD_YEAR: Kinds = 1 << 31;
/// Set with [`INT`]: below zero.
pub(crate) const NEGATIVE: Kinds = 1 << 54;
/// Set with [`INT`] or [`FLOAT`]: it has a plus sign.
pub(crate) const PLUS: Kinds = 1 << 55;
/// Set with [`PLUS`]: a whole number that people may dial.
pub(crate) const DIALLED: Kinds = 1 << 56;

/// Set with [`ZONED`], from these bits on: minutes east of UTC, from [`WEST_MAX`] west, and beside them their complement.
/// Where two that differ are joined, a bit is set in both.
const OFFSET_AT: u32 = 32;
const OFFSET_BITS: u32 = 11;
const OFFSET_MASK: Kinds = (1 << OFFSET_BITS) - 1;
const OFFSET: Kinds = (OFFSET_MASK | OFFSET_MASK << OFFSET_BITS) << OFFSET_AT;
/// Minutes of the farthest offset, 15:59.
const WEST_MAX: i64 = 959;

/// Nanosecond timestamps reach from 1677 to 2262.
const NANOS_YEARS: std::ops::RangeInclusive<i32> = 1678..=2261;
/// Longest marker in [`is_missing_marker`].
const MARKER_MAX_BYTES: usize = 4;

/// Text without blanks around it.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    if bytes.first().is_some_and(blank) || bytes.last().is_some_and(blank) {
        let start = bytes.iter().position(|b| !blank(b)).unwrap_or(bytes.len());
        let end = bytes.iter().rposition(|b| !blank(b)).map_or(start, |i| i + 1);
        return &bytes[start..end];
    }
    bytes
}

/// `NA`, `N/A`, `#N/A`, `null`, `NaN`, `NaT`, `None`, `-`, in any case; or nothing.
pub(crate) fn is_missing_marker(trimmed: &[u8]) -> bool {
    const MARKERS: [&[u8]; 8] = [b"na", b"n/a", b"#n/a", b"null", b"nan", b"nat", b"none", b"-"];
    trimmed.len() <= MARKER_MAX_BYTES && (trimmed.is_empty() || MARKERS.iter().any(|m| trimmed.eq_ignore_ascii_case(m)))
}

/// Whether a marker of a missing value is a word that may have been meant otherwise: a dash or `none` for nought, `na` for a
/// name. What programs write for missing values, such as NA, NaN and null, is no surprise to anybody.
pub(crate) fn is_doubtful_marker(trimmed: &[u8]) -> bool {
    let is = |word: &&[u8]| trimmed.eq_ignore_ascii_case(word);
    is(&b"-".as_slice()) || is(&b"none".as_slice()) || (is(&b"na".as_slice()) && trimmed != b"NA")
}

/// What a cell that is not empty could be.
#[inline]
pub(crate) fn classify(cell: &[u8]) -> Kinds {
    let cell = trim(cell);
    let Some(&first) = cell.first() else { return NA };
    if first.is_ascii_digit() || matches!(first, b'-' | b'.' | b'+') {
        let kinds = number::classify(cell);
        if kinds != TEXT {
            return kinds;
        }
        return classify_rest(cell, first);
    }
    if cell.len() <= MARKER_MAX_BYTES && is_missing_marker(cell) {
        return NA;
    }
    if parse_bool(cell).is_some() {
        return BOOL;
    }
    if number::is_infinity(cell) {
        return FLOAT;
    }
    if first.is_ascii_alphabetic() {
        return temporal::parse(cell).map_or(TEXT, |civil| date_kinds(&civil));
    }
    if !first.is_ascii()
        && let Some(time) = temporal::parse_time(cell)
    {
        return time_kinds(time);
    }
    odd::classify(cell)
}

/// Starts like a number but is none.
fn classify_rest(cell: &[u8], first: u8) -> Kinds {
    if first.is_ascii_digit() {
        if let Some(time) = temporal::parse_time(cell) {
            return time_kinds(time);
        }
        match temporal::parse(cell) {
            Some(civil) => return date_kinds(&civil),
            None if temporal::has_odd_year(cell) => return TEXT | ODD_YEAR,
            None => {}
        }
    } else if is_missing_marker(cell) {
        return NA;
    } else if number::is_infinity(cell) {
        return FLOAT;
    }
    odd::classify(cell)
}

/// Times of day are held to the microsecond.
fn time_kinds(time: Clock) -> Kinds {
    if time.nanos % 1_000 == 0 { TIME } else { TEXT }
}

fn date_kinds(civil: &Civil) -> Kinds {
    let mut kinds = match civil.order() {
        None => PLAIN,
        Some((true, true)) => EITHER_FIRST,
        Some((true, false)) => DAY_FIRST,
        Some((false, _)) => MONTH_FIRST,
    };
    kinds |= match (civil.time, civil.offset_secs) {
        (None, _) => DAY,
        (Some(_), None) => MOMENT,
        (Some(_), Some(secs)) => ZONED | offset_kinds(secs / 60),
    };
    if civil.time.is_some_and(|time| time.nanos % 1_000 != 0) {
        kinds |= NANOS;
    }
    if civil.dotted {
        kinds |= DOTTED;
    }
    kinds | far_year(civil.year)
}

fn offset_kinds(minutes: i64) -> Kinds {
    let from_west = (minutes + WEST_MAX).cast_unsigned() & OFFSET_MASK;
    (from_west | (!from_west & OFFSET_MASK) << OFFSET_BITS) << OFFSET_AT
}

/// Minutes east of UTC of values that name their zone, where all name the same.
pub(crate) fn offset_minutes(kinds: Kinds) -> Option<i16> {
    let (from_west, complement) = (kinds >> OFFSET_AT & OFFSET_MASK, kinds >> (OFFSET_AT + OFFSET_BITS) & OFFSET_MASK);
    let same = kinds & ZONED != 0 && from_west & complement == 0;
    i16::try_from(from_west.cast_signed() - WEST_MAX).ok().filter(|_| same)
}

/// What is set with [`FLOAT`] for a fraction of so many places that ends with `last`.
#[inline]
pub(crate) const fn written(places: usize, last: u8) -> Kinds {
    let places = if (places as Kinds) < PLACES_MASK { places as Kinds } else { PLACES_MASK };
    let zero = if places > 1 && last == b'0' { ZERO_ENDED } else { 0 };
    zero | (places | (!places & PLACES_MASK) << 3) << PLACES_AT
}

/// Whether fractions are written as those of codes may be, in which 1.1 and 1.10 differ.
pub(crate) fn are_like_codes(kinds: Kinds) -> bool {
    let (places, complement) = (kinds >> PLACES_AT & PLACES_MASK, kinds >> (PLACES_AT + 3) & PLACES_MASK);
    kinds & ZERO_ENDED != 0 && places & complement != 0
}

/// Whether values that are held so are shown in UTC though they name other offsets.
pub(crate) fn is_moved_to_utc(held: Held, kinds: Kinds) -> bool {
    held.zone().is_some() && offset_minutes(kinds).is_none()
}

/// Seconds east of UTC of an offset as text has it, such as `+08:00`.
pub(crate) fn offset_secs(text: &str) -> Option<i64> {
    let mut scan = clock::Scan(text.as_bytes());
    clock::zone(&mut scan)?.filter(|_| scan.done())
}

fn far_year(year: i32) -> Kinds {
    if NANOS_YEARS.contains(&year) { 0 } else { FAR_YEAR }
}

pub(crate) fn parse_bool(trimmed: &[u8]) -> Option<bool> {
    if trimmed.eq_ignore_ascii_case(b"true") {
        Some(true)
    } else if trimmed.eq_ignore_ascii_case(b"false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::temporal::Order;
    use super::*;

    fn held(cells: &[&str]) -> Held {
        decide(cells.iter().fold(0, |kinds, cell| kinds | classify(cell.as_bytes()))).0
    }

    #[test]
    fn whole_numbers_keep_every_digit_or_stay_text() {
        assert_eq!(held(&["1", "-20", "0", "9223372036854775807"]), Held::Int);
        assert_eq!(held(&["1", "NA", "", " ", "-", "None"]), Held::Int);
        for odd in
            ["001", "+5", "+05", "9223372036854775808", "-0", "--1", "1_000", "0x10", "1,000", "12%", "-01", "００"]
        {
            let expected = if odd == "-0" { Held::Float } else { Held::Text };
            assert_eq!(held(&["1", odd]), expected, "{odd}");
        }
    }

    #[test]
    fn floats_never_swallow_a_whole_number_they_cannot_hold() {
        assert_eq!(held(&["1.5", "2", "1e-3", ".5", "5.", "-inf", "NaN"]), Held::Float);
        assert_eq!(held(&["1.5", "9007199254740993"]), Held::Text);
        assert_eq!(held(&["1e999"]), Held::Text);
        assert_eq!(held(&["12e5", "34e2", "7"]), Held::Text);
        assert_eq!(held(&["12e5", "0.5"]), Held::Float);
        assert_eq!(held(&["1e5", "1e-5"]), Held::Float);
        for odd in ["1.2.3.4", "1e", "e5", ".", "-.", "1.5.", "00.5", "+00.5", "+-1.5", "+"] {
            assert_eq!(held(&[odd]), Held::Text, "{odd}");
        }
    }

    #[test]
    fn a_plus_sign_is_one_where_other_signs_or_fractions_are() {
        for numbers in [&["+3", "-2", "0"][..], &["+3", "-12"]] {
            assert_eq!(held(numbers), Held::Int, "{numbers:?}");
        }
        for numbers in [&["+1.5", "-2"][..], &["+3", "0.5"], &["+1e-3"]] {
            assert_eq!(held(numbers), Held::Float, "{numbers:?}");
        }
        let decided = |cells: &[&str]| decide(cells.iter().fold(0, |kinds, cell| kinds | classify(cell.as_bytes())));
        assert_eq!(decided(&["+86", "+1", "44"]), (Held::Text, Some(TextReason::PlusSigns)));
        assert_eq!(decided(&["+8613800000000", "13800000000"]), (Held::Text, None));
        assert_eq!(decided(&["+8613800000000", "-1"]), (Held::Text, Some(TextReason::PlusSigns)));
        assert_eq!(number::int(b"+3"), Some(3));
        assert_eq!(number::float(b"+1.5"), Some(1.5));
        assert_eq!(number::float(b"+1.5e300"), Some(1.5e300));
    }

    #[test]
    fn booleans_are_words_and_never_digits() {
        assert_eq!(held(&["true", "False", "TRUE", "null"]), Held::Bool);
        assert_eq!(held(&["0", "1"]), Held::Int);
        assert_eq!(held(&["true", "1"]), Held::Text);
        assert_eq!(held(&["yes", "no"]), Held::Text);
    }

    #[test]
    fn markers_alone_are_text() {
        assert_eq!(held(&["NA", "-"]), Held::Text);
        assert_eq!(held(&["NA", "Namibia"]), Held::Text);
    }

    #[test]
    fn a_day_is_a_day_in_every_plain_form() {
        let plain =
            ["2024-01-02", "2024/1/2", "2024年1月2日", "2024.01.02", "Jan 2 2024", "2 January 2024", "02-Jan-2024"];
        for day in plain {
            assert_eq!(held(&[day]), Held::Date(Order::Plain), "{day}");
        }
        for odd in [
            "1001-01-01",
            "1403-12-1",
            "1001.01.01",
            "2024-13-01",
            "2023-02-29",
            "2024-00-10",
            "2024-1-2-3",
            "24-01-02",
            "2024/1",
            "1/2/24",
            "2024-01-02x",
        ] {
            assert_eq!(held(&[odd]), Held::Text, "{odd}");
        }
    }

    #[test]
    fn the_whole_column_decides_the_order_of_day_and_month() {
        assert_eq!(held(&["01/02/2024", "31/01/2024"]), Held::Date(Order::DayFirst));
        assert_eq!(held(&["01/02/2024", "01/31/2024"]), Held::Date(Order::MonthFirst));
        let ambiguous = classify(b"01/02/2024");
        assert_eq!(decide(ambiguous), (Held::Text, Some(TextReason::AmbiguousDates)));
        assert_eq!(held(&["31/01/2024", "01/31/2024"]), Held::Text);
        assert_eq!(held(&["31/01/2024", "2024-01-31"]), Held::Text);
    }

    #[test]
    fn moments_with_and_without_a_zone_do_not_mix() {
        let moment = |offset_minutes, nanos| Held::Moment { order: Order::Plain, offset_minutes, nanos };
        assert_eq!(held(&["2024-01-02 03:04", "2024-01-02T03:04:05.678901", "2024-01-02"]), moment(None, false));
        assert_eq!(held(&["2024-01-02T03:04:05Z", "2024-01-02 03:04:05+00:00"]), moment(Some(0), false));
        assert_eq!(held(&["2024-01-02T03:04:05.123456789"]), moment(None, true));
        assert_eq!(held(&["2024-01-02T03:04:05Z", "2024-01-02T03:04:05"]), Held::Text);
        assert_eq!(held(&["2024/1/2 8:05", "2024年1月2日 8时5分"]), moment(None, false));
        assert_eq!(held(&["2024-01-02 25:00"]), Held::Text);
    }

    #[test]
    fn an_offset_is_kept_where_all_values_have_it() {
        let offset = |cells: &[&str]| match held(cells) {
            Held::Moment { offset_minutes, .. } => offset_minutes,
            other => panic!("{cells:?}: {other:?}"),
        };
        let texts = [("Z", 0), ("+08:00", 480), ("-0500", -300), ("+05:53", 353), ("-15:59", -959), ("+15:59", 959)];
        for (text, minutes) in texts {
            let cell = format!("2024-01-02 03:04:05{text}");
            assert_eq!(offset(&[&cell, &cell]), Some(minutes), "{text}");
            for (other, _) in texts.iter().filter(|(other, _)| *other != text) {
                assert_eq!(offset(&[&cell, &format!("2024-01-02 03:04:05{other}")]), Some(0), "{text} {other}");
            }
        }
    }

    #[test]
    fn times_of_day() {
        assert_eq!(held(&["8:05", "23:59:59.5", "00:00"]), Held::Time);
        assert_eq!(held(&["24:00"]), Held::Text);
        assert_eq!(held(&["8:05", "2024-01-02"]), Held::Text);
    }
}
