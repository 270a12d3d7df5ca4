//! Reads pages of the plain list. Pages that are asked for while others are read are read together, in one statement: what
//! a statement costs beside the reading is paid once for all of them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fenxi_chassis::sqlite::{Engine, Pool};
use sqlx::pool::PoolConnection;
use tokio::sync::oneshot;

use super::{
    HistoryError,
    store::{self, PAGES_MAX, PackedPage, Range},
};

/// Pages that may wait.
const QUEUE_MAX: usize = 4_096;
/// Statements at one time; the other connections are for everyone else.
const STATEMENTS_MAX: usize = 2;

type Answer = Result<PackedPage, HistoryError>;

struct Asked {
    range: Range,
    sender: oneshot::Sender<Answer>,
}

/// Hands ranges to the tasks that read them. Clones hand them to the same ones.
#[derive(Clone)]
pub(super) struct PageReader(Arc<Shared>);

struct Shared {
    reader: Pool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    asked: VecDeque<Asked>,
    /// Tasks that read.
    tasks: usize,
    /// Connections of tasks that ended, for those to come: what the last one has in memory is what is asked for. At most
    /// [`STATEMENTS_MAX`].
    idle: Vec<Connection>,
}

type Connection = PoolConnection<Engine>;

impl PageReader {
    /// Reads from this database, until it is closed.
    pub(super) fn start(reader: Pool) -> Self {
        let closed = reader.close_event();
        let shared = Arc::new(Shared { reader, waiting: Mutex::default() });
        let closing = Arc::downgrade(&shared);
        tokio::spawn(async move {
            closed.await;
            if let Some(shared) = closing.upgrade() {
                // The database waits for its connections.
                let idle = std::mem::take(&mut shared.waiting().idle);
                drop(idle);
            }
        });
        Self(shared)
    }

    /// The entries of the range, newest first, and the user's total.
    pub(super) async fn page(&self, range: Range) -> Answer {
        let (sender, receiver) = oneshot::channel();
        if let Some(task) = self.take_in(Asked { range, sender })? {
            tokio::spawn(task.read());
        }
        receiver.await.unwrap_or(Err(HistoryError::Stopping))
    }

    /// Puts it in the line; gives a new task if there is work for one more.
    fn take_in(&self, asked: Asked) -> Result<Option<Task>, HistoryError> {
        let mut waiting = self.0.waiting();
        if waiting.asked.len() >= QUEUE_MAX {
            return Err(HistoryError::Overloaded);
        }
        waiting.asked.push_back(asked);
        let wanted = waiting.asked.len().div_ceil(PAGES_MAX).min(STATEMENTS_MAX);
        if waiting.tasks >= wanted {
            return Ok(None);
        }
        waiting.tasks += 1;
        Ok(Some(Task { connection: waiting.idle.pop(), shared: Arc::clone(&self.0), counted: true }))
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what waits until nothing does.
struct Task {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    counted: bool,
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.counted {
            self.shared.waiting().tasks -= 1;
        }
    }
}

impl Task {
    async fn read(mut self) {
        loop {
            // Whoever asks first makes this task before the calls that arrived with theirs have run: those go first.
            tokio::task::yield_now().await;
            let Some(group) = self.next_group() else { return };
            self.connection = read(&self.shared.reader, self.connection.take(), group).await;
        }
    }

    /// Those who wait, as many as one statement serves. Where nobody does, this is the end of the task, and known to be
    /// before anybody can come and rely on it.
    fn next_group(&mut self) -> Option<Vec<Asked>> {
        let mut waiting = self.shared.waiting();
        if waiting.asked.is_empty() {
            waiting.tasks -= 1;
            self.counted = false;
            if !self.shared.reader.is_closed() {
                waiting.idle.extend(self.connection.take());
            }
            return None;
        }
        let size = waiting.asked.len().min(PAGES_MAX);
        Some(waiting.asked.drain(..size).collect())
    }
}

/// Answers them; gives the connection back if it is good.
async fn read(pool: &Pool, connection: Option<Connection>, group: Vec<Asked>) -> Option<Connection> {
    let ranges: Vec<_> = group.iter().map(|asked| asked.range).collect();
    match read_together(pool, connection, &ranges).await {
        Ok((pages, connection)) => {
            for (asked, page) in group.into_iter().zip(pages) {
                let _ = asked.sender.send(Ok(page));
            }
            Some(connection)
        }
        Err(error) => {
            // One row that cannot be read is to be the trouble of those alone whose page it stands in.
            tracing::debug!(%error, pages = group.len(), "reading one by one");
            for asked in group {
                let page = read_together(pool, None, &[asked.range]).await;
                let page = page.map(|(pages, _)| pages.into_iter().next().unwrap_or_default());
                let _ = asked.sender.send(page);
            }
            None
        }
    }
}

async fn read_together(
    pool: &Pool,
    connection: Option<Connection>,
    ranges: &[Range],
) -> Result<(Vec<PackedPage>, Connection), HistoryError> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => pool.acquire().await.map_err(store_error)?,
    };
    let pages = store::pages(&mut connection, ranges).await?;
    Ok((pages, connection))
}

fn store_error(error: sqlx::Error) -> HistoryError {
    HistoryError::Store(error.into())
}
