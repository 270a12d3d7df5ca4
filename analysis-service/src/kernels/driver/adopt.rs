//! From one service to the next: a kernel is left with all that it does and taken up again, the running execution with it
//! and those that wait. What the kernel said meanwhile the supervisor has kept.

use std::{sync::Arc, time::Duration};

use fenxi_proto::analysis::v1::{DeathCause, FinishedEvent, KernelState, NoticeKind, Outcome, StopCause};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Driver, KernelHandle, Parts, Waiting, Work, meter::Meter, queue::mark, run::Running, start::Live};
use crate::kernels::{
    connection::{ConnectError, Connection},
    launch::Launched,
    model::Kernel,
    state::{Interrupter, Run, State},
};

/// How long the supervisor may take to hand over a conversation.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// What may be kept by the supervisor for the sake of an execution's reply: well below what it keeps of a kernel.
const KEPT_FOR_END_MAX_BYTES: usize = 32 * 1024 * 1024;

/// A kernel of an earlier service that lives on.
#[derive(Debug)]
pub struct Adopted {
    live: Box<Live>,
    /// The execution that was sent to it last.
    sent: Option<Uuid>,
}

impl Adopted {
    /// Takes up the conversation. A kernel that cannot be talked to is ended.
    pub async fn connect(mut launched: Launched) -> Option<Self> {
        let line = launched.process.line();
        match Connection::open(&line, &launched.endpoint, Instant::now() + CONNECT_WAIT).await {
            Ok(connection) => {
                // Its code waited at the proxy meanwhile, and is not told that the service was another.
                launched.open_network().await;
                let sent = connection.last_tag().and_then(|tag| Uuid::try_parse(tag).ok());
                let live = Live { launched, connection, notices: Vec::new(), heard: 0, _tables: Vec::new() };
                Some(Self { live: Box::new(live), sent })
            }
            Err(error) => {
                refused(&launched, &error);
                launched.clear().await;
                None
            }
        }
    }

    /// Which kernel it is.
    #[must_use]
    pub fn kernel_id(&self) -> Uuid {
        self.live.launched.kernel_id
    }

    /// Which of the kernel's processes.
    pub(crate) fn generation(&self) -> i32 {
        self.live.launched.generation
    }

    /// Nobody wants it.
    pub(crate) async fn end(self) {
        let Live { launched, connection, .. } = *self.live;
        drop(connection);
        launched.clear().await;
    }
}

fn refused(launched: &Launched, error: &ConnectError) {
    tracing::warn!(kernel_id = %launched.kernel_id, %error, "a kernel of an earlier service cannot be taken up");
}

impl Driver {
    /// Starts the task of a kernel that an earlier service left, with what was accepted for it.
    pub(crate) async fn adopt(
        parts: Arc<Parts>,
        mut kernel: Kernel,
        adopted: Adopted,
        works: Vec<Work>,
    ) -> KernelHandle {
        let Adopted { mut live, sent } = adopted;
        live.connection.belongs_to(kernel.owner_user_id);
        kernel.state = KernelState::Idle;
        kernel.start = live.launched.start;
        kernel.isolation = Some(live.launched.isolation.clone());
        kernel.network = live.launched.reach();
        kernel.limits.cpu_percent = live.launched.cpu_percent();
        kernel.limits.enforced = live.launched.enforced;
        let (mut driver, handle) = Self::new(parts, kernel, State::Idle);
        driver.meter = Meter::new(driver.parts.settings.sample_interval);
        driver.adopt_files(live.launched.generation == 1);
        driver.live = Some(live);
        driver.touch();
        for work in works {
            if Some(work.execution_id) == sent {
                driver.go_on_with(work);
            } else {
                driver.wait_again(work, &handle);
            }
        }
        driver.note_given().await;
        tokio::spawn(driver.run());
        handle
    }

    /// Starts the task of a kernel whose start an earlier service began and did not see to its end, with what was accepted
    /// for it. Nothing was ever sent to a process of this generation.
    pub(crate) fn start_anew(parts: Arc<Parts>, mut kernel: Kernel, works: Vec<Work>) -> KernelHandle {
        kernel.state = KernelState::Starting;
        let (mut driver, handle) = Self::new(parts, kernel, State::Starting);
        for work in works {
            driver.wait_again(work, &handle);
        }
        tracing::info!(kernel_id = %driver.kernel.kernel_id, "the start of a kernel that an earlier service began is begun anew");
        driver.start(None);
        tokio::spawn(driver.run());
        handle
    }

