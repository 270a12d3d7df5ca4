//! One log as the spool's thread holds it: what waits to be written, the next number, the place in the file.
//!
//! A log has a file from what is written first on; one that is written to its end at once, and is short, needs none: its
//! end stands in the journal with all of it, and its readers have it in memory.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use fenxi_proto::analysis::v1::{
    InputRequestEvent, NoticeKind, Outcome, OutputEvent, TruncatedEvent, output_event::Event,
};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    bounds::{cost_bytes, payload_bytes},
    journal::Journal,
    limits::{MARK_EVERY_BYTES, STREAM_TEXT_MAX_BYTES, TIP_MAX_BYTES, TIP_MAX_EVENTS, UNWRITTEN_MAX_EVENTS},
    live::{Live, Progress, Written},
    record::{self, Through},
    requests::Taken,
    scribe::Draft,
    spares::Spares,
    spool,
};

/// What the log of an earlier process held.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// How far it is.
    pub(super) progress: Progress,
    /// Bytes of output in it.
    pub(super) kept_bytes: u64,
    /// What its events took of the output limit.
    pub(super) cost_bytes: u64,
    /// Bytes of output that it says were dropped.
    pub(super) dropped_bytes: u64,
    /// Whether it was above the limit, and what became of what was held back.
    pub(super) cut: Cut,
    /// The question that was not answered.
    pub(super) asked: Option<InputRequestEvent>,
    /// It has told of an error.
    pub(super) failed: bool,
    /// The interrupt that was sent, and when; in unix microseconds.
    pub(super) interrupted: Option<(NoticeKind, i64)>,
}

/// An event that waits to be written, with the time at which it came and the request that was taken with it; or a request
/// alone.
struct Staged {
    time: i64,
    event: Option<Event>,
    through: Through,
    taken: Option<Taken>,
}

/// The same with its number.
type Numbered = (Option<OutputEvent>, Through, Option<Taken>);

/// What logs are written to.
pub(super) struct Paper {
    pub(super) spares: Spares,
    pub(super) journal: Journal,
}

pub(super) struct Sink {
    live: Arc<Live>,
    file: Option<Arc<File>>,
    /// What was made known before there was a file, and is to stand at its beginning.
    head: Vec<u8>,
    staged: Vec<Staged>,
    rooms: Vec<OwnedSemaphorePermit>,
    last_sequence: i64,
    bytes: u64,
    kept_bytes: u64,
    /// Output that could not be written, and that the end is to tell of.
    lost_bytes: u64,
    failing: bool,
}

/// Whether a log was above its output limit when it was left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cut {
    /// It was not, as far as it says.
    #[default]
    Below,
    /// It was, and what had been held back was written.
    Whole,
    /// It was, and what was held back since may be missing.
    Open,
}

impl Held {
    /// What of an event concerns how an execution goes on.
    pub(super) fn see(&mut self, event: &OutputEvent) {
        match &event.event {
            Some(Event::InputRequest(asked)) => self.asked = Some(asked.clone()),
            Some(Event::InputReply(_)) => self.asked = None,
            Some(Event::Error(_)) => self.failed = true,
            Some(Event::Truncated(cut)) => self.dropped_bytes += u64::try_from(cut.dropped_bytes).unwrap_or(0),
            Some(Event::Notice(notice)) => {
                let kind = notice.kind();
                if kind == NoticeKind::OutputLimit {
                    self.cut = Cut::Open;
                }
                if matches!(kind, NoticeKind::InterruptSent | NoticeKind::TimeLimit | NoticeKind::MemoryInterrupt) {
                    let time = event.time.as_ref().map(fenxi_proto::time::unix_micros);
                    self.interrupted = Some((kind, time.unwrap_or_default()));
                }
            }
            _ => {}
        }
        // Above the limit, output is written where all of it is that was held back; after a question more may be held.
        self.cut = match (self.cut, &event.event) {
            (Cut::Open, Some(event)) if payload_bytes(event) > 0 => Cut::Whole,
            (Cut::Whole, Some(Event::InputRequest(_))) => Cut::Open,
            (cut, _) => cut,
        };
    }
}

impl Sink {
    /// A log of which nobody has more than its first event.
    pub(super) fn new(live: Arc<Live>) -> Self {
        let (_, head) = live.first();
        Self { head, last_sequence: 1, ..Self::over(live, None) }
    }

    fn over(live: Arc<Live>, file: Option<Arc<File>>) -> Self {
        Self {
            live,
            file,
            head: Vec::new(),
            staged: Vec::new(),
            rooms: Vec::new(),
            last_sequence: 0,
            bytes: 0,
            kept_bytes: 0,
            lost_bytes: 0,
            failing: false,
        }
    }

