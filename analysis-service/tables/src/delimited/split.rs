//! Where fields and rows end in delimited text. Rules: a quote counts only as the first byte of a field; inside, it
//! is written twice; what follows the closing quote up to the next delimiter is taken literally. A row ends with the
//! terminator; a carriage return before a line feed belongs to it.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr_iter};

/// The characters that structure a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
    /// `\n`, or `\r` in files that have no line feed.
    pub(crate) terminator: u8,
    pub(crate) blanks: Blanks,
}

/// What blanks between fields are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Blanks {
    /// Part of a value.
    #[default]
    Values,
    /// Nothing before a quote, which opens a field then; else part of a value.
    BeforeQuotes,
    /// Delimiters, as many as stand together one; those at the beginning and the end of a row are nothing.
    Runs,
}

impl Dialect {
    /// A character of ASCII that has no meaning.
    pub(super) fn unmarked(self) -> u8 {
        let marks = [self.delimiter, self.quote, self.terminator];
        (0..).find(|byte| !marks.contains(byte)).unwrap_or_default()
    }
}

/// One field, as a range of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// The value, or with `escaped` the raw text from its opening quote on.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Quotes have to be taken out: see [`unescape`].
    pub(crate) escaped: bool,
    /// Whether it was quoted at all.
    pub(crate) quoted: bool,
    /// It ends its row.
    pub(crate) last: bool,
    /// Its closing quote is missing.
    pub(crate) open: bool,
    /// Where its closing quote is, if text follows that.
    pub(crate) tail: Option<usize>,
}

/// Walks through fields; `pos` is the beginning of the next one.
pub(crate) struct Cursor<'a> {
    data: &'a [u8],
    pub(crate) pos: usize,
    dialect: Dialect,
    delimiters: u64,
    terminators: u64,
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// Fields longer than this are searched with wide instructions.
const SHORT_FIELD_BYTES: usize = 32;

impl<'a> Cursor<'a> {
    pub(crate) fn new(data: &'a [u8], pos: usize, dialect: Dialect) -> Self {
        let delimiters = LOW * u64::from(dialect.delimiter);
        let mut cursor = Self { data, pos, dialect, delimiters, terminators: LOW * u64::from(dialect.terminator) };
        cursor.skip_indent();
        cursor
    }

    /// Goes from the beginning of a row to that of its first field.
    #[inline]
    fn skip_indent(&mut self) {
        if self.dialect.blanks == Blanks::Runs {
            self.pos += self.data.get(self.pos..).map_or(0, blanks);
        }
    }

    pub(crate) fn done(&self) -> bool {
        self.pos >= self.data.len()
    }

    /// The next field. At the end of the data there is one more, empty and last, so that a row may end with a
    /// delimiter; ask [`Cursor::done`] before each row.
    #[inline]
    pub(crate) fn field(&mut self) -> Field {
        let start = self.pos;
        match self.data.get(start) {
            Some(first) if *first == self.dialect.quote => return self.quoted(start),
            Some(b' ') if self.dialect.blanks == Blanks::BeforeQuotes => {
                let opening = start + blanks(&self.data[start..]);
                if self.data.get(opening) == Some(&self.dialect.quote) {
                    return self.quoted(opening);
                }
            }
            _ => {}
        }
        let at = self.find_end(start);
        let (end, last) = self.close(at, start);
        Field { start, end, escaped: false, quoted: false, last, open: false, tail: None }
    }

    /// Steps over the separator at `at`; gives the end of the value that began at `start` and whether the row ends.
    #[inline]
    fn close(&mut self, at: usize, start: usize) -> (usize, bool) {
        self.pos = at + 1;
        if at < self.data.len() && self.data[at] == self.dialect.delimiter {
            return (at, self.dialect.blanks == Blanks::Runs && self.ends_row(at));
        }
        self.skip_indent();
        let feed = self.dialect.terminator == b'\n' && at > start && self.data[at - 1] == b'\r';
        (if feed { at - 1 } else { at }, true)
    }

    /// Steps over the run of blanks at `at`; whether the row ends behind it.
    #[cold]
    fn ends_row(&mut self, at: usize) -> bool {
        let rest = &self.data[at..];
        let after = &rest[blanks(rest)..];
        let end = match after {
            [] => 1,
            [first, ..] if *first == self.dialect.terminator => 1,
            [b'\r'] | [b'\r', b'\n', ..] if self.dialect.terminator == b'\n' => 2,
            _ => 0,
        };
        self.pos = self.data.len() - after.len() + end;
        if end > 0 {
            self.skip_indent();
        }
        end > 0
    }

