//! JSON: an array of records, or records one after another. Numbers are taken from their text, so that no digit is
//! lost; lists and records inside a record become nested columns.

mod wrapped;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::DataType;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::cells::{self, Cell, CellTable};
use crate::names::Name;
use crate::read::Written;
use crate::values::{self, number};
use crate::warning::{ColumnTrouble, WarnedColumns, Warning};
use crate::{Cancel, FileFormat, Limits, ParseOptions, TableError};
use wrapped::Wrapped;

/// Records a preview reads to decide types by.
const PREVIEW_RECORDS: u64 = 1_000;

/// Bytes of a float with a point and at most 15 digits.
const SHORT_FLOAT_BYTES: usize = 16;
/// Floats that are shown without an exponent.
const SHOWN_PLAINLY: std::ops::Range<f64> = 1e-4..1e15;

/// Records on their way into cells.
struct Records<'a> {
    table: CellTable,
    keys: Vec<String>,
    places: HashMap<String, usize>,
    limits: &'a Limits,
    cancel: &'a Cancel,
    rows_max: u64,
    /// Columns with a number that lost digits.
    rounded: BTreeSet<usize>,
    /// Why reading stopped, where the parser's own error does not say it.
    stopped: Option<TableError>,
}

impl Records<'_> {
    fn column(&mut self, key: &str, guess: usize) -> usize {
        if self.keys.get(guess).is_some_and(|known| known == key) {
            return guess;
        }
        if let Some(at) = self.places.get(key) {
            return *at;
        }
        let at = self.keys.len();
        self.keys.push(key.to_owned());
        self.places.insert(key.to_owned(), at);
        self.table.columns.push(cells::CellColumn::default());
        at
    }

    fn put(&mut self, key: &str, guess: usize, raw: &str) -> Result<(), TableError> {
        let column = self.column(key, guess);
        self.limits.check_columns(self.keys.len())?;
        let owned;
        let cell = match raw.as_bytes() {
            [b'n', ..] => return Ok(()),
            [b't', ..] => Cell::Bool(true),
            [b'f', ..] => Cell::Bool(false),
            [b'"', ..] => {
                owned = serde_json::from_str::<String>(raw).map_err(|error| broken_text(key, &error))?;
                if owned.len() > self.limits.cell_max_bytes {
                    let place = format!("record {}, \"{key}\"", self.table.rows + 1);
                    return Err(self.limits.cell_too_large(&place, owned.len()));
                }
                Cell::Text(&owned)
            }
            [b'[' | b'{', ..] => Cell::Nested(raw),
            digits => {
                let (cell, rounded) = number(raw, digits);
                if rounded {
                    self.rounded.insert(column);
                }
                cell
            }
        };
        if self.table.put(column, &cell, self.limits)? {
            return Ok(());
        }
        let record = self.table.rows + 1;
        Err(TableError::unreadable(format!(
            "record {record} has the key \"{key}\" twice; remove one of them and upload the file again"
        )))
    }

    fn end_record(&mut self) -> Result<(), TableError> {
        self.table.end_row(self.limits)?;
        if self.table.rows.is_multiple_of(1_024) {
            self.cancel.check()?;
        }
        Ok(())
    }
}

fn broken_text(key: &str, error: &serde_json::Error) -> TableError {
    TableError::unreadable(format!("a text under \"{key}\" cannot be read: {error}"))
}

/// A number, and whether it lost digits.
fn number<'a>(raw: &'a str, digits: &[u8]) -> (Cell<'a>, bool) {
    let kinds = values::classify(digits);
    if kinds & values::INT != 0
        && let Some(value) = number::int(digits)
    {
        return (Cell::Int(value), false);
    }
    match number::float(digits) {
        Some(value) if kinds & values::FLOAT != 0 => {
            let cell = if is_shown_so(raw, value) { Cell::Float(value) } else { Cell::Written(raw) };
            (cell, kinds & values::ROUNDED != 0)
        }
        _ => (Cell::Huge(raw), false),
    }
}

