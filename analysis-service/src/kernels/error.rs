//! Why something about a kernel is refused.

use uuid::Uuid;

use super::{files::FileError, model::TableUnavailable, store::StoreError};

/// Why something is refused.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// There is no such kernel, or it is another user's.
    #[error("no such kernel")]
    NotFound,
    /// The user has as many live kernels as one may.
    #[error("you have {limit} kernels, which is the limit; end one first")]
    UserLimit {
        /// The limit.
        limit: u32,
    },
    /// The service has as many live kernels as it may.
    #[error("the service runs {limit} kernels, which is its limit; try again later")]
    TotalLimit {
        /// The limit.
        limit: u32,
    },
    /// What kernels use together leaves no room for another.
    #[error("{what} {used} of {limit} MiB; {advice}", used = used_bytes >> 20, limit = limit_bytes >> 20)]
    Room {
        /// The setting.
        quota: &'static str,
        /// Whose use of what.
        what: &'static str,
        /// How much it is.
        used_bytes: u64,
        /// The limit.
        limit_bytes: u64,
        /// What helps.
        advice: &'static str,
    },
    /// Its files are above their limit, and each of its processes added some.
    #[error(
        "this kernel's files are above their limit ({above}), and it added some each time that it was started; remove \
             some and try again in a moment, or delete the kernel"
    )]
    Files {
        /// The setting.
        quota: &'static str,
        /// What is above what.
        above: String,
    },
    /// A file in its folder cannot be had.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is dead or being ended.
    #[error("the kernel is not alive: {what}; restart it")]
    Dead {
        /// Of what it died.
        what: String,
    },
    /// As many executions wait as may.
    #[error("{limit} executions wait in this kernel, which is the limit; wait for one to end")]
    QueueFull {
        /// The limit.
        limit: u32,
    },
    /// The execution does not wait for this input.
    #[error("the execution does not wait for this input")]
    InputNotRequested,
    /// As many questions wait as may.
    #[error("{why}; try again in a moment")]
    AskedTooMuch {
        /// The limit.
        why: String,
    },
    /// It did not answer in time.
    #[error("the kernel did not answer in time: {why}")]
    AskTimeout {
        /// What is known of it.
        why: String,
    },
    /// Its answer cannot be read.
    #[error("the kernel's answer cannot be read; restart it if code has changed what it is made of")]
    AnswerUnreadable,
    /// It has no such variable.
    #[error("the kernel has no variable `{name}`")]
    NoVariable {
        /// The name.
        name: String,
    },
    /// The value's own code failed.
    #[error("the value cannot be shown: {why}")]
    ValueRaised {
        /// Its class and text.
        why: String,
    },
    /// There is no such kind of kernel.
    #[error("there is no kernel spec `{name}`; there are: {known}")]
    SpecUnknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// Kernels of its kind cannot be given tables.
    #[error("kernel spec `{name}` cannot be given tables: {why}")]
    SpecWithoutTables {
        /// The kind.
        name: String,
        /// What is missing.
        why: String,
    },
    /// Kernels of its kind cannot be asked this, or not now.
    #[error("kernel spec `{name}`: {why}")]
    NotInspectable {
        /// The kind.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// A dataset cannot be had.
    #[error("dataset {dataset_id}: {why}")]
    Table {
        /// Which.
        dataset_id: Uuid,
        /// Why.
        why: TableUnavailable,
    },
    /// A name that cannot be a variable, or that two tables would have.
    #[error("`{name}` cannot be the variable of a table: {why}")]
    VariableName {
        /// Which of the tables, from 0.
        index: usize,
        /// The name.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// The `request_id` was used for another call.
    #[error("the request_id was used before with other content; make a new one")]
    RequestIdReused,
    /// The service is being stopped.
    #[error("the service is being stopped; try again in a moment")]
    Stopping,
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}
