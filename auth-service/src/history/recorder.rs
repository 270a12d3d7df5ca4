//! The door for new entries. Calls that come while a transaction is on its way to the disk are the next transaction,
//! together: the disk's pace is paid once for all of them. That transaction is asked for while the other one is on its way,
//! and takes whoever waits when it begins, so that the writer is never idle for want of a group.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fenxi_chassis::sqlite::{Transaction, WriteError, Writer};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{HistoryError, entry::NewEntry, store};
use crate::store::StoreError;

/// Calls that may wait.
const QUEUE_MAX: usize = 1_024;
/// Calls in one transaction.
const GROUP_MAX: usize = 256;
/// Where a transaction takes so much longer than its entries account for, and callers come together, the next one waits a
/// little for more of them.
const SLOW_WRITE: Duration = Duration::from_millis(3);
/// What an entry of a few KiB accounts for, at most: that time is paid whichever transaction it is in.
const ENTRY_WRITE: Duration = Duration::from_micros(250);
/// How long it waits.
const LINGER: Duration = Duration::from_millis(1);

/// A call, until it is answered.
struct Call {
    entries: Arc<Vec<NewEntry>>,
    sender: oneshot::Sender<Result<usize, HistoryError>>,
}

/// Those who wait for a transaction to begin.
#[derive(Default)]
struct Waiting {
    calls: Vec<Call>,
    /// Whether a transaction for them is asked for.
    is_asked: bool,
}

/// What the callers, the task and its transactions share.
struct Shared {
    waiting: Mutex<Waiting>,
    /// Whether the last transaction was slow.
    is_slow: AtomicBool,
}

/// Lets entries wait for the one task that has them written.
#[derive(Clone)]
pub(super) struct Recorder {
    shared: Arc<Shared>,
    bell: mpsc::Sender<()>,
}

impl Recorder {
    /// Starts the task; it ends with the last of these.
    pub(super) fn start(writer: Writer) -> Self {
        // One is enough: nobody rings while a transaction is asked for.
        let (bell, rings) = mpsc::channel(1);
        let shared = Arc::new(Shared { waiting: Mutex::default(), is_slow: AtomicBool::new(false) });
        tokio::spawn(work(rings, bell.downgrade(), Arc::clone(&shared), writer));
        Self { shared, bell }
    }