/// Whether a float is shown as its file has it.
fn is_shown_so(raw: &str, value: f64) -> bool {
    let bytes = raw.as_bytes();
    // A float is told from all others by 15 digits, so that they are those which it is shown with.
    let is_short = bytes.len() <= SHORT_FLOAT_BYTES && SHOWN_PLAINLY.contains(&value.abs());
    match bytes {
        [.., b'1'..=b'9'] if is_short && !bytes.contains(&b'e') && !bytes.contains(&b'E') => true,
        _ => raw == format!("{value:?}"),
    }
}

/// Reads one record.
struct Record<'r, 'a>(&'r mut Records<'a>);

impl<'de> DeserializeSeed<'de> for Record<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Record<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a record, {{...}}")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let records = self.0;
        let mut at = 0;
        while let Some(key) = map.next_key::<String>()? {
            let raw = map.next_value::<&'de RawValue>()?;
            stop(records, |records| records.put(&key, at, raw.get()))?;
            at += 1;
        }
        stop(records, |records| records.end_record())
    }
}

/// Does `work`; its error is kept, since the parser carries only texts.
fn stop<E: serde::de::Error>(
    records: &mut Records,
    work: impl FnOnce(&mut Records) -> Result<(), TableError>,
) -> Result<(), E> {
    work(records).map_err(|error| {
        let told = E::custom(&error);
        records.stopped = Some(error);
        told
    })
}

/// Reads an array of records.
struct Array<'r, 'a>(&'r mut Records<'a>);

impl<'de> DeserializeSeed<'de> for Array<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Array<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of records, [{{...}}, ...]")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(), S::Error> {
        while self.0.table.rows < self.0.rows_max {
            if seq.next_element_seed(Record(self.0))?.is_none() {
                return Ok(());
            }
        }
        Err(S::Error::custom("enough"))
    }
}

/// Reads `data` into `records`; with `partial`, an end that is cut off is no error. Gives the record around them, if there is.
fn read(data: &[u8], format: FileFormat, records: &mut Records, partial: bool) -> Result<Option<Wrapped>, TableError> {
    let mut parser = serde_json::Deserializer::from_slice(data);
    let is_array = data.trim_ascii_start().starts_with(b"[");
    // Of records a line each is one, whatever it holds.
    let wrapped = (format == FileFormat::Json).then(|| Wrapped::find(data, partial)).flatten();
    let result = if is_array {
        parser.deserialize_seq(Array(records)).and_then(|()| parser.end())
    } else if let Some(wrapped) = &wrapped {
        wrapped.read(&mut parser, records)
    } else {
        loop {
            if records.table.rows >= records.rows_max || parser.end().is_ok() {
                break Ok(());
            }
            if let Err(error) = Record(records).deserialize(&mut parser) {
                break Err(error);
            }
        }
    };
    records.table.drop_open_row();
    if let Some(error) = records.stopped.take() {
        return Err(error);
    }
    match result {
        Ok(()) => {}
        Err(_) if records.table.rows >= records.rows_max => {}
        Err(error) if partial && error.is_eof() => {}
        Err(error) => return Err(explain(data, &error)),
    }
    if records.table.rows == 0 && (!partial || records.keys.is_empty()) {
        return Err(TableError::Empty("the file holds no records; upload a file with data".to_owned()));
    }
    if records.table.rows == 1
        && !partial
        && !is_array
        && wrapped.is_none()
        && records.table.columns.iter().all(cells::CellColumn::is_nested)
    {
        return Err(TableError::Format(
            "the JSON is one record that holds only lists or records; we read an array of records, alone or as the one list of \
             records in a record, or a record a line. Write the table in that shape (pandas: to_json(orient=\"records\"))"
                .to_owned(),
        ));
    }
    Ok(wrapped)
}

