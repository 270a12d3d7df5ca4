//! Tables: from the bytes of an uploaded file to one typed columnar file, and cells back out of it.
//!
//! This crate owns the reading of every supported format, the types a person expects, the columnar file (an Arrow
//! IPC file, uncompressed, one record batch where the table allows it, written aside and renamed) and the
//! figures made from it. Everything here is synchronous and blocks on disk and CPU: call it inside `spawn_blocking`.
//! It knows no network, no database, no users and no generated messages; `datasets` in analysis-service is its caller.
//!
//! Three doors: [`preview`] for a file that may still be arriving, [`convert`] once it is whole, and
//! [`ColumnarFile`] for what `convert` wrote. A value is never changed on its way in: what cannot be held exactly
//! under a narrower type stays text.

mod arrow_file;
mod batches;
mod cells;
mod delimited;
mod encoding;
mod error;
pub mod job;
mod json;
mod limits;
mod map;
mod model;
mod names;
mod one_batch;
mod options;
mod out_file;
mod parallel;
mod parquet_file;
mod plain;
mod read;
mod render;
mod slice;
mod sniff;
mod summary;
mod text;
mod values;
mod warning;
mod workbook;

use std::path::Path;

pub use error::{Place, TableError};
pub use limits::{Cancel, Limits};
pub use model::{Column, ColumnSlice, ColumnSummary, ColumnType, HistogramBin, Preview, Table, TableSlice, ValueCount};
pub use options::{FileFormat, HeaderMode, ParseOptions};
pub use slice::ColumnarFile;
pub use warning::{CellTrouble, ColumnTrouble, MissingWord, UnlikeValue, WarnedColumn, WarnedColumns, Warning};

/// Counts up whenever a file may become another table than before, or be told of otherwise: other names, other types, other
/// rows, other kinds of warnings. What is kept of a table belongs to the reading that made it.
pub const READING: u32 = 6;

/// Reads the beginning of the file at `path` and tells what would become of it: the options in force, the first
/// `rows` rows, a workbook's sheets, and what a person should know. `file_name` is the name the user gave; it is a
/// hint only, the content decides. A beginning of the file is enough for text formats; of one that is `whole`, what ends
/// within its beginning is held to be as [`convert`] takes it.
///
/// # Errors
/// As [`convert`], for what can be seen from the beginning.
pub fn preview(
    path: &Path,
    file_name: &str,
    options: &ParseOptions,
    rows: usize,
    whole: bool,
    limits: &Limits,
) -> Result<Preview, TableError> {
    read::guarded(|| read::preview(path, file_name, options, rows, whole, limits))
}

/// Reads the whole file at `path` and writes the columnar file at `out_path`, which appears complete or not at all: it
/// is written under a temporary name in the same folder and renamed. It is not synced: it can be made again, and its maker
/// need not wait for the disk. `cancel` is looked at every few megabytes of work.
///
/// # Errors
/// [`TableError`], whose text is for the person who uploaded the file.
pub fn convert(
    path: &Path,
    file_name: &str,
    options: &ParseOptions,
    out_path: &Path,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Table, TableError> {
    read::guarded(|| read::convert(path, file_name, options, out_path, limits, cancel))
}