    /// Gives how many were new, once they are durable.
    pub(super) async fn record(&self, entries: Vec<NewEntry>) -> Result<usize, HistoryError> {
        let (sender, receiver) = oneshot::channel();
        let call = Call { entries: Arc::new(entries), sender };
        if self.shared.wait(call)? {
            self.bell.try_send(()).map_err(|_| HistoryError::Stopping)?;
        }
        receiver.await.unwrap_or(Err(HistoryError::Stopping))
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the call wait; says whether a transaction is now to be asked for.
    fn wait(&self, call: Call) -> Result<bool, HistoryError> {
        let mut waiting = self.waiting();
        if waiting.calls.len() >= QUEUE_MAX {
            return Err(HistoryError::Overloaded);
        }
        waiting.calls.push(call);
        Ok(!mem::replace(&mut waiting.is_asked, true))
    }

    /// The next group; and whether more are left, for whom a transaction is to be asked for.
    fn group(&self) -> (Vec<Call>, bool) {
        let mut waiting = self.waiting();
        let size = waiting.calls.len().min(GROUP_MAX);
        let rest = waiting.calls.split_off(size);
        let group = mem::replace(&mut waiting.calls, rest);
        waiting.is_asked = !waiting.calls.is_empty();
        (group, waiting.is_asked)
    }
}

async fn work(mut rings: mpsc::Receiver<()>, bell: mpsc::WeakSender<()>, shared: Arc<Shared>, writer: Writer) {
    let mut last: Option<JoinHandle<()>> = None;
    while rings.recv().await.is_some() {
        if shared.is_slow.load(Ordering::Relaxed) {
            if let Some(last) = last.take() {
                let _ = last.await;
            }
            if shared.is_slow.load(Ordering::Relaxed) {
                tokio::time::sleep(LINGER).await;
            }
        }
        last = Some(tokio::spawn(take(writer.clone(), bell.clone(), Arc::clone(&shared))));
    }
}

/// Writes those who wait when the writer is ready for them, in one transaction, and answers them.
async fn take(writer: Writer, bell: mpsc::WeakSender<()>, shared: Arc<Shared>) {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let (asked, into) = (Arc::clone(&shared), Arc::clone(&taken));
    let written = writer.write(move |transaction| {
        let start = Instant::now();
        let (group, is_more) = asked.group();
        if is_more && let Some(bell) = bell.upgrade() {
            let _ = bell.try_send(());
        }
        let calls: Vec<_> = group.iter().map(|call| Arc::clone(&call.entries)).collect();
        *into.lock().unwrap_or_else(PoisonError::into_inner) = group;
        Box::pin(async move { Ok((start, store_all(transaction, &calls).await?)) })
    });
    let written = written.await;
    let mut calls = mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner));
    match written {
        Ok((start, counts)) => {
            metrics::histogram!("history_record_group")
                .record(f64::from(u32::try_from(calls.len()).unwrap_or(u32::MAX)));
            let entries = calls.iter().map(|call| call.entries.len()).sum();
            shared.is_slow.store(is_slow((calls.len(), entries), start.elapsed()), Ordering::Relaxed);
            for (call, count) in calls.into_iter().zip(counts) {
                let _ = call.sender.send(Ok(count));
            }
        }
        Err(HistoryError::Store(StoreError::Sql(error))) if calls.len() > 1 => {
            // Nothing was kept. What the database does not take from one caller is not to be the others' trouble.
            tracing::warn!(%error, calls = calls.len(), "a group of history calls failed; taking them one by one");
            for Call { entries, sender } in calls {
                let _ = sender.send(write(&writer, entries).await);
            }
        }
        Err(error) => {
            // It may not have come so far as to take anybody.
            if calls.is_empty() {
                calls = mem::take(&mut *shared.waiting()).calls;
            }
            tracing::error!(%error, calls = calls.len(), "history calls failed");
            let stopping = matches!(error, HistoryError::Store(StoreError::Write(WriteError::Closed)));
            for call in calls {
                let error = if stopping { HistoryError::Stopping } else { HistoryError::Unrecorded };
                let _ = call.sender.send(Err(error));
            }
        }
    }
}

/// Whether the disk makes it worthwhile to wait for the callers just answered, who come again at once, but later than those
/// that waited: they and the others would pay the disk in turns. Where the entries themselves are most of the time, the
/// callers better get ready while others are written.
fn is_slow((calls, entries): (usize, usize), took: Duration) -> bool {
    let entries = u32::try_from(entries).unwrap_or(u32::MAX);
    calls > 1 && took > SLOW_WRITE.saturating_add(ENTRY_WRITE.saturating_mul(entries))
}

/// Writes one call; gives how many of its entries were new.
async fn write(writer: &Writer, entries: Arc<Vec<NewEntry>>) -> Result<usize, HistoryError> {
    let write = writer.write(move |transaction| Box::pin(async move { store_all(transaction, &[entries]).await }));
    Ok(write.await?.iter().sum())
}

/// How many of each call's entries were new.
async fn store_all(transaction: &mut Transaction, calls: &[Arc<Vec<NewEntry>>]) -> Result<Vec<usize>, HistoryError> {
    let entries: Vec<&NewEntry> = calls.iter().flat_map(|entries| entries.iter()).collect();
    let mut new = store::record(transaction, &entries).await?.into_iter();
    let mut count = |calls: &Arc<Vec<NewEntry>>| new.by_ref().take(calls.len()).filter(|new| *new).count();
    Ok(calls.iter().map(&mut count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slow_disk_is_worth_waiting_for() {
        for (calls, entries, millis, expected) in [
            (1, 1, 40, false),
            (2, 2, 2, false),
            (2, 2, 8, true),
            // Fifty entries take their time on the fastest disk.
            (50, 50, 8, false),
            (50, 50, 20, true),
            (2, 200, 20, false),
        ] {
            assert_eq!(
                is_slow((calls, entries), Duration::from_millis(millis)),
                expected,
                "{calls} {entries} {millis}"
            );
        }
    }
}
