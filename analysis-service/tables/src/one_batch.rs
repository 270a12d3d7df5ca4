//! A columnar file of one record batch whose sizes are known before its values: the layout is computed, then any
//! thread writes its part of any buffer at its place, so that no column is ever held in memory. One record batch
//! is what lets a kernel map the columns as NumPy arrays without a copy. Format: the Arrow IPC file format, version
//! 1.0 (metadata V5), little-endian, buffers aligned to 64 bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use arrow_ipc::writer::{DictionaryTracker, EncodedData, IpcDataGenerator, IpcWriteOptions, write_message};
use arrow_ipc::{
    Block, Buffer, FieldNode, FooterBuilder, MessageBuilder, MessageHeader, MetadataVersion, RecordBatchBuilder,
};
use arrow_schema::{ArrowError, Schema};
use flatbuffers::FlatBufferBuilder;
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

use crate::TableError;
use crate::out_file::OutFile;

const ALIGNMENT: u64 = 64;
const MAGIC: &[u8; 6] = b"ARROW1";

/// A column's sizes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnSize {
    pub(crate) nulls: u64,
    /// Bytes of the offsets buffer; 0 for columns without one.
    pub(crate) offsets_bytes: u64,
    pub(crate) values_bytes: u64,
}

/// Where a column's buffers begin in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnPlace {
    /// `None` when no value is missing.
    pub(crate) validity: Option<u64>,
    pub(crate) offsets: u64,
    pub(crate) values: u64,
}

/// The file being written.
pub(crate) struct OneBatch {
    out: OutFile,
    schema: Schema,
    pub(crate) places: Vec<ColumnPlace>,
    metadata_start: u64,
    body_start: u64,
    body_bytes: u64,
    /// Bytes of bitmaps that two runs share, or-ed together at the end.
    edges: Mutex<std::collections::HashMap<u64, u8>>,
}

impl OneBatch {
    /// Lays the file out for `rows` rows and writes its head. `sizes` are the columns of `schema`, none nested.
    pub(crate) fn create(place: &Path, schema: Schema, rows: u64, sizes: &[ColumnSize]) -> Result<Self, TableError> {
        let mut cursor = 0;
        let mut take = |bytes: u64| {
            let start = cursor;
            cursor = (cursor + bytes).next_multiple_of(ALIGNMENT);
            (start, Buffer::new(start.cast_signed(), bytes.cast_signed()))
        };
        let mut places = Vec::with_capacity(sizes.len());
        let mut buffers = Vec::with_capacity(sizes.len() * 3);
        for size in sizes {
            let (validity, buffer) = take(if size.nulls > 0 { rows.div_ceil(8) } else { 0 });
            buffers.push(buffer);
            let mut offsets = 0;
            if size.offsets_bytes > 0 {
                let (start, buffer) = take(size.offsets_bytes);
                buffers.push(buffer);
                offsets = start;
            }
            let (values, buffer) = take(size.values_bytes);
            buffers.push(buffer);
            places.push(ColumnPlace { validity: (size.nulls > 0).then_some(validity), offsets, values });
        }
        let body_bytes = cursor;
        let (head, metadata_start) = head(&schema, rows, sizes, &buffers, body_bytes)?;
        let body_start = head.len() as u64;
        for place in &mut places {
            place.validity = place.validity.map(|at| at + body_start);
            place.offsets += body_start;
            place.values += body_start;
        }
        let out = OutFile::create(place)?;
        make_room(out.file(), body_start + body_bytes)?;
        out.file().write_all_at(&head, 0)?;
        Ok(Self { out, schema, places, metadata_start, body_start, body_bytes, edges: Mutex::default() })
    }

