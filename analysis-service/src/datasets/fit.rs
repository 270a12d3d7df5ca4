//! Makes answers fit into a message. gRPC clients take 4 MiB by default; a wide table's figures and cells can be far
//! more, and a table must not be out of reach because of its width.

use fenxi_tables::{Column, ColumnSlice, ColumnarFile, TableError, TableSlice, Warning};

use super::parser::Window;

/// Bytes that the columns or the cells of one answer may take.
const ANSWER_MAX_BYTES: usize = 3 << 20;
/// Cells rendered at a time, so that a wide window of long texts never stands in memory whole.
const BLOCK_CELLS: usize = 4_000;
/// Bytes that a cell takes beside its text.
const CELL_OVERHEAD_BYTES: usize = 4;
/// Bytes that the number of a missing row takes.
const MISSING_ROW_BYTES: usize = 2;
/// Bytes that a column takes beside its texts: tags, lengths and numbers.
const COLUMN_OVERHEAD_BYTES: usize = 96;
/// Bytes that a bin or a frequent value takes beside its texts.
const FIGURE_OVERHEAD_BYTES: usize = 16;

/// Cells of a window: fewer rows where more would not fit, but one at least, its texts shortened if need be.
pub(super) fn slice(file: &ColumnarFile, window: Window) -> Result<TableSlice, TableError> {
    let width = file.column_count().saturating_sub(window.column_offset).min(window.column_count).max(1);
    let block_rows = (BLOCK_CELLS / width).max(1);
    let mut slice = block(file, window, 0, block_rows)?;
    let mut bytes = size(&slice);
    while slice.row_count < window.row_count && bytes < ANSWER_MAX_BYTES {
        let next = block(file, window, slice.row_count, block_rows)?;
        let next_bytes = next.columns.iter().map(cells_size).sum::<usize>();
        if next.row_count == 0 || bytes + next_bytes > ANSWER_MAX_BYTES {
            break;
        }
        bytes += next_bytes;
        append(&mut slice, next);
    }
    shorten(&mut slice);
    Ok(slice)
}

/// Cuts rows from the end, and texts of an only row, until a slice fits.
pub(super) fn shorten(slice: &mut TableSlice) {
    while slice.row_count > 1 && size(slice) > ANSWER_MAX_BYTES {
        let rows = slice.row_count / 2;
        slice.row_count = rows;
        for column in &mut slice.columns {
            column.values.truncate(rows);
            column.missing_rows.retain(|row| *row < rows);
        }
    }
    let text_max_bytes = (ANSWER_MAX_BYTES / slice.columns.len().max(1)).saturating_sub(COLUMN_OVERHEAD_BYTES) / 2;
    if size(slice) > ANSWER_MAX_BYTES {
        for column in &mut slice.columns {
            shorten_text(&mut column.name, text_max_bytes);
            column.values.iter_mut().for_each(|value| shorten_text(value, text_max_bytes));
        }
    }
}

/// Leaves out histograms and frequent values, then least and greatest values, of a table too wide for them, and cuts names
/// that would not fit even so; says so in a warning.
pub(super) fn columns(columns: &mut [Column], warnings: &mut Vec<Warning>) {
    let fits = |columns: &[Column]| columns.iter().map(column_size).sum::<usize>() <= ANSWER_MAX_BYTES;
    if fits(columns) {
        return;
    }
    for column in &mut *columns {
        column.summary.histogram.clear();
        column.summary.top_values.clear();
    }
    warnings.push(Warning::TooWide {});
    if fits(columns) {
        return;
    }
    for column in &mut *columns {
        column.summary.min = None;
        column.summary.max = None;
        column.original_name.clear();
    }
    if !fits(columns) {
        let text_max_bytes = (ANSWER_MAX_BYTES / columns.len().max(1)).saturating_sub(COLUMN_OVERHEAD_BYTES);
        for column in columns {
            shorten_text(&mut column.arrow_type, text_max_bytes / 3);
            shorten_text(&mut column.name, text_max_bytes - column.arrow_type.len());
        }
    }
}

fn block(file: &ColumnarFile, window: Window, skip: usize, rows: usize) -> Result<TableSlice, TableError> {
    let rows = rows.min(window.row_count - skip);
    file.slice(window.row_offset.saturating_add(skip as u64), rows, window.column_offset, window.column_count)
}

fn append(slice: &mut TableSlice, next: TableSlice) {
    let rows = slice.row_count;
    for (column, more) in slice.columns.iter_mut().zip(next.columns) {
        column.values.extend(more.values);
        column.missing_rows.extend(more.missing_rows.into_iter().map(|row| row + rows));
    }
    slice.row_count += next.row_count;
}

