//! From a file to a table: finds the format and calls its reader. The one place where a panic of a foreign parser
//! ends: it becomes an error about the file.

use std::fs::File;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::RecordBatch;
use bytes::Bytes;

use crate::delimited::{self, Failure, Layout};
use crate::names::Name;
use crate::out_file::OutFile;
use crate::text::{self, Text};
use crate::warning::Warning;
use crate::{
    Cancel, Column, ColumnSummary, ColumnarFile, FileFormat, Limits, ParseOptions, Preview, Table, TableError,
    arrow_file, encoding, json, map, parquet_file, slice, sniff, summary, workbook,
};

/// What a reader tells of the columnar file it wrote.
pub(crate) struct Written {
    /// The file, whole but not in its place.
    pub(crate) out: OutFile,
    /// The figures of its columns, if its reader has drawn them up.
    pub(crate) summaries: Option<Vec<ColumnSummary>>,
    pub(crate) options: ParseOptions,
    /// One a column.
    pub(crate) names: Vec<Name>,
    pub(crate) warnings: Vec<Warning>,
}

/// Runs `read`; a panic in it, which only a broken file can cause, is an error about the file.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result,
        Err(_) => Err(TableError::unreadable(
            "the file is damaged in a way that its format does not allow. Open it in the program that made it, save it \
             again and upload it anew",
        )),
    }
}

