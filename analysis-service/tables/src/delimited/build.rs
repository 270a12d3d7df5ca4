//! The second walk over a text: values into Arrow buffers. The types are known and hold for every cell, because the
//! first walk looked at every cell with the same parsers.

use std::ops::Range;

use arrow_buffer::ToByteSlice;

use super::profile::{RunSeen, is_blank_row};
use super::split::{Cursor, Dialect, unescape};
use crate::one_batch::{ColumnPlace, OneBatch};
use crate::values::{self, Held, number, temporal};
use crate::{Cancel, TableError};

/// How one column is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnPlan {
    pub(crate) held: Held,
    /// Whether any value of the column is missing.
    pub(crate) nullable: bool,
    /// Offsets of 64 bits, for columns of more than 2 GiB.
    pub(crate) large: bool,
}

/// Bits, the first at `first % 8` of the first byte.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    pub(crate) bytes: Vec<u8>,
    byte: u8,
    next: u32,
}

impl Bits {
    fn restart(&mut self, first: u64) {
        self.bytes.clear();
        self.byte = 0;
        self.next = (first % 8) as u32;
    }

    #[inline]
    fn push(&mut self, bit: bool) {
        self.byte |= u8::from(bit) << self.next;
        self.next += 1;
        if self.next == 8 {
            self.bytes.push(self.byte);
            self.byte = 0;
            self.next = 0;
        }
    }

    fn close(&mut self) {
        if self.next > 0 {
            self.bytes.push(self.byte);
            self.next = 0;
        }
    }
}

/// The values of one column in one run.
#[derive(Debug)]
pub(crate) enum Values {
    I64(Vec<i64>),
    I32(Vec<i32>),
    F64(Vec<f64>),
    Bits(Bits),
    Text { ends: Vec<i32>, bytes: Vec<u8> },
    LargeText { ends: Vec<i64>, bytes: Vec<u8> },
}

/// One column of one run.
#[derive(Debug)]
pub(crate) struct Part {
    plan: ColumnPlan,
    pub(crate) values: Values,
    pub(crate) valid: Bits,
    /// Where the run's text begins in the column's.
    text_base: u64,
}

/// A run's columns; reused from run to run.
pub(crate) struct Parts {
    pub(crate) columns: Vec<Part>,
    scratch: Vec<u8>,
}

impl Parts {
    pub(crate) fn new(plans: &[ColumnPlan]) -> Self {
        let part = |plan: &ColumnPlan| {
            let values = match plan.held {
                Held::Int | Held::Moment { .. } | Held::Time => Values::I64(Vec::new()),
                Held::Date(_) => Values::I32(Vec::new()),
                Held::Float => Values::F64(Vec::new()),
                Held::Bool => Values::Bits(Bits::default()),
                Held::Text if plan.large => Values::LargeText { ends: Vec::new(), bytes: Vec::new() },
                Held::Text => Values::Text { ends: Vec::new(), bytes: Vec::new() },
            };
            Part { plan: *plan, values, valid: Bits::default(), text_base: 0 }
        };
        Self { columns: plans.iter().map(part).collect(), scratch: Vec::new() }
    }

    /// Reads `run`, whose first row is row `first_row` of the table, or only its first `rows_max` rows.
    /// `text_base` tells where the run's text begins in a column's text.
    pub(crate) fn read(
        &mut self,
        data: &[u8],
        run: Range<usize>,
        first_row: u64,
        text_base: impl Fn(usize) -> u64,
        dialect: Dialect,
        rows_max: u64,
    ) -> Result<u64, TableError> {
        for (at, part) in self.columns.iter_mut().enumerate() {
            part.restart(first_row, text_base(at));
        }
        let data = &data[..run.end];
        let mut cursor = Cursor::new(data, run.start, dialect);
        let mut rows = 0;
        while !cursor.done() && rows < rows_max {
            rows += u64::from(self.row(data, &mut cursor, dialect)?);
        }
        for part in &mut self.columns {
            part.valid.close();
            if let Values::Bits(bits) = &mut part.values {
                bits.close();
            }
        }
        Ok(rows)
    }

    /// Reads one row; false when it was blank.
    #[inline]
    fn row(&mut self, data: &[u8], cursor: &mut Cursor, dialect: Dialect) -> Result<bool, TableError> {
        let width = self.columns.len();
        let mut at = 0;
        loop {
            let field = cursor.field();
            let raw = &data[field.start..field.end];
            if at == 0 && field.last && !field.quoted && is_blank_row(raw, width) {
                return Ok(false);
            }
            if let Some(part) = self.columns.get_mut(at) {
                if field.escaped {
                    self.scratch = unescape(raw, dialect.quote);
                    part.take(&self.scratch)?;
                } else {
                    part.take(raw)?;
                }
            }
            at += 1;
            if field.last {
                return if at >= width { Ok(true) } else { Err(changed()) };
            }
        }
    }
}

impl Part {
    /// How its values are held, and whether with offsets of 64 bits.
    pub(crate) fn held(&self) -> (Held, bool) {
        (self.plan.held, self.plan.large)
    }

    fn restart(&mut self, first_row: u64, text_base: u64) {
        self.text_base = text_base;
        self.valid.restart(first_row);
        match &mut self.values {
            Values::I64(values) => values.clear(),
            Values::I32(values) => values.clear(),
            Values::F64(values) => values.clear(),
            Values::Bits(bits) => bits.restart(first_row),
            Values::Text { ends, bytes } => {
                ends.clear();
                bytes.clear();
            }
            Values::LargeText { ends, bytes } => {
                ends.clear();
                bytes.clear();
            }
        }
    }

