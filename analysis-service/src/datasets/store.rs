//! Rows of uploads, datasets, stored contents and counters: the only SQL of this room. It is told the time and decides
//! nothing; what a user may do is decided by the conditions that its callers pass in.

mod contents;
mod datasets;
mod requests;
mod uploads;

use std::sync::Arc;

use fenxi_chassis::sqlite::{Database, Step, WriteError};

use super::error::DatasetError;
use crate::objects::ContentId;

pub(super) use contents::Orphan;
pub(super) use datasets::{NewDataset, Usage};
pub(super) use uploads::{NewUpload, UploadLimits};

/// This room's part of the schema.
pub const STEPS: &[Step] = &[
    Step { number: 1, title: "datasets", sql: include_str!("../../migrations/sqlite/0001_datasets.sql") },
    Step { number: 2, title: "uploads by user", sql: include_str!("../../migrations/sqlite/0002_uploads_by_user.sql") },
];

/// Reads and writes rows. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Store {
    database: Database,
}

impl Store {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }
}

impl From<sqlx::Error> for DatasetError {
    fn from(error: sqlx::Error) -> Self {
        Self::from_sql(Arc::new(error))
    }
}

impl From<WriteError> for DatasetError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Busy => Self::Busy("the service's database is busy"),
            WriteError::Closed => Self::Closing,
            WriteError::Failed(error) => Self::from_sql(error),
        }
    }
}

impl DatasetError {
    fn from_sql(error: Arc<sqlx::Error>) -> Self {
        match *error {
            sqlx::Error::PoolTimedOut => Self::Busy("the service's database is busy"),
            _ => Self::Sql(error),
        }
    }
}

/// A row that does not say what it should; never a caller's fault.
fn broken(what: &str) -> DatasetError {
    DatasetError::Database(format!("a row has a malformed {what}"))
}

fn content(text: &str) -> Result<ContentId, DatasetError> {
    text.parse().map_err(|_| broken("sum"))
}

/// Counts and sizes are stored as BIGINT, which both databases have.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
