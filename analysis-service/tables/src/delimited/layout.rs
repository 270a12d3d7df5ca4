//! The frame of a delimited text: its dialect, whether its first row names the columns, their names, and where the
//! data begin. Also the errors that speak of lines.

use super::dialect;
use super::header;
use super::split::{Cursor, Dialect, line_of, value};
use super::titles;
use crate::names::{self, Name};
use crate::warning::Warning;
use crate::{HeaderMode, Limits, ParseOptions, TableError};

/// Bytes of a text that its dialect and header are judged by.
const SAMPLE_BYTES: usize = 256 << 10;
/// Rows and cells of it.
const SAMPLE_ROWS: usize = 200;
const SAMPLE_CELLS: usize = 200_000;

/// The frame.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) dialect: Dialect,
    /// Whether the first row names the columns.
    pub(crate) header: bool,
    /// One a column.
    pub(crate) names: Vec<Name>,
    /// Where the first row of data begins.
    pub(crate) start: usize,
    /// The first rows of data, cells trimmed.
    pub(crate) sample: Vec<Vec<String>>,
    pub(crate) warnings: Vec<Warning>,
}

impl Layout {
    /// Finds the frame of `data`, which begins after the byte order mark and does not end in line breaks.
    pub(crate) fn find(data: &[u8], options: &ParseOptions, limits: &Limits) -> Result<Self, TableError> {
        let mut start = data.iter().position(|b| !b.is_ascii_whitespace() || *b == b'\t').unwrap_or(data.len());
        // Blanks before the first cell are its own.
        start -= data[..start].iter().rev().take_while(|b| **b == b' ').count();
        let mut options = options.clone();
        if let Some((delimiter, after)) = separator_line(&data[start..]) {
            options.delimiter.get_or_insert(delimiter);
            start += after;
        }
        let text = &data[start..];
        if text.is_empty() {
            return Err(TableError::Empty("the file holds no rows; upload a file with data".to_owned()));
        }
        let (dialect, mut rows) = first_rows(data, start, &options, limits)?;
        let titled =
            if options.header == Some(HeaderMode::Absent) { 0 } else { titles::rows_above(&rows, dialect.delimiter) };
        let above: Vec<Row> = rows.drain(..titled).collect();
        let end = rows.first().map_or(start, |row| row.end);
        let mut rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.cells).collect();
        let first = rows.remove(0);
        let header = match options.header {
            Some(mode) => mode == HeaderMode::Present,
            None => titled > 0 || header::is_header(&first, &rows),
        };
        let width = width(&first, &rows, header);
        limits.check_columns(width)?;
        if header {
            let (names, mut warnings) = names::unique(&first[..width]);
            warnings.splice(..0, titles::warning(&above));
            return Ok(Self { dialect, header, names, start: end, sample: rows, warnings });
        }
        rows.insert(0, first);
        let warnings = vec![];
        Ok(Self { dialect, header, names: names::numbered(width), start, sample: rows, warnings })
    }

    /// The error for a row of the wrong width.
    pub(crate) fn ragged(&self, data: &[u8], at: usize, found: usize) -> TableError {
        let expected = self.names.len();
        let delimiter = shown(self.dialect.delimiter);
        let line = data[at..].split(|byte| *byte == self.dialect.terminator).next().unwrap_or_default();
        let backslash = memchr::memmem::find(line, &[b'\\', self.dialect.quote]).is_some();
        let hint = if backslash { "; a quote inside of one is written twice, with no backslash" } else { "" };
        let problem = format!(
            "{found} {} found where the first row has {expected}; a field that holds the delimiter ({delimiter}) or a \
             line break must stand in quotes{hint}. Mend the line, or read the file with another delimiter",
            if found == 1 { "field" } else { "fields" }
        );
        TableError::at_line(line_of(data, at, self.dialect.terminator), problem)
    }

    /// The error for a quote that is closed in a later line, before more text.
    pub(crate) fn stray_quote(&self, data: &[u8], at: usize) -> TableError {
        stray_quote(data, at, self.dialect)
    }

    /// The error for a quote that is never closed.
    pub(crate) fn open_quote(&self, data: &[u8], at: usize) -> TableError {
        open_quote(data, at, self.dialect)
    }
}

fn open_quote(data: &[u8], at: usize, dialect: Dialect) -> TableError {
    let quote = shown(dialect.quote);
    let problem = format!(
        "a field begins with a quote ({quote}) that is never closed. Close it, write a quote that belongs to the value \
         twice, or read the file with another quote character"
    );
    TableError::at_line(line_of(data, at, dialect.terminator), problem)
}

