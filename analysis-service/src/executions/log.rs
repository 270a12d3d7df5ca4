//! The log of a running execution, as the task that drives its kernel writes it.
//!
//! The events are the generated messages of the contract, on purpose: an event has one form on disk, in the outbox, in
//! the history and on the wire, and is not translated on the way. A [`LogWriter`] bounds an event, holds the execution
//! to its output limit, moves large contents to the object store, and hands the rest to the spool's thread: what a kernel
//! said once its owner says that nothing more has come, all else at once. It waits while too much of this execution is on
//! its way to the disk, and for nothing else; it never fails to its owner.

use std::{sync::Arc, time::Duration};

use fenxi_chassis::clock::Clock;
use fenxi_proto::analysis::v1::{
    FinishedEvent, InputRequestEvent, NoticeKind, Outcome, StartedEvent, output_event::Event,
};
use uuid::Uuid;

use super::{
    Accepted,
    bounds::{bound, cost_bytes},
    content::Contents,
    cutter::{Cutter, OutputLimit},
    dependency::Readiness,
    drafts::Drafts,
    finish::Finisher,
    journal::Journal,
    limits::LARGE_TEXT_BYTES,
    live::Live,
    record::Through,
    requests::Taken,
    scribe::{Draft, Scribe},
    sink::Held,
};

/// What every log needs.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) scribe: Scribe,
    pub(super) contents: Contents,
    pub(super) clock: Clock,
    pub(super) limit: OutputLimit,
    pub(super) finisher: Finisher,
    pub(super) journal: Journal,
}

/// Where something that a kernel said stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Its number among the kernel's messages.
    pub number: u64,
    /// When it came, in microseconds since 1970 in UTC; without that, it came now.
    pub time: Option<i64>,
}

/// Writes the log of one execution. Whoever holds it owns the execution's end: dropped without [`LogWriter::finish`],
/// the execution ends as LOST.
#[derive(Debug)]
pub struct LogWriter {
    live: Arc<Live>,
    desk: Desk,
    cutter: Cutter,
    drafts: Drafts,
    start_time: Option<i64>,
    /// Of the newest event.
    last_time: i64,
    /// The newest of the kernel's messages that was taken in whole.
    through: u64,
    /// The newest of them that was sent to the disk; what is held back is not.
    sent: u64,
    /// The question that was open when this service took the log up.
    asked: Option<InputRequestEvent>,
    /// A request that was taken, until something that came of it is on its way to the disk.
    taken: Option<Taken>,
    /// It has told of an error.
    failed: bool,
    /// The interrupt that had been sent by then, and when.
    interrupted: Option<(NoticeKind, i64)>,
    ended: bool,
}

/// An end on its way to the disk. Clones are the same.
#[derive(Clone, Debug)]
pub struct Ending(Arc<Live>);

impl Ending {
    /// Whether it is there.
    #[must_use]
    pub fn is_on_disk(&self) -> bool {
        self.0.progress().end.is_some()
    }

    /// Waits until it is.
    pub async fn on_disk(&self) {
        // The sender lives as long as this.
        let _ = self.0.watch().wait_for(|progress| progress.end.is_some()).await;
    }

    /// Waits until all of these are.
    pub async fn all_on_disk(endings: Vec<Self>) {
        for ending in &endings {
            ending.on_disk().await;
        }
    }
}

impl LogWriter {
    /// Begins the log of what was just accepted, with its first event.
    pub(super) fn begin(live: Arc<Live>, desk: Desk) -> Self {
        live.begin();
        Self::over(live, desk)
    }

    fn over(live: Arc<Live>, desk: Desk) -> Self {
        Self {
            cutter: Cutter::new(desk.limit),
            drafts: Drafts::new(Arc::clone(&live), desk.scribe.clone()),
            live,
            desk,
            start_time: None,
            last_time: 0,
            through: 0,
            sent: 0,
            asked: None,
            taken: None,
            failed: false,
            interrupted: None,
            ended: false,
        }
    }

    /// Goes on with the log of an earlier process, and says in it what may be missing.
    pub(super) async fn resume(live: Arc<Live>, desk: Desk, held: &Held) -> Self {
        let mut log = Self::over(live, desk);
        let missing = log.cutter.resume(held);
        log.start_time = held.progress.start_time;
        (log.through, log.sent) = (held.progress.through, held.progress.through);
        log.asked.clone_from(&held.asked);
        log.interrupted = held.interrupted;
        log.failed = held.failed;
        if let Some(missing) = missing {
            log.append(missing).await;
        }
        log
    }

