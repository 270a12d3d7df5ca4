//! A columnar file from record batches as they come: small ones are joined, so that a table that fits in memory has
//! one record batch; a larger one has as few as the memory allows.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;

use crate::limits::check;
use crate::out_file::OutFile;
use crate::{Cancel, Limits, TableError};

/// Bytes of one joined batch: joining takes them twice.
const BATCH_MAX_BYTES: usize = 256 << 20;
const BUFFER_BYTES: usize = 1 << 20;

/// The file being written.
pub(crate) struct Batches<'a> {
    out: OutFile,
    writer: FileWriter<BufWriter<File>>,
    schema: SchemaRef,
    pending: Vec<RecordBatch>,
    pending_bytes: usize,
    bytes: u64,
    rows: u64,
    limits: &'a Limits,
    cancel: &'a Cancel,
}

impl<'a> Batches<'a> {
    pub(crate) fn create(
        place: &Path,
        schema: SchemaRef,
        limits: &'a Limits,
        cancel: &'a Cancel,
    ) -> Result<Self, TableError> {
        limits.check_columns(schema.fields().len())?;
        let out = OutFile::create(place)?;
        let buffered = BufWriter::with_capacity(BUFFER_BYTES, out.file().try_clone()?);
        let writer = FileWriter::try_new(buffered, &schema).map_err(unwritten)?;
        Ok(Self { out, writer, schema, pending: Vec::new(), pending_bytes: 0, bytes: 0, rows: 0, limits, cancel })
    }

    /// Takes the next rows.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<(), TableError> {
        self.cancel.check()?;
        self.rows += batch.num_rows() as u64;
        self.limits.check_rows(self.rows)?;
        let bytes = batch.get_array_memory_size();
        self.bytes += bytes as u64;
        check("bytes of the table once read", "expanded_max_bytes", self.limits.expanded_max_bytes, self.bytes)?;
        if self.pending_bytes + bytes > BATCH_MAX_BYTES.min(self.limits.memory_max_bytes / 4) {
            self.flush()?;
        }
        self.pending_bytes += bytes;
        self.pending.push(batch);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TableError> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let batch = match pending.as_slice() {
            [] => return Ok(()),
            [one] => one.clone(),
            many => concat_batches(&self.schema, many).map_err(unwritten)?,
        };
        drop(pending);
        self.writer.write(&batch).map_err(unwritten)
    }

    /// Writes what is left; the file is whole, but not in its place.
    pub(crate) fn finish(mut self) -> Result<OutFile, TableError> {
        self.flush()?;
        self.writer.finish().map_err(unwritten)?;
        drop(self.writer);
        Ok(self.out)
    }
}

/// An error of our own disk, or a value that the format cannot hold.
fn unwritten(error: ArrowError) -> TableError {
    match error {
        ArrowError::IoError(_, error) => TableError::Io(error),
        other => TableError::unreadable(format!("the table cannot be stored: {other}")),
    }
}
