//! What a table is to its callers: columns, figures, cells. Mirrors the messages of `fenxi.analysis.v1` field by
//! field, so that the rpc layer maps and decides nothing; serde, because `datasets` stores columns as JSON.

use crate::{ParseOptions, Warning};

/// What a column holds, as a person would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Whole numbers, missing ones allowed.
    Integer,
    /// Numbers with a fraction.
    Float,
    /// True and false.
    Boolean,
    /// Text; numbers with leading zeros too.
    Text,
    /// Days.
    Date,
    /// Moments.
    Datetime,
    /// Times of day.
    Time,
    /// Spans of time.
    Duration,
    /// Exact decimal numbers.
    Decimal,
    /// Lists and records.
    Nested,
    /// Bytes.
    Binary,
}

/// A column and its summary.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Column {
    /// Unique in its table and never empty.
    pub name: String,
    /// As the file had it; empty where that is `name`, or where the file had none.
    pub original_name: String,
    /// What it holds.
    pub column_type: ColumnType,
    /// The Arrow type as pyarrow writes it: `int64`, `timestamp[us, tz=UTC]`.
    pub arrow_type: String,
    /// Its summary.
    pub summary: ColumnSummary,
}

/// Figures of a column.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ColumnSummary {
    /// Rows without a value.
    pub missing_count: u64,
    /// Different values; an estimate when `distinct_estimated`.
    pub distinct_count: u64,
    /// Whether `distinct_count` is an estimate.
    pub distinct_estimated: bool,
    /// The least value, rendered as in slices; `None` where there is no order or no value.
    pub min: Option<String>,
    /// The greatest value.
    pub max: Option<String>,
    /// Mean of numbers; none where one of them is infinite.
    pub mean: Option<f64>,
    /// Standard deviation of numbers (n - 1).
    pub standard_deviation: Option<f64>,
    /// Equal-width bins from min to max, for numbers and dates; at most 20.
    pub histogram: Vec<HistogramBin>,
    /// The most frequent values, for text and booleans; at most 10.
    pub top_values: Vec<ValueCount>,
}

/// One bin of a histogram; the last one holds its upper edge too.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HistogramBin {
    /// Its lower edge, rendered as in slices.
    pub lower: String,
    /// Its upper edge.
    pub upper: String,
    /// Values in it.
    pub count: u64,
}

/// A value and how often it stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ValueCount {
    /// Rendered as in slices, at most 200 characters.
    pub value: String,
    /// Rows with it.
    pub count: u64,
}

/// What `convert` made.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Table {
    /// The options in force, detected ones filled in; `format` is always there.
    pub options: ParseOptions,
    /// Rows, the header left out.
    pub row_count: u64,
    /// The columns in order.
    pub columns: Vec<Column>,
    /// Size of the columnar file.
    pub size_bytes: u64,
    /// What a person should know: renamed columns, a column kept as text.
    pub warnings: Vec<Warning>,
}

/// What `preview` saw.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Preview {
    /// The options in force, detected ones filled in; `format` is always there.
    pub options: ParseOptions,
    /// The first rows.
    pub slice: TableSlice,
    /// A workbook's sheets, in order.
    pub sheets: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

/// Cells, column by column.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TableSlice {
    /// The columns asked for.
    pub columns: Vec<ColumnSlice>,
    /// The first row, from 0.
    pub row_offset: u64,
    /// Rows given.
    pub row_count: usize,
}

/// Cells of one column.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ColumnSlice {
    /// The column's name.
    pub name: String,
    /// What it holds.
    pub column_type: ColumnType,
    /// One text a row, each at most 1,000 characters: numbers in full precision, dates in ISO 8601; empty where missing.
    pub values: Vec<String>,
    /// Rows of this slice, from 0, without a value.
    pub missing_rows: Vec<usize>,
}
