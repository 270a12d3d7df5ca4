//! What a person should know of how a file was read: each kind with the figures and names that it speaks of. Bounded: of
//! many columns it names a few and counts the others. How it is said in English stands in `words`, and nowhere else.
//!
//! Warnings are kept in a database: a kind keeps its name and its fields.

mod words;

use serde::{Deserialize, Serialize};

/// Columns a warning names before it only counts.
pub(crate) const LISTED_MAX: usize = 5;
/// Characters of a text that a warning quotes.
const QUOTED_CHARS: usize = 100;

/// One thing that a person should know of a table; its `Display` is an English sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// Nobody named the encoding of a text that is not UTF-8.
    EncodingGuessed {
        /// Its label, as in options.
        encoding: String,
    },
    /// A text fits two encodings, and nobody named one.
    EncodingDoubtful {
        /// The label of the one it was read in.
        encoding: String,
        /// The label of the other.
        other: String,
    },
    /// Rows above the header were taken for titles and left out.
    TitleRows {
        /// How many.
        rows: u64,
        /// Their texts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        titles: Vec<String>,
    },
    /// Rows have empty fields past the last column, which were left out.
    EmptyFields {
        /// How many such rows.
        rows: u64,
    },
    /// Fields have text after the quote that closes them, which was taken as it stands.
    TextAfterQuote {
        /// How many.
        fields: u64,
        /// The line of the first of them, from 1.
        line: u64,
        /// The quote.
        quote: char,
        /// One of these quotes stands after a backslash: that is how quotes inside of values seem to be written.
        backslash: bool,
    },
    /// Quotes stand behind a delimiter and blanks; the blanks were left out, so that the quotes stand around values.
    BlanksBeforeQuotes {},
    /// The table is a list in a record of JSON, of which other members were left out.
    WrappedRecords {
        /// The name of the list.
        member: String,
        /// The names of the first few others.
        left_out: Vec<String>,
        /// How many others there are in all.
        count: u64,
    },
    /// Something is to be known of some columns.
    Columns {
        /// What.
        trouble: ColumnTrouble,
        /// Which.
        columns: WarnedColumns,
    },
    /// Something is to be known of some cells of a workbook.
    Cells {
        /// What.
        trouble: CellTrouble,
        /// How many.
        count: u64,
        /// The address of the first, `B7`.
        first: String,
    },
    /// A Parquet file has moments of the type INT96 that are too far away for nanoseconds, so that all its columns of that
    /// type are to the microsecond.
    FarMoments {},
    /// The table is too wide for histograms and most frequent values, which were left out.
    TooWide {},
    /// A sentence from before warnings had kinds.
    Other {
        /// In English.
        text: String,
    },
}

/// What a person should know of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnTrouble {
    /// They had no name and got one.
    NoName,
    /// They had the name of another column and got a new one.
    SameName,
    /// Their dates were read day first, because only that fits every row.
    DayFirst,
    /// Their dates were read month first, because only that fits every row.
    MonthFirst,
    /// Their numbers with points, such as 2024.1.10, were read as dates.
    DottedDates,
    /// Their times name different offsets from UTC and are shown in UTC.
    MovedToUtc,
    /// Their time zone has a name that no tz database knows; they are shown in UTC.
    UnknownZone,
    /// Their numbers have more digits than a float holds and were rounded.
    Rounded,
    /// Numbers in which 1.1 and 1.10 are the same, though they may be codes.
    ZerosNotKept,
    /// Text: day and month could be either way round in every row.
    AmbiguousDates,
    /// Text: dates are written in different orders.
    MixedDateOrders,
    /// Text: only some times name a time zone.
    SomeZoned,
    /// Text: whole numbers that 64 bits do not hold.
    HugeIntegers,
    /// Text: a number column would lose digits.
    LosesDigits,
    /// Text: codes such as 12e5 would become numbers.
    Codes,
    /// Text: numbers with leading zeros.
    Padded,
    /// Text: numbers with separators, percent signs or currencies.
    Dressed,
    /// Text: whole numbers with plus signs, which may be codes.
    PlusSigns,
    /// Text: dates whose years have two digits.
    ShortYears,
    /// Text: dates of years in which few dates are, so that they may be codes.
    OddYears,
    /// Text: a few values are unlike the others.
    FewUnlike,
    /// Text: values are of different kinds.
    MixedKinds,
    /// Text: lists or records have no one shape, or a very large one.
    ManyShapes,
    /// Text: a record has a key twice.
    DoubledKeys,
    /// Words in them that may have been meant otherwise count as missing.
    MissingWords,
    /// Their categories had an order.
    OrderLost,
    /// They were periods, and are their first day or moment.
    Periods,
    /// They were periods that are counted in a way that is not known, and are numbers.
    PeriodNumbers,
    /// They were intervals, and are records.
    Intervals,
}

/// What a person should know of cells of a workbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellTrouble {
    /// They hold an error such as `#DIV/0!` and count as missing.
    Error,
    /// They are formulas without a stored value and count as missing.
    Unstored,
    /// They are whole numbers of more than 15 digits, which a number of a workbook does not keep.
    LongNumber,
    /// They are areas of merged cells, of which only the first has a value.
    Merged,
}

