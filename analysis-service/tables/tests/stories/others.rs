//! JSON, Parquet, Arrow, and files that are something else.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, ListArray, RecordBatch, StringArray, StringViewArray,
    TimestampNanosecondArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use fenxi_tables::{ColumnType, FileFormat, Limits, ParseOptions, TableError};

use crate::support::{convert, convert_with, preview, refused, said, values};

pub(crate) fn batch() -> RecordBatch {
    let columns: [(&str, ArrayRef); 6] = [
        ("n", Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]))),
        ("x", Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), None]))),
        ("s", Arc::new(StringArray::from(vec!["北京", "", "c"]))),
        ("d", Arc::new(["a", "b", "a"].into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("t", Arc::new(TimestampNanosecondArray::from(vec![0, 1, 1_000_000_000]).with_timezone("Asia/Shanghai"))),
        (
            "l",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
                Some(vec![Some(1), None]),
                None,
                Some(vec![]),
            ])),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

pub(crate) fn arrow(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

pub(crate) fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn arrow_and_parquet_come_back_whatever_they_are_packed_with() {
    let batch = batch();
    for (format, bytes) in [
        (FileFormat::Arrow, arrow(std::slice::from_ref(&batch), None)),
        (FileFormat::Arrow, arrow(std::slice::from_ref(&batch), Some(CompressionType::LZ4_FRAME))),
        (FileFormat::Arrow, arrow(std::slice::from_ref(&batch), Some(CompressionType::ZSTD))),
        (FileFormat::Parquet, parquet(&batch)),
    ] {
        let made = convert("t.bin", &bytes);
        assert_eq!(made.table.options.format, Some(format));
        let types: Vec<_> = made.table.columns.iter().map(|column| column.column_type).collect();
        use ColumnType::{Datetime, Float, Integer, Nested, Text};
        assert_eq!(types, [Integer, Float, Text, Text, Datetime, Nested]);
        assert_eq!(values(&made.file, 0), ["1", "", "3"]);
        assert_eq!(values(&made.file, 1), ["1.5", "", ""]);
        assert_eq!(made.table.columns[1].summary.missing_count, 2);
        assert_eq!(values(&made.file, 2), ["北京", "", "c"]);
        assert_eq!(made.table.columns[2].summary.missing_count, 0);
        assert_eq!(values(&made.file, 3), ["a", "b", "a"]);
        assert_eq!(
            values(&made.file, 4),
            ["1970-01-01T08:00:00+08:00", "1970-01-01T08:00:00.000000001+08:00", "1970-01-01T08:00:01+08:00"]
        );
        assert_eq!(made.table.columns[4].arrow_type, "timestamp[ns, tz=Asia/Shanghai]");
        assert_eq!(values(&made.file, 5), ["[1, null]", "", "[]"]);
        let seen = preview("t.bin", &bytes, 2);
        assert_eq!((seen.slice.row_count, seen.slice.columns[0].missing_rows.as_slice()), (2, [1].as_slice()));
    }
}

#[test]
fn many_batches_become_one() {
    let one: ArrayRef = Arc::new((0..1_000).collect::<Int32Array>());
    let text: ArrayRef = Arc::new(StringViewArray::from_iter_values((0..1_000).map(|n| format!("view {n}"))));
    let batch = RecordBatch::try_from_iter([("n", one), ("", text)]).unwrap();
    let made = convert("t.feather", arrow(&[batch.clone(), batch.clone(), batch], None));
    assert_eq!(made.table.row_count, 3_000);
    assert_eq!(
        made.file.slice(2_999, 1, 0, 2).unwrap().columns.iter().map(|c| c.values[0].clone()).collect::<Vec<_>>(),
        ["999", "view 999"]
    );
    assert_eq!(made.table.columns[1].name, "column_2");
}

#[test]
fn cut_off_binary_files_say_so() {
    for (name, bytes) in [("t.parquet", parquet(&batch())), ("t.arrow", arrow(&[batch()], None))] {
        for end in [12, bytes.len() / 2, bytes.len() - 1] {
            let error = refused(name, &bytes[..end]);
            assert!(error.to_string().contains("cut off"), "{name} {end}: {error}");
            assert_eq!(error.reason(), Some("FILE_UNREADABLE"));
        }
    }
}

#[test]
fn lengths_that_arrow_claims_are_not_believed() {
    let zeros: ArrayRef = Arc::new(Float64Array::from(vec![0.0; 20_000_000]));
    let bytes = arrow(&[RecordBatch::try_from_iter([("z", zeros)]).unwrap()], Some(CompressionType::ZSTD));
    assert!(bytes.len() < 1 << 20);
    let error = refused("t.arrow", &bytes);
    assert!(matches!(error, TableError::TooLarge { limit_name: "expansion_max_ratio", .. }), "{error}");
}

#[test]
fn json_records_keep_their_types_and_digits() {
    let text = r#"[{"id":1,"name":"张三","big":123456789012345678901,"x":1.5,"ok":true,"when":"2024-01-02","code":"001","tags":["a","b"]},
        {"id":null,"name":"a\"b\n","big":2,"x":2,"ok":null,"when":null,"code":"7","tags":[]},
        {"id":3,"extra":{"k":1}}]"#;
    let made = convert("t.json", text);
    let types: Vec<_> = made.table.columns.iter().map(|column| column.column_type).collect();
    use ColumnType::{Boolean, Date, Float, Integer, Nested, Text};
    assert_eq!(types, [Integer, Text, Text, Float, Boolean, Date, Text, Nested, Nested]);
    assert_eq!(values(&made.file, 0), ["1", "", "3"]);
    assert_eq!(values(&made.file, 1), ["张三", "a\"b\n", ""]);
    assert_eq!(values(&made.file, 2), ["123456789012345678901", "2", ""]);
    assert_eq!(values(&made.file, 5), ["2024-01-02", "", ""]);
    assert_eq!(values(&made.file, 6), ["001", "7", ""]);
    assert_eq!(values(&made.file, 7), ["[a, b]", "[]", ""]);
    assert!(said(&made.table.warnings).iter().any(|warning| warning.contains("\"big\"")), "{:?}", made.table.warnings);
}

