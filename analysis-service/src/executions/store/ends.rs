//! The door for ends: those that come at the same time are stored together, each kind of row in as few statements as there
//! can be.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use fenxi_chassis::sqlite::{Shapes, Transaction, WriteError, Writer};
use sqlx::Row as _;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Finish, LogPlace, StoreError, bound, requests};
use crate::outbox;

/// Ends that may wait; more wait for a place.
const QUEUE_MAX: usize = 1024;
/// Ends in one transaction.
const GROUP_MAX: usize = 256;
/// Bytes of logs and entries in one transaction, but for its first end.
const GROUP_MAX_BYTES: usize = 4 << 20;

// Most rows are not there before their end.
static ENDED: LazyLock<Shapes> = LazyLock::new(|| {
    let head = "INSERT INTO execution \
        (execution_id, user_id, request_id, request_hash, kernel_id, code, datasets, create_time, \
        time_limit, continue_on_error, depends_on, depends_on_condition, outcome, stop_cause, start_time, \
        end_time, last_sequence, execution_count, log_place) VALUES ";
    let row =
        "({1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}, {11}, {12}, {13}, {14}, {15}, {16}, {17}, {18}, {19})";
    let tail = " ON CONFLICT (execution_id) DO UPDATE SET outcome = excluded.outcome, \
        stop_cause = excluded.stop_cause, start_time = excluded.start_time, end_time = excluded.end_time, \
        last_sequence = excluded.last_sequence, execution_count = excluded.execution_count, \
        log_place = excluded.log_place WHERE execution.outcome = 0 RETURNING execution_id";
    Shapes::new(head, row, ", ", tail, 19)
});

static LOGS: LazyLock<Shapes> =
    LazyLock::new(|| Shapes::new("INSERT INTO execution_log (execution_id, log) VALUES ", "({1}, {2})", ", ", "", 2));

type Asked = (Arc<Finish>, oneshot::Sender<Result<(), StoreError>>);

/// Sends ends to the one task that stores them. Clones send to the same one.
#[derive(Clone, Debug)]
pub(super) struct Ends(mpsc::Sender<Asked>);

impl Ends {
    /// Starts the task; it ends with the last of its senders.
    pub(super) fn start(writer: Writer) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(work(receiver, writer));
        Self(sender)
    }

    /// Answers once it is durable.
    pub(super) async fn store(&self, finish: Arc<Finish>) -> Result<(), StoreError> {
        let (sender, receiver) = oneshot::channel();
        self.0.send((finish, sender)).await.map_err(|_| WriteError::Closed)?;
        receiver.await.unwrap_or(Err(WriteError::Closed.into()))
    }
}

async fn work(mut queue: mpsc::Receiver<Asked>, writer: Writer) {
    let mut waiting = Vec::with_capacity(GROUP_MAX);
    while queue.recv_many(&mut waiting, GROUP_MAX).await > 0 {
        // Those whose time it is are woken one after the other: the first one waits for the others to have come.
        tokio::task::yield_now().await;
        while waiting.len() < GROUP_MAX
            && let Ok(asked) = queue.try_recv()
        {
            waiting.push(asked);
        }
        while !waiting.is_empty() {
            let group = waiting.drain(..fitting(&waiting)).collect();
            take(&writer, group).await;
        }
    }
}

/// How many of them go together.
fn fitting(waiting: &[Asked]) -> usize {
    let mut bytes = 0;
    let fit = waiting.iter().take_while(|(finish, _)| {
        bytes += finish.log.len() + finish.history.item.len();
        bytes <= GROUP_MAX_BYTES
    });
    fit.count().max(1)
}

/// Stores them in one transaction and answers.
async fn take(writer: &Writer, group: Vec<Asked>) {
    let all = group.iter().map(|(finish, _)| Arc::clone(finish)).collect();
    match write(writer, all).await {
        Ok(()) => group.into_iter().for_each(|(_, sender)| drop(sender.send(Ok(())))),
        Err(StoreError::Write(error)) => {
            group.into_iter().for_each(|(_, sender)| drop(sender.send(Err(error.clone().into()))));
        }
        // Nothing was kept. What the database does not take of one is not to be the others' trouble.
        Err(error) => {
            tracing::warn!(%error, ends = group.len(), "ends cannot be stored together; they are one by one");
            for (finish, sender) in group {
                let _ = sender.send(write(writer, vec![finish]).await);
            }
        }
    }
}

async fn write(writer: &Writer, ends: Vec<Arc<Finish>>) -> Result<(), StoreError> {
    writer.write(move |tx| Box::pin(async move { store(tx, &ends).await })).await
}

async fn store(tx: &mut Transaction, ends: &[Arc<Finish>]) -> Result<(), StoreError> {
    let mut new = HashSet::with_capacity(ends.len());
    for (sql, piece) in ENDED.chunks(ends) {
        let mut statement = sqlx::query(sql);
        for Finish { accepted, end, .. } in piece.iter().map(Arc::as_ref) {
            statement = bound(statement, accepted)?
                .bind(i32::from(end.outcome))
                .bind(i32::from(end.stop_cause))
                .bind(end.start_time)
                .bind(end.end_time)
                .bind(end.last_sequence)
                .bind(end.execution_count)
                .bind(end.log_place as i32);
        }
        for row in statement.fetch_all(&mut *tx).await? {
            new.insert(row.try_get::<Uuid, _>("execution_id")?);
        }
    }
    // Of one that is there twice, the first counts.
    let new: Vec<&Finish> =
        ends.iter().map(Arc::as_ref).filter(|finish| new.remove(&finish.accepted.execution_id)).collect();
    let in_rows: Vec<_> = new.iter().filter(|finish| finish.end.log_place == LogPlace::Row).collect();
    for (sql, piece) in LOGS.chunks(&in_rows) {
        let mut statement = sqlx::query(sql);
        for finish in piece {
            statement = statement.bind(finish.accepted.execution_id).bind(&finish.log);
        }
        statement.execute(&mut *tx).await?;
    }
    for finish in &new {
        contents(tx, finish).await?;
        requests::insert(tx, &finish.accepted, &finish.end).await?;
    }
    let entries: Vec<_> = new.iter().map(|finish| &finish.history).collect();
    Ok(outbox::insert(tx, &entries).await?)
}

/// Notes which contents an execution refers to.
async fn contents(tx: &mut Transaction, finish: &Finish) -> Result<(), StoreError> {
    for (content, bytes) in &finish.contents {
        let sql = "INSERT INTO execution_content (execution_id, sha256, bytes) VALUES ($1, $2, $3) \
                   ON CONFLICT (execution_id, sha256) DO NOTHING";
        let bytes = i64::try_from(*bytes).unwrap_or(i64::MAX);
        let statement = sqlx::query(sql).bind(finish.accepted.execution_id);
        statement.bind(content.to_string()).bind(bytes).execute(&mut *tx).await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "ends_tests.rs"]
mod tests;
