//! Where the fields of a block of text end, found many bytes at a time. A block is rows without a quote in them, all
//! of the right width; everything else is a walk of `split::Cursor`.

use memchr::{memchr, memrchr};
use wide::u8x16;

use super::split::{Blanks, Dialect};

/// Bytes of a block: it should stay in the processor's nearest caches while each column is taken from it.
const BLOCK_BYTES: usize = 32 << 10;
/// Of wide tables it has more, so that a few rows are in it.
const BLOCK_COLUMN_BYTES: usize = 64;
const BLOCK_MAX_BYTES: usize = 1 << 20;
/// Bytes compared at once: one for each bit of what is found.
const STEP: usize = u64::BITS as usize;
/// Steps after which what is counted in bytes is added up: each counts up to four in one of them.
const STEPS: usize = 63;
/// Places that are written at once.
const PLACES: usize = 8;

/// The fields of one block.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Where each field begins and, one place on, the byte after its separator; then room for more.
    bounds: Vec<u32>,
    /// How many of them there are.
    count: usize,
    width: usize,
    ascii: bool,
}

impl Index {
    /// Bytes that [`Index::fill`] looks at, at most.
    pub(super) fn block_bytes(width: usize) -> usize {
        (width * BLOCK_COLUMN_BYTES).clamp(BLOCK_BYTES, BLOCK_MAX_BYTES)
    }

    /// Finds the fields of the whole rows at the beginning of `text`, each of `width`. Gives the bytes of these rows;
    /// `None` where the text is not so simple. Where `quotes` are likely, one is looked for first.
    pub(super) fn fill(&mut self, text: &[u8], dialect: Dialect, width: usize, quotes: bool) -> Option<usize> {
        if dialect.blanks == Blanks::Runs {
            return None;
        }
        let block = &text[..text.len().min(Self::block_bytes(width))];
        let block = &block[..=memrchr(dialect.terminator, block)?];
        if quotes && memchr(dialect.quote, block).is_some() {
            return None;
        }
        self.width = width;
        let rows = self.find(block, dialect)?;
        // As many rows as line breaks, and a line break at the end of each: then no other field ends with one.
        let ends_row = |row: &[u32]| row.last().is_some_and(|after| block[*after as usize - 1] == dialect.terminator);
        let regular = self.count == rows * width + 1 && self.bounds[1..self.count].chunks_exact(width).all(ends_row);
        regular.then_some(block.len())
    }

    /// Whether no byte of the block is beyond ASCII.
    pub(super) fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// Finds where fields end. Gives the number of line breaks; `None` where there is a quote.
    fn find(&mut self, block: &[u8], dialect: Dialect) -> Option<usize> {
        // A field may end with every byte.
        let room = block.len().next_multiple_of(STEP) + 1;
        if self.bounds.len() < room {
            self.bounds.resize(room, 0);
        }
        let (steps, rest) = block.as_chunks::<STEP>();
        // What follows the text has no mark in it.
        let mut last = [dialect.unmarked(); STEP];
        last[..rest.len()].copy_from_slice(rest);
        let mut marks = Marks::new(dialect);
        (self.count, self.bounds[0]) = (1, 0);
        let mut after = 1;
        for steps in steps.chunks(STEPS).chain([&[last][..]]) {
            for step in steps {
                self.count += put(&mut self.bounds[self.count..], after, marks.ends(step));
                after += u64::BITS;
            }
            marks.count_breaks();
        }
        self.ascii = marks.bits.to_bitmask() == 0;
        (marks.quotes.to_bitmask() == 0).then_some(marks.break_count)
    }

    /// Begin and end of each field of a column.
    #[inline]
    pub(super) fn column(&self, column: usize) -> impl Iterator<Item = (usize, usize)> {
        let pairs = self.bounds[..self.count].get(column..).unwrap_or_default().windows(2).step_by(self.width);
        pairs.map(|pair| (pair[0] as usize, pair[1] as usize - 1))
    }

    /// Rows in the block.
    pub(super) fn rows(&self) -> usize {
        self.count.saturating_sub(1) / self.width
    }
}

