//! Accepting an execution: durable before anyone knows of it, once for a request, or not at all.

use std::{sync::Arc, time::Duration};

use fenxi_chassis::clock::micros;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Accepted, DatasetRef, ExecutionError, Executions, LogWriter, View,
    live::Live,
    scribe::Command,
    store::{Insert, Stored},
};

/// What is asked to be run, checked already.
#[derive(Clone, Debug)]
pub struct NewExecution {
    /// Whose it is.
    pub user_id: Uuid,
    /// What makes a repeated call the same call.
    pub request_id: Uuid,
    /// Where it runs.
    pub kernel_id: Uuid,
    /// What it runs.
    pub code: Arc<str>,
    /// The most time it may run.
    pub time_limit: Option<Duration>,
    /// Whether the queue goes on after an exception.
    pub continue_on_error: bool,
}

impl NewExecution {
    /// SHA-256 of what is asked: the same for the same request, another for another.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.kernel_id.as_bytes());
        hasher.update(self.time_limit.map_or(-1, micros).to_be_bytes());
        hasher.update([u8::from(self.continue_on_error)]);
        hasher.update(self.code.as_bytes());
        hasher.finalize().into()
    }
}

/// What became of a request to run something.
#[derive(Debug)]
pub enum Acceptance {
    /// It is durable, and to be run: the log goes to the driver.
    New(View, Box<LogWriter>),
    /// The same request was accepted before.
    Known(View),
}

impl Executions {
    /// Accepts a request, durably, with its first event: `position` executions of its kernel are before it. A request
    /// that was accepted before is not accepted again. The caller must not be dropped between this and handing the log
    /// to the driver: a log that is dropped ends as LOST.
    ///
    /// # Errors
    /// The request's id was used for another request, or the database or the disk takes nothing.
    pub async fn accept(
        &self,
        new: NewExecution,
        datasets: Vec<DatasetRef>,
        position: i32,
    ) -> Result<Acceptance, ExecutionError> {
        let accepted = Arc::new(Accepted {
            execution_id: self.ids.next(),
            user_id: new.user_id,
            request_id: new.request_id,
            request_hash: new.hash(),
            kernel_id: new.kernel_id,
            code: Arc::clone(&new.code),
            datasets,
            create_time: self.desk.clock.now_micros(),
        });
        let live = Arc::new(Live::new(Arc::clone(&accepted)));
        self.lives.add(&live);
        // Nobody knows the id before the row is durable, so that the file may be made meanwhile.
        let (created, inserted) = tokio::join!(self.desk.scribe.create(Arc::clone(&live)), self.store.insert(accepted));
        match (created, inserted) {
            (Ok(()), Ok(Insert::New)) => {
                let log = LogWriter::begin(Arc::clone(&live), self.desk.clone(), position).await;
                Ok(Acceptance::New(View::of_live(&live), Box::new(log)))
            }
            (_, Ok(Insert::Known(stored))) => {
                self.forget(&live).await;
                self.known_as(*stored, &new).await.map(Acceptance::Known)
            }
            (Err(error), Ok(Insert::New)) => {
                self.take_back(&live).await;
                Err(error.into())
            }
            (_, Err(error)) => {
                self.take_back(&live).await;
                Err(error.into())
            }
        }
    }

    /// The execution that this request began, if it was accepted before.
    ///
    /// # Errors
    /// The request's id was used for another request, or the database does not answer.
    pub async fn known(&self, new: &NewExecution) -> Result<Option<View>, ExecutionError> {
        match self.store.by_request(new.user_id, new.request_id).await? {
            Some(stored) => self.known_as(stored, new).await.map(Some),
            None => Ok(None),
        }
    }

    async fn known_as(&self, stored: Stored, new: &NewExecution) -> Result<View, ExecutionError> {
        if stored.accepted.request_hash != new.hash() {
            return Err(ExecutionError::RequestIdReused);
        }
        Ok(self.settled(stored).await?.1)
    }

    async fn forget(&self, live: &Arc<Live>) {
        self.lives.remove(live.id());
        self.desk.scribe.send(Command::Discard(live.id())).await.ok();
    }

    /// Undoes an acceptance that failed, the row included where it may be there.
    async fn take_back(&self, live: &Arc<Live>) {
        self.forget(live).await;
        self.desk.finisher.take_back(live.id());
    }
}
