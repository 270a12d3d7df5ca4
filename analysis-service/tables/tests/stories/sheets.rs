//! What a workbook keeps otherwise than it looks: long numbers, formulas, errors, merged cells, hidden sheets.

use fenxi_tables::{ColumnType, HeaderMode, Limits, ParseOptions};

use crate::support::{Made, convert, convert_with, preview, said, values};
use crate::workbooks::{sheet, xlsx};

fn made(rows: &str) -> Made {
    convert("t.xlsx", xlsx(&[("s", rows)]))
}

fn warned(made: &Made, words: &str) -> bool {
    said(&made.table.warnings).iter().any(|warning| warning.contains(words))
}

#[test]
fn long_whole_numbers_have_their_digits_or_are_told_of() {
    // As programs write them that know whole numbers.
    let long = ["110101199003071234", "-110101199003071232", "9007199254740993", "9223372036854775807", "1"];
    let rows: Vec<String> = long.iter().map(|number| format!("={number}")).collect();
    let rows: Vec<[&str; 1]> =
        std::iter::once("id").chain(rows.iter().map(String::as_str)).map(|cell| [cell]).collect();
    let rows: Vec<&[&str]> = rows.iter().map(<[&str; 1]>::as_slice).collect();
    let other = sheet(&[&["id"], &["=110101199003071299"]]);
    let book = xlsx(&[("s", &other), ("账户 &amp; &lt;1&gt;", &sheet(&rows))]);
    let options = ParseOptions { sheet: Some("账户 & <1>".to_owned()), ..ParseOptions::default() };
    let whole = convert_with("t.xlsx", &book, &options, &Limits::default()).unwrap();
    assert_eq!(values(&whole.file, 0), long);
    assert_eq!(whole.table.columns[0].column_type, ColumnType::Integer);
    assert!(whole.table.warnings.is_empty(), "{:?}", whole.table.warnings);
    // As Excel does: these are floats, whose last digits mean nothing.
    let lost = made(&sheet(&[&["id"], &["=110101199003071232"], &["=1.1010119900307101E+17"], &["=1"]]));
    assert!(warned(&lost, "2 whole numbers have more than 15 digits"), "{:?}", lost.table.warnings);
    assert!(warned(&lost, "first A2"), "{:?}", lost.table.warnings);
    // More digits than a whole number of ours has.
    let huge = made(&sheet(&[&["id"], &["=9223372036854775809"], &["=1"]]));
    assert_eq!(huge.table.columns[0].column_type, ColumnType::Float);
    assert!(warned(&huge, "first A2"), "{:?}", huge.table.warnings);
    // A date is a date, however it is written.
    let date = made(&sheet(&[&["at", "id"], &["@1 45000", "=110101199003071235"], &["@1 45001", "=1"]]));
    assert_eq!(values(&date.file, 1), ["110101199003071235", "1"]);
    // Numbers below it are exact, and round or huge ones are measured and not numbered.
    let exact = made(&sheet(&[&["a", "b"], &["=9007199254740991", "=6.02214076E+23"], &["=2", "=3E+18"]]));
    assert_eq!(values(&exact.file, 0), ["9007199254740991", "2"]);
    assert!(exact.table.warnings.is_empty(), "{:?}", exact.table.warnings);
}

#[test]
fn formulas_without_a_value_are_told_of_and_keep_their_rows() {
    let header = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>sum</t></is></c></row>";
    let rows = (2..=60).map(|row| format!("<row r=\"{row}\"><c r=\"A{row}\"><f>B{row}+1</f><v/></c></row>"));
    let bytes = xlsx(&[("s", &format!("{header}{}", rows.collect::<String>()))]);
    let unstored = convert("t.xlsx", &bytes);
    assert_eq!((unstored.table.row_count, unstored.table.columns[0].name.as_str()), (59, "sum"));
    assert!(warned(&unstored, "59 formulas have no stored value (first A2)"), "{:?}", unstored.table.warnings);
    let seen = preview("t.xlsx", &bytes, 5);
    assert!(said(&seen.warnings).iter().any(|warning| warning.contains("formulas")), "{:?}", seen.warnings);
    // An empty text is a value, and rows of nothing else are what a sheet is filled up with.
    let filled = "<row r=\"2\"><c r=\"A2\"><f>1+1</f><v>2</v></c></row>\
                  <row r=\"3\"><c r=\"A3\" t=\"str\"><f>IF(1,\"\",2)</f><v></v></c></row>";
    let filled = made(&format!("{header}{filled}"));
    assert_eq!(values(&filled.file, 0), ["2"]);
    assert!(filled.table.warnings.is_empty(), "{:?}", filled.table.warnings);
}

#[test]
fn formulas_of_an_old_workbook_that_was_not_calculated_are_told_of() {
    let bytes = include_bytes!("../files/unstored.xls");
    let unstored = convert("t.xls", bytes);
    assert_eq!(values(&unstored.file, 1), ["", "", ""]);
    assert!(warned(&unstored, "3 formulas have no stored value (first B2)"), "{:?}", unstored.table.warnings);
    // Where one of them has a value, an empty text is one too.
    let empty_text = [3, 0, 0, 0, 0, 0, 0xff, 0xff];
    let at = bytes.windows(8).position(|window| window == empty_text).unwrap();
    let mut calculated = bytes.to_vec();
    calculated[at..at + 8].copy_from_slice(&2.0f64.to_le_bytes());
    let calculated = convert("t.xls", calculated);
    assert_eq!(values(&calculated.file, 1), ["2", "", ""]);
    assert!(calculated.table.warnings.is_empty(), "{:?}", calculated.table.warnings);
}