/// Bytes compared by one instruction.
type Lane = u8x16;

/// Finds what matters of a block.
struct Marks {
    delimiter: Lane,
    terminator: Lane,
    quote: Lane,
    /// Where a quote was.
    quotes: Lane,
    /// Every bit that was set in a byte.
    bits: Lane,
    /// Line breaks, counted for each place in a lane.
    breaks: Lane,
    break_count: usize,
}

impl Marks {
    fn new(Dialect { delimiter, terminator, quote, .. }: Dialect) -> Self {
        let [delimiter, terminator, quote] = [delimiter, terminator, quote].map(Lane::splat);
        let none = Lane::splat(0);
        Self { delimiter, terminator, quote, quotes: none, bits: none, breaks: none, break_count: 0 }
    }

    /// One bit for each byte that ends a field.
    #[inline]
    fn ends(&mut self, step: &[u8; STEP]) -> u64 {
        let (lanes, _) = step.as_chunks::<16>();
        lanes.iter().rev().fold(0, |ends, lane| {
            let lane = Lane::from(*lane);
            let line = lane.simd_eq(self.terminator);
            self.quotes |= lane.simd_eq(self.quote);
            self.bits |= lane;
            // What is found is all ones, which is minus one.
            self.breaks -= line;
            ends << 16 | u64::from((lane.simd_eq(self.delimiter) | line).to_bitmask())
        })
    }

    /// Adds up the line breaks of at most [`STEPS`].
    fn count_breaks(&mut self) {
        let breaks = std::mem::replace(&mut self.breaks, Lane::splat(0));
        self.break_count += breaks.to_array().into_iter().map(usize::from).sum::<usize>();
    }
}

/// Writes the place after each end; says how many. Some at a time, however many there are: how many is hard to foresee for
/// a processor, and what is too much is overwritten by what follows.
#[inline]
fn put(room: &mut [u32], after: u32, mut ends: u64) -> usize {
    let count = ends.count_ones() as usize;
    let mut written = 0;
    for places in room.as_chunks_mut::<PLACES>().0 {
        for place in places {
            *place = after + ends.trailing_zeros();
            ends &= ends.wrapping_sub(1);
        }
        written += PLACES;
        if written >= count {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: Dialect = Dialect { delimiter: b',', quote: b'"', terminator: b'\n', blanks: Blanks::Values };

    fn fields(text: &str, width: usize) -> Option<Vec<Vec<String>>> {
        let mut index = Index::default();
        let bytes = index.fill(text.as_bytes(), COMMA, width, true)?;
        assert_eq!(bytes, text.rfind('\n')? + 1);
        let column = |column| index.column(column).map(|(start, end)| text[start..end].to_owned()).collect();
        Some((0..width).map(column).collect())
    }

    #[test]
    fn whole_rows_of_the_right_width_are_found() {
        let expected = vec![vec!["a".to_owned(), String::new()], vec!["bc".to_owned(), "x".to_owned()]];
        assert_eq!(fields("a,bc\n,x\nleft, over", 2), Some(expected));
        let long = "x".repeat(200);
        let rows = format!("{long},1\n2,{long}\n").repeat(9);
        let found = fields(&rows, 2).unwrap();
        assert!(found[0].chunks(2).all(|pair| pair == [long.as_str(), "2"]));
        assert!(found[1].chunks(2).all(|pair| pair == ["1", long.as_str()]));
    }

    #[test]
    fn a_field_may_end_with_every_byte() {
        for rows in [1, 31, 32, 33, 100, 16_384] {
            let found = fields(&",\n".repeat(rows), 2).unwrap();
            assert!(found.iter().all(|column| column.len() == rows && column.iter().all(String::is_empty)), "{rows}");
        }
    }

    #[test]
    fn other_texts_are_not_so_simple() {
        for text in ["a,b", "a,b\nc\n", "a,b,c\nd\n", "a\nb,c,d\n", "a,\"b\"\n", "a,b\n\nc,d\n"] {
            assert_eq!(fields(text, 2), None, "{text:?}");
        }
    }
}
