//! Dates, times and moments in text. One parser serves both looking (what could this be) and taking (its value), so
//! that the two can never disagree.

pub(crate) use super::clock::Clock;
use super::clock::{Scan, clock, zone};
use super::{DAY, Kinds, PLAIN, weekday};

/// How day and month stand in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The text says it itself: 2024-01-02, 2 Jan 2024.
    Plain,
    /// 2/1/2024 is the second of January.
    DayFirst,
    /// 1/2/2024 is the second of January.
    MonthFirst,
}

/// A date as written, with its time and zone if it had them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Civil {
    pub(crate) year: i32,
    /// The month, or the first of two numbers whose order is not plain.
    first: u32,
    /// The day, or the second of them.
    second: u32,
    plain: bool,
    /// Numbers with points, year first, month and day not both of two digits.
    pub(crate) dotted: bool,
    pub(crate) time: Option<Clock>,
    pub(crate) offset_secs: Option<i64>,
}

impl Civil {
    /// `None` when plain, else whether it is a date with the day first, and with the month first.
    pub(crate) fn order(&self) -> Option<(bool, bool)> {
        if self.plain {
            return None;
        }
        Some((valid(self.year, self.second, self.first), valid(self.year, self.first, self.second)))
    }

    /// Days since 1970-01-01.
    pub(crate) fn days(&self, order: Order) -> Option<i32> {
        let (month, day) = match (self.plain, order) {
            (true, Order::Plain) | (false, Order::MonthFirst) => (self.first, self.second),
            (false, Order::DayFirst) => (self.second, self.first),
            _ => return None,
        };
        valid(self.year, month, day).then(|| days_from_civil(self.year, month, day))
    }

