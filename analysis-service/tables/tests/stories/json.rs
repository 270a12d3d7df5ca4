//! JSON that keeps all that it has, and JSON that is no table.

use fenxi_tables::{ColumnType, FileFormat, Limits, ParseOptions, TableError};

use crate::support::{Made, convert, convert_with, not_shown, preview, refused, said, values};

fn warned(made: &Made, words: &str) -> bool {
    said(&made.table.warnings).iter().any(|warning| warning.contains(words))
}

#[test]
fn lists_and_records_that_would_lose_something_stay_text() {
    for (cell, why) in [
        ("{\"n\":12345678901234567890}", "would lose digits"),
        ("[9007199254740993,0.5]", "would lose digits"),
        ("[{\"n\":9007199254740993},{\"n\":0.5}]", "would lose digits"),
        ("{\"n\":[1,-12345678901234567890]}", "would lose digits"),
        ("{\"k\":1,\"k\":2}", "has a key twice"),
        ("[{\"a\":{\"k\\\"\":1,\"k\\\"\":\"x\"}}]", "has a key twice"),
    ] {
        let made = convert("t.json", format!("[{{\"a\":{cell},\"z\":1}}]"));
        assert_eq!(made.table.columns[0].arrow_type, "string", "{cell}");
        assert_eq!(values(&made.file, 0), [cell]);
        assert!(warned(&made, why), "{cell}: {:?}", made.table.warnings);
    }
    // Of a column, and not of a cell.
    let made = convert("t.jsonl", "{\"a\":{\"n\":9007199254740993}}\n{\"a\":{\"n\":0.5}}\n");
    assert_eq!(made.table.columns[0].arrow_type, "string");
}

#[test]
fn lists_and_records_that_lose_nothing_are_arrays() {
    for cell in [
        "{\"id\":9007199254740993,\"x\":0.5,\"l\":[1,2.5,-3e-7]}",
        "[[1,2],[],[3]]",
        "[{\"k\":1,\"t\":\"a{\\\"k\\\":1,\\\"k\\\":\"},{\"k\":2,\"t\":\"1e999 \\\\\"}]",
    ] {
        let made = convert("t.json", format!("[{{\"a\":{cell},\"z\":1}}]"));
        assert_eq!(made.table.columns[0].column_type, ColumnType::Nested, "{cell}");
        assert!(made.table.warnings.is_empty(), "{cell}: {:?}", made.table.warnings);
    }
    let rounded = convert("t.json", "[{\"a\":[0.1234567890123456789012],\"z\":1}]");
    assert_eq!(rounded.table.columns[0].column_type, ColumnType::Nested);
    assert!(warned(&rounded, "were rounded to the nearest: \"a\""), "{:?}", rounded.table.warnings);
}

#[test]
fn numbers_of_a_column_of_text_are_the_files_text() {
    let numbers =
        ["1.10", "1e5", "0.12345678901234567890123", "-0", "1.5", "0.00001", "100000000000000000000.5", "7", "1.0"];
    let records = |last: &str| {
        let cells: String = numbers.iter().map(|number| format!("{{\"v\":{number}}},")).collect();
        convert("t.json", format!("[{cells}{{\"v\":{last}}}]"))
    };
    let mixed = records("\"x\"");
    assert_eq!(values(&mixed.file, 0)[..numbers.len()], numbers);
    assert!(!warned(&mixed, "rounded"), "{:?}", mixed.table.warnings);
    // As numbers they are what they were.
    let floats = records("2.5");
    assert_eq!(floats.table.columns[0].column_type, ColumnType::Float);
    assert_eq!(values(&floats.file, 0)[..2], ["1.1", "100000.0"]);
    assert!(warned(&floats, "rounded"), "{:?}", floats.table.warnings);
}

