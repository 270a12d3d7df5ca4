//! Kernels kept ready: forked beforehand under ids of their own, spoken to, held to their limits, and used by nobody. A new
//! kernel becomes one of them where it can be none other; the place is filled again behind it, one at a time, and only
//! while nobody waits for a start. Each serves one user and is never taken back from one. They end with this service.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use fenxi_chassis::id::Ids;
use futures_util::future::select_all;
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinError, JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    or_never,
    start::{Ready, StartError, none_late},
};
use crate::kernels::{
    launch::{LaunchError, Launcher, Order},
    model::{KernelLimits, Settings},
    starts::StartQueue,
};

/// Requests to the pool that may wait; who comes when it is full has a kernel started.
const REQUESTS_MAX: usize = 256;
/// How long after a hand-over the place is filled again: what was handed over begins its work first.
const REFILL_PAUSE: Duration = Duration::from_millis(250);
/// How often it is looked whether anybody still waits for a start.
const TURN_PAUSE: Duration = Duration::from_millis(100);
/// The pause after a start that failed, or a kernel that died waiting; twice as long after each further one.
const FAILED_PAUSE: Duration = Duration::from_secs(1);
const FAILED_PAUSE_MAX: Duration = Duration::from_secs(60);

/// The way to the kernels that are kept ready.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Option<mpsc::Sender<Request>>);

#[derive(Debug)]
enum Request {
    Take {
        limits: KernelLimits,
        done: oneshot::Sender<Option<Ready>>,
    },
    GiveBack(Box<Ready>),
    /// There may be more or less room than before.
    Look,
    Close(oneshot::Sender<()>),
}

/// Says how many kernels there may be beside those that live.
pub(crate) type Room = Box<dyn Fn() -> usize + Send>;

/// Owns the kernels that are kept ready.
struct Keeper {
    launcher: Arc<dyn Launcher>,
    starts: StartQueue,
    settings: Settings,
    ids: Ids,
    room: Room,
    requests: mpsc::Receiver<Request>,
    kept: VecDeque<Kept>,
    filling: Option<JoinHandle<Result<Kept, StartError>>>,
    fill_at: Instant,
    failures: u32,
    clearing: JoinSet<()>,
    cancel: CancellationToken,
}

struct Kept {
    ready: Ready,
    /// Of which prepared process it is a fork.
    preparation: u64,
}

enum Wake {
    Request(Option<Request>),
    Filled(Box<Result<Result<Kept, StartError>, JoinError>>),
    Ended(usize),
    Fill,
}

impl Pool {
    /// Begins to keep as many as the settings say.
    pub(crate) fn start(
        launcher: Arc<dyn Launcher>,
        starts: StartQueue,
        settings: Settings,
        ids: Ids,
        room: Room,
    ) -> Self {
        if settings.pool_size == 0 {
            return Self(None);
        }
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let keeper = Keeper {
            launcher,
            starts,
            settings,
            ids,
            room,
            requests,
            kept: VecDeque::new(),
            filling: None,
            fill_at: Instant::now(),
            failures: 0,
            clearing: JoinSet::new(),
            cancel: CancellationToken::new(),
        };
        tokio::spawn(keeper.run());
        Self(Some(sender))
    }

    /// One that lives and is held to these limits, if there is any.
    pub(crate) async fn take(&self, limits: KernelLimits) -> Option<Ready> {
        let sender = self.0.as_ref()?;
        let (done, taken) = oneshot::channel();
        sender.try_send(Request::Take { limits, done }).ok()?;
        let taken = taken.await.ok().flatten();
        let counter = if taken.is_some() { "kernel_pool_hits_total" } else { "kernel_pool_misses_total" };
        metrics::counter!(counter).increment(1);
        taken
    }

    /// It became nobody's kernel: nothing was done with it.
    pub(crate) fn give_back(&self, ready: Ready) {
        if let Some(sender) = &self.0 {
            // Full or closed: dropped, its process ends.
            let _ = sender.try_send(Request::GiveBack(Box::new(ready)));
        }
    }

    /// Kernels came or went.
    pub(crate) fn look(&self) {
        if let Some(sender) = &self.0 {
            // Full: it looks after each request.
            let _ = sender.try_send(Request::Look);
        }
    }

