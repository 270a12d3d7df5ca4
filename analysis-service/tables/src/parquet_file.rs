//! Parquet files, read batch by batch.

mod old_times;

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use crate::batches::Batches;
use crate::limits::check;
use crate::plain::Plain;
use crate::read::Written;
use crate::warning::Warning;
use crate::{Cancel, FileFormat, Limits, ParseOptions, TableError};

/// Rows of a batch, and cells of it in wide tables.
const BATCH_ROWS: usize = 8_192;
const BATCH_CELLS: usize = 1 << 20;

fn open(data: &Bytes, rows: Option<usize>, limits: &Limits) -> Result<(ParquetRecordBatchReader, Plain), TableError> {
    if data.starts_with(b"PARE") {
        return Err(TableError::Format("the Parquet file is encrypted; write it without encryption".to_owned()));
    }
    if !data.ends_with(b"PAR1") {
        return Err(damaged("its end is missing; it may be cut off"));
    }
    let options = ArrowReaderOptions::new();
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(data.clone(), options)
        .or_else(|_| {
            // The Arrow schema inside is only a hint; a broken one is no reason to refuse the values.
            let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            ParquetRecordBatchReaderBuilder::try_new_with_options(data.clone(), options)
        })
        .map_err(|error| unreadable(&error))?;
    let (builder, warning) = old_times::exact(builder, data)?;
    let metadata = builder.metadata();
    limits.check_columns(metadata.file_metadata().schema_descr().num_columns())?;
    let total = u64::try_from(metadata.file_metadata().num_rows()).map_err(|_| damaged("it has less than no rows"))?;
    limits.check_rows(total)?;
    let sizes = metadata.row_groups().iter().map(|group| u64::try_from(group.total_byte_size()).unwrap_or_default());
    let expanded = sizes.fold(0u64, u64::saturating_add);
    check("bytes of the file once unpacked", "expanded_max_bytes", limits.expanded_max_bytes, expanded)?;
    let columns = builder.schema().fields().len().max(1);
    let mut plain = Plain::of(builder.schema())?;
    plain.warnings.extend(warning);
    let batch_rows = (BATCH_CELLS / columns).clamp(16, BATCH_ROWS);
    let mut builder = builder.with_batch_size(rows.map_or(batch_rows, |rows| batch_rows.min(rows.max(1))));
    if let Some(rows) = rows {
        builder = builder.with_limit(rows);
    }
    Ok((builder.build().map_err(|error| unreadable(&error))?, plain))
}

fn damaged(what: &str) -> TableError {
    TableError::unreadable(format!("the Parquet file is damaged: {what}. Write it again and upload it anew"))
}

fn unreadable(error: &ParquetError) -> TableError {
    damaged(&error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unread(error: ArrowError) -> TableError {
    damaged(&error.to_string())
}

pub(crate) fn convert(data: &Bytes, out: &Path, limits: &Limits, cancel: &Cancel) -> Result<Written, TableError> {
    let (reader, plain) = open(data, None, limits)?;
    let mut batches = Batches::create(out, Arc::clone(&plain.schema), limits, cancel)?;
    for batch in reader {
        batches.push(plain.batch(&batch.map_err(unread)?)?)?;
    }
    let out = batches.finish()?;
    let options = ParseOptions { format: Some(FileFormat::Parquet), ..ParseOptions::default() };
    Ok(Written { out, summaries: None, options, names: plain.names, warnings: plain.warnings })
}

/// The first rows, in plain types, and warnings.
pub(crate) fn preview(data: &Bytes, rows: usize, limits: &Limits) -> Result<(RecordBatch, Vec<Warning>), TableError> {
    let (reader, plain) = open(data, Some(rows), limits)?;
    let batches = reader.map(|batch| plain.batch(&batch.map_err(unread)?)).collect::<Result<Vec<_>, _>>()?;
    let batch = arrow_select::concat::concat_batches(&plain.schema, &batches).map_err(unread)?;
    Ok((batch, plain.warnings))
}
