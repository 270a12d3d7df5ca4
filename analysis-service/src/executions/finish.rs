//! From the end on disk to the end in the database: the finished row with its log and its outbox row, in one
//! transaction; then the spool file goes. It is tried until it is done; if the process ends before, the next start does
//! it from the spool.

use std::{io, sync::Arc, time::Duration};

use fenxi_proto::{
    analysis::v1::{OutputEvent, output_event::Event},
    history::v1::{HistoryDataset, HistoryEntry, HistoryRecordItem},
    time::{duration, timestamp},
};
use prost::Message as _;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    content::{Contents, bundle, bundle_mut, inline_len},
    limits::FILE_READS_MAX,
    live::{Live, Lives, Progress},
    spool::{self, Folder},
    store::{End, Finish, LogPlace, Store},
    summary::{ENTRY_INLINE_MAX_BYTES, ENTRY_PART_MAX_BYTES, Summary, title},
};
use crate::outbox;

/// A log up to this length moves into a row; a longer one stays a file.
const ROW_LOG_MAX_BYTES: u64 = 64 * 1024;
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Stores the ends of executions. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Finisher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    contents: Contents,
    folder: Folder,
    lives: Lives,
    relay: outbox::Wake,
    reads: Semaphore,
    /// Long logs are summed up one at a time: each may hold tens of megabytes.
    long: Semaphore,
    tasks: TaskTracker,
    giving_up: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
enum FinishError {
    #[error("the log cannot be read: {0}")]
    Log(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] super::store::StoreError),
}

impl Finisher {
    pub(super) fn new(store: Store, contents: Contents, folder: Folder, lives: Lives, relay: outbox::Wake) -> Self {
        Self(Arc::new(Inner {
            store,
            contents,
            folder,
            lives,
            relay,
            reads: Semaphore::new(FILE_READS_MAX),
            long: Semaphore::new(1),
            tasks: TaskTracker::new(),
            giving_up: CancellationToken::new(),
        }))
    }

    /// Stores the end of this execution once it is on disk.
    pub(super) fn expect_end(&self, live: Arc<Live>) {
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn(async move {
            let giving_up = inner.giving_up.clone();
            if giving_up.run_until_cancelled(inner.until_saved(&live)).await.is_none() {
                tracing::warn!(execution_id = %live.id(), "an end is not stored; the next start does it");
            }
        });
    }

    /// Removes the row of an acceptance that failed, once the database lets it.
    pub(super) fn take_back(&self, execution_id: Uuid) {
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn(async move {
            let giving_up = inner.giving_up.clone();
            let done = giving_up.run_until_cancelled(inner.until_taken_back(execution_id)).await;
            if done.is_none() {
                tracing::warn!(%execution_id, "a failed acceptance is not cleared away; it will end as LOST");
            }
        });
    }

    /// Waits until every expected end is stored, at most this long. Nothing is lost after that: the next start stores
    /// the rest.
    pub(super) async fn drain(&self, at_most: Duration) {
        self.0.tasks.close();
        if tokio::time::timeout(at_most, self.0.tasks.wait()).await.is_err() {
            self.0.giving_up.cancel();
            self.0.tasks.wait().await;
        }
    }
}

impl Inner {
    async fn until_saved(&self, live: &Arc<Live>) {
        let mut progress = live.watch();
        let Ok(progress) = progress.wait_for(|progress| progress.end.is_some()).await.map(|progress| *progress) else {
            return;
        };
        let mut wait = RETRY_FIRST;
        while let Err(error) = self.save(live, &progress).await {
            metrics::counter!("execution_finish_failures_total").increment(1);
            tracing::error!(execution_id = %live.id(), %error, "the end of an execution cannot be stored yet");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
        self.relay.wake();
        self.lives.remove(live.id());
        live.set_saved();
        self.clear(live, progress.bytes).await;
    }

    async fn until_taken_back(&self, execution_id: Uuid) {
        let mut wait = RETRY_FIRST;
        while let Err(error) = self.store.delete_unfinished(execution_id).await {
            tracing::error!(%execution_id, %error, "a failed acceptance cannot be cleared away yet");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    async fn save(&self, live: &Arc<Live>, progress: &Progress) -> Result<(), FinishError> {
        let Some((end_time, outcome)) = progress.end else { return Ok(()) };
        let finish = self.material(live, progress, end_time, outcome).await?;
        Ok(self.store.finish(Arc::new(finish)).await?)
    }

    /// Reads the log back and makes of it what is stored.
    async fn material(
        &self,
        live: &Arc<Live>,
        progress: &Progress,
        end_time: i64,
        outcome: fenxi_proto::analysis::v1::Outcome,
    ) -> Result<Finish, FinishError> {
        let in_row = progress.bytes <= ROW_LOG_MAX_BYTES;
        let whole = progress.bytes <= ENTRY_INLINE_MAX_BYTES as u64;
        let _turn = if whole { None } else { self.long.acquire().await.ok() };
        let (summary, log) = self.read(live, progress.bytes, in_row, whole).await?;
        let preview = summary.preview();
        let mut outputs = summary.into_events();
        if !whole {
            self.refer(live, &mut outputs).await?;
        }
        let log_place = if in_row { LogPlace::Row } else { LogPlace::File };
        let end = End {
            outcome,
            start_time: progress.start_time,
            end_time,
            last_sequence: progress.last_sequence,
            execution_count: progress.execution_count,
            log_place,
            requests: live.requests().write(),
        };
        let contents = live.contents();
        let history = history(live, &end, preview, outputs);
        Ok(Finish { execution_id: live.id(), end, log, contents, history })
    }

    async fn read(&self, live: &Live, bytes: u64, in_row: bool, whole: bool) -> io::Result<(Summary, Vec<u8>)> {
        let _turn = self.reads.acquire().await.map_err(io::Error::other)?;
        let file = live.file().ok_or_else(|| io::Error::other("the log has no file"))?;
        let job = move || -> io::Result<(Summary, Vec<u8>)> {
            let mut summary = Summary::default();
            spool::scan(&file, |event| summary.see(event, whole))?;
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

    /// After the transaction: a log in a row needs no file, another goes to the finished ones.
    async fn clear(&self, live: &Live, bytes: u64) {
        let (folder, id) = (self.folder.clone(), live.id());
        let job = move || {
            if bytes <= ROW_LOG_MAX_BYTES { folder.remove_running(id) } else { folder.move_to_ended(id) }
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(job).await {
            tracing::warn!(execution_id = %id, %error, "a spool file stays where it is until the next start");
        }
    }
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
