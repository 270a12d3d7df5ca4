//! Reads pages of the plain list. Pages that are asked for while others are read are read together, in one statement: what
//! a statement costs beside the reading is paid once for all of them.

use std::sync::Arc;

use sqlx::SqlitePool;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    HistoryError,
    store::{self, PAGES_MAX, PackedPage, Range},
};

/// Pages that may wait.
const QUEUE_MAX: usize = 4_096;
/// Statements at one time; the other readers are for everyone else.
const STATEMENTS_MAX: usize = 2;

type Answer = Result<PackedPage, HistoryError>;

struct Asked {
    range: Range,
    sender: oneshot::Sender<Answer>,
}

/// Sends ranges to the task that reads them.
#[derive(Clone)]
pub(super) struct PageReader(mpsc::Sender<Asked>);

impl PageReader {
    /// Starts the task; it ends with the last of its senders.
    pub(super) fn start(reader: SqlitePool) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(work(receiver, reader));
        Self(sender)
    }

    /// The entries of the range, newest first, and the user's total.
    pub(super) async fn page(&self, range: Range) -> Answer {
        let (sender, receiver) = oneshot::channel();
        self.0.try_send(Asked { range, sender }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => HistoryError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => HistoryError::Stopping,
        })?;
        receiver.await.unwrap_or(Err(HistoryError::Stopping))
    }
}

async fn work(mut queue: mpsc::Receiver<Asked>, reader: SqlitePool) {
    let free = Arc::new(Semaphore::new(STATEMENTS_MAX));
    let mut group = Vec::with_capacity(PAGES_MAX);
    // A place first, then whoever has come meanwhile.
    while let Ok(place) = Arc::clone(&free).acquire_owned().await {
        if queue.recv_many(&mut group, PAGES_MAX).await == 0 {
            break;
        }
        let group = std::mem::replace(&mut group, Vec::with_capacity(PAGES_MAX));
        let reader = reader.clone();
        tokio::spawn(async move {
            read(&reader, group).await;
            drop(place);
        });
    }
}

async fn read(reader: &SqlitePool, group: Vec<Asked>) {
    let ranges: Vec<_> = group.iter().map(|asked| asked.range).collect();
    match store::pages(reader, &ranges).await {
        Ok(pages) => {
            for (asked, page) in group.into_iter().zip(pages) {
                let _ = asked.sender.send(Ok(page));
            }
        }
        Err(error) => {
            // One row that cannot be read is to be the trouble of those alone whose page it stands in.
            tracing::debug!(%error, pages = group.len(), "reading one by one");
            for asked in group {
                let page = store::pages(reader, &[asked.range]).await;
                let page = page.map(|pages| pages.into_iter().next().unwrap_or_default());
                let _ = asked.sender.send(page.map_err(HistoryError::from));
            }
        }
    }
}