#[test]
fn json_whose_keys_are_data_is_kept_as_text() {
    let record = |n: usize| format!("{{\"by_user\":{{\"user {n}\":{n}}},\"pair\":[{n},{{}}]}}\n");
    let text: String = (0..2_000).map(record).collect();
    let made = convert("t.jsonl", &text);
    let types: Vec<_> = made.table.columns.iter().map(|column| column.arrow_type.as_str()).collect();
    assert_eq!(types, ["string", "string"]);
    assert_eq!(values(&made.file, 0)[1_999], "{\"user 1999\":1999}");
    let words = "kept as text, because its lists or records have no one shape, or a very large one";
    assert_eq!(said(&made.table.warnings), [format!("{words}: \"by_user\", \"pair\"")]);
}

#[test]
fn lists_and_records_of_json_keep_their_digits() {
    let text = "{\"t\":{\"id\":9007199254740993,\"x\":[1.5,null]}}\n{\"t\":null}\n{\"t\":{\"id\":null,\"x\":[]}}\n";
    let made = convert("t.jsonl", text);
    assert_eq!(made.table.columns[0].column_type, ColumnType::Nested);
    assert_eq!(values(&made.file, 0), ["{id: 9007199254740993, x: [1.5, null]}", "", "{id: null, x: []}"]);
}

