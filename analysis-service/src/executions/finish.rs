//! From the acceptance and the end on disk to the row in the database, the outbox and the history: the finished row with
//! its log and its outbox row, in one transaction; then the spool file goes. It is tried until it is done; if the process
//! ends before, the next start does it from the journal and the spool.
//!
//! What the journal has is in no hurry: ends are stored a few times a second, all that there are in one transaction, and
//! at once while somebody looks at a list ([`Finisher::hurry`]). What it does not have is stored at once.

use std::{io, sync::Arc, time::Duration};

use fenxi_proto::analysis::v1::Outcome;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    journal::{Journal, Kind, Ticket},
    limits::{ROW_WAIT, SAVE_EVERY},
    live::{Kept, Live, Lives, Progress},
    material::{Maker, ROW_LOG_MAX_BYTES},
    scribe::{Command, Scribe},
    store::{Finish, Insert, Store, StoreError},
};
use crate::outbox;

const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Stores the ends of executions. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Finisher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    maker: Maker,
    scribe: Scribe,
    journal: Journal,
    lives: Lives,
    relay: outbox::Wake,
    /// What the times at which ends are stored are counted from.
    began: Instant,
    /// How many cannot wait for these times.
    hurries: watch::Sender<usize>,
    tasks: TaskTracker,
    giving_up: CancellationToken,
}

/// Nothing waits for its time as long as this lives.
pub(super) struct Hurry<'a>(&'a watch::Sender<usize>);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|hurries| *hurries -= 1);
    }
}

#[derive(Debug, thiserror::Error)]
enum FinishError {
    #[error("the log cannot be read: {0}")]
    Log(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Finisher {
    pub(super) fn new(
        store: Store,
        maker: Maker,
        scribe: Scribe,
        journal: Journal,
        lives: Lives,
        relay: outbox::Wake,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            maker,
            scribe,
            journal,
            lives,
            relay,
            began: Instant::now(),
            hurries: watch::Sender::new(0),
            tasks: TaskTracker::new(),
            giving_up: CancellationToken::new(),
        }))
    }

    /// Brings an accepted execution into the database: its row where it runs for long, and its end.
    pub(super) fn follow(&self, live: Arc<Live>) {
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

    /// Stores everything at once as long as the answer lives.
    pub(super) fn hurry(&self) -> Hurry<'_> {
        self.0.hurries.send_modify(|hurries| *hurries += 1);
        Hurry(&self.0.hurries)
    }

    /// Waits until every end is stored. Dropped before, it gives up the rest, of which nothing is lost: the next start
    /// stores it.
    pub(super) async fn drain(&self) {
        let _giving_up = self.0.giving_up.clone().drop_guard();
        self.0.tasks.close();
        let _hurry = self.hurry();
        self.0.tasks.wait().await;
    }
}

impl Inner {
    async fn until_saved(&self, live: &Arc<Live>) {
        if live.kept() < Kept::Row && !self.ends_soon(live).await {
            self.until_there(live).await;
        }
        let mut watched = live.watch();
        let ended = tokio::select! {
            biased;
            ended = watched.wait_for(|progress| progress.end.is_some()) => ended.map(|progress| *progress),
            () = live.left() => return,
        };
        let Some((progress, end)) = ended.ok().and_then(|progress| Some((progress, progress.end?))) else { return };
        let finish = self.until_made(live, &progress, end).await;
        let ticket = self.wait_for_turn(live, &progress, &finish).await;
        let finish = Arc::new(finish);
        let mut wait = Backoff(RETRY_FIRST);
        while let Err(error) = self.store.finish(Arc::clone(&finish)).await {
            cannot_yet(live, &error.into());
            wait.next().await;
        }
        for ticket in ticket.into_iter().chain(live.take_ticket()) {
            ticket.settle();
        }
        self.relay.wake();
        self.lives.remove(live);
        live.set_kept(Kept::End);
        // A log in a row needs no file, another goes to the finished ones.
        let in_row = progress.bytes <= ROW_LOG_MAX_BYTES;
        if live.has_file() {
            let stored = Command::Stored { id: live.id(), in_row, file: live.give_up_file() };
            self.scribe.send(stored).await.ok();
        }
    }

    /// Whether its row can wait for its end.
    async fn ends_soon(&self, live: &Live) -> bool {
        let mut watched = live.watch();
        tokio::select! {
            biased;
            _ = watched.wait_for(|progress| progress.end.is_some()) => true,
            () = sleep(ROW_WAIT) => false,
            () = self.hurried() => false,
        }
    }

    /// Writes the row of an execution that goes on.
    async fn until_there(&self, live: &Arc<Live>) {
        let mut wait = Backoff(RETRY_FIRST);
        loop {
            match self.store.insert(Arc::clone(&live.accepted)).await {
                // It is known where it was not known of a try before that it had worked.
                Ok(Insert::New | Insert::Known(_)) => break,
                Err(error) => cannot_yet(live, &error.into()),
            }
            wait.next().await;
        }
        self.scribe.send(Command::Keep { live: Arc::clone(live), ticket: live.take_ticket() }).await.ok();
        live.set_kept(Kept::Row);
    }

    async fn until_made(&self, live: &Arc<Live>, progress: &Progress, end: (i64, Outcome)) -> Finish {
        let mut wait = Backoff(RETRY_FIRST);
        loop {
            match self.maker.make(live, progress, end).await {
                Ok(finish) => return finish,
                Err(error) => cannot_yet(live, &error.into()),
            }
            wait.next().await;
        }
    }

    /// Waits for the time at which ends are stored, if the journal has this one.
    async fn wait_for_turn(&self, live: &Live, progress: &Progress, finish: &Finish) -> Option<Ticket> {
        let hurry = *self.hurries.borrow() > 0;
        let ticket = match live.take_end_ticket() {
            Some(ticket) if hurry => return Some(ticket),
            Some(ticket) => ticket,
            None if hurry || progress.bytes > ROW_LOG_MAX_BYTES => return None,
            None => self.journal.add(Kind::Ended, live.id(), finish.log.clone()).await?,
        };
        let (every, since) = (SAVE_EVERY.as_millis(), self.began.elapsed().as_millis());
        let next = u64::try_from((since / every + 1) * every).unwrap_or(0);
        tokio::select! {
            () = sleep_until(self.began + Duration::from_millis(next)) => {}
            () = self.hurried() => {}
        }
        Some(ticket)
    }

    async fn hurried(&self) {
        // The sender lives as long as `self`.
        self.hurries.subscribe().wait_for(|hurries| *hurries > 0).await.ok();
    }

    async fn until_taken_back(&self, execution_id: Uuid) {
        let mut wait = Backoff(RETRY_FIRST);
        while let Err(error) = self.store.delete_unfinished(execution_id).await {
            tracing::error!(%execution_id, %error, "a failed acceptance cannot be cleared away yet");
            wait.next().await;
        }
    }
}

/// Waits between tries, each longer than the one before.
struct Backoff(Duration);

impl Backoff {
    async fn next(&mut self) {
        sleep(self.0).await;
        self.0 = (self.0 * 2).min(RETRY_MAX);
    }
}

fn cannot_yet(live: &Live, error: &FinishError) {
    metrics::counter!("execution_finish_failures_total").increment(1);
    tracing::error!(execution_id = %live.id(), %error, "the end of an execution cannot be stored yet");
}