    /// Goes on with a file that an earlier process wrote.
    pub(super) fn resume(live: &Arc<Live>, file: File, scan: spool::Scan) -> io::Result<(Self, Held)> {
        let mut held = Held::default();
        let mut marks = Vec::new();
        let mut offset = 0;
        spool::scan(&file, |spool::Entry { event, through, taken, bytes }| {
            note(&mut held.progress, event.as_ref(), through, taken);
            if let Some(taken) = taken {
                live.requests().add(taken);
            }
            let start = offset;
            offset += bytes;
            let Some(event) = event else { return };
            if marks.last().is_none_or(|(_, at)| start >= at + MARK_EVERY_BYTES) {
                marks.push((event.sequence, start));
            }
            for content in super::content::references(&event) {
                live.add_content(content.0, content.1);
            }
            held.see(&event);
            if let Some(event) = &event.event {
                held.kept_bytes += payload_bytes(event);
                held.cost_bytes += cost_bytes(event);
            }
        })?;
        held.progress.bytes = scan.bytes;
        if let Some((_, outcome)) = held.progress.end {
            live.link.ended(outcome, held.progress.stop_cause);
        }
        let file = Arc::new(file);
        live.set_file(Arc::clone(&file));
        let mut sink = Self::over(Arc::clone(live), Some(file));
        live.resume(marks, held.progress);
        sink.last_sequence = scan.last_sequence;
        sink.bytes = scan.bytes;
        sink.kept_bytes = held.kept_bytes;
        Ok((sink, held))
    }

    /// Whether nothing waits.
    pub(super) fn is_clean(&self) -> bool {
        self.staged.is_empty()
    }

