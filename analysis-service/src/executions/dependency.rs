//! Executions that depend on others: whether one may begin is decided by how the one ended that it depends on.
//!
//! Each execution in memory has a [`Link`], which says how it ended and, as long as that matters, what it depends on
//! itself. Who depends on it holds that link and nothing else of it. What a service takes up is linked anew, from what
//! was accepted and from the ends in the database.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fenxi_proto::analysis::v1::{DependencyCondition, Outcome, StopCause};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Accepted, ExecutionError, Executions, limits::DEPENDENCY_STEPS_MAX};

/// What an execution depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The other execution.
    pub execution_id: Uuid,
    /// How it has to end.
    pub condition: Condition,
}

/// How an execution has to end for those that depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// As OK.
    Succeeded = 1,
    /// The same, or stopped by somebody.
    NotFailed = 2,
}

impl Condition {
    /// As the contract has it.
    #[must_use]
    pub fn message(self) -> DependencyCondition {
        match self {
            Self::Succeeded => DependencyCondition::Succeeded,
            Self::NotFailed => DependencyCondition::NotFailed,
        }
    }
}

/// Whether an execution may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It may.
    Ready,
    /// What it depends on has not ended.
    Waits,
    /// It never may.
    Never,
}

/// How an execution ended, for those that depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    /// It was interrupted, and nothing failed.
    Stopped,
    /// It was taken from the queue, as if it had never been there.
    TakenBack,
    Failed,
}

impl Verdict {
    fn of(outcome: Outcome, cause: StopCause) -> Self {
        match (outcome, cause) {
            (Outcome::Ok, _) => Self::Ok,
            (Outcome::Interrupted, StopCause::Requested | StopCause::Limit) => Self::Stopped,
            (Outcome::Cancelled, StopCause::Requested) => Self::TakenBack,
            _ => Self::Failed,
        }
    }
}

/// An execution, as those that depend on it know it.
#[derive(Debug, Default)]
pub(super) struct Link {
    verdict: OnceLock<Verdict>,
    /// What it depends on, until it has ended; and beyond that where it was taken from the queue.
    on: Mutex<Option<Arc<Link>>>,
}

impl Link {
    /// It ended like this; the first end counts.
    pub(super) fn ended(&self, outcome: Outcome, cause: StopCause) {
        let verdict = *self.verdict.get_or_init(|| Verdict::of(outcome, cause));
        if verdict != Verdict::TakenBack {
            self.set_on(None);
        }
    }

    /// It depends on that one.
    pub(super) fn depend_on(&self, on: Arc<Self>) {
        if on.was_taken_back() {
            // Of several in a row that were, one is enough.
            while let Some(before) = on.on().filter(|before| before.was_taken_back()) {
                on.set_on(before.on());
            }
        }
        self.set_on(Some(on));
    }

    /// Whether what it depends on lets it begin. An execution asks with its own condition and no other.
    pub(super) fn readiness(&self, condition: Condition) -> Readiness {
        let mut at = self.on();
        let mut passed = false;
        while let Some(link) = at.take_if(|link| condition == Condition::NotFailed && link.was_taken_back()) {
            (at, passed) = (link.on(), true);
        }
        if passed {
            // What was taken back is not walked over, nor kept, a second time.
            self.set_on(at.clone());
        }
        match (at.map(|link| link.verdict.get().copied()), condition) {
            (Some(None), _) => Readiness::Waits,
            (None | Some(Some(Verdict::Ok)), _) | (Some(Some(Verdict::Stopped)), Condition::NotFailed) => {
                Readiness::Ready
            }
            _ => Readiness::Never,
        }
    }

    /// One that has ended like this.
    fn of(verdict: Verdict) -> Arc<Self> {
        Arc::new(Self { verdict: OnceLock::from(verdict), on: Mutex::default() })
    }

    fn was_taken_back(&self) -> bool {
        self.verdict.get() == Some(&Verdict::TakenBack)
    }

    fn on(&self) -> Option<Arc<Self>> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_on(&self, on: Option<Arc<Self>>) {
        let former = std::mem::replace(&mut *self.on.lock().unwrap_or_else(PoisonError::into_inner), on);
        // Perhaps the last of a row: not under the lock.
        drop(former);
    }

    fn take_on(&mut self) -> Option<Arc<Self>> {
        self.on.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Link {
    /// One after the other: of a long row each would else be dropped inside of the one before it, on one stack.
    fn drop(&mut self) {
        let mut on = self.take_on();
        while let Some(mut link) = on.and_then(Arc::into_inner) {
            on = link.take_on();
        }
    }
}

impl Executions {
    /// The link of an execution of this user in this kernel, for one that is to depend on it.
    ///
    /// # Errors
    /// There is none, or the database does not answer.
    pub(super) async fn link_to(&self, user_id: Uuid, kernel_id: Uuid, id: Uuid) -> Result<Arc<Link>, ExecutionError> {
        let (first, mut next) = self.one_link(user_id, kernel_id, id).await?;
        let mut last = Arc::clone(&first);
        for _ in 0..DEPENDENCY_STEPS_MAX {
            let Some(id) = next else { return Ok(first) };
            let (link, after) = self.one_link(user_id, kernel_id, id).await?;
            last.set_on(Some(Arc::clone(&link)));
            (last, next) = (link, after);
        }
        last.set_on(Some(Link::of(Verdict::Failed)));
        Ok(first)
    }

    /// The same of one that was accepted before: if it is not there any more, nothing is known of how it ended.
    pub(super) async fn link_again(&self, accepted: &Accepted) -> Result<Option<Arc<Link>>, ExecutionError> {
        let Some(Dependency { execution_id, .. }) = accepted.depends_on else { return Ok(None) };
        match self.link_to(accepted.user_id, accepted.kernel_id, execution_id).await {
            Err(ExecutionError::NotFound) => Ok(Some(Link::of(Verdict::Failed))),
            found => found.map(Some),
        }
    }

    /// One link, and the execution that the next one is of, which it does not know itself.
    async fn one_link(
        &self,
        user_id: Uuid,
        kernel_id: Uuid,
        id: Uuid,
    ) -> Result<(Arc<Link>, Option<Uuid>), ExecutionError> {
        let live = || self.live(user_id, id).filter(|live| live.accepted.kernel_id == kernel_id);
        if let Some(live) = live() {
            return Ok((Arc::clone(&live.link), None));
        }
        let stored = self.stored(user_id, id).await?;
        if stored.accepted.kernel_id != kernel_id {
            return Err(ExecutionError::NotFound);
        }
        let accepted = Arc::clone(&stored.accepted);
        let Some(end) = self.settled(stored).await?.0 else {
            // Accepted between the two looks; or an acceptance that is being taken back.
            return live().map(|live| (Arc::clone(&live.link), None)).ok_or(ExecutionError::NotSettled);
        };
        let verdict = Verdict::of(end.outcome, end.stop_cause);
        let on = accepted.depends_on.filter(|_| verdict == Verdict::TakenBack);
        Ok((Link::of(verdict), on.map(|on| on.execution_id)))
    }
}

#[cfg(test)]
#[path = "dependency_tests.rs"]
mod tests;
