//! Which characters structure a text: the delimiter, the quote and the end of a row, found from its beginning.

use super::blanks;
use super::split::{Blanks, Cursor, Dialect};
use crate::{ParseOptions, TableError};

/// Rows looked at.
const SAMPLE_ROWS: usize = 200;
/// Delimiters in the order in which they win when nothing else decides.
const CANDIDATES: [u8; 7] = [b'\t', b';', b'|', b',', 0x01, b'^', b'~'];

/// The dialect of the text in `sample`, with what `options` say in place of what is found.
pub(crate) fn detect(sample: &[u8], options: &ParseOptions) -> Result<Dialect, TableError> {
    let quote = option(options.quote, "quote")?;
    let delimiter = option(options.delimiter, "delimiter")?;
    if quote.is_some() && quote == delimiter {
        return Err(wrong("quote", "it cannot be the delimiter too"));
    }
    let mut dialect =
        Dialect { delimiter: b',', quote: quote.unwrap_or(b'"'), terminator: b'\n', blanks: Blanks::Values };
    dialect.terminator = terminator(sample, dialect.quote);
    if delimiter == Some(dialect.quote) {
        dialect.quote = b'\'';
    }
    dialect = delimited(sample, dialect, delimiter);
    // Line feeds may stand between single quotes only, so that the end of a row is looked for again.
    let single = Dialect { quote: b'\'', terminator: terminator(sample, b'\''), ..dialect };
    if quote.is_none() && single_quoted(sample, single) {
        dialect = delimited(sample, single, delimiter);
    }
    Ok(dialect)
}

/// The dialect with the delimiter that was asked for or is found, and what blanks are beside it.
fn delimited(sample: &[u8], dialect: Dialect, asked: Option<u8>) -> Dialect {
    let found = |blanks| {
        let dialect = Dialect { blanks, ..dialect };
        let delimiter = asked.or_else(|| best_delimiter(sample, dialect))?;
        Some(Dialect { delimiter, ..dialect })
    };
    if memchr::memmem::find(sample, &[b' ', dialect.quote]).is_some()
        && let Some(spaced) = found(Blanks::BeforeQuotes).filter(|spaced| blanks::before_quotes(sample, *spaced))
    {
        return spaced;
    }
    let plain = found(Blanks::Values);
    let runs = Dialect { delimiter: b' ', blanks: Blanks::Runs, ..dialect };
    match plain {
        None if blanks::are_runs(sample, runs) => runs,
        Some(plain) if plain.delimiter == b' ' && delimit_in_runs(sample, plain, runs) => runs,
        None => Dialect { delimiter: b',', blanks: Blanks::Values, ..dialect },
        Some(plain) => plain,
    }
}

/// Whether blanks that were asked for are meant in runs. Those that were found are: the options that a reading found give the
/// same table when they are given to the next.
fn delimit_in_runs(sample: &[u8], plain: Dialect, runs: Dialect) -> bool {
    let same = |dialect| {
        let widths = widths(sample, dialect);
        widths.first().is_some_and(|first| *first > 1) && widths.iter().all(|width| *width == widths[0])
    };
    blanks::are_runs(sample, runs) || (same(runs) && !same(plain))
}

fn option(value: Option<char>, field: &'static str) -> Result<Option<u8>, TableError> {
    match value {
        None => Ok(None),
        Some('\n' | '\r') => Err(wrong(field, "it cannot be a line break")),
        Some(value) if value.is_ascii() => Ok(u8::try_from(value).ok()),
        Some(_) => Err(wrong(field, "it must be one ASCII character")),
    }
}

fn wrong(field: &'static str, problem: &str) -> TableError {
    TableError::Option { field, problem: problem.to_owned() }
}

/// A carriage return alone ends rows only in a text without a line feed outside of quotes.
fn terminator(sample: &[u8], quote: u8) -> u8 {
    let mut quoted = false;
    let mut returns = false;
    for &byte in sample {
        match byte {
            b'\n' if !quoted => return b'\n',
            b'\r' if !quoted => returns = true,
            byte if byte == quote => quoted = !quoted,
            _ => {}
        }
    }
    if returns { b'\r' } else { b'\n' }
}

/// Fields a row in the first rows of the sample; rows cut off by its end left out.
fn widths(sample: &[u8], dialect: Dialect) -> Vec<usize> {
    let mut cursor = Cursor::new(sample, 0, dialect);
    let mut widths = Vec::new();
    while !cursor.done() && widths.len() < SAMPLE_ROWS {
        let start = cursor.pos;
        let mut width = 0;
        let last = loop {
            width += 1;
            let field = cursor.field();
            if field.last {
                break field;
            }
        };
        if last.open {
            break;
        }
        let cut = cursor.pos > sample.len() && !widths.is_empty();
        let blank = width == 1 && sample[start..last.end].iter().all(u8::is_ascii_whitespace);
        if !cut && !blank {
            widths.push(width);
        }
    }
    widths
}

