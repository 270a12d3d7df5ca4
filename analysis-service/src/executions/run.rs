//! What a user may do with executions and the kernels they run in: run, cancel, answer. Ties the room of kernels to the
//! logs: a place in the kernel's queue first, then the durable row, then the work with its log goes to the driver, which
//! answers for the end from there on.

use std::{sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{
    Acceptance, DatasetRef, ExecutionError, ExecutionState, Executions, NewExecution, View,
    limits::NOTE_WAIT,
    live::Live,
    requests::{Seen, Taken},
};
use crate::kernels::{KernelHandle, QueueSlot, Work, model::KernelError, registry::Registry};

/// How long a cancel waits for the end of an execution that was waiting, or is ending.
const END_WAIT: Duration = Duration::from_secs(2);

/// Why something was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An execution's side of it.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// The kernel's side of it.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Longer than any execution may run.
    #[error("is longer than {max_secs} s, the longest that an execution may run")]
    TimeLimit {
        /// The longest.
        max_secs: u64,
    },
    /// It has ended.
    #[error("the execution has ended")]
    Ended,
    /// It is being begun, or ended.
    #[error("the execution is being begun or ended; try again")]
    Unsettled,
    /// What was done cannot be written down just now.
    #[error("it was done and cannot be written down just now; try again with the same request_id")]
    Unwritten,
    /// The service stops.
    #[error("the service is stopping; try again")]
    Stopping,
}

/// Runs executions in kernels. Clones are the same.
#[derive(Clone, Debug)]
pub struct Runner {
    /// For looking and reading.
    pub executions: Executions,
    pub(super) kernels: Registry,
}

/// What a request is to be carried out on.
enum Begun {
    /// This one.
    New(Arc<Live>),
    /// It was carried out before, on this one if that is still in memory.
    Again(Option<Arc<Live>>),
}

impl Runner {
    /// Over these kernels.
    #[must_use]
    pub fn new(executions: Executions, kernels: Registry) -> Self {
        Self { executions, kernels }
    }

    /// Runs code, unless this request began an execution before: that one it gives.
    ///
    /// # Errors
    /// The kernel is not there, dead or full, the request's id was used for another, or the disk takes nothing.
    pub async fn execute(&self, new: NewExecution) -> Result<View, RunError> {
        // In a task of its own: a caller who leaves must not leave a durable row without its work.
        let runner = self.clone();
        tokio::spawn(async move { runner.start(new).await }).await.map_err(|_| RunError::Stopping)?
    }

    async fn start(&self, new: NewExecution) -> Result<View, RunError> {
        let (kernel, slot) = match self.take_place(&new).await {
            Ok(place) => place,
            // A kernel that is full or dead by now does not hide what the request began before.
            Err(refusal) => return self.executions.known(&new).await?.ok_or_else(|| self.truly(refusal)),
        };
        let datasets = kernel.datasets().into_iter().map(|dataset| DatasetRef {
            dataset_id: dataset.dataset_id,
            name: dataset.name,
            variable_name: dataset.variable_name,
        });
        let position = i32::try_from(slot.position()).unwrap_or(i32::MAX);
        match self.executions.accept(new.clone(), datasets.collect(), position).await? {
            Acceptance::Known(view) => Ok(view),
            Acceptance::New(view, log) => {
                slot.submit(Work {
                    execution_id: view.accepted.execution_id,
                    time_limit: new.time_limit,
                    continue_on_error: new.continue_on_error,
                    log: *log,
                });
                Ok(view)
            }
        }
    }

    async fn take_place(&self, new: &NewExecution) -> Result<(KernelHandle, QueueSlot), RunError> {
        let kernel = self.kernels.kernel(new.user_id, new.kernel_id)?;
        let max = kernel.snapshot().limits.execution_max;
        if new.time_limit.is_some_and(|limit| limit > max) {
            return Err(RunError::TimeLimit { max_secs: max.as_secs() });
        }
        let slot = kernel.reserve().await?;
        Ok((kernel, slot))
    }

    /// Takes a waiting execution from the queue, or interrupts a running one, once for a request's id.
    ///
    /// # Errors
    /// There is no such execution, it has ended, or the id was used for another request.
    pub async fn cancel(&self, user_id: Uuid, id: Uuid, request_id: Option<Uuid>) -> Result<View, RunError> {
        // In a task of its own: a caller who leaves must not leave a request that counts as carried out and was not.
        let runner = self.clone();
        let cancelled = tokio::spawn(async move { runner.cancel_once(user_id, id, request_id).await });
        cancelled.await.map_err(|_| RunError::Stopping)?
    }

    async fn cancel_once(&self, user_id: Uuid, id: Uuid, request_id: Option<Uuid>) -> Result<View, RunError> {
        let hash = Sha256::digest(b"cancel").into();
        let taken = request_id.map(|request_id| Taken::new(request_id, &hash));
        let _turn = self.turn(user_id, id, taken).await;
        let live = match self.begin(user_id, id, taken).await? {
            Begun::New(live) => live,
            Begun::Again(live) => {
                until_noted(live.as_deref()).await?;
                return Ok(self.executions.get(user_id, id).await?);
            }
        };
        let waited = View::of_live(&live).state() == ExecutionState::Queued;
        let there = match self.kernels.kernel(user_id, live.accepted.kernel_id) {
            Ok(kernel) => kernel.cancel(id, taken).await,
            Err(_) => false,
        };
        if waited || !there {
            // The end of an execution that never ran, or that was just ending, is on its way.
            let mut progress = live.watch();
            tokio::time::timeout(END_WAIT, progress.wait_for(|progress| progress.end.is_some())).await.ok();
        }
        if there {
            until_noted(Some(&*live).filter(|_| taken.is_some())).await?;
            return Ok(View::of_live(&live));
        }
        undo(&live, taken);
        let ended = live.progress().end.is_some();
        Err(if ended { RunError::Ended } else { self.truly(RunError::Unsettled) })
    }

