//! Figures of columns, against figures worked out by hand.

use fenxi_tables::{ColumnSummary, ColumnType};

use crate::support::convert;

fn summary(text: &str) -> (ColumnType, ColumnSummary) {
    let column = convert("t.csv", text).table.columns.remove(0);
    (column.column_type, column.summary)
}

fn column(cells: &[&str]) -> (ColumnType, ColumnSummary) {
    summary(&format!("head\n{}\n", cells.join("\n")))
}

#[test]
fn numbers_have_mean_and_spread_and_twenty_bins() {
    let (_, figures) = column(&["2", "4", "4", "4", "5", "5", "7", "9", "NA"]);
    assert_eq!((figures.missing_count, figures.distinct_count, figures.distinct_estimated), (1, 5, false));
    assert_eq!((figures.min.as_deref(), figures.max.as_deref()), (Some("2"), Some("9")));
    assert_eq!(figures.mean, Some(5.0));
    assert!((figures.standard_deviation.unwrap() - 2.138_089_935).abs() < 1e-9);
    assert_eq!(figures.histogram.len(), 20);
    assert_eq!(figures.histogram.iter().map(|bin| bin.count).sum::<u64>(), 8);
    assert_eq!((figures.histogram[0].lower.as_str(), figures.histogram[19].upper.as_str()), ("2", "9"));
    assert_eq!((figures.histogram[0].count, figures.histogram[19].count), (1, 1));
    assert!(figures.top_values.is_empty());
}

#[test]
fn one_value_has_one_bin_and_no_spread() {
    let (_, figures) = column(&["3.5"]);
    assert_eq!((figures.mean, figures.standard_deviation), (Some(3.5), None));
    assert_eq!(figures.histogram.len(), 1);
    assert_eq!(figures.histogram[0].count, 1);
    let (kind, figures) = column(&["1.5", "inf", "-inf"]);
    assert_eq!((kind, figures.mean, figures.histogram.len()), (ColumnType::Float, None, 0));
    assert_eq!((figures.min.as_deref(), figures.max.as_deref()), (Some("-inf"), Some("inf")));
}

#[test]
fn days_have_bins_of_days() {
    let (_, figures) = column(&["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-05"]);
    let bins: Vec<_> = figures.histogram.iter().map(|b| (b.lower.as_str(), b.upper.as_str(), b.count)).collect();
    let expected = [
        ("2024-01-01", "2024-01-02", 1),
        ("2024-01-02", "2024-01-03", 1),
        ("2024-01-03", "2024-01-04", 0),
        ("2024-01-04", "2024-01-05", 2),
    ];
    assert_eq!(bins, expected);
    assert_eq!((figures.mean, figures.distinct_count), (None, 3));
    let (_, figures) = column(&["2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z"]);
    assert_eq!(figures.histogram.len(), 20);
    assert!(figures.histogram[0].upper.ends_with('Z'), "{:?}", figures.histogram[0]);
}

#[test]
fn words_and_truths_have_frequent_values() {
    let mut cells = vec!["苹果"; 5];
    cells.extend(["pear"; 3]);
    let many: Vec<String> = (0..20).map(|n| format!("rare {n}")).collect();
    cells.extend(many.iter().map(String::as_str));
    let (_, figures) = column(&cells);
    assert_eq!(figures.top_values.len(), 10);
    assert_eq!((figures.top_values[0].value.as_str(), figures.top_values[0].count), ("苹果", 5));
    assert_eq!((figures.top_values[1].value.as_str(), figures.top_values[1].count), ("pear", 3));
    assert_eq!((figures.top_values[2].value.as_str(), figures.distinct_count), ("rare 0", 22));
    assert_eq!((figures.min.as_deref(), figures.max.as_deref()), (Some("pear"), Some("苹果")));
    let (kind, figures) = column(&["true", "false", "TRUE", ""]);
    assert_eq!(kind, ColumnType::Boolean);
    let top: Vec<_> = figures.top_values.iter().map(|v| (v.value.as_str(), v.count)).collect();
    assert_eq!(top, [("true", 2), ("false", 1)]);
}

#[test]
fn long_values_are_cut_for_people() {
    let long = "长".repeat(3_000);
    let made = convert("t.csv", format!("a,b\n{long},x\n"));
    let slice = made.file.slice(0, 1, 0, 1).unwrap();
    assert_eq!(slice.columns[0].values[0].chars().count(), 1_000);
    assert_eq!(made.table.columns[0].summary.top_values[0].value.chars().count(), 200);
}