    /// Writes bytes at a place in the file.
    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() { Ok(()) } else { self.out.file().write_all_at(bytes, at) }
    }

    /// Writes the bits of a bitmap that begins at `at`, from bit `first` on. `bits` holds the bit `first % 8` of its
    /// first byte first, lower bits zero; bytes shared with the neighbours are kept for the end.
    pub(crate) fn write_bits(&self, at: u64, first: u64, bits: &[u8]) -> io::Result<()> {
        let start = at + first / 8;
        let [head, middle @ ..] = bits else { return Ok(()) };
        let mut edges = vec![(start, *head)];
        if let [middle @ .., tail] = middle {
            self.write(start + 1, middle)?;
            edges.push((start + bits.len() as u64 - 1, *tail));
        }
        let mut shared = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, byte) in edges {
            *shared.entry(place).or_default() |= byte;
        }
        Ok(())
    }

    /// Writes what is left; the file is whole, but not in its place.
    pub(crate) fn finish(&self) -> Result<(), TableError> {
        for (&at, &byte) in &*self.edges.lock().unwrap_or_else(PoisonError::into_inner) {
            self.write(at, &[byte])?;
        }
        let end = self.body_start + self.body_bytes;
        let mut tail = vec![0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        let metadata_bytes = i32::try_from(self.body_start - self.metadata_start).map_err(io::Error::other)?;
        let block = Block::new(self.metadata_start.cast_signed(), metadata_bytes, self.body_bytes.cast_signed());
        let footer = footer(&self.schema, &[block]);
        tail.extend_from_slice(&footer);
        tail.extend_from_slice(&i32::try_from(footer.len()).map_err(io::Error::other)?.to_le_bytes());
        tail.extend_from_slice(MAGIC);
        self.write(end, &tail)?;
        Ok(())
    }

    /// The file, once it is whole.
    pub(crate) fn into_file(self) -> OutFile {
        self.out
    }
}

/// Sets the room of the whole file aside at once: a full disk is told before anything is written, and no write has to look
/// for room. Where the file system cannot, the file is only made as long.
fn make_room(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, i64::try_from(bytes).map_err(io::Error::other)?) {
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => file.set_len(bytes),
        made => Ok(made?),
    }
}

/// The bytes before the body, and where the record batch's metadata begins in them.
fn head(
    schema: &Schema,
    rows: u64,
    sizes: &[ColumnSize],
    buffers: &[Buffer],
    body_bytes: u64,
) -> Result<(Vec<u8>, u64), TableError> {
    let broken = |error: ArrowError| io::Error::other(error.to_string());
    let options = IpcWriteOptions::default();
    let mut head = MAGIC.to_vec();
    head.resize(64, 0);
    let mut tracker = DictionaryTracker::new(true);
    let message = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(schema, &mut tracker, &options);
    write_message(&mut head, message, &options).map_err(broken)?;
    let start = head.len() as u64;

    let mut builder = FlatBufferBuilder::new();
    let nodes: Vec<_> = sizes.iter().map(|size| FieldNode::new(rows.cast_signed(), size.nulls.cast_signed())).collect();
    let nodes = builder.create_vector(&nodes);
    let buffers = builder.create_vector(buffers);
    let mut batch = RecordBatchBuilder::new(&mut builder);
    batch.add_length(rows.cast_signed());
    batch.add_nodes(nodes);
    batch.add_buffers(buffers);
    let batch = batch.finish().as_union_value();
    let mut message = MessageBuilder::new(&mut builder);
    message.add_version(MetadataVersion::V5);
    message.add_header_type(MessageHeader::RecordBatch);
    message.add_bodyLength(body_bytes.cast_signed());
    message.add_header(batch);
    let root = message.finish();
    builder.finish(root, None);
    let message = EncodedData { ipc_message: builder.finished_data().to_vec(), arrow_data: Vec::new() };
    write_message(&mut head, message, &options).map_err(broken)?;
    Ok((head, start))
}

fn footer(schema: &Schema, blocks: &[Block]) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let dictionaries = builder.create_vector::<Block>(&[]);
    let blocks = builder.create_vector(blocks);
    let schema = arrow_ipc::convert::IpcSchemaEncoder::new().schema_to_fb_offset(&mut builder, schema);
    let mut footer = FooterBuilder::new(&mut builder);
    footer.add_version(MetadataVersion::V5);
    footer.add_schema(schema);
    footer.add_dictionaries(dictionaries);
    footer.add_recordBatches(blocks);
    let root = footer.finish();
    builder.finish(root, None);
    builder.finished_data().to_vec()
}
