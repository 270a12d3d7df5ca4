//! Figures of texts: the least and the greatest, how many differ, the most frequent.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, GenericStringArray, OffsetSizeTrait};

use super::CANCEL_ROWS;
use super::distinct::{hash_begun, short_word};
use super::frequent::Frequent;
use crate::{Cancel, ColumnSummary, TableError, ValueCount, render};

/// Characters of a frequent value.
const VALUE_MAX_CHARS: usize = 200;
/// Bytes of a word.
const WORD: usize = 8;

/// A text by its first eight bytes (lowest first, zeros where it has fewer) and its place.
#[derive(Clone, Copy)]
struct Cell<'a> {
    word: u64,
    /// The text, and whatever follows it.
    rest: &'a [u8],
    bytes: usize,
}

impl<'a> Cell<'a> {
    #[inline]
    fn new(rest: &'a [u8], bytes: usize) -> Self {
        // Without a loop over a length that is not known: bytes of the next text are read and blotted out.
        let word = match rest.first_chunk::<WORD>() {
            Some(word) if bytes > 0 => u64::from_le_bytes(*word) & (u64::MAX >> (64 - 8 * bytes.min(WORD))),
            _ => short_word(&rest[..bytes.min(rest.len())]),
        };
        Self { word, rest, bytes }
    }

    #[inline]
    fn text(&self) -> &'a [u8] {
        &self.rest[..self.bytes]
    }

    #[inline]
    fn hash(&self) -> u64 {
        hash_begun(self.word, self.rest, self.bytes)
    }
}

/// Calls `f` with the row, counted through all arrays, and the cell of every text that is there.
fn each<'a, O: OffsetSizeTrait>(
    arrays: &[&'a GenericStringArray<O>],
    cancel: &Cancel,
    mut f: impl FnMut(u64, Cell<'a>),
) -> Result<(), TableError> {
    let mut first = 0;
    for array in arrays {
        let (values, nulls) = (array.value_data(), array.nulls().filter(|nulls| nulls.null_count() > 0));
        for (row, ends) in array.value_offsets().windows(2).enumerate() {
            if row % CANCEL_ROWS == 0 {
                cancel.check()?;
            }
            if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                let (start, end) = (ends[0].as_usize(), ends[1].as_usize());
                f(first + row as u64, Cell::new(&values[start..], end - start));
            }
        }
        first += array.len() as u64;
    }
    Ok(())
}

/// The least and the greatest text so far, each with its first bytes as a word that is compared first.
#[derive(Default)]
struct Ends<'a>(Option<[(u64, &'a [u8]); 2]>);

impl<'a> Ends<'a> {
    #[inline]
    fn add(&mut self, cell: Cell<'a>) {
        let word = cell.word.swap_bytes();
        match &mut self.0 {
            Some([min, max]) if word > min.0 && word < max.0 => {}
            Some([min, max]) => {
                let new = (word, cell.text());
                if new < *min {
                    *min = new;
                } else if new > *max {
                    *max = new;
                }
            }
            None => self.0 = Some([(word, cell.text()); 2]),
        }
    }
}

pub(super) fn of_column<O: OffsetSizeTrait>(chunks: &[ArrayRef], cancel: &Cancel) -> Result<ColumnSummary, TableError> {
    let arrays: Vec<&GenericStringArray<O>> = chunks.iter().map(|chunk| chunk.as_string::<O>()).collect();
    let rows: usize = arrays.iter().map(|array| array.len()).sum();
    let missing: usize = arrays.iter().map(|array| array.null_count()).sum();
    let present = (rows - missing) as u64;
    let mut frequent = Frequent::default();
    let mut ends = Ends::default();
    each(&arrays, cancel, |row, cell| {
        frequent.add(cell.hash(), row);
        ends.add(cell);
    })?;
    if frequent.pruned() {
        let candidates = frequent.begin_recount();
        each(&arrays, cancel, |_, cell| candidates.recount(cell.hash()))?;
    }
    let (distinct_count, distinct_estimated) = frequent.distinct();
    let shown = |row: u64| {
        let mut row = usize::try_from(row).unwrap_or(usize::MAX);
        for array in &arrays {
            if row < array.len() {
                return render::cut(array.value(row), VALUE_MAX_CHARS);
            }
            row -= array.len();
        }
        String::new()
    };
    let top = frequent.top().into_iter().map(|(row, count)| ValueCount { value: shown(row), count });
    let end = |text: &[u8]| render::cut(&String::from_utf8_lossy(text), render::CELL_MAX_CHARS);
    Ok(ColumnSummary {
        missing_count: missing as u64,
        distinct_count: distinct_count.min(present),
        distinct_estimated,
        min: ends.0.map(|[min, _]| end(min.1)),
        max: ends.0.map(|[_, max]| end(max.1)),
        top_values: top.collect(),
        ..ColumnSummary::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::distinct::hash_bytes;
    use super::*;

    #[test]
    fn a_cell_is_its_bytes_whatever_follows() {
        let text = b"abcdefghijklmnopqrstuvwxyz0123456789";
        for bytes in 0..=text.len() {
            for after in 0..=text.len() - bytes {
                let cell = Cell::new(&text[..bytes + after], bytes);
                assert_eq!(cell.hash(), hash_bytes(&text[..bytes]), "{bytes} bytes, {after} after");
                assert_eq!(cell.word, short_word(&text[..bytes.min(7)]) | u64::from(byte(text, bytes)) << 56);
            }
        }
    }

    fn byte(text: &[u8], bytes: usize) -> u8 {
        if bytes < 8 { 0 } else { text[7] }
    }

    #[test]
    fn the_least_and_the_greatest_are_those_of_the_texts() {
        let texts = ["b", "b\0", "", "note 12", "note 123", "note 1234", "note 1230", "z", "苹果", "a"];
        for cut in 1..=texts.len() {
            let mut ends = Ends::default();
            texts[..cut].iter().for_each(|text| ends.add(Cell::new(text.as_bytes(), text.len())));
            let least = texts[..cut].iter().min().unwrap().as_bytes();
            let greatest = texts[..cut].iter().max().unwrap().as_bytes();
            assert_eq!(ends.0.map(|ends| ends.map(|end| end.1)), Some([least, greatest]));
        }
    }
}
