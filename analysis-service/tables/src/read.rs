//! From a file to a table: finds the format and calls its reader. The one place where a panic of a foreign parser
//! ends: it becomes an error about the file.

use std::fs::File;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bytes::Bytes;

use crate::delimited::{self, Failure, Layout};
use crate::names::Name;
use crate::text::{self, Text};
use crate::{
    Cancel, Column, ColumnarFile, FileFormat, Limits, ParseOptions, Preview, Table, TableError, map, slice, sniff,
    summary,
};

/// What a reader tells of the columnar file it wrote.
pub(crate) struct Written {
    pub(crate) options: ParseOptions,
    /// One a column.
    pub(crate) names: Vec<Name>,
    pub(crate) warnings: Vec<String>,
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
    let written = match format {
        FileFormat::Delimited => delimited(&data, options, out_path, limits, cancel)?,
        _ => return Err(TableError::Format(format!("{} is not read yet", format.label()))),
    };
    let file = ColumnarFile::open(out_path)?;
    let summaries = summary::summarise(&file, limits.threads_max, cancel)?;
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
        size_bytes: std::fs::metadata(out_path)?.len(),
        options: written.options,
        warnings: written.warnings,
    })
}

fn delimited(
    data: &Bytes,
    options: &ParseOptions,
    out_path: &Path,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Written, TableError> {
    let mut text = Text::whole(data, options, out_path, cancel)?;
    let mut guessed = false;
    loop {
        let bytes = text::trim_end(&text.bytes);
        let layout = Layout::find(bytes, options, limits)?;
        match delimited::convert(bytes, &layout, out_path, limits, cancel) {
            Ok(mut warnings) => {
                if guessed {
                    warnings.insert(0, guess_warning(&text));
                }
                let options = delimited::options(&layout, &text.encoding.label());
                return Ok(Written { options, names: layout.names, warnings });
            }
            Err(Failure::Table(error)) => return Err(error),
            Err(Failure::Encoding(at)) => {
                text = text.guess(data, at, options, out_path, cancel)?;
                guessed = true;
            }
        }
    }
}

fn guess_warning(text: &Text) -> String {
    format!("the text was read as {}; if characters look wrong, choose another encoding", text.encoding.label())
}

pub(crate) fn preview(
    path: &Path,
    file_name: &str,
    options: &ParseOptions,
    rows: usize,
    limits: &Limits,
) -> Result<Preview, TableError> {
    let mut beginning = Vec::new();
    File::open(path)?.take(text::PREVIEW_BYTES).read_to_end(&mut beginning)?;
    let format = sniff::sniff(&beginning, file_name, options.format, options.encoding.as_deref())?;
    match format {
        FileFormat::Delimited => preview_delimited(path, options, rows, limits),
        _ => Err(TableError::Format(format!("{} is not read yet", format.label()))),
    }
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
    if !text.encoding.is_utf8() && options.encoding.is_none() && text.encoding.mark_bytes == 0 {
        warnings.insert(0, guess_warning(&text));
    }
    Ok(Preview {
        options: delimited::options(&layout, &text.encoding.label()),
        slice: slice::of_batch(&batch),
        sheets: Vec::new(),
        warnings,
    })
}