#[test]
fn a_guessed_encoding_is_told_of() {
    let (bytes, _, _) = encoding_rs::GBK.encode("[{\"城市\":\"北京\"},{\"城市\":\"上海\"}]");
    let made = convert("t.json", &bytes);
    assert_eq!(values(&made.file, 0), ["北京", "上海"]);
    assert!(warned(&made, "read as gb18030"), "{:?}", made.table.warnings);
    assert_eq!(preview("t.json", &bytes, 5).warnings, made.table.warnings);
    let said = ParseOptions { encoding: Some("gbk".to_owned()), ..ParseOptions::default() };
    let said = convert_with("t.json", &bytes, &said, &Limits::default()).unwrap();
    assert!(said.table.warnings.is_empty(), "{:?}", said.table.warnings);
}

#[test]
fn an_array_of_one_record_is_a_table() {
    let made = convert("t.json", "[{\"a\":{\"n\":1}}]");
    assert_eq!(values(&made.file, 0), ["{n: 1}"]);
    assert_eq!(convert("t.json", "[{}]").table.row_count, 1);
}

#[test]
fn json_without_records_is_no_delimited_text() {
    for (name, text) in
        [("t.jsonl", "[1,2]\n[3,4]\n"), ("t.ndjson", "[1,2]\n"), ("t.json", "\"x\"\n"), ("t.json", "{a:1}")]
    {
        let error = refused(name, text);
        assert!(error.to_string().contains("this is not the JSON of a table"), "{text}: {error}");
    }
    // A name alone makes no JSON.
    let made = convert("t.json", "\"a\",\"b\"\n1,2\n");
    assert_eq!((made.table.options.format, made.table.row_count), (Some(FileFormat::Delimited), 1));
}

#[test]
fn what_is_no_number_in_json_is_named() {
    for (text, line, word) in [
        ("[{\"a\":NaN}]", "line 1", "NaN"),
        ("[{\"a\":1},\n {\"a\": NaN}]", "line 2", "NaN"),
        ("{\"a\":1}\n{\"a\":-Infinity}\n", "line 2", "Infinity"),
        ("[{\"a\":[1,Infinity]}]", "line 1", "Infinity"),
    ] {
        let error = refused("t.json", text).to_string();
        assert!(error.starts_with(line) && error.contains(&format!("{word} is no JSON")), "{text}: {error}");
    }
    assert!(!refused("t.json", "[{\"a\":Nan}]").to_string().contains("is no JSON"));
}

#[test]
fn a_cell_that_is_too_large_is_named() {
    let limits = Limits { cell_max_bytes: 8, ..Limits::default() };
    let text = b"[{\"a\":\"x\"},{\"a\":\"nine bytes\"}]";
    let error = convert_with("t.json", text, &ParseOptions::default(), &limits).unwrap_err();
    assert!(error.to_string().contains("record 2, \"a\""), "{error}");
    assert!(matches!(error, TableError::TooLarge { limit_name: "cell_max_bytes", .. }), "{error}");
}

