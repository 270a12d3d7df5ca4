//! What is stored of an execution that has ended: its row, its log where that is small, and its history entry. It is made
//! from the log, which is in memory if it is small, and on disk.

use std::{io, sync::Arc};

use fenxi_proto::{
    analysis::v1::{Outcome, OutputEvent, output_event::Event},
    history::v1::{HistoryDataset, HistoryEntry, HistoryRecordItem},
    time::{duration, timestamp},
};
use prost::Message as _;
use tokio::sync::Semaphore;

use super::{
    content::{Contents, bundle, bundle_mut, inline_len},
    limits::FILE_READS_MAX,
    live::{Live, Progress, Written},
    record, spool,
    store::{End, Finish, LogPlace},
    summary::{ENTRY_INLINE_MAX_BYTES, ENTRY_PART_MAX_BYTES, Summary, title},
};
use crate::outbox;

/// A log up to this length moves into a row; a longer one stays a file.
pub(super) const ROW_LOG_MAX_BYTES: u64 = 64 * 1024;

/// Makes what is stored.
#[derive(Debug)]
pub(super) struct Maker {
    contents: Contents,
    reads: Semaphore,
    /// Long logs are summed up one at a time: each may hold tens of megabytes.
    long: Semaphore,
}

impl Maker {
    pub(super) fn new(contents: Contents) -> Self {
        Self { contents, reads: Semaphore::new(FILE_READS_MAX), long: Semaphore::new(1) }
    }

    /// What is stored of an execution that is this far; it has ended so.
    pub(super) async fn make(
        &self,
        live: &Arc<Live>,
        progress: &Progress,
        (end_time, outcome): (i64, Outcome),
    ) -> io::Result<Finish> {
        let in_row = progress.bytes <= ROW_LOG_MAX_BYTES;
        let whole = progress.bytes <= ENTRY_INLINE_MAX_BYTES as u64;
        let _turn = if whole { None } else { self.long.acquire().await.ok() };
        let (summary, log) = match remembered(live, progress.bytes).filter(|_| in_row) {
            Some(remembered) => remembered,
            None => self.read(live, progress.bytes, in_row, whole).await?,
        };
        let preview = summary.preview();
        let mut outputs = summary.into_events();
        if !whole {
            self.refer(live, &mut outputs).await?;
        }
        let end = End {
            outcome,
            stop_cause: progress.stop_cause,
            start_time: progress.start_time,
            end_time,
            last_sequence: progress.last_sequence,
            execution_count: progress.execution_count,
            log_place: if in_row { LogPlace::Row } else { LogPlace::File },
            requests: live.requests().all(),
        };
        let contents = live.contents();
        let history = history(live, &end, preview, outputs);
        Ok(Finish { accepted: Arc::clone(&live.accepted), end, log, contents, history })
    }

    async fn read(&self, live: &Live, bytes: u64, in_row: bool, whole: bool) -> io::Result<(Summary, Vec<u8>)> {
        let _turn = self.reads.acquire().await.map_err(io::Error::other)?;
        let file = live.file().ok_or_else(|| io::Error::other("the log has no file"))?;
        let job = move || -> io::Result<(Summary, Vec<u8>)> {
            let mut summary = Summary::default();
            spool::scan(&file, |entry| {
                if let Some(event) = entry.event {
                    summary.see(event, whole);
                }
            })?;
            if in_row {
                let (mut log, length) = spool::read_from(&file, 0, bytes, usize::try_from(bytes).unwrap_or(0))?;
                log.truncate(length);
                return Ok((summary, log));
            }
            // The row that says where the log is is durable; so is the log.
            file.sync_data()?;
            Ok((summary, Vec::new()))
        };
        tokio::task::spawn_blocking(job).await.map_err(io::Error::other)?
    }

    /// Moves the long forms out of the events of an entry whose log is too long.
    async fn refer(&self, live: &Live, outputs: &mut [OutputEvent]) -> io::Result<()> {
        let _stays = self.contents.hold().await;
        for event in outputs.iter_mut().filter_map(|event| event.event.as_mut()) {
            let long = |event: &Event| {
                bundle(event).is_some_and(|b| b.parts.iter().any(|p| inline_len(p) > ENTRY_PART_MAX_BYTES))
            };
            let Some(bundle) = Some(event).filter(|event| long(event)).and_then(bundle_mut) else { continue };
            for part in &mut bundle.parts {
                let bytes = inline_len(part);
                if bytes > ENTRY_PART_MAX_BYTES {
                    let (moved, id) = self.contents.store(std::mem::take(part)).await?;
                    *part = moved;
                    live.add_content(id, bytes as u64);
                }
            }
        }
        Ok(())
    }
}

/// A log that is whole in memory: the same as its file holds.
fn remembered(live: &Live, bytes: u64) -> Option<(Summary, Vec<u8>)> {
    let mut summary = Summary::default();
    let mut log = Vec::with_capacity(usize::try_from(bytes).ok()?);
    for Written { event, through, taken, .. } in live.whole()? {
        record::write(Some(&event), through, taken, &mut log);
        summary.see(Arc::unwrap_or_clone(event), true);
    }
    (log.len() as u64 == bytes).then_some((summary, log))
}

fn history(live: &Live, end: &End, result_preview: String, outputs: Vec<OutputEvent>) -> outbox::Item {
    let accepted = &live.accepted;
    let id = fenxi_chassis::id::at(end.end_time);
    let datasets = accepted.datasets.iter().map(|dataset| HistoryDataset {
        dataset_id: dataset.dataset_id.to_string(),
        name: dataset.name.clone(),
        variable_name: dataset.variable_name.clone(),
    });
    let entry = HistoryEntry {
        history_entry_id: id.to_string(),
        execution_id: accepted.execution_id.to_string(),
        kernel_id: accepted.kernel_id.to_string(),
        title: title(&accepted.code),
        code: accepted.code.to_string(),
        outcome: end.outcome.into(),
        datasets: datasets.collect(),
        start_time: end.start_time.map(timestamp),
        end_time: Some(timestamp(end.end_time)),
        execution_duration: end.start_time.map(|start| duration((end.end_time - start).max(0))),
        result_preview,
        delete_time: None,
    };
    let item = HistoryRecordItem { user_id: accepted.user_id.to_string(), entry: Some(entry), outputs };
    outbox::Item { history_entry_id: id, item: item.encode_to_vec(), create_time: end.end_time }
}
