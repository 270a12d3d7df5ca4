//! Warnings in English.

use std::fmt;

use super::{CellTrouble, ColumnTrouble, MissingWord, WarnedColumn, WarnedColumns, Warning};
use crate::names;

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EncodingGuessed { encoding } => {
                write!(f, "the text was read as {encoding}; if characters look wrong, choose another encoding")
            }
            Self::EncodingDoubtful { encoding, other } => write!(
                f,
                "the text was read as {encoding}; its few characters beyond ASCII may be {other} just as well: if they look \
                 wrong, choose that encoding"
            ),
            Self::TitleRows { rows, titles } => {
                let (count, verb) = (counted(*rows, "title row"), if *rows == 1 { "was" } else { "were" });
                write!(f, "{count} above the table {verb} left out")?;
                if titles.is_empty() { Ok(()) } else { write!(f, ": {}", quoted(titles)) }
            }
            Self::EmptyFields { rows } => {
                write!(f, "{rows} rows have empty fields past the last column; those fields were left out")
            }
            Self::TextAfterQuote { fields, line, quote, backslash } => {
                let (count, verb) = (counted(*fields, "field"), if *fields == 1 { "has" } else { "have" });
                write!(f, "{count} {verb} text after the closing quote (first: line {line}); ")?;
                match backslash {
                    true => write!(
                        f,
                        "quotes inside of values seem to be written with a backslash (\\{quote}), which is taken as it \
                         stands: write them twice ({quote}{quote}) instead"
                    ),
                    false => write!(
                        f,
                        "a quote that belongs to a value is written twice ({quote}{quote}) in a value between quotes"
                    ),
                }
            }
            Self::BlanksBeforeQuotes {} => f.write_str(
                "blanks between a delimiter and a quote were left out, so that the quotes stand around values",
            ),
            Self::WrappedRecords { member, left_out, count } => {
                let listed: Vec<String> = left_out.iter().map(|name| format!("\"{name}\"")).collect();
                let listed = names::listed(&listed, count.saturating_sub(left_out.len() as u64));
                write!(
                    f,
                    "the table is the list \"{member}\" of a record, and what is beside it was left out: {listed}"
                )
            }
            Self::Columns { trouble, columns } => about_columns(f, *trouble, columns),
            Self::Cells { trouble, count, first } => about_cells(f, *trouble, *count, first),
            Self::FarMoments {} => f.write_str(
                "moments that are too far away for nanoseconds: the columns of the type INT96 are to the microsecond",
            ),
            Self::TooWide {} => {
                f.write_str("the table is too wide for histograms and most frequent values; they are left out")
            }
            Self::Other { text } => f.write_str(text),
        }
    }
}

/// Texts of the file.
fn quoted(texts: &[String]) -> String {
    texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ")
}

fn about_columns(f: &mut fmt::Formatter<'_>, trouble: ColumnTrouble, columns: &WarnedColumns) -> fmt::Result {
    use ColumnTrouble as T;
    let list = listed(trouble, columns);
    let count = counted(columns.listed.len() as u64 + columns.more, "column");
    let words = match trouble {
        T::NoName => return write!(f, "{count} had no name and got one: {list}"),
        T::SameName => return write!(f, "{count} had the name of another and got a new one: {list}"),
        T::DayFirst => "dates were read day first, because only that fits every row",
        T::MonthFirst => "dates were read month first, because only that fits every row",
        T::DottedDates => "numbers with points, such as 2024.1.10, were read as dates",
        T::MovedToUtc => "times with different offsets from UTC are shown in UTC",
        T::UnknownZone => "shown in UTC, because the time zone has a name that no tz database knows",
        T::Rounded => "numbers of more digits than a float holds were rounded to the nearest",
        T::ZerosNotKept => "read as numbers, in which 1.1 and 1.10 are the same; zeros at the end are not kept",
        T::AmbiguousDates => "kept as text, because day and month could be either way round in every row",
        T::MixedDateOrders => "kept as text, because its dates are written in different orders",
        T::SomeZoned => "kept as text, because only some of its times name a time zone",
        T::HugeIntegers => {
            "kept as text, because it has whole numbers beyond 9223372036854775807, the largest that a number column holds"
        }
        T::LosesDigits => "kept as text, because a number column would lose digits",
        T::Codes => "kept as text, because codes such as 12e5 would become numbers",
        T::Padded => "kept as text, because it has numbers with leading zeros",
        T::Dressed => "kept as text, because its numbers have separators, percent signs or currencies",
        T::PlusSigns => {
            "kept as text, because whole numbers with plus signs may be codes; for numbers, remove the signs or convert the \
             column in code"
        }
        T::ShortYears => {
            "kept as text, because years of two digits do not tell the century; write them with four digits, or convert the \
             column in code"
        }
        T::OddYears => {
            "kept as text, because numbers that would be days before 1500 or after 2300 may be codes; for dates, convert the \
             column in code"
        }
        T::FewUnlike => "kept as text, because a few values are unlike the others",
        T::MixedKinds => "kept as text, because values are of different kinds",
        T::ManyShapes => "kept as text, because its lists or records have no one shape, or a very large one",
        T::DoubledKeys => "kept as text, because a record in it has a key twice",
        T::MissingWords => "words that may mean nothing were read as missing values; the cells are so many",
        T::OrderLost => "the values of categories were kept, but not their order",
        T::Periods => "periods were read as their first day or moment",
        T::PeriodNumbers => {
            "periods of a frequency that is not known here were read as the numbers that the file has for them; write them as dates or text"
        }
        T::Intervals => "intervals were read as records of their two ends; which of these belong to them is lost",
    };
    write!(f, "{words}: {list}")
}

fn about_cells(f: &mut fmt::Formatter<'_>, trouble: CellTrouble, count: u64, first: &str) -> fmt::Result {
    match trouble {
        CellTrouble::Error => {
            write!(f, "{count} cells hold an error such as #DIV/0! (first {first}) and count as missing")
        }
        CellTrouble::Unstored => write!(
            f,
            "{count} formulas have no stored value (first {first}) and count as missing; open the workbook in a \
             spreadsheet, save it and upload it again"
        ),
        CellTrouble::LongNumber => write!(
            f,
            "{count} whole numbers have more than 15 digits, which a number of a workbook does not keep, (first {first}) so \
             that their last digits may be others than were written; write such numbers as text"
        ),
        CellTrouble::Merged => write!(
            f,
            "areas of merged cells: {count} (first {first}). Each has its value in its first cell alone, and its other cells \
             count as missing"
        ),
    }
}

/// The first few columns, and how many more.
fn listed(trouble: ColumnTrouble, columns: &WarnedColumns) -> String {
    let shown =
        columns.listed.iter().map(|WarnedColumn { name, original_name, first, word }| match (original_name, first) {
            _ if word.is_some() => of_word(name, word.as_ref()),
            (Some(original), _) => format!("\"{original}\" (now \"{name}\")"),
            (None, Some(first)) => format!("\"{name}\" (line {}: \"{}\")", first.line, first.text),
            (None, None) if trouble == ColumnTrouble::NoName => name.clone(),
            (None, None) => format!("\"{name}\""),
        });
    names::listed(&shown.collect::<Vec<_>>(), columns.more)
}

/// A column and the words in it.
fn of_word(name: &str, word: Option<&MissingWord>) -> String {
    word.map_or_else(String::new, |MissingWord { text, count }| format!("\"{name}\" ({count}, first \"{text}\")"))
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
