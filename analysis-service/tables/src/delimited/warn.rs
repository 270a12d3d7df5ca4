//! What a person should know of how a text was read.

use super::layout::Layout;
use super::profile::{Seen, Tails};
use super::split::{Cursor, line_of, value};
use super::walk::Profile;
use crate::names::list;
use crate::values::temporal::Order;
use crate::values::{self, Held, TextReason};

/// Characters of a cell that a warning quotes.
const EXCERPT_CHARS: usize = 30;
/// Places looked up for warnings; each costs a walk over the line breaks before it.
const PLACES_MAX: usize = 5;

type Decided = (Seen, Held, Option<TextReason>);

/// Warnings about the whole text.
pub(super) fn warnings(data: &[u8], layout: &Layout, profile: &Profile) -> Vec<String> {
    let (columns, long) = (&profile.columns, profile.long_rows());
    let mut warnings = layout.warnings.clone();
    warnings.extend(tails(data, layout, &profile.tails()));
    if long > 0 {
        warnings.push(format!("{long} rows have empty fields past the last column; those fields were left out"));
    }
    let named = |wanted: &dyn Fn(&Decided) -> bool| -> Vec<String> {
        let chosen = columns.iter().zip(&layout.names).filter(|(decided, _)| wanted(decided));
        chosen.map(|(_, name)| format!("\"{}\"", name.name)).collect()
    };
    for (order, words) in [(Order::DayFirst, "day first"), (Order::MonthFirst, "month first")] {
        let names = named(&|(_, held, _)| matches!(held, Held::Date(o) | Held::Moment { order: o, .. } if *o == order));
        if !names.is_empty() {
            warnings.push(format!("dates were read {words}, because only that fits every row: {}", list(&names)));
        }
    }
    for (reason, words) in REASONS {
        let names = named(&|(_, _, found)| *found == Some(reason));
        if !names.is_empty() {
            warnings.push(format!("kept as text, {words}: {}", list(&names)));
        }
    }
    let rounded = named(&|(seen, held, _)| *held == Held::Float && seen.kinds & values::ROUNDED != 0);
    if !rounded.is_empty() {
        warnings.push(format!("{}: {}", values::WERE_ROUNDED, list(&rounded)));
    }
    let like_codes = named(&|(seen, held, _)| *held == Held::Float && values::are_like_codes(seen.kinds));
    if !like_codes.is_empty() {
        warnings.push(format!("{WERE_CODES}: {}", list(&like_codes)));
    }
    let dotted = named(&|(seen, held, _)| *held == Held::Date(Order::Plain) && seen.kinds & values::DOTTED != 0);
    if !dotted.is_empty() {
        warnings.push(format!("{WERE_DOTTED}: {}", list(&dotted)));
    }
    let names = named(&|(seen, held, _)| values::is_moved_to_utc(*held, seen.kinds));
    if !names.is_empty() {
        warnings.push(format!("{}: {}", values::SHOWN_IN_UTC, list(&names)));
    }
    let mixed = mixed(data, layout, columns);
    if !mixed.is_empty() {
        warnings.push(format!("kept as text, because a few values are unlike the others: {}", list(&mixed)));
    }
    warnings
}

/// What a person is told of numbers whose fractions are not all of one length though some end in zero.
const WERE_CODES: &str = "read as numbers, in which 1.1 and 1.10 are the same; zeros at the end are not kept";
/// What a person is told of dates that versions may be.
const WERE_DOTTED: &str = "numbers with points, such as 2024.1.10, were read as dates";

/// What stands after a closing quote was taken as it is; where quotes were escaped otherwise, it is not what was meant.
fn tails(data: &[u8], layout: &Layout, tails: &Tails) -> Option<String> {
    let line = line_of(data, tails.first?, layout.dialect.terminator);
    let (count, quote) = (tails.count, char::from(layout.dialect.quote));
    let advice = if tails.backslash {
        format!(
            "quotes inside of values seem to be written with a backslash (\\{quote}), which is taken as it stands: write \
             them twice ({quote}{quote}) instead"
        )
    } else {
        format!("a quote that belongs to a value is written twice ({quote}{quote}) in a value between quotes")
    };
    let fields = if count == 1 { "1 field has".to_owned() } else { format!("{count} fields have") };
    Some(format!("{fields} text after the closing quote (first: line {line}); {advice}"))
}

const REASONS: [(TextReason, &str); 8] = [
    (TextReason::AmbiguousDates, "because day and month could be either way round in every row"),
    (TextReason::MixedDateOrders, "because its dates are written in different orders"),
    (TextReason::SomeZoned, "because only some of its times name a time zone"),
    (TextReason::HugeIntegers, "because it has whole numbers of more than 18 digits"),
    (TextReason::LosesDigits, "because a number column would lose digits"),
    (TextReason::Codes, "because codes such as 12e5 would become numbers"),
    (TextReason::Padded, "because it has numbers with leading zeros"),
    (TextReason::Dressed, "because its numbers have separators, percent signs or currencies"),
];

/// Columns that begin as numbers or dates and have something else later, with the first such place.
fn mixed(data: &[u8], layout: &Layout, columns: &[Decided]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, (seen, _, reason)) in columns.iter().enumerate() {
        let name = &layout.names[at].name;
        if *reason != Some(TextReason::Mixed) || !mostly_typed(layout, at) {
            continue;
        }
        match seen.first_text {
            Some(place) if found.len() < PLACES_MAX => {
                let mut cursor = Cursor::new(data, place, layout.dialect);
                let field = cursor.field();
                let cell = value(data, &field, layout.dialect.quote);
                let cell: String = String::from_utf8_lossy(&cell).chars().take(EXCERPT_CHARS).collect();
                let line = line_of(data, place, layout.dialect.terminator);
                found.push(format!("\"{name}\" (line {line}: \"{cell}\")"));
            }
            _ => found.push(format!("\"{name}\"")),
        }
    }
    found
}

/// Whether nine of ten values in the first rows are not text.
fn mostly_typed(layout: &Layout, column: usize) -> bool {
    let cells = layout.sample.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
    let (mut all, mut typed) = (0, 0);
    for cell in cells {
        all += 1;
        typed += usize::from(values::classify(cell.as_bytes()) & (values::TEXT | values::NA) == 0);
    }
    typed * 10 >= all * 9 && typed > 0
}