#[test]
fn json_lines_and_their_mistakes() {
    let made = convert("t.jsonl", "{\"a\":1}\n{\"a\":2,\"b\":\"x\"}\n");
    assert_eq!(made.table.options.format, Some(FileFormat::JsonLines));
    assert_eq!(values(&made.file, 1), ["", "x"]);
    let error = refused("t.jsonl", "{\"a\":1}\n{\"a\":}\n");
    assert!(error.to_string().starts_with("line 2: column 6"), "{error}");
    let error = refused("t.json", "[{\"a\":1},\n{\"a\":2}");
    assert!(error.to_string().contains("cut off"), "{error}");
    let error = refused("t.json", "[1,2]");
    assert!(error.to_string().contains("a record"), "{error}");
    for wrapped in
        ["{\"data\":[{\"a\":1}],\"more\":[{\"b\":1}]}", "{\"a\":{\"0\":1,\"1\":null},\"b\":{\"0\":\"x\",\"1\":\"y\"}}"]
    {
        let error = refused("t.json", wrapped);
        assert!(matches!(&error, TableError::Format(text) if text.contains("orient=\"records\"")), "{error}");
    }
    let error = refused("t.json", "[{\"a\":1,\"a\":2}]");
    assert!(error.to_string().contains("twice"), "{error}");
    assert!(matches!(refused("t.json", "[]"), TableError::Empty(_)));
    let seen = preview("t.json", b"[{\"a\":1},{\"a\":2},{\"a\"", 50);
    assert_eq!(seen.slice.columns[0].values, ["1", "2"]);
}

#[test]
fn a_file_is_what_it_holds_and_not_what_it_is_called() {
    let made = convert("table.csv", parquet(&batch()));
    assert_eq!(made.table.options.format, Some(FileFormat::Parquet));
    let made = convert("table.xlsx", "a,b\n1,2\n");
    assert_eq!(made.table.options.format, Some(FileFormat::Delimited));
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".repeat(20);
    let noise: Vec<u8> = (0..40_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    for (name, bytes, word) in [
        ("t.csv", png.as_slice(), "PNG"),
        ("t.csv", noise.as_slice(), "binary data"),
        ("t.csv", b"%PDF-1.7 ...", "PDF"),
        ("t.csv", b"\x1f\x8b\x08\0\0\0", "gzip"),
        ("t.xls", b"<html><table><tr><td>1</td></tr></table></html>", "web page"),
        ("t.feather", b"FEA1\0\0\0\0", "Feather"),
        ("t.orc", b"ORC\n\x03\0\0", "ORC"),
        ("t.csv", b"BZh91AY&SY\x8c\x01\x17", "bzip2"),
    ] {
        let error = refused(name, bytes);
        assert!(matches!(&error, TableError::Format(text) if text.contains(word)), "{error}");
    }
    let options = ParseOptions { format: Some(FileFormat::Xlsx), ..ParseOptions::default() };
    let error = convert_with("t.xlsx", b"a,b\n1,2\n", &options, &Limits::default()).unwrap_err();
    assert_eq!(error.reason(), Some("FILE_FORMAT"));
}

#[test]
fn columns_of_numbers_count_in_every_row() {
    let first: Vec<String> = (0..2_000).map(|at| format!("\"k{at}\":1")).collect();
    let text = format!("{{{}}}\n{}", first.join(","), "{}\n".repeat(1_000));
    let limits = |mib: usize| Limits { memory_max_bytes: mib << 20, ..Limits::default() };
    let read = |mib| convert_with("t.jsonl", text.as_bytes(), &ParseOptions::default(), &limits(mib));
    // 2,000 x 1,001 cells: a byte each, and eight in the arrays.
    let error = read(10).unwrap_err();
    assert!(matches!(error, TableError::TooLarge { limit_name: "memory_max_bytes", .. }), "{error}");
    assert_eq!(read(20).unwrap().table.row_count, 1_001);
}

#[test]
fn a_header_may_begin_like_a_binary_file() {
    for beginning in ["PARENT_ID", "PAR1", "ORCID", "BZhang", "GIF8", "FEA1", "ARROW1"] {
        let text = format!("{beginning},名称\n1,北京\n2,上海\n");
        let (gbk, _, _) = encoding_rs::GBK.encode(&text);
        for bytes in [text.as_bytes(), &gbk] {
            let made = convert("t.csv", bytes);
            assert_eq!(made.table.columns[0].name, beginning);
            assert_eq!((made.table.options.format, made.table.row_count), (Some(FileFormat::Delimited), 2));
        }
    }
}
