//! Workbooks, made here part by part or kept as a small file.

use std::io::Write;

use fenxi_tables::{ColumnType, FileFormat, HeaderMode, Limits, ParseOptions, Place, TableError};
use zip::write::SimpleFileOptions;

use crate::support::{convert, convert_with, preview, refused, said, values};

pub(crate) const XLS: &[u8] = include_bytes!("../files/sales.xls");

/// An .xlsx of sheets; each sheet is the XML inside its `sheetData`. Style 1 is a date, 2 a moment, 3 a span.
pub(crate) fn xlsx(sheets: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut add = |name: &str, text: &str| {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    };
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    add("[Content_Types].xml", "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>");
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    add(
        "_rels/.rels",
        &format!(
            "<Relationships xmlns=\"{package}\"><Relationship Id=\"r\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
        ),
    );
    let mut list = String::new();
    let mut links = format!("<Relationship Id=\"s\" Type=\"{office}/styles\" Target=\"styles.xml\"/>");
    for (at, (name, _)) in sheets.iter().enumerate() {
        list.push_str(&format!("<sheet name=\"{name}\" sheetId=\"{0}\" r:id=\"r{0}\"/>", at + 1));
        links.push_str(&format!(
            "<Relationship Id=\"r{0}\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet{0}.xml\"/>",
            at + 1
        ));
    }
    add(
        "xl/workbook.xml",
        &format!("<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets>{list}</sheets></workbook>"),
    );
    add("xl/_rels/workbook.xml.rels", &format!("<Relationships xmlns=\"{package}\">{links}</Relationships>"));
    add(
        "xl/styles.xml",
        &format!(
            "<styleSheet xmlns=\"{main}\"><numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"[h]:mm:ss\"/></numFmts><cellXfs count=\"4\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/><xf numFmtId=\"164\"/></cellXfs></styleSheet>"
        ),
    );
    for (at, (_, data)) in sheets.iter().enumerate() {
        let name = format!("xl/worksheets/sheet{}.xml", at + 1);
        add(&name, &format!("<worksheet xmlns=\"{main}\"><sheetData>{data}</sheetData></worksheet>"));
    }
    archive.finish().unwrap().into_inner()
}

/// Rows of cells: a text, or `=v` for a number, `@s v` for a number in style s, `?b` for a boolean, `!` for an error.
pub(crate) fn sheet(rows: &[&[&str]]) -> String {
    let mut xml = String::new();
    for (row, cells) in rows.iter().enumerate() {
        xml.push_str(&format!("<row r=\"{}\">", row + 1));
        for (column, cell) in cells.iter().enumerate() {
            let place = format!("{}{}", char::from(b'A' + u8::try_from(column).unwrap()), row + 1);
            let Some(mark) = cell.chars().next() else { continue };
            let rest = &cell[mark.len_utf8()..];
            let cell = match mark {
                '=' => format!("<c r=\"{place}\"><v>{rest}</v></c>"),
                '@' => {
                    let (style, number) = rest.split_once(' ').unwrap();
                    format!("<c r=\"{place}\" s=\"{style}\"><v>{number}</v></c>")
                }
                '?' => format!("<c r=\"{place}\" t=\"b\"><v>{rest}</v></c>"),
                '!' => format!("<c r=\"{place}\" t=\"e\"><v>#DIV/0!</v></c>"),
                _ => format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{cell}</t></is></c>"),
            };
            xml.push_str(&cell);
        }
        xml.push_str("</row>");
    }
    xml
}

fn types(made: &crate::support::Made) -> Vec<ColumnType> {
    made.table.columns.iter().map(|column| column.column_type).collect()
}

#[test]
fn an_xlsx_keeps_what_its_cells_are() {
    let rows: &[&[&str]] = &[
        &["编号", "金额", "日期", "时刻", "时长", "代码", "合格", "率"],
        &["=1", "=1.5", "@1 45293", "@2 45293.5", "@3 1.25", "001", "?1", "=0.5"],
        &["=2", "=2", "@1 45351", "@2 45351.25", "@3 0.5", "002", "?0", "!"],
        &["", "NA", "", "", "", "+3", "", "=1"],
    ];
    let made = convert("销售.xlsx", xlsx(&[("empty", ""), ("数据", &sheet(rows))]));
    use ColumnType::{Boolean, Date, Datetime, Duration, Float, Integer, Text};
    assert_eq!(types(&made), [Integer, Float, Date, Datetime, Duration, Text, Boolean, Float]);
    assert_eq!(values(&made.file, 0), ["1", "2", ""]);
    assert_eq!(values(&made.file, 1), ["1.5", "2.0", ""]);
    assert_eq!(values(&made.file, 2), ["2024-01-02", "2024-02-29", ""]);
    assert_eq!(values(&made.file, 3), ["2024-01-02T12:00:00", "2024-02-29T06:00:00", ""]);
    assert_eq!(values(&made.file, 5), ["001", "002", "+3"]);
    assert_eq!(values(&made.file, 6), ["true", "false", ""]);
    assert_eq!(made.table.options.sheet.as_deref(), Some("数据"));
    assert_eq!(made.table.options.header, Some(HeaderMode::Present));
    assert!(said(&made.table.warnings).iter().any(|warning| warning.contains("first H3")), "{:?}", made.table.warnings);
    assert_eq!(made.table.columns[0].name, "编号");
}

