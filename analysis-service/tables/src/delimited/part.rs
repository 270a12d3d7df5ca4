//! One column of one run of rows: what was seen of its cells, and their values, read in the type that the column is
//! expected to have. Where a cell does not have it, the values are given up, and only what is seen goes on.

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::{ArrayRef, new_null_array};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;

use super::arrow_type;
use super::index::Index;
use super::profile::Seen;
use crate::map;
use crate::values::{self, Held, number, quick, temporal};

/// Texts up to here are copied as one piece of this length, of which the rest is overwritten by the next.
const SHORT_TEXT_BYTES: usize = 16;
/// Room that is made for a column's texts in a run at first: of wide tables there are many, and most may be empty.
const TEXT_ROOM_BYTES: usize = 256;

/// The values of one column in one run, zero where one is missing.
#[derive(Debug)]
enum Values {
    I64(Vec<i64>),
    I32(Vec<i32>),
    F64(Vec<f64>),
    Bits(BooleanBufferBuilder),
    Text(Texts),
}

/// One column of one run.
#[derive(Debug)]
pub(super) struct Part {
    held: Held,
    pub(super) seen: Seen,
    /// Whether every cell so far is one of `held`; `values` mean something only as long.
    fits: bool,
    values: Values,
    /// Rows of the run without a value.
    missing: Vec<usize>,
}

impl Part {
    pub(super) fn new(held: Held) -> Self {
        let values = match held {
            Held::Int | Held::Moment { .. } | Held::Time => Values::I64(Vec::new()),
            Held::Date(_) => Values::I32(Vec::new()),
            Held::Float => Values::F64(Vec::new()),
            Held::Bool => Values::Bits(BooleanBufferBuilder::new(0)),
            Held::Text => Values::Text(Texts { ends: vec![0], bytes: Vec::new(), used: 0 }),
        };
        Self { held, seen: Seen::default(), fits: true, values, missing: Vec::new() }
    }

    /// Makes room for so many rows in all, where those to come are like the `taken` that were taken.
    pub(super) fn reserve(&mut self, rows: usize, taken: usize) {
        let more = rows.saturating_sub(taken);
        match &mut self.values {
            Values::I64(values) => values.reserve(more),
            Values::I32(values) => values.reserve(more),
            Values::F64(values) => values.reserve(more),
            Values::Bits(_) => {}
            Values::Text(texts) => {
                texts.ends.reserve(more);
                texts.make_room(texts.used * rows / taken.max(1));
            }
        }
    }

    /// Takes a cell in the long way; `at` is its place in the text, `row` its row in the run.
    pub(super) fn take(&mut self, cell: &[u8], at: usize, row: usize) {
        self.seen.see(cell, at);
        if !self.fits {
            return;
        }
        let present = match &mut self.values {
            Values::Text(texts) => texts.push(cell, 0, cell.len()).map(|()| !cell.is_empty()),
            _ if self.seen.kinds & values::TEXT != 0 => None,
            values => take_typed(values, self.held, values::trim(cell)),
        };
        match present {
            Some(true) => {}
            Some(false) => self.missing.push(row),
            None => self.give_up(),
        }
    }

    fn give_up(&mut self) {
        *self = Self { seen: self.seen, fits: false, ..Self::new(self.held) };
    }

    /// Takes a whole block of cells.
    pub(super) fn take_block(&mut self, block: &Block, column: usize) {
        /// Each cell in the short way if that reads it, else in the long way.
        macro_rules! quickly {
            ($values:path, $quick:path) => {
                block.cells(column, |start, end, row| {
                    if self.fits
                        && start < end
                        && let $values(values) = &mut self.values
                        && let Some((value, kinds)) = $quick(block.text, start, end)
                    {
                        values.push(value);
                        self.seen.kinds |= kinds;
                        self.seen.bytes += (end - start) as u64;
                    } else {
                        self.take(&block.text[start..end], block.at + start, row);
                    }
                })
            };
        }
        match self.held {
            Held::Int => quickly!(Values::I64, quick::int),
            Held::Float => quickly!(Values::F64, quick::float),
            Held::Date(temporal::Order::Plain) => {
                let mut days = quick::Days::default();
                let mut day = |text: &[u8], start, end| days.day(text, start, end);
                quickly!(Values::I32, day);
            }
            Held::Text if self.fits => self.texts(block, column),
            _ => block.cells(column, |start, end, row| self.take(&block.text[start..end], block.at + start, row)),
        }
    }

    fn texts(&mut self, block: &Block, column: usize) {
        let (seen, missing) = (&mut self.seen, &mut self.missing);
        let Values::Text(texts) = &mut self.values else { return };
        let mut whole = true;
        block.cells(column, |start, end, row| {
            if seen.kinds & values::TEXT == 0 || start == end {
                seen.see(&block.text[start..end], block.at + start);
            } else {
                seen.bytes += (end - start) as u64;
            }
            if start == end {
                missing.push(row);
            }
            whole &= texts.push(block.text, start, end).is_some();
        });
        if !whole {
            self.give_up();
        }
    }

