//! The walk over a run of rows: every row's width is checked, every cell is looked at, and in the same breath its value
//! is read in the type that its column is expected to have.

use std::ops::Range;

use arrow_array::ArrayRef;
use memchr::memchr;

use super::index::Index;
use super::part::{Block, Part};
use super::profile::{Ragged, RunSeen, Stop, Tails};
use super::split::{Cursor, Dialect, Field, line_of, unescape};
use crate::values::Held;
use crate::{Cancel, Limits};

/// Rows between two looks at the cancel flag.
const CANCEL_ROWS: usize = 16_384;

/// One part in so many is made room for beside what a run should take.
const SPARE_SHARE: usize = 16;

/// A run that was read.
pub(super) struct Run {
    pub(super) seen: RunSeen,
    /// The values, if every cell of a column was one of the type that was expected of it.
    pub(super) columns: Option<Vec<ArrayRef>>,
}

impl Run {
    /// Bytes of memory that the values take.
    pub(super) fn bytes(&self) -> usize {
        self.columns.iter().flatten().map(|column| column.get_array_memory_size()).sum()
    }
}

/// What is the same for every run of a text.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) data: &'a [u8],
    pub(super) dialect: Dialect,
    pub(super) limits: &'a Limits,
    pub(super) cancel: &'a Cancel,
    /// Whether there may be quotes; where there are none, every line is a row. Without, the first one stops the walk.
    pub(super) quotes: bool,
}

/// A run being read.
struct Reading {
    parts: Vec<Part>,
    rows: usize,
    long_rows: u64,
    tails: Tails,
    /// No byte was beyond ASCII.
    ascii: bool,
}

impl Walk<'_> {
    /// Reads the rows of `run`; each has a field for every one of `held`. `fields` is room that is used again.
    pub(super) fn read(&self, run: Range<usize>, held: &[Held], fields: &mut Index) -> Result<Run, Stop> {
        let parts = held.iter().map(|held| Part::new(*held)).collect();
        let mut reading = Reading { parts, rows: 0, long_rows: 0, tails: Tails::default(), ascii: true };
        let read = self.rows(run.clone(), &mut reading, fields);
        // What stops in a text of another encoding may be due to that.
        if (read.is_err() || !reading.ascii)
            && let Err(broken) = std::str::from_utf8(&self.data[run.clone()])
        {
            return Err(Stop::Encoding(run.start + broken.valid_up_to()));
        }
        read?;
        let Reading { parts, rows, long_rows, tails, ascii } = reading;
        let columns = parts.iter().map(|part| part.seen).collect();
        let seen = RunSeen { rows: rows as u64, columns, long_rows, tails, ascii };
        let columns = parts.into_iter().map(|part| part.finish(rows)).collect();
        Ok(Run { seen, columns })
    }

    fn rows(&self, run: Range<usize>, reading: &mut Reading, fields: &mut Index) -> Result<(), Stop> {
        let (data, width) = (&self.data[..run.end], reading.parts.len());
        let mut cursor = Cursor::new(data, run.start, self.dialect);
        // A cell of a block is shorter than the block, and is not measured.
        let blocks = self.limits.cell_max_bytes >= Index::block_bytes(width);
        while !cursor.done() {
            self.cancel.check().map_err(Stop::Table)?;
            let (start, text) = (cursor.pos, &data[cursor.pos..]);
            if let Some(bytes) = fields.fill(text, self.dialect, width, self.quotes).filter(|_| blocks) {
                reading.block(text, start, fields, self.dialect);
                if start == run.start {
                    reading.reserve(text.len(), bytes);
                }
                cursor.pos += bytes;
            } else {
                let bytes = Index::block_bytes(width);
                if !self.quotes && self.has_quote(text, bytes) {
                    return Err(Stop::Quote);
                }
                let rows = reading.rows + CANCEL_ROWS;
                while !cursor.done() && cursor.pos < start + bytes && reading.rows < rows {
                    self.row(data, &mut cursor, reading)?;
                }
                reading.ascii &= data[start..cursor.pos.min(data.len())].is_ascii();
            }
        }
        Ok(())
    }

    /// Whether a quote is in the lines that begin in the first `bytes`.
    fn has_quote(&self, text: &[u8], bytes: usize) -> bool {
        let rest = text.get(bytes..).unwrap_or_default();
        let end = memchr(self.dialect.terminator, rest).map_or(text.len(), |at| bytes + at);
        memchr(self.dialect.quote, &text[..end]).is_some()
    }

    fn row(&self, data: &[u8], cursor: &mut Cursor, reading: &mut Reading) -> Result<(), Stop> {
        let start = cursor.pos;
        let width = reading.parts.len();
        let mut at = 0;
        loop {
            let field = cursor.field();
            if field.open {
                return Err(Stop::Open(field.start));
            }
            let raw = &data[field.start..field.end];
            if at == 0 && field.last && !field.quoted && is_blank_row(raw, width) {
                return Ok(());
            }
            let unescaped;
            let cell = if field.escaped {
                self.see_tail(data, &field, &mut reading.tails)?;
                unescaped = unescape(raw, self.dialect.quote);
                unescaped.as_slice()
            } else {
                raw
            };
            if let Some(part) = reading.parts.get_mut(at) {
                self.check_length(cell, field.start, at)?;
                part.take(cell, field.start, reading.rows);
            } else if cell.is_empty() {
                reading.long_rows += u64::from(at == width);
            } else {
                return Err(Stop::Ragged(Ragged { at: start, found: count_fields(data, start, self.dialect) }));
            }
            at += 1;
            if field.last {
                break;
            }
        }
        if at < width {
            return Err(Stop::Ragged(Ragged { at: start, found: at }));
        }
        reading.rows += 1;
        Ok(())
    }

    fn see_tail(&self, data: &[u8], field: &Field, tails: &mut Tails) -> Result<(), Stop> {
        let Some(closing) = field.tail else { return Ok(()) };
        if field.is_stray(data, self.dialect.terminator) {
            return Err(Stop::Stray(field.start));
        }
        let backslash = data[closing - 1] == b'\\';
        *tails = tails.join(Tails { count: 1, first: Some(field.start), backslash });
        Ok(())
    }

    #[inline]
    fn check_length(&self, cell: &[u8], start: usize, column: usize) -> Result<(), Stop> {
        let limit = self.limits.cell_max_bytes as u64;
        if cell.len() as u64 <= limit {
            return Ok(());
        }
        let line = line_of(self.data, start, self.dialect.terminator);
        let what = format!(
            "line {line}, column {}: bytes of one cell (a quote may open there that is never closed)",
            column + 1
        );
        Err(Stop::Table(crate::limits::too_large(&what, "cell_max_bytes", limit, cell.len() as u64)))
    }
}

