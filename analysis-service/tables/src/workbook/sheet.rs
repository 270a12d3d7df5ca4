//! From a sheet's cells, as they come, to a table: finds the title rows, the header and the columns that are there.

use super::value::Value;
use crate::cells::{Cell, CellColumn, CellTable, check_memory, named};
use crate::delimited::is_header;
use crate::names::{self, Name};
use crate::{Cancel, HeaderMode, Limits, Place, TableError};

/// Rows at the beginning that are kept until the header is decided.
const HEAD_ROWS: usize = 50;
/// Rows of a single text above the header that are taken for titles.
const TITLE_ROWS_MAX: usize = 3;
/// Cells between two looks at the cancel flag.
const CANCEL_CELLS: u64 = 16_384;

/// A cell that outlives its reader: text or huge numbers as a string, others as they are.
type Owned = Result<Cell<'static>, String>;
type Row = Vec<(u32, Owned)>;

/// What became of a sheet; without names it has no cells.
pub(super) struct Sheet {
    pub(super) table: CellTable,
    pub(super) names: Vec<Name>,
    pub(super) header: bool,
    pub(super) warnings: Vec<String>,
}

/// A sheet on its way into a table.
pub(super) struct SheetTable<'a> {
    sheet: &'a str,
    mode: Option<HeaderMode>,
    rows_max: u64,
    limits: &'a Limits,
    cancel: &'a Cancel,
    /// The first rows, until the header is decided.
    head: Vec<Row>,
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
    cells: u64,
    errors: u64,
    first_error: String,
    warnings: Vec<String>,
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
            cells: 0,
            errors: 0,
            first_error: String::new(),
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
                self.errors += 1;
                if self.errors == 1 {
                    self.first_error = address(row, column);
                }
                None
            }
            Value::Cell(cell) => Some(cell),
        };
        if let Some(Cell::Text(text)) = cell {
            let limit = self.limits.cell_max_bytes as u64;
            crate::limits::check("bytes of one cell", "cell_max_bytes", limit, text.len() as u64)?;
        }
        self.limits.check_columns(column as usize + 1)?;
        if self.row != Some(row) {
            if self.row.is_some_and(|before| before > row) {
                return Err(self.at(row, column, "stands behind a later row"));
            }
            self.end_row()?;
            self.row = Some(row);
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
        if self.decided {
            return self.table.end_row(self.limits);
        }
        if !self.current.is_empty() {
            self.head.push(std::mem::take(&mut self.current));
        }
        if self.head.len() >= HEAD_ROWS { self.decide() } else { Ok(()) }
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
        if titles > 0 {
            self.warnings.push(format!("{titles} title rows above the table were left out"));
            head.drain(..titles);
        }
        let Some(first) = head.first() else { return Ok(()) };
        let present = match self.mode {
            Some(mode) => mode == HeaderMode::Present,
            None => titles > 0 || looks_like_header(&head),
        };
        if present {
            self.header = Some(first.iter().map(|(column, cell)| (*column, text(cell))).collect());
            head.remove(0);
        }
        for row in head {
            for (column, cell) in &row {
                match cell {
                    Ok(cell) => self.place(*column, cell)?,
                    Err(text) => self.place(*column, &Cell::Text(text))?,
                }
            }
            self.table.end_row(self.limits)?;
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
        if self.errors > 0 {
            let (errors, first) = (self.errors, &self.first_error);
            self.warnings
                .push(format!("{errors} cells hold an error such as #DIV/0! (first {first}) and count as missing"));
        }
        Ok(Sheet { table: self.table, names, header: present, warnings: self.warnings })
    }
}

fn owned(cell: &Cell) -> Owned {
    match *cell {
        Cell::Text(text) | Cell::Written(text) | Cell::Huge(text) | Cell::Nested(text) => Err(text.to_owned()),
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
fn title_rows(head: &[Row]) -> usize {
    let title = |row: &&Row| matches!(row.as_slice(), [(_, Err(_))]);
    let titles = head.iter().take(TITLE_ROWS_MAX).take_while(title).count();
    let wide = head.get(titles).is_some_and(|row| row.len() > 1);
    if titles > 0 && wide && looks_like_header(&head[titles..]) { titles } else { 0 }
}

fn looks_like_header(head: &[Row]) -> bool {
    let width = head.iter().flatten().map(|(column, _)| *column as usize + 1).max().unwrap_or_default();
    let first = head.iter().flatten().map(|(column, _)| *column as usize).min().unwrap_or_default();
    let dense = |row: &Row| {
        let mut cells = vec![String::new(); width - first];
        row.iter().for_each(|(column, cell)| cells[*column as usize - first] = text(cell).trim().to_owned());
        cells
    };
    let rows: Vec<_> = head.iter().map(dense).collect();
    rows.split_first().is_some_and(|(first, rest)| is_header(first, rest))
}

/// A cell's address as spreadsheets write it, `B7`.
fn address(row: u32, column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or_default()));
        rest /= 26;
    }
    format!("{}{}", letters.iter().rev().collect::<String>(), u64::from(row) + 1)
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_as_spreadsheets_write_them() {
        assert_eq!(
            [(0, 0), (6, 1), (0, 25), (9, 26), (1_048_575, 16_383)].map(|(r, c)| address(r, c)),
            ["A1", "B7", "Z1", "AA10", "XFD1048576"]
        );
    }
}
