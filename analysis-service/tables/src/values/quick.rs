//! Short ways for the cells that are met most: whole numbers, decimals and ISO days, eight bytes at a time. `None` says
//! only that the long way (`classify` and the parsers beside it) has to decide; a value is what the long way gives.

use super::number::POWERS;
use super::{FLOAT, INT, Kinds, NEGATIVE, temporal};

const ZEROS: u64 = 0x3030_3030_3030_3030;
const POINTS: u64 = 0x2e2e_2e2e_2e2e_2e2e;
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// Added to a byte, it reaches the highest bit from 10 on.
const ABOVE_NINE: u64 = 0x7676_7676_7676_7676;
/// Bytes of a word.
const WORD: usize = 8;
/// Digits that are exact as `f64` whatever they are, so that `BIG` and `HUGE` need not be asked about.
const DIGITS_MAX: usize = 15;

/// Eight bytes of the text, the first one lowest; the cell may end before them.
#[inline]
fn word(data: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*data.get(at..)?.first_chunk()?))
}

/// The number in the first `count` bytes of a word, from 1 to 8, if they are digits.
#[inline]
fn digits(word: u64, count: usize) -> Option<u64> {
    // The first digits of eight are zeros.
    let digits = (word ^ ZEROS) << (64 - 8 * count);
    if (digits.wrapping_add(ABOVE_NINE) | digits) & HIGH != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10 * 256 + 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 * 65_536 + 1) >> 16 & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000 * (1 << 32) + 1) >> 32)
}

/// Up to fifteen digits, with no zero before others.
#[expect(clippy::inline_always, reason = "it is called for every number, and a call would cost as much as it does")]
#[inline(always)]
fn whole(data: &[u8], start: usize, end: usize) -> Option<u64> {
    let count = end.checked_sub(start).filter(|count| (1..=DIGITS_MAX).contains(count))?;
    if count > 1 && data[start] == b'0' {
        return None;
    }
    if count <= WORD {
        return digits(word(data, start)?, count);
    }
    Some(digits(word(data, start)?, count - WORD)? * 100_000_000 + digits(word(data, end - WORD)?, WORD)?)
}

/// The cell at `start..end` as a whole number.
#[inline]
pub(crate) fn int(data: &[u8], start: usize, end: usize) -> Option<(i64, Kinds)> {
    let negative = data[start] == b'-';
    let value = whole(data, start + usize::from(negative), end)?.cast_signed();
    // The zero with a minus sign is no whole number.
    if negative { (value != 0).then_some((-value, INT | NEGATIVE)) } else { Some((value, INT)) }
}

/// The cell as a number, if it is one of at most eight bytes, its sign left out.
#[inline]
pub(crate) fn float(data: &[u8], start: usize, end: usize) -> Option<(f64, Kinds)> {
    let negative = data[start] == b'-';
    let start = start + usize::from(negative);
    let count = end.checked_sub(start).filter(|count| (2..=WORD).contains(count));
    let Some(count) = count else { return int_as_float(data, start, end, negative) };
    let text = word(data, start)? & (u64::MAX >> (64 - 8 * count));
    let points = text ^ POINTS;
    let points = points.wrapping_sub(LOW) & !points & HIGH;
    if points == 0 {
        return int_as_float(data, start, end, negative);
    }
    let point = points.trailing_zeros() / 8;
    if point > 1 && data[start] == b'0' {
        return None;
    }
    let before = text & ((1 << (8 * point)) - 1);
    let after = text >> (8 * point) >> 8 << (8 * point);
    #[expect(clippy::cast_precision_loss, reason = "at most eight digits")]
    let value = digits(before | after, count - 1)? as f64 / POWERS[count - 1 - point as usize];
    let kinds = FLOAT | super::written(count - 1 - point as usize, data[end - 1]);
    Some((if negative { -value } else { value }, kinds))
}

#[inline]
fn int_as_float(data: &[u8], start: usize, end: usize, negative: bool) -> Option<(f64, Kinds)> {
    #[expect(clippy::cast_precision_loss, reason = "at most fifteen digits")]
    let value = whole(data, start, end)? as f64;
    if negative { (value != 0.0).then_some((-value, INT | NEGATIVE)) } else { Some((value, INT)) }
}

/// ISO days, 2024-01-31, of months that were met before.
#[derive(Default)]
pub(crate) struct Days([Month; MONTHS]);

/// A place for each month of a year, whichever.
const MONTHS: usize = 16;

