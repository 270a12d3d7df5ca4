//! The execution that runs: begun, interrupted, and brought to its one end.

use std::time::Duration;

use fenxi_chassis::clock::micros;
use fenxi_proto::analysis::v1::{
    DeathCause, DisplayEvent, FinishedEvent, InputRequestEvent, Outcome, StopCause, output_event::Event,
};
use tokio::time::Instant;

use super::{
    Driver, Waiting, Work,
    meter::Before,
    queue::{self, Pace},
    settle::{Echo, Overdue},
};
use crate::{
    executions::{Moment, Readiness},
    kernels::{
        connection::Memo,
        machine::disk::Kept,
        output::Reply,
        state::{Interrupter, Run, State, death},
    },
};

/// How long after its begin code is well under way. Before, a SIGINT can meet the kernel's own preparations, which
/// swallow it.
const BEGIN_GRACE: Duration = Duration::from_millis(100);

/// The execution that runs.
pub(super) struct Running {
    pub(super) work: Work,
    /// Stands for its code.
    mark: u64,
    /// Its request's id.
    pub(super) id: String,
    pub(super) started: bool,
    /// When the code began, as far as the kernel said.
    started_at: Option<Instant>,
    /// A SIGINT is to be sent once the code is well under way.
    signal_due: bool,
    pub(super) reply: Option<Reply>,
    /// When its reply came, and when the kernel is killed in spite of it.
    pub(super) replied_at: Option<Instant>,
    kill_at: Option<Instant>,
    pub(super) idle: bool,
    pub(super) last_heard: Instant,
    /// What a later service is told of it: how much of its own text was heard, among others.
    pub(super) memo: Memo,
    /// Asks the kernel whether there is more.
    pub(super) echo: Echo,
    pub(super) input: Option<InputRequestEvent>,
    pub(super) interrupted: Option<Interrupter>,
    pub(super) memory_told: bool,
    /// What the kernel held when it began, as far as it is known.
    pub(super) memory_before_bytes: Option<u64>,
    /// What its kernel's files were when it began, as far as it is known, and whether it was told that they are many.
    pub(super) files_before: Option<Kept>,
    pub(super) files_told: bool,
    /// When it was interrupted because kernels use too much memory together, and whether it was told that they do.
    pub(super) pressed_at: Option<Instant>,
    pub(super) pressed_told: bool,
    /// What the kernel had used before, if it is known.
    pub(super) before: Option<Before>,
    /// An earlier service sent it to the kernel.
    pub(super) is_resumed: bool,
    /// The first of the kernel's messages from which its end will be made.
    end_from: Option<u64>,
    /// When the last of them came, in microseconds since 1970 in UTC, if that is known.
    end_time: Option<i64>,
}

impl Running {
    fn new(work: Work, mark: u64, before: Option<Before>, memo: Memo) -> Self {
        Self {
            mark,
            id: work.execution_id.to_string(),
            work,
            started: false,
            started_at: None,
            signal_due: false,
            reply: None,
            replied_at: None,
            kill_at: None,
            idle: false,
            last_heard: Instant::now(),
            memo,
            echo: Echo::default(),
            input: None,
            interrupted: None,
            memory_told: false,
            memory_before_bytes: None,
            files_before: None,
            files_told: false,
            pressed_at: None,
            pressed_told: false,
            before,
            is_resumed: false,
            end_from: None,
            end_time: None,
        }
    }

    /// One that an earlier service sent to the kernel so long ago, with what that told of it.
    pub(super) fn resumed(work: Work, memo: Memo, sent: Option<Duration>) -> Self {
        let (began, input) = (work.log.start_time(), work.log.asked());
        // A SIGINT that was told so early was put off, and that service may have ended before it was sent. One too many
        // is heeded no otherwise than the ladder's second.
        let early = |told: i64| began.is_none_or(|began| told.saturating_sub(began) < micros(BEGIN_GRACE));
        let signal_due = work.log.interrupted().is_some_and(|(_, told)| early(told));
        let (started, started_at) = (began.is_some(), began.map(|_| Instant::now()));
        let (mark, before) = (queue::mark(work.code()), Before::told(memo, sent));
        Self { started, started_at, signal_due, input, is_resumed: true, ..Self::new(work, mark, before, memo) }
    }

    /// The first message of the kernel's that a later service would have to hear again.
    pub(super) fn needs_from(&self) -> Option<u64> {
        self.end_from
    }

