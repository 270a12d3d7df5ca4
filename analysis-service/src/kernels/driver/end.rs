//! The end of a process: its cause found, its last words kept, every execution ended truthfully, nothing left behind.

use std::{future::Future, time::Duration};

use fenxi_proto::analysis::v1::{Death, DeathCause, FinishedEvent, Outcome, StopCause};
use fenxi_supervisor::{
    Channel,
    process::{End, Ended},
};
use nix::sys::signal::Signal;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Driver, Waiting, Work,
    meter::MIB,
    run::{proto_duration, signed},
};
use crate::{
    executions::{Readiness, log::Ending},
    kernels::{
        connection::Incoming,
        launch::Launched,
        machine::tree,
        state::{Interrupter, State, death},
    },
};

/// How long what a process has left running may take to end before its last output is read.
const REST_WAIT: Duration = Duration::from_secs(1);
/// How long its last output may take in all.
const LAST_WORDS_MAX: Duration = Duration::from_secs(60);
/// How long after a process's end more of its last output is waited for.
const LAST_WORDS_WAIT: Duration = Duration::from_millis(300);
/// How long a start that follows on an end waits for the ends of executions at once; usually they are on disk.
const ENDING_WAIT: Duration = Duration::from_secs(2);
/// How long after the system killed it for want of memory a process may take to end.
const KILL_TOLD_WITHIN: Duration = Duration::from_secs(5);

impl Driver {
    /// Ends the process; the rest follows when its end is seen. The first cause counts.
    pub(super) fn kill(&mut self, death: Death) {
        self.killed.get_or_insert(death);
        if let Some(live) = &self.live {
            live.launched.process.signal(Signal::SIGKILL);
        }
    }

    /// The process has ended.
    pub(super) async fn ended(&mut self, ended: Option<Ended>) {
        let died_at = Instant::now();
        let mut left_cpu = Duration::ZERO;
        if let Some(live) = &self.live {
            // It goes on being ended beside, and again before anything of it is removed.
            left_cpu = timeout(REST_WAIT, live.launched.end_rest()).await.unwrap_or_default();
        }
        self.last_words(died_at).await;
        self.hear_unsent().await;
        let Some(live) = self.live.take() else { return };
        let live = *live;
        let mut death = self.killed.take().unwrap_or_else(|| self.cause(ended, &live.launched));
        death.time = Some(self.proto_now());
        if death.detail.is_empty() {
            death.detail = live.launched.process.log().await;
        }
        tracing::info!(kernel_id = %self.kernel.kernel_id, cause = death.cause().as_str_name(), "a kernel's process ended");
        self.end_running(&death, ended, left_cpu).await;
        (self.deaf_until, self.leaves_until) = (None, None);
        let clear = live.launched.clear();
        // Its connection first, so that nothing more is heard.
        drop(live.connection);
        (self.kernel.memory_bytes, self.kernel.held_bytes) = (0, 0);
        self.after_death_and(death, clear).await;
    }

    /// The state after the end of a process, or of the try to start one.
    pub(super) async fn after_death(&mut self, death: Death) {
        self.after_death_and(death, std::future::ready(())).await;
    }

    async fn after_death_and(&mut self, mut death: Death, clear: impl Future<Output = ()>) {
        self.killed = None;
        death.time.get_or_insert_with(|| self.proto_now());
        let again = matches!(self.state, State::Restarting);
        if !again {
            // What was sent since the restart was asked for waits for the next process.
            self.cancel_waiting(StopCause::Kernel, Some(death.clone())).await;
        }
        self.kernel.death = Some(death.clone());
        self.kernel.network = None;
        if !again {
            self.state.died(death);
        }
        // Told first, cleared after: the scan for what it left takes a while.
        self.publish();
        clear.await;
        self.disk.ran();
        self.walk_files();
        if again {
            self.start_again().await;
        } else {
            self.done = !self.stopping.is_empty();
            self.save().await;
        }
    }

    /// Starts a process in place of the former, once all that ended has its end on disk: what has none when another
    /// generation is written down would be run in it by a later service.
    pub(super) async fn start_again(&mut self) {
        if !self.until_ended().await {
            if self.leaving {
                return self.leave_waiting().await;
            }
            tracing::warn!(kernel_id = %self.kernel.kernel_id, "a kernel is not started again before all ends are on disk");
            return;
        }
        if self.state.start_again().is_ok() {
            self.kernel.generation += 1;
            if self.leaving {
                return self.leave_waiting().await;
            }
            // Written down before it is told: from here on, a later service begins this start anew.
            self.save().await;
            self.publish();
            self.start(None);
        }
    }