fn size(slice: &TableSlice) -> usize {
    let column = |column: &ColumnSlice| column.name.len() + cells_size(column) + FIGURE_OVERHEAD_BYTES;
    slice.columns.iter().map(column).sum()
}

fn cells_size(column: &ColumnSlice) -> usize {
    let texts: usize = column.values.iter().map(|value| value.len() + CELL_OVERHEAD_BYTES).sum();
    texts + column.missing_rows.len() * MISSING_ROW_BYTES
}

fn column_size(column: &Column) -> usize {
    let summary = &column.summary;
    let bins = summary.histogram.iter().map(|bin| bin.lower.len() + bin.upper.len() + FIGURE_OVERHEAD_BYTES);
    let values = summary.top_values.iter().map(|value| value.value.len() + FIGURE_OVERHEAD_BYTES);
    let ends = [&summary.min, &summary.max].into_iter().flatten().map(String::len);
    column.name.len()
        + column.original_name.len()
        + column.arrow_type.len()
        + bins.chain(values).chain(ends).sum::<usize>()
        + COLUMN_OVERHEAD_BYTES
}

fn shorten_text(text: &mut String, max_bytes: usize) {
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes));
    }
}

#[cfg(test)]
mod tests {
    use fenxi_tables::{ColumnSummary, ColumnType, HistogramBin};

    use super::*;

    fn table(columns: usize, rows: usize, text: &str) -> TableSlice {
        let column = |number: usize| ColumnSlice {
            name: format!("column_{number}"),
            column_type: ColumnType::Text,
            values: vec![text.to_owned(); rows],
            missing_rows: (0..rows).collect(),
        };
        TableSlice { columns: (0..columns).map(column).collect(), row_offset: 0, row_count: rows }
    }

    #[test]
    fn a_slice_that_fits_stays_whole_and_a_larger_one_loses_rows_then_text() {
        let mut small = table(50, 50, "value");
        let whole = small.clone();
        shorten(&mut small);
        assert_eq!(small, whole);

        let long = "长".repeat(1_000);
        let mut tall = table(50, 1_000, &long);
        shorten(&mut tall);
        assert!(size(&tall) <= ANSWER_MAX_BYTES && tall.row_count > 1);
        assert!(
            tall.columns.iter().all(|c| c.values.len() == tall.row_count && c.missing_rows.len() == tall.row_count)
        );
        assert_eq!(tall.columns[0].values[0], long, "a text was cut though rows could be");

        let mut wide = table(10_000, 2, &long);
        shorten(&mut wide);
        assert_eq!((wide.row_count, wide.columns.len()), (1, 10_000));
        assert!(size(&wide) <= ANSWER_MAX_BYTES, "{}", size(&wide));
    }

    #[test]
    fn figures_of_a_very_wide_table_are_left_out_and_said_so() {
        let bin = HistogramBin { lower: "0.123456789".into(), upper: "1.123456789".into(), count: 3 };
        let summary = ColumnSummary { histogram: vec![bin; 20], min: Some("0".into()), ..ColumnSummary::default() };
        let column = |name: usize| Column {
            name: name.to_string(),
            original_name: String::new(),
            column_type: ColumnType::Float,
            arrow_type: "double".into(),
            summary: summary.clone(),
        };
        let (mut few, mut warnings) = ((0..100).map(column).collect::<Vec<_>>(), Vec::new());
        columns(&mut few, &mut warnings);
        assert!(warnings.is_empty() && few[0].summary.histogram.len() == 20);
        let mut many: Vec<_> = (0..10_000).map(column).collect();
        columns(&mut many, &mut warnings);
        assert_eq!(warnings, [Warning::TooWide {}]);
        assert!(many.iter().all(|column| column.summary.histogram.is_empty() && column.summary.min.is_some()));
        assert!(many.iter().map(column_size).sum::<usize>() <= ANSWER_MAX_BYTES);

        let mut long: Vec<_> = (0..20_000).map(column).collect();
        long.iter_mut().for_each(|column| column.name = format!("{}{}", column.name, "长".repeat(500)));
        columns(&mut long, &mut Vec::new());
        assert!(long.iter().map(column_size).sum::<usize>() <= ANSWER_MAX_BYTES);
        assert!(long[19_999].name.starts_with("19999长长"), "{}", long[19_999].name);
        assert_eq!((long[0].arrow_type.as_str(), long[0].summary.min.as_ref()), ("double", None));
    }
}