    /// Nanoseconds or microseconds since 1970-01-01T00:00, of UTC when the text named its zone.
    pub(crate) fn instant(&self, order: Order, nanos: bool) -> Option<i64> {
        let time = self.time.unwrap_or(Clock { secs: 0, nanos: 0 });
        let secs = i64::from(self.days(order)?) * 86_400 + time.secs - self.offset_secs.unwrap_or(0);
        if nanos {
            secs.checked_mul(1_000_000_000)?.checked_add(time.nanos)
        } else {
            secs.checked_mul(1_000_000)?.checked_add(time.nanos / 1_000)
        }
    }
}

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).
#[inline]
pub(crate) fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = month.cast_signed();
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day.cast_signed() - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The last day of a month; 0 for what is no month.
#[inline]
fn last_day(year: i32, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

#[inline]
fn valid(year: i32, month: u32, day: u32) -> bool {
    (1..=last_day(year, month)).contains(&day)
}

/// Days since 1970-01-01 of the first day of a month in plain order, how many days it has, and their kinds; `None` for a
/// month that is in no calendar.
pub(super) fn plain_month(year: i32, month: u32) -> Option<(i32, u32, Kinds)> {
    let days = last_day(year, month);
    (days > 0 && is_plausible(year))
        .then(|| (days_from_civil(year, month, 1), days, PLAIN | DAY | super::far_year(year)))
}

/// Years of days that are written as three numbers, the year first; others are more likely codes. Days at the ends of
/// the calendar stand for "always" and "never".
const DAY_YEARS: std::ops::RangeInclusive<i32> = 1500..=2300;

fn is_plausible(year: i32) -> bool {
    DAY_YEARS.contains(&year) || year == 1 || year == 9999
}

/// A date, with or without a time; `None` when the text is anything else.
pub(crate) fn parse(trimmed: &[u8]) -> Option<Civil> {
    read(trimmed).filter(|civil| !is_odd(civil, trimmed))
}

/// Whether it is a day as such, but of a year that makes it more likely a code.
pub(super) fn has_odd_year(trimmed: &[u8]) -> bool {
    read(trimmed).is_some_and(|civil| is_odd(&civil, trimmed))
}

fn is_odd(civil: &Civil, trimmed: &[u8]) -> bool {
    let numbers = trimmed.iter().take(4).all(u8::is_ascii_digit) && matches!(trimmed.get(4), Some(b'-' | b'/' | b'.'));
    numbers && civil.time.is_none() && !is_plausible(civil.year)
}

fn read(trimmed: &[u8]) -> Option<Civil> {
    /// "Wednesday, 30 September 2026 下午11时59分59.123456789秒 +08:00" is shorter.
    const TEXT_MAX_BYTES: usize = 80;
    if trimmed.len() < 8 || trimmed.len() > TEXT_MAX_BYTES {
        return None;
    }
    let mut scan = Scan(trimmed);
    let weekday = weekday::take(&mut scan);
    let year_last = weekday.and_then(|_| weekday::year_last(&mut scan)).filter(|_| scan.done());
    let mut civil = match (year_last, scan.0.first()) {
        (Some(civil), _) => civil,
        (None, Some(first)) if first.is_ascii_alphabetic() => month_name_first(&mut scan)?,
        _ => digits_first(&mut scan)?,
    };
    if civil.plain && !valid(civil.year, civil.first, civil.second) {
        return None;
    }
    if weekday.is_some_and(|weekday| !civil.days(Order::Plain).is_some_and(|days| weekday::is(weekday, days))) {
        return None;
    }
    if !civil.plain && civil.order() == Some((false, false)) {
        return None;
    }
    if scan.done() {
        return Some(civil);
    }
    if !scan.eat("T") {
        // Only after 日 may the time follow at once.
        let glued = trimmed[..trimmed.len() - scan.0.len()].ends_with("日".as_bytes());
        if !scan.eat(" ") && !glued {
            return None;
        }
        scan.blanks();
    }
    civil.time = Some(clock(&mut scan)?);
    civil.offset_secs = zone(&mut scan)?;
    scan.done().then_some(civil)
}

/// A time of day and nothing else.
pub(crate) fn parse_time(trimmed: &[u8]) -> Option<Clock> {
    // A number before a colon, or Chinese.
    if !trimmed.iter().take(3).any(|byte| *byte == b':' || !byte.is_ascii()) {
        return None;
    }
    let mut scan = Scan(trimmed);
    let time = clock(&mut scan)?;
    scan.done().then_some(time)
}

fn digits_first(scan: &mut Scan) -> Option<Civil> {
    let before = scan.0.len();
    let first = scan.number(1, 4)?;
    let digits = before - scan.0.len();
    if digits == 4 {
        return year_first(scan, first);
    }
    if digits > 2 {
        return None;
    }
    let separator = *scan.0.first()?;
    let rest = Scan(&scan.0[1..]);
    if rest.0.first()?.is_ascii_alphabetic() {
        if !matches!(separator, b' ' | b'-') {
            return None;
        }
        scan.0 = rest.0;
        let month = month_by_name(scan.letters())?;
        if !(scan.eat("-") || scan.eat(", ") || scan.eat(" ")) {
            return None;
        }
        return Some(plain(scan.number(4, 4)?, month, first));
    }
    if !matches!(separator, b'/' | b'-' | b'.') {
        return None;
    }
    scan.0 = rest.0;
    let second = scan.number(1, 2)?;
    if scan.0.first() != Some(&separator) {
        return None;
    }
    scan.0 = &scan.0[1..];
    let year = scan.number(4, 4)?;
    Some(Civil { plain: false, ..plain(year, first, second) })
}

fn year_first(scan: &mut Scan, year: u32) -> Option<Civil> {
    if scan.eat("年") {
        let month = scan.number(1, 2)?;
        if !scan.eat("月") {
            return None;
        }
        let day = scan.number(1, 2)?;
        return scan.eat("日").then(|| plain(year, month, day));
    }
    /// Of `.01.02`.
    const DOTTED_BYTES: usize = 6;
    let before = scan.0.len();
    let separator = *scan.0.first()?;
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    scan.0 = &scan.0[1..];
    let month = scan.number(1, 2)?;
    if scan.0.first() != Some(&separator) {
        return None;
    }
    scan.0 = &scan.0[1..];
    let day = scan.number(1, 2)?;
    let dotted = separator == b'.' && before - scan.0.len() < DOTTED_BYTES;
    Some(Civil { dotted, ..plain(year, month, day) })
}

/// Jan 2 2024, January 2, 2024.
fn month_name_first(scan: &mut Scan) -> Option<Civil> {
    let month = month_by_name(scan.letters())?;
    if !scan.eat(" ") {
        return None;
    }
    scan.blanks();
    let day = scan.number(1, 2)?;
    if !(scan.eat(", ") || scan.eat(" ")) {
        return None;
    }
    scan.blanks();
    Some(plain(scan.number(4, 4)?, month, day))
}

pub(super) fn plain(year: u32, month: u32, day: u32) -> Civil {
    Civil {
        year: year.cast_signed(),
        first: month,
        second: day,
        plain: true,
        dotted: false,
        time: None,
        offset_secs: None,
    }
}

pub(super) fn month_by_name(word: &[u8]) -> Option<u32> {
    const NAMES: [&[u8]; 12] = [
        b"january",
        b"february",
        b"march",
        b"april",
        b"may",
        b"june",
        b"july",
        b"august",
        b"september",
        b"october",
        b"november",
        b"december",
    ];
    let same = |name: &&[u8]| word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3]);
    NAMES.iter().position(same).and_then(|at| u32::try_from(at + 1).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Option<i64> {
        parse(text.as_bytes())?.instant(Order::Plain, false)
    }

    #[test]
    fn known_moments() {
        assert_eq!(micros("1970-01-01 00:00:00"), Some(0));
        assert_eq!(micros("2024-02-29T12:34:56.789Z"), Some(1_709_210_096_789_000));
        assert_eq!(micros("2024-02-29T20:34:56.789+08:00"), Some(1_709_210_096_789_000));
        assert_eq!(micros("2024-02-29 20:34:56.789 +0800"), Some(1_709_210_096_789_000));
        assert_eq!(micros("2024年2月29日12时34分56秒"), Some(1_709_210_096_000_000));
        assert_eq!(micros("Feb 29, 2024 12:34:56 PM"), Some(1_709_210_096_000_000));
        assert_eq!(micros("1969-12-31 23:59:59"), Some(-1_000_000));
        assert_eq!(micros("0001-01-01"), Some(-62_135_596_800_000_000));
    }

    #[test]
    fn days_count_through_the_calendar_without_a_gap() {
        let mut expected = days_from_civil(1600, 1, 1);
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in (1..=31).filter(|&day| valid(year, month, day)) {
                    assert_eq!(days_from_civil(year, month, day), expected);
                    expected += 1;
                }
            }
        }
        assert_eq!(days_from_civil(1970, 1, 1), 0);
    }
}
