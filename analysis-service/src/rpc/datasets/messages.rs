//! Messages of the contract to the room's types and back, field by field.

use fenxi_proto::{analysis::v1 as pb, error::Failure, time::timestamp};
use fenxi_tables as tables;
use fenxi_tables::{FileFormat, HeaderMode, ParseOptions};

use super::warnings;
use crate::{
    datasets::{Dataset, UploadState, UploadStatus, Window, variable},
    objects::ContentId,
};

/// Rows and columns of a slice, where none are asked for.
const SLICE_SIDE: usize = 50;
const SLICE_ROWS_MAX: usize = 1_000;
const SLICE_CELLS_MAX: usize = 100_000;

/// A number that cannot be negative.
pub(super) fn count(field: &'static str, given: i64) -> Result<u64, Failure> {
    u64::try_from(given).map_err(|_| Failure::invalid(field, format!("is {given}; give 0 or more")))
}

/// The same, of the short kind.
pub(super) fn size(field: &'static str, given: i32) -> Result<usize, Failure> {
    usize::try_from(given).map_err(|_| Failure::invalid(field, format!("is {given}; give 0 or more")))
}

/// A SHA-256, if there is one.
pub(super) fn sum(field: &'static str, given: &str) -> Result<Option<ContentId>, Failure> {
    if given.is_empty() {
        return Ok(None);
    }
    given.parse().map(Some).map_err(|error| Failure::invalid(field, error))
}

/// Which cells are asked for.
pub(super) fn window(asked: &pb::PreviewDatasetRequest) -> Result<Window, Failure> {
    let or_default = |wanted: usize| if wanted == 0 { SLICE_SIDE } else { wanted };
    let window = Window {
        row_offset: count("row_offset", asked.row_offset)?,
        row_count: or_default(size("row_count", asked.row_count)?),
        column_offset: size("column_offset", asked.column_offset)?,
        column_count: or_default(size("column_count", asked.column_count)?),
    };
    if window.row_count > SLICE_ROWS_MAX {
        return Err(Failure::invalid("row_count", format!("is {}; give 1 to {SLICE_ROWS_MAX}", window.row_count)));
    }
    let cells = window.row_count.saturating_mul(window.column_count);
    if cells > SLICE_CELLS_MAX {
        let problem = format!("times row_count are {cells} cells; ask for at most {SLICE_CELLS_MAX}");
        return Err(Failure::invalid("column_count", problem));
    }
    Ok(window)
}

pub(super) fn options_of(given: pb::ParseOptions) -> Result<ParseOptions, Failure> {
    let header = pb::HeaderMode::try_from(given.header)
        .map_err(|_| Failure::invalid("options.header", "is no known header mode"))?;
    let header = match header {
        pb::HeaderMode::Unspecified => None,
        pb::HeaderMode::Present => Some(HeaderMode::Present),
        pb::HeaderMode::Absent => Some(HeaderMode::Absent),
    };
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(ParseOptions {
        format: format_of(given.format)?,
        header,
        delimiter: character("options.delimiter", &given.delimiter)?,
        quote: character("options.quote", &given.quote)?,
        encoding: text(given.encoding),
        sheet: text(given.sheet),
    })
}

fn character(field: &'static str, given: &str) -> Result<Option<char>, Failure> {
    let mut chars = given.chars();
    match (chars.next(), chars.next()) {
        (None, _) => Ok(None),
        (Some(c), None) if c.is_ascii() => Ok(Some(c)),
        _ => Err(Failure::invalid(field, "is not one ASCII character")),
    }
}

fn format_of(given: i32) -> Result<Option<FileFormat>, Failure> {
    let given =
        pb::FileFormat::try_from(given).map_err(|_| Failure::invalid("options.format", "is no known format"))?;
    Ok(match given {
        pb::FileFormat::Unspecified => None,
        pb::FileFormat::Delimited => Some(FileFormat::Delimited),
        pb::FileFormat::Xlsx => Some(FileFormat::Xlsx),
        pb::FileFormat::Xls => Some(FileFormat::Xls),
        pb::FileFormat::Json => Some(FileFormat::Json),
        pb::FileFormat::JsonLines => Some(FileFormat::JsonLines),
        pb::FileFormat::Parquet => Some(FileFormat::Parquet),
        pb::FileFormat::Arrow => Some(FileFormat::Arrow),
    })
}

fn format(format: FileFormat) -> pb::FileFormat {
    match format {
        FileFormat::Delimited => pb::FileFormat::Delimited,
        FileFormat::Xlsx => pb::FileFormat::Xlsx,
        FileFormat::Xls => pb::FileFormat::Xls,
        FileFormat::Json => pb::FileFormat::Json,
        FileFormat::JsonLines => pb::FileFormat::JsonLines,
        FileFormat::Parquet => pb::FileFormat::Parquet,
        FileFormat::Arrow => pb::FileFormat::Arrow,
    }
}

pub(super) fn options(options: &ParseOptions) -> pb::ParseOptions {
    let header = match options.header {
        None => pb::HeaderMode::Unspecified,
        Some(HeaderMode::Present) => pb::HeaderMode::Present,
        Some(HeaderMode::Absent) => pb::HeaderMode::Absent,
    };
    pb::ParseOptions {
        format: options.format.map_or(pb::FileFormat::Unspecified, format).into(),
        encoding: options.encoding.clone().unwrap_or_default(),
        delimiter: options.delimiter.map(String::from).unwrap_or_default(),
        quote: options.quote.map(String::from).unwrap_or_default(),
        header: header.into(),
        sheet: options.sheet.clone().unwrap_or_default(),
    }
}

