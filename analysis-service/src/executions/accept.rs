//! Accepting an execution: durable before anyone knows of it, once for a request, or not at all.

use std::{sync::Arc, time::Duration};

use fenxi_chassis::clock::micros;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Accepted, DatasetRef, Dependency, ExecutionError, Executions, LogWriter, View,
    dependency::Link,
    journal::{Kind, Ticket},
    live::{Kept, Live},
    scribe::Command,
    store::{Insert, StoreError, Stored},
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
    /// The execution of the same kernel whose end lets it begin.
    pub depends_on: Option<Dependency>,
}

impl NewExecution {
    /// SHA-256 of what is asked: the same for the same request, another for another.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.kernel_id.as_bytes());
        hasher.update(self.time_limit.map_or(-1, micros).to_be_bytes());
        hasher.update([u8::from(self.continue_on_error)]);
        hasher.update(self.code.as_bytes());
        // As it was before there were dependencies, without one.
        if let Some(Dependency { execution_id, condition }) = self.depends_on {
            hasher.update([0, condition as u8]);
            hasher.update(execution_id.as_bytes());
        }
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
    /// The request's id was used for another request, what it depends on is not there, or the database or the disk takes
    /// nothing.
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
            position,
            time_limit_micros: new.time_limit.map(micros),
            continue_on_error: new.continue_on_error,
            depends_on: new.depends_on,
        });
        let on = match self.link(&new).await {
            Ok(on) => on,
            Err(refusal) => return self.known(&new).await?.map(Acceptance::Known).ok_or(refusal),
        };
        let live = Arc::new(Live::new(Arc::clone(&accepted)));
        if let Err(other) = self.lives.add(&live) {
            return same_request(&other, &new).await.map(Acceptance::Known);
        }
        // Nobody knows the id before it is durable, so that both may be done at the same time. What began before and is
        // not in memory any more is in the database.
        let (known, ticket) = tokio::join!(self.begun_before(&new), self.write_down(&accepted));
        match known {
            Ok(None) => {}
            Ok(Some(stored)) => {
                self.forget(&live, ticket);
                return self.known_as(stored, &new).await.map(Acceptance::Known);
            }
            Err(error) => {
                self.forget(&live, ticket);
                return Err(error.into());
            }
        }
        match self.keep(&live, ticket).await {
            Ok(Insert::New) => {
                let log = LogWriter::begin(Arc::clone(&live), self.desk.clone());
                if live.kept() == Kept::Row {
                    // The journal did not take it: its first event is nowhere yet.
                    self.desk.scribe.send(Command::Keep { live: Arc::clone(&live), ticket: None }).await.ok();
                }
                if let Some(on) = on {
                    live.link.depend_on(on);
                }
                self.desk.finisher.follow(Arc::clone(&live));
                Ok(Acceptance::New(View::of_live(&live), Box::new(log)))
            }
            Ok(Insert::Known(stored)) => {
                self.forget(&live, None);
                self.known_as(*stored, &new).await.map(Acceptance::Known)
            }
            Err(error) => {
                self.forget(&live, None);
                self.desk.finisher.take_back(live.id());
                Err(error.into())
            }
        }
    }

    /// The row of the execution that this request began and that has left the memory.
    async fn begun_before(&self, new: &NewExecution) -> Result<Option<Stored>, StoreError> {
        if !self.begun.begin((new.user_id, new.request_id)) {
            return Ok(None);
        }
        self.store.by_request(new.user_id, new.request_id).await
    }

    async fn link(&self, new: &NewExecution) -> Result<Option<Arc<Link>>, ExecutionError> {
        let Some(on) = new.depends_on else { return Ok(None) };
        self.link_to(new.user_id, new.kernel_id, on.execution_id).await.map(Some)
    }

    /// Makes an acceptance durable, if the journal takes it.
    async fn write_down(&self, accepted: &Accepted) -> Option<Ticket> {
        self.desk.journal.add(Kind::Accepted, accepted.execution_id, accepted.write()).await
    }

    /// It is durable by its record in the journal; without one, by its row.
    async fn keep(&self, live: &Live, ticket: Option<Ticket>) -> Result<Insert, StoreError> {
        if let Some(ticket) = ticket {
            live.set_ticket(ticket);
            return Ok(Insert::New);
        }
        let inserted = self.store.insert(Arc::clone(&live.accepted)).await;
        if matches!(inserted, Ok(Insert::New)) {
            live.set_kept(Kept::Row);
        }
        inserted
    }

    /// The execution that this request began, if it was accepted before.
    ///
    /// # Errors
    /// The request's id was used for another request, or the database does not answer.
    pub async fn known(&self, new: &NewExecution) -> Result<Option<View>, ExecutionError> {
        if let Some(live) = self.lives.by_request(new.user_id, new.request_id) {
            return same_request(&live, new).await.map(Some);
        }
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

    /// Undoes an acceptance of which nobody was told.
    fn forget(&self, live: &Live, ticket: Option<Ticket>) {
        self.lives.remove(live);
        live.set_kept(Kept::Nothing);
        if let Some(ticket) = ticket {
            self.desk.journal.take_back(ticket);
        }
    }
}

/// The execution in memory that this request began before, once that is durable.
async fn same_request(live: &Arc<Live>, new: &NewExecution) -> Result<View, ExecutionError> {
    if live.accepted.request_hash != new.hash() {
        return Err(ExecutionError::RequestIdReused);
    }
    match live.until(Kept::Accepted).await {
        Kept::Nothing => Err(ExecutionError::NotSettled),
        _ => Ok(View::of_live(live)),
    }
}
