//! Numbers in text: what they are, and their value. A number counts only when its text is the one way to write it
//! as far as digits go: no leading zeros, no plus sign, nothing that a 64-bit integer cannot hold.

use super::{BIG, FLOAT, HUGE, INT, Kinds, PADDED, ROUNDED, TEXT};

/// Largest magnitude up to which every whole number is exact as `f64`.
const EXACT_FLOAT_MAX: u64 = 1 << 53;
/// Digits that always fit `i64`.
const SAFE_DIGITS: usize = 18;
/// Digits of the largest `i64`.
const MAX_DIGITS: usize = 19;
/// Numbers longer than this have more digits than the short way holds.
const SHORT_FLOAT_BYTES: usize = 17;
/// Digits that tell a float from every other.
const FLOAT_DIGITS: usize = 17;
/// With an exponent it was a program that wrote the number, and it had a float: C's `%.18e`, NumPy's own, writes so many.
const EXPONENT_DIGITS: usize = 19;
/// Digits up to which it is looked whether a float has just these; a float has at most 767.
const DIGITS_MAX: usize = 1_000;
/// Powers of ten that `f64` holds exactly.
pub(super) const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// `INT`, `FLOAT` or `TEXT` with their companions; `cell` begins with a digit, `-` or `.`.
#[inline]
pub(crate) fn classify(cell: &[u8]) -> Kinds {
    let (negative, digits) = split_sign(cell);
    let whole = count_digits(digits);
    if whole == digits.len() && whole > 0 {
        return classify_whole(negative, digits);
    }
    classify_fraction(cell, digits, whole)
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
    if digits.len() <= 15 {
        return INT;
    }
    match parse_i64(negative, digits) {
        Some(value) if value.unsigned_abs() <= EXACT_FLOAT_MAX => INT,
        Some(_) => INT | BIG,
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
    if rest.is_empty() {
        return FLOAT | rounded(cell, whole + fraction, FLOAT_DIGITS);
    }
    let [b'e' | b'E', exponent @ ..] = rest else { return TEXT };
    let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
    let digits = count_digits(exponent);
    if digits == 0 || digits != exponent.len() {
        return TEXT;
    }
    if digits > 2 && !parse_f64(cell).is_some_and(f64::is_finite) {
        return TEXT;
    }
    FLOAT | rounded(cell, whole + fraction, EXPONENT_DIGITS)
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
    let own = format!("{:.*e}", count.min(DIGITS_MAX) - 1, parse_f64(cell)?);
    Some(significant(own.as_bytes()).eq(significant(cell)))
}

/// Digits of a number without the zeros around them.
fn significant(number: &[u8]) -> impl Iterator<Item = &u8> {
    let end = number.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(number.len());
    let counts = |byte: &u8| matches!(byte, b'1'..=b'9');
    let end = number[..end].iter().rposition(counts).map_or(0, |last| last + 1);
    let start = number[..end].iter().position(counts).unwrap_or(end);
    number[start..end].iter().filter(|byte| byte.is_ascii_digit())
}

/// `inf`, `infinity`, with a minus sign or none, in any case.
pub(crate) fn is_infinity(cell: &[u8]) -> bool {
    let (_, word) = split_sign(cell);
    word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity")
}

fn split_sign(cell: &[u8]) -> (bool, &[u8]) {
    match cell.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, cell),
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
    fast_float2::parse(cell).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
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