impl Reading {
    fn block(&mut self, text: &[u8], at: usize, fields: &Index, dialect: Dialect) {
        let returns = (dialect.terminator == b'\n').then_some(self.parts.len() - 1);
        let block = Block { text, at, row: self.rows, fields, returns };
        for (column, part) in self.parts.iter_mut().enumerate() {
            part.take_block(&block, column);
        }
        self.rows += fields.rows();
        self.ascii &= fields.is_ascii();
    }

    /// Makes room for a run of `run_bytes`, whose first `bytes` were read. A little more than it takes if all rows are like
    /// the first: making room again costs a copy.
    fn reserve(&mut self, run_bytes: usize, bytes: usize) {
        let rows = self.rows * (run_bytes + run_bytes / SPARE_SHARE + bytes) / bytes.max(1);
        self.parts.iter_mut().for_each(|part| part.reserve(rows, self.rows));
    }
}

/// Whether a row of one unquoted field is no row: nothing but blanks, where a row has several fields.
#[inline]
fn is_blank_row(cell: &[u8], width: usize) -> bool {
    width > 1 && cell.iter().all(|b| matches!(b, b' ' | b'\t'))
}

fn count_fields(data: &[u8], start: usize, dialect: Dialect) -> usize {
    let mut cursor = Cursor::new(data, start, dialect);
    let mut count = 1;
    while !cursor.field().last {
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::super::split::Blanks;
    use super::*;

    fn read(text: &[u8], quotes: bool, held: &[Held]) -> Result<Run, Stop> {
        let (limits, cancel) = Default::default();
        let dialect = Dialect { delimiter: b',', quote: b'"', terminator: b'\n', blanks: Blanks::Values };
        let walk = Walk { data: text, dialect, limits: &limits, cancel: &cancel, quotes };
        walk.read(0..text.len(), held, &mut Index::default())
    }

    #[test]
    fn what_is_beyond_ascii_is_seen_wherever_it_stands() {
        let rows = "1,one\n".repeat(20_000);
        for (first, last) in
            [("", ""), ("2,zwölf\n", ""), ("", "2,zwölf\n"), ("", "2,zwölf"), ("2,\"zwölf\"\n", "2,\"x\"")]
        {
            let text = format!("{first}{rows}{last}");
            let run = read(text.as_bytes(), true, &[Held::Int, Held::Text]).unwrap();
            assert_eq!(run.seen.ascii, text.is_ascii(), "{first:?} {last:?}");
        }
    }

    #[test]
    fn bytes_of_another_encoding_are_told_first() {
        let broken = |rows: &str| [rows.as_bytes(), b"2,\xd6\xd0\n", "3,three\n".repeat(20_000).as_bytes()].concat();
        for rows in ["1,one\n", "1,one,more\n", "1,\"one\"\n", &"1,one\n".repeat(20_000)] {
            let stop = read(&broken(rows), false, &[Held::Int, Held::Text]).err();
            assert!(matches!(stop, Some(Stop::Encoding(at)) if at == rows.len() + 2), "{stop:?}");
        }
    }

    #[test]
    fn a_quote_stops_a_walk_without_quotes_wherever_it_stands() {
        let rows = "1,one\n".repeat(20_000);
        for (first, last) in [("2,\"x\"\n", ""), ("", "2,\"x\"\n"), ("", "2,x\"")] {
            let stop = read(format!("{first}{rows}{last}").as_bytes(), false, &[Held::Int, Held::Text]).err();
            assert!(matches!(stop, Some(Stop::Quote)), "{stop:?}");
        }
    }

    #[test]
    fn a_run_takes_little_more_memory_than_its_values() {
        let text: String = (0..150_000).map(|row| format!("{row},{:08}\n", row * 31)).collect();
        let run = read(text.as_bytes(), true, &[Held::Int, Held::Text]).unwrap();
        let values = 150_000 * (8 + 4 + 8);
        assert!(run.bytes() < values * 5 / 4, "{} for {values}", run.bytes());
    }
}
