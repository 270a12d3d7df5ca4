//! Time zones of Arrow and Parquet files, under names that all know; and how times look that are not alone in a cell.

use std::sync::Arc;

use arrow_array::{
    Array as _, ArrayRef, DurationMicrosecondArray, DurationMillisecondArray, Int64Array, ListArray, RecordBatch,
    StructArray, TimestampMicrosecondArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, TimeUnit};

use crate::others::{arrow, parquet};
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

#[test]
fn times_in_lists_and_records_are_shown_whatever_their_zone() {
    for (zone, shown) in [
        ("UTC", "1970-01-01T00:00:00Z"),
        ("Asia/Shanghai", "1970-01-01T08:00:00+08:00"),
        ("Europe/Paris", "1970-01-01T01:00:00+01:00"),
        ("+08:00", "1970-01-01T08:00:00+08:00"),
    ] {
        let times = || Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None]).with_timezone(zone));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7, 8]));
        let time = Arc::new(Field::new("t", times().data_type().clone(), true));
        let number = Arc::new(Field::new("v", DataType::Int64, false));
        let records = StructArray::from(vec![(time.clone(), times() as ArrayRef), (number, numbers)]);
        let lists = ListArray::new(time, OffsetBuffer::from_lengths([1, 1]), times(), None);
        let columns: [(_, ArrayRef); 2] = [("records", Arc::new(records)), ("lists", Arc::new(lists))];
        let made = convert("t.parquet", parquet(&RecordBatch::try_from_iter(columns).unwrap()));
        assert_eq!(values(&made.file, 0), [format!("{{t: {shown}, v: 7}}"), "{t: null, v: 8}".into()], "{zone}");
        assert_eq!(values(&made.file, 1), [format!("[{shown}]"), "[null]".into()], "{zone}");
        assert_eq!(made.table.columns[0].summary.distinct_count, 2, "{zone}");
    }
}

#[test]
fn moments_are_shown_as_their_zone_has_them() {
    let days = [0, 182, -1_000 * 365, 200 * 365];
    for (zone, shown) in [
        ("Europe/Paris", ["01:00:00+01:00", "02:00:00+02:00", "00:09:21+00:09:21", "00:00:00Z"]),
        ("Asia/Shanghai", ["08:00:00+08:00", "08:00:00+08:00", "08:05:43+08:05:43", "00:00:00Z"]),
        ("Europe/London", ["00:00:00Z", "01:00:00+01:00", "23:58:45-00:01:15", "00:00:00Z"]),
        ("-03:30", ["20:30:00-03:30"; 4]),
        ("UTC", ["00:00:00Z"; 4]),
    ] {
        let moments = days.map(|day| (day + 2_922) * 86_400_000_000);
        let moments: ArrayRef = Arc::new(TimestampMicrosecondArray::from(moments.to_vec()).with_timezone(zone));
        let made = convert("t.arrow", arrow(&[RecordBatch::try_from_iter([("t", moments)]).unwrap()], None));
        let clocks: Vec<_> =
            values(&made.file, 0).iter().map(|text| text.split_once('T').unwrap().1.to_owned()).collect();
        assert_eq!(clocks, shown, "{zone}");
    }
}

#[test]
fn lengths_of_time_are_shown_as_people_write_them() {
    let secs = [0, 1, -1, 30 * 3_600 + 15 * 60, 100 * 3_600, 400 * 86_400, i64::MAX / 1_000_000];
    let shown = ["00:00:00", "00:00:01", "-00:00:01", "30:15:00", "4 days 04:00:00", "400 days"];
    let lengths: ArrayRef = Arc::new(DurationMicrosecondArray::from_iter_values(secs.map(|secs| secs * 1_000_000)));
    let made = convert("t.arrow", arrow(&[RecordBatch::try_from_iter([("d", lengths)]).unwrap()], None));
    assert_eq!(values(&made.file, 0)[..6], shown);
    let lists = ListArray::new(
        Arc::new(Field::new("item", DataType::Duration(TimeUnit::Microsecond), true)),
        OffsetBuffer::from_lengths([2]),
        Arc::new(DurationMicrosecondArray::from(vec![Some(-90_000_000), None])),
        None,
    );
    let lists: ArrayRef = Arc::new(lists);
    let made = convert("t.arrow", arrow(&[RecordBatch::try_from_iter([("d", lists)]).unwrap()], None));
    assert_eq!(values(&made.file, 0), ["[-00:01:30, null]"]);
    let half: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![1_500]));
    let made = convert("t.arrow", arrow(&[RecordBatch::try_from_iter([("d", half)]).unwrap()], None));
    assert_eq!(values(&made.file, 0), ["00:00:01.500"]);
}
