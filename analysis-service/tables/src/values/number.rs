//! Numbers in text: what they are, and their value. A number counts only when its text is the one way to write it
//! as far as digits go: no leading zeros, nothing that a 64-bit integer cannot hold. Zeros at the end of a fraction, digits
//! that a float does not have and plus signs are told.

use super::odd::DIALLED_DIGITS;
use super::{BARE, BIG, DIALLED, EXPONENT, FLOAT, HUGE, INT, Kinds, NEGATIVE, PADDED, PLUS, ROUNDED, TEXT, written};

/// Largest magnitude up to which every whole number is exact as `f64`.
const EXACT_FLOAT_MAX: u64 = 1 << 53;
/// Digits that always fit `i64`.
const SAFE_DIGITS: usize = 18;
/// Digits of the largest `i64`.
const MAX_DIGITS: usize = 19;
/// Numbers longer than this have more digits than the short way holds.
const SHORT_FLOAT_BYTES: usize = 17;
/// Digits that every float keeps.
const FLOAT_DIGITS: usize = 15;
/// Digits up to which it is looked in whole numbers whether a float has just these, and places after the point.
const NEAR_DIGITS: usize = 17;
const NEAR_PLACES_MAX: usize = 22;
/// Digits from which on a number may be too small for a float, whatever its exponent of two digits.
const UNDERFLOW_DIGITS: usize = 200;
/// With an exponent it was a program that wrote the number, and it had a float: C's `%.18e`, NumPy's own, writes so many.
const EXPONENT_DIGITS: usize = 19;
/// Digits up to which it is looked whether a float has just these; a float has at most 767.
const DIGITS_MAX: usize = 1_000;
/// Powers of ten that `f64` holds exactly.
pub(super) const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// `INT`, `FLOAT` or `TEXT` with their companions; `cell` begins with a digit, a sign or `.`.
#[inline]
pub(crate) fn classify(cell: &[u8]) -> Kinds {
    if let Some(number) = cell.strip_prefix(b"+") {
        return classify_plus(number);
    }
    let (negative, digits) = split_sign(cell);
    let whole = count_digits(digits);
    if whole == digits.len() && whole > 0 {
        return classify_whole(negative, digits);
    }
    classify_fraction(cell, digits, whole)
}

/// What stands behind a plus sign. A whole number of more digits than every float has is none, but a code.
fn classify_plus(number: &[u8]) -> Kinds {
    let whole = count_digits(number);
    if whole == number.len() {
        return match number {
            [b'0'] => INT | PLUS,
            [] | [b'0', ..] => TEXT,
            _ if whole > FLOAT_DIGITS => TEXT,
            _ if whole >= DIALLED_DIGITS => INT | PLUS | DIALLED,
            _ => INT | PLUS,
        };
    }
    match classify_fraction(number, number, whole) {
        kinds if kinds & FLOAT != 0 => kinds | PLUS,
        kinds => kinds,
    }
}

fn classify_whole(negative: bool, digits: &[u8]) -> Kinds {
    if digits[0] == b'0' {
        return match (digits.len(), negative) {
            (1, false) => INT,
            (1, true) => FLOAT,
            _ => TEXT | PADDED,
        };
    }
    // 15 digits are below 2^53.
    let int = if negative { INT | NEGATIVE } else { INT };
    if digits.len() <= 15 {
        return int;
    }
    match parse_i64(negative, digits) {
        Some(value) if value.unsigned_abs() <= EXACT_FLOAT_MAX => int,
        Some(_) => int | BIG,
        None => TEXT | HUGE,
    }
}