#[test]
fn sheets_are_chosen_by_name_and_listed() {
    let bytes = xlsx(&[("one", &sheet(&[&["a"], &["=1"]])), ("two", &sheet(&[&["b"], &["=2"]]))]);
    let seen = preview("t.xlsx", &bytes, 10);
    assert_eq!(seen.sheets, ["one", "two"]);
    assert_eq!(seen.slice.columns[0].name, "a");
    let choose = |sheet: &str| ParseOptions { sheet: Some(sheet.to_owned()), ..ParseOptions::default() };
    let made = convert_with("t.xlsx", &bytes, &choose("two"), &Limits::default()).unwrap();
    assert_eq!((made.table.columns[0].name.as_str(), values(&made.file, 0)), ("b", vec!["2".to_owned()]));
    let error = convert_with("t.xlsx", &bytes, &choose("three"), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("it has \"one\", \"two\""), "{error}");
}

#[test]
fn titles_above_and_emptiness_around_a_table_are_left_out() {
    let rows: &[&[&str]] = &[
        &["", "2024年销售报表"],
        &[],
        &["", "城市", "金额", ""],
        &["", "北京", "=3", ""],
        &["", "上海", "=4", ""],
        &[],
    ];
    let made = convert("t.xlsx", xlsx(&[("s", &sheet(rows))]));
    let names: Vec<_> = made.table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!((names, made.table.row_count), (vec!["城市", "金额"], 2));
    assert_eq!(values(&made.file, 1), ["3", "4"]);
}

/// Names, types, rows and cells of a table.
fn all(made: &crate::support::Made) -> (Vec<(String, String)>, Vec<Vec<String>>) {
    let columns = made.table.columns.iter().map(|column| (column.name.clone(), column.arrow_type.clone())).collect();
    (columns, (0..made.table.columns.len()).map(|at| values(&made.file, at)).collect())
}

#[test]
fn the_options_that_were_found_give_the_same_table_again() {
    let sheets: &[&[&[&str]]] = &[
        &[&["2024年销售报表"], &["城市", "金额"], &["北京", "=3"], &["上海", "=4"]],
        &[&["2024年销售报表"], &["=1", "=2"], &["=3", "=4"]],
        &[&["城市", "金额"], &["北京", "=3"]],
        &[&["=1", "=2"], &["=3", "=4"]],
        &[&["name"], &["Ann", "=5"], &["Bob", "=6"]],
    ];
    for rows in sheets {
        let bytes = xlsx(&[("s", &sheet(rows))]);
        let made = convert("t.xlsx", &bytes);
        let again = convert_with("t.xlsx", &bytes, &made.table.options, &Limits::default()).unwrap();
        assert_eq!(all(&again), all(&made), "{rows:?}");
        let seen = preview("t.xlsx", &bytes, 10);
        let as_seen = convert_with("t.xlsx", &bytes, &seen.options, &Limits::default()).unwrap();
        assert_eq!(all(&as_seen), all(&made), "{rows:?}");
    }
    // Whoever says that the first row is data, or names columns that it alone names, is believed.
    let said = |header, rows| {
        let options = ParseOptions { header: Some(header), ..ParseOptions::default() };
        convert_with("t.xlsx", &xlsx(&[("s", &sheet(rows))]), &options, &Limits::default()).unwrap()
    };
    assert_eq!(said(HeaderMode::Absent, sheets[0]).table.row_count, 4);
    assert_eq!(said(HeaderMode::Present, sheets[0]).table.columns[1].name, "金额");
    assert_eq!(said(HeaderMode::Present, sheets[4]).table.columns[0].name, "name");
}

