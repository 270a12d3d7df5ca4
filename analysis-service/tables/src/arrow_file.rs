//! Arrow IPC files (Feather V2) that people upload. Everything is checked against the file's size before it is
//! allocated: the decoder believes the lengths it reads.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, root_as_footer_with_opts};
use bytes::Bytes;

use crate::batches::Batches;
use crate::limits::check;
use crate::plain::Plain;
use crate::read::Written;
use crate::slice::{block_bytes, broken, damaged, footer, message};
use crate::warning::Warning;
use crate::{Cancel, FileFormat, Limits, ParseOptions, TableError};

/// An opened file.
struct Opened {
    bytes: Buffer,
    decoder: FileDecoder,
    blocks: Vec<Block>,
    plain: Plain,
}

impl Opened {
    fn open(data: &Bytes, limits: &Limits) -> Result<Self, TableError> {
        if !data.ends_with(b"ARROW1") {
            return Err(broken("its end is missing; it may be cut off"));
        }
        let bytes = Buffer::from(data.clone());
        let (schema, version, blocks) = footer(&bytes)?;
        limits.check_columns(schema.fields().len())?;
        let plain = Plain::of(&schema)?;
        let mut decoder = FileDecoder::new(Arc::clone(&schema), version);
        for block in dictionaries(&bytes)? {
            let block_data = block_bytes(&bytes, &block)?;
            check_expanded(&block_data, &block, data.len(), limits)?;
            decoder.read_dictionary(&block, &block_data).map_err(damaged)?;
        }
        Ok(Self { bytes, decoder, blocks, plain })
    }

    fn batch(&self, block: &Block, limits: &Limits) -> Result<RecordBatch, TableError> {
        let data = block_bytes(&self.bytes, block)?;
        check_expanded(&data, block, self.bytes.len(), limits)?;
        let batch = self.decoder.read_record_batch(block, &data).map_err(damaged)?;
        batch.ok_or_else(|| broken("a record batch is missing"))
    }
}

fn dictionaries(bytes: &Buffer) -> Result<Vec<Block>, TableError> {
    // `footer` has checked these bounds.
    let trailer = bytes.len().saturating_sub(10);
    let length = bytes.get(trailer..trailer + 4).and_then(|length| length.first_chunk::<4>());
    let length = length.map_or(0, |length| u32::from_le_bytes(*length) as usize);
    let footer = bytes.get(trailer.saturating_sub(length)..trailer).unwrap_or_default();
    let options = flatbuffers::VerifierOptions { max_tables: 10_000_000, ..Default::default() };
    let footer = root_as_footer_with_opts(&options, footer).map_err(|error| broken(&error.to_string()))?;
    Ok(footer.dictionaries().into_iter().flatten().copied().collect())
}

/// Refuses a block whose rows or whose buffers, once unpacked, are more than this machine is to hold.
fn check_expanded(data: &[u8], block: &Block, file_bytes: usize, limits: &Limits) -> Result<(), TableError> {
    let message = message(data)?;
    let batch = message
        .header_as_record_batch()
        .or_else(|| message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data()))
        .ok_or_else(|| broken("a block is no record batch"))?;
    let rows = u64::try_from(batch.length()).map_err(|_| broken("a record batch has a negative length"))?;
    limits.check_rows(rows)?;
    for node in batch.nodes().into_iter().flatten() {
        // No value takes less than a bit, but lists of nothing do: their rows are bounded all the same.
        limits.check_rows(u64::try_from(node.length()).map_err(|_| broken("a column has a negative length"))?)?;
    }
    if batch.compression().is_none() {
        return Ok(());
    }
    let body = usize::try_from(block.metaDataLength()).ok().and_then(|start| data.get(start..));
    let body = body.ok_or_else(|| broken("a record batch is cut off"))?;
    let mut expanded: u64 = 0;
    for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() > 0) {
        let start = usize::try_from(buffer.offset()).map_err(|_| broken("a buffer has a negative place"))?;
        let length = body.get(start..).and_then(|rest| rest.first_chunk::<8>());
        let length = i64::from_le_bytes(*length.ok_or_else(|| broken("a buffer lies outside of the file"))?);
        expanded = expanded.saturating_add(u64::try_from(length).unwrap_or_default());
    }
    check("bytes of a record batch once unpacked", "memory_max_bytes", limits.memory_max_bytes as u64, expanded)?;
    crate::workbook::archive::check_ratio(expanded, file_bytes as u64, limits)
}

pub(crate) fn convert(data: &Bytes, out: &Path, limits: &Limits, cancel: &Cancel) -> Result<Written, TableError> {
    let opened = Opened::open(data, limits)?;
    let mut batches = Batches::create(out, Arc::clone(&opened.plain.schema), limits, cancel)?;
    for block in &opened.blocks {
        batches.push(opened.plain.batch(&opened.batch(block, limits)?)?)?;
    }
    let out = batches.finish()?;
    let options = ParseOptions { format: Some(FileFormat::Arrow), ..ParseOptions::default() };
    Ok(Written { out, summaries: None, options, names: opened.plain.names, warnings: opened.plain.warnings })
}

/// The first rows, in plain types, and warnings.
pub(crate) fn preview(data: &Bytes, rows: usize, limits: &Limits) -> Result<(RecordBatch, Vec<Warning>), TableError> {
    let opened = Opened::open(data, limits)?;
    let mut first = Vec::new();
    let mut missing = rows;
    for block in &opened.blocks {
        if missing == 0 {
            break;
        }
        let batch = opened.batch(block, limits)?;
        let batch = opened.plain.batch(&batch.slice(0, batch.num_rows().min(missing)))?;
        missing -= batch.num_rows();
        first.push(batch);
    }
    let batch = arrow_select::concat::concat_batches(&opened.plain.schema, &first).map_err(damaged)?;
    Ok((batch, opened.plain.warnings))
}
