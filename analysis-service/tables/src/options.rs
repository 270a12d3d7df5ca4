//! How to read a file: what the caller says, and what was found where the caller said nothing.

/// A file's format. `ParseOptions.format` in the contract; "unspecified" is `None` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Delimited text: CSV, TSV and their kin.
    Delimited,
    /// Excel 2007 and later.
    Xlsx,
    /// Excel 97 to 2003.
    Xls,
    /// A JSON array of records.
    Json,
    /// A JSON record a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC file, Feather V2.
    Arrow,
}

impl FileFormat {
    /// As a person says it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Delimited => "delimited text (CSV, TSV)",
            Self::Xlsx => "Excel workbook (.xlsx)",
            Self::Xls => "Excel 97-2003 workbook (.xls)",
            Self::Json => "JSON",
            Self::JsonLines => "JSON lines",
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow/Feather",
        }
    }

    /// Whether the bytes are text in some encoding.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Delimited | Self::Json | Self::JsonLines)
    }
}

/// Whether the first row names the columns. "Unspecified" is `None` in [`ParseOptions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderMode {
    /// It does.
    Present,
    /// It is data; columns are called `column_1`, `column_2` ...
    Absent,
}

/// How to read a file. What is `None` is detected; what comes back from a reader has everything filled in that
/// means something for its format.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ParseOptions {
    /// The format.
    pub format: Option<FileFormat>,
    /// `utf-8`, `utf-16le`, `utf-16be`, `gb18030` (takes GBK too), or another WHATWG label; text formats only.
    pub encoding: Option<String>,
    /// One ASCII character; delimited text only.
    pub delimiter: Option<char>,
    /// One ASCII character; delimited text only.
    pub quote: Option<char>,
    /// Whether the first row names the columns; delimited text and workbooks.
    pub header: Option<HeaderMode>,
    /// The sheet's name; workbooks only. `None`: the first with cells, a hidden one only where no other has any.
    pub sheet: Option<String>,
}