    #[inline]
    fn take(&mut self, cell: &[u8]) -> Result<(), TableError> {
        let valid = match &mut self.values {
            Values::Text { ends, bytes } => {
                bytes.extend_from_slice(cell);
                let end = self.text_base + bytes.len() as u64;
                ends.push(i32::try_from(end).map_err(|_| changed())?);
                !cell.is_empty()
            }
            Values::LargeText { ends, bytes } => {
                bytes.extend_from_slice(cell);
                ends.push((self.text_base + bytes.len() as u64).cast_signed());
                !cell.is_empty()
            }
            values => take_typed(values, self.plan.held, values::trim(cell))?,
        };
        if self.plan.nullable {
            self.valid.push(valid);
        } else if !valid {
            return Err(changed());
        }
        Ok(())
    }

    /// Writes the run's part of the column; `first_row` as in [`Parts::read`].
    pub(crate) fn write(&self, out: &OneBatch, place: ColumnPlace, first_row: u64) -> Result<(), TableError> {
        if let Some(at) = place.validity {
            out.write_bits(at, first_row, &self.valid.bytes)?;
        }
        match &self.values {
            Values::I64(values) => out.write(place.values + first_row * 8, values.to_byte_slice())?,
            Values::F64(values) => out.write(place.values + first_row * 8, values.to_byte_slice())?,
            Values::I32(values) => out.write(place.values + first_row * 4, values.to_byte_slice())?,
            Values::Bits(bits) => out.write_bits(place.values, first_row, &bits.bytes)?,
            // The first offset of a column is the zero that the file already holds.
            Values::Text { ends, bytes } => {
                out.write(place.offsets + (first_row + 1) * 4, ends.to_byte_slice())?;
                out.write(place.values + self.text_base, bytes)?;
            }
            Values::LargeText { ends, bytes } => {
                out.write(place.offsets + (first_row + 1) * 8, ends.to_byte_slice())?;
                out.write(place.values + self.text_base, bytes)?;
            }
        }
        Ok(())
    }
}

/// Appends the value of a column that is not text; false when it is missing.
#[inline]
fn take_typed(values: &mut Values, held: Held, cell: &[u8]) -> Result<bool, TableError> {
    macro_rules! push {
        ($values:expr, $parsed:expr) => {{
            match $parsed {
                Some(value) => {
                    $values.push(value);
                    return Ok(true);
                }
                None => $values.push(Default::default()),
            }
        }};
    }
    match (values, held) {
        (Values::I64(values), Held::Int) => push!(values, number::int(cell)),
        (Values::F64(values), _) if !values::is_missing_marker(cell) => push!(values, number::float(cell)),
        (Values::F64(values), _) => values.push(0.0),
        (Values::I32(values), Held::Date(order)) => {
            push!(values, temporal::parse(cell).and_then(|civil| civil.days(order)));
        }
        (Values::I64(values), Held::Moment { order, nanos, .. }) => {
            push!(values, temporal::parse(cell).and_then(|civil| civil.instant(order, nanos)));
        }
        (Values::I64(values), Held::Time) => {
            push!(values, temporal::parse_time(cell).map(|time| time.secs * 1_000_000 + time.nanos / 1_000));
        }
        (Values::Bits(values), _) => push!(values, values::parse_bool(cell)),
        _ => return Err(changed()),
    }
    if values::is_missing_marker(cell) { Ok(false) } else { Err(changed()) }
}

/// The two walks disagree: the bytes changed under our hands.
fn changed() -> TableError {
    TableError::Io(std::io::Error::other("the file changed while it was read; upload it again"))
}

/// Where each run's rows begin, and the rows in all.
pub(crate) fn first_rows(runs: &[RunSeen]) -> (Vec<u64>, u64) {
    let mut rows = 0;
    let firsts = runs
        .iter()
        .map(|run| {
            let first = rows;
            rows += run.rows;
            first
        })
        .collect();
    (firsts, rows)
}

/// Rereads every run and writes it into `out`.
#[expect(clippy::too_many_arguments, reason = "everything the first walk learned")]
pub(crate) fn write_runs(
    data: &[u8],
    ranges: &[Range<usize>],
    seen: &[RunSeen],
    plans: &[ColumnPlan],
    dialect: Dialect,
    out: &OneBatch,
    threads: usize,
    cancel: &Cancel,
) -> Result<(), TableError> {
    let (first_rows, _) = first_rows(seen);
    let mut base = vec![0u64; plans.len()];
    let bases: Vec<Vec<u64>> = seen
        .iter()
        .map(|run| {
            let here = base.clone();
            base.iter_mut().zip(&run.columns).for_each(|(base, column)| *base += column.bytes);
            here
        })
        .collect();
    let work = |parts: &mut Parts, run: usize| {
        cancel.check()?;
        let first = first_rows[run];
        let rows = parts.read(data, ranges[run].clone(), first, |at| bases[run][at], dialect, u64::MAX)?;
        if rows != seen[run].rows {
            return Err(changed());
        }
        for (part, place) in parts.columns.iter().zip(&out.places) {
            part.write(out, *place, first)?;
        }
        Ok(())
    };
    crate::parallel::map_pieces(ranges.len(), threads, || Parts::new(plans), work).into_iter().collect()
}
