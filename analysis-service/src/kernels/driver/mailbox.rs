//! How everyone else reaches a kernel: requests into a bounded mailbox, and its state to watch.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use uuid::Uuid;

use super::{ask::Ask, pressure::Pressure};
use crate::{
    executions::{Taken, log::LogWriter},
    kernels::{
        model::{Kernel, KernelDatasetRef, KernelError},
        store::{self, Once},
    },
};
use fenxi_proto::analysis::v1::{DeathCause, KernelState};

/// Requests that may wait beside the executions.
pub(super) const REQUESTS_MAX: usize = 64;

/// Code to run.
#[derive(Debug)]
pub struct Work {
    /// Its execution.
    pub execution_id: Uuid,
    /// The most time it may run; `None` for the kernel's limit.
    pub time_limit: Option<Duration>,
    /// Whether those behind it run on after an exception.
    pub continue_on_error: bool,
    /// Where it says what happens.
    pub log: LogWriter,
}

impl Work {
    /// What to run, as it was accepted: it is held once.
    pub(super) fn code(&self) -> &str {
        &self.log.accepted().code
    }
}

/// What a kernel's task is asked.
#[derive(Debug)]
pub(super) enum Request {
    Submit(Box<Work>, OwnedSemaphorePermit),
    Cancel { execution_id: Uuid, taken: Option<Taken>, done: oneshot::Sender<bool> },
    Interrupt { clear_queue: bool, before: Option<AskedBefore>, done: oneshot::Sender<()> },
    Keep(oneshot::Sender<()>),
    Rename { rename: Box<Rename>, done: oneshot::Sender<Result<Option<store::Taken>, KernelError>> },
    Restart(oneshot::Sender<Result<(), KernelError>>),
    Stop(DeathCause, oneshot::Sender<()>),
    Leave(oneshot::Sender<()>),
    Press(Pressure),
    Ask(Box<Ask>),
    Input { input: Box<Input>, done: oneshot::Sender<Result<(), KernelError>> },
}

/// An interrupt that was asked for before, and may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedBefore {
    /// What ran then.
    pub execution_id: Option<Uuid>,
    /// When that was; unix microseconds.
    pub time: i64,
}

/// A line of input.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) execution_id: Uuid,
    pub(super) input_id: String,
    pub(super) value: String,
    pub(super) taken: Option<Taken>,
}

/// Another name, and the request for it.
#[derive(Debug)]
pub(super) struct Rename {
    pub(super) display_name: String,
    pub(super) once: Option<Once>,
}

/// A way to a kernel. Clones lead to the same one.
#[derive(Clone, Debug)]
pub struct KernelHandle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) queue: Arc<Semaphore>,
    pub(super) kernel: watch::Receiver<Arc<Kernel>>,
    /// See [`Parts::stopping`](super::Parts::stopping).
    pub(super) stopping: Arc<AtomicBool>,
}

/// A place in a kernel's queue. Dropped unused, it is free again.
#[derive(Debug)]
pub struct QueueSlot {
    place: OwnedSemaphorePermit,
    request: mpsc::OwnedPermit<Request>,
    position: u32,
}

impl KernelHandle {
    /// Which kernel.
    #[must_use]
    pub fn kernel_id(&self) -> Uuid {
        self.kernel.borrow().kernel_id
    }

