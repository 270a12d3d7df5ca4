//! Cells out of a columnar file: the file is mapped, and only what is rendered is read.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, convert::try_fb_to_schema, root_as_footer_with_opts};
use arrow_schema::{ArrowError, SchemaRef};

use crate::{ColumnSlice, ColumnType, TableError, TableSlice, map, render};

/// Bytes after the footer: its length and the magic.
const TRAILER_BYTES: usize = 10;
/// Flatbuffer tables of a footer; a column takes a few.
const FOOTER_TABLES_MAX: usize = 10_000_000;

/// A columnar file that [`crate::convert`] wrote, mapped. Cheap to open; safe to share between threads.
#[derive(Debug)]
pub struct ColumnarFile {
    bytes: Buffer,
    schema: SchemaRef,
    version: arrow_ipc::MetadataVersion,
    /// Each batch with its first row.
    batches: Vec<(u64, Block)>,
    rows: u64,
}

impl ColumnarFile {
    /// Maps the file at `path` and reads its footer.
    ///
    /// # Errors
    /// [`TableError::Io`] when it cannot be read, [`TableError::Unreadable`] when it is not such a file.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        Self::of_file(&File::open(path)?)
    }

    pub(crate) fn of_file(file: &File) -> Result<Self, TableError> {
        let bytes = Buffer::from(map::map(file)?);
        let (schema, version, blocks) = footer(&bytes)?;
        let mut rows = 0;
        let mut batches = Vec::with_capacity(blocks.len());
        for block in blocks {
            batches.push((rows, block));
            rows += block_rows(&bytes, &block)?;
        }
        Ok(Self { bytes, schema, version, batches, rows })
    }

    /// Rows in all.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        self.rows
    }

    /// Columns in all.
    #[must_use]
    pub fn column_count(&self) -> usize {
        self.schema.fields().len()
    }

    /// Name, type and Arrow type of each column, in order.
    pub fn columns(&self) -> impl Iterator<Item = (&str, ColumnType, String)> {
        self.schema.fields().iter().map(|field| {
            (field.name().as_str(), render::column_type(field.data_type()), render::type_name(field.data_type()))
        })
    }

    /// Cells as text: `row_count` rows from `row_offset`, `column_count` columns from `column_offset`; fewer at the
    /// table's edges, none past them. Touches only the bytes it renders.
    ///
    /// # Errors
    /// [`TableError::Unreadable`] when the file is damaged.
    pub fn slice(
        &self,
        row_offset: u64,
        row_count: usize,
        column_offset: usize,
        column_count: usize,
    ) -> Result<TableSlice, TableError> {
        let columns = column_offset.min(self.column_count());
        let columns = columns..columns.saturating_add(column_count).min(self.column_count());
        let end = row_offset.saturating_add(row_count as u64).min(self.rows);
        let mut slice = TableSlice { columns: Vec::new(), row_offset, row_count: 0 };
        for column in columns.clone() {
            slice.columns.push(empty(&self.schema, column));
        }
        for (at, (first, block)) in self.batches.iter().enumerate() {
            let next = self.batches.get(at + 1).map_or(self.rows, |(first, _)| *first);
            let (from, to) = ((*first).max(row_offset), next.min(end));
            if from >= to {
                continue;
            }
            let decoder = self.decoder().with_projection(columns.clone().collect());
            let batch = self.read(&decoder, block)?;
            let local = |row: u64| usize::try_from(row - first).unwrap_or(usize::MAX);
            append(&mut slice, &batch.slice(local(from), local(to) - local(from)));
        }
        Ok(slice)
    }

    /// All record batches; their values stay in the mapped file.
    pub(crate) fn record_batches(&self) -> Result<Vec<RecordBatch>, TableError> {
        let decoder = self.decoder();
        self.batches.iter().map(|(_, block)| self.read(&decoder, block)).collect()
    }

    fn decoder(&self) -> FileDecoder {
        map::trusting_decoder(Arc::clone(&self.schema), self.version)
    }

    fn read(&self, decoder: &FileDecoder, block: &Block) -> Result<RecordBatch, TableError> {
        let bytes = block_bytes(&self.bytes, block)?;
        decoder.read_record_batch(block, &bytes).map_err(damaged)?.ok_or_else(|| broken("a record batch is missing"))
    }
}

