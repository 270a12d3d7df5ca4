//! Reads a log from any number: dense, in order, none twice, at the reader's own pace. A reader holds no lock and no
//! place in any queue, so that a slow one costs nobody anything: the newest events come from memory, older ones from
//! the file, and it waits only for what is not said yet.

use std::{collections::VecDeque, fs::File, io, sync::Arc};

use fenxi_proto::analysis::v1::{OutputEvent, output_event::Event};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::{
    ExecutionError,
    limits::READER_BATCH_EVENTS,
    live::{Live, Progress},
    record::{self, Next},
    spool::{READ_BYTES, read_from},
};

/// Reads one log.
#[derive(Debug)]
pub struct LogReader {
    source: Source,
    /// The number of the event to be given next.
    next: i64,
    ready: VecDeque<Arc<OutputEvent>>,
    /// Where a record begins in the file: its number and its offset.
    place: Option<(i64, u64)>,
    ended: bool,
    reads: Arc<Semaphore>,
    _reader: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Source {
    Live(Arc<Live>, watch::Receiver<Progress>),
    File { file: Arc<File>, bytes: u64 },
    Memory,
}

/// What every reader needs: its place among all readers, and its turn at the disk.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) reader: OwnedSemaphorePermit,
    pub(super) reads: Arc<Semaphore>,
}

/// Where in a file to go on.
struct Chunk {
    events: Vec<Arc<OutputEvent>>,
    place: (i64, u64),
}

impl LogReader {
    /// The log of an execution in memory, from the event after `after` on.
    pub(super) fn live(live: Arc<Live>, after: i64, turns: Turns) -> Self {
        let progress = live.watch();
        Self::over(Source::Live(live, progress), after, turns)
    }

    /// A finished log in a file.
    pub(super) fn file(file: File, after: i64, turns: Turns) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        let mut reader = Self::over(Source::File { file: Arc::new(file), bytes }, after, turns);
        reader.place = Some((1, 0));
        Ok(reader)
    }

    /// A finished log in memory.
    pub(super) fn memory(log: &[u8], after: i64, turns: Turns) -> Result<Self, ExecutionError> {
        let mut reader = Self::over(Source::Memory, after, turns);
        let mut rest = log;
        while let Next::Record(message, used) = record::next(rest) {
            rest = rest.get(used..).unwrap_or_default();
            if !record::has_event(message) {
                continue;
            }
            let event = record::event(message).map_err(|_| ExecutionError::Damaged)?;
            if event.sequence > after {
                reader.ready.push_back(Arc::new(event));
            }
        }
        if rest.is_empty() { Ok(reader) } else { Err(ExecutionError::Damaged) }
    }

    fn over(source: Source, after: i64, turns: Turns) -> Self {
        let Turns { reader, reads } = turns;
        Self {
            source,
            next: after.saturating_add(1),
            ready: VecDeque::new(),
            place: None,
            ended: false,
            reads,
            _reader: reader,
        }
    }

    /// The next event, waiting for it; `None` after the end. It may be dropped while it waits and called again.
    ///
    /// # Errors
    /// The log cannot be read, or ended before the number that was asked for.
    pub async fn next(&mut self) -> Result<Option<OutputEvent>, ExecutionError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if event.sequence != self.next {
                    return Err(ExecutionError::Damaged);
                }
                self.next += 1;
                self.ended = matches!(event.event, Some(Event::Finished(_)));
                return Ok(Some(Arc::unwrap_or_clone(event)));
            }
            if self.ended {
                return Ok(None);
            }
            self.fill().await?;
        }
    }

    /// Waits for events from `next` on and takes some of them.
    async fn fill(&mut self) -> Result<(), ExecutionError> {
        let (file, end) = match &mut self.source {
            Source::Memory => {
                self.ended = true;
                return Ok(());
            }
            Source::File { file, bytes } => (Arc::clone(file), *bytes),
            Source::Live(live, progress) => {
                let next = self.next;
                // The sender lives as long as `live`.
                let reached = progress.wait_for(|now| now.last_sequence >= next || now.end.is_some()).await;
                let now = reached.map_err(|_| ExecutionError::Damaged)?.to_owned();
                if now.last_sequence < next {
                    self.ended = true;
                    return beyond_end(next - 1, now.last_sequence);
                }
                if let Some(events) = live.newest(next, READER_BATCH_EVENTS) {
                    self.place = None;
                    self.ready.extend(events);
                    return Ok(());
                }
                self.place = Some(self.place.unwrap_or_else(|| live.mark_before(next)));
                (live.file().ok_or(ExecutionError::Damaged)?, now.bytes)
            }
        };
        let place = self.place.unwrap_or((1, 0));
        if place.1 >= end {
            // The end of a finished file, which has no event from `next` on.
            self.ended = true;
            return Ok(());
        }
        let chunk = self.read(file, place, end).await?;
        self.place = Some(chunk.place);
        self.ready.extend(chunk.events);
        Ok(())
    }

    async fn read(&self, file: Arc<File>, place: (i64, u64), end: u64) -> Result<Chunk, ExecutionError> {
        let _turn = self.reads.acquire().await.map_err(io::Error::other)?;
        let next = self.next;
        let job = move || chunk(&file, place, end, next);
        tokio::task::spawn_blocking(job).await.map_err(io::Error::other)?
    }
}

/// Says so where a number lies beyond the end of a finished log; the number of the end itself is fine.
pub(super) fn beyond_end(after: i64, last_sequence: i64) -> Result<(), ExecutionError> {
    if after > last_sequence { Err(ExecutionError::BeyondEnd { after, last_sequence }) } else { Ok(()) }
}

/// Reads about one chunk from `place` on and decodes the events from `next` on in it.
fn chunk(file: &File, place: (i64, u64), end: u64, next: i64) -> Result<Chunk, ExecutionError> {
    let (mut sequence, mut offset) = place;
    let (bytes, length) = read_from(file, offset, end, READ_BYTES)?;
    let mut rest = bytes.get(..length).unwrap_or_default();
    let mut events = Vec::new();
    while let Next::Record(message, used) = record::next(rest) {
        offset += used as u64;
        rest = rest.get(used..).unwrap_or_default();
        if !record::has_event(message) {
            continue;
        }
        if sequence >= next {
            events.push(Arc::new(record::event(message).map_err(|_| ExecutionError::Damaged)?));
        }
        sequence += 1;
    }
    if offset == place.1 {
        return Err(ExecutionError::Damaged);
    }
    Ok(Chunk { events, place: (sequence, offset) })
}
