//! The door for new entries. Calls that come while a transaction is on its way to the disk are the next transaction,
//! together: the disk's pace is paid once for all of them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fenxi_chassis::sqlite::{WriteError, Writer};
use tokio::sync::{mpsc, oneshot};

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
const ENTRY_WRITE: Duration = Duration::from_micros(150);
/// How long it waits.
const LINGER: Duration = Duration::from_millis(1);

struct HandOver {
    entries: Vec<NewEntry>,
    sender: oneshot::Sender<Result<usize, HistoryError>>,
}

/// Sends entries to the one task that writes them.
#[derive(Clone)]
pub(super) struct Recorder(mpsc::Sender<HandOver>);

impl Recorder {
    /// Starts the task; it ends with the last of its senders.
    pub(super) fn start(writer: Writer) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(work(receiver, writer));
        Self(sender)
    }

    /// Gives how many were new, once they are durable.
    pub(super) async fn record(&self, entries: Vec<NewEntry>) -> Result<usize, HistoryError> {
        let (sender, receiver) = oneshot::channel();
        self.0.try_send(HandOver { entries, sender }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => HistoryError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => HistoryError::Stopping,
        })?;
        receiver.await.unwrap_or(Err(HistoryError::Stopping))
    }
}

async fn work(mut queue: mpsc::Receiver<HandOver>, writer: Writer) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    let mut linger = false;
    while queue.recv_many(&mut group, GROUP_MAX).await > 0 {
        if linger {
            tokio::time::sleep(LINGER).await;
        } else {
            // Whoever comes first wakes this task before the calls that arrived with theirs have run: those go first.
            tokio::task::yield_now().await;
        }
        while group.len() < GROUP_MAX
            && let Ok(over) = queue.try_recv()
        {
            group.push(over);
        }
        metrics::histogram!("history_record_group").record(f64::from(u32::try_from(group.len()).unwrap_or(u32::MAX)));
        let calls: Vec<_> = group.drain(..).map(|over| (Arc::new(over.entries), over.sender)).collect();
        let (start, counts) = (Instant::now(), (calls.len(), calls.iter().map(|(entries, _)| entries.len()).sum()));
        take(&writer, calls).await;
        linger = is_slow(counts, start.elapsed());
    }
}

/// Whether the disk makes it worthwhile to wait for the callers just answered, who come again at once, but later than those
/// that waited: they and the others would pay the disk in turns. Where the entries themselves are most of the time, the
/// callers better get ready while others are written.
fn is_slow((calls, entries): (usize, usize), took: Duration) -> bool {
    let entries = u32::try_from(entries).unwrap_or(u32::MAX);
    calls > 1 && took > SLOW_WRITE.saturating_add(ENTRY_WRITE.saturating_mul(entries))
}

type Call = (Arc<Vec<NewEntry>>, oneshot::Sender<Result<usize, HistoryError>>);

/// Writes the calls in one transaction and answers them.
async fn take(writer: &Writer, calls: Vec<Call>) {
    let all = calls.iter().map(|(entries, _)| Arc::clone(entries)).collect();
    match write(writer, all).await {
        Ok(counts) => {
            for ((_, sender), count) in calls.into_iter().zip(counts) {
                let _ = sender.send(Ok(count));
            }
        }
        Err(HistoryError::Store(StoreError::Sql(error))) if calls.len() > 1 => {
            // Nothing was kept. What the database does not take from one caller is not to be the others' trouble.
            tracing::warn!(%error, calls = calls.len(), "a group of history calls failed; taking them one by one");
            for (entries, sender) in calls {
                let _ = sender.send(write(writer, vec![entries]).await.map(|counts| counts.iter().sum()));
            }
        }
        Err(error) => {
            tracing::error!(%error, calls = calls.len(), "history calls failed");
            let stopping = matches!(error, HistoryError::Store(StoreError::Write(WriteError::Closed)));
            for (_, sender) in calls {
                let error = if stopping { HistoryError::Stopping } else { HistoryError::Unrecorded };
                let _ = sender.send(Err(error));
            }
        }
    }
}

/// How many of each call's entries were new.
async fn write(writer: &Writer, calls: Vec<Arc<Vec<NewEntry>>>) -> Result<Vec<usize>, HistoryError> {
    writer
        .write(move |transaction| {
            Box::pin(async move {
                let entries: Vec<&NewEntry> = calls.iter().flat_map(|entries| entries.iter()).collect();
                let new = store::record(transaction, &entries).await?;
                let mut new = new.into_iter();
                let mut count = |calls: &Arc<Vec<NewEntry>>| new.by_ref().take(calls.len()).filter(|new| *new).count();
                Ok(calls.iter().map(&mut count).collect())
            })
        })
        .await
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