#[test]
fn as_many_as_three_titles_are_left_out_and_a_column_of_texts_is_none() {
    let table: &[&[&str]] = &[&["城市", "金额"], &["北京", "=3"], &["上海", "=4"]];
    let titles: &[&[&str]] = &[&["2024年销售报表"], &["单位：元"], &["", "制表：张三"], &["四"]];
    for count in 0..=4 {
        let made = convert("t.xlsx", xlsx(&[("s", &sheet(&[&titles[..count], table].concat()))]));
        let (columns, cells) = all(&made);
        let found = columns.iter().map(|(name, _)| name.as_str()).eq(["城市", "金额"]);
        assert_eq!(found, count <= 3, "{count}: {columns:?}");
        assert_eq!(found, cells == [["北京", "上海"], ["3", "4"]], "{count}: {cells:?}");
        let told = said(&made.table.warnings).iter().any(|warning| warning.contains("above the table w"));
        assert_eq!(told, (1..=3).contains(&count), "{:?}", made.table.warnings);
    }
    let names: &[&[&str]] = &[&["name"], &["Ann"], &["Bob"], &["Eve"]];
    assert_eq!(convert("t.xlsx", xlsx(&[("s", &sheet(names))])).table.row_count, 3);
}

#[test]
fn a_header_alone_is_a_table_without_rows_and_nothing_is_an_error() {
    let made = convert("t.xlsx", xlsx(&[("s", &sheet(&[&["a", "b"]]))]));
    assert_eq!((made.table.row_count, made.table.columns.len()), (0, 2));
    assert!(matches!(refused("t.xlsx", xlsx(&[("s", "")])), TableError::Empty(_)));
}

#[test]
fn an_old_workbook_is_read_like_a_new_one() {
    let made = convert("sales.xls", XLS);
    use ColumnType::{Boolean, Date, Datetime, Float, Integer, Text};
    assert_eq!(types(&made), [Integer, Date, Float, Text, Boolean, Datetime, Text]);
    assert_eq!(made.table.options.format, Some(FileFormat::Xls));
    assert_eq!(values(&made.file, 0), ["10", "20", "30", "40"]);
    assert_eq!(values(&made.file, 1), ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]);
    assert_eq!(values(&made.file, 3), ["备注1", "", "备注3", "备注4"]);
    assert_eq!(values(&made.file, 5)[3], "2024-01-04T08:30:00");
    assert_eq!(values(&made.file, 6)[0], "001");
    assert_eq!(preview("sales.xls", XLS, 2).sheets, ["empty", "销售"]);
}

#[test]
fn a_cut_off_workbook_says_so() {
    let bytes = xlsx(&[("s", &sheet(&[&["a"], &["=1"]]))]);
    for end in [10, 100, bytes.len() / 2, bytes.len() - 1] {
        let error = refused("t.xlsx", &bytes[..end]);
        assert_eq!(error.reason(), Some("FILE_UNREADABLE"), "{error}");
    }
    for end in [600, XLS.len() / 2] {
        let reason = refused("t.xls", &XLS[..end]).reason();
        assert!(matches!(reason, Some("FILE_UNREADABLE" | "FILE_FORMAT")), "{end}");
    }
}

/// Limits of which a few megabytes are a flood.
fn tight() -> Limits {
    Limits { expanded_free_bytes: 1 << 20, expansion_max_ratio: 50, ..Limits::default() }
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let huge = format!("<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>{}</t></is></c></row>", "x".repeat(4 << 20));
    let bytes = xlsx(&[("s", &huge)]);
    let error = convert_with("t.xlsx", &bytes, &ParseOptions::default(), &tight()).unwrap_err();
    assert!(matches!(error, TableError::TooLarge { limit_name: "expansion_max_ratio", .. }), "{error}");
    let limits = Limits { expanded_max_bytes: 1 << 20, ..Limits::default() };
    let error = convert_with("t.xlsx", &bytes, &ParseOptions::default(), &limits).unwrap_err();
    assert!(matches!(error, TableError::TooLarge { limit_name: "expanded_max_bytes", .. }), "{error}");
}

#[test]
fn a_table_of_contents_that_lies_about_sizes_is_found_out() {
    let huge = format!("<row r=\"1\"><c r=\"A1\"><v>{}</v></c></row>", "1".repeat(4 << 20));
    let mut bytes = xlsx(&[("s", &huge)]);
    let declared = u32::try_from(huge.len() + 106).unwrap();
    let near = |at: &usize| u32::from_le_bytes(*bytes[*at..].first_chunk().unwrap()).abs_diff(declared) < 200;
    let found: Vec<usize> = (0..bytes.len() - 4).filter(near).collect();
    assert!(!found.is_empty());
    found.iter().for_each(|at| bytes[*at..at + 4].copy_from_slice(&1_000u32.to_le_bytes()));
    let error = convert_with("t.xlsx", &bytes, &ParseOptions::default(), &tight()).unwrap_err();
    assert!(matches!(error.reason(), Some("FILE_TOO_LARGE" | "FILE_UNREADABLE")), "{error}");
}