/// Schema, version and record batches of an Arrow IPC file; the file may be anyone's.
pub(crate) fn footer(bytes: &Buffer) -> Result<(SchemaRef, arrow_ipc::MetadataVersion, Vec<Block>), TableError> {
    let trailer_start = bytes.len().checked_sub(TRAILER_BYTES).ok_or_else(|| broken("it is cut off"))?;
    let trailer = bytes[trailer_start..].first_chunk().ok_or_else(|| broken("it is cut off"))?;
    let length = read_footer_length(*trailer).map_err(|_| broken("it is cut off"))?;
    let start = trailer_start.checked_sub(length).ok_or_else(|| broken("its footer is longer than the file"))?;
    let options = flatbuffers::VerifierOptions { max_tables: FOOTER_TABLES_MAX, ..Default::default() };
    let footer = root_as_footer_with_opts(&options, &bytes[start..trailer_start])
        .map_err(|error| broken(&format!("its footer is damaged ({error})")))?;
    let schema = footer.schema().ok_or_else(|| broken("it has no schema"))?;
    let schema = try_fb_to_schema(schema).map_err(damaged)?;
    let blocks = footer.recordBatches().into_iter().flatten().copied().collect();
    Ok((Arc::new(schema), footer.version(), blocks))
}

/// The bytes of a block, checked against the file.
pub(crate) fn block_bytes(bytes: &Buffer, block: &Block) -> Result<Buffer, TableError> {
    let field = |value: i64| usize::try_from(value).map_err(|_| broken("a record batch has a negative place"));
    let start = field(block.offset())?;
    let length = field(block.bodyLength())?.checked_add(field(block.metaDataLength().into())?);
    let length = length.filter(|length| start.checked_add(*length).is_some_and(|end| end <= bytes.len()));
    let length = length.ok_or_else(|| broken("a record batch lies outside of the file"))?;
    Ok(bytes.slice_with_length(start, length))
}

/// The flatbuffer message at the beginning of a block.
pub(crate) fn message(block: &[u8]) -> Result<arrow_ipc::Message<'_>, TableError> {
    let prefixed = block.strip_prefix(&[0xff; 4]).unwrap_or(block);
    let rest = prefixed.get(4..).ok_or_else(|| broken("a record batch is cut off"))?;
    let options = flatbuffers::VerifierOptions { max_tables: FOOTER_TABLES_MAX, ..Default::default() };
    arrow_ipc::root_as_message_with_opts(&options, rest)
        .map_err(|error| broken(&format!("a record batch is damaged ({error})")))
}

/// Rows of a block.
pub(crate) fn block_rows(bytes: &Buffer, block: &Block) -> Result<u64, TableError> {
    let block = block_bytes(bytes, block)?;
    let message = message(&block)?;
    let batch = message.header_as_record_batch().ok_or_else(|| broken("a block is no record batch"))?;
    u64::try_from(batch.length()).map_err(|_| broken("a record batch has a negative length"))
}

/// The rows of one batch as a slice.
pub(crate) fn of_batch(batch: &RecordBatch) -> TableSlice {
    let schema = batch.schema();
    let columns = (0..batch.num_columns()).map(|column| empty(&schema, column)).collect();
    let mut slice = TableSlice { columns, row_offset: 0, row_count: 0 };
    append(&mut slice, batch);
    slice
}

fn empty(schema: &SchemaRef, column: usize) -> ColumnSlice {
    let field = schema.field(column);
    let column_type = render::column_type(field.data_type());
    ColumnSlice { name: field.name().clone(), column_type, values: Vec::new(), missing_rows: Vec::new() }
}

fn append(slice: &mut TableSlice, batch: &RecordBatch) {
    for (column, array) in slice.columns.iter_mut().zip(batch.columns()) {
        let text = render::renderer(array);
        for row in 0..array.len() {
            if render::is_missing(array, row) {
                column.missing_rows.push(slice.row_count + row);
                column.values.push(String::new());
            } else {
                column.values.push(text(row));
            }
        }
    }
    slice.row_count += batch.num_rows();
}

pub(crate) fn broken(what: &str) -> TableError {
    TableError::unreadable(format!("the Arrow file is damaged: {what}. Write it again and upload it anew"))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn damaged(error: ArrowError) -> TableError {
    broken(&error.to_string())
}
