//! Workbooks: .xlsx cell by cell, .xls sheet by sheet. Whole numbers stay whole, dates are dates by their format, text
//! stays text, formulas give the value they had; empty rows and columns around a table are left out, and those
//! within it are its own.

pub(crate) mod archive;
mod exact;
mod notes;
mod old;
mod sheet;
mod unstored;
mod value;

use std::io::Cursor;
use std::path::Path;

use bytes::Bytes;
use calamine::{Data, DataRef, Dimensions, Range, Reader, SheetVisible, Xls, Xlsx};

use crate::read::Written;
use crate::{Cancel, FileFormat, HeaderMode, Limits, ParseOptions, Place, Preview, TableError, cells, slice};
use archive::Hints;
use cells::Cell;
use exact::ExactNumbers;
use sheet::{Sheet, SheetTable};
use unstored::Unstored;
use value::Value;

/// Rows a preview reads to decide types by.
const PREVIEW_ROWS: u64 = 1_000;

/// An opened workbook.
enum Book {
    Xlsx { book: Box<Xlsx<Cursor<Bytes>>>, data: Bytes, hints: Hints },
    Xls(Box<Xls<Cursor<Bytes>>>),
}

impl Book {
    fn open(data: &Bytes, format: FileFormat, limits: &Limits, cancel: &Cancel) -> Result<Self, TableError> {
        if format == FileFormat::Xlsx {
            let hints = archive::check_archive(data, limits, cancel)?;
            let book = Xlsx::new(Cursor::new(data.clone())).map_err(|error| damaged(&error.to_string()))?;
            return Ok(Self::Xlsx { book: Box::new(book), data: data.clone(), hints });
        }
        match Self::open_old(data, limits, cancel) {
            Err(TableError::Unreadable { .. } | TableError::Format(_)) if old::is_cut_off(data) => {
                Err(TableError::unreadable(format!(
                    "the file is cut off: it has {} bytes, and parts that it names are missing. Take it whole from where it \
                     comes from and upload it anew",
                    data.len()
                )))
            }
            opened => opened,
        }
    }

    fn open_old(data: &Bytes, limits: &Limits, cancel: &Cancel) -> Result<Self, TableError> {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        if memchr::memmem::find(data, &utf16("EncryptedPackage")).is_some() {
            return Err(locked());
        }
        let stream = [utf16("Workbook"), utf16("Book")];
        if !stream.iter().any(|name| memchr::memmem::find(data, name).is_some()) {
            let problem = "the file is an old Office document without a workbook in it (such as .doc); save the table as \
                           .xlsx or CSV";
            return Err(TableError::Format(problem.to_owned()));
        }
        old::check_spans(data, limits, cancel)?;
        match Xls::new(Cursor::new(data.clone())) {
            Ok(book) => Ok(Self::Xls(Box::new(book))),
            Err(calamine::XlsError::Password) => Err(locked()),
            Err(error) => Err(damaged(&error.to_string())),
        }
    }

    fn sheets(&self) -> Vec<String> {
        match self {
            Self::Xlsx { book, .. } => book.sheet_names(),
            Self::Xls(book) => book.sheet_names(),
        }
    }

    /// The sheets that a person sees, and behind them those that are hidden, such as lists for choices.
    fn visible_first(&self) -> Vec<String> {
        let sheets = match self {
            Self::Xlsx { book, .. } => book.sheets_metadata(),
            Self::Xls(book) => book.sheets_metadata(),
        };
        let (visible, hidden): (Vec<_>, Vec<_>) =
            sheets.iter().partition(|sheet| sheet.visible == SheetVisible::Visible);
        visible.into_iter().chain(hidden).map(|sheet| sheet.name.clone()).collect()
    }

    /// The merged cells of a sheet; what cannot be read of them is none, since they are for a warning alone.
    fn merged(&mut self, name: &str) -> Vec<Dimensions> {
        match self {
            Self::Xlsx { hints: Hints { has_merged: false, .. }, .. } => Vec::new(),
            Self::Xlsx { book, .. } => book.merge_cells_by_sheet_name(name).unwrap_or_default(),
            Self::Xls(book) => book.merge_cells_by_sheet_name(name).unwrap_or_default(),
        }
    }

