//! Tables that arrive cell by cell with types of their own: sheets and JSON records. Cells are kept compactly until
//! all of a column is known; then its type is decided and the array is built.

mod column;
mod nested;
mod take;

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Field, Schema};

use crate::batches::Batches;
use crate::names::{self, Name};
use crate::out_file::OutFile;
use crate::warning::{ColumnTrouble, WarnedColumn, WarnedColumns, Warning};
use crate::{Cancel, Limits, TableError};
use column::Built;
pub(crate) use column::{Cell, CellColumn};

/// Rows between two looks at the memory.
const CHECK_ROWS: u64 = 256;
/// Bytes of cells between two looks at the memory within these rows.
const CHECK_BYTES: u64 = 1 << 20;

/// The cells of a table.
#[derive(Default)]
pub(crate) struct CellTable {
    pub(crate) columns: Vec<CellColumn>,
    /// Whole rows.
    pub(crate) rows: u64,
    /// Bytes of cells since the last look at the memory.
    unseen_bytes: u64,
}

impl CellTable {
    /// Sets a cell of the row that is open; false when it has one already. The column must be there.
    pub(crate) fn put(&mut self, column: usize, cell: &Cell, limits: &Limits) -> Result<bool, TableError> {
        if !self.columns[column].put(self.rows, cell) {
            return Ok(false);
        }
        self.unseen_bytes += cell.bytes();
        if self.unseen_bytes >= CHECK_BYTES {
            self.check_memory(limits)?;
        }
        Ok(true)
    }

    /// Refuses a table that its cells and the arrays made from them would not fit into the memory for.
    fn check_memory(&mut self, limits: &Limits) -> Result<(), TableError> {
        self.unseen_bytes = 0;
        let found = self.columns.iter().fold(0, |sum: u64, column| sum.saturating_add(column.bytes_at(self.rows)));
        check_memory(limits, found)
    }

    /// Ends a row: columns without a cell in it get a missing one.
    pub(crate) fn end_row(&mut self, limits: &Limits) -> Result<(), TableError> {
        self.rows += 1;
        limits.check_rows(self.rows)?;
        limits.check_columns(self.columns.len())?;
        if self.rows.is_multiple_of(CHECK_ROWS) || self.columns.len() > 1_000 {
            self.check_memory(limits)?;
        }
        Ok(())
    }

    /// Forgets cells of a row that was not ended.
    pub(crate) fn drop_open_row(&mut self) {
        let rows = self.rows;
        self.columns.iter_mut().for_each(|column| column.truncate(rows));
    }

    /// The table, with `names` for its columns.
    pub(crate) fn finish(self, names: &[Name]) -> Result<(RecordBatch, Vec<Warning>), TableError> {
        let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
        let mut told = Told::default();
        let rows = usize::try_from(self.rows).map_err(|_| too_long())?;
        for (column, name) in self.columns.into_iter().zip(names) {
            let built = column.finish(rows).map_err(|error| unbuilt(&name.name, &error))?;
            fields.push(Field::new(&name.name, built.array.data_type().clone(), true));
            told.add(&name.name, &built);
            arrays.push(built.array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|error| unbuilt("", &error))?;
        Ok((batch, told.warnings()))
    }
}

/// Columns of which something is to be told.
#[derive(Default)]
struct Told {
    mixed: WarnedColumns,
    losing: WarnedColumns,
    shapes: WarnedColumns,
    doubled: WarnedColumns,
    moved: WarnedColumns,
    rounded: WarnedColumns,
    words: WarnedColumns,
}

impl Told {
    fn add(&mut self, column: &str, built: &Built) {
        if built.moved_to_utc {
            self.moved.add_name(column);
        }
        if built.rounded {
            self.rounded.add_name(column);
        }
        if built.word.is_some() {
            self.words.add(|| WarnedColumn { word: built.word.clone(), ..WarnedColumn::of(column) });
        }
        match built.kept_as_text {
            Some(column::Why::Mixed) => self.mixed.add_name(column),
            Some(column::Why::LosesDigits) => self.losing.add_name(column),
            Some(column::Why::ManyShapes) => self.shapes.add_name(column),
            Some(column::Why::DoubledKeys) => self.doubled.add_name(column),
            None => {}
        }
    }

    fn warnings(self) -> Vec<Warning> {
        let told = [
            (ColumnTrouble::MixedKinds, self.mixed),
            (ColumnTrouble::LosesDigits, self.losing),
            (ColumnTrouble::MovedToUtc, self.moved),
            (ColumnTrouble::ManyShapes, self.shapes),
            (ColumnTrouble::DoubledKeys, self.doubled),
            (ColumnTrouble::Rounded, self.rounded),
            (ColumnTrouble::MissingWords, self.words),
        ];
        told.into_iter().filter_map(|(trouble, columns)| Warning::of_columns(trouble, columns)).collect()
    }
}

/// Refuses a table of so many bytes.
pub(crate) fn check_memory(limits: &Limits, found: u64) -> Result<(), TableError> {
    let limit = limits.memory_max_bytes as u64;
    crate::limits::check("bytes of memory for the table", "memory_max_bytes", limit, found)
}

fn too_long() -> TableError {
    TableError::unreadable("the table has more rows than this machine can count")
}

fn unbuilt(name: &str, error: &ArrowError) -> TableError {
    TableError::unreadable(format!("column \"{name}\" cannot be stored: {error}"))
}

/// Writes a table of one batch.
pub(crate) fn write(batch: RecordBatch, out: &Path, limits: &Limits, cancel: &Cancel) -> Result<OutFile, TableError> {
    let mut batches = Batches::create(out, batch.schema(), limits, cancel)?;
    batches.push(batch)?;
    batches.finish()
}

/// Names of columns and warnings about them.
pub(crate) fn named(given: &[String]) -> (Vec<Name>, Vec<Warning>) {
    names::unique(given)
}
