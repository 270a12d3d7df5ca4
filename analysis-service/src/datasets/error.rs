//! Everything that can go wrong with uploads and datasets. The rpc layer maps each to a reason of the contract; texts
//! are for the person who called, so no path and no other user's id stands in one.

use std::{io, sync::Arc, time::Duration};

use fenxi_tables::TableError;

/// When to come back after a refusal for want of room to work.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why a call was refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DatasetError {
    /// A field of the request is wrong.
    #[error("{field} {problem}")]
    Field {
        /// The field, such as `options.sheet`.
        field: String,
        /// Completes the sentence that begins with the field's name.
        problem: String,
    },
    /// It does not exist, or is another user's.
    #[error("no such resource")]
    NotFound,
    /// The request_id came before with other content.
    #[error("request_id was used before for another request; make a new one")]
    RequestIdReused,
    /// A limit of the user's was reached.
    #[error("{text}")]
    Quota {
        /// Its name, such as `dataset_bytes_per_user`.
        limit: &'static str,
        /// What was asked, what is left and what to do.
        text: String,
    },
    /// The offset is not where the upload stands.
    #[error("{problem}; go on from byte {received_bytes}")]
    Offset {
        /// Bytes received, durable.
        received_bytes: u64,
        /// What was wrong.
        problem: String,
    },
    /// Bytes that are not those declared.
    #[error("{0}")]
    Mismatch(String),
    /// The upload takes nothing any more.
    #[error("the upload is {0}; create a new one")]
    Closed(&'static str),
    /// The file is no table.
    #[error("{0}")]
    Table(Arc<TableError>),
    /// As many things are under way as may be.
    #[error("{0}; try again in a moment")]
    Busy(&'static str),
    /// The client's own stream broke or was malformed.
    #[error("the stream of bytes broke off; ask for the upload and go on from its received_bytes")]
    StreamBroken,
    /// The service is ending.
    #[error("the service is shutting down; try again in a moment")]
    Closing,
    /// No room on the service's disk.
    #[error("the service's disk is full; nothing received is lost, try again when room was made")]
    DiskFull,
    /// The disk failed in another way.
    #[error("the service's disk failed: {0}")]
    Disk(Arc<io::Error>),
    /// The database failed, for want of a disk that works or otherwise.
    #[error("the service's database failed: {0}")]
    Sql(Arc<sqlx::Error>),
    /// What the database holds is not as it was written, or a task over it failed.
    #[error("the service's database failed: {0}")]
    Database(String),
}

impl DatasetError {
    /// The request's `field` is wrong; `problem` completes the sentence that begins with its name.
    pub(super) fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field { field: field.into(), problem: problem.into() }
    }
}

impl From<io::Error> for DatasetError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::DiskFull,
            _ => Self::Disk(Arc::new(error)),
        }
    }
}

impl From<TableError> for DatasetError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Io(error) => error.into(),
            TableError::Cancelled => Self::Closing,
            TableError::Option { field, problem } => Self::Field { field: format!("options.{field}"), problem },
            error => Self::Table(Arc::new(error)),
        }
    }
}
