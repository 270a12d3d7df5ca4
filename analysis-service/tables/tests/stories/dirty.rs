//! Delimited text as it comes from the wild: what cannot be meant is refused or told, and what can is read.

use std::fmt::Write as _;

use fenxi_tables::{Limits, ParseOptions, TableError};

use crate::support::{convert, convert_with, preview, refused, said, values};

fn warnings(text: impl AsRef<[u8]>) -> Vec<String> {
    said(&convert("t.csv", text).table.warnings)
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
    assert_eq!(said(&made.table.warnings), [words]);
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
fn chinese_in_gbk_that_is_utf8_in_parts_is_read_or_told() {
    let gbk = |text: &str| encoding_rs::GBK.encode(text).0.into_owned();
    let made = convert("t.csv", gbk("id,sex\n1,女\n2,女\n3,女\n4,女\n5,男\n"));
    assert_eq!(values(&made.file, 1), ["女", "女", "女", "女", "男"]);
    assert_eq!(made.table.options.encoding.as_deref(), Some("gb18030"));
    let silent = gbk("sex,n\n女,1\n女,2\n");
    let words = "the text was read as utf-8; its few characters beyond ASCII may be gb18030 just as well: if they look \
                 wrong, choose that encoding";
    assert_eq!(warnings(&silent), [words]);
    assert_eq!(said(&preview("t.csv", &silent, 9).warnings), [words]);
    let options = ParseOptions { encoding: Some("utf-8".to_owned()), ..ParseOptions::default() };
    assert!(convert_with("t.csv", &silent, &options, &Limits::default()).unwrap().table.warnings.is_empty());
    for text in ["sex,n\n女,1\n女,2\n", "a,b\ncafé,25 °C\n", "a,b\n1,2\n"] {
        assert_eq!(warnings(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn an_encoding_that_nobody_named_is_not_blamed_on_the_file() {
    let broken = [b"a,b\n\xe5\x90\x8d\xff\xe5\xad\x97,x\n".to_vec(), "名字,二\n".repeat(200).into_bytes()].concat();
    let error = refused("t.csv", &broken).to_string();
    assert!(error.starts_with("line 2: the byte 0xFF is not valid UTF-8"), "{error}");
    let (cyrillic, _, _) = encoding_rs::WINDOWS_1251.encode("имя,1\nпривет,2\n");
    if let Err(error) = convert_with("t.csv", &cyrillic, &ParseOptions::default(), &Limits::default()) {
        assert!(error.to_string().starts_with("line 1: the byte 0xE8 is not valid UTF-8"), "{error}");
    }
}

#[test]
fn numbers_and_dates_that_may_be_codes_are_told_or_stay_text() {
    let types = |text: &str| -> Vec<String> {
        convert("t.csv", text).table.columns.iter().map(|column| column.arrow_type.clone()).collect()
    };
    assert_eq!(warnings("chapter\n1.1\n1.10\n1.2\n").len(), 1);
    assert!(
        warnings("chapter\n1.1\n1.10\n1.2\n")[0].starts_with("read as numbers, in which 1.1 and 1.10 are the same")
    );
    for plain in ["price\n1.10\n2.25\n3\n", "x\n1.0\n2.25\n100.5\n", "x\n1e-5\n0.5\n"] {
        assert_eq!((types(plain), warnings(plain)), (vec!["double".to_owned()], vec![]), "{plain}");
    }
    let hashes = convert("t.csv", "hash\n12e5\n34e2\n");
    assert_eq!(values(&hashes.file, 0), ["12e5", "34e2"]);
    assert_eq!(
        said(&hashes.table.warnings),
        ["kept as text, because codes such as 12e5 would become numbers: \"hash\""]
    );
    assert_eq!(types("code\n1001-01-01\n1002-02-03\n1403-12-1\n"), ["string"]);
    assert_eq!(types("day\n2024-01-01\n9999-12-31\n0001-01-01\n1582-10-15\n"), ["date32[day]"]);
    let told = warnings("ver\n2024.1.1\n2024.10.2\n");
    assert_eq!(told, ["numbers with points, such as 2024.1.10, were read as dates: \"ver\""]);
    assert_eq!(warnings("day\n2024.01.01\n2024.10.02\n"), Vec::<String>::new());
}

#[test]
fn digits_of_large_sums_are_told() {
    let rounded = "numbers of more digits than a float holds were rounded to the nearest: \"sum\"";
    for sum in ["90071992547409.93", "99999999999999.99", "999999999999999.99", "9007199254740993.0"] {
        assert_eq!(warnings(format!("sum\n0.5\n{sum}\n")), [rounded], "{sum}");
    }
    let made = convert("t.csv", "tiny,n\n0.5,1\n1e-400,2\n");
    assert_eq!(values(&made.file, 0), ["0.5", "1e-400"]);
}

#[test]
fn title_rows_that_a_spreadsheet_padded_are_left_out() {
    for text in ["Report title,,\na,b,c\n1,2,3\n4,5,6\n", "Report,,\nby Ann,,\na,b,c\n1,2,3\n4,5,6\n"] {
        let made = convert("t.csv", text);
        let names: Vec<_> = made.table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!((names, values(&made.file, 0)), (vec!["a", "b", "c"], vec!["1".to_owned(), "4".to_owned()]));
        let told = said(&made.table.warnings);
        assert!(told[0].contains(" above the table w") && told[0].contains("left out: \"Report"), "{told:?}");
        let again = convert_with("t.csv", text.as_bytes(), &made.table.options, &Limits::default()).unwrap();
        assert_eq!(made.table, again.table);
    }
    let made = convert("t.csv", "key,,\n1,2,3\n4,5,6\n");
    assert_eq!((made.table.columns[0].name.as_str(), made.table.row_count), ("key", 2));
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
