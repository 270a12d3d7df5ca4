//! An execution as it stands, for whoever asks.

use std::sync::Arc;

use fenxi_proto::analysis::v1::Outcome;

use super::{Accepted, live::Live, store::Stored};

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionState {
    /// Waits for its turn.
    Queued,
    /// Runs.
    Running,
    /// Has ended.
    Finished,
}

/// An execution as it stands. Times are Unix microseconds.
#[derive(Clone, Debug)]
pub struct View {
    /// What was accepted.
    pub accepted: Arc<Accepted>,
    /// When it began to run.
    pub start_time: Option<i64>,
    /// When and how it ended.
    pub end: Option<(i64, Outcome)>,
    /// The number of its newest event.
    pub last_sequence: i64,
    /// The Jupyter execution count, once it runs.
    pub execution_count: i32,
}

impl View {
    pub(super) fn of_live(live: &Live) -> Self {
        let progress = live.progress();
        Self {
            accepted: Arc::clone(&live.accepted),
            start_time: progress.start_time,
            end: progress.end,
            last_sequence: progress.last_sequence,
            execution_count: progress.execution_count,
        }
    }

    pub(super) fn of_stored(stored: Stored) -> Self {
        let end = stored.end.as_ref();
        Self {
            start_time: end.and_then(|end| end.start_time),
            end: end.map(|end| (end.end_time, end.outcome)),
            last_sequence: end.map_or(0, |end| end.last_sequence),
            execution_count: end.map_or(0, |end| end.execution_count),
            accepted: stored.accepted,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> ExecutionState {
        match (self.end, self.start_time) {
            (Some(_), _) => ExecutionState::Finished,
            (None, Some(_)) => ExecutionState::Running,
            (None, None) => ExecutionState::Queued,
        }
    }
}
