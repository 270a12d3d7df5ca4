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

/// Cells that are hashed one after the other before their hashes are counted.
const BLOCK_ROWS: usize = 1 << 10;

/// Calls `see` with every cell that is there, and `count` with the hashes of a block of them and their rows, counted through
/// all arrays.
fn each<'a, O: OffsetSizeTrait>(
    arrays: &[&'a GenericStringArray<O>],
    cancel: &Cancel,
    mut see: impl FnMut(Cell<'a>),
    mut count: impl FnMut(&[(u64, u64)]),
) -> Result<(), TableError> {
    let mut block = Vec::with_capacity(BLOCK_ROWS);
    let mut first = 0;
    for array in arrays {
        let (values, nulls) = (array.value_data(), array.nulls().filter(|nulls| nulls.null_count() > 0));
        let offsets = array.value_offsets();
        for start in (0..array.len()).step_by(BLOCK_ROWS) {
            if start % CANCEL_ROWS == 0 {
                cancel.check()?;
            }
            let rows = start..array.len().min(start + BLOCK_ROWS);
            block.clear();
            for (row, ends) in rows.clone().zip(offsets[start..=rows.end].windows(2)) {
                if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                    let (start, end) = (ends[0].as_usize(), ends[1].as_usize());
                    let cell = Cell::new(&values[start..], end - start);
                    see(cell);
                    block.push((cell.hash(), first + row as u64));
                }
            }
            count(&block);
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
            _ => self.add_end(word, cell.text()),
        }
    }

    #[cold]
    fn add_end(&mut self, word: u64, text: &'a [u8]) {
        let new = (word, text);
        let [min, max] = self.0.get_or_insert([new; 2]);
        if new < *min {
            *min = new;
        } else if new > *max {
            *max = new;
        }
    }
}

pub(super) fn of_column<O: OffsetSizeTrait>(chunks: &[ArrayRef], cancel: &Cancel) -> Result<ColumnSummary, TableError> {
    let arrays: Vec<&GenericStringArray<O>> = chunks.iter().map(|chunk| chunk.as_string::<O>()).collect();
    let rows: usize = arrays.iter().map(|array| array.len()).sum();
    let missing: usize = arrays.iter().map(|array| array.null_count()).sum();
    let present = (rows - missing) as u64;
    let mut frequent = Frequent::new(rows);
    let mut ends = Ends::default();
    each(&arrays, cancel, |cell| ends.add(cell), |block| frequent.add(block))?;
    if frequent.to_recount() {
        let candidates = frequent.begin_recount();
        each(&arrays, cancel, |_| {}, |block| block.iter().for_each(|(hash, _)| candidates.recount(*hash)))?;
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

    #[test]
    fn every_text_is_counted_whatever_is_missing_between() {
        let cell = |row: usize| (row % 5 != 2).then(|| format!("note {}", row % 7));
        let chunks: [ArrayRef; 2] = [0..3_000, 3_000..5_500]
            .map(|rows| std::sync::Arc::new(rows.map(cell).collect::<GenericStringArray<i32>>()) as ArrayRef);
        let summary = of_column::<i32>(&chunks, &Cancel::default()).unwrap();
        assert_eq!((summary.missing_count, summary.distinct_count), (1_100, 7));
        let counted = |value: &str| (0..5_500).filter(|row| cell(*row).as_deref() == Some(value)).count() as u64;
        assert_eq!(summary.top_values.len(), 7);
        assert!(summary.top_values.iter().all(|top| top.count == counted(&top.value)), "{:?}", summary.top_values);
        assert_eq!((summary.min.as_deref(), summary.max.as_deref()), (Some("note 0"), Some("note 6")));
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
