//! Files as memory. The only unsafe lines of this crate: mapping a file, and believing what this crate itself has made
//! without validating every byte of it again.
#![expect(unsafe_code, reason = "memory maps and validated values; kept in this one file")]

use std::fs::File;
use std::io;

use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_ipc::MetadataVersion;
use arrow_ipc::reader::FileDecoder;
use arrow_schema::SchemaRef;
use bytes::Bytes;

/// The bytes of a file. Files given to this crate are only ever appended to or replaced by a rename, never cut or
/// written in place while they are read: that would end the process (SIGBUS).
pub(crate) fn map(file: &File) -> io::Result<Bytes> {
    if file.metadata()?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the caller's promise above; bytes that grow past the mapped length are not seen.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::from_owner(map))
}

/// A decoder for files that `convert` wrote. Validation would read whole columns (UTF-8) for a slice of fifty rows.
pub(crate) fn trusting_decoder(schema: SchemaRef, version: MetadataVersion) -> FileDecoder {
    // SAFETY: the file was written by this crate from validated values, synced, and renamed into a folder that only
    // the service writes to.
    unsafe { FileDecoder::new(schema, version).with_skip_validation(true) }
}

/// An array of values that `delimited` has read: each buffer has as many values as there are rows, and texts are pieces,
/// cut at ASCII characters, of a run that was found to be UTF-8.
pub(crate) fn trusted_array(builder: ArrayDataBuilder) -> ArrayData {
    // SAFETY: as the caller's promise above says.
    unsafe { builder.build_unchecked() }
}