fn stray_quote(data: &[u8], at: usize, dialect: Dialect) -> TableError {
    let quote = shown(dialect.quote);
    let problem = format!(
        "a field begins with a quote ({quote}), and the next quote stands in a later line and has text after it: rows would \
         be lost between them. Write a quote that belongs to the value twice ({quote}{quote}, with no backslash) and the \
         value between quotes, or read the file with another quote character"
    );
    TableError::at_line(line_of(data, at, dialect.terminator), problem)
}

/// A character of a dialect, for people.
fn shown(byte: u8) -> String {
    match byte {
        b'\t' => "a tab".to_owned(),
        b' ' => "a blank".to_owned(),
        byte if byte.is_ascii_graphic() => char::from(byte).to_string(),
        byte => format!("0x{byte:02X}"),
    }
}

/// Excel's `sep=;` in the first line: the delimiter, and where the next line begins.
fn separator_line(text: &[u8]) -> Option<(char, usize)> {
    let rest = text.strip_prefix(b"sep=")?;
    let (&delimiter, rest) = rest.split_first()?;
    let line_break = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\n' | b'\r', ..] => 1,
        _ => return None,
    };
    delimiter.is_ascii().then(|| (delimiter.into(), 5 + line_break))
}

/// A row of the beginning of a text.
#[derive(Debug)]
pub(super) struct Row {
    /// Trimmed.
    pub(super) cells: Vec<String>,
    /// Where the next row begins.
    pub(super) end: usize,
    /// A blank line stands above it.
    pub(super) apart: bool,
}

/// The dialect, and the first rows of the text from `start` on. What stands apart below titles is judged without them.
fn first_rows(
    data: &[u8],
    start: usize,
    options: &ParseOptions,
    limits: &Limits,
) -> Result<(Dialect, Vec<Row>), TableError> {
    let sample = &data[start..data.len().min(start + SAMPLE_BYTES)];
    let below = titles::apart(sample).filter(|_| options.header != Some(HeaderMode::Absent));
    if let Some(below) = below
        && let dialect = dialect::detect(&sample[below..], options)?
        && let Ok(rows) = sample_rows(data, start, dialect, limits)
        && titles::rows_above(&rows, dialect.delimiter) > 0
    {
        return Ok((dialect, rows));
    }
    let dialect = dialect::detect(sample, options)?;
    Ok((dialect, sample_rows(data, start, dialect, limits)?))
}

/// The first rows, at least one.
fn sample_rows(data: &[u8], start: usize, dialect: Dialect, limits: &Limits) -> Result<Vec<Row>, TableError> {
    let mut cursor = Cursor::new(data, start, dialect);
    let Some(first) = next_row(data, &mut cursor, dialect, limits)? else {
        return Err(TableError::Empty("the file holds no rows; upload a file with data".to_owned()));
    };
    let lone = first.cells.len() == 1;
    let mut rows = vec![first];
    let mut cells = 0;
    while rows.len() <= SAMPLE_ROWS && cells < SAMPLE_CELLS && cursor.pos < start + SAMPLE_BYTES {
        let Ok(Some(row)) = next_row(data, &mut cursor, dialect, limits) else { break };
        cells += row.cells.len();
        if row.cells.len() > 1 || lone {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The next row that is not blank.
fn next_row(data: &[u8], cursor: &mut Cursor, dialect: Dialect, limits: &Limits) -> Result<Option<Row>, TableError> {
    let mut apart = false;
    while !cursor.done() {
        let mut cells = Vec::new();
        let mut quoted = false;
        loop {
            let field = cursor.field();
            if field.open {
                return Err(open_quote(data, field.start, dialect));
            }
            if field.is_stray(data, dialect.terminator) {
                return Err(stray_quote(data, field.start, dialect));
            }
            quoted |= field.quoted;
            let cell = value(data, &field, dialect.quote);
            cells.push(String::from_utf8_lossy(&cell).trim().to_owned());
            if cells.len() > limits.columns_max.saturating_mul(2) {
                limits.check_columns(cells.len())?;
            }
            if field.last {
                break;
            }
        }
        if quoted || cells.len() > 1 || !cells[0].is_empty() {
            return Ok(Some(Row { cells, end: cursor.pos, apart }));
        }
        apart = true;
    }
    Ok(None)
}

/// Columns of the table: the fields of its first row, without empty ones at its end that no other row has.
fn width(first: &[String], rows: &[Vec<String>], header: bool) -> usize {
    let named = first.iter().rposition(|name| !name.is_empty()).map_or(1, |at| at + 1);
    let widest = rows.iter().map(Vec::len).max().unwrap_or(first.len());
    if header && widest < first.len() { widest.max(named) } else { first.len() }
}