    fn wait_again(&mut self, work: Work, handle: &KernelHandle) {
        if work.log.start_time().is_some() {
            // It was sent to the kernel before another was, or to a former one: it is not run a second time.
            let end = FinishedEvent { outcome: Outcome::Lost.into(), ..FinishedEvent::default() };
            tokio::spawn(work.log.finish(end));
        } else if let Ok(place) = Arc::clone(&handle.queue).try_acquire_owned() {
            self.waiting.push_back(Waiting { mark: mark(work.code()), work, _place: place });
        } else {
            // The limit is lower than the former service's was.
            tokio::spawn(super::end::cancelled(work, StopCause::Limit, None));
        }
    }

    /// An execution runs in the kernel already.
    fn go_on_with(&mut self, work: Work) {
        let limit = work.time_limit.unwrap_or(self.kernel.limits.execution_max).min(self.kernel.limits.execution_max);
        // The clock may have been set since it began; the supervisor's time goes on.
        let talk = self.live.as_ref().map(|live| (live.connection.memo(), live.connection.last_tag_age()));
        let (memo, known) = talk.unwrap_or_default();
        let by_clock = || {
            let ran = work.log.start_time().map_or(0, |began| self.parts.clock.now_micros().saturating_sub(began));
            Duration::from_micros(u64::try_from(ran).unwrap_or(0))
        };
        let left = limit.saturating_sub(known.unwrap_or_else(by_clock));
        let run = Run { execution_id: work.execution_id, deadline: Instant::now().checked_add(left) };
        // It is idle, as far as this service knows.
        let _ = self.state.begin(run);
        let interrupted = work.log.interrupted().map(|(kind, _)| kind);
        let mut running = Running::resumed(work, memo, known);
        match interrupted {
            Some(NoticeKind::TimeLimit) => running.interrupted = Some(Interrupter::TimeLimit),
            Some(kind) => {
                // SIGINT was sent, or is once the code is well under way; the ladder is climbed from here on.
                let by = if kind == NoticeKind::MemoryInterrupt { Interrupter::Memory } else { Interrupter::Person };
                running.interrupted = Some(by);
                let _ = self.state.interrupt(by, Instant::now());
            }
            None => {}
        }
        self.running = Some(running);
    }

    /// Leaves the kernel to the next service. A start is given up, and begun anew by that one; so is one that is to follow
    /// on the end of a process.
    pub(super) async fn leave(&mut self) {
        if let Some(live) = self.live.take_if(|_| self.killed.is_none()) {
            return self.leave_live(*live).await;
        }
        match (&self.state, &self.starting) {
            (State::Starting, Some(starting)) => {
                self.leaving = true;
                starting.cancel.cancel();
            }
            (State::Restarting, _) if self.is_between() => self.leave_waiting().await,
            (State::Restarting, _) => self.leaving = true,
            // It is being ended, which is seen through.
            _ => self.stop(DeathCause::Shutdown),
        }
    }

    pub(super) async fn leave_live(&mut self, live: Live) {
        let Live { launched, connection, .. } = live;
        // What is on its way is heard by the next service.
        drop((connection, launched));
        self.leave_waiting().await;
    }

    /// Lets go of everything that was accepted, and of the kernel.
    pub(super) async fn leave_waiting(&mut self) {
        (self.leaving, self.done) = (true, true);
        if let Some(running) = self.running.take() {
            running.work.log.leave().await;
        }
        for Waiting { work, .. } in std::mem::take(&mut self.waiting) {
            work.log.leave().await;
        }
        self.save().await;
    }

    /// Tells the supervisor what it need not keep, `number` being the newest message that was taken in.
    pub(super) fn acknowledge(&mut self, number: Option<u64>) {
        self.ending.take_if(|(_, ending)| ending.is_on_disk());
        let Some(live) = &mut self.live else { return };
        live.heard = number.unwrap_or(live.heard);
        // With much behind it, a reply is not kept: what is not acknowledged would stop the kernel. Whether the code failed
        // its output tells, too.
        let keeps = live.connection.unacknowledged_bytes() < KEPT_FOR_END_MAX_BYTES;
        let needed = self.running.as_ref().and_then(Running::needs_from).filter(|_| keeps);
        let ending = self.ending.as_ref().map(|(needed, _)| *needed);
        let mut safe = self.running.as_ref().map_or(live.heard, |running| running.work.log.on_disk(live.heard));
        for needed in needed.into_iter().chain(ending) {
            safe = safe.min(needed.saturating_sub(1));
        }
        let memo = self.running.as_mut().map(|running| running.memo(live.heard));
        live.connection.written_down(safe, memo);
    }
}