    /// Reads what the process said before its end and what lies on the way.
    async fn last_words(&mut self, died_at: Instant) {
        let deadline = died_at + LAST_WORDS_MAX;
        let mut open = 3;
        while open > 0 {
            let Some(live) = &mut self.live else { return };
            // As long as something comes: what was said while nobody listened may be much.
            let until = deadline.min(Instant::now() + LAST_WORDS_WAIT);
            let Ok(Some(incoming)) = timeout_at(until, live.connection.next()).await else { break };
            if let Incoming::Closed { channel, .. } = &incoming {
                open -= i32::from(matches!(channel, Channel::Iopub | Channel::Shell | Channel::Stdin));
            }
            self.hear(incoming).await;
        }
    }

    /// `left_cpu`: what those that it left running had used.
    async fn end_running(&mut self, death: &Death, ended: Option<Ended>, left_cpu: Duration) {
        if self.running.as_ref().is_some_and(|running| running.has_reply() && !running.goes_on()) {
            // The code had ended; what happened then happened to the kernel.
            return self.finish().await;
        }
        let Some(running) = self.running.take() else { return };
        let before = match running.before {
            Some(before) => Some(before.cpu().await),
            None => None,
        };
        let timed_out =
            running.interrupted == Some(Interrupter::TimeLimit) && death.cause() == DeathCause::Unresponsive;
        let peak_bytes = ended.map_or(0, |ended| ended.peak_bytes).max(self.meter.peak_bytes);
        let end = FinishedEvent {
            outcome: match ended {
                _ if timed_out => Outcome::TimedOut,
                Some(_) => Outcome::Killed,
                // The supervisor died: nobody knows how far the code came.
                None => Outcome::Lost,
            }
            .into(),
            death: Some(death.clone()),
            cpu_duration: ended.zip(before).map(|(ended, (own_cpu, family_cpu, _))| {
                proto_duration((ended.cpu + left_cpu).saturating_sub(own_cpu + family_cpu))
            }),
            peak_memory_bytes: signed(peak_bytes),
            ..FinishedEvent::default()
        };
        let ending = running.work.log.finish(end).await;
        self.note_ending(ending);
    }

    /// Ends everything that waits; with `death`, because of it.
    pub(super) async fn cancel_waiting(&mut self, cause: StopCause, death: Option<Death>) {
        self.cancel_those(|_| true, cause, death).await;
    }

    /// The same, of those that are meant.
    pub(super) async fn cancel_those(
        &mut self,
        meant: impl Fn(&Waiting) -> bool,
        cause: StopCause,
        death: Option<Death>,
    ) {
        for waiting in std::mem::take(&mut self.waiting) {
            if !meant(&waiting) {
                self.waiting.push_back(waiting);
                continue;
            }
            let ending = cancelled(waiting.work, cause, death.clone()).await;
            self.note_ending(ending);
        }
    }

    /// Ends what waits for an execution that did not end as it had to.
    pub(super) async fn cancel_dependents(&mut self) {
        let never = |waiting: &Waiting| waiting.work.log.readiness() == Readiness::Never;
        // The end of one may decide for others.
        while let Some(at) = self.waiting.iter().position(never) {
            let Some(waiting) = self.waiting.remove(at) else { return };
            let ending = cancelled(waiting.work, StopCause::Dependency, None).await;
            self.note_ending(ending);
        }
    }

    pub(super) fn note_ending(&mut self, ending: Ending) {
        self.endings.retain(|ending| !ending.is_on_disk());
        self.endings.push(ending);
    }

    /// The ends that have to be on disk before more is begun, where more is to be.
    pub(super) fn awaited_ends(&self) -> Option<Vec<Ending>> {
        let last = self.ending.iter().map(|(_, ending)| ending.clone());
        if self.is_between() {
            Some(self.endings.iter().cloned().chain(last).collect())
        } else {
            self.ending.as_ref().filter(|_| self.has_next())?;
            Some(last.collect())
        }
    }

