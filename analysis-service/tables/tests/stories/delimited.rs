//! Delimited text from end to end: what stands in the file is what comes out of the columnar file.

use crate::support::{convert, convert_with, preview, refused, said, values};
use fenxi_tables::{Cancel, ColumnType, HeaderMode, Limits, ParseOptions, Place, TableError};
use proptest::prelude::*;

#[test]
fn much_text_is_held_as_pandas_takes_it_and_reads_the_same() {
    use std::fmt::Write as _;
    let mut text = "id,word,few\n".to_owned();
    for row in 0..60_000 {
        writeln!(text, "{row},a word that is number {row},x").unwrap();
    }
    let made = convert("t.csv", text);
    let types: Vec<_> = made.table.columns.iter().map(|column| column.arrow_type.as_str()).collect();
    assert_eq!(types, ["int64", "large_string", "string"]);
    let words = values(&made.file, 1);
    assert_eq!((words[0].as_str(), words[59_999].as_str()), ("a word that is number 0", "a word that is number 59999"));
    assert_eq!(values(&made.file, 2), vec!["x"; 60_000]);
}

#[test]
fn a_quote_far_into_a_text_is_one() {
    let plain: String = (0..200_000).map(|row| format!("{row},word {row}\n")).collect();
    let rows = |quoted: &str| {
        let made = convert("t.csv", format!("id,word\n{plain}{quoted}{plain}7,last"));
        let words = values(&made.file, 1);
        assert_eq!((words.len() - 400_000, words.last().map(String::as_str)), (2, Some("last")), "{quoted:?}");
        (values(&made.file, 0)[200_000].clone(), words[200_000].clone())
    };
    for (quoted, word) in [("8,\"a\nb, \"\"c\"\"\"\n", "a\nb, \"c\""), ("8,5\" pipe\n", "5\" pipe"), ("8,\"\"\n", "")] {
        assert_eq!(rows(quoted), ("8".to_owned(), word.to_owned()), "{quoted:?}");
    }
    let lines = format!("x{}y", "\n".repeat(20));
    let many = convert("t.csv", format!("id,word\n{plain}{}", format!("8,\"{lines}\"\n").repeat(200_000)));
    assert_eq!(values(&many.file, 1)[200_000..], vec![lines; 200_000]);
    let open = refused("t.csv", format!("id,word\n{plain}8,\"never closed\n{plain}"));
    assert!(matches!(&open, TableError::Unreadable { place: Some(Place::Line(200_002)), .. }), "{open:?}");
    let ragged = refused("t.csv", format!("id,word\n{plain}8\n{plain}9,\"a\nb\"\n"));
    assert!(matches!(&ragged, TableError::Unreadable { place: Some(Place::Line(200_002)), .. }), "{ragged:?}");
}

#[test]
fn a_table_of_every_type_comes_back_as_it_was() {
    let text = "id,name,score,day,at,zoned,time,ok,code\n\
                1,Ann,1.5,2024-01-02,2024-01-02 03:04:05,2024-01-02T03:04:05+08:00,08:30,true,001\n\
                ,,,,,,,,\n\
                -3,\"Bob, \"\"B\"\"\n2\",-2,2024-02-29,2024-02-29 23:59:59.5,2024-02-29T00:00:00Z,23:59:59,FALSE,+5\n";
    let made = convert("t.csv", text);
    let types: Vec<_> = made.table.columns.iter().map(|c| (c.column_type, c.arrow_type.as_str())).collect();
    use ColumnType::{Boolean, Date, Datetime, Float, Integer, Text, Time};
    let expected = [
        (Integer, "int64"),
        (Text, "string"),
        (Float, "double"),
        (Date, "date32[day]"),
        (Datetime, "timestamp[us]"),
        (Datetime, "timestamp[us, tz=UTC]"),
        (Time, "time64[us]"),
        (Boolean, "bool"),
        (Text, "string"),
    ];
    assert_eq!(types, expected);
    let slice = made.file.slice(0, 10, 0, 10).unwrap();
    assert_eq!(slice.row_count, 3);
    let column = |at: usize| slice.columns[at].values.iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(column(0), ["1", "", "-3"]);
    assert_eq!(column(1), ["Ann", "", "Bob, \"B\"\n2"]);
    assert_eq!(column(2), ["1.5", "", "-2.0"]);
    assert_eq!(column(3), ["2024-01-02", "", "2024-02-29"]);
    assert_eq!(column(4), ["2024-01-02T03:04:05", "", "2024-02-29T23:59:59.500"]);
    assert_eq!(column(5), ["2024-01-01T19:04:05Z", "", "2024-02-29T00:00:00Z"]);
    assert_eq!(column(6), ["08:30:00", "", "23:59:59"]);
    assert_eq!(column(7), ["true", "", "false"]);
    assert_eq!(column(8), ["001", "", "+5"]);
    assert!(slice.columns.iter().all(|column| column.missing_rows == [1]));
    assert!(made.table.columns.iter().all(|column| column.summary.missing_count == 1));
}

