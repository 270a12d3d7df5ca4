//! One task a kernel: it owns the process, the conversation and the state, and nobody touches these but by its mailbox.
//!
//! It writes what happens into the logs of executions, and never waits for a reader; its waits are the local disk's.
//! It knows neither users' rules (the registry has checked them) nor what becomes of a log.

mod adopt;
mod ask;
mod between;
mod change;
mod disk;
mod end;
mod guard;
mod hear;
mod held;
mod idle;
mod input;
mod interrupt;
mod mailbox;
mod meter;
mod pool;
mod pressure;
mod queue;
mod run;
mod settle;
mod start;
mod unheard;
mod walks;

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, atomic::AtomicBool},
};

use fenxi_chassis::clock::Clock;
use fenxi_proto::analysis::v1::{Death, DeathCause, KernelState, StopCause};
use fenxi_supervisor::{client::Lost, process::Ended};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    task::{JoinError, JoinHandle},
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    adopt::Adopted,
    mailbox::{AskedBefore, KernelHandle, QueueSlot, Work},
};
use self::{
    ask::Asks,
    between::Between,
    disk::Disk,
    mailbox::{REQUESTS_MAX, Request},
    meter::Meter,
    queue::Pace,
    run::Running,
    start::{Live, StartError, none_late},
    walks::Walked,
};
pub(crate) use self::{pool::Pool, start::Ready};
pub(crate) use self::{
    pressure::{Height, Pressure},
    walks::Walks,
};
use super::{
    connection::Incoming,
    launch::Launcher,
    model::{Kernel, Settings, TableSource},
    specs::Kinds,
    starts::{StartPlace, StartQueue},
    state::{Action, State, death},
    store::Store,
};
use crate::executions::log::Ending;

/// What all kernels share.
pub(crate) struct Parts {
    pub launcher: Arc<dyn Launcher>,
    /// The kinds beside the built-in one, which `launcher` starts.
    pub kinds: Kinds,
    pub source: TableSource,
    pub store: Store,
    pub clock: Clock,
    pub settings: Settings,
    /// The service is to end, and its kernels are ended or left.
    pub stopping: Arc<AtomicBool>,
    /// Turns to start.
    pub starts: StartQueue,
    /// Turns to read /proc on the threads that may block.
    pub meters: Arc<Semaphore>,
    /// Turns to walk over kernels' files there.
    pub walks: Walks,
}

/// An execution that waits, with its place.
struct Waiting {
    work: Work,
    /// Stands for its code.
    mark: u64,
    _place: OwnedSemaphorePermit,
}

/// A start under way.
struct Starting {
    task: JoinHandle<Result<Box<Live>, StartError>>,
    cancel: CancellationToken,
    place: StartPlace,
}

pub(crate) struct Driver {
    parts: Arc<Parts>,
    requests: mpsc::Receiver<Request>,
    published: watch::Sender<Arc<Kernel>>,
    kernel: Kernel,
    state: State,
    starting: Option<Starting>,
    /// See [`Plan::late`](start::Plan::late).
    late: TaskTracker,
    live: Option<Box<Live>>,
    waiting: VecDeque<Waiting>,
    running: Option<Running>,
    asks: Asks,
    meter: Meter,
    pace: Pace,
    disk: Disk,
    /// The end of the last execution as long as it is not on disk, and the first message of the kernel's that it needs.
    ending: Option<(u64, Ending)>,
    between: Between,
    /// The ends of others that may not be on disk.
    endings: Vec<Ending>,
    /// Why we ended the process, once we have.
    killed: Option<Death>,
    /// When the process is killed, because it closed its channels and goes on.
    deaf_until: Option<Instant>,
    /// Until when a kernel that was told to end by its code has to have ended.
    leaves_until: Option<Instant>,
    /// Who waits for the end of this task.
    stopping: Vec<oneshot::Sender<()>>,
    /// The kernel is left to the next service.
    leaving: bool,
    done: bool,
}

enum Wake {
    Request(Option<Request>),
    Started(Result<Result<Box<Live>, StartError>, JoinError>),
    Ended(Result<Ended, Lost>),
    Heard(Option<Incoming>),
    /// Its place among those that wait to be started may be another.
    Moved,
    /// The ends that were waited for are on disk.
    Written,
    Walked(Result<Option<Walked>, JoinError>),
    Tick,
}

