//! From a sheet's cells, as they come, to a table: finds the title rows, the header and the columns that are there.

use super::notes::{Notes, address};
use super::value::{self, Value};
use crate::cells::{Cell, CellColumn, CellTable, check_memory, named};
use crate::delimited::is_header;
use crate::names::{self, Name};
use crate::warning::Warning;
use crate::{Cancel, HeaderMode, Limits, Place, TableError};

/// Rows at the beginning that are kept until the header is decided.
const HEAD_ROWS: usize = 50;
/// Rows of a single text above the header that are taken for titles.
const TITLE_ROWS_MAX: usize = 3;
/// Empty rows in a row that are rows of the table; what stands behind more of them stands apart, and they cost nothing.
const EMPTY_ROWS_MAX: u32 = 1_000;
/// Cells between two looks at the cancel flag.
const CANCEL_CELLS: u64 = 16_384;

/// A cell that outlives its reader: text or huge numbers as a string, others as they are.
type Owned = Result<Cell<'static>, String>;
type Row = Vec<(u32, Owned)>;
/// A row and its number in the sheet, from 0.
type Numbered = (u32, Row);

/// What became of a sheet; without names it has no cells.
pub(super) struct Sheet {
    pub(super) table: CellTable,
    pub(super) names: Vec<Name>,
    pub(super) header: bool,
    /// The first and the last row of the sheet that became one of the table, from 0.
    pub(super) rows: (u32, u32),
    pub(super) warnings: Vec<Warning>,
}

/// A sheet on its way into a table.
pub(super) struct SheetTable<'a> {
    sheet: &'a str,
    mode: Option<HeaderMode>,
    rows_max: u64,
    limits: &'a Limits,
    cancel: &'a Cancel,
    /// The first rows, until the header is decided.
    head: Vec<Numbered>,
    /// Bytes of memory that deciding it takes.
    head_bytes: u64,
    current: Row,
    /// Names by column once decided; none when the first row is data.
    header: Option<Vec<(u32, String)>>,
    decided: bool,
    table: CellTable,
    row: Option<u32>,
    /// Whether the row has a cell.
    open: bool,
    /// The first row of data, and the newest.
    first_row: Option<u32>,
    last_row: Option<u32>,
    cells: u64,
    notes: Notes,
    warnings: Vec<Warning>,
}

impl<'a> SheetTable<'a> {
    pub(super) fn new(
        sheet: &'a str,
        mode: Option<HeaderMode>,
        rows_max: u64,
        limits: &'a Limits,
        cancel: &'a Cancel,
    ) -> Self {
        Self {
            sheet,
            mode,
            rows_max,
            limits,
            cancel,
            head: Vec::new(),
            head_bytes: 0,
            current: Row::new(),
            header: None,
            decided: false,
            table: CellTable::default(),
            row: None,
            open: false,
            first_row: None,
            last_row: None,
            cells: 0,
            notes: Notes::default(),
            warnings: Vec::new(),
        }
    }

    /// Takes the next cell; false when there are rows enough.
    pub(super) fn put(&mut self, row: u32, column: u32, value: &Value) -> Result<bool, TableError> {
        self.cells += 1;
        if self.cells.is_multiple_of(CANCEL_CELLS) {
            self.cancel.check()?;
        }
        let cell = match value {
            Value::Empty => return Ok(true),
            Value::Error => {
                self.notes.error(row, column);
                None
            }
            Value::Unstored => {
                self.notes.unstored(row, column);
                None
            }
            Value::Cell(cell) => Some(cell),
        };
        match cell {
            Some(Cell::Text(text)) if text.len() > self.limits.cell_max_bytes => {
                let place = format!("sheet \"{}\", cell {}", self.sheet, address(row, column));
                return Err(self.limits.cell_too_large(&place, text.len()));
            }
            Some(Cell::Float(value)) if value::is_long(*value) => self.notes.long(row, column),
            _ => {}
        }
        self.limits.check_columns(column as usize + 1)?;
        if self.row != Some(row) {
            if self.row.is_some_and(|before| before > row) {
                return Err(self.at(row, column, "stands behind a later row"));
            }
            self.end_row()?;
            self.row = Some(row);
            self.add_empty_rows_before(row)?;
            if self.table.rows >= self.rows_max {
                return Ok(false);
            }
        }
        self.open = true;
        match cell {
            Some(cell) if self.decided => self.place(column, cell)?,
            Some(cell) => {
                // Kept here, and once more while the header is looked for.
                self.head_bytes += 2 * (cell.bytes() + size_of::<(u32, Owned)>() as u64);
                check_memory(self.limits, self.head_bytes)?;
                self.current.push((column, owned(cell)));
            }
            None => {}
        }
        Ok(true)
    }

    fn at(&self, row: u32, column: u32, what: &str) -> TableError {
        TableError::Unreadable {
            place: Some(Place::Cell { sheet: self.sheet.to_owned(), cell: address(row, column) }),
            problem: format!("the cell {what}; the workbook is damaged. Save it again and upload it anew"),
        }
    }

    fn end_row(&mut self) -> Result<(), TableError> {
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        let row = self.row.unwrap_or_default();
        if self.decided {
            return self.end_data_row(row);
        }
        // A row of nothing but errors is a row of the table, and no header of it.
        if !self.current.is_empty() || !self.head.is_empty() || self.mode == Some(HeaderMode::Absent) {
            self.head.push((row, std::mem::take(&mut self.current)));
        }
        if self.head.len() >= HEAD_ROWS { self.decide() } else { Ok(()) }
    }

    fn end_data_row(&mut self, row: u32) -> Result<(), TableError> {
        self.first_row.get_or_insert(row);
        self.last_row = Some(row);
        self.table.end_row(self.limits)
    }