#[test]
fn times_keep_their_offset_from_utc_where_all_have_the_same() {
    let text = "same,differ\n2024-01-02T03:04:05+08:00,2024-07-02T03:04:05+02:00\n\
                1969-12-31 23:59:59+0800,2024-01-02T03:04:05+01:00\n";
    let json = r#"[{"same": "2024-01-02T03:04:05-05:30"}]"#;
    let made = convert("t.csv", text);
    let types: Vec<_> = made.table.columns.iter().map(|column| column.arrow_type.as_str()).collect();
    assert_eq!(types, ["timestamp[us, tz=+08:00]", "timestamp[us, tz=UTC]"]);
    assert_eq!(values(&made.file, 0), ["2024-01-02T03:04:05+08:00", "1969-12-31T23:59:59+08:00"]);
    assert_eq!(values(&made.file, 1), ["2024-07-02T01:04:05Z", "2024-01-02T02:04:05Z"]);
    assert_eq!(made.table.columns[0].summary.min.as_deref(), Some("1969-12-31T23:59:59+08:00"));
    assert_eq!(said(&made.table.warnings), ["times with different offsets from UTC are shown in UTC: \"differ\""]);
    let made = convert("t.json", json);
    assert_eq!(made.table.columns[0].arrow_type, "timestamp[us, tz=-05:30]");
    assert_eq!(values(&made.file, 0), ["2024-01-02T03:04:05-05:30"]);
    assert_eq!(said(&made.table.warnings), Vec::<String>::new());
    let made = convert("t.json", r#"[{"at": "2024-07-02T03:04:05+02:00"}, {"at": "2024-01-02T03:04:05+01:00"}]"#);
    assert_eq!(said(&made.table.warnings), ["times with different offsets from UTC are shown in UTC: \"at\""]);
}

#[test]
fn digits_that_a_float_does_not_hold_are_told() {
    // As NumPy and C write floats: all of these digits are the float's own.
    let own = "1.000000000000000056e-01,0.1000000000000000055511151231257827,0.30000000000000004,100.00000000000000000";
    let more = "1.2345678901234567891,123456789012345678.5,0.12345678901234567891e3,0.333333333333333333333";
    let made = convert("t.csv", format!("a,b,c,d\n{own}\n"));
    assert_eq!(said(&made.table.warnings), Vec::<String>::new());
    assert!(made.table.columns.iter().all(|column| column.arrow_type == "double"));
    let made = convert("t.json", r#"[{"a": 0.30000000000000004, "b": 1.2345678901234567891}]"#);
    assert_eq!(
        said(&made.table.warnings),
        ["numbers of more digits than a float holds were rounded to the nearest: \"b\""]
    );
    let made = convert("t.csv", format!("a,b,c,d\n{own}\n{more}\n"));
    let told = "numbers of more digits than a float holds were rounded to the nearest: \"a\", \"b\", \"c\", \"d\"";
    assert_eq!(said(&made.table.warnings), [told]);
    assert!(made.table.columns.iter().all(|column| column.arrow_type == "double"));
}

#[test]
fn a_type_is_decided_by_the_last_row_as_much_as_by_the_first() {
    let mut text = "n,d\n".to_owned();
    (0..200_000).for_each(|row| text.push_str(&format!("{row},01/02/2024\n")));
    let made = convert("t.csv", format!("{text}x,31/12/2024\n"));
    assert_eq!(made.table.columns[0].column_type, ColumnType::Text);
    assert_eq!(made.table.columns[1].column_type, ColumnType::Date);
    let last = made.file.slice(200_000, 5, 0, 2).unwrap();
    assert_eq!(
        (last.columns[0].values.clone(), last.columns[1].values.clone()),
        (vec!["x".to_owned()], vec!["2024-12-31".to_owned()])
    );
    let warnings = said(&made.table.warnings).join("\n");
    assert!(warnings.contains("day first") && warnings.contains("(line 200002: \"x\")"), "{warnings}");
}

#[test]
fn values_that_were_kept_and_values_that_were_read_again_are_the_same() {
    let mut text = "n,x,day,flag,word,late\r\n".to_owned();
    for row in 0..90_000 {
        let x = if row % 7 == 0 { String::new() } else { format!("{}.{}", row % 1_000, row % 10) };
        let (month, day) = (row % 12 + 1, row % 28 + 1);
        let word = ["plain", "\"quoted, \"\"twice\"\"\"", "", "a rather long text"][row % 4];
        let late = if row < 60_000 { row.to_string() } else { format!("0{row}") };
        let flag = if row % 3 == 0 { "NA" } else { "true" };
        text.push_str(&format!("{row},{x},2024-{month:02}-{day:02},{flag},{word},{late}\r\n"));
        if row % 5_000 == 0 {
            text.push_str("\r\n");
        }
    }
    let with = |memory_max_bytes| {
        let limits = Limits { memory_max_bytes, ..Limits::default() };
        convert_with("t.csv", text.as_bytes(), &ParseOptions::default(), &limits).unwrap()
    };
    let [kept, again] = [Limits::default().memory_max_bytes, 0].map(with);
    let types: Vec<_> = kept.table.columns.iter().map(|column| column.arrow_type.as_str()).collect();
    assert_eq!(types, ["int64", "double", "date32[day]", "bool", "string", "string"]);
    assert_eq!((kept.table.row_count, &kept.table), (90_000, &again.table));
    for column in 0..6 {
        assert_eq!(values(&kept.file, column), values(&again.file, column));
    }
    assert_eq!(kept.file.slice(70_001, 1, 0, 6).unwrap().columns[5].values, ["070001"]);
    let steady = convert("t.csv", text.replace(",0", ",1"));
    assert_eq!(values(&steady.file, 5)[70_001], "170001");
    assert_eq!(steady.table.columns[5].column_type, ColumnType::Integer);
}

#[test]
fn a_ragged_row_is_named_by_its_physical_line() {
    let error = refused("t.csv", "a,b\n1,\"two\nlines\"\n3,4,5\n6,7\n");
    let TableError::Unreadable { place, problem } = &error else { panic!("{error:?}") };
    assert_eq!(place, &Some(Place::Line(4)));
    assert!(problem.starts_with("3 fields found where the first row has 2"), "{problem}");
    assert_eq!(error.reason(), Some("FILE_UNREADABLE"));
    let error = refused("t.csv", "a,b,c\r\n1,2,3\r\n\r\n4,5\r\n");
    assert!(error.to_string().starts_with("line 4: 2 fields found where the first row has 3"), "{error}");
    // Far behind what detection looks at, and the first of several.
    let mut text = "a,b\n".to_owned();
    (0..300_000).for_each(|row| text.push_str(if row == 123_456 || row == 290_000 { "1,2,3\n" } else { "1,2\n" }));
    assert!(refused("t.csv", &text).to_string().starts_with("line 123458: "));
}

#[test]
fn empty_fields_at_the_end_of_a_row_do_no_harm() {
    let made = convert("t.csv", "a,b,,\n1,2\n3,4\n");
    assert_eq!(made.table.columns.len(), 2);
    let made = convert("t.csv", "a,b\n1,2,\n3,4,,\n");
    assert_eq!((made.table.columns.len(), made.table.row_count), (2, 2));
    assert!(said(&made.table.warnings)[0].contains("past the last column"), "{:?}", made.table.warnings);
}

#[test]
fn an_unclosed_quote_is_named_where_it_opens() {
    let error = refused("t.csv", "a,b\n1,2\n3,\"4\n5,6\n");
    assert!(error.to_string().starts_with("line 3: a field begins with a quote"), "{error}");
}

#[test]
fn nothing_and_only_a_header() {
    assert!(matches!(refused("t.csv", ""), TableError::Empty(_)));
    assert!(matches!(refused("t.csv", " \n\r\n"), TableError::Empty(_)));
    assert!(matches!(refused("t.csv", "\u{feff}"), TableError::Empty(_)));
    let made = convert("t.csv", "a,b,c\n");
    assert_eq!((made.table.row_count, made.table.columns.len()), (0, 3));
    assert_eq!(made.file.slice(0, 50, 0, 50).unwrap().columns.len(), 3);
}

#[test]
fn ten_thousand_columns() {
    let row = |f: &dyn Fn(usize) -> String| (0..10_000).map(f).collect::<Vec<_>>().join(",");
    let mut text = row(&|at| format!("c{at}"));
    for line in 0..20 {
        text.push('\n');
        text.push_str(&row(&|at| if at % 3 == 0 { format!("t{line}") } else { (at * line).to_string() }));
    }
    let made = convert("wide.csv", &text);
    assert_eq!((made.table.row_count, made.table.columns.len()), (20, 10_000));
    let slice = made.file.slice(19, 1, 9_998, 50).unwrap();
    assert_eq!(slice.columns.iter().map(|c| c.values[0].as_str()).collect::<Vec<_>>(), ["189962", "t19"]);
    let limits = Limits { columns_max: 9_999, ..Limits::default() };
    let error = convert_with("wide.csv", text.as_bytes(), &ParseOptions::default(), &limits).unwrap_err();
    assert!(matches!(error, TableError::TooLarge { limit_name: "columns_max", limit: 9_999, .. }), "{error}");
}

#[test]
fn doubled_and_empty_names_are_told() {
    let made = convert("t.csv", "城市,,城市,x\n北京,1,2,3\n");
    let names: Vec<_> = made.table.columns.iter().map(|c| (c.name.as_str(), c.original_name.as_str())).collect();
    assert_eq!(names, [("城市", ""), ("column_2", ""), ("城市_2", "城市"), ("x", "")]);
    assert_eq!(made.table.warnings.len(), 2);
}

#[test]
fn encodings_of_the_world() {
    let text = "姓名,城市,年龄\n张三,北京,30\n李四,上海,\n王五,广州,25\n";
    let utf16 = |big: bool| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect::<Vec<u8>>()
    };
    let cases = [
        ("utf-8", text.as_bytes().to_vec()),
        ("utf-8", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("utf-16le", utf16(false)),
        ("utf-16be", utf16(true)),
        ("utf-16le", utf16(false)[2..].to_vec()),
        ("gb18030", encoding_rs::GBK.encode(text).0.into_owned()),
    ];
    for (label, bytes) in cases {
        let made = convert("t.csv", bytes);
        assert_eq!(made.table.options.encoding.as_deref(), Some(label));
        assert_eq!(values(&made.file, 1), ["北京", "上海", "广州"], "{label}");
        assert_eq!(made.table.columns[2].column_type, ColumnType::Integer);
        assert_eq!(made.table.columns[0].name, "姓名");
    }
}

#[test]
fn fifty_thousand_rows_of_gbk_after_a_megabyte_of_ascii() {
    let mut text = "id,note\n".to_owned();
    for row in 0..50_000 {
        text.push_str(&format!("{row},{}\n", if row < 40_000 { "plain words of no language" } else { "数据分析" }));
    }
    let bytes = encoding_rs::GB18030.encode(&text).0;
    let made = convert("t.csv", bytes.as_ref());
    assert_eq!(made.table.row_count, 50_000);
    assert_eq!(made.table.options.encoding.as_deref(), Some("gb18030"));
    assert_eq!(made.file.slice(49_999, 1, 1, 1).unwrap().columns[0].values, ["数据分析"]);
    assert!(said(&made.table.warnings)[0].contains("read as gb18030"));
}

#[test]
fn bytes_that_fit_no_encoding_are_named_by_line() {
    let broken = [b"a,b\n1,".as_slice(), "数据分析数据".as_bytes(), b"\n2,\xff\xfe\n"].concat();
    let error = refused("t.csv", broken);
    assert!(error.to_string().starts_with("line 3: the byte 0xFF is not valid UTF-8"), "{error}");
    let options = ParseOptions { encoding: Some("gb18030".to_owned()), ..ParseOptions::default() };
    let error = convert_with("t.csv", b"a,b\n1,\xff\n", &options, &Limits::default()).unwrap_err();
    assert!(error.to_string().starts_with("line 2: the byte 0xFF is not valid gb18030"), "{error}");
}

#[test]
fn options_override_what_is_found() {
    let options = ParseOptions { delimiter: Some(';'), header: Some(HeaderMode::Absent), ..ParseOptions::default() };
    let made = convert_with("t.csv", b"a,b;c\n1,2;3\n", &options, &Limits::default()).unwrap();
    assert_eq!(values(&made.file, 0), ["a,b", "1,2"]);
    assert_eq!(made.table.columns[1].name, "column_2");
    for bad in ['\n', 'é'] {
        let options = ParseOptions { delimiter: Some(bad), ..ParseOptions::default() };
        let error = convert_with("t.csv", b"a,b\n", &options, &Limits::default()).unwrap_err();
        assert!(matches!(error, TableError::Option { field: "delimiter", .. }), "{error}");
    }
    let options = ParseOptions { encoding: Some("klingon".to_owned()), ..ParseOptions::default() };
    let error = convert_with("t.csv", b"a,b\n", &options, &Limits::default()).unwrap_err();
    assert!(matches!(error, TableError::Option { field: "encoding", .. }), "{error}");
}

#[test]
fn a_preview_of_a_file_that_is_still_arriving() {
    let seen = preview("t.csv", b"a,b\n1,x\n2,y\n3,\"open", 50);
    assert_eq!(seen.slice.columns[0].values, ["1", "2"]);
    assert_eq!(seen.slice.columns[0].column_type, ColumnType::Integer);
    let seen = preview("t.csv", b"a,b\n1,x\n2", 50);
    assert_eq!(seen.slice.row_count, 1);
    let seen = preview("t.csv", b"a,b\n1,x\n2,y", 1);
    assert_eq!(seen.slice.columns[1].values, ["x"]);
    assert_eq!(seen.options.delimiter, Some(','));
    // Cut inside a character.
    let text = "名,值\n一,1\n二,2\n三";
    let seen = preview("t.csv", &text.as_bytes()[..text.len() - 1], 50);
    assert_eq!(seen.slice.columns[0].values, ["一", "二"]);
    let long = format!("a,b\n{}", "1,two\n".repeat(400_000));
    assert_eq!(preview("t.csv", long.as_bytes(), 200).slice.row_count, 200);
}

#[test]
fn work_that_is_cancelled_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("in"), folder.path().join("out.arrow"));
    std::fs::write(&path, "a,b\n1,2\n".repeat(10_000)).unwrap();
    let cancel = Cancel::default();
    cancel.cancel();
    let result = fenxi_tables::convert(&path, "t.csv", &ParseOptions::default(), &out, &Limits::default(), &cancel);
    assert!(matches!(result, Err(TableError::Cancelled)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn quoted(cell: &str, always: bool) -> String {
    let plain = !always && !cell.contains([',', '"', '\n', '\r']) && !cell.starts_with('\'');
    if plain { cell.to_owned() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn text_comes_back_as_it_went_in(
        rows in prop::collection::vec(prop::collection::vec("[a-z,\"\n\r\t;|'0-9 .中é\u{0}-]{0,12}", 3), 1..30),
        always in any::<bool>(),
        crlf in any::<bool>(),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        // A column of plain words keeps rows from being blank and the others from having to be text.
        let mut text = format!("key,a,b,c{end}");
        for row in &rows {
            text.push('k');
            for cell in row {
                text.push(',');
                text.push_str(&quoted(cell, always));
            }
            text.push_str(end);
        }
        let options = ParseOptions {
            delimiter: Some(','), quote: Some('"'), header: Some(HeaderMode::Present), encoding: Some("utf-8".to_owned()),
            format: Some(fenxi_tables::FileFormat::Delimited), ..ParseOptions::default()
        };
        let made = convert_with("t.csv", text.as_bytes(), &options, &Limits::default()).unwrap();
        prop_assert_eq!(made.table.row_count, rows.len() as u64);
        for column in 0..3 {
            let found = values(&made.file, column + 1);
            let same = |(row, found): (&Vec<String>, &String)| {
                let written = &row[column];
                match made.table.columns[column + 1].column_type {
                    ColumnType::Text => written == found,
                    ColumnType::Float => found.is_empty() || written.trim_matches([' ', '\t']).parse::<f64>() == found.parse::<f64>(),
                    ColumnType::Integer => found.is_empty() || written.trim_matches([' ', '\t']) == found,
                    _ => true,
                }
            };
            prop_assert!(rows.iter().zip(&found).all(same), "{:?} {:?}", rows, found);
        }
    }

    #[test]
    fn whole_numbers_and_gaps_come_back_digit_for_digit(numbers in prop::collection::vec(prop::option::of(any::<i64>()), 1..200)) {
        let cell = |n: &Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
        let text: String = numbers.iter().map(|n| format!("k,{}\n", cell(n))).collect();
        let made = convert("t.csv", format!("key,n\n{text}"));
        prop_assert_eq!(values(&made.file, 1), numbers.iter().map(cell).collect::<Vec<_>>());
        let text_only = numbers.iter().all(Option::is_none);
        prop_assert_eq!(made.table.columns[1].column_type, if text_only { ColumnType::Text } else { ColumnType::Integer });
    }
}