#[test]
fn rows_of_errors_are_rows_wherever_they_stand() {
    let mut rows: Vec<&[&str]> = vec![&["=1", "=2"]; 119];
    rows[0] = &["a", "b"];
    (rows[10], rows[100]) = (&["!", "!"], &["!", "!"]);
    let xml = sheet(&rows);
    for header in [None, Some(HeaderMode::Present)] {
        let options = ParseOptions { header, ..ParseOptions::default() };
        let made = convert_with("t.xlsx", &xlsx(&[("s", &xml)]), &options, &Limits::default()).unwrap();
        assert_eq!(made.table.row_count, 118);
        let cells = values(&made.file, 0);
        assert_eq!((cells[8].as_str(), cells[9].as_str(), cells[99].as_str()), ("1", "", ""));
        assert!(warned(&made, "4 cells hold an error"), "{:?}", made.table.warnings);
    }
}

#[test]
fn a_hidden_sheet_is_read_only_when_no_other_has_cells() {
    let (lists, data) = (sheet(&[&["choice"], &["x"]]), sheet(&[&["n"], &["=1"]]));
    let hidden = "lists\" state=\"hidden";
    let bytes = xlsx(&[(hidden, &lists), ("data", &data)]);
    assert_eq!(convert("t.xlsx", &bytes).table.options.sheet.as_deref(), Some("data"));
    let seen = preview("t.xlsx", &bytes, 5);
    assert_eq!((seen.sheets, seen.options.sheet.as_deref()), (vec!["lists".into(), "data".into()], Some("data")));
    let alone = convert("t.xlsx", xlsx(&[(hidden, &lists), ("data", "")]));
    assert_eq!(alone.table.options.sheet.as_deref(), Some("lists"));
}

#[test]
fn merged_cells_among_the_data_are_told_of() {
    let rows = sheet(&[&["region", "n"], &["N", "=1"], &["", "=2"], &["", "=3"]]);
    let with = |areas: &str| {
        let areas: String = areas.split(' ').map(|area| format!("<mergeCell ref=\"{area}\"/>")).collect();
        made(&format!("{rows}</sheetData><mergeCells>{areas}</mergeCells><sheetData>"))
    };
    let merged = with("A2:A4 B2:B2 D1:E1");
    assert_eq!(values(&merged.file, 0), ["N", "", ""]);
    assert!(warned(&merged, "areas of merged cells: 1 (first A2)"), "{:?}", merged.table.warnings);
    assert!(with("D1:E1 A9:B12").table.warnings.is_empty());
}

#[test]
fn a_cell_that_is_too_large_is_named() {
    let limits = Limits { cell_max_bytes: 8, ..Limits::default() };
    let bytes = xlsx(&[("s", &sheet(&[&["a", "b"], &["=1", "nine bytes"]]))]);
    let error = convert_with("t.xlsx", &bytes, &ParseOptions::default(), &limits).unwrap_err();
    assert!(error.to_string().contains("sheet \"s\", cell B2"), "{error}");
    assert_eq!(error.reason(), Some("FILE_TOO_LARGE"));
}

#[test]
fn empty_rows_within_a_table_are_rows_of_it_and_those_around_it_are_none() {
    let row = |number: u32, cells: [&str; 2]| {
        let [a, b] = cells.map(|text| format!("t=\"inlineStr\"><is><t>{text}</t></is></c>"));
        format!("<row r=\"{number}\"><c r=\"A{number}\" {a}<c r=\"B{number}\" {b}</row>")
    };
    // One whose cells have a style and nothing else is as empty as one that is not there.
    let styled = |number: u32| format!("<row r=\"{number}\"><c r=\"A{number}\" s=\"0\"/></row>");
    // More than are looked at for a header stand between the first gap and the second.
    let many: String = (8..80).map(|number| row(number, ["Thu", "4"])).collect();
    let rows = [
        row(3, ["day", "n"]),
        row(5, ["Mon", "1"]),
        styled(6),
        row(7, ["Wed", "3"]),
        many,
        row(82, ["Sun", "9"]),
        styled(90),
    ];
    let table = made(&rows.concat());
    assert_eq!((table.table.row_count, table.table.columns[1].summary.missing_count), (78, 3));
    let days = values(&table.file, 0);
    assert_eq!((days[..4].join("|"), days[73..].join("|")), ("Mon||Wed|Thu".into(), "Thu|Thu|||Sun".into()));
    let gap =
        |rows: u32| made(&[row(1, ["a", "b"]), row(2, ["x", "y"]), row(3 + rows, ["x", "y"])].concat()).table.row_count;
    assert_eq!((gap(1_000), gap(1_001)), (1_002, 2));
    let few = Limits { rows_max: 77, ..Limits::default() };
    let bytes = xlsx(&[("s", &rows.concat())]);
    let refused = convert_with("t.xlsx", &bytes, &ParseOptions::default(), &few).err().map(|error| error.to_string());
    assert!(refused.as_ref().is_some_and(|why| why.contains("rows")), "{refused:?}");
}