    pub(super) fn ends_with(&mut self, said: Moment) {
        self.end_from.get_or_insert(said.number);
        self.end_time = self.end_time.max(said.time);
    }

    /// When something is to be done about an `idle` or a reply that does not come.
    pub(super) fn due(&self) -> Option<Instant> {
        // Of what an earlier service began, the reply may have been heard by that one.
        let awaited = self.reply.is_some() || (self.is_resumed && self.idle);
        awaited.then(|| self.echo.due(self.last_heard))
    }

    /// All that it said was heard.
    pub(super) fn is_over(&self) -> bool {
        (self.reply.is_some() && self.idle) || self.echo.is_back()
    }

    /// Asks for a SIGINT; says whether it is to be sent at once.
    pub(super) fn ask_signal(&mut self) -> bool {
        self.signal_due = self.started_at.is_none_or(|at| at.elapsed() < BEGIN_GRACE);
        !self.signal_due
    }

    /// When the SIGINT that was asked for is to be sent.
    pub(super) fn signal_at(&self) -> Option<Instant> {
        // What has a reply has ended.
        self.started_at.filter(|_| self.signal_due && self.reply.is_none()).map(|at| at + BEGIN_GRACE)
    }

    /// Takes the SIGINT that is due, once.
    pub(super) fn take_signal(&mut self) -> bool {
        let due = self.signal_at().is_some_and(|at| at <= Instant::now());
        self.signal_due &= !due;
        due
    }

    /// How long it will go on if it runs as long as it did before; unknown once it has run longer.
    pub(super) fn expected_rest(&self, pace: &Pace) -> Option<Duration> {
        // How long one of an earlier service ran is not known here.
        let ran = if self.is_resumed { return None } else { self.ran() };
        pace.expected(self.mark)?.checked_sub(ran)
    }

    fn ran(&self) -> Duration {
        self.started_at.map_or(Duration::ZERO, |at| at.elapsed())
    }

    /// Whether the code has run to an end, whatever became of the kernel afterwards.
    pub(super) fn has_reply(&self) -> bool {
        self.reply.is_some()
    }

    /// What is done about a kernel that is to be killed although a reply has come. Where nothing is done yet, it is asked
    /// again in time.
    pub(super) fn overdue(&mut self, settle: Duration) -> Overdue {
        let Some(replied_at) = self.replied_at else { return Overdue::Kill };
        let (at, due) = self.echo.overdue(replied_at, settle);
        self.kill_at = Some(at);
        if at > Instant::now() { Overdue::Wait } else { due }
    }

    /// When the kernel is killed in spite of a reply.
    pub(super) fn kill_at(&self) -> Option<Instant> {
        self.kill_at
    }

    /// Whether the reply has to be a lie: it is past its time to end.
    pub(super) fn goes_on(&self) -> bool {
        self.kill_at.is_some_and(|at| at <= Instant::now())
    }
}

impl Driver {
    /// Whether something waits for nothing but the end of the one before to be on disk.
    pub(super) fn has_next(&self) -> bool {
        let takes = self.killed.is_none() && self.leaves_until.is_none();
        matches!(self.state, State::Idle) && takes && !self.waiting.is_empty()
    }

    /// Begins what waits longest, if nothing runs.
    pub(super) async fn begin_next(&mut self) {
        if !self.has_next() {
            return;
        }
        // A later service takes what was sent last for what runs, and runs the others: the one before must have its end by
        // then, however long a disk takes nothing.
        if self.ending.as_ref().is_some_and(|(_, ending)| !ending.is_on_disk()) {
            return;
        }
        // What one depends on is before it in the queue, or about to come into it.
        let ready = |waiting: &Waiting| waiting.work.log.readiness() == Readiness::Ready;
        let Some(at) = self.waiting.iter().position(ready) else { return };
        let Some(Waiting { work, mark, .. }) = self.waiting.remove(at) else { return };
        self.acknowledge(None);
        // Before the code is: of what runs already a part would be missing.
        let Some((before, memo)) = self.live.as_ref().map(|live| self.note_before(live)) else { return };
        let Some(live) = &mut self.live else { return };
        let id = work.execution_id.to_string();
        let content = serde_json::json!({
            "code": work.code(), "silent": false, "store_history": true, "user_expressions": {}, "allow_stdin": true,
            // One at a time is sent, so that there is nothing for the kernel to abort.
            "stop_on_error": false,
        });
        let limit = work.time_limit.unwrap_or(self.kernel.limits.execution_max);
        let limit = limit.min(self.kernel.limits.execution_max);
        let sent = live.connection.execute(&id, &content, memo);
        let now = Instant::now();
        // Idle was checked above.
        let _ = self.state.begin(Run { execution_id: work.execution_id, deadline: now.checked_add(limit) });
        let notices = std::mem::take(&mut live.notices);
        let mut running = Running::new(work, mark, Some(before), memo);
        running.memory_before_bytes = Some(self.meter.held.bytes());
        running.files_before = self.disk.known();
        for notice in notices {
            running.work.log.append(Event::Notice(notice)).await;
        }
        self.running = Some(running);
        self.touch();
        self.end_rest();
        self.glance_soon();
        if sent.is_err() {
            self.kill(death(DeathCause::Unresponsive, "the kernel takes no requests"));
        }
    }