/// The delimiter under which the most rows have the same number of fields, and more than one; none where no row has more.
fn best_delimiter(sample: &[u8], dialect: Dialect) -> Option<u8> {
    let mut best = (b',', 0.0);
    let mut best_width = 0;
    for delimiter in CANDIDATES {
        let widths = widths(sample, Dialect { delimiter, ..dialect });
        let Some(&header) = widths.first() else { continue };
        let mut sorted = widths.clone();
        sorted.sort_unstable();
        let Some(common) = sorted.chunk_by(|a, b| a == b).max_by_key(|group| (group.len(), group[0])) else { continue };
        if common[0] < 2 || (header == 1 && stands_in_texts(delimiter, common[0])) {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "at most the sample's rows")]
        let mut score = common.len() as f64 / widths.len() as f64;
        if header == common[0] {
            score += 0.5;
        }
        // A comma is so much more common that another one has to be better, not only as good, if rows disagree.
        if delimiter == b',' && score < 1.5 {
            score += 0.01;
        }
        // As good is enough against a semicolon, which stands inside of texts, unless it gives more fields or the commas
        // belong to numbers.
        let tie = (score - best.1).abs() < f64::EPSILON && (best.0, delimiter) == (b';', b',');
        let takes_tie =
            tie && common[0] >= best_width && !decimal_commas(sample, Dialect { delimiter: b';', ..dialect });
        if score > best.1 || takes_tie {
            best = (delimiter, score);
            best_width = common[0];
        }
    }
    (best_width > 0).then_some(best.0)
}

/// Whether a character that is no delimiter of the first row is none of the others, but part of the only column's values.
/// Of semicolons and bars one is not enough for more: below a title row they may delimit.
fn stands_in_texts(delimiter: u8, width: usize) -> bool {
    matches!(delimiter, b'^' | b'~' | 0x01) || (matches!(delimiter, b';' | b'|') && width == 2)
}

/// Whether every comma in a field is that of a decimal number, `1.234,5`.
fn decimal_commas(sample: &[u8], dialect: Dialect) -> bool {
    let decimal = |field: &[u8]| {
        let mut parts = field.trim_ascii().split(|byte| *byte == b',');
        let (Some(whole), Some(fraction), None) = (parts.next(), parts.next(), parts.next()) else { return false };
        let whole = whole.strip_prefix(b"-").or_else(|| whole.strip_prefix(b"+")).unwrap_or(whole);
        whole.iter().all(|byte| byte.is_ascii_digit() || b". ".contains(byte))
            && fraction.iter().all(u8::is_ascii_digit)
    };
    let mut cursor = Cursor::new(sample, 0, dialect);
    while !cursor.done() {
        let field = cursor.field();
        let field = &sample[field.start..field.end];
        if field.contains(&b',') && !decimal(field) {
            return false;
        }
    }
    true
}

/// Whether fields stand between single quotes: at least one does, with the delimiter inside or in every row, and no
/// double quote is in the sample.
fn single_quoted(sample: &[u8], single: Dialect) -> bool {
    if !sample.contains(&b'\'') || sample.contains(&b'"') {
        return false;
    }
    let mut cursor = Cursor::new(sample, 0, single);
    let (mut clean, mut fields) = (0, 0);
    while !cursor.done() && fields < SAMPLE_ROWS {
        let field = cursor.field();
        fields += 1;
        if field.open {
            return false;
        }
        clean += usize::from(field.quoted && !field.escaped);
        if field.quoted && field.escaped && !sample[field.start..field.end].ends_with(b"'") {
            return false;
        }
    }
    clean * 4 >= fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (char, char, u8) {
        let dialect = detect(text.as_bytes(), &ParseOptions::default()).unwrap();
        (dialect.delimiter.into(), dialect.quote.into(), dialect.terminator)
    }

    #[test]
    fn delimiters_of_the_world() {
        assert_eq!(found("a,b\n1,2\n"), (',', '"', b'\n'));
        assert_eq!(found("a;b\n1,5;2,5\n3,5;4,5\n"), (';', '"', b'\n'));
        assert_eq!(found("a\tb\n1,5\t2\n"), ('\t', '"', b'\n'));
        assert_eq!(found("a|b|c\n1|x,y|2\n"), ('|', '"', b'\n'));
        assert_eq!(found("name,note\nx,\"a;b;c\"\ny,\"d;e;f\"\n"), (',', '"', b'\n'));
        assert_eq!(found("a,b\r1,2\r"), (',', '"', b'\r'));
        assert_eq!(found("only\n1\n2\n"), (',', '"', b'\n'));
        for text in ["range\n1~2\n3~4\n", "title\na|b\nc|d\n", "formula\nx^2\ny^2\n", "q\na;b\nc;d\n"] {
            assert_eq!(found(text).0, ',', "{text}");
        }
        assert_eq!(found("a,b,c\n1,2,3\n1,2\n4,5,6\n"), (',', '"', b'\n'));
    }

    #[test]
    fn a_semicolon_is_as_good_as_a_comma_only_where_the_comma_is_a_decimal_one() {
        for text in ["2024-01-01,ok;done\n2024-01-02,ok;fail\n", "1,a;b\n2,c;d\n", "x,1;2\ny,3;4\n"] {
            assert_eq!(found(text).0, ',', "{text}");
        }
        let semicolons =
            ["1,5;2,5\n3,5;4,5\n", "Ann;1,5\nBob;-2,25\n", "Ann;1.234,5\nBob;0,5", "Li, Na;5;x\nWu, Yi;6;y\n"];
        for text in semicolons {
            assert_eq!(found(text).0, ';', "{text}");
        }
    }

    #[test]
    fn single_quotes_where_they_quote() {
        assert_eq!(found("'a','b'\n'1,5','2'\n"), (',', '\'', b'\n'));
        assert_eq!(found("a,b\nit's,rock 'n' roll\n"), (',', '"', b'\n'));
        assert_eq!(found("a,b\n'tis,2\n"), (',', '"', b'\n'));
        assert_eq!(found("'a','b'\r'1','x\ny'\r'2','z'\r"), (',', '\'', b'\r'));
    }
}
