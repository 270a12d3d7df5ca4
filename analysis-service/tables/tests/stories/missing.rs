//! Words that count as missing beside values of a type.

use crate::support::{convert, preview, said, values};

#[test]
fn words_that_may_have_been_meant_otherwise_are_told_and_counted() {
    let text = "age,day,name\n1,2024-01-02,-\n -,none,none\nNone,-,x\n,NA,y\nNaN,,na\nna,2024-01-03,z\n";
    let made = convert("t.csv", text);
    let words = "words that may mean nothing were read as missing values; the cells are so many: \"age\" (3, first \"-\"), \
                 \"day\" (2, first \"none\")";
    assert_eq!(said(&made.table.warnings), [words]);
    assert_eq!(said(&preview("t.csv", text.as_bytes(), 9).warnings), [words]);
    assert_eq!(values(&made.file, 2), ["-", "none", "x", "y", "na", "z"]);
    assert_eq!(made.table.columns[0].summary.missing_count, 5);
}

#[test]
fn what_programs_write_for_missing_values_is_not_told() {
    for word in ["NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NaT", "null", "NULL", " "] {
        let made = convert("t.csv", format!("n,m\n1,2\n{word},3\n"));
        assert_eq!((said(&made.table.warnings), made.table.columns[0].summary.missing_count), (vec![], 1), "{word}");
    }
}

#[test]
fn words_in_records_are_told_too() {
    let made = convert("t.json", r#"[{"n":1,"t":"-"},{"n":"-","t":"none"},{"n":"NA","t":"x"},{"n":"none","t":"y"}]"#);
    let words =
        "words that may mean nothing were read as missing values; the cells are so many: \"n\" (2, first \"-\")";
    assert_eq!(said(&made.table.warnings), [words]);
}
