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
