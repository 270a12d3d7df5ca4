//! The limits of reading a file, each with its unit, and the flag that stops it. Configuration sets them; the
//! defaults fit one ordinary machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::TableError;

/// What a file may cost.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Columns of a table.
    pub columns_max: usize,
    /// Rows of a table.
    pub rows_max: u64,
    /// Bytes of one cell's text.
    pub cell_max_bytes: usize,
    /// Bytes a compressed file (workbook, Parquet, compressed Arrow) may expand to, by its own directory.
    pub expanded_max_bytes: u64,
    /// How many times larger than the file its expanded bytes may be, above `expanded_free_bytes`.
    pub expansion_max_ratio: u64,
    /// Expanded bytes below which the ratio is not looked at.
    pub expanded_free_bytes: u64,
    /// Bytes of memory a conversion may hold at once, the mapped files left out; readers that must hold the whole
    /// table (workbooks, JSON) refuse what does not fit, and delimited text keeps values in half of it and reads again
    /// what does not fit.
    pub memory_max_bytes: usize,
    /// Threads of one conversion.
    pub threads_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            columns_max: 20_000,
            rows_max: 2_000_000_000,
            cell_max_bytes: 16 << 20,
            expanded_max_bytes: 2 << 30,
            expansion_max_ratio: 200,
            expanded_free_bytes: 64 << 20,
            memory_max_bytes: 1 << 30,
            threads_max: std::thread::available_parallelism().map_or(1, usize::from).min(8),
        }
    }
}

impl Limits {
    pub(crate) fn check_columns(&self, found: usize) -> Result<(), TableError> {
        check("columns", "columns_max", self.columns_max as u64, found as u64)
    }

    /// The error for a cell of so many bytes at a place.
    pub(crate) fn cell_too_large(&self, place: &str, found: usize) -> TableError {
        let what = format!("bytes of one cell ({place}; shorten or split its text, or leave its column out)");
        too_large(&what, "cell_max_bytes", self.cell_max_bytes as u64, found as u64)
    }

    pub(crate) fn check_rows(&self, found: u64) -> Result<(), TableError> {
        check("rows", "rows_max", self.rows_max, found)
    }
}

pub(crate) fn check(what: &str, limit_name: &'static str, limit: u64, found: u64) -> Result<(), TableError> {
    if found <= limit {
        return Ok(());
    }
    Err(too_large(what, limit_name, limit, found))
}

pub(crate) fn too_large(what: &str, limit_name: &'static str, limit: u64, found: u64) -> TableError {
    TableError::TooLarge { what: what.to_owned(), limit_name, limit, found }
}

/// A flag shared between the one who waits and the one who works. Clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the work to stop soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), TableError> {
        if self.is_cancelled() { Err(TableError::Cancelled) } else { Ok(()) }
    }
}