fn classify_fraction(cell: &[u8], digits: &[u8], whole: usize) -> Kinds {
    if whole > 1 && digits[0] == b'0' {
        return TEXT;
    }
    let mut rest = &digits[whole..];
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix(b".") {
        fraction = count_digits(after);
        rest = &after[fraction..];
    }
    if whole + fraction == 0 {
        return TEXT;
    }
    let far = whole + fraction > UNDERFLOW_DIGITS;
    if rest.is_empty() {
        if far && !is_in_reach(cell) {
            return TEXT;
        }
        return FLOAT | written(fraction, digits[digits.len() - 1]) | rounded(cell, whole + fraction, FLOAT_DIGITS);
    }
    let [b'e' | b'E', exponent @ ..] = rest else { return TEXT };
    let unsigned = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
    let count = count_digits(unsigned);
    if count == 0 || count != unsigned.len() {
        return TEXT;
    }
    if (count > 2 || far) && !is_in_reach(cell) {
        return TEXT;
    }
    let bare = digits[whole] != b'.' && unsigned.len() == exponent.len();
    FLOAT | if bare { BARE } else { EXPONENT } | rounded(cell, whole + fraction, EXPONENT_DIGITS)
}

/// Whether a float comes near the number: it is not beyond the largest, and no zero unless the number is one.
fn is_in_reach(cell: &[u8]) -> bool {
    let float = parse_f64(cell).filter(|float| float.is_finite());
    float.is_some_and(|float| float != 0.0 || significant(cell).next().is_none())
}

/// [`ROUNDED`] where the number has more digits than a float tells, and they are not the float's own.
#[inline]
fn rounded(cell: &[u8], digits: usize, kept_digits: usize) -> Kinds {
    if digits <= kept_digits || is_kept(cell, kept_digits).unwrap_or_default() { 0 } else { ROUNDED }
}

fn is_kept(cell: &[u8], kept_digits: usize) -> Option<bool> {
    let count = significant(cell).count();
    if count <= kept_digits {
        return Some(true);
    }
    if count <= NEAR_DIGITS
        && let Some(near) = is_near(cell)
    {
        return Some(near);
    }
    let own = format!("{:.*e}", count.min(DIGITS_MAX) - 1, parse_f64(cell)?);
    Some(significant(own.as_bytes()).eq(significant(cell)))
}

/// What [`is_kept`] tells, for most numbers of up to [`NEAR_DIGITS`] digits without an exponent: whether the float is within
/// half a unit of the last digit. `None` where the whole numbers for that have no room.
fn is_near(cell: &[u8]) -> Option<bool> {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const SHIFT_MAX: u32 = 69;
    let (_, cell) = split_sign(cell);
    let point = cell.iter().position(|byte| *byte == b'.')?;
    let last = cell.iter().rposition(|byte| matches!(byte, b'1'..=b'9'))?;
    let places = last.checked_sub(point).filter(|places| *places <= NEAR_PLACES_MAX)?;
    if !cell.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return None;
    }
    let written = cell[..=last].iter().filter(|byte| **byte != b'.');
    let written = written.fold(0u128, |number, digit| number * 10 + u128::from(digit - b'0'));
    let bits = parse_f64(cell)?.to_bits();
    let shift = 1_075u32.checked_sub(u32::try_from(bits >> FRACTION_BITS).ok()?).filter(|by| *by <= SHIFT_MAX)?;
    let mantissa = u128::from(bits & ((1 << FRACTION_BITS) - 1) | 1 << FRACTION_BITS);
    let held = mantissa * 10u128.pow(u32::try_from(places).ok()?);
    Some((written << shift).abs_diff(held) * 2 <= 1 << shift)
}

/// Digits of a number without the zeros around them.
fn significant(number: &[u8]) -> impl Iterator<Item = &u8> {
    let end = number.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(number.len());
    let counts = |byte: &u8| matches!(byte, b'1'..=b'9');
    let end = number[..end].iter().rposition(counts).map_or(0, |last| last + 1);
    let start = number[..end].iter().position(counts).unwrap_or(end);
    number[start..end].iter().filter(|byte| byte.is_ascii_digit())
}

/// `inf`, `infinity`, with a sign or none, in any case.
pub(crate) fn is_infinity(cell: &[u8]) -> bool {
    let (_, word) = split_sign(cell);
    word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity")
}

fn split_sign(cell: &[u8]) -> (bool, &[u8]) {
    match cell {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, cell),
    }
}