    /// The kernel as it stands.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Kernel> {
        Arc::clone(&self.kernel.borrow())
    }

    /// The kernel at each change; closed when it is gone.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Kernel>> {
        self.kernel.clone()
    }

    /// Whether both lead to the same task.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.requests.same_channel(&other.requests)
    }

    /// The tables it holds.
    #[must_use]
    pub fn datasets(&self) -> Vec<KernelDatasetRef> {
        self.kernel.borrow().datasets.clone()
    }

    /// Takes a place in the queue, before the execution is written down anywhere.
    ///
    /// # Errors
    /// The kernel is dead, or its queue is full.
    pub async fn reserve(&self) -> Result<QueueSlot, KernelError> {
        let kernel = self.snapshot();
        if matches!(kernel.state, KernelState::Dead | KernelState::Stopping) {
            return Err(dead(&kernel));
        }
        let full = || KernelError::QueueFull { limit: kernel.limits.queue_max };
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| full())?;
        let request = self.requests.clone().reserve_owned().await.map_err(|_| self.unheard(dead))?;
        let position =
            u32::try_from(kernel.waiting.len()).unwrap_or(u32::MAX) + u32::from(kernel.running_execution_id.is_some());
        Ok(QueueSlot { place, request, position })
    }

    /// Takes a waiting execution from the queue or interrupts a running one; says whether it was there. Then its log says
    /// that this request was `taken`.
    pub async fn cancel(&self, execution_id: Uuid, taken: Option<Taken>) -> bool {
        let (done, answer) = oneshot::channel();
        let sent = self.requests.send(Request::Cancel { execution_id, taken, done }).await;
        sent.is_ok() && answer.await.unwrap_or(false)
    }

    /// Interrupts what runs; with `clear_queue`, what waits is cancelled too. Asked for `before`, only what ran and waited
    /// then is meant, and one that is being interrupted is left at that.
    ///
    /// # Errors
    /// The kernel is not there any more, or is left to the next service.
    pub async fn interrupt(&self, clear_queue: bool, before: Option<AskedBefore>) -> Result<(), KernelError> {
        let (done, answer) = oneshot::channel();
        let gone = || self.unheard(|_| KernelError::NotFound);
        self.requests.send(Request::Interrupt { clear_queue, before, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }

    /// Counts as use of it.
    ///
    /// # Errors
    /// The kernel is dead.
    pub async fn keep(&self) -> Result<(), KernelError> {
        let kernel = self.snapshot();
        if matches!(kernel.state, KernelState::Dead | KernelState::Stopping) {
            return Err(dead(&kernel));
        }
        let (done, answer) = oneshot::channel();
        self.requests.send(Request::Keep(done)).await.map_err(|_| self.unheard(dead))?;
        answer.await.map_err(|_| self.unheard(dead))
    }

    /// Gives it another name, which is on disk when this returns. Gives the former request of the same id instead, if there
    /// was one.
    ///
    /// # Errors
    /// The kernel is not there any more, or is left to the next service; the database.
    pub(crate) async fn rename(
        &self,
        display_name: String,
        once: Option<Once>,
    ) -> Result<Option<store::Taken>, KernelError> {
        let (done, answer) = oneshot::channel();
        let gone = || self.unheard(|_| KernelError::NotFound);
        let request = Request::Rename { rename: Box::new(Rename { display_name, once }), done };
        self.requests.send(request).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Answers an `InputRequestEvent`, by its id and the line. The log says that this request was `taken`.
    ///
    /// # Errors
    /// The execution does not wait for it.
    pub async fn reply_input(
        &self,
        execution_id: Uuid,
        (input_id, value): (String, String),
        taken: Option<Taken>,
    ) -> Result<(), KernelError> {
        let (done, answer) = oneshot::channel();
        let request = Request::Input { input: Box::new(Input { execution_id, input_id, value, taken }), done };
        self.requests.send(request).await.map_err(|_| KernelError::InputNotRequested)?;
        answer.await.unwrap_or(Err(KernelError::InputNotRequested))
    }

    /// Ends the process and starts another.
    ///
    /// # Errors
    /// The kernel is being ended, or left to the next service.
    pub(crate) async fn restart(&self) -> Result<(), KernelError> {
        let (done, answer) = oneshot::channel();
        let gone = || self.unheard(|_| KernelError::NotFound);
        self.requests.send(Request::Restart(done)).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Why nobody is there who answers: a kernel that goes on in the next service has not ended.
    pub(super) fn unheard(&self, otherwise: impl FnOnce(&Kernel) -> KernelError) -> KernelError {
        if self.stopping.load(Ordering::SeqCst) { KernelError::Stopping } else { otherwise(&self.snapshot()) }
    }

    /// Ends the kernel, and its task with it; returns when nothing of it runs any more. `false`: its task had ended before,
    /// and may have left the kernel to the next service.
    pub(crate) async fn stop(&self, cause: DeathCause) -> bool {
        let (done, answer) = oneshot::channel();
        self.requests.send(Request::Stop(cause, done)).await.is_ok() && answer.await.is_ok()
    }

    /// Tells a kernel that it is the largest of some that use too much memory together. Said again soon, it may be lost.
    pub(crate) fn press(&self, pressure: Pressure) {
        let _ = self.requests.try_send(Request::Press(pressure));
    }

    /// Leaves the kernel to the next service, and ends its task.
    pub(crate) async fn leave(&self) {
        let (done, answer) = oneshot::channel();
        if self.requests.send(Request::Leave(done)).await.is_ok() {
            let _ = answer.await;
        }
    }
}

impl QueueSlot {
    /// How many executions are before it, the running one included.
    #[must_use]
    pub fn position(&self) -> u32 {
        self.position
    }

    /// Hands the work over. From here on the kernel answers for its end.
    pub fn submit(self, work: Work) {
        self.request.send(Request::Submit(Box::new(work), self.place));
    }
}

pub(super) fn dead(kernel: &Kernel) -> KernelError {
    let death = kernel.death.as_ref();
    let what = death.map_or_else(|| "it is being ended".to_owned(), super::end::describe);
    KernelError::Dead { what }
}
