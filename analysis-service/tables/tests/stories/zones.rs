//! Time zones of Arrow and Parquet files, under names that all know.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};

use crate::others::parquet;
use crate::support::{convert, preview, said, values};

#[test]
fn zones_have_names_that_every_reader_knows() {
    for (given, stored) in [
        ("Asia/Shanghai", Some("Asia/Shanghai")),
        ("+08:00", Some("+08:00")),
        ("+0800", Some("+08:00")),
        ("-03", Some("-03:00")),
        ("utc", Some("UTC")),
        ("Z", Some("UTC")),
        ("asia/shanghai", Some("Asia/Shanghai")),
        ("EST5EDT", Some("EST5EDT")),
        ("CST", None),
        ("UTC+8", None),
        ("Asia/Beijing", None),
        ("+25:00", None),
        ("+8:00", None),
    ] {
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None]).with_timezone(given));
        let bytes = parquet(&RecordBatch::try_from_iter([("t", times)]).unwrap());
        let made = convert("t.parquet", &bytes);
        let expected = format!("timestamp[us, tz={}]", stored.unwrap_or("UTC"));
        assert_eq!(made.table.columns[0].arrow_type, expected, "{given}");
        if stored.is_none_or(|zone| zone == "UTC") {
            assert_eq!(values(&made.file, 0), ["1970-01-01T00:00:00Z", ""], "{given}");
        }
        let told = said(&made.table.warnings)
            .iter()
            .any(|warning| warning.contains("shown in UTC") && warning.contains("\"t\""));
        assert_eq!(told, stored.is_none(), "{given}: {:?}", made.table.warnings);
        assert_eq!(preview("t.parquet", &bytes, 5).warnings, made.table.warnings);
    }
}