    /// The cells of a sheet, at most `rows_max` rows of them.
    fn read(
        &mut self,
        name: &str,
        header: Option<HeaderMode>,
        rows_max: u64,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<Sheet, TableError> {
        let mut table = SheetTable::new(name, header, rows_max, limits, cancel);
        match self {
            Self::Xlsx { book, data, hints } => {
                let mut exact = match hints.has_long {
                    true => ExactNumbers::of_sheet(data, name, limits, cancel)?,
                    false => ExactNumbers::default(),
                };
                let broken = |error: &calamine::XlsxError| broken_sheet(name, &error.to_string());
                let mut reader = match book.worksheet_cells_reader(name) {
                    Ok(reader) => reader,
                    // A sheet of charts has no cells.
                    Err(calamine::XlsxError::NotAWorksheet(_)) => return table.finish(),
                    Err(error) => return Err(broken(&error)),
                };
                while let Some(cell) = reader.next_cell_with_formula_metadata().map_err(|error| broken(&error))? {
                    let (row, column) = cell.pos;
                    let value = match &cell.value {
                        // A formula that gave an empty text has that.
                        DataRef::Empty if cell.formula.is_some() => Value::Unstored,
                        DataRef::Float(float) => Value::Cell(match exact.at(row, column) {
                            Some(number) => Cell::Int(number),
                            None => value::number(*float),
                        }),
                        value => value::of_ref(value),
                    };
                    if !table.put(row, column, &value)? {
                        break;
                    }
                }
            }
            Self::Xls(book) => {
                let broken = |error: calamine::XlsError| broken_sheet(name, &error.to_string());
                let range: Range<Data> = book.worksheet_range(name).map_err(broken)?;
                let unstored = Unstored::find(&range, || book.worksheet_formula(name)).map_err(broken)?;
                let (first_row, first_column) = range.start().unwrap_or_default();
                for (row, column, cell) in range.used_cells() {
                    let row = first_row.saturating_add(u32::try_from(row).unwrap_or(u32::MAX));
                    let column = first_column.saturating_add(u32::try_from(column).unwrap_or(u32::MAX));
                    if !table.put(row, column, &unstored.value(row, column, cell))? {
                        break;
                    }
                }
            }
        }
        table.finish()
    }

    /// The sheet that is wanted, or the first with cells.
    fn choose(
        &mut self,
        options: &ParseOptions,
        rows_max: u64,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<(String, Sheet), TableError> {
        let (name, mut sheet) = self.find(options, rows_max, limits, cancel)?;
        sheet.warnings.extend(notes::merged(&self.merged(&name), sheet.rows));
        Ok((name, sheet))
    }

    fn find(
        &mut self,
        options: &ParseOptions,
        rows_max: u64,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<(String, Sheet), TableError> {
        let sheets = self.sheets();
        if let Some(wanted) = &options.sheet {
            let Some(name) = sheets.iter().find(|name| *name == wanted) else {
                let listed: Vec<String> = sheets.iter().map(|name| format!("\"{name}\"")).collect();
                let problem = format!("the workbook has no sheet \"{wanted}\"; it has {}", crate::names::list(&listed));
                return Err(TableError::Option { field: "sheet", problem });
            };
            let sheet = self.read(name, options.header, rows_max, limits, cancel)?;
            if sheet.names.is_empty() {
                return Err(TableError::Empty(format!("the sheet \"{name}\" has no cells; choose another sheet")));
            }
            return Ok((name.clone(), sheet));
        }
        for name in &self.visible_first() {
            let sheet = self.read(name, options.header, rows_max, limits, cancel)?;
            if !sheet.names.is_empty() {
                return Ok((name.clone(), sheet));
            }
        }
        Err(TableError::Empty("no sheet of the workbook has cells; upload a file with data".to_owned()))
    }
}

fn damaged(what: &str) -> TableError {
    TableError::unreadable(format!("the workbook is damaged ({what}). Save it again and upload it anew"))
}

fn locked() -> TableError {
    TableError::unreadable("the workbook is protected by a password; save it without one and upload it anew")
}

fn broken_sheet(name: &str, what: &str) -> TableError {
    TableError::Unreadable {
        place: Some(Place::Sheet(name.to_owned())),
        problem: format!("the sheet is damaged ({what}). Save the workbook again and upload it anew"),
    }
}

fn options(format: FileFormat, sheet: &str, header: bool) -> ParseOptions {
    ParseOptions {
        format: Some(format),
        sheet: Some(sheet.to_owned()),
        header: Some(if header { HeaderMode::Present } else { HeaderMode::Absent }),
        ..ParseOptions::default()
    }
}

pub(crate) fn convert(
    data: &Bytes,
    format: FileFormat,
    given: &ParseOptions,
    out: &Path,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Written, TableError> {
    let mut book = Book::open(data, format, limits, cancel)?;
    let (name, sheet) = book.choose(given, u64::MAX, limits, cancel)?;
    drop(book);
    let Sheet { table, names, header, mut warnings, .. } = sheet;
    let (batch, more) = table.finish(&names)?;
    warnings.extend(more);
    let options = options(format, &name, header);
    Ok(Written { out: cells::write(batch, out, limits, cancel)?, summaries: None, options, names, warnings })
}

pub(crate) fn preview(
    data: &Bytes,
    format: FileFormat,
    given: &ParseOptions,
    rows: usize,
    limits: &Limits,
) -> Result<Preview, TableError> {
    let cancel = Cancel::default();
    let mut book = Book::open(data, format, limits, &cancel)?;
    let (name, sheet) = book.choose(given, PREVIEW_ROWS.max(rows as u64), limits, &cancel)?;
    let Sheet { table, names, header, mut warnings, .. } = sheet;
    let (batch, more) = table.finish(&names)?;
    warnings.extend(more);
    let batch = batch.slice(0, rows.min(batch.num_rows()));
    let options = options(format, &name, header);
    Ok(Preview { options, slice: slice::of_batch(&batch), sheets: book.sheets(), warnings })
}