#[inline]
fn count_digits(bytes: &[u8]) -> usize {
    let mut count = 0;
    while count < bytes.len() && bytes[count].wrapping_sub(b'0') < 10 {
        count += 1;
    }
    count
}

/// The value of a cell that [`classify`] called `INT`.
#[inline]
pub(crate) fn int(trimmed: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(trimmed);
    parse_i64(negative, digits)
}

#[inline]
fn parse_i64(negative: bool, digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return None;
    }
    let mut value: u64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits always fit u64.
        value = value * 10 + u64::from(digit);
    }
    if digits.len() <= SAFE_DIGITS {
        let value = value.cast_signed();
        return Some(if negative { -value } else { value });
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// The value of a cell that [`classify`] called `FLOAT` or `INT`, correctly rounded.
#[inline]
pub(crate) fn float(trimmed: &[u8]) -> Option<f64> {
    let (negative, digits) = split_sign(trimmed);
    if digits.len() > SHORT_FLOAT_BYTES {
        return parse_f64(trimmed);
    }
    let mut mantissa: u64 = 0;
    let mut point = None;
    for (at, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            // At most 17 digits never overflow.
            mantissa = mantissa * 10 + u64::from(digit);
        } else if byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return parse_f64(trimmed);
        }
    }
    let scale = point.map_or(0, |at| digits.len() - at - 1);
    if mantissa > EXACT_FLOAT_MAX || scale >= POWERS.len() {
        return parse_f64(trimmed);
    }
    // Both are exact, so one division rounds once, correctly.
    #[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
    let value = mantissa as f64 / POWERS[scale];
    Some(if negative { -value } else { value })
}

fn parse_f64(cell: &[u8]) -> Option<f64> {
    fast_float2::parse(cell.strip_prefix(b"+").unwrap_or(cell)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_that_change_are_told_from_those_that_a_float_has() {
        for own in ["0.30000000000000004", "0.1234567890123456", "-12345.678901234567", "1.7976931348623157", "1e-99"] {
            assert_eq!(classify(own.as_bytes()) & (ROUNDED | TEXT), 0, "{own}");
        }
        for other in ["90071992547409.93", "99999999999999.99", "-999999999999999.99", "9007199254740993.0"] {
            assert_eq!(classify(other.as_bytes()) & (ROUNDED | FLOAT), ROUNDED | FLOAT, "{other}");
        }
        let small = format!("0.{}1", "0".repeat(400));
        for beyond in ["1e-400", "1e309", "-1.5E-999", small.as_str()] {
            assert_eq!(classify(beyond.as_bytes()) & (FLOAT | TEXT), TEXT, "{beyond}");
        }
        assert_eq!(classify(b"0e-400") & (FLOAT | TEXT), FLOAT);
    }

    proptest! {
        #[test]
        fn whole_numbers_tell_of_kept_digits_what_writing_them_out_does(text in "[1-9][0-9]{0,12}\\.[0-9]{2,15}[1-9]") {
            let count = significant(text.as_bytes()).count();
            if count > FLOAT_DIGITS && count <= NEAR_DIGITS {
                let own = format!("{:.*e}", count - 1, parse_f64(text.as_bytes()).unwrap());
                let kept = significant(own.as_bytes()).eq(significant(text.as_bytes()));
                prop_assert_eq!(is_near(text.as_bytes()), Some(kept), "{}", text);
            }
        }

        #[test]
        fn every_float_comes_back_bit_for_bit(value in proptest::num::f64::NORMAL) {
            for text in [format!("{value:?}"), format!("{value}")] {
                prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), Some(value.to_bits()), "{}", text);
            }
        }

        #[test]
        fn short_decimals_round_as_the_standard_library_does(text in "-?[0-9]{1,12}\\.[0-9]{0,12}") {
            prop_assert_eq!(float(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn every_whole_number_comes_back(value: i64) {
            prop_assert_eq!(int(value.to_string().as_bytes()), Some(value));
            prop_assert!(classify(value.to_string().as_bytes()) & INT != 0);
        }
    }
}