#[test]
fn a_part_that_defines_entities_is_not_read() {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("xl/workbook.xml", SimpleFileOptions::default()).unwrap();
    archive.write_all(b"<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaa\">]><workbook/>").unwrap();
    let error = refused("t.xlsx", archive.finish().unwrap().into_inner());
    assert!(error.to_string().contains("document type"), "{error}");
}

#[test]
fn cells_at_the_end_of_the_world_cost_nothing() {
    let far = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row>";
    let made = convert("t.xlsx", xlsx(&[("s", far)]));
    assert_eq!((made.table.row_count, made.table.columns.len()), (2, 16_384));
}

#[test]
fn a_damaged_cell_is_named() {
    let backwards = "<row r=\"5\"><c r=\"A5\"><v>1</v></c></row><row r=\"2\"><c r=\"B2\"><v>2</v></c></row>";
    let error = refused("t.xlsx", xlsx(&[("数据", backwards)]));
    let TableError::Unreadable { place, .. } = &error else { panic!("{error}") };
    assert_eq!(place, &Some(Place::Cell { sheet: "数据".to_owned(), cell: "B2".to_owned() }));
}

#[test]
fn archives_that_are_no_workbook_are_called_by_name() {
    let archive = |names: &[&str]| {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        names.iter().for_each(|name| archive.start_file(*name, SimpleFileOptions::default()).unwrap());
        archive.finish().unwrap().into_inner()
    };
    for (names, word) in [
        (["word/document.xml", "x"], "Word"),
        (["mimetype", "content.xml"], "OpenDocument"),
        (["xl/workbook.bin", "x"], ".xlsb"),
        (["a.csv", "b.csv"], "ZIP archive"),
    ] {
        let error = refused("t.xlsx", archive(&names));
        assert!(matches!(&error, TableError::Format(text) if text.contains(word)), "{error}");
    }
}

#[test]
fn a_count_of_strings_that_cannot_be_is_not_believed() {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("xl/workbook.xml", SimpleFileOptions::default()).unwrap();
    archive.write_all(b"<workbook/>").unwrap();
    archive.start_file("xl/sharedStrings.xml", SimpleFileOptions::default()).unwrap();
    archive
        .write_all(format!("<!-- {} --><sst uniqueCount=\"99999999999999\"/>", " ".repeat(100_000)).as_bytes())
        .unwrap();
    let error = refused("t.xlsx", archive.finish().unwrap().into_inner());
    assert!(error.to_string().contains("more strings than it has bytes"), "{error}");
}

/// An .xlsx whose only sheet refers to shared strings.
fn with_strings(strings: &str, data: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new_append(std::io::Cursor::new(xlsx(&[("s", data)]))).unwrap();
    archive.start_file("xl/sharedStrings.xml", SimpleFileOptions::default()).unwrap();
    archive.write_all(format!("<sst>{strings}</sst>").as_bytes()).unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_text_that_many_cells_share_counts_for_each_of_them() {
    let text = format!("<si><t>{}</t></si>", "x".repeat(64 << 10));
    let limits = Limits { memory_max_bytes: 8 << 20, ..Limits::default() };
    let read = |row: &str| {
        let data = format!("<row r=\"1\">{row}</row>");
        convert_with("t.xlsx", &with_strings(&text, &data), &ParseOptions::default(), &limits)
    };
    let cell = "<c t=\"s\"><v>0</v></c>";
    read(cell).unwrap();
    // Refused at the cell that is too many: the one after it, which is no index of a string, is never looked at.
    let error = read(&(cell.repeat(200) + "<c t=\"s\"><v>x</v></c>")).unwrap_err();
    assert!(matches!(error, TableError::TooLarge { limit_name: "memory_max_bytes", .. }), "{error}");
    // Below the header too, within one row.
    let data =
        "<row><c><v>1</v></c></row>".repeat(50) + &format!("<row>{}<c t=\"s\"><v>x</v></c></row>", cell.repeat(200));
    let error = convert_with("t.xlsx", &with_strings(&text, &data), &ParseOptions::default(), &limits).unwrap_err();
    assert!(matches!(error, TableError::TooLarge { limit_name: "memory_max_bytes", .. }), "{error}");
}

#[test]
fn shared_strings_of_nothing_count_too() {
    let limits = Limits { memory_max_bytes: 1 << 20, ..Limits::default() };
    let read = |count: usize| {
        let bytes = with_strings(&"<si><t/></si>".repeat(count), "<row r=\"1\"><c><v>1</v></c></row>");
        convert_with("t.xlsx", &bytes, &ParseOptions::default(), &limits)
    };
    read(40_000).unwrap();
    let error = read(50_000).unwrap_err();
    assert!(matches!(error, TableError::TooLarge { limit_name: "memory_max_bytes", .. }), "{error}");
}