impl Driver {
    /// Starts the task of a kernel: one that is dead, or one that is to be started, or is ready for it.
    pub(crate) fn spawn(parts: Arc<Parts>, kernel: Kernel, ready: Option<Ready>) -> KernelHandle {
        let dead = kernel.state == KernelState::Dead;
        let state = if dead { State::Dead(kernel.death.clone().unwrap_or_default()) } else { State::Starting };
        let (mut driver, handle) = Self::new(parts, kernel, state);
        if dead {
            driver.walk_files();
        } else {
            driver.start(ready);
        }
        tokio::spawn(driver.run());
        handle
    }

    fn new(parts: Arc<Parts>, kernel: Kernel, state: State) -> (Self, KernelHandle) {
        let queue_max = kernel.limits.queue_max as usize;
        let (sender, requests) = mpsc::channel(REQUESTS_MAX + queue_max);
        let (published, watched) = watch::channel(Arc::new(kernel.clone()));
        let (queue, stopping) = (Arc::new(Semaphore::new(queue_max)), Arc::clone(&parts.stopping));
        let handle = KernelHandle { requests: sender, queue, kernel: watched, stopping };
        let disk = Disk::saved(kernel.disk_bytes);
        let driver = Self {
            parts,
            requests,
            published,
            kernel,
            state,
            starting: None,
            late: none_late(),
            live: None,
            waiting: VecDeque::new(),
            running: None,
            asks: Asks::default(),
            meter: Meter::default(),
            pace: Pace::default(),
            disk,
            ending: None,
            between: Between::default(),
            endings: Vec::new(),
            killed: None,
            deaf_until: None,
            leaves_until: None,
            stopping: Vec::new(),
            leaving: false,
            done: false,
        };
        (driver, handle)
    }

    async fn run(mut self) {
        while !self.done {
            self.publish();
            match self.wake().await {
                Wake::Request(Some(request)) => self.take(request).await,
                // Nobody can reach this kernel any more.
                Wake::Request(None) => self.stop(DeathCause::Shutdown),
                Wake::Started(result) => self.started(result).await,
                Wake::Ended(ended) => self.ended(ended.ok()).await,
                Wake::Heard(Some(incoming)) => self.heard(incoming).await,
                Wake::Walked(walked) => self.walked(walked).await,
                Wake::Heard(None) => self.deaf(),
                Wake::Moved => {}
                Wake::Written => self.written().await,
                Wake::Tick => self.tick().await,
            }
            self.cancel_dependents().await;
            self.begin_next().await;
            self.tend_asks();
        }
        self.publish();
        self.refuse_the_rest().await;
        self.late.wait().await;
        for done in self.stopping.drain(..) {
            let _ = done.send(());
        }
    }

    /// The next thing that happens. Time goes before output: a kernel that never stops talking is interrupted too.
    async fn wake(&mut self) -> Wake {
        let due = self.due();
        let hears = self.deaf_until.is_none();
        let ends = self.awaited_ends();
        let (process, connection) = match &mut self.live {
            Some(live) => (Some(&mut live.launched.process), Some(&mut live.connection).filter(|_| hears)),
            None => (None, None),
        };
        let (start, place) = match &mut self.starting {
            Some(starting) => (Some(&mut starting.task), Some(starting.place.changed())),
            None => (None, None),
        };
        tokio::select! {
            biased;
            request = self.requests.recv(), if self.stopping.is_empty() => Wake::Request(request),
            started = or_never(start) => Wake::Started(started),
            () = or_never(place) => Wake::Moved,
            () = or_never(ends.map(Ending::all_on_disk)) => Wake::Written,
            ended = or_never(process.map(|process| process.ended())) => Wake::Ended(ended),
            () = or_never(due.map(sleep_until)) => Wake::Tick,
            walked = or_never(self.disk.walk.as_mut()) => Wake::Walked(walked),
            heard = or_never(connection.map(|connection| connection.next())) => Wake::Heard(heard),
        }
    }

    fn due(&self) -> Option<Instant> {
        let ladder = self.state.next_tick(self.parts.settings.ladder);
        let grace = self.running.as_ref().and_then(Running::due);
        let sample = self.live.is_some().then_some(self.meter.next_at);
        let signal = self.running.as_ref().and_then(Running::signal_at);
        let kill = self.running.as_ref().and_then(Running::kill_at).filter(|_| self.killed.is_none());
        let ends = [self.deaf_until, self.leaves_until.filter(|_| self.killed.is_none())];
        let dues = [ladder, grace, sample, signal, kill, self.asks.next_deadline()];
        dues.into_iter().chain(ends).flatten().min()
    }

