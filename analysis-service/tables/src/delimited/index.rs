//! Where the fields of a block of text end, found many bytes at a time. A block is rows without a quote in them, all
//! of the right width; everything else is a walk of `split::Cursor`.

use memchr::{memchr, memchr_iter, memrchr};
use wide::u8x16;

use super::split::Dialect;

/// Bytes of a block: it should stay in the processor's nearest caches while each column is taken from it.
const BLOCK_BYTES: usize = 32 << 10;
/// Of wide tables it has more, so that a few rows are in it.
const BLOCK_COLUMN_BYTES: usize = 64;
const BLOCK_MAX_BYTES: usize = 1 << 20;
/// Bytes compared at once.
const STEP: usize = 64;

/// The fields of one block.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Where each field begins and, one place on, the byte after its separator.
    bounds: Vec<u32>,
    width: usize,
}

impl Index {
    /// Bytes that [`Index::fill`] looks at, at most.
    pub(super) fn block_bytes(width: usize) -> usize {
        (width * BLOCK_COLUMN_BYTES).clamp(BLOCK_BYTES, BLOCK_MAX_BYTES)
    }

    /// Finds the fields of the whole rows at the beginning of `text`, each of `width`. Gives the bytes of these rows;
    /// `None` where the text is not so simple.
    pub(super) fn fill(&mut self, text: &[u8], dialect: Dialect, width: usize) -> Option<usize> {
        let block = &text[..text.len().min(Self::block_bytes(width))];
        let block = &block[..=memrchr(dialect.terminator, block)?];
        if memchr(dialect.quote, block).is_some() {
            return None;
        }
        self.width = width;
        self.find(block, dialect);
        let rows = memchr_iter(dialect.terminator, block).count();
        // As many rows as line breaks, and a line break at the end of each: then no other field ends with one.
        let ends = self.bounds.get(width..)?.iter().step_by(width);
        let regular = self.bounds.len() == rows * width + 1
            && ends.into_iter().all(|after| block[*after as usize - 1] == dialect.terminator);
        regular.then_some(block.len())
    }

    fn find(&mut self, block: &[u8], dialect: Dialect) {
        self.bounds.clear();
        self.bounds.push(0);
        let ends = [dialect.delimiter, dialect.terminator].map(Lane::splat);
        let (steps, rest) = block.as_chunks::<STEP>();
        let mut base = 0;
        for step in steps {
            self.add(base, found(step, ends));
            base += STEP;
        }
        let mut last = [0; STEP];
        last[..rest.len()].copy_from_slice(rest);
        // What follows the text is no end of a field, whatever byte it is.
        let there = (1 << rest.len()) - 1;
        self.add(base, found(&last, ends) & there);
    }

    #[inline]
    fn add(&mut self, base: usize, mut found: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "a block is far below 4 GiB")]
        let after = base as u32 + 1;
        while found != 0 {
            self.bounds.push(after + found.trailing_zeros());
            found &= found - 1;
        }
    }

    /// Begin and end of each field of a column.
    #[inline]
    pub(super) fn column(&self, column: usize) -> impl Iterator<Item = (usize, usize)> {
        let pairs = self.bounds.get(column..).unwrap_or_default().windows(2).step_by(self.width);
        pairs.map(|pair| (pair[0] as usize, pair[1] as usize - 1))
    }

    /// Rows in the block.
    pub(super) fn rows(&self) -> usize {
        (self.bounds.len() - 1) / self.width
    }
}

/// Bytes compared by one instruction.
type Lane = u8x16;

/// One bit for each byte that is one of the two.
#[inline]
fn found(step: &[u8; STEP], [delimiter, terminator]: [Lane; 2]) -> u64 {
    let (lanes, _) = step.as_chunks::<16>();
    lanes.iter().rev().fold(0, |bits, lane| {
        let lane = Lane::from(*lane);
        bits << 16 | u64::from((lane.simd_eq(delimiter) | lane.simd_eq(terminator)).to_bitmask())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: Dialect = Dialect { delimiter: b',', quote: b'"', terminator: b'\n' };

    fn fields(text: &str, width: usize) -> Option<Vec<Vec<String>>> {
        let mut index = Index::default();
        let bytes = index.fill(text.as_bytes(), COMMA, width)?;
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
    fn other_texts_are_not_so_simple() {
        for text in ["a,b", "a,b\nc\n", "a,b,c\nd\n", "a\nb,c,d\n", "a,\"b\"\n", "a,b\n\nc,d\n"] {
            assert_eq!(fields(text, 2), None, "{text:?}");
        }
    }
}
