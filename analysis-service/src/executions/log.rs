//! The log of a running execution, as the task that drives its kernel writes it.
//!
//! The events are the generated messages of the contract, on purpose: an event has one form on disk, in the outbox, in
//! the history and on the wire, and is not translated on the way. A [`LogWriter`] bounds an event, holds the execution
//! to its output limit, moves large contents to the object store, and hands the rest to the spool's thread. It waits
//! while too much of this execution is on its way to the disk, and for nothing else; it never fails to its owner.

use std::sync::Arc;

use fenxi_chassis::clock::Clock;
use fenxi_proto::analysis::v1::{FinishedEvent, Outcome, QueuedEvent, StartedEvent, output_event::Event};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    bounds::{bound, cost_bytes},
    content::Contents,
    cutter::{Cutter, OutputLimit},
    finish::Finisher,
    journal::Journal,
    limits::IN_FLIGHT_MAX_BYTES,
    live::Live,
    scribe::{Command, Scribe},
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

/// Writes the log of one execution. Whoever holds it owns the execution's end: dropped without [`LogWriter::finish`],
/// the execution ends as LOST.
#[derive(Debug)]
pub struct LogWriter {
    live: Arc<Live>,
    desk: Desk,
    cutter: Cutter,
    /// In bytes.
    room: Arc<Semaphore>,
    start_time: Option<i64>,
    ended: bool,
}

impl LogWriter {
    /// Begins a log with its first event. Its file is there already.
    pub(super) async fn begin(live: Arc<Live>, desk: Desk, position: i32) -> Self {
        let mut log = Self::over(live, desk);
        log.append(Event::Queued(QueuedEvent { position })).await;
        log
    }

    /// Goes on with the log of an earlier process.
    pub(super) fn resume(live: Arc<Live>, desk: Desk, held: &Held) -> Self {
        let mut log = Self::over(live, desk);
        log.cutter.resume(held.kept_bytes, held.cost_bytes);
        log.start_time = held.progress.start_time;
        log
    }

    fn over(live: Arc<Live>, desk: Desk) -> Self {
        let room = Arc::new(Semaphore::new(IN_FLIGHT_MAX_BYTES as usize));
        Self { cutter: Cutter::new(desk.limit), live, desk, room, start_time: None, ended: false }
    }

    /// Whose log this is.
    #[must_use]
    pub fn execution_id(&self) -> Uuid {
        self.live.id()
    }

    /// Appends an event as it came from the kernel: forms of outputs whole, JSON forms as their text, binary forms
    /// decoded. `Queued` is written already, and the end has [`LogWriter::finish`].
    pub async fn append(&mut self, event: Event) {
        let time = self.desk.clock.now_micros();
        for piece in bound(event) {
            for kept in self.cutter.take(piece) {
                self.write(time, kept).await;
            }
        }
    }

    /// The kernel began to run it, as its `execution_count`-th.
    pub async fn started(&mut self, execution_count: i32) {
        self.start_time = Some(self.desk.clock.now_micros());
        self.append(Event::Started(StartedEvent { execution_count })).await;
    }

    /// Ends the log. Durations of the queue and of the run that are unset, and the counts of bytes, are filled in. The
    /// end is on disk before anyone reads it; database and history follow by themselves.
    pub async fn finish(mut self, mut end: FinishedEvent) {
        let time = self.desk.clock.now_micros();
        for event in self.cutter.flush() {
            self.write(time, event).await;
        }
        self.complete(&mut end, time);
        self.send(time, Event::Finished(end)).await;
        self.ended = true;
    }

    async fn write(&mut self, time: i64, mut event: Event) {
        let lost_bytes = self.desk.contents.move_out(&self.live, &mut event).await;
        self.send(time, event).await;
        if lost_bytes > 0 {
            let marker = self.cutter.lost(lost_bytes);
            self.send(time, marker).await;
        }
    }

    async fn send(&self, time: i64, event: Event) {
        let bytes = u32::try_from(cost_bytes(&event)).unwrap_or(u32::MAX).min(IN_FLIGHT_MAX_BYTES);
        // The semaphore is never closed; without a permit the event goes on its way all the same.
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await.ok();
        if self.desk.scribe.send(Command::Append { id: self.live.id(), time, event, room }).await.is_err() {
            tracing::error!(execution_id = %self.live.id(), "an event came after the spool had ended");
        }
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

impl Drop for LogWriter {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        tracing::error!(execution_id = %self.live.id(), "an execution was dropped without its end");
        let time = self.desk.clock.now_micros();
        let mut end = FinishedEvent { outcome: Outcome::Lost.into(), ..FinishedEvent::default() };
        self.complete(&mut end, time);
        let command = Command::Append { id: self.live.id(), time, event: Event::Finished(end), room: None };
        let scribe = self.desk.scribe.clone();
        // Without a runtime the process ends, and its next start finds the log without an end.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { scribe.send(command).await });
        }
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
