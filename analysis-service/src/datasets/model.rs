//! What uploads and datasets are to the rest of this service.

use std::{path::PathBuf, sync::Arc};

use fenxi_tables::{Column, ParseOptions, TableSlice, Warning};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::cache::Hold;
use crate::objects::ContentId;

/// Bytes arriving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub upload_id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// As it is shown.
    pub file_name: String,
    /// Bytes declared.
    pub size_bytes: u64,
    /// Their sum as declared, if it was.
    pub declared: Option<ContentId>,
    /// Their sum as found, once all were there.
    pub content: Option<ContentId>,
    /// Where it stands.
    pub state: UploadState,
    /// When it is dropped if nothing arrives, in microseconds since 1970.
    pub expire_micros: i64,
}

/// Where an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadState {
    /// Takes bytes, or waits to be completed.
    Open,
    /// Became this dataset.
    Complete(Uuid),
    /// Was cancelled or expired.
    Cancelled,
}

/// An upload, with how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadStatus {
    /// The upload.
    pub upload: Upload,
    /// Bytes received and durable.
    pub received_bytes: u64,
}

/// A stored table.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Its id.
    pub dataset_id: Uuid,
    /// For a person.
    pub name: String,
    /// The name the file came under.
    pub file_name: String,
    /// Sum of the uploaded bytes.
    pub content: ContentId,
    /// Size of the uploaded bytes.
    pub size_bytes: u64,
    /// When it was made, in microseconds since 1970.
    pub create_micros: i64,
    /// What parsing gave; in lists without `columns`.
    pub table: Arc<ParsedTable>,
}

/// What parsing a content with certain options gave.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedTable {
    /// The sum over the content and the options that were asked for; the columnar file's name.
    pub table_id: ContentId,
    /// Rows, the header left out.
    pub row_count: u64,
    /// Columns.
    pub column_count: usize,
    /// The options in force.
    pub options: ParseOptions,
    /// What a person should know.
    pub warnings: Vec<Warning>,
    /// Column by column.
    pub columns: Vec<Column>,
}

/// A page of datasets, with the user's counters.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetPage {
    /// Newest first, without columns.
    pub datasets: Vec<Dataset>,
    /// Where the next page begins, if there is one.
    pub next: Option<Uuid>,
    /// The user's datasets in all.
    pub total: u64,
    /// Bytes that count towards the quota.
    pub used_bytes: u64,
    /// The quota.
    pub quota_bytes: u64,
}

/// Cells of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetSlice {
    /// Fewer than asked for at the table's edges.
    pub slice: TableSlice,
    /// Rows in all.
    pub total_rows: u64,
    /// Columns in all.
    pub total_columns: usize,
}

/// A table for a kernel to map: its columnar file stays as long as `hold` does.
#[derive(Clone, Debug)]
pub struct TableForKernel {
    /// The dataset.
    pub dataset_id: Uuid,
    /// For a person.
    pub name: String,
    /// A Python identifier made from the name.
    pub variable_name: String,
    /// The Arrow IPC file; never changed in place.
    pub path: PathBuf,
    /// Keeps the file.
    pub hold: Hold,
}

/// One mutation, as its caller names it: repeated with the same content it is the same one.
#[derive(Clone, Copy, Debug)]
pub struct RequestId {
    /// The caller's id of it.
    pub id: Uuid,
    /// A sum over what was asked.
    pub fingerprint: [u8; 32],
}

impl RequestId {
    /// A mutation by `method` with these contents, in a fixed order.
    #[must_use]
    pub fn new(id: Uuid, method: &str, contents: &[&[u8]]) -> Self {
        let mut hasher = Sha256::default();
        for part in std::iter::once(&method.as_bytes()).chain(contents) {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self { id, fingerprint: hasher.finalize().into() }
    }
}
