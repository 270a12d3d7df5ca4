//! Delimited text as it comes from the wild: what cannot be meant is refused or told, and what can is read.

use std::fmt::Write as _;

use fenxi_tables::{Limits, ParseOptions, TableError};

use crate::support::{convert, convert_with, preview, refused, values};

fn warnings(text: impl AsRef<[u8]>) -> Vec<String> {
    convert("t.csv", text).table.warnings
}

#[test]
fn stray_quotes_do_not_swallow_the_rows_between_them() {
    let mut text = "id,item\n".to_owned();
    for row in 0..100_000 {
        match row {
            10 => text.push_str("10,\"5 inch pipe\n"),
            90_000 => text.push_str("90000,\"6 inch pipe\n"),
            _ => writeln!(text, "{row},item {row}").unwrap(),
        }
    }
    let error = refused("t.csv", &text).to_string();
    assert!(
        error.starts_with("line 12: a field begins with a quote (\"), and the next quote stands in a later"),
        "{error}"
    );
    let error = refused("t.csv", "a,b\n1,\"5 inch\n2,6\" pipe\n3,x\n").to_string();
    assert!(error.starts_with("line 2: "), "{error}");
    let error = refused("t.csv", "\"a,b\n1,x\n\"b,2\n").to_string();
    assert!(error.starts_with("line 1: "), "{error}");
    let apostrophe = ParseOptions { quote: Some('\''), ..ParseOptions::default() };
    let made = convert_with("t.csv", text.as_bytes(), &apostrophe, &Limits::default()).unwrap();
    assert_eq!(made.table.row_count, 100_000);
    let made = convert("t.csv", "a,b\n1,\"5 inch\n2,6 pipe\"\n3,x\n");
    assert_eq!((made.table.row_count, made.table.warnings.len()), (2, 0));
}

#[test]
fn text_after_a_closing_quote_is_told() {
    let told = warnings("a,b\n1,x\n2,\"in\" out\n3,\"q\"z\n");
    let words = "2 fields have text after the closing quote (first: line 3); a quote that belongs to a value is written \
                 twice (\"\") in a value between quotes";
    assert_eq!(told, [words]);
    let made = convert(
        "t.csv",
        r#"id,j
1,"{\"a\":1}"
2,"he said \"hi\" to me"
"#,
    );
    let words = "2 fields have text after the closing quote (first: line 2); quotes inside of values seem to be written \
                 with a backslash (\\\"), which is taken as it stands: write them twice (\"\") instead";
    assert_eq!(made.table.warnings, [words]);
    assert_eq!(preview("t.csv", b"a,b\n1,\"x\" y\n2,z\n", 9).warnings.len(), 1);
    let error = refused("t.csv", "id,j\n1,x\n2,\"say \\\"a, b\\\" twice\"\n").to_string();
    assert!(error.starts_with("line 3: 3 fields") && error.contains("written twice, with no backslash"), "{error}");
}

#[test]
fn a_cell_that_is_too_large_is_named_by_its_place() {
    let limits = Limits { cell_max_bytes: 100, ..Limits::default() };
    let text = format!("a,b\n1,x\n2,{}\n", "y".repeat(101));
    let error = convert_with("t.csv", text.as_bytes(), &ParseOptions::default(), &limits).unwrap_err();
    let words = "line 3, column 2: bytes of one cell (a quote may open there that is never closed): 101 is over the limit \
                 of 100 (cell_max_bytes)";
    assert_eq!(error.to_string(), words);
    assert!(matches!(error, TableError::TooLarge { .. }));
}

#[test]
fn one_column_may_hold_what_is_a_delimiter_elsewhere() {
    for text in ["range\n1~2\n3~4\n", "title\na|b\nc|d\n", "formula\nx^2\ny^2\n", "q\na;b\nc;d\n"] {
        let made = convert("t.csv", text);
        assert_eq!((made.table.columns.len(), made.table.row_count), (1, 2), "{text}");
    }
}

#[test]
fn the_options_that_were_found_give_the_same_table() {
    let text = "'a','b'\r'1','x\ny'\r'2','z'\r";
    let made = convert("t.csv", text);
    assert_eq!(values(&made.file, 1), ["x\ny", "z"]);
    let again = convert_with("t.csv", text.as_bytes(), &made.table.options, &Limits::default()).unwrap();
    assert_eq!(made.table, again.table);
}

#[test]
fn the_mark_of_a_files_end_is_no_value() {
    for text in ["x,y\n1,2\n\x1a", "x,y\r\n1,2\r\n\x1a\r\n", "x,y\n1,2\x1a"] {
        assert_eq!(values(&convert("t.csv", text).file, 1), ["2"], "{text:?}");
    }
}

#[test]
fn a_mean_with_infinities_is_none() {
    let mean = |text: &str| convert("t.csv", text).table.columns.remove(0).summary.mean;
    assert_eq!(mean("f\ninf\n-inf\n1\n"), None);
    assert_eq!(mean("f\n1.5\nNaN\n2.5\n"), Some(2.0));
}
