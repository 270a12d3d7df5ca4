//! The one writer. It takes what is waiting, runs it in one transaction, each operation in a savepoint of its own, and
//! answers when the transaction is on disk: an answer means durable. One operation that fails or panics undoes itself
//! and nobody else.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// Operations that may wait for the writer.
const QUEUE_MAX: usize = 1024;
/// Operations in one transaction.
const BATCH_MAX: usize = 256;
/// How long an operation waits for a place in the queue before it is refused.
const QUEUE_WAIT: Duration = Duration::from_secs(5);

/// The connection that an operation works on; its transaction is the writer's.
pub type Transaction = SqliteConnection;

/// Why a write did not happen, or is not known to have happened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The queue stayed full.
    #[error("the database's queue of writes is full")]
    Busy,
    /// The service stops, or the operation panicked.
    #[error("the database takes no writes any more")]
    Closed,
    /// The transaction failed as a whole: nothing of it was kept.
    #[error("the transaction failed: {0}")]
    Failed(Arc<sqlx::Error>),
}

type Answer = Box<dyn FnOnce(Result<(), WriteError>) + Send>;

/// An operation that ran, and how to tell its caller once the commit is known.
struct Ran {
    keep: bool,
    answer: Answer,
}

/// An operation on its way, with its caller.
trait Operation: Send {
    fn run<'c>(self: Box<Self>, transaction: &'c mut Transaction) -> BoxFuture<'c, Ran>;
    fn fail(self: Box<Self>, error: WriteError);
}

struct Asked<T, E, F> {
    operation: F,
    sender: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Operation for Asked<T, E, F>
where
    T: Send + 'static,
    E: From<WriteError> + Send + 'static,
    F: for<'c> FnOnce(&'c mut Transaction) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    fn run<'c>(self: Box<Self>, transaction: &'c mut Transaction) -> BoxFuture<'c, Ran> {
        Box::pin(ran((self.operation)(transaction), self.sender))
    }

    fn fail(self: Box<Self>, error: WriteError) {
        drop(self.sender.send(Err(error.into())));
    }
}

enum Command {
    Run(Box<dyn Operation>),
    Close(oneshot::Sender<()>),
}

/// Sends operations to the writer. Clones send to the same one.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Command>);

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer(..)")
    }
}

impl Writer {
    /// Starts the writer's task on this connection; the options make a new one should it break.
    pub(super) fn start(connection: SqliteConnection, options: SqliteConnectOptions) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(work(receiver, connection, options));
        Self(sender)
    }

    /// Runs an operation and answers with what it gives once that is durable. If it gives an error, nothing it did is
    /// kept. Dropping the future does not undo an operation that was taken.
    ///
    /// # Errors
    /// What the operation gives, or a [`WriteError`] in its type.
    pub async fn write<T, E, F>(&self, operation: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<WriteError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Transaction) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let asked = Box::new(Asked { operation, sender });
        match timeout(QUEUE_WAIT, self.0.send(Command::Run(asked))).await {
            Ok(Ok(())) => receiver.await.unwrap_or_else(|_| Err(WriteError::Closed.into())),
            Ok(Err(_)) => Err(WriteError::Closed.into()),
            Err(_) => Err(WriteError::Busy.into()),
        }
    }

    /// Ends the writer once everything sent before is committed.
    pub(super) async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.send(Command::Close(done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

async fn ran<T, E>(operation: BoxFuture<'_, Result<T, E>>, sender: oneshot::Sender<Result<T, E>>) -> Ran
where
    T: Send + 'static,
    E: From<WriteError> + Send + 'static,
{
    // A panic drops the sender, which tells the caller; the savepoint is rolled back.
    let result = AssertUnwindSafe(operation).catch_unwind().await.ok();
    let keep = matches!(result, Some(Ok(_)));
    let answer = move |committed: Result<(), WriteError>| {
        let result = match (result, committed) {
            (Some(Ok(_)), Err(error)) => Some(Err(error.into())),
            (result, _) => result,
        };
        if let Some(result) = result {
            drop(sender.send(result));
        }
    };
    Ran { keep, answer: Box::new(answer) }
}

async fn work(mut queue: mpsc::Receiver<Command>, mut connection: SqliteConnection, options: SqliteConnectOptions) {
    let mut commands = Vec::with_capacity(BATCH_MAX);
    loop {
        if queue.recv_many(&mut commands, BATCH_MAX).await == 0 {
            break;
        }
        let mut closing = None;
        let mut operations = Vec::with_capacity(commands.len());
        for command in commands.drain(..) {
            match command {
                Command::Run(operation) => operations.push(operation),
                Command::Close(done) => closing = Some(done),
            }
        }
        metrics::histogram!("database_write_batch")
            .record(f64::from(u32::try_from(operations.len()).unwrap_or(u32::MAX)));
        let whole = batch(&mut connection, operations).await;
        if whole.is_err() && connection.ping().await.is_err() {
            match options.clone().connect().await {
                Ok(fresh) => connection = fresh,
                Err(error) => tracing::error!(%error, "the database's writer cannot connect again"),
            }
        }
        if let Some(done) = closing {
            queue.close();
            let _ = connection.close().await;
            let _ = done.send(());
            return;
        }
    }
    let _ = connection.close().await;
}

/// Runs the operations in one transaction and answers them all.
async fn batch(connection: &mut SqliteConnection, operations: Vec<Box<dyn Operation>>) -> Result<(), ()> {
    let mut answers = Vec::with_capacity(operations.len());
    let committed = transact(connection, operations, &mut answers).await;
    if let Err(error) = &committed {
        tracing::error!(%error, operations = answers.len(), "a transaction failed");
        // SQLite may have ended the transaction by itself, for instance when the disk is full.
        let _ = connection.execute("ROLLBACK").await;
    }
    for answer in answers {
        answer(committed.clone());
    }
    committed.map_err(drop)
}

/// Statements that need no answer of their own go together: each call is a message to the connection's thread and back.
async fn transact(
    connection: &mut SqliteConnection,
    operations: Vec<Box<dyn Operation>>,
    answers: &mut Vec<Answer>,
) -> Result<(), WriteError> {
    let count = operations.len();
    if count == 0 {
        return Ok(());
    }
    // IMMEDIATE: an upgrade from a read to a write lock in mid-transaction cannot wait, it fails. One operation alone
    // needs no savepoint: the transaction is its own.
    let begin = if count == 1 { "BEGIN IMMEDIATE" } else { "BEGIN IMMEDIATE; SAVEPOINT operation" };
    let mut whole = run(connection, begin).await;
    for (number, operation) in (1..).zip(operations) {
        if let Err(error) = &whole {
            operation.fail(error.clone());
            continue;
        }
        let Ran { keep, answer } = operation.run(connection).await;
        answers.push(answer);
        let end = match (number == count, keep) {
            (true, true) => "COMMIT",
            (true, false) if count == 1 => "ROLLBACK",
            (true, false) => "ROLLBACK TO operation; COMMIT",
            (false, true) => "RELEASE operation; SAVEPOINT operation",
            // The savepoint stays, for the next one.
            (false, false) => "ROLLBACK TO operation",
        };
        whole = run(connection, end).await;
    }
    whole
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), WriteError> {
    connection.execute(sql).await.map(drop).map_err(|error| WriteError::Failed(Arc::new(error)))
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
