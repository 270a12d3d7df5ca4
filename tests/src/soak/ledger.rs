//! What was done and what came of it: who disturbed which kernel when, which executions were accepted and how they ended,
//! what was counted, and everything that is not as it must be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fenxi_proto::analysis::v1::Outcome;
use tokio::time::Instant;

/// Violations that are kept as text; more are counted.
const VIOLATIONS_MAX: usize = 200;

/// What may end an execution otherwise than its code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Disturbance {
    /// A person interrupted or cancelled.
    Interrupt,
    /// Its process was ended: by a restart, a deletion, a signal from outside, or another cell.
    End,
    /// Another cell of the same kernel may not have ended well: those behind it are cancelled.
    Failure,
    /// analysis-service ended: kernels that are being started end with it.
    Service,
    /// Its table was deleted: its next process is without it.
    Table,
}

impl Disturbance {
    /// How an execution may end by it. What had not begun was never run.
    fn outcomes(self, started: bool) -> &'static [Outcome] {
        match (self, started) {
            (Self::Interrupt, _) => &[Outcome::Interrupted, Outcome::Cancelled, Outcome::Killed],
            (Self::End, true) => &[Outcome::Killed],
            (Self::End, false) => &[Outcome::Killed, Outcome::Cancelled],
            (Self::Failure | Self::Service, true) => &[],
            (Self::Failure | Self::Table, false) => &[Outcome::Cancelled],
            (Self::Table, true) => &[Outcome::Error],
            // Of a kernel that was being started when the service was killed nobody knows more.
            (Self::Service, false) => &[Outcome::Cancelled, Outcome::Lost],
        }
    }
}

/// A time in which something was done; open until its end is known.
#[derive(Clone, Copy, Debug)]
struct Span {
    what: Disturbance,
    begin: Instant,
    end: Option<Instant>,
}

/// What was done to one kernel, or to all.
#[derive(Debug, Default)]
pub(super) struct Story {
    spans: Mutex<Vec<Span>>,
}

/// An open span. It ends when this is dropped, so that a call that is given up is noted too.
#[derive(Debug)]
pub(super) struct Doing<'a> {
    story: &'a Story,
    at: usize,
    slack: Duration,
}

impl Story {
    /// Notes that something begins; it has its effect until the answer is dropped, and `slack` longer.
    pub(super) fn begin(&self, what: Disturbance, slack: Duration) -> Doing<'_> {
        let mut spans = lock(&self.spans);
        spans.push(Span { what, begin: Instant::now(), end: None });
        Doing { story: self, at: spans.len() - 1, slack }
    }

    /// Notes something that has its effect from now on.
    pub(super) fn begin_for_good(&self, what: Disturbance) {
        lock(&self.spans).push(Span { what, begin: Instant::now(), end: None });
    }

    /// What was done in this time.
    fn between(&self, begin: Instant, end: Instant) -> BTreeSet<Disturbance> {
        let spans = lock(&self.spans);
        let over = spans.iter().filter(|span| span.begin <= end && span.end.is_none_or(|ended| ended >= begin));
        over.map(|span| span.what).collect()
    }
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        if let Some(span) = lock(&self.story.spans).get_mut(self.at) {
            span.end = Some(Instant::now() + self.slack);
        }
    }
}

/// An execution that was accepted.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Whose.
    pub username: String,
    /// Where.
    pub kernel_id: String,
    /// What kind of cell.
    pub kind: &'static str,
    /// How it ended, once that is known.
    pub outcome: Option<Outcome>,
    /// Its events, each by a hash.
    pub events: Vec<u64>,
    /// How long they are in all, in bytes.
    pub bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    violations: Vec<String>,
    more_violations: usize,
    counts: BTreeMap<String, u64>,
    records: BTreeMap<String, Record>,
    kernels: BTreeSet<String>,
}

/// The book of a soak.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    state: Mutex<State>,
    /// What was done to the services.
    pub house: Story,
}

impl Ledger {
    /// Something is not as it must be.
    pub(super) fn violate(&self, what: impl Into<String>) {
        let what = what.into();
        let mut state = lock(&self.state);
        say(&format!("VIOLATION {what}"));
        if state.violations.len() < VIOLATIONS_MAX {
            state.violations.push(what);
        } else {
            state.more_violations += 1;
        }
    }

    /// One more of these.
    pub(super) fn count(&self, what: impl Into<String>) {
        *lock(&self.state).counts.entry(what.into()).or_default() += 1;
    }

    /// A kernel was made.
    pub(super) fn made(&self, kernel_id: &str) {
        lock(&self.state).kernels.insert(kernel_id.to_owned());
    }

    /// An execution was accepted.
    pub(super) fn accepted(&self, execution_id: &str, record: Record) {
        lock(&self.state).records.entry(execution_id.to_owned()).or_insert(record);
    }

    /// An execution ended.
    pub(super) fn ended(&self, execution_id: &str, outcome: Outcome, events: Vec<u64>, bytes: usize) {
        let mut state = lock(&self.state);
        if let Some(record) = state.records.get_mut(execution_id) {
            record.outcome = Some(outcome);
            record.events = events;
            record.bytes = bytes;
        }
    }

    /// How an execution of this kernel may end, beside as its code does.
    pub(super) fn also_allowed(&self, story: &Story, span: (Instant, Instant), started: bool) -> Vec<Outcome> {
        let mut disturbances = story.between(span.0, span.1);
        disturbances.extend(self.house.between(span.0, span.1));
        disturbances.into_iter().flat_map(|what| what.outcomes(started).iter().copied()).collect()
    }

    /// All executions of a user.
    pub(super) fn of(&self, username: &str) -> BTreeMap<String, Record> {
        let state = lock(&self.state);
        let own = state.records.iter().filter(|(_, record)| record.username == username);
        own.map(|(id, record)| (id.clone(), record.clone())).collect()
    }

    /// All kernels that were made.
    pub(super) fn kernels(&self) -> BTreeSet<String> {
        lock(&self.state).kernels.clone()
    }

    /// How many executions have ended.
    pub(super) fn ended_count(&self) -> usize {
        lock(&self.state).records.values().filter(|record| record.outcome.is_some()).count()
    }

    /// How many violations there are.
    pub(super) fn violations(&self) -> usize {
        let state = lock(&self.state);
        state.violations.len() + state.more_violations
    }

    /// What was counted, and the ends of every kind of cell.
    pub(super) fn table(&self) -> Vec<(String, u64)> {
        let state = lock(&self.state);
        let mut rows = state.counts.clone();
        for record in state.records.values() {
            let outcome = record.outcome.map_or("NO END", |outcome| outcome.as_str_name());
            let name = format!("cell {}: {}", record.kind, outcome.trim_start_matches("OUTCOME_"));
            *rows.entry(name).or_default() += 1;
        }
        rows.into_iter().collect()
    }
}

/// A line for whoever watches.
#[expect(clippy::print_stdout, reason = "the report of the soak")]
pub(super) fn say(line: &str) {
    println!("{line}");
}

/// The same book for many.
pub(super) type Book = Arc<Ledger>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