#[test]
fn a_list_of_records_inside_of_a_record_is_the_table() {
    let told = "the table is the list \"data\" of a record, and what is beside it was left out: ";
    for (text, left_out) in [
        ("{\"data\":[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"}], \"total\":2}\n", "\"total\""),
        (
            "{\n \"page\": {\"n\":1},\n \"tags\":[1,2],\n \"none\":[],\n \"data\": [ {\"a\":1,\"b\":\"x\"},\n {\"a\":2,\"b\":\"y\"} ]}",
            "\"page\", \"tags\", \"none\"",
        ),
        (
            "{\"1\":1,\"2\":null,\"3\":true,\"4\":\"t\",\"5\":0.5,\"6\":-1,\"data\":[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"}]}",
            "\"1\", \"2\", \"3\", \"4\", \"5\" and 1 more",
        ),
    ] {
        let made = convert("t.json", text);
        assert_eq!([values(&made.file, 0), values(&made.file, 1)], [["1", "2"], ["x", "y"]], "{text}");
        assert_eq!(said(&made.table.warnings), [format!("{told}{left_out}")], "{text}");
        let again = convert_with("t.json", text.as_bytes(), &made.table.options, &Limits::default()).unwrap();
        assert_eq!(again.table, made.table, "{text}");
        assert_eq!(preview("t.json", text.as_bytes(), 9).warnings, made.table.warnings, "{text}");
    }
    // Who says that there is a record a line gets one.
    let lines = ParseOptions { format: Some(FileFormat::JsonLines), ..ParseOptions::default() };
    let one = b"{\"data\":[{\"a\":1},{\"a\":2}],\"total\":2}";
    assert_eq!(convert_with("t.json", one, &lines, &Limits::default()).unwrap().table.row_count, 1);
    let made = convert("t.json", "{\"data\":[{\"a\":1}]}");
    assert_eq!((made.table.row_count, made.table.warnings.len()), (1, 0));
    let seen = preview("t.json", b"{\"total\":3,\"data\":[{\"a\":1},{\"a\":2},{\"a\"", 9);
    assert_eq!(seen.slice.columns[0].values, ["1", "2"]);
    let long = format!("{{\"data\":[{}{{\"a\":1}}]}}", "{\"a\":1},\n".repeat(300_000));
    assert_eq!(convert("t.json", &long).table.row_count, 300_001);
    assert_eq!(preview("t.json", long.as_bytes(), 9).slice.row_count, 9);
    let error = refused("t.json", "{\"data\":[{\"a\":1},\n5]}").to_string();
    assert!(error.starts_with("line 2: ") && error.contains("a record"), "{error}");
}

#[test]
fn a_list_inside_of_one_of_several_records_is_a_value() {
    for (name, text) in [
        ("t.jsonl", "{\"id\":1,\"items\":[{\"a\":1},{\"a\":2}]}\n{\"id\":2,\"items\":[]}\n"),
        ("t.json", "{\n\"id\":1,\"items\":[{\"a\":1},{\"a\":2}]}\n{\"id\":2,\"items\":[]}\n"),
        ("t.json", "{\"id\":1,\"items\":[{\"a\":1}],\"more\":[{\"b\":1}]}\n\n{\"id\":2}"),
    ] {
        let made = convert(name, text);
        assert_eq!(
            (values(&made.file, 0), made.table.warnings.len()),
            (vec!["1".to_owned(), "2".to_owned()], 0),
            "{text}"
        );
    }
    let two = convert("t.json", "{\"id\":1,\"items\":[{\"a\":1}],\"more\":[{\"b\":1}]}");
    assert_eq!((two.table.row_count, two.table.columns.len()), (1, 3));
}

#[test]
fn members_of_records_keep_the_order_of_the_file() {
    let text =
        r#"[{"r":{"z":1,"b":{"y":2,"a\"x":3}},"l":[{"q":1},{"d":2,"c":3}]},{"r":{"k":4,"z":5,"b":null},"l":[]}]"#;
    let made = convert("t.json", text);
    assert_eq!(values(&made.file, 0), ["{z: 1, b: {y: 2, a\"x: 3}, k: null}", "{z: 5, b: null, k: 4}"]);
    assert_eq!(values(&made.file, 1), ["[{q: 1, d: null, c: null}, {q: null, d: 2, c: 3}]", "[]"]);
}

#[test]
fn what_is_refused_whole_is_not_shown_before() {
    for text in [
        "[{\"a\":1},{\"a\":2}",
        "[{\"a\":1},{\"a\"",
        "{\"a\":1}\n{\"a\":2",
        "{\"config\":{\"a\":1},\"tags\":[1]}",
        "{\"data\":[{\"a\":1},{\"a\":2}",
        "[]",
    ] {
        assert_eq!(not_shown("t.json", text.as_bytes()), Some(refused("t.json", text).to_string()), "{text}");
    }
    assert_eq!(not_shown("t.json", b"[{\"a\":1},{\"a\":2}]"), None);
}
