//! Executions: one run of one piece of code in a Kernel, with its own life and its own durable log.
//!
//! This room owns the rows of executions, their logs and the contents these refer to, from the acceptance to the end
//! and beyond it; it hands every end to the outbox in the same transaction. It knows no Jupyter and decides nothing
//! about kernels: the task that drives a kernel is given a [`LogWriter`] and says what happens. The events are the
//! generated messages of the contract (see `log`). rpc and the drivers of kernels call it.
//!
//! | part | what it does |
//! |---|---|
//! | `accept`, `room` | accepting one; looking at one, listing, reading |
//! | `begun` | which requests may have begun one before |
//! | `run`, `place` | what a user may do with executions and their kernels; where one waits |
//! | `dependency` | whether one may begin that depends on another |
//! | `log` | what a kernel's driver writes to: bounds, limit, contents |
//! | `bounds`, `cutter`, `content` | make an event fit; hold the output limit; move large contents out |
//! | `scribe`, `sink`, `record` | the thread that writes the files, a log in it, one record |
//! | `spool`, `spares` | the folder of the files; those that are used again |
//! | `live`, `readers` | what is in memory of a running execution; reading any log from any number |
//! | `journal` | acceptances, and ends with short logs, durable before the database has them |
//! | `finish`, `material`, `summary` | from the end on disk to the database, the outbox and the history |
//! | `recovery`, `boot`, `retention` | what an earlier process left, and whether it is whole; what is old |
//! | `store` | SQL |

mod accept;
mod begun;
mod boot;
mod bounds;
pub mod config;
mod content;
mod cutter;
mod dependency;
mod drafts;
mod finish;
mod journal;
mod large;
mod limits;
mod live;
pub mod log;
mod material;
mod place;
mod readers;
mod record;
mod recovery;
mod requests;
mod retention;
mod room;
pub mod run;
mod scribe;
mod sink;
mod spares;
mod spool;
mod store;
mod summary;
#[cfg(test)]
pub(crate) mod test_events;
#[cfg(test)]
pub(crate) mod test_house;
mod view;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::{
    accept::{Acceptance, NewExecution},
    config::Settings,
    cutter::OutputLimit,
    dependency::{Condition, Dependency, Readiness},
    log::{LogWriter, Moment},
    place::{Place, Places},
    readers::LogReader,
    recovery::Fate,
    requests::Taken,
    retention::Swept,
    room::{Executions, ListFilter, Page},
    store::{STEPS, StoreError},
    view::{ExecutionState, View},
};

/// Why something about executions was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// There is no such execution, content, or it is another's.
    #[error("no such execution")]
    NotFound,
    /// The id was used for another request.
    #[error("the request_id was used for another request")]
    RequestIdReused,
    /// The log has no such number and never will.
    #[error("after_sequence is {after}, and the execution ended with event {last_sequence}")]
    BeyondEnd {
        /// What was asked for.
        after: i64,
        /// The number of the end.
        last_sequence: i64,
    },
    /// The log was kept for as long as the operator said, or is not in the backup that was put back.
    #[error("the log of this execution is not kept any more; its history entry has as much of the outputs as it holds")]
    LogRemoved,
    /// There are as many readers as there may be.
    #[error("too many readers of logs; try again")]
    TooManyReaders,
    /// An earlier attempt at the same request failed and is being cleared away.
    #[error("an earlier attempt at this request failed; try again")]
    NotSettled,
    /// The log does not hold what was written.
    #[error("the log of this execution is damaged")]
    Damaged,
    /// The database.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The disk.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl ExecutionError {
    fn from_removal(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::NotFound { Self::LogRemoved } else { Self::Io(error) }
    }

    fn from_absence(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::NotFound { Self::NotFound } else { Self::Io(error) }
    }
}

/// What was accepted to be run. It does not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// UUIDv7.
    pub execution_id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// What makes a repeated call the same call, within the user's.
    pub request_id: Uuid,
    /// SHA-256 of what was asked.
    pub request_hash: [u8; 32],
    /// Where it runs.
    pub kernel_id: Uuid,
    /// What it runs.
    #[serde(with = "text")]
    pub code: Arc<str>,
    /// The tables that its kernel holds.
    pub datasets: Vec<DatasetRef>,
    /// When it was accepted.
    pub create_time: i64,
    /// So many executions of its kernel were before it then, as its first event says. Its row has no place for it.
    #[serde(default)]
    pub position: i32,
    /// The most time it may run, in microseconds; `None` for the kernel's limit.
    #[serde(default)]
    pub time_limit_micros: Option<i64>,
    /// Whether the queue goes on after an exception.
    #[serde(default)]
    pub continue_on_error: bool,
    /// The execution of the same kernel whose end lets it begin.
    #[serde(default)]
    pub depends_on: Option<Dependency>,
}

impl Accepted {
    /// As the journal has it.
    fn write(&self) -> Vec<u8> {
        // Names and numbers: there is nothing that JSON cannot say.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// A shared text as JSON has it.
mod text {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(from).map(Arc::from)
    }
}

/// A table in a kernel, as the history names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetRef {
    /// The dataset.
    pub dataset_id: Uuid,
    /// Its name at that time.
    pub name: String,
    /// The Python variable that holds it.
    pub variable_name: String,
}