    /// Whether the last write failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing
    }

    /// Takes an event to be written next, or a request that was taken, or both; joins a text to the one before where both
    /// are of one stream.
    pub(super) fn stage(&mut self, Draft { time, event, through, taken, room }: Draft) {
        self.rooms.extend(room);
        if let (Some(Event::Stream(text)), None) = (&event, taken)
            && let Some(Staged { event: Some(Event::Stream(last)), through: last_through, .. }) = self.staged.last_mut()
            && text.name == last.name
            && last.text.len() + text.text.len() <= STREAM_TEXT_MAX_BYTES
        {
            last.text.push_str(&text.text);
            *last_through = through;
            return;
        }
        self.staged.push(Staged { time, event, through, taken });
    }

    /// Writes what waits and makes it known. Says whether the log is complete.
    pub(super) fn write(&mut self, paper: &mut Paper) -> bool {
        if self.staged.is_empty() && self.head.is_empty() {
            return false;
        }
        let staged = self.numbered();
        let mut records = self.head.clone();
        let (mut written, mut alone) = (Vec::with_capacity(staged.len()), Vec::new());
        let mut start = records.len();
        for (event, through, taken) in staged {
            record::write(event.as_ref(), through, taken, &mut records);
            let Some(event) = event else {
                alone.extend(taken.map(|taken| (through, taken)));
                continue;
            };
            written.push(Written { event: Arc::new(event), through, taken, bytes: records.len() - start });
            start = records.len();
        }
        let done = if alone.is_empty() && self.goes_to_the_journal(&written, &records, &paper.journal) {
            Ok(())
        } else {
            self.append(&records, &mut paper.spares)
        };
        match done {
            Ok(()) => self.wrote(records.len() as u64, written, &alone),
            Err(error) => self.failed(&error, written, alone),
        }
    }

    /// Writes a whole log to the journal, if that is all there is of it and it stays in memory.
    fn goes_to_the_journal(&self, written: &[Written], log: &[u8], journal: &Journal) -> bool {
        let ends = written.last().is_some_and(|last| is_end(&last.event));
        let stays = log.len() <= TIP_MAX_BYTES && written.len() < TIP_MAX_EVENTS;
        if self.file.is_some() || !ends || !stays {
            return false;
        }
        let ticket = journal.write_end(self.live.id(), log);
        let taken = ticket.is_some();
        ticket.into_iter().for_each(|ticket| self.live.set_end_ticket(ticket));
        taken
    }

    fn append(&mut self, records: &[u8], spares: &mut Spares) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = Arc::new(spares.create(self.live.id())?);
                self.live.set_file(Arc::clone(&file));
                self.file = Some(Arc::clone(&file));
                file
            }
        };
        file.write_all_at(records, self.bytes)
    }

    fn numbered(&mut self) -> Vec<Numbered> {
        let mut sequence = self.last_sequence;
        let mut number = |time: i64, mut event: Event| {
            if let Event::Finished(end) = &mut event {
                let lost = signed(std::mem::take(&mut self.lost_bytes));
                end.output_bytes = end.output_bytes.saturating_sub(lost).max(0);
                end.dropped_bytes = end.dropped_bytes.saturating_add(lost);
            }
            sequence += 1;
            OutputEvent { sequence, time: Some(fenxi_proto::time::timestamp(time)), event: Some(event) }
        };
        std::mem::take(&mut self.staged)
            .into_iter()
            .map(|Staged { time, event, through, taken }| (event.map(|event| number(time, event)), through, taken))
            .collect()
    }

    fn wrote(&mut self, bytes: u64, written: Vec<Written>, alone: &[(Through, Taken)]) -> bool {
        self.failing = false;
        self.rooms.clear();
        self.head.clear();
        self.bytes += bytes;
        let last = written.last().map(|last| Arc::clone(&last.event));
        self.last_sequence = last.as_ref().map_or(self.last_sequence, |last| last.sequence);
        let complete = last.is_some_and(|last| is_end(&last));
        let of = |written: &Written| (Arc::clone(&written.event), written.through, written.taken);
        let events: Vec<_> = written.iter().map(of).collect();
        self.kept_bytes += events.iter().filter_map(|(event, ..)| event.event.as_ref()).map(payload_bytes).sum::<u64>();
        let end = self.bytes;
        self.live.publish(written, |progress| {
            progress.bytes = end;
            for (through, taken) in alone {
                note(progress, None, *through, Some(*taken));
            }
            for (event, through, taken) in &events {
                note(progress, Some(event), *through, *taken);
            }
        });
        complete
    }

    /// Leaves out the output that could not be written, and keeps the rest for the next time.
    fn failed(&mut self, error: &io::Error, written: Vec<Written>, alone: Vec<(Through, Taken)>) -> bool {
        if !self.failing {
            tracing::error!(execution_id = %self.live.id(), %error, "the log of an execution cannot be written");
        }
        metrics::counter!("execution_spool_failures_total").increment(1);
        self.failing = true;
        // A part of the records may be in the file; it is overwritten next time, and cut at the next start.
        if let Some(file) = &self.file {
            file.set_len(self.bytes).ok();
        }
        self.rooms.clear();
        for (through, taken) in alone {
            self.staged.push(Staged { time: 0, event: None, through, taken: Some(taken) });
        }
        for Written { event, through, taken, .. } in written {
            let Some(OutputEvent { time, event: Some(event), .. }) = Arc::into_inner(event) else { continue };
            let time = time.as_ref().map_or(0, fenxi_proto::time::unix_micros);
            let bytes = payload_bytes(&event);
            let waits = match &event {
                Event::Finished(_) | Event::Error(_) => true,
                _ => taken.is_some() || (bytes == 0 && self.staged.len() < UNWRITTEN_MAX_EVENTS),
            };
            if waits {
                self.staged.push(Staged { time, event: Some(event), through, taken });
            } else {
                self.lose(time, bytes, through);
            }
        }
        false
    }

    /// Counts output that is lost, in a marker where it would have stood.
    fn lose(&mut self, time: i64, bytes: u64, through: Through) {
        self.lost_bytes += bytes;
        if let Some(Staged { event: Some(Event::Truncated(marker)), through: last, .. }) = self.staged.last_mut() {
            marker.dropped_bytes = marker.dropped_bytes.saturating_add(signed(bytes));
            *last = through;
            return;
        }
        let (kept_bytes, dropped_bytes) = (signed(self.kept_bytes), signed(bytes));
        let event = Event::Truncated(TruncatedEvent { kept_bytes, dropped_bytes, limit_bytes: 0 });
        self.staged.push(Staged { time, event: Some(event), through, taken: None });
    }
}

fn is_end(event: &OutputEvent) -> bool {
    matches!(event.event, Some(Event::Finished(_)))
}

/// What a record changes in the progress.
fn note(progress: &mut Progress, event: Option<&OutputEvent>, through: Through, taken: Option<Taken>) {
    progress.requests += u64::from(taken.is_some());
    progress.through = progress.through.max(through.unwrap_or_default());
    let Some(event) = event else { return };
    progress.last_sequence = event.sequence;
    let time = || event.time.as_ref().map_or(0, fenxi_proto::time::unix_micros);
    match &event.event {
        Some(Event::Started(started)) => {
            progress.start_time = Some(time());
            progress.execution_count = started.execution_count;
        }
        Some(Event::Finished(end)) => {
            progress.end = Some((time(), Outcome::try_from(end.outcome).unwrap_or(Outcome::Lost)));
            progress.stop_cause = end.stop_cause();
        }
        _ => {}
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