/// A month that was met; the first, that none was.
#[derive(Clone, Copy, Default)]
struct Month {
    /// As it stands in the text, the dash behind it too.
    text: u64,
    /// Days since 1970-01-01 of its first day.
    first: i32,
    days: u32,
    kinds: Kinds,
}

impl Days {
    /// The cell in days since 1970-01-01.
    #[inline]
    pub(crate) fn day(&mut self, data: &[u8], start: usize, end: usize) -> Option<(i32, Kinds)> {
        if end - start != 10 {
            return None;
        }
        let text = word(data, start)?;
        // The number of the month: of its two digits `0` is 3 * 16.
        let [.., tens, ones, _] = text.to_le_bytes().map(usize::from);
        let place = (tens * 10 + ones) % MONTHS;
        if self.0[place].text != text {
            self.0[place] = month(text)?;
        }
        let month = self.0[place];
        let [tens, ones] = [data[start + 8], data[start + 9]].map(|byte| u32::from(byte.wrapping_sub(b'0')));
        let day = tens.wrapping_mul(10).wrapping_add(ones);
        (tens <= 9 && ones <= 9 && (1..=month.days).contains(&day))
            .then(|| (month.first + day.cast_signed() - 1, month.kinds))
    }
}

/// The month in `2024-01-`.
fn month(text: u64) -> Option<Month> {
    /// As [`ABOVE_NINE`], where the dashes are from 1 on.
    const WRONG: u64 = u64::from_le_bytes([0x76, 0x76, 0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f]);
    const DASHED: u64 = u64::from_le_bytes(*b"0000-00-");
    let digits = text ^ DASHED;
    if (digits.wrapping_add(WRONG) | digits) & HIGH != 0 {
        return None;
    }
    let digit = |at: u32| (digits >> (8 * at) & 0xff) as u32;
    let year = digit(0) * 1_000 + digit(1) * 100 + digit(2) * 10 + digit(3);
    let (first, days, kinds) = temporal::plain_month(year.cast_signed(), digit(5) * 10 + digit(6))?;
    Some(Month { text, first, days, kinds })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::temporal::Order;
    use super::super::{classify, number};
    use super::*;

    /// Each short way beside the long one, on a cell with text around it.
    fn compare(cell: &str) {
        let text = format!("7,{cell},8.5,2024-01-01");
        let (data, start, end) = (text.as_bytes(), 2, 2 + cell.len());
        let cell = cell.as_bytes();
        if let Some((value, kinds)) = int(data, start, end) {
            assert_eq!((Some(value), kinds), (number::int(cell), classify(cell)), "{text}");
        }
        if let Some((value, kinds)) = float(data, start, end) {
            let long = number::float(cell).map(f64::to_bits);
            assert_eq!((Some(value.to_bits()), kinds), (long, classify(cell)), "{text}");
        }
        if let Some((value, kinds)) = Days::default().day(data, start, end) {
            let long = temporal::parse(cell).and_then(|civil| civil.days(Order::Plain));
            assert_eq!((Some(value), kinds), (long, classify(cell)), "{text}");
        }
    }

    #[test]
    fn the_commonest_cells_go_the_short_way() {
        let found = |cell: &str| {
            compare(cell);
            let text = format!("{cell},and more");
            let (data, end) = (text.as_bytes(), cell.len());
            (int(data, 0, end).is_some(), float(data, 0, end).is_some(), Days::default().day(data, 0, end).is_some())
        };
        for cell in ["0", "7", "-7", "12345678", "123456789", "123456789012345", "-98765432"] {
            assert_eq!(found(cell), (true, true, false), "{cell}");
        }
        for cell in ["0.5", "1.25", "99999.99", ".5", "5.", "-0.5", "-0.0", "1234.567"] {
            assert_eq!(found(cell), (false, true, false), "{cell}");
        }
        assert_eq!(found("2024-02-29"), (false, false, true));
        for cell in
            ["007", "-0", "00.5", ".", "-", "1e5", "1.2.3", "2023-02-29", "2024-13-01", "1234567890123456", "1 2"]
        {
            assert_eq!(found(cell), (false, false, false), "{cell}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_what_the_long_way_gives(cell in "-?[0-9]{0,17}\\.?[0-9]{0,9}") {
            if !cell.is_empty() {
                compare(&cell);
            }
        }

        #[test]
        fn whatever_is_like_a_number_or_a_day(cell in "[-+0-9./:e ,]{1,12}") {
            compare(&cell);
        }

        #[test]
        fn days_are_what_the_long_way_gives(cell in "[0-9]{4}[-/][01][0-9][-.][0-3][0-9:]") {
            compare(&cell);
        }
    }
}
