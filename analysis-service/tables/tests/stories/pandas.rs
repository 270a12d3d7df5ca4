//! Kinds of columns that pandas has and the columnar file has not.

use crate::support::{convert, preview, said, values};

#[test]
fn kinds_of_columns_that_are_lost_are_told_by_name() {
    let parquet: &[u8] = include_bytes!("../files/kinds.parquet");
    let arrow: &[u8] = include_bytes!("../files/kinds.feather");
    for bytes in [parquet, arrow] {
        let made = convert("t", bytes);
        let told = [
            "the values of categories were kept, but not their order: \"size\"",
            "periods were read as their first day or moment: \"day\", \"month\", \"quarter\", \"year\", \"hour\"",
            "periods of a frequency that is not known here were read as the numbers that the file has for them; write them as \
             dates or text: \"week\"",
            "intervals were read as records of their two ends; which of these belong to them is lost: \"range\"",
        ];
        assert_eq!(said(&made.table.warnings), told);
        assert_eq!(preview("t", bytes, 9).warnings, made.table.warnings);
        let column = |name: &str| {
            let at = made.table.columns.iter().position(|column| column.name == name).unwrap();
            (made.table.columns[at].arrow_type.as_str(), values(&made.file, at))
        };
        assert_eq!(column("size").1, ["S", "L", ""]);
        assert_eq!(column("colour").1, ["r", "g", "r"]);
        assert_eq!(column("day"), ("date32[day]", vec!["2024-01-30".into(), "2024-01-31".into(), "2024-02-01".into()]));
        assert_eq!(column("month").1, ["2023-12-01", "1969-12-01", ""]);
        assert_eq!(column("quarter").1, ["2024-01-01", "2024-04-01", "2024-07-01"]);
        assert_eq!(column("year").1, ["2024-01-01", "2025-01-01", "2026-01-01"]);
        assert_eq!(column("hour").1, ["2024-01-01T00:00:00", "2024-01-01T01:00:00", "2024-01-01T02:00:00"]);
        assert_eq!(column("week").0, "int64");
        assert_eq!(column("range").1[0], "{left: 0, right: 1}");
    }
}
