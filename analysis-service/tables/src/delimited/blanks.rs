//! Blanks beside delimiters, as people write them who type a table by hand.

use memchr::memmem;

use super::split::{Cursor, Dialect};

/// Fields looked at.
const SAMPLE_FIELDS: usize = 10_000;

/// Whether quotes stand behind a delimiter and blanks, and behind a delimiter alone nowhere. `spaced` is the dialect in which
/// they open a field.
pub(super) fn before_quotes(sample: &[u8], spaced: Dialect) -> bool {
    if spaced.delimiter == b' ' || memmem::find(sample, &[b' ', spaced.quote]).is_none() {
        return false;
    }
    let mut cursor = Cursor::new(sample, 0, spaced);
    let mut first = true;
    let mut found = false;
    for _ in 0..SAMPLE_FIELDS {
        if cursor.done() {
            break;
        }
        let blank = sample[cursor.pos] == b' ';
        let field = cursor.field();
        // The sample may end inside of a field.
        if field.open {
            break;
        }
        if field.quoted {
            // Text behind the closing quote: the quotes are part of a value.
            if field.tail.is_some() || (!first && !blank) {
                return false;
            }
            found |= blank && !first;
        }
        first = field.last;
    }
    found
}