    /// They are. What waits to be sent is sent next.
    pub(super) async fn written(&mut self) {
        // Not waited for again where nothing may be begun yet.
        self.acknowledge(None);
        if self.is_between() {
            self.start_again().await;
        }
    }

    /// Whether its process has ended and the next one is not being started yet.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, State::Restarting) && self.live.is_none() && self.starting.is_none()
    }

    /// Waits until all that ended has its end on disk, for a while; says whether it has.
    async fn until_ended(&mut self) -> bool {
        let last = self.ending.iter().map(|(_, ending)| ending);
        let ends = self.endings.iter().chain(last).cloned().collect();
        timeout(ENDING_WAIT, Ending::all_on_disk(ends)).await.is_ok()
    }

    fn cause(&self, ended: Option<Ended>, launched: &Launched) -> Death {
        match ended.map(|ended| ended.how) {
            Some(End::Exited(exit_code)) => Death { exit_code, ..death(DeathCause::Exit, "") },
            Some(End::Signalled(libc::SIGKILL)) if let Some(why) = self.memory_death(launched) => {
                Death { signal: libc::SIGKILL, ..death(DeathCause::Memory, why) }
            }
            Some(End::Signalled(libc::SIGSEGV)) if self.state.has_asked_stacks() => {
                death(DeathCause::Unresponsive, "two interrupts were not heeded")
            }
            Some(End::Signalled(signal)) => Death { signal, ..death(DeathCause::Signal, "") },
            None => death(DeathCause::Lost, "the supervisor of kernels has ended, and every kernel with it"),
        }
    }

    /// Whether the system killed it for want of memory, in words. It does not say why it kills; its counters do.
    fn memory_death(&self, launched: &Launched) -> Option<String> {
        let Some(new_kills) = launched.new_memory_kills() else {
            let killed = tree::memory_kills() > self.meter.memory_kills;
            return killed.then(|| "the machine ran out of memory".to_owned());
        };
        // A sample may have read the counter between the kill and the end.
        let sampled = self.meter.memory_killed_at.is_some_and(|at| at.elapsed() < KILL_TOLD_WITHIN);
        let limit = self.kernel.limits.memory_bytes.unwrap_or_default() / MIB;
        (new_kills > 0 || sampled).then(|| format!("it went over its memory limit of {limit} MiB"))
    }

    /// Writes down what has to outlive the service. A database that fails is said in the log, and life goes on.
    pub(super) async fn save(&mut self) {
        // As it stands now, also where that was not told yet.
        self.kernel.state = self.state.name();
        if let Err(error) = self.parts.store.save(&self.kernel).await {
            tracing::error!(kernel_id = %self.kernel.kernel_id, %error, "a kernel could not be written down");
        }
        self.save_files().await;
    }

    pub(super) fn proto_now(&self) -> prost_types::Timestamp {
        fenxi_proto::time::timestamp(self.parts.clock.now_micros())
    }
}

/// Ends an execution that never ran; with `death`, because of its kernel's.
pub(super) async fn cancelled(work: Work, cause: StopCause, death: Option<Death>) -> Ending {
    let (outcome, stop_cause) = (Outcome::Cancelled.into(), cause.into());
    let end = FinishedEvent { outcome, stop_cause, death, ..FinishedEvent::default() };
    work.log.finish(end).await
}

/// A death in words.
pub(super) fn describe(death: &Death) -> String {
    match death.cause() {
        DeathCause::Exit => format!("its process exited with code {}", death.exit_code),
        DeathCause::Signal => format!("signal {} ended its process", death.signal),
        DeathCause::Memory => "it ran out of memory".into(),
        DeathCause::Limit => "it went over a limit".into(),
        DeathCause::Deleted => "it was deleted".into(),
        DeathCause::Restarted => "it was restarted".into(),
        DeathCause::Idle => "it was idle for too long".into(),
        DeathCause::StartFailed => "it could not be started".into(),
        DeathCause::Unresponsive => "it did not heed an interrupt".into(),
        DeathCause::Shutdown => "the service was stopped".into(),
        DeathCause::Lost => "nobody saw how it ended".into(),
        DeathCause::UserDisabled => "its user was disabled".into(),
        DeathCause::Unspecified => "it has ended".into(),
    }
}
