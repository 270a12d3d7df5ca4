//! Moments as Hive, Impala and Spark wrote them (INT96: a Julian day and nanoseconds of it). They reach further than
//! nanoseconds in 64 bits do, and the reader wraps what lies beyond: 9999-12-31, which means "no end", became 1816.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampMicrosecondType;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Type;

use super::{unread, unreadable};
use crate::TableError;
use crate::warning::Warning;

type Builder = ParquetRecordBatchReaderBuilder<Bytes>;

/// Microseconds from 1970 of which there are nanoseconds in 64 bits, both ways.
const NANOS_REACH_MICROS: u64 = i64::MAX as u64 / 1_000;

/// A reader that gives such moments as they are: to the nanosecond if all of a file are near enough, else to the
/// microsecond, with what a person should know.
pub(super) fn exact(builder: Builder, data: &Bytes) -> Result<(Builder, Option<Warning>), TableError> {
    let Some(schema) = in_micros(&builder) else { return Ok((builder, None)) };
    let micros = || {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(Arc::clone(&schema));
        ParquetRecordBatchReaderBuilder::try_new_with_options(data.clone(), options).map_err(|error| unreadable(&error))
    };
    if all_near(micros()?)? {
        return Ok((builder, None));
    }
    Ok((micros()?, Some(Warning::FarMoments {})))
}

fn is_old(builder: &Builder, column: usize) -> bool {
    let found = builder.parquet_schema().root_schema().get_fields().get(column);
    found.is_some_and(|found| found.is_primitive() && found.get_physical_type() == Type::INT96)
}

/// The schema with its old moments to the microsecond; `None` without any.
fn in_micros(builder: &Builder) -> Option<SchemaRef> {
    let fields = builder.schema().fields();
    let old: Vec<bool> = (0..fields.len()).map(|column| is_old(builder, column)).collect();
    if !old.contains(&true) {
        return None;
    }
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let fields = fields.iter().zip(old).map(|(field, old)| {
        if old { Arc::new(Field::new(field.name(), micros.clone(), field.is_nullable())) } else { Arc::clone(field) }
    });
    Some(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// Whether all old moments are near enough for nanoseconds. Reads their columns alone.
fn all_near(builder: Builder) -> Result<bool, TableError> {
    let old = (0..builder.schema().fields().len()).filter(|column| is_old(&builder, *column));
    let mask = ProjectionMask::roots(builder.parquet_schema(), old);
    let reader = builder.with_projection(mask).build().map_err(|error| unreadable(&error))?;
    for batch in reader {
        for column in batch.map_err(unread)?.columns() {
            let moments = column.as_primitive_opt::<TimestampMicrosecondType>();
            if moments.is_none_or(|all| all.iter().flatten().any(|micros| micros.unsigned_abs() > NANOS_REACH_MICROS)) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use parquet::data_type::{Int96, Int96Type};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;
    use crate::Limits;

    /// A file of one column of such moments, each a Julian day and nanoseconds of it.
    fn file(moments: &[(u32, u64)]) -> Bytes {
        let schema = Arc::new(parse_message_type("message m { optional int96 t; }").unwrap());
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<_> = moments
            .iter()
            .map(|(day, nanos)| {
                let mut value = Int96::new();
                value.set_data((*nanos & 0xffff_ffff) as u32, (*nanos >> 32) as u32, *day);
                value
            })
            .collect();
        column.typed::<Int96Type>().write_batch(&values, Some(&vec![1; values.len()]), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.into_inner().unwrap().into()
    }

    fn shown(moments: &[(u32, u64)]) -> (Vec<String>, usize) {
        let (batch, warnings) = super::super::preview(&file(moments), 10, &Limits::default()).unwrap();
        let text = arrow_cast::cast(batch.column(0), &DataType::Utf8).unwrap();
        (text.as_string::<i32>().iter().flatten().map(str::to_owned).collect(), warnings.len())
    }

    #[test]
    fn far_moments_are_themselves_and_near_ones_to_the_nanosecond() {
        // 2024-05-01 and 9999-12-31 as Julian days.
        let (near, far) = (2_460_432, 5_373_484);
        let (exact, warnings) = shown(&[(near, 1_000_000_001)]);
        assert_eq!((exact, warnings), (vec!["2024-05-01T00:00:01.000000001".to_owned()], 0));
        let (mixed, warnings) = shown(&[(near, 1_000_000_000), (far, 0)]);
        assert_eq!(mixed, ["2024-05-01T00:00:01", "9999-12-31T00:00:00"]);
        assert_eq!(warnings, 1);
    }
}