    #[inline]
    fn find_end(&self, start: usize) -> usize {
        let mut pos = start;
        while let Some(word) = self.data.get(pos..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*word);
            let delimiters = word ^ self.delimiters;
            let terminators = word ^ self.terminators;
            // Marks zero bytes; only bytes above a true mark can be marked falsely, and the lowest is taken.
            let marks = (delimiters.wrapping_sub(LOW) & !delimiters) | (terminators.wrapping_sub(LOW) & !terminators);
            if marks & HIGH != 0 {
                return pos + ((marks & HIGH).trailing_zeros() / 8) as usize;
            }
            pos += 8;
            if pos - start >= SHORT_FIELD_BYTES {
                break;
            }
        }
        let rest = &self.data[pos.min(self.data.len())..];
        let found = memchr::memchr2(self.dialect.delimiter, self.dialect.terminator, rest);
        found.map_or(self.data.len(), |at| pos + at)
    }

    fn quoted(&mut self, start: usize) -> Field {
        let Some(closing) = closing_quote(self.data, start, self.dialect.quote) else {
            self.pos = self.data.len() + 1;
            let end = self.data.len();
            return Field { start, end, escaped: true, quoted: true, last: true, open: true, tail: None };
        };
        let at = self.find_end(closing + 1);
        let (end, last) = self.close(at, closing + 1);
        let inner = &self.data[start + 1..closing];
        if end == closing + 1 && memchr(self.dialect.quote, inner).is_none() {
            return Field {
                start: start + 1,
                end: closing,
                escaped: false,
                quoted: true,
                last,
                open: false,
                tail: None,
            };
        }
        let tail = (end != closing + 1).then_some(closing);
        Field { start, end, escaped: true, quoted: true, last, open: false, tail }
    }
}

/// How many blanks a text begins with.
fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b' ').count()
}

/// The quote that closes the one at `start`.
fn closing_quote(data: &[u8], start: usize, quote: u8) -> Option<usize> {
    let mut pos = start + 1;
    loop {
        let at = pos + memchr(quote, data.get(pos..)?)?;
        if data.get(at + 1) != Some(&quote) {
            return Some(at);
        }
        pos = at + 2;
    }
}

impl Field {
    /// Whether its quotes are most likely two strays with rows between them: text follows the second, which stands in
    /// another line than the first.
    pub(crate) fn is_stray(&self, data: &[u8], terminator: u8) -> bool {
        self.tail.is_some_and(|closing| memchr(terminator, &data[self.start..closing]).is_some())
    }
}

/// The value of a field.
#[inline]
pub(crate) fn value<'a>(data: &'a [u8], field: &Field, quote: u8) -> Cow<'a, [u8]> {
    let raw = &data[field.start..field.end];
    if field.escaped { Cow::Owned(unescape(raw, quote)) } else { Cow::Borrowed(raw) }
}

/// The value of a field whose raw text begins with its opening quote.
pub(crate) fn unescape(raw: &[u8], quote: u8) -> Vec<u8> {
    let mut value = Vec::with_capacity(raw.len());
    let mut pos = 1;
    while let Some(found) = raw.get(pos..).and_then(|rest| memchr(quote, rest)) {
        let at = pos + found;
        value.extend_from_slice(&raw[pos..at]);
        pos = at + 1;
        if raw.get(pos) != Some(&quote) {
            break;
        }
        value.push(quote);
        pos += 1;
    }
    value.extend_from_slice(raw.get(pos..).unwrap_or_default());
    value
}

/// Cuts the text from `start` into runs of whole rows, each at least `target_bytes` long but the last. Without `quotes`
/// there are none, and every line is a row.
///
/// # Errors
/// The place of a quote that is never closed.
pub(crate) fn runs(
    data: &[u8],
    start: usize,
    dialect: Dialect,
    target_bytes: usize,
    quotes: bool,
) -> Result<Vec<Range<usize>>, usize> {
    let mut runs = Vec::new();
    let mut run_start = start;
    // Cuts within data[from..to], which holds no quoted text.
    let mut cut = |from: usize, to: usize| {
        let mut search = from.max(run_start + target_bytes);
        while search < to {
            let Some(found) = memchr(dialect.terminator, &data[search..to]) else { break };
            let end = search + found + 1;
            runs.push(run_start..end);
            run_start = end;
            search = end + target_bytes;
        }
    };
    let mut plain_start = start;
    let mut skip_to = start;
    let quotes = quotes.then(|| memchr_iter(dialect.quote, &data[start..]));
    for found in quotes.into_iter().flatten() {
        let at = start + found;
        if at < skip_to {
            continue;
        }
        let before = match dialect.blanks {
            Blanks::BeforeQuotes => data[start..at].iter().rposition(|byte| *byte != b' '),
            Blanks::Values | Blanks::Runs => (at - start).checked_sub(1),
        };
        let opens = before.is_none_or(|before| [dialect.delimiter, dialect.terminator].contains(&data[start + before]));
        if !opens {
            continue;
        }
        cut(plain_start, at);
        let closing = closing_quote(data, at, dialect.quote).ok_or(at)?;
        plain_start = closing + 1;
        skip_to = plain_start;
    }
    cut(plain_start, data.len());
    if run_start < data.len() {
        runs.push(run_start..data.len());
    }
    Ok(runs)
}

