//! Text that a person would call a number or a date: why it is none is told of its column.

use super::clock::{Scan, clock};
use super::temporal::month_by_name;
use super::{DRESSED, Kinds, SHORT_YEAR, TEXT};

/// Digits from which on a whole number behind a plus sign is one that people dial.
pub(super) const DIALLED_DIGITS: usize = 7;

/// What a cell is that is neither number nor date.
pub(super) fn classify(cell: &[u8]) -> Kinds {
    if is_dialled(cell) {
        return TEXT;
    }
    if has_short_year(cell) {
        return TEXT | SHORT_YEAR;
    }
    let mut digits = 0;
    let mut dress = 0;
    for &byte in cell {
        match byte {
            b'0'..=b'9' => digits += 1,
            b',' | b'%' | b'$' | b' ' | b'\'' => dress += 1,
            b'.' | b'-' | b'+' | b'(' | b')' => {}
            // The first bytes of the pound, yen and euro signs in UTF-8, and what follows them.
            0x80.. => dress += 1,
            _ => return TEXT,
        }
    }
    if digits > 0 && dress > 0 && dress <= digits + 2 { TEXT | DRESSED } else { TEXT }
}

/// +86 138 0000 0000.
fn is_dialled(cell: &[u8]) -> bool {
    let Some(rest) = cell.strip_prefix(b"+") else { return false };
    let digits = rest.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits >= DIALLED_DIGITS && rest.iter().all(|byte| byte.is_ascii_digit() || b" -()".contains(byte))
}

/// A date whose year has two digits, with a time behind it or none: 3/15/24, 15.03.24, 24-03-15, 15-Mar-24, 24年3月15日.
fn has_short_year(cell: &[u8]) -> bool {
    let mut scan = Scan(cell);
    let is_date = numbers(&mut scan).or_else(|| {
        scan = Scan(cell);
        named_month(&mut scan)
    });
    let is_date = is_date.or_else(|| {
        scan = Scan(cell);
        chinese(&mut scan)
    });
    is_date.is_some() && (scan.done() || (scan.eat(" ") && clock(&mut scan).is_some() && scan.done()))
}

fn numbers(scan: &mut Scan) -> Option<()> {
    let before = scan.0.len();
    let first = scan.number(1, 2)?;
    let separator = ["/", "-", "."].into_iter().find(|separator| scan.eat(separator))?;
    let second = scan.number(1, 2)?;
    // Versions and chapters have numbers of one digit too.
    if separator != "/" && before - scan.0.len() != 5 {
        return None;
    }
    scan.eat(separator).then_some(())?;
    let third = scan.number(2, 2)?;
    let day = |month: u32, day: u32| (1..=12).contains(&month) && (1..=31).contains(&day);
    (day(first, second) || day(second, first) || day(second, third)).then_some(())
}

fn named_month(scan: &mut Scan) -> Option<()> {
    scan.number(1, 2)?;
    let separator = ["-", "/", " "].into_iter().find(|separator| scan.eat(separator))?;
    month_by_name(scan.letters())?;
    scan.eat(separator).then_some(())?;
    scan.number(2, 2).map(|_| ())
}

fn chinese(scan: &mut Scan) -> Option<()> {
    for unit in ["年", "月", "日"] {
        scan.number(1, 2)?;
        scan.eat(unit).then_some(())?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_of_two_digits_are_told_from_versions_and_fractions() {
        for date in ["3/15/24", "15.03.24", "24-03-15", "15-Mar-24", "15 March 24", "24年3月5日", "3/15/24 9:05 PM"]
        {
            assert_eq!(classify(date.as_bytes()), TEXT | SHORT_YEAR, "{date}");
        }
        for other in ["1.2.10", "3/15", "33/44/24", "3/15/24x", "3/15-24", "15-Mae-24", "24年3月", "1/2/2024/5"] {
            assert_eq!(classify(other.as_bytes()) & SHORT_YEAR, 0, "{other}");
        }
    }

    #[test]
    fn numbers_that_people_dial_are_not_dressed() {
        for (cell, expected) in [
            ("+86 138 0000 0000", TEXT),
            ("+1 (555) 010-0000", TEXT),
            ("+1,000", TEXT | DRESSED),
            ("1 000", TEXT | DRESSED),
        ] {
            assert_eq!(classify(cell.as_bytes()), expected, "{cell}");
        }
    }
}