    /// Ends all that are kept. Nothing of them is left afterwards.
    pub(crate) async fn close(&self) {
        let Some(sender) = &self.0 else { return };
        let (done, closed) = oneshot::channel();
        if sender.send(Request::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

impl Keeper {
    /// Runs until it is closed, or nobody can ask any more.
    async fn run(mut self) {
        let closed = loop {
            self.tidy();
            match self.wake().await {
                Wake::Request(Some(Request::Take { limits, done })) => self.hand_over(limits, done),
                Wake::Request(Some(Request::GiveBack(ready))) => {
                    // Not outdated if it was not when it was taken; a moment later it may be, and is found out then.
                    let Some(preparation) = self.launcher.preparation() else {
                        self.clear(*ready);
                        continue;
                    };
                    self.kept.push_front(Kept { ready: *ready, preparation });
                }
                Wake::Request(Some(Request::Look)) => {}
                Wake::Request(Some(Request::Close(done))) => break Some(done),
                Wake::Request(None) => break None,
                Wake::Filled(filled) => self.filled(*filled),
                Wake::Ended(index) => {
                    if let Some(kept) = self.kept.remove(index) {
                        tracing::warn!(kernel_id = %kept.ready.kernel_id(), "a kernel that was kept ready ended");
                        self.clear(kept.ready);
                        self.failed();
                    }
                }
                Wake::Fill => self.fill(),
            }
        };
        self.end().await;
        if let Some(done) = closed {
            let _ = done.send(());
        }
    }

    async fn wake(&mut self) -> Wake {
        let wanted = self.filling.is_none() && self.kept.len() < self.size();
        let mut ends: Vec<_> = self.kept.iter_mut().map(|kept| Box::pin(kept.ready.ended())).collect();
        let ended = (!ends.is_empty()).then(|| select_all(ends.drain(..)));
        tokio::select! {
            biased;
            request = self.requests.recv() => Wake::Request(request),
            filled = or_never(self.filling.as_mut()) => Wake::Filled(Box::new(filled)),
            ((), index, _) = or_never(ended) => Wake::Ended(index),
            () = sleep_until(self.fill_at), if wanted => Wake::Fill,
        }
    }

    /// How many there are to be: as many as are asked for, and no more than may live.
    fn size(&self) -> usize {
        (self.settings.pool_size as usize).min((self.room)())
    }

    fn hand_over(&mut self, limits: KernelLimits, done: oneshot::Sender<Option<Ready>>) {
        // Whatever happened since the last look.
        self.tidy();
        let own = self.settings.limits;
        let fits = (own.memory_bytes, own.file_max_bytes) == (limits.memory_bytes, limits.file_max_bytes);
        let kept = if fits { self.kept.pop_front() } else { None };
        let preparation = kept.as_ref().map(|kept| kept.preparation);
        match done.send(kept.map(|kept| kept.ready)) {
            Ok(()) => self.fill_at = self.fill_at.max(Instant::now() + REFILL_PAUSE),
            // Whoever asked has gone.
            Err(ready) => {
                self.kept.extend(ready.zip(preparation).map(|(ready, preparation)| Kept { ready, preparation }));
            }
        }
    }

    /// Ends those that nobody may have: dead ones, forks of a process that is gone, and those for which there is no room.
    fn tidy(&mut self) {
        while self.clearing.try_join_next().is_some() {}
        let (current, size) = (self.launcher.preparation(), self.size());
        for kept in std::mem::take(&mut self.kept) {
            let fits = Some(kept.preparation) == current && self.kept.len() < size;
            if !kept.ready.is_whole() {
                self.clear(kept.ready);
                self.failed();
            } else if fits {
                self.kept.push_back(kept);
            } else {
                self.clear(kept.ready);
            }
        }
        metrics::gauge!("kernel_pool_ready").set(f64::from(u32::try_from(self.kept.len()).unwrap_or(u32::MAX)));
    }

    fn clear(&mut self, ready: Ready) {
        let launcher = Arc::clone(&self.launcher);
        self.clearing.spawn(async move {
            let kernel_id = ready.kernel_id();
            ready.clear().await;
            launcher.forget(kernel_id).await;
        });
    }

    fn fill(&mut self) {
        let (launcher, starts) = (Arc::clone(&self.launcher), self.starts.clone());
        let (cancel, settings) = (self.cancel.clone(), self.settings);
        let order = Order {
            kernel_id: self.ids.next(),
            owner_user_id: None,
            generation: 1,
            memory_bytes: settings.limits.memory_bytes,
            file_bytes: settings.limits.file_max_bytes,
        };
        self.filling = Some(tokio::spawn(async move {
            let preparation = tokio::select! {
                preparation = launcher.prepared() => preparation,
                () = cancel.cancelled() => return Err(StartError::Cancelled),
            };
            let turn = loop {
                if let Some(turn) = starts.turn_if_unused() {
                    break turn;
                }
                tokio::select! {
                    () = sleep(TURN_PAUSE) => {}
                    () = cancel.cancelled() => return Err(StartError::Cancelled),
                }
            };
            let (deadline, late) = (Instant::now() + settings.start_max, none_late());
            let started = Ready::start(Arc::clone(&launcher), order, deadline, &late, &cancel).await;
            drop(turn);
            late.wait().await;
            match started {
                Ok(ready) if ready.is_forked() => Ok(Kept { ready, preparation }),
                Ok(ready) => {
                    // As heavy as any plain one, and started while it was not wanted.
                    ready.clear().await;
                    launcher.forget(order.kernel_id).await;
                    Err(LaunchError::Spawn(std::io::Error::other("it was not forked")).into())
                }
                Err(error) => {
                    launcher.forget(order.kernel_id).await;
                    Err(error)
                }
            }
        }));
    }

    fn filled(&mut self, filled: Result<Result<Kept, StartError>, JoinError>) {
        self.filling = None;
        match filled.map_err(std::io::Error::other).map_err(LaunchError::Spawn).map_err(Into::into).flatten() {
            Ok(kept) => {
                self.failures = 0;
                self.kept.push_back(kept);
            }
            Err(error) => {
                let error: StartError = error;
                tracing::warn!(%error, "a kernel to be kept ready was not started");
                self.failed();
            }
        }
    }

    fn failed(&mut self) {
        let pause = FAILED_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures)).min(FAILED_PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.fill_at = Instant::now() + pause;
    }

    async fn end(mut self) {
        // What is still asked is answered: with none.
        self.requests.close();
        self.cancel.cancel();
        if let Some(filling) = self.filling.take()
            && let Ok(Ok(kept)) = filling.await
        {
            self.clear(kept.ready);
        }
        for kept in std::mem::take(&mut self.kept) {
            self.clear(kept.ready);
        }
        while let Some(request) = self.requests.recv().await {
            match request {
                Request::GiveBack(ready) => self.clear(*ready),
                Request::Close(done) => drop(done),
                Request::Take { .. } | Request::Look => {}
            }
        }
        while self.clearing.join_next().await.is_some() {}
        metrics::gauge!("kernel_pool_ready").set(0.0);
    }
}
