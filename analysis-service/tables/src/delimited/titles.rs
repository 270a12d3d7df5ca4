//! Titles above the table of a text: a few rows with one text each, as reports and spreadsheets have them. They are left out
//! only where all rows below make a table with names; what may be data stays, and is refused if it fits no table.

use super::header;
use super::layout::Row;
use crate::values::{self, Held};
use crate::warning::Warning;

/// Rows above a header that are taken for titles, and columns of a table that may have such without more to tell them by: in
/// one of two, a first row with one text may be a header with one name.
const TITLE_ROWS_MAX: usize = 3;
const TITLE_WIDTH_MIN: usize = 3;

/// How many of the first rows stand above a header: titles, and rows of empty fields below them. As in workbooks, it is a
/// matter of the rows alone.
pub(super) fn rows_above(rows: &[Row], delimiter: u8) -> usize {
    let (mut above, mut titles) = (0, 0);
    for row in rows {
        if titles < TITLE_ROWS_MAX && is_title(&row.cells) {
            titles += 1;
        } else if titles == 0 || !is_empty(&row.cells) {
            break;
        }
        above += 1;
    }
    let (titles, table) = rows.split_at(above);
    let (Some(title), Some((first, rest))) = (titles.first(), table.split_first()) else { return 0 };
    let names = &first.cells;
    let below: Vec<Vec<String>> = rest.iter().map(|row| row.cells.clone()).collect();
    if names.len() < 2 || names.iter().any(String::is_empty) || !header::is_header(names, &below) {
        return 0;
    }
    let padded = title.cells.len() >= TITLE_WIDTH_MIN && title.cells.len() == names.len();
    let apart = first.apart || titles.last().is_some_and(|row| is_empty(&row.cells));
    // Other delimiters stand inside of texts too, and of two columns there may be one.
    let fields = names.len() >= TITLE_WIDTH_MIN || matches!(delimiter, b',' | b'\t');
    let told = names_what_is_typed(names, &below) || (apart && fields);
    let found = padded || (told && is_table(names, rest));
    if found { above } else { 0 }
}

/// What to say of titles that were left out.
pub(super) fn warning(above: &[Row]) -> Option<Warning> {
    let titles = above.iter().filter(|row| !is_empty(&row.cells)).map(|row| row.cells[0].as_str());
    Warning::of_titles(titles)
}

/// Where the lines begin that stand apart, below a blank line, from as many as may be titles.
pub(super) fn apart(sample: &[u8]) -> Option<usize> {
    let (mut at, mut titles, mut found) = (0, 0, None);
    for line in sample.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.trim_ascii().is_empty() {
            found = (titles > 0).then_some(at);
        } else if titles == TITLE_ROWS_MAX {
            break;
        } else {
            titles += 1;
        }
    }
    found.filter(|at| *at < sample.len())
}

fn is_title(cells: &[String]) -> bool {
    let text = values::classify(cells[0].as_bytes()) & values::TEXT != 0;
    text && !cells[0].is_empty() && is_empty(&cells[1..])
}

fn is_empty(cells: &[String]) -> bool {
    cells.iter().all(String::is_empty)
}

/// Whether all rows have a field for each of the names, which differ; one at least, and the last may still be arriving.
fn is_table(names: &[String], rows: &[Row]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let whole = rest.split_last().map_or(rest, |(_, whole)| whole);
    let last = rest.last().is_none_or(|row| row.cells.len() <= names.len());
    let differ = (1..names.len()).all(|at| !names[..at].contains(&names[at]));
    differ && last && [first].into_iter().chain(whole).all(|row| row.cells.len() == names.len())
}

/// Whether one of the names stands above numbers or other values that are no texts. Of rows of texts the first may be a value
/// like the others, in a column of texts that hold the delimiter.
fn names_what_is_typed(names: &[String], rows: &[Vec<String>]) -> bool {
    (0..names.len()).any(|at| {
        let below = rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty());
        let below = below.fold(0, |joined, cell| joined | values::classify(cell.as_bytes()));
        below & !values::NA != 0 && values::decide(below).0 != Held::Text
    })
}