pub(crate) fn convert(
    path: &Path,
    file_name: &str,
    options: &ParseOptions,
    out_path: &Path,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Table, TableError> {
    let data = map::map(&File::open(path)?)?;
    let format = sniff::sniff(&data, file_name, options.format, options.encoding.as_deref())?;
    cancel.check()?;
    let out = out_path;
    let written = match format {
        FileFormat::Delimited => delimited(data, options, out, limits, cancel)?,
        FileFormat::Json | FileFormat::JsonLines => json(&data, format, options, out, limits, cancel)?,
        FileFormat::Xlsx | FileFormat::Xls => workbook::convert(&data, format, options, out, limits, cancel)?,
        FileFormat::Parquet => parquet_file::convert(&data, out, limits, cancel)?,
        FileFormat::Arrow => arrow_file::convert(&data, out, limits, cancel)?,
    };
    finish(written, limits, cancel)
}

/// Draws up the figures of the file, if its reader has not, and puts it in its place.
fn finish(written: Written, limits: &Limits, cancel: &Cancel) -> Result<Table, TableError> {
    let out = written.out;
    let file = ColumnarFile::of_file(out.file())?;
    let summaries = match written.summaries {
        Some(summaries) => summaries,
        None => summary::summarise(&file, limits.threads_max, cancel)?,
    };
    let columns = file.columns().zip(written.names).zip(summaries);
    let columns = columns.map(|(((name, column_type, arrow_type), named), summary)| Column {
        name: name.to_owned(),
        original_name: named.original,
        column_type,
        arrow_type,
        summary,
    });
    Ok(Table {
        row_count: file.row_count(),
        columns: columns.collect(),
        size_bytes: out.commit()?,
        options: written.options,
        warnings: written.warnings,
    })
}

fn json(
    data: &Bytes,
    format: FileFormat,
    options: &ParseOptions,
    out: &Path,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Written, TableError> {
    let mut text = Text::whole(data, options, out, cancel)?;
    if let Err(wrong) = std::str::from_utf8(&text.bytes) {
        text = text.guess(data, wrong.valid_up_to(), options, out, cancel)?;
    }
    let mut written = json::convert(&text.bytes, format, &text.encoding.label(), out, limits, cancel)?;
    if is_guessed(&text, options) {
        written.warnings.insert(0, guess_warning(&text));
    }
    Ok(written)
}

fn delimited(
    data: Bytes,
    options: &ParseOptions,
    out_path: &Path,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Written, TableError> {
    let mut text = Text::whole(&data, options, out_path, cancel)?;
    let (layout, read) = loop {
        let layout = Layout::find(text.as_ref(), options, limits)?;
        match delimited::read(text.as_ref(), &layout, limits, cancel) {
            Ok(read) => break (layout, read),
            Err(Failure::Table(error)) => return Err(error),
            Err(Failure::Encoding(at)) => {
                text = text.guess(&data, at, options, out_path, cancel)?;
            }
        }
    };
    let mut warnings = read.warnings(text.as_ref(), &layout);
    if is_guessed(&text, options) {
        warnings.insert(0, guess_warning(&text));
    }
    if !read.is_ascii() {
        warnings.splice(..0, doubt_warning(text.as_ref(), &text, options));
    }
    let options = delimited::options(&layout, &text.encoding.label());
    // With the text, the last of what was mapped.
    drop(data);
    let (out, summaries) = read.write(text, &layout, out_path, limits, cancel)?;
    Ok(Written { out, summaries, options, names: layout.names, warnings })
}

/// Whether the encoding of a text is neither said nor marked, nor the usual one.
fn is_guessed(text: &Text, options: &ParseOptions) -> bool {
    !text.encoding.is_utf8() && options.encoding.is_none() && text.encoding.mark_bytes == 0
}

fn guess_warning(text: &Text) -> Warning {
    Warning::EncodingGuessed { encoding: text.encoding.label() }
}

/// About a text that is UTF-8 and may be GBK just as well.
fn doubt_warning(bytes: &[u8], text: &Text, options: &ParseOptions) -> Option<Warning> {
    let found = text.encoding.is_utf8() && text.encoding.mark_bytes == 0 && options.encoding.is_none();
    let doubt =
        || Warning::EncodingDoubtful { encoding: text.encoding.label(), other: encoding::label(encoding_rs::GB18030) };
    (found && encoding::may_be_gbk(bytes)).then(doubt)
}

pub(crate) fn preview(
    path: &Path,
    file_name: &str,
    options: &ParseOptions,
    rows: usize,
    whole: bool,
    limits: &Limits,
) -> Result<Preview, TableError> {
    let mut beginning = Vec::new();
    File::open(path)?.take(text::PREVIEW_BYTES).read_to_end(&mut beginning)?;
    let format = sniff::sniff(&beginning, file_name, options.format, options.encoding.as_deref())?;
    let plain = |(batch, warnings): (RecordBatch, Vec<Warning>)| Preview {
        options: ParseOptions { format: Some(format), ..ParseOptions::default() },
        slice: slice::of_batch(&batch),
        sheets: Vec::new(),
        warnings,
    };
    let mapped = || map::map(&File::open(path)?);
    match format {
        FileFormat::Delimited => preview_delimited(path, options, rows, limits),
        FileFormat::Json | FileFormat::JsonLines => preview_json(path, format, options, rows, whole, limits),
        FileFormat::Xlsx | FileFormat::Xls => workbook::preview(&mapped()?, format, options, rows, limits),
        FileFormat::Parquet => Ok(plain(parquet_file::preview(&mapped()?, rows, limits)?)),
        FileFormat::Arrow => Ok(plain(arrow_file::preview(&mapped()?, rows, limits)?)),
    }
}

fn preview_json(
    path: &Path,
    format: FileFormat,
    options: &ParseOptions,
    rows: usize,
    whole: bool,
    limits: &Limits,
) -> Result<Preview, TableError> {
    let (text, more) = Text::beginning(path, options)?;
    let (batch, mut warnings) = json::preview(&text.bytes, format, rows, more || !whole, limits)?;
    if is_guessed(&text, options) {
        warnings.insert(0, guess_warning(&text));
    }
    let encoding = Some(text.encoding.label());
    Ok(Preview {
        options: ParseOptions { format: Some(format), encoding, ..ParseOptions::default() },
        slice: slice::of_batch(&batch),
        sheets: Vec::new(),
        warnings,
    })
}

fn preview_delimited(path: &Path, options: &ParseOptions, rows: usize, limits: &Limits) -> Result<Preview, TableError> {
    let (text, more) = Text::beginning(path, options)?;
    let whole = text::trim_end(&text.bytes);
    let find = |data| Layout::find(data, options, limits);
    let (layout, bytes) = delimited::complete_rows(&text.bytes, whole, more, find)?;
    let (batch, mut warnings) = match delimited::preview(bytes, &layout, rows, limits) {
        Ok(preview) => preview,
        Err(Failure::Table(error)) => return Err(error),
        Err(Failure::Encoding(at)) => {
            return Err(crate::encoding::wrong_bytes(bytes, at, text.encoding.encoding));
        }
    };
    if is_guessed(&text, options) {
        warnings.insert(0, guess_warning(&text));
    }
    warnings.splice(..0, doubt_warning(bytes, &text, options));
    Ok(Preview {
        options: delimited::options(&layout, &text.encoding.label()),
        slice: slice::of_batch(&batch),
        sheets: Vec::new(),
        warnings,
    })
}