    /// The values as an array of `rows` rows, if every cell was one of `held`.
    pub(super) fn finish(self, rows: usize) -> Option<ArrayRef> {
        if !self.fits {
            return None;
        }
        if self.missing.len() == rows {
            return Some(new_null_array(&arrow_type(self.held, false), rows));
        }
        let valid = (!self.missing.is_empty()).then(|| {
            let mut bits = BooleanBufferBuilder::new(rows);
            bits.append_n(rows, true);
            self.missing.iter().for_each(|row| bits.set_bit(*row, false));
            bits.finish().into_inner()
        });
        let builder = ArrayData::builder(arrow_type(self.held, false)).len(rows).null_bit_buffer(valid);
        let builder = match self.values {
            Values::I64(values) => builder.add_buffer(Buffer::from_vec(values)),
            Values::I32(values) => builder.add_buffer(Buffer::from_vec(values)),
            Values::F64(values) => builder.add_buffer(Buffer::from_vec(values)),
            Values::Bits(mut bits) => builder.add_buffer(bits.finish().into_inner()),
            Values::Text(texts) => {
                let [ends, bytes] = texts.buffers();
                builder.add_buffer(ends).add_buffer(bytes)
            }
        };
        Some(arrow_array::make_array(map::trusted_array(builder)))
    }
}

/// Whole rows, and where their fields are.
pub(super) struct Block<'a> {
    /// The text from the block on.
    pub(super) text: &'a [u8],
    /// Where the block begins in the whole text.
    pub(super) at: usize,
    /// Its first row, counted from the run's.
    pub(super) row: usize,
    pub(super) fields: &'a Index,
    /// The last column, if a carriage return at the end of its cells belongs to the line break.
    pub(super) returns: Option<usize>,
}

impl Block<'_> {
    /// Calls `take` with begin, end and row of each cell of a column.
    #[inline]
    fn cells(&self, column: usize, mut take: impl FnMut(usize, usize, usize)) {
        let returns = self.returns == Some(column);
        for ((start, end), row) in self.fields.column(column).zip(self.row..) {
            let cut = returns && end > start && self.text[end - 1] == b'\r';
            take(start, end - usize::from(cut), row);
        }
    }
}

/// Texts one after the other.
#[derive(Debug)]
struct Texts {
    /// Where each text ends, after a zero.
    ends: Vec<i32>,
    /// The texts, and room for more.
    bytes: Vec<u8>,
    used: usize,
}

impl Texts {
    /// Appends `text[start..end]`; `None` when that is more than 2 GiB in all.
    #[expect(clippy::inline_always, reason = "it is called for every text, and a call would cost as much as it does")]
    #[inline(always)]
    fn push(&mut self, text: &[u8], start: usize, end: usize) -> Option<()> {
        let used = self.used + (end - start);
        if self.bytes.len() < used + SHORT_TEXT_BYTES {
            self.grow(used);
        }
        if end - start <= SHORT_TEXT_BYTES
            && let Some(from) = text.get(start..start + SHORT_TEXT_BYTES)
            && let Some(to) = self.bytes.get_mut(self.used..self.used + SHORT_TEXT_BYTES)
        {
            to.copy_from_slice(from);
        } else {
            self.bytes[self.used..used].copy_from_slice(&text[start..end]);
        }
        self.used = used;
        self.ends.push(i32::try_from(used).ok()?);
        Some(())
    }

    #[cold]
    fn grow(&mut self, used: usize) {
        self.make_room(used.max(self.bytes.len() * 2).max(TEXT_ROOM_BYTES));
    }

    /// Makes room for so many bytes in all. What is asked of the system anew is zero already, and costs nothing until it is
    /// used.
    fn make_room(&mut self, bytes: usize) {
        let mut room = vec![0; bytes.max(self.used) + SHORT_TEXT_BYTES];
        room[..self.used].copy_from_slice(&self.bytes[..self.used]);
        self.bytes = room;
    }

    fn buffers(mut self) -> [Buffer; 2] {
        self.bytes.truncate(self.used);
        [Buffer::from_vec(self.ends), Buffer::from_vec(self.bytes)]
    }
}

/// Appends the value of a cell that is not text: whether there is one, or `None` when it is not of `held`.
#[inline]
fn take_typed(values: &mut Values, held: Held, cell: &[u8]) -> Option<bool> {
    let missing = values::is_missing_marker(cell);
    macro_rules! push {
        ($values:expr, $parsed:expr) => {
            if missing { $values.push(Default::default()) } else { $values.push($parsed?) }
        };
    }
    match (values, held) {
        (Values::I64(values), Held::Int) => push!(values, number::int(cell)),
        (Values::F64(values), _) => push!(values, number::float(cell)),
        (Values::I32(values), Held::Date(order)) => {
            push!(values, temporal::parse(cell).and_then(|civil| civil.days(order)));
        }
        (Values::I64(values), Held::Moment { order, nanos, .. }) => {
            push!(values, temporal::parse(cell).and_then(|civil| civil.instant(order, nanos)));
        }
        (Values::I64(values), Held::Time) => {
            push!(values, temporal::parse_time(cell).map(|time| time.secs * 1_000_000 + time.nanos / 1_000));
        }
        (Values::Bits(bits), _) => bits.append(if missing { false } else { values::parse_bool(cell)? }),
        _ => return None,
    }
    Some(!missing)
}