fn explain(data: &[u8], error: &serde_json::Error) -> TableError {
    let line = error.line() as u64;
    if let Some(word) = no_number(data, error) {
        let problem = format!(
            "column {}: {word} is no JSON, though some programs write it; write null instead (pandas: to_json does) and \
             upload the file again",
            error.column()
        );
        return TableError::at_line(line, problem);
    }
    let what = error.to_string();
    let what = what.rsplit_once(" at line").map_or(what.as_str(), |(what, _)| what);
    if error.is_eof() {
        return TableError::at_line(line, format!("the JSON ends too early ({what}); the file may be cut off"));
    }
    TableError::at_line(
        line,
        format!(
            "column {}: this is not the JSON of a table ({what}). We read an array of records or a record a line; mend \
             the file and upload it again",
            error.column()
        ),
    )
}

/// The word at an error's place that Python and JavaScript write for a float without a value.
fn no_number(data: &[u8], error: &serde_json::Error) -> Option<&'static str> {
    let line =
        error.line().checked_sub(2).map_or(Some(0), |at| memchr::memchr_iter(b'\n', data).nth(at).map(|end| end + 1));
    // The column is that of the byte which is wrong, or of the one before it.
    let at = line? + error.column().saturating_sub(1);
    let near = data.get(at.saturating_sub(1)..)?;
    ["NaN", "Infinity"]
        .into_iter()
        .find(|word| (0..=2).any(|skip| near.get(skip..).is_some_and(|n| n.starts_with(word.as_bytes()))))
}

fn records<'a>(limits: &'a Limits, cancel: &'a Cancel, rows_max: u64) -> Records<'a> {
    let (table, keys, places) = (CellTable::default(), Vec::new(), HashMap::new());
    Records { table, keys, places, limits, cancel, rows_max, rounded: BTreeSet::new(), stopped: None }
}

/// The table, the names of its columns, and what a person should know.
fn finish(records: Records) -> Result<(RecordBatch, Vec<Name>, Vec<Warning>), TableError> {
    let (names, mut warnings) = cells::named(&records.keys);
    let (batch, more) = records.table.finish(&names)?;
    warnings.extend(more);
    // A column that became text has all digits.
    let is_float = |at: &&usize| *batch.column(**at).data_type() == DataType::Float64;
    let rounded = records.rounded.iter().filter(is_float);
    let rounded = WarnedColumns::of(rounded.map(|at| names[*at].name.as_str()));
    warnings.extend(Warning::of_columns(ColumnTrouble::Rounded, rounded));
    Ok((batch, names, warnings))
}

pub(crate) fn convert(
    data: &[u8],
    format: FileFormat,
    encoding: &str,
    out: &Path,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Written, TableError> {
    let mut records = records(limits, cancel, u64::MAX);
    let wrapped = read(data, format, &mut records, false)?;
    let (batch, names, mut warnings) = finish(records)?;
    warnings.splice(..0, wrapped.and_then(|wrapped| wrapped.warning()));
    let options = ParseOptions { format: Some(format), encoding: Some(encoding.to_owned()), ..ParseOptions::default() };
    Ok(Written { out: cells::write(batch, out, limits, cancel)?, summaries: None, options, names, warnings })
}

/// The first rows of a text, which with `partial` is only a beginning, and warnings.
pub(crate) fn preview(
    data: &[u8],
    format: FileFormat,
    rows: usize,
    partial: bool,
    limits: &Limits,
) -> Result<(RecordBatch, Vec<Warning>), TableError> {
    let cancel = Cancel::default();
    let mut records = records(limits, &cancel, PREVIEW_RECORDS.max(rows as u64));
    let wrapped = read(data, format, &mut records, partial)?;
    let (batch, _, mut warnings) = finish(records)?;
    warnings.splice(..0, wrapped.and_then(|wrapped| wrapped.warning()));
    Ok((batch.slice(0, rows.min(batch.num_rows())), warnings))
}