    /// Answers a request for input, once for a request's id.
    ///
    /// # Errors
    /// There is no such execution, it does not wait for this input, or the id was used for another request.
    pub async fn reply_input(
        &self,
        user_id: Uuid,
        id: Uuid,
        input: (String, String),
        request_id: Option<Uuid>,
    ) -> Result<(), RunError> {
        // As a cancel.
        let runner = self.clone();
        let replied = tokio::spawn(async move { runner.reply_once(user_id, id, input, request_id).await });
        replied.await.map_err(|_| RunError::Stopping)?
    }

    async fn reply_once(
        &self,
        user_id: Uuid,
        id: Uuid,
        (input_id, value): (String, String),
        request_id: Option<Uuid>,
    ) -> Result<(), RunError> {
        let mut hasher = Sha256::new();
        for text in ["input", &input_id, &value] {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        }
        let hash = hasher.finalize().into();
        let taken = request_id.map(|request_id| Taken::new(request_id, &hash));
        let _turn = self.turn(user_id, id, taken).await;
        let live = match self.begin(user_id, id, taken).await? {
            Begun::New(live) => live,
            Begun::Again(live) => return until_noted(live.as_deref()).await,
        };
        let kernel = self.kernels.kernel(user_id, live.accepted.kernel_id);
        let replied = match kernel {
            Ok(kernel) => kernel.reply_input(id, (input_id, value), taken).await,
            Err(_) => Err(KernelError::InputNotRequested),
        };
        replied.inspect_err(|_| undo(&live, taken)).map_err(|refusal| self.truly(refusal.into()))?;
        until_noted(Some(&*live).filter(|_| taken.is_some())).await
    }

    /// A refusal as it is to be told: while the service stops, kernels that go on in the next one cannot be reached, and
    /// nothing is said of what they do.
    fn truly(&self, refusal: RunError) -> RunError {
        match refusal {
            RunError::Kernel(KernelError::Stopping | KernelError::Dead { .. } | KernelError::InputNotRequested)
            | RunError::Unsettled
                if self.kernels.is_stopping() =>
            {
                RunError::Stopping
            }
            refusal => refusal,
        }
    }

    /// Waits for what was asked of an execution before, so that a repeated request is answered as the first. One without an
    /// id is never repeated.
    async fn turn(&self, user_id: Uuid, id: Uuid, taken: Option<Taken>) -> Option<OwnedSemaphorePermit> {
        let live = self.executions.live(user_id, id).filter(|_| taken.is_some())?;
        live.turn().await
    }

    /// The execution that a request is to be carried out on, unless it was before.
    async fn begin(&self, user_id: Uuid, id: Uuid, taken: Option<Taken>) -> Result<Begun, RunError> {
        let live = self.executions.live(user_id, id);
        if let Some(taken) = taken
            && let Some((execution_id, before)) = self.taken(user_id, taken.request_id).await?
        {
            let same = execution_id == id && before.compare(&taken) == Seen::Again;
            return if same { Ok(Begun::Again(live)) } else { Err(ExecutionError::RequestIdReused.into()) };
        }
        let Some(live) = live else {
            let stored = self.executions.stored(user_id, id).await?;
            let before = stored.end.map(|end| end.requests).unwrap_or_default();
            let before = taken.and_then(|taken| before.into_iter().find(|one| one.request_id == taken.request_id));
            return match before.zip(taken).map(|(before, taken)| before.compare(&taken)) {
                Some(Seen::Again) => Ok(Begun::Again(None)),
                Some(Seen::Reused) => Err(ExecutionError::RequestIdReused.into()),
                None => Err(RunError::Ended),
            };
        };
        if live.progress().end.is_some() {
            return Err(RunError::Ended);
        }
        if let Some(taken) = taken {
            live.requests().add(taken);
        }
        Ok(Begun::New(live))
    }

    /// The request of this id that was taken before, by whichever of the user's executions: in memory first, which it
    /// leaves when the database has it.
    async fn taken(&self, user_id: Uuid, request_id: Uuid) -> Result<Option<(Uuid, Taken)>, RunError> {
        let of = |live: &Live| live.requests().get(request_id).copied().map(|taken| (live.id(), taken));
        let lives = self.executions.lives.those(|live| live.accepted.user_id == user_id && of(live).is_some());
        match lives.first().and_then(|live| of(live)) {
            Some(found) => Ok(Some(found)),
            None => Ok(self.executions.store.taken(user_id, request_id).await.map_err(ExecutionError::from)?),
        }
    }
}

/// Waits until what was taken by an execution is on disk: only then is it known after a crash.
async fn until_noted(live: Option<&Live>) -> Result<(), RunError> {
    let Some(live) = live else { return Ok(()) };
    let count = live.requests().count();
    let mut progress = live.watch();
    let noted = progress.wait_for(|progress| progress.requests >= count);
    match tokio::time::timeout(NOTE_WAIT, noted).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(RunError::Unwritten),
    }
}

/// Forgets a request that was not carried out.
fn undo(live: &Live, taken: Option<Taken>) {
    if let Some(taken) = taken {
        live.requests().remove(taken.request_id);
    }
}