/// The columns that a warning speaks of: the first few, and how many more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarnedColumns {
    /// In the table's order.
    pub listed: Vec<WarnedColumn>,
    /// How many others.
    pub more: u64,
}

/// A column that a warning speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarnedColumn {
    /// Its name in the table.
    pub name: String,
    /// The name that it had in the file, without blanks around it; for [`ColumnTrouble::SameName`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_name: Option<String>,
    /// Its first value that is unlike the others or for which it is text; for [`ColumnTrouble::FewUnlike`],
    /// [`ColumnTrouble::ShortYears`] and [`ColumnTrouble::OddYears`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<UnlikeValue>,
    /// Its words that count as missing; for [`ColumnTrouble::MissingWords`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<MissingWord>,
}

/// Words of a column that count as missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingWord {
    /// The first of them.
    pub text: String,
    /// How many cells have that or another.
    pub count: u64,
}

/// A value that is unlike the others of its column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlikeValue {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Its beginning.
    pub text: String,
}

impl Warning {
    /// Rows with these texts were taken for titles; nothing where there are none.
    pub(crate) fn of_titles<'a>(titles: impl Iterator<Item = &'a str>) -> Option<Self> {
        let titles: Vec<String> = titles.map(quoted).collect();
        let rows = titles.len() as u64;
        (rows > 0).then_some(Self::TitleRows { rows, titles })
    }

    /// The table is this member of a record, and these are the first few of so many others; nothing where there are none.
    pub(crate) fn of_wrapped(member: &str, others: &[String], count: u64) -> Option<Self> {
        let left_out = others.iter().map(|name| quoted(name)).collect();
        (count > 0).then(|| Self::WrappedRecords { member: quoted(member), left_out, count })
    }

    /// What is to be known of these columns; nothing where there are none.
    pub(crate) fn of_columns(trouble: ColumnTrouble, columns: WarnedColumns) -> Option<Self> {
        (!columns.listed.is_empty()).then_some(Self::Columns { trouble, columns })
    }
}

/// As much of a text as a warning quotes.
fn quoted(text: &str) -> String {
    text.chars().take(QUOTED_CHARS).collect()
}

impl WarnedColumns {
    /// Takes one more, made only where it is listed.
    pub(crate) fn add(&mut self, column: impl FnOnce() -> WarnedColumn) {
        if self.listed.len() < LISTED_MAX {
            self.listed.push(column());
        } else {
            self.more += 1;
        }
    }

    /// Takes one more by its name.
    pub(crate) fn add_name(&mut self, name: &str) {
        self.add(|| WarnedColumn::of(name));
    }

    /// The columns of these names.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut columns = Self::default();
        names.for_each(|name| columns.add_name(name));
        columns
    }
}

impl WarnedColumn {
    /// A column of which no more than its name is told.
    pub(crate) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), original_name: None, first: None, word: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As databases have them.
    const STORED: &str = r##"[
        {"kind":"encoding_guessed","encoding":"gb18030"},
        {"kind":"encoding_doubtful","encoding":"utf-8","other":"gb18030"},
        {"kind":"title_rows","rows":2},
        {"kind":"title_rows","rows":1,"titles":["Sales 2024"]},
        {"kind":"empty_fields","rows":3},
        {"kind":"text_after_quote","fields":2,"line":3,"quote":"\"","backslash":false},
        {"kind":"blanks_before_quotes"},
        {"kind":"wrapped_records","member":"data","left_out":["total"],"count":1},
        {"kind":"columns","trouble":"no_name","columns":{"listed":[{"name":"column_2"}],"more":1}},
        {"kind":"columns","trouble":"same_name","columns":{"listed":[{"name":"a_2","original_name":"a"}],"more":0}},
        {"kind":"columns","trouble":"few_unlike","columns":{"listed":[{"name":"n","first":{"line":9,"text":"x"}}],"more":0}},
        {"kind":"columns","trouble":"missing_words","columns":{"listed":[{"name":"n","word":{"text":"-","count":3}}],"more":0}},
        {"kind":"cells","trouble":"long_number","count":2,"first":"A3"},
        {"kind":"far_moments"},
        {"kind":"too_wide"},
        {"kind":"other","text":"a sentence"}
    ]"##;

    #[test]
    fn warnings_that_databases_have_are_read_and_written_as_they_are() {
        let stored: serde_json::Value = serde_json::from_str(STORED).unwrap();
        let read: Vec<Warning> = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), stored);
    }

    #[test]
    fn of_many_columns_five_are_named_and_the_others_counted() {
        let columns = WarnedColumns::of(["a", "b", "c", "d", "e", "f", "g"].into_iter());
        assert_eq!((columns.listed.len(), columns.more), (5, 2));
        let told = Warning::of_columns(ColumnTrouble::Padded, columns).unwrap().to_string();
        assert!(told.ends_with(": \"a\", \"b\", \"c\", \"d\", \"e\" and 2 more"), "{told}");
        assert_eq!(Warning::of_columns(ColumnTrouble::Padded, WarnedColumns::default()), None);
    }
}