    /// Ends the running execution by its reply.
    pub(super) async fn finish(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let reply = running.reply.take();
        let reply = reply.unwrap_or_else(|| Reply { ok: !running.work.log.has_failed(), ..Reply::default() });
        if !running.started {
            running.begin(reply.execution_count, Moment::default()).await;
        }
        if let Some(bundle) = reply.page.clone() {
            let page = DisplayEvent { bundle: Some(bundle), display_id: String::new() };
            running.work.log.append(Event::Display(page)).await;
        }
        let outcome = outcome(&reply, running.interrupted);
        if outcome == Outcome::Ok && !running.is_resumed {
            self.pace.note(running.mark, running.ran());
        }
        let heard = self.live.as_ref().map_or(0, |live| live.heard);
        let unwritten = running.work.log.on_disk(heard).saturating_add(1);
        let Running { work, before, end_from, end_time, interrupted: by, .. } = running;
        let used = match before {
            Some(before) => self.used_since(before).await,
            None => None,
        };
        let end = FinishedEvent {
            outcome: outcome.into(),
            stop_cause: by.filter(|_| outcome == Outcome::Interrupted).map(cause).unwrap_or_default().into(),
            cpu_duration: used.map(proto_duration),
            peak_memory_bytes: signed(self.meter.peak_bytes),
            ..FinishedEvent::default()
        };
        // What waits would find the memory as full.
        let interrupted = outcome == Outcome::Interrupted && by != Some(Interrupter::Memory);
        let goes_on = work.continue_on_error || outcome == Outcome::Ok || interrupted;
        let ending = work.log.finish_at(end, end_time).await;
        self.ending = Some((end_from.map_or(unwritten, |from| from.min(unwritten)), ending));
        self.disk.ran();
        // Busy or being interrupted: something ran.
        let _ = self.state.end();
        self.touch();
        self.note_use();
        if reply.leaves {
            // What waits ends with the kernel.
            self.leaves();
        }
        if !goes_on {
            self.cancel_waiting(StopCause::Failure, None).await;
        }
    }
}

impl Running {
    /// Says that it began, which is known from the kernel's messages up to this moment; without a count where the kernel did
    /// not say it.
    pub(super) async fn begin(&mut self, execution_count: Option<i32>, said: Moment) {
        self.started = true;
        self.work.log.started(execution_count.unwrap_or_default(), said).await;
        let now = Instant::now();
        self.started_at = now.checked_sub(self.work.log.ran().unwrap_or_default()).or(Some(now));
    }
}

fn outcome(reply: &Reply, interrupted: Option<Interrupter>) -> Outcome {
    match (interrupted, reply.ok) {
        (Some(Interrupter::TimeLimit), _) => Outcome::TimedOut,
        (_, true) => Outcome::Ok,
        (Some(Interrupter::Person | Interrupter::Memory | Interrupter::Limit), false) => Outcome::Interrupted,
        (None, false) => Outcome::Error,
    }
}

/// Why what is interrupted is.
fn cause(by: Interrupter) -> StopCause {
    match by {
        Interrupter::Person => StopCause::Requested,
        Interrupter::Memory => StopCause::Memory,
        Interrupter::Limit => StopCause::Limit,
        Interrupter::TimeLimit => StopCause::Unspecified,
    }
}

pub(super) fn proto_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
