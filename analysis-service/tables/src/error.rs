//! What can be wrong with a file, in words for the person who uploaded it. Every reader in this crate speaks through
//! this one enum; the rpc layer maps its variants to reasons (`FILE_UNREADABLE`, `FILE_FORMAT`, `FILE_EMPTY`,
//! `FILE_TOO_LARGE`) by [`TableError::reason`].

use std::fmt;

/// Where in a file something was found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Place {
    /// A physical line of a text file, from 1.
    Line(u64),
    /// A sheet of a workbook.
    Sheet(String),
    /// A cell of a sheet, such as `B7`.
    Cell {
        /// The sheet's name.
        sheet: String,
        /// The cell's address.
        cell: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Sheet(sheet) => write!(f, "sheet \"{sheet}\""),
            Self::Cell { sheet, cell } => write!(f, "sheet \"{sheet}\", cell {cell}"),
        }
    }
}

/// Why a file did not become a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The format is right, but the content is broken at a place. Reason `FILE_UNREADABLE`.
    #[error("{}{problem}", place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default())]
    Unreadable {
        /// Where, if it is known.
        place: Option<Place>,
        /// What was wrong and what to do.
        problem: String,
    },
    /// The content is of no format we read, or not of the one that was asked for. Reason `FILE_FORMAT`.
    #[error("{0}")]
    Format(String),
    /// There is nothing in it. Reason `FILE_EMPTY`.
    #[error("{0}")]
    Empty(String),
    /// A limit was passed. Reason `FILE_TOO_LARGE`.
    #[error("{what}: {found} is over the limit of {limit} ({limit_name})")]
    TooLarge {
        /// What is too large, as a person would say.
        what: String,
        /// The field of [`crate::Limits`].
        limit_name: &'static str,
        /// The limit.
        limit: u64,
        /// What was found; at least this much.
        found: u64,
    },
    /// An option cannot be used. To be told as an invalid argument.
    #[error("option {field}: {problem}")]
    Option {
        /// The field of [`crate::ParseOptions`].
        field: &'static str,
        /// What was wrong and what to do.
        problem: String,
    },
    /// The caller cancelled.
    #[error("reading the file was cancelled")]
    Cancelled,
    /// Our own disk failed; nothing is wrong with the file.
    #[error("reading or writing on the server's disk failed: {0}")]
    Io(#[from] std::io::Error),
}

impl TableError {
    /// The stable reason of the contract's error table; `None` where it is not the file's fault.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable { .. } => Some("FILE_UNREADABLE"),
            Self::Format(_) => Some("FILE_FORMAT"),
            Self::Empty(_) => Some("FILE_EMPTY"),
            Self::TooLarge { .. } => Some("FILE_TOO_LARGE"),
            Self::Option { .. } | Self::Cancelled | Self::Io(_) => None,
        }
    }

    /// Broken content, place unknown.
    pub(crate) fn unreadable(problem: impl Into<String>) -> Self {
        Self::Unreadable { place: None, problem: problem.into() }
    }

    /// Broken content at a line, from 1.
    pub(crate) fn at_line(line: u64, problem: impl Into<String>) -> Self {
        Self::Unreadable { place: Some(Place::Line(line)), problem: problem.into() }
    }
}
