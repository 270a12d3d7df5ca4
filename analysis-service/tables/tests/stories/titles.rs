//! Titles above the table of a text.

use fenxi_tables::{HeaderMode, Limits, ParseOptions};

use crate::support::{Made, convert, convert_with, preview, refused, said, values};

fn names(made: &Made) -> Vec<&str> {
    made.table.columns.iter().map(|column| column.name.as_str()).collect()
}

#[test]
fn titles_above_a_table_are_left_out_and_named() {
    for (text, told) in [
        (
            "Sales 2024\n\ndate,amount\n2024-01-02,5\n2024-01-03,6\n",
            "1 title row above the table was left out: \"Sales 2024\"",
        ),
        ("Sales 2024\r\n\r\ndate,amount\r\n2024-01-02,5\r\n2024-01-03,6\r\n", "\"Sales 2024\""),
        ("Sales 2024\ndate,amount\n2024-01-02,5\n2024-01-03,6\n", "\"Sales 2024\""),
        ("\"Sales, 2024\"\n\nby Ann\n\ndate;amount\n2024-01-02;5\n2024-01-03;6\n", ": \"Sales, 2024\", \"by Ann\""),
        ("Sales, of all\n\n\ndate\tamount\n2024-01-02\t5\n2024-01-03\t6\n", ": \"Sales, of all\""),
        ("2024年销售\n\ndate;amount\n2024-01-02;5\n2024-01-03;6\n", ": \"2024年销售\""),
    ] {
        let made = convert("t.csv", text);
        assert_eq!(names(&made), ["date", "amount"], "{text}");
        assert_eq!(
            [values(&made.file, 0), values(&made.file, 1)],
            [["2024-01-02", "2024-01-03"], ["5", "6"]],
            "{text}"
        );
        let said = said(&made.table.warnings);
        assert!(said.len() == 1 && said[0].ends_with(told), "{text}: {said:?}");
        let again = convert_with("t.csv", text.as_bytes(), &made.table.options, &Limits::default()).unwrap();
        assert_eq!(made.table, again.table, "{text}");
        let seen = preview("t.csv", text.as_bytes(), 9);
        assert_eq!((seen.slice.row_count, seen.warnings), (2, made.table.warnings), "{text}");
    }
    let made = convert("t.csv", "Report,,\n,,\na,b,c\n1,2,3\n");
    assert_eq!((names(&made), made.table.row_count), (vec!["a", "b", "c"], 1));
    // The last row is still arriving.
    let seen = preview("t.csv", b"Sales 2024\n\ndate,amount\n2024-01-02,5\n2024-01", 9);
    assert_eq!(seen.slice.row_count, 1);
    let made = convert("t.csv", "Sales 2024\n\nname,city\nAnn,Paris\nBob,Rome\n");
    assert_eq!((names(&made), made.table.row_count), (vec!["name", "city"], 2));
}

#[test]
fn what_may_be_data_is_never_a_title() {
    for text in [
        // A column of texts that hold the delimiter, two tables, a table of which nothing is named, rows that differ.
        "note\nhello, world\nfoo, bar\n",
        "a,b\n1,2\n\nx,y,z\n1,2,3\n",
        "Sales 2024\n\n1,2\n3,4\n",
        "Dear all\n\nthank you, and good bye\n",
        "Dear all\n\nthank you, and good bye\nBob\n",
        "Sales 2024\n\ndate,amount\n2024-01-02,5\n2024-01-03\n2024-01-04,6\n",
        "one\ntwo\nthree\nfour\ndate,amount\n2024-01-02,5\n",
    ] {
        assert_eq!(refused("t.csv", text).reason(), Some("FILE_UNREADABLE"), "{text}");
    }
    for (text, name, rows) in [
        ("key,,\n1,2,3\n4,5,6\n", "key", 2),
        ("name\n\nAnn\nBob\n", "name", 3),
        ("a,b\n\n1,2\n3,4\n", "a", 2),
        ("q\n\na;b\nc;d\n", "q", 3),
        ("\"two\n\nlines\",n\nx,1\n", "two  lines", 1),
    ] {
        let made = convert("t.csv", text);
        assert_eq!((names(&made)[0], made.table.row_count), (name, rows), "{text}");
    }
    // Who says that the first row is data is believed.
    let absent = ParseOptions { header: Some(HeaderMode::Absent), ..ParseOptions::default() };
    let text = b"Sales 2024\n\ndate,amount\n2024-01-02,5\n";
    let error = convert_with("t.csv", text, &absent, &Limits::default()).unwrap_err();
    assert!(error.to_string().starts_with("line 3: 2 fields"), "{error}");
}
