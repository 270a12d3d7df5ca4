//! Blanks beside delimiters.

use fenxi_tables::{Limits, ParseOptions};

use crate::support::{Made, convert, convert_with, preview, said, values};

fn again(made: &Made, text: &str) -> Made {
    convert_with("t.csv", text.as_bytes(), &made.table.options, &Limits::default()).unwrap()
}

#[test]
fn quotes_behind_a_delimiter_and_a_blank_stand_around_values() {
    let told = "blanks between a delimiter and a quote were left out, so that the quotes stand around values";
    for text in [
        "id, note, n\n1, \"b, c\", 5\n2,  \"d \"\"e\"\"\", 6\n3, plain, 7\n",
        "\"id\", \"note\", \"n\"\n\"1\", \"b, c\", \"5\"\n2, \"d \"\"e\"\"\", 6\n3, plain, 7\n",
        "id; note; n\n1; \"b, c\"; 5\n2; \"d \"\"e\"\"\"; 6\n3; plain; 7\n",
    ] {
        let made = convert("t.csv", text);
        assert_eq!(values(&made.file, 0), ["1", "2", "3"], "{text}");
        // What no quote stands around is not changed.
        assert_eq!(values(&made.file, 1), ["b, c", "d \"e\"", " plain"], "{text}");
        assert_eq!(values(&made.file, 2), ["5", "6", "7"], "{text}");
        assert_eq!(said(&made.table.warnings), [told], "{text}");
        assert_eq!(again(&made, text).table, made.table, "{text}");
        let seen = preview("t.csv", &text.as_bytes()[..text.len() - 18], 9);
        assert_eq!(seen.slice.columns[1].values[0], "b, c", "{text}");
    }
    let lines = "id, note\n1, \"two\nlines\"\n";
    assert_eq!(values(&convert("t.csv", lines).file, 1), ["two\nlines"]);
}

#[test]
fn quotes_that_are_part_of_a_value_stay_there() {
    for (text, value) in [
        ("id,note\n1, \"a\" of b\n", " \"a\" of b"),
        ("id,note\n1,x\n2,\"y\"\n3, \"z\"\n", "x"),
        ("id,note\n1,say \"a\"\n", "say \"a\""),
        ("id,note\n1, \"never closed\n", " \"never closed"),
    ] {
        let made = convert("t.csv", text);
        assert_eq!((values(&made.file, 1)[0].as_str(), made.table.warnings.len()), (value, 0), "{text}");
    }
    let other = ParseOptions { quote: Some('\''), ..ParseOptions::default() };
    let made = convert_with("t.csv", b"id,note\n1, \"b\"\n", &other, &Limits::default()).unwrap();
    assert_eq!(values(&made.file, 1), [" \"b\""]);
}

#[test]
fn runs_of_blanks_delimit_tables_of_numbers() {
    for (text, names, first) in [
        (
            "Chins Situps Jumps\n5 162 60\n2 110 60\n12 101 101\n",
            vec!["Chins", "Situps", "Jumps"],
            vec!["5", "162", "60"],
        ),
        ("  x     y\n  1.5  10\r\n -2    7  \n\n 3.25 NA\n", vec!["x", "y"], vec!["1.5", "10"]),
        ("1.000e+00 2.5\n3.000e+00 4.5\n", vec!["column_1", "column_2"], vec!["1.0", "2.5"]),
        (
            "name   weight waist\nAnn    191    36\nBob     89    37\n",
            vec!["name", "weight", "waist"],
            vec!["Ann", "191", "36"],
        ),
        ("\"a\" \"b c\"\n1 2\n3 4\n", vec!["a", "b c"], vec!["1", "2"]),
    ] {
        let made = convert("t.csv", text);
        let found: Vec<_> = made.table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(found, names, "{text}");
        let row: Vec<_> = (0..names.len()).map(|at| values(&made.file, at).remove(0)).collect();
        assert_eq!(row, first, "{text}");
        assert_eq!((made.table.options.delimiter, &made.table.warnings), (Some(' '), &vec![]), "{text}");
        assert_eq!(again(&made, text).table, made.table, "{text}");
    }
    let rows: String = (0..300_000).map(|row| format!("{row:>9} {:>7}\n", row * 7 % 1_000)).collect();
    let made = convert("t.txt", format!("{:>9} {:>7}\n{rows}", "id", "n"));
    assert_eq!((made.table.row_count, values(&made.file, 1)[299_999].as_str()), (300_000, "993"));
    let error = crate::support::refused("t.txt", format!("id n\n{rows}1 2 3\n")).to_string();
    assert!(error.starts_with("line 300002: 3 fields") && error.contains("delimiter (a blank)"), "{error}");
}

#[test]
fn prose_and_numbers_with_blanks_inside_are_one_column() {
    for text in [
        "It was the best of times\nit was the worst of times\n",
        "two words\nfour more\nsix more\n",
        "Item 1\nItem 2\nItem 3\n",
        "Total amount\n1 234\n12 345\n",
        "1 234 567\n2 345 678\n",
        "at\n2024-01-01 08:30:00\n2024-01-02 08:30:00\n",
        "2024-01-01 08:30:00\n2024-01-02 08:30:00\n",
        "3 May 2024\n4 June 2024\n",
        "May 3 2024\nJune 4 2024\n",
        "phone\n138 0013 8000\n139 0013 8000\n",
    ] {
        let made = convert("t.csv", text);
        assert_eq!((made.table.columns.len(), made.table.options.delimiter), (1, Some(',')), "{text}");
    }
    // Who asks for blanks gets them, in runs where rows fit so alone.
    let blanks = ParseOptions { delimiter: Some(' '), ..ParseOptions::default() };
    let asked = |text: &str| convert_with("t.txt", text.as_bytes(), &blanks, &Limits::default()).unwrap();
    assert_eq!(values(&asked("name city\nAnn   Paris\nBob   Rome\n").file, 1), ["Paris", "Rome"]);
    assert_eq!(values(&asked("name city n\nAnn  x\nBob Rome y\n").file, 1), ["", "Rome"]);
}
