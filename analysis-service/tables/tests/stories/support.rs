//! A file on a disk, converted and opened.

use fenxi_tables::{Cancel, ColumnarFile, Limits, ParseOptions, Preview, Table, TableError, Warning};

#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) table: Table,
    pub(crate) file: ColumnarFile,
    /// Removed with everything in it at the end.
    pub(crate) _folder: tempfile::TempDir,
}

pub(crate) fn convert_with(
    name: &str,
    bytes: &[u8],
    options: &ParseOptions,
    limits: &Limits,
) -> Result<Made, TableError> {
    let folder = tempfile::tempdir()?;
    let (path, out) = (folder.path().join("upload"), folder.path().join("table.arrow"));
    std::fs::write(&path, bytes)?;
    let result = fenxi_tables::convert(&path, name, options, &out, limits, &Cancel::default());
    let left = std::fs::read_dir(folder.path())?.count();
    assert_eq!(left, 1 + usize::from(result.is_ok()), "files are left behind");
    let file = ColumnarFile::open(&out);
    Ok(Made { table: result?, file: file?, _folder: folder })
}

pub(crate) fn convert(name: &str, bytes: impl AsRef<[u8]>) -> Made {
    convert_with(name, bytes.as_ref(), &ParseOptions::default(), &Limits::default()).unwrap()
}

pub(crate) fn refused(name: &str, bytes: impl AsRef<[u8]>) -> TableError {
    match convert_with(name, bytes.as_ref(), &ParseOptions::default(), &Limits::default()) {
        Ok(made) => panic!("it was read: {:?}", made.table),
        Err(error) => error,
    }
}

pub(crate) fn preview(name: &str, bytes: &[u8], rows: usize) -> Preview {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upload");
    std::fs::write(&path, bytes).unwrap();
    fenxi_tables::preview(&path, name, &ParseOptions::default(), rows, false, &Limits::default()).unwrap()
}

/// Why a file that is all there is not shown.
pub(crate) fn not_shown(name: &str, bytes: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upload");
    std::fs::write(&path, bytes).unwrap();
    fenxi_tables::preview(&path, name, &ParseOptions::default(), 9, true, &Limits::default())
        .err()
        .map(|error| error.to_string())
}

/// All values of a column.
pub(crate) fn values(file: &ColumnarFile, column: usize) -> Vec<String> {
    let rows = usize::try_from(file.row_count()).unwrap();
    file.slice(0, rows, column, 1).unwrap().columns.remove(0).values
}

/// Warnings as a person reads them.
pub(crate) fn said(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(ToString::to_string).collect()
}