    /// Whose log this is.
    #[must_use]
    pub fn execution_id(&self) -> Uuid {
        self.live.id()
    }

    /// What was accepted.
    #[must_use]
    pub fn accepted(&self) -> &Accepted {
        &self.live.accepted
    }

    /// Whether it may begin, by what it depends on.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let depends_on = self.live.accepted.depends_on;
        depends_on.map_or(Readiness::Ready, |on| self.live.link.readiness(on.condition))
    }

    /// When the kernel began, if it has.
    #[must_use]
    pub fn start_time(&self) -> Option<i64> {
        self.start_time
    }

    /// How long ago the kernel began, if it has.
    #[must_use]
    pub fn ran(&self) -> Option<Duration> {
        let ran = self.desk.clock.now_micros().saturating_sub(self.start_time?);
        Some(Duration::from_micros(ran.try_into().unwrap_or_default()))
    }

    /// Appends what the service says itself. `Queued` is written already, and the end has [`LogWriter::finish`].
    pub async fn append(&mut self, event: Event) {
        self.put(event, None, None).await;
        self.hand_in().await;
    }

    /// Appends what the kernel said with its message of this moment: forms of outputs whole, JSON forms as their text,
    /// binary forms decoded. One that is in the log already, of an earlier service, is passed over.
    /// Says whether it was not. To be followed by [`LogWriter::hand_in`], or the end.
    pub async fn hear(&mut self, Moment { number, time }: Moment, event: Event) -> bool {
        let new = number > self.through;
        if new {
            self.put(event, Some(number), time).await;
            self.through = number;
        }
        new
    }

    /// Sends what was heard to the disk, and from there to its readers: nothing more has come.
    pub async fn hand_in(&mut self) {
        self.drafts.hand_in().await;
    }

    /// A request was taken: what comes next in the log comes of it. To be followed by [`LogWriter::note_taken`], or the
    /// end.
    pub fn take(&mut self, taken: Option<Taken>) {
        self.taken = taken;
    }

    /// The same of a request that an earlier service took and did not write down.
    pub fn take_again(&mut self, taken: Option<Taken>) {
        if let Some(taken) = taken {
            self.live.requests().add(taken);
        }
        self.take(taken);
    }

    /// Writes down that the request was taken, if nothing came of it that has it beside it.
    pub async fn note_taken(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        self.sent = self.sent.max(self.through);
        let (time, through) = (self.time(None), Some(self.through));
        self.drafts.add(Draft { time, event: None, through, taken: Some(taken), room: None }).await;
        self.hand_in().await;
    }

    /// Whether it has told of an error.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// The question to which an earlier service had no answer yet.
    #[must_use]
    pub fn asked(&self) -> Option<InputRequestEvent> {
        self.asked.clone()
    }

    /// The interrupt that an earlier service told of, if any, and when in unix microseconds: a person's, or for a limit.
    #[must_use]
    pub fn interrupted(&self) -> Option<(NoticeKind, i64)> {
        self.interrupted
    }

    /// Up to which of the kernel's messages everything is on disk, if that of this number is the newest that was taken in.
    /// What is held back above the output limit does not count: it is not kept for another service.
    #[must_use]
    pub fn on_disk(&self, newest: u64) -> u64 {
        let through = self.live.progress().through;
        if through >= self.sent { newest } else { through }
    }

    /// The time of an event, which is neither before that of another nor to come.
    fn time(&mut self, said: Option<i64>) -> i64 {
        let now = self.desk.clock.now_micros();
        self.last_time = said.map_or(now, |said| said.min(now)).max(self.last_time);
        self.last_time
    }

    async fn put(&mut self, event: Event, number: Option<u64>, said: Option<i64>) {
        self.failed |= matches!(event, Event::Error(_));
        let time = self.time(said);
        let mut last = None;
        for piece in bounded(event).await {
            for kept in self.cutter.take(piece) {
                if let Some(before) = last.replace(kept) {
                    let through = if number.is_none() { Some(self.through) } else { None };
                    self.write(time, before, through).await;
                }
            }
        }
        if let Some(last) = last {
            self.write(time, last, number.or(Some(self.through))).await;
        }
    }

    /// The kernel began to run it then, as its `execution_count`-th; its messages up to that one are of no account any more.
    /// To be followed by [`LogWriter::hand_in`], or the end.
    pub async fn started(&mut self, execution_count: i32, said: Moment) {
        self.through = self.through.max(said.number);
        self.start_time = Some(self.time(said.time));
        self.put(Event::Started(StartedEvent { execution_count }), None, self.start_time).await;
    }

    /// Ends the log. Durations of the queue and of the run that are unset, and the counts of bytes, are filled in. The
    /// end is on disk before anyone reads it; database and history follow by themselves.
    pub async fn finish(self, end: FinishedEvent) -> Ending {
        self.finish_at(end, None).await
    }

    /// Ends the log with what the kernel said then, in microseconds since 1970 in UTC.
    pub async fn finish_at(mut self, mut end: FinishedEvent, said: Option<i64>) -> Ending {
        let time = self.time(said);
        self.live.link.ended(end.outcome(), end.stop_cause());
        self.flush(time).await;
        self.complete(&mut end, time);
        self.send(time, Event::Finished(end), Some(self.through)).await;
        self.hand_in().await;
        self.ended = true;
        Ending(Arc::clone(&self.live))
    }

    /// Lets the log go, for the next service to go on with.
    pub async fn leave(mut self) {
        let time = self.time(None);
        self.flush(time).await;
        self.hand_in().await;
        self.live.leave();
        self.ended = true;
    }

    async fn flush(&mut self, time: i64) {
        for event in self.cutter.flush() {
            self.write(time, event, Some(self.through)).await;
        }
    }

    async fn write(&mut self, time: i64, mut event: Event, through: Through) {
        let lost_bytes = self.desk.contents.move_out(&self.live, &mut event).await;
        if lost_bytes == 0 {
            return self.send(time, event, through).await;
        }
        let marker = self.cutter.lost(lost_bytes);
        self.send(time, event, None).await;
        self.send(time, marker, through).await;
    }

    async fn send(&mut self, time: i64, event: Event, through: Through) {
        self.sent = self.sent.max(through.unwrap_or_default());
        let room = self.drafts.room(cost_bytes(&event)).await;
        let (event, taken) = (Some(event), self.taken.take());
        self.drafts.add(Draft { time, event, through, taken, room }).await;
    }

    fn complete(&self, end: &mut FinishedEvent, time: i64) {
        let duration = |from: i64, until: i64| Some(fenxi_proto::time::duration((until - from).max(0)));
        let queued = self.live.accepted.create_time;
        if end.queue_duration.is_none() {
            end.queue_duration = duration(queued, self.start_time.unwrap_or(time));
        }
        if let (None, Some(start)) = (&end.wall_duration, self.start_time) {
            end.wall_duration = duration(start, time);
        }
        end.output_bytes = i64::try_from(self.cutter.kept_bytes()).unwrap_or(i64::MAX);
        end.dropped_bytes = i64::try_from(self.cutter.dropped_bytes()).unwrap_or(i64::MAX);
    }
}

/// The event with bounded fields; a large text is taken apart on a thread where that blocks nobody.
async fn bounded(event: Event) -> Vec<Event> {
    if matches!(&event, Event::Stream(stream) if stream.text.len() >= LARGE_TEXT_BYTES) {
        return tokio::task::spawn_blocking(move || bound(event)).await.unwrap_or_default();
    }
    bound(event)
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        tracing::error!(execution_id = %self.live.id(), "an execution was dropped without its end");
        let time = self.time(None);
        let mut end = FinishedEvent { outcome: Outcome::Lost.into(), ..FinishedEvent::default() };
        self.live.link.ended(end.outcome(), end.stop_cause());
        self.complete(&mut end, time);
        let (event, through, taken) = (Some(Event::Finished(end)), Some(self.through), self.taken.take());
        let last = Draft { time, event, through, taken, room: None };
        let mut drafts = self.drafts.take();
        // Without a runtime the process ends, and its next start finds the log without an end.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                drafts.add(last).await;
                drafts.hand_in().await;
            });
        }
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