pub(super) fn upload(status: &UploadStatus) -> pb::Upload {
    let upload = &status.upload;
    let (state, dataset_id) = match upload.state {
        UploadState::Open => (pb::UploadState::Open, String::new()),
        UploadState::Complete(dataset_id) => (pb::UploadState::Complete, dataset_id.to_string()),
        UploadState::Cancelled => (pb::UploadState::Cancelled, String::new()),
    };
    pb::Upload {
        upload_id: upload.upload_id.to_string(),
        file_name: upload.file_name.clone(),
        size_bytes: number(upload.size_bytes),
        received_bytes: number(status.received_bytes),
        state: state.into(),
        expire_time: Some(timestamp(upload.expire_micros)),
        dataset_id,
    }
}

pub(super) fn dataset(dataset: Dataset) -> pb::Dataset {
    let table = &dataset.table;
    pb::Dataset {
        dataset_id: dataset.dataset_id.to_string(),
        variable_name: variable::variable_name(&dataset.name),
        name: dataset.name,
        file_name: dataset.file_name,
        format: table.options.format.map_or(pb::FileFormat::Unspecified, format).into(),
        size_bytes: number(dataset.size_bytes),
        sha256: dataset.content.to_string(),
        row_count: number(table.row_count),
        column_count: short(table.column_count),
        columns: table.columns.iter().map(column).collect(),
        options: Some(options(&table.options)),
        warnings: warnings::texts(&table.warnings),
        table_warnings: warnings::messages(&table.warnings),
        create_time: Some(timestamp(dataset.create_micros)),
    }
}

/// The same as it stands in a list: without what only a person who looks at one wants.
pub(super) fn listed(listed: Dataset) -> pb::Dataset {
    pb::Dataset { table_warnings: Vec::new(), ..dataset(listed) }
}

fn column(column: &tables::Column) -> pb::Column {
    let figures = &column.summary;
    let bin = |bin: &tables::HistogramBin| pb::HistogramBin {
        lower: bin.lower.clone(),
        upper: bin.upper.clone(),
        count: number(bin.count),
    };
    let value = |value: &tables::ValueCount| pb::ValueCount { value: value.value.clone(), count: number(value.count) };
    pb::Column {
        name: column.name.clone(),
        original_name: column.original_name.clone(),
        r#type: column_type(column.column_type).into(),
        arrow_type: column.arrow_type.clone(),
        summary: Some(pb::ColumnSummary {
            missing_count: number(figures.missing_count),
            distinct_count: number(figures.distinct_count),
            distinct_estimated: figures.distinct_estimated,
            min: figures.min.clone(),
            max: figures.max.clone(),
            mean: figures.mean,
            standard_deviation: figures.standard_deviation,
            histogram: figures.histogram.iter().map(bin).collect(),
            top_values: figures.top_values.iter().map(value).collect(),
        }),
    }
}

fn column_type(column_type: tables::ColumnType) -> pb::ColumnType {
    use tables::ColumnType as T;
    match column_type {
        T::Integer => pb::ColumnType::Integer,
        T::Float => pb::ColumnType::Float,
        T::Boolean => pb::ColumnType::Boolean,
        T::Text => pb::ColumnType::Text,
        T::Date => pb::ColumnType::Date,
        T::Datetime => pb::ColumnType::Datetime,
        T::Time => pb::ColumnType::Time,
        T::Duration => pb::ColumnType::Duration,
        T::Decimal => pb::ColumnType::Decimal,
        T::Nested => pb::ColumnType::Nested,
        T::Binary => pb::ColumnType::Binary,
    }
}

pub(super) fn slice(slice: tables::TableSlice) -> pb::TableSlice {
    let column = |column: tables::ColumnSlice| pb::ColumnSlice {
        name: column.name,
        r#type: column_type(column.column_type).into(),
        values: column.values,
        missing_rows: column.missing_rows.into_iter().map(short).collect(),
    };
    pb::TableSlice {
        columns: slice.columns.into_iter().map(column).collect(),
        row_offset: number(slice.row_offset),
        row_count: short(slice.row_count),
    }
}

/// A count on the wire, where numbers are signed.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The same, of the short kind.
pub(super) fn short(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_defaults_and_limits() {
        let ask = |rows, columns| pb::PreviewDatasetRequest {
            row_count: rows,
            column_count: columns,
            ..pb::PreviewDatasetRequest::default()
        };
        let window = window(&ask(0, 0)).expect("the defaults");
        assert_eq!((window.row_count, window.column_count), (50, 50));
        assert!(super::window(&ask(10, 10_000)).is_ok());
        for (rows, columns) in [(-1, 0), (0, -1), (1_001, 1), (11, 10_000), (i32::MAX, i32::MAX)] {
            assert!(super::window(&ask(rows, columns)).is_err(), "{rows} x {columns} was taken");
        }
        let before = pb::PreviewDatasetRequest { row_offset: -1, ..ask(0, 0) };
        assert!(super::window(&before).is_err());
    }

    #[test]
    fn options_come_back_as_they_were_given() {
        let given = pb::ParseOptions {
            format: pb::FileFormat::Delimited.into(),
            encoding: "gb18030".into(),
            delimiter: "\t".into(),
            quote: "'".into(),
            header: pb::HeaderMode::Absent.into(),
            sheet: "数据".into(),
        };
        assert_eq!(options(&options_of(given.clone()).expect("good")), given);
        assert_eq!(options_of(pb::ParseOptions::default()).expect("all unset"), ParseOptions::default());
        for bad in ["ab", "，"] {
            assert!(options_of(pb::ParseOptions { delimiter: bad.into(), ..given.clone() }).is_err());
        }
    }
}
