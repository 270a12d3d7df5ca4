//! One column of typed cells.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BooleanBuilder, Date32Builder, DurationMicrosecondBuilder, Float64Builder, Int64Builder, StringBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use arrow_schema::{ArrowError, DataType};

use super::nested::{self, Nested};
use super::take::Take;
use crate::values::temporal::{self, Order};
use crate::values::{self, Held};
use crate::warning::MissingWord;

/// Largest whole number that a float holds exactly with all below it.
const EXACT_FLOAT_MAX: u64 = 1 << 53;

/// A value as its file has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00.
    Moment(i64),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds.
    Span(i64),
    Text(&'a str),
    /// A float as its file has it, where that is not how we show it.
    Written(&'a str),
    /// A number that neither `i64` nor `f64` holds.
    Huge(&'a str),
    /// A list or record, as JSON.
    Nested(&'a str),
}

impl Cell<'_> {
    /// Bytes that a column takes for it.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Text(text) | Self::Written(text) | Self::Huge(text) | Self::Nested(text) => text.len() as u64 + 8,
            _ => 8,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Tag {
    Missing,
    Int,
    Float,
    Bool,
    Date,
    Moment,
    Time,
    Span,
    Text,
    Written,
    Huge,
    Nested,
}

impl Tag {
    /// Whether its cells are kept as text.
    fn has_text(self) -> bool {
        matches!(self, Self::Text | Self::Written | Self::Huge | Self::Nested)
    }
}

/// Why a column of other values is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Mixed,
    LosesDigits,
    ManyShapes,
    DoubledKeys,
}

/// A finished column.
pub(crate) struct Built {
    pub(crate) array: ArrayRef,
    pub(crate) kept_as_text: Option<Why>,
    /// Its times name different offsets.
    pub(crate) moved_to_utc: bool,
    /// Numbers in its lists or records have more digits than a float.
    pub(crate) rounded: bool,
    /// Its words that count as missing.
    pub(crate) word: Option<MissingWord>,
}

fn of_type(array: ArrayRef) -> Built {
    Built { array, kept_as_text: None, moved_to_utc: false, rounded: false, word: None }
}

/// Cells row by row; rows at the end may be missing.
#[derive(Default)]
pub(crate) struct CellColumn {
    tags: Vec<Tag>,
    words: Vec<i64>,
    text: String,
    /// Where each text ends.
    ends: Vec<usize>,
    tags_seen: u16,
}

impl CellColumn {
    /// Sets the cell of row `row`; false when it has one already.
    pub(crate) fn put(&mut self, row: u64, cell: &Cell) -> bool {
        let row = usize::try_from(row).unwrap_or(usize::MAX);
        if self.tags.len() > row {
            return false;
        }
        self.tags.resize(row, Tag::Missing);
        let (tag, word, text) = match *cell {
            Cell::Int(value) => (Tag::Int, value, None),
            Cell::Float(value) => (Tag::Float, value.to_bits().cast_signed(), None),
            Cell::Bool(value) => (Tag::Bool, i64::from(value), None),
            Cell::Date(value) => (Tag::Date, i64::from(value), None),
            Cell::Moment(value) => (Tag::Moment, value, None),
            Cell::Time(value) => (Tag::Time, value, None),
            Cell::Span(value) => (Tag::Span, value, None),
            Cell::Text(text) => (Tag::Text, 0, Some(text)),
            Cell::Written(text) => (Tag::Written, 0, Some(text)),
            Cell::Huge(text) => (Tag::Huge, 0, Some(text)),
            Cell::Nested(text) => (Tag::Nested, 0, Some(text)),
        };
        self.tags.push(tag);
        self.tags_seen |= 1 << tag as u16;
        match text {
            Some(text) => {
                self.text.push_str(text);
                self.ends.push(self.text.len());
            }
            None => self.words.push(word),
        }
        true
    }

    /// Drops cells from row `rows` on.
    pub(crate) fn truncate(&mut self, rows: u64) {
        while self.tags.len() as u64 > rows {
            match self.tags.pop() {
                Some(Tag::Missing) | None => {}
                Some(tag) if tag.has_text() => {
                    self.ends.pop();
                    self.text.truncate(self.ends.last().copied().unwrap_or_default());
                }
                Some(_) => {
                    self.words.pop();
                }
            }
        }
    }

    /// Whether no row has a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.ends.is_empty()
    }

    /// Whether it holds lists or records and nothing else.
    pub(crate) fn is_nested(&self) -> bool {
        self.only(&[Tag::Nested]) && !self.is_empty()
    }

    /// Bytes of memory once it has `rows` rows, for its cells and for the array that is made of them.
    pub(crate) fn bytes_at(&self, rows: u64) -> u64 {
        let cells = self.words.len() as u64 * 8 + self.text.len() as u64 + self.ends.len() as u64 * 8;
        // An array has room for a value in every row, missing or not; for a text it has an offset.
        let has_words = !self.words.is_empty() || self.tags_seen & (1 << Tag::Written as u16) != 0;
        let slot_bytes = if has_words { 8 } else { 4 };
        let array = rows.saturating_mul(slot_bytes).saturating_add(self.text.len() as u64);
        rows.saturating_add(cells).saturating_add(array)
    }

    fn cells(&self) -> impl Iterator<Item = Option<Cell<'_>>> {
        let (mut word, mut text, mut start) = (0, 0, 0);
        self.tags.iter().map(move |tag| {
            if *tag == Tag::Missing {
                return None;
            }
            if tag.has_text() {
                let end = self.ends[text];
                let value = &self.text[start..end];
                (start, text) = (end, text + 1);
                return Some(match tag {
                    Tag::Text => Cell::Text(value),
                    Tag::Written => Cell::Written(value),
                    Tag::Huge => Cell::Huge(value),
                    _ => Cell::Nested(value),
                });
            }
            let value = self.words[word];
            word += 1;
            Some(match tag {
                Tag::Int => Cell::Int(value),
                Tag::Float => Cell::Float(f64::from_bits(value.cast_unsigned())),
                Tag::Bool => Cell::Bool(value != 0),
                Tag::Date => Cell::Date(i32::try_from(value).unwrap_or_default()),
                Tag::Moment => Cell::Moment(value),
                Tag::Time => Cell::Time(value),
                _ => Cell::Span(value),
            })
        })
    }

    fn only(&self, tags: &[Tag]) -> bool {
        self.tags_seen & !tags.iter().fold(0, |set, tag| set | 1 << *tag as u16) == 0
    }

    /// The array of `rows` rows.
    pub(crate) fn finish(mut self, rows: usize) -> Result<Built, ArrowError> {
        self.tags.resize(rows, Tag::Missing);
        let has_texts = self.tags_seen & (1 << Tag::Text as u16) != 0;
        let built = self.build(rows)?;
        let word = if has_texts && *built.array.data_type() != DataType::Utf8 { self.missing_word() } else { None };
        Ok(Built { word, ..built })
    }

    fn build(&mut self, rows: usize) -> Result<Built, ArrowError> {
        if self.only(&[Tag::Text]) {
            return Ok(self.texts());
        }
        if !self.only(&[Tag::Nested]) && self.only_markers() {
            self.tags_seen &= !(1 << Tag::Text as u16);
        }
        let mut unshaped = None;
        if self.only(&[Tag::Nested]) && !self.is_empty() {
            match nested::array(|| self.cells(), self.text.len(), rows) {
                Ok(Nested { array, rounded }) => return Ok(Built { rounded, ..of_type(array) }),
                Err(why) => unshaped = Some(why),
            }
        }
        let typed = |array| Ok(of_type(array));
        if self.only(&[Tag::Int]) {
            return typed(Arc::new(self.collect::<Int64Builder>()));
        }
        if self.only(&[Tag::Int, Tag::Float, Tag::Written]) {
            let exact = |cell| !matches!(cell, Some(Cell::Int(value)) if i64::unsigned_abs(value) > EXACT_FLOAT_MAX);
            if self.cells().all(exact) {
                return typed(Arc::new(self.collect::<Float64Builder>()));
            }
            return Ok(Built { kept_as_text: Some(Why::LosesDigits), ..of_type(self.shown()) });
        }
        if self.only(&[Tag::Bool]) {
            return typed(Arc::new(self.collect::<BooleanBuilder>()));
        }
        if self.only(&[Tag::Date]) {
            return typed(Arc::new(self.collect::<Date32Builder>()));
        }
        if self.only(&[Tag::Date, Tag::Moment]) {
            return typed(Arc::new(self.collect::<TimestampMicrosecondBuilder>()));
        }
        if self.only(&[Tag::Time]) {
            return typed(Arc::new(self.collect::<Time64MicrosecondBuilder>()));
        }
        if self.only(&[Tag::Span]) {
            return typed(Arc::new(self.collect::<DurationMicrosecondBuilder>()));
        }
        let numbers = self.only(&[Tag::Int, Tag::Float, Tag::Written, Tag::Huge]);
        let why = if numbers { Why::LosesDigits } else { Why::Mixed };
        let why = if self.only(&[Tag::Nested]) { unshaped } else { Some(why) };
        Ok(Built { kept_as_text: why, ..of_type(self.shown()) })
    }

    /// Whether every text is a marker of a missing value.
    fn only_markers(&self) -> bool {
        let marker = |cell| !matches!(cell, Some(Cell::Text(text)) if !values::is_missing_marker(values::trim(str::as_bytes(text))));
        self.cells().all(marker)
    }

    /// The texts that count as missing and may have been meant otherwise.
    fn missing_word(&self) -> Option<MissingWord> {
        let mut words = self.cells().flatten().filter_map(|cell| match cell {
            Cell::Text(text) if values::is_doubtful_marker(values::trim(text.as_bytes())) => {
                Some(text.trim().to_owned())
            }
            _ => None,
        });
        let text = words.next()?;
        Some(MissingWord { text, count: 1 + words.count() as u64 })
    }

    fn collect<B: Take>(&self) -> B::Array {
        let mut builder = B::default();
        self.cells().for_each(|cell| builder.take(cell));
        builder.done()
    }

    /// Texts, or the dates and times that all of them plainly are.
    fn texts(&self) -> Built {
        let kinds = self.cells().fold(0, |kinds, cell| match cell {
            Some(Cell::Text(text)) if kinds & values::TEXT == 0 => kinds | values::classify(text.as_bytes()),
            _ => kinds,
        });
        let text = |cell: Option<Cell>| match cell {
            Some(Cell::Text(text)) => Some(values::trim(text.as_bytes()).to_vec()),
            _ => None,
        };
        let civil = |cell| text(cell).and_then(|text| temporal::parse(&text));
        let held = values::decide(kinds).0;
        let array: ArrayRef = match held {
            Held::Date(Order::Plain) => {
                let days = self.cells().map(|cell| civil(cell).and_then(|civil| civil.days(Order::Plain)));
                Arc::new(days.collect::<arrow_array::Date32Array>())
            }
            Held::Moment { order: Order::Plain, nanos: false, .. } => {
                let instants = self.cells().map(|cell| civil(cell).and_then(|c| c.instant(Order::Plain, false)));
                let array: arrow_array::TimestampMicrosecondArray = instants.collect();
                Arc::new(array.with_timezone_opt(held.zone()))
            }
            _ => return of_type(self.shown()),
        };
        Built { moved_to_utc: values::is_moved_to_utc(held, kinds), ..of_type(array) }
    }

    /// Every cell as text.
    fn shown(&self) -> ArrayRef {
        let mut builder = StringBuilder::new();
        for cell in self.cells() {
            match cell {
                None => builder.append_null(),
                Some(Cell::Text(text) | Cell::Written(text) | Cell::Huge(text) | Cell::Nested(text)) => {
                    builder.append_value(text);
                }
                Some(Cell::Int(value)) => builder.append_value(value.to_string()),
                Some(Cell::Float(value)) => builder.append_value(format!("{value:?}")),
                Some(Cell::Bool(value)) => builder.append_value(value.to_string()),
                Some(other) => {
                    let mut one = CellColumn::default();
                    one.put(0, &other);
                    let text = one.finish(1).ok().map(|built| crate::render::renderer(&built.array)(0));
                    builder.append_option(text);
                }
            }
        }
        Arc::new(builder.finish())
    }
}