/// Where the last row begins, how many fields it has and whether a quote in it is open.
pub(crate) fn last_row(data: &[u8], start: usize, dialect: Dialect) -> Option<(usize, usize, bool)> {
    let mut cursor = Cursor::new(data, start, dialect);
    let mut last = None;
    while !cursor.done() {
        let at = cursor.pos;
        let mut fields = 0;
        loop {
            fields += 1;
            let field = cursor.field();
            if field.last {
                last = Some((at, fields, field.open));
                break;
            }
        }
    }
    last
}

/// The physical line, from 1, of a place in the text.
pub(crate) fn line_of(data: &[u8], at: usize, terminator: u8) -> u64 {
    memchr_iter(terminator, &data[..at.min(data.len())]).count() as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: Dialect = Dialect { delimiter: b',', quote: b'"', terminator: b'\n', blanks: Blanks::Values };
    const SPACED: Dialect = Dialect { blanks: Blanks::BeforeQuotes, ..COMMA };
    const RUNS: Dialect = Dialect { delimiter: b' ', blanks: Blanks::Runs, ..COMMA };

    fn rows(text: &str, dialect: Dialect) -> Vec<Vec<String>> {
        let data = text.as_bytes();
        let mut cursor = Cursor::new(data, 0, dialect);
        let mut rows = Vec::new();
        while !cursor.done() {
            let mut row = Vec::new();
            loop {
                let field = cursor.field();
                row.push(String::from_utf8_lossy(&value(data, &field, dialect.quote)).into_owned());
                if field.last {
                    break;
                }
            }
            rows.push(row);
        }
        rows
    }

    #[test]
    fn quotes_newlines_and_delimiters_inside_a_field_are_its_value() {
        let text = "a,\"b,\"\"c\"\"\nd\",e\r\n\"\",x\"y,\"q\"z\n1,,";
        let expected = [vec!["a", "b,\"c\"\nd", "e"], vec!["", "x\"y", "qz"], vec!["1", "", ""]];
        assert_eq!(rows(text, COMMA), expected);
    }

    #[test]
    fn blanks_before_quotes_are_no_value_where_they_are_meant_so() {
        let text = "a, \"b, c\",  d \n  \"e\", f\"g,\"h\"\n";
        assert_eq!(rows(text, SPACED), [["a", "b, c", "  d "], ["e", " f\"g", "h"]]);
        assert_eq!(rows(text, COMMA)[0], ["a", " \"b", " c\"", "  d "]);
    }

    #[test]
    fn runs_of_blanks_delimit_once_and_are_nothing_around_a_row() {
        let text = "  a b\n1   2  \n  3 \"4  5\"\r\n\n6 7 \r\n8 9  ";
        let expected = [vec!["a", "b"], vec!["1", "2"], vec!["3", "4  5"], vec![""], vec!["6", "7"], vec!["8", "9"]];
        assert_eq!(rows(text, RUNS), expected);
    }

    #[test]
    fn a_lone_carriage_return_ends_rows_only_where_no_line_feed_does() {
        assert_eq!(rows("a\rb,c\r\n", COMMA), [vec!["a\rb", "c"]]);
        assert_eq!(rows("a,b\rc,d\r", Dialect { terminator: b'\r', ..COMMA }), [["a", "b"], ["c", "d"]]);
    }

    #[test]
    fn long_fields_end_where_they_end() {
        for length in 0..80 {
            let long = "x".repeat(length);
            assert_eq!(
                rows(&format!("{long},b\n{long}"), COMMA),
                [vec![long.clone(), "b".to_owned()], vec![long]][..if length == 0 { 1 } else { 2 }]
            );
        }
    }

    #[test]
    fn an_unclosed_quote_is_found_where_it_opens() {
        assert_eq!(runs(b"a,b\nc,\"d\ne,f\n", 0, COMMA, 1, true), Err(6));
    }

    proptest::proptest! {
        #[test]
        fn runs_hold_whole_rows_whatever_the_text(
            text in "[a\",\n\r ]{0,60}",
            target in 1usize..9,
            dialect in proptest::sample::select(vec![COMMA, SPACED, RUNS]),
        ) {
            let Ok(runs) = runs(text.as_bytes(), 0, dialect, target, true) else { return Ok(()) };
            let apart: Vec<_> = runs.iter().flat_map(|run| rows(&text[run.clone()], dialect)).collect();
            proptest::prop_assert_eq!(apart, rows(&text, dialect));
        }
    }
}