    async fn take(&mut self, request: Request) {
        match request {
            Request::Submit(work, place) => self.submit(*work, place).await,
            Request::Cancel { execution_id, taken, done } => {
                let _ = done.send(self.cancel(execution_id, taken).await);
            }
            Request::Interrupt { clear_queue, before, done } => {
                self.interrupt_for_person(clear_queue, before).await;
                self.publish();
                let _ = done.send(());
            }
            Request::Keep(done) => {
                self.keep();
                self.publish();
                let _ = done.send(());
            }
            Request::Rename { rename, done } => {
                let result = self.rename(*rename).await;
                self.publish();
                let _ = done.send(result);
            }
            Request::Restart(done) => {
                let result = self.restart().await;
                self.publish();
                let _ = done.send(result);
            }
            Request::Stop(cause, done) => {
                self.stopping.push(done);
                self.stop(cause);
            }
            Request::Leave(done) => {
                self.stopping.push(done);
                self.leave().await;
            }
            Request::Press(pressure) => self.pressed(pressure).await,
            Request::Ask(ask) => self.asks.take(*ask),
            Request::Input { input, done } => {
                let _ = done.send(self.reply_input(*input).await);
            }
        }
    }

    async fn submit(&mut self, work: Work, place: OwnedSemaphorePermit) {
        self.touch();
        if self.state.takes_work() {
            self.waiting.push_back(Waiting { mark: queue::mark(work.code()), work, _place: place });
        } else {
            // While it is being ended, it is known of what it dies.
            let dying = self.killed.clone().map(|death| Death { time: Some(self.proto_now()), ..death });
            end::cancelled(work, StopCause::Kernel, dying.or_else(|| self.kernel.death.clone())).await;
        }
    }

    async fn tick(&mut self) {
        let now = Instant::now();
        if self.killed.is_none() && self.leaves_until.is_some_and(|until| until <= now) {
            self.kill(death(DeathCause::Unresponsive, "its code told it to exit, and it went on"));
        }
        if self.deaf_until.is_some_and(|until| until <= now) {
            self.deaf_until = Some(now + self.parts.settings.start_max);
            self.kill(death(DeathCause::Unresponsive, "the kernel closed its channels and went on"));
        }
        if let Some(action) = self.state.tick(now, self.parts.settings.ladder) {
            self.act(action).await;
        }
        if self.killed.is_none() && self.running.as_ref().is_some_and(Running::goes_on) {
            self.act(Action::Kill).await;
        }
        self.signal_if_due();
        if self.live.is_some() && self.meter.next_at <= now {
            self.sample().await;
            self.acknowledge(None);
            if let Some(live) = &mut self.live {
                live.connection.tell_written();
            }
        }
        self.settle().await;
    }

    /// Sends everyone who watches what has changed.
    fn publish(&mut self) {
        self.note_queue();
        let idles = matches!(self.state, State::Idle) && self.waiting.is_empty();
        self.kernel.idle_warning_time.take_if(|_| !idles);
        self.kernel.idle_end_time = idles.then(|| self.idle_end());
        let kernel = &mut self.kernel;
        kernel.state = self.state.name();
        kernel.running_execution_id = self.state.run().map(|run| run.execution_id);
        kernel.start_position = self.starting.as_ref().map_or(0, |starting| starting.place.position());
        if **self.published.borrow() != *kernel {
            kernel.revision += 1;
            self.published.send_replace(Arc::new(kernel.clone()));
        }
    }

    /// It was used just now.
    fn touch(&mut self) {
        self.kernel.last_activity_time = self.parts.clock.now_micros();
        self.kernel.idle_warning_time = None;
    }

    /// What was sent in the last moment is ended, not lost.
    async fn refuse_the_rest(&mut self) {
        self.cancel_waiting(StopCause::Kernel, self.kernel.death.clone()).await;
        self.requests.close();
        while let Some(request) = self.requests.recv().await {
            match request {
                Request::Submit(work, _place) if self.leaving => work.log.leave().await,
                Request::Submit(work, _place) => {
                    end::cancelled(*work, StopCause::Kernel, self.kernel.death.clone()).await;
                }
                Request::Stop(_, done) | Request::Leave(done) => self.stopping.push(done),
                // Dropping the others answers them.
                _ => {}
            }
        }
    }
}

/// A future that may not be there.
async fn or_never<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
