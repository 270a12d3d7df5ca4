//! Blanks beside delimiters, as people write them who type a table by hand.

use super::header;
use super::split::{Cursor, Dialect, value};
use crate::values;

/// Fields looked at.
const SAMPLE_FIELDS: usize = 10_000;
/// Columns of a table that may have names of rows beside its numbers.
const NAMED_WIDTH_MIN: usize = 3;
/// Digits of a number's group.
const GROUP_DIGITS: usize = 3;

/// Whether quotes stand behind a delimiter and blanks, and behind a delimiter alone nowhere. `spaced` is the dialect in which
/// they open a field.
pub(super) fn before_quotes(sample: &[u8], spaced: Dialect) -> bool {
    if spaced.delimiter == b' ' {
        return false;
    }
    let mut cursor = Cursor::new(sample, 0, spaced);
    let mut first = true;
    let mut found = false;
    for _ in 0..SAMPLE_FIELDS {
        if cursor.done() {
            break;
        }
        let blank = sample[cursor.pos] == b' ';
        let field = cursor.field();
        // The sample may end inside of a field.
        if field.open {
            break;
        }
        if field.quoted {
            // Text behind the closing quote: the quotes are part of a value.
            if field.tail.is_some() || (!first && !blank) {
                return false;
            }
            found |= blank && !first;
        }
        first = field.last;
    }
    found
}

/// Whether runs of blanks delimit a table of numbers, which may have a header, and names of rows where it has one. Anything
/// else is prose. `runs` is the dialect in which they do.
pub(super) fn are_runs(sample: &[u8], runs: Dialect) -> bool {
    let Some(rows) = rows_of_one_width(sample, runs) else { return false };
    let Some((first, rest)) = rows.split_first().filter(|(first, rest)| first.len() > 1 && !rest.is_empty()) else {
        return false;
    };
    let number = |cell: &String| values::classify(cell.as_bytes()) & !(values::NUMBERS | values::NA) == 0;
    let numbers = |at: &usize| rest.iter().all(|row| number(&row[*at]));
    let header = header::is_header(first, rest);
    if !(header || first.iter().all(number)) || is_grouped(if header { rest } else { &rows }) {
        return false;
    }
    let named = header && first.len() >= NAMED_WIDTH_MIN;
    (usize::from(named && !numbers(&0))..first.len()).all(|at| numbers(&at))
}

/// The first rows; none where they differ in width. The last may be cut off by the end of the sample.
fn rows_of_one_width(sample: &[u8], dialect: Dialect) -> Option<Vec<Vec<String>>> {
    let mut cursor = Cursor::new(sample, 0, dialect);
    let (mut rows, mut row) = (Vec::<Vec<String>>::new(), Vec::new());
    for _ in 0..SAMPLE_FIELDS {
        if cursor.done() {
            break;
        }
        let field = cursor.field();
        row.push(String::from_utf8_lossy(&value(sample, &field, dialect.quote)).into_owned());
        if !field.last {
            continue;
        }
        let row = std::mem::take(&mut row);
        match rows.first() {
            _ if row.len() == 1 && row[0].is_empty() => {}
            Some(first) if first.len() != row.len() => return cursor.done().then_some(rows),
            _ => rows.push(row),
        }
    }
    Some(rows)
}

/// Whether all rows may be one number each, in groups of digits: `1 234 567`.
fn is_grouped(rows: &[Vec<String>]) -> bool {
    let digits = |cell: &String| cell.bytes().all(|byte| byte.is_ascii_digit());
    let grouped = |row: &Vec<String>| {
        row.iter().all(digits) && row[0].len() <= GROUP_DIGITS && row[1..].iter().all(|cell| cell.len() == GROUP_DIGITS)
    };
    rows.iter().all(grouped)
}