    /// Before this row come those since the newest one of data, which are empty.
    fn add_empty_rows_before(&mut self, row: u32) -> Result<(), TableError> {
        let Some(last) = self.last_row.filter(|last| row - last - 1 <= EMPTY_ROWS_MAX) else { return Ok(()) };
        for empty in last + 1..row {
            if self.table.rows >= self.rows_max {
                break;
            }
            self.end_data_row(empty)?;
        }
        Ok(())
    }

    fn place(&mut self, column: u32, cell: &Cell) -> Result<(), TableError> {
        let at = column as usize;
        if at >= self.table.columns.len() {
            self.table.columns.resize_with(at + 1, CellColumn::default);
        }
        if self.table.put(at, cell, self.limits)? {
            return Ok(());
        }
        Err(self.at(self.row.unwrap_or_default(), column, "is there twice"))
    }

    /// Decides what the first rows are and takes those that are data.
    fn decide(&mut self) -> Result<(), TableError> {
        self.decided = true;
        let mut head = std::mem::take(&mut self.head);
        let titles = if self.mode == Some(HeaderMode::Absent) { 0 } else { title_rows(&head) };
        let above: Vec<Numbered> = head.drain(..titles).collect();
        let texts = above.iter().filter_map(|(_, row)| row.first()?.1.as_ref().err());
        self.warnings.extend(Warning::of_titles(texts.map(String::as_str)));
        let Some((_, first)) = head.first() else { return Ok(()) };
        let present = match self.mode {
            Some(mode) => mode == HeaderMode::Present,
            None => titles > 0 || looks_like_header(&head),
        };
        if present {
            self.header = Some(first.iter().map(|(column, cell)| (*column, text(cell))).collect());
            head.remove(0);
        }
        for (number, row) in head {
            self.add_empty_rows_before(number)?;
            for (column, cell) in &row {
                match cell {
                    Ok(cell) => self.place(*column, cell)?,
                    Err(text) => self.place(*column, &Cell::Text(text))?,
                }
            }
            self.end_data_row(number)?;
        }
        Ok(())
    }

    /// The table, without empty columns around it.
    pub(super) fn finish(mut self) -> Result<Sheet, TableError> {
        self.end_row()?;
        if !self.decided {
            self.decide()?;
        }
        let header = self.header.take();
        let present = header.is_some();
        let mut given = vec![String::new(); self.table.columns.len()];
        for (column, name) in header.into_iter().flatten() {
            let at = column as usize;
            if at >= given.len() {
                given.resize(at + 1, String::new());
            }
            given[at] = name;
        }
        self.table.columns.resize_with(given.len(), CellColumn::default);
        let used = |at: &usize| !given[*at].trim().is_empty() || !self.table.columns[*at].is_empty();
        let first = (0..given.len()).find(used).unwrap_or(given.len());
        let end = (0..given.len()).rev().find(used).map_or(first, |at| at + 1);
        self.table.columns.truncate(end);
        self.table.columns.drain(..first);
        let (names, more) =
            if present { named(&given[first..end]) } else { (names::numbered(end - first), Vec::new()) };
        self.warnings.extend(more);
        self.warnings.extend(self.notes.warnings());
        let last = self.row.unwrap_or_default();
        let rows = (self.first_row.unwrap_or(u32::MAX), last);
        Ok(Sheet { table: self.table, names, header: present, rows, warnings: self.warnings })
    }
}

fn owned(cell: &Cell) -> Owned {
    match *cell {
        Cell::Text(text) | Cell::Huge(text) | Cell::Written(text) | Cell::Nested(text) => Err(text.to_owned()),
        Cell::Int(value) => Ok(Cell::Int(value)),
        Cell::Float(value) => Ok(Cell::Float(value)),
        Cell::Bool(value) => Ok(Cell::Bool(value)),
        Cell::Date(value) => Ok(Cell::Date(value)),
        Cell::Moment(value) => Ok(Cell::Moment(value)),
        Cell::Time(value) => Ok(Cell::Time(value)),
        Cell::Span(value) => Ok(Cell::Span(value)),
    }
}

fn text(cell: &Owned) -> String {
    match cell {
        Err(text) => text.clone(),
        Ok(cell) => {
            let mut one = CellColumn::default();
            one.put(0, cell);
            one.finish(1).map(|built| crate::render::renderer(&built.array)(0)).unwrap_or_default()
        }
    }
}

/// Rows above a header that hold a single text. It is a matter of the rows alone, and not of whether somebody said that
/// there is a header: the options that a reading found give the same table when they are given to the next.
fn title_rows(head: &[Numbered]) -> usize {
    let title = |(_, row): &&Numbered| matches!(row.as_slice(), [(_, Err(_))]);
    let titles = head.iter().take(TITLE_ROWS_MAX).take_while(title).count();
    let wide = head.get(titles).is_some_and(|(_, row)| row.len() > 1);
    if titles > 0 && wide && looks_like_header(&head[titles..]) { titles } else { 0 }
}

fn looks_like_header(head: &[Numbered]) -> bool {
    let cells = || head.iter().flat_map(|(_, row)| row);
    let width = cells().map(|(column, _)| *column as usize + 1).max().unwrap_or_default();
    let first = cells().map(|(column, _)| *column as usize).min().unwrap_or_default();
    let dense = |(_, row): &Numbered| {
        let mut cells = vec![String::new(); width - first];
        row.iter().for_each(|(column, cell)| cells[*column as usize - first] = text(cell).trim().to_owned());
        cells
    };
    let rows: Vec<_> = head.iter().map(dense).collect();
    rows.split_first().is_some_and(|(first, rest)| is_header(first, rest))
}
