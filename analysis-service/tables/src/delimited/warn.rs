//! What a person should know of how a text was read.

use super::layout::Layout;
use super::profile::{Seen, Tails};
use super::split::{Blanks, Cursor, line_of, value};
use super::walk::Profile;
use crate::values::temporal::Order;
use crate::values::{self, Held, Kinds, TextReason};
use crate::warning::{ColumnTrouble, MissingWord, UnlikeValue, WarnedColumn, WarnedColumns, Warning};

/// Characters of a cell that a warning quotes.
const EXCERPT_CHARS: usize = 30;

type Decided = (Seen, Held, Option<TextReason>);

/// Warnings about the whole text.
pub(super) fn warnings(data: &[u8], layout: &Layout, profile: &Profile) -> Vec<Warning> {
    let (columns, rows) = (&profile.columns, profile.long_rows());
    let mut warnings = layout.warnings.clone();
    if layout.dialect.blanks == Blanks::BeforeQuotes {
        warnings.push(Warning::BlanksBeforeQuotes {});
    }
    warnings.extend(tails(data, layout, &profile.tails()));
    if rows > 0 {
        warnings.push(Warning::EmptyFields { rows });
    }
    let mut tell = |trouble, is_so: &dyn Fn(&Decided) -> bool| {
        let chosen = columns.iter().zip(&layout.names).filter(|(decided, _)| is_so(decided));
        let columns = WarnedColumns::of(chosen.map(|(_, name)| name.name.as_str()));
        warnings.extend(Warning::of_columns(trouble, columns));
    };
    for (order, trouble) in [(Order::DayFirst, ColumnTrouble::DayFirst), (Order::MonthFirst, ColumnTrouble::MonthFirst)]
    {
        tell(trouble, &|(_, held, _)| matches!(held, Held::Date(o) | Held::Moment { order: o, .. } if *o == order));
    }
    for (reason, trouble) in REASONS {
        tell(trouble, &|(_, _, found)| *found == Some(reason));
    }
    let float = |held: &Held| *held == Held::Float;
    tell(ColumnTrouble::Rounded, &|(seen, held, _)| float(held) && seen.kinds & values::ROUNDED != 0);
    tell(ColumnTrouble::ZerosNotKept, &|(seen, held, _)| float(held) && values::are_like_codes(seen.kinds));
    let dotted = |seen: &Seen| seen.kinds & values::DOTTED != 0;
    tell(ColumnTrouble::DottedDates, &|(seen, held, _)| *held == Held::Date(Order::Plain) && dotted(seen));
    tell(ColumnTrouble::MovedToUtc, &|(seen, held, _)| values::is_moved_to_utc(*held, seen.kinds));
    warnings.extend(Warning::of_columns(ColumnTrouble::MissingWords, missing_words(data, layout, columns)));
    for (reason, trouble, usual) in PLACED {
        let told = placed(data, layout, columns, reason, usual);
        warnings.extend(Warning::of_columns(trouble, told));
    }
    warnings
}

/// What stands after a closing quote was taken as it is; where quotes were escaped otherwise, it is not what was meant.
fn tails(data: &[u8], layout: &Layout, tails: &Tails) -> Option<Warning> {
    let line = line_of(data, tails.first?, layout.dialect.terminator);
    let quote = char::from(layout.dialect.quote);
    Some(Warning::TextAfterQuote { fields: tails.count, line, quote, backslash: tails.backslash })
}

const REASONS: [(TextReason, ColumnTrouble); 9] = [
    (TextReason::AmbiguousDates, ColumnTrouble::AmbiguousDates),
    (TextReason::MixedDateOrders, ColumnTrouble::MixedDateOrders),
    (TextReason::SomeZoned, ColumnTrouble::SomeZoned),
    (TextReason::HugeIntegers, ColumnTrouble::HugeIntegers),
    (TextReason::LosesDigits, ColumnTrouble::LosesDigits),
    (TextReason::Codes, ColumnTrouble::Codes),
    (TextReason::Padded, ColumnTrouble::Padded),
    (TextReason::Dressed, ColumnTrouble::Dressed),
    (TextReason::PlusSigns, ColumnTrouble::PlusSigns),
];

/// Whether a cell is what a person would see in a column.
type Usual = fn(Kinds) -> bool;

/// Reasons that are told with the first cell that gave them, where most cells are what a person would see in the column.
const PLACED: [(TextReason, ColumnTrouble, Usual); 3] = [
    (TextReason::ShortYears, ColumnTrouble::ShortYears, is_like_date),
    (TextReason::OddYears, ColumnTrouble::OddYears, is_like_date),
    (TextReason::Mixed, ColumnTrouble::FewUnlike, is_typed),
];

fn is_like_date(kinds: Kinds) -> bool {
    let odd = values::SHORT_YEAR | values::ODD_YEAR;
    kinds & odd != 0 || (kinds != 0 && kinds & !values::DATES == 0)
}

fn is_typed(kinds: Kinds) -> bool {
    kinds & (values::TEXT | values::NA | values::DIALLED) == 0
}

/// Columns that are text for a reason, of whose first cells most are `usual`. Of those that are listed the first cell that is
/// text is looked up, which costs a walk over the line breaks before it.
fn placed(data: &[u8], layout: &Layout, columns: &[Decided], why: TextReason, usual: Usual) -> WarnedColumns {
    let mut found = WarnedColumns::default();
    for (at, (seen, _, reason)) in columns.iter().enumerate() {
        if *reason != Some(why) || !mostly(layout, at, usual) {
            continue;
        }
        let first = || seen.first_text.map(|place| unlike(data, layout, place));
        found.add(|| WarnedColumn { first: first(), ..WarnedColumn::of(&layout.names[at].name) });
    }
    found
}

/// Columns that are not text and have words which count as missing and may have been meant otherwise.
fn missing_words(data: &[u8], layout: &Layout, columns: &[Decided]) -> WarnedColumns {
    let mut found = WarnedColumns::default();
    for ((seen, held, _), name) in columns.iter().zip(&layout.names) {
        if let (Some(place), true) = (seen.first_doubtful, *held != Held::Text) {
            let word =
                || MissingWord { text: unlike(data, layout, place).text.trim().to_owned(), count: seen.doubtful };
            found.add(|| WarnedColumn { word: Some(word()), ..WarnedColumn::of(&name.name) });
        }
    }
    found
}

fn unlike(data: &[u8], layout: &Layout, place: usize) -> UnlikeValue {
    let field = Cursor::new(data, place, layout.dialect).field();
    let cell = value(data, &field, layout.dialect.quote);
    let text = String::from_utf8_lossy(&cell).chars().take(EXCERPT_CHARS).collect();
    UnlikeValue { line: line_of(data, place, layout.dialect.terminator), text }
}

/// Whether nine of ten values in the first rows are `usual`.
fn mostly(layout: &Layout, column: usize, usual: Usual) -> bool {
    let cells = layout.sample.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
    let (mut all, mut found) = (0, 0);
    for cell in cells {
        all += 1;
        found += usize::from(usual(values::classify(cell.as_bytes())));
    }
    found * 10 >= all * 9 && found > 0
}
