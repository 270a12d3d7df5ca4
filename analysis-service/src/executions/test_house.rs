//! A room of executions in a folder of its own, for tests.

use std::{path::Path, sync::Arc};

use fenxi_chassis::{clock::Clock, id, sqlite::Database};
use fenxi_proto::analysis::v1::{Death, DeathCause, OutputEvent};
use tempfile::TempDir;
use uuid::Uuid;

use super::{Acceptance, Executions, Fate, LogReader, LogWriter, Moment, NewExecution, Settings, View, live::Kept};
use crate::{objects::Objects, outbox};

pub(crate) const USER: Uuid = Uuid::from_u128(0xA);
pub(crate) const KERNEL: Uuid = Uuid::from_u128(0xB);
/// 2026-11-23 in microseconds.
pub(crate) const START: i64 = 1_795_392_000_000_000;

/// What has become of every kernel.
pub(crate) fn dead(_: Uuid) -> Fate {
    Fate::Dead(Death { cause: DeathCause::Shutdown.into(), ..Death::default() })
}

/// The kernel begins to run it.
pub(crate) async fn begin(log: &mut LogWriter) {
    log.started(1, Moment::default()).await;
    log.hand_in().await;
}

pub(crate) fn settings() -> Settings {
    Settings {
        output_max_bytes: 64 << 20,
        output_tail_bytes: 2 << 20,
        execution_log_keep_days: 90,
        execution_content_keep_days: 0,
    }
}

pub(crate) struct House {
    pub(crate) executions: Executions,
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) folder: Arc<TempDir>,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(&settings()).await
    }

    pub(crate) async fn with(settings: &Settings) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        Self::over(folder, settings).await
    }

    /// A house over the folder of another, as after a restart.
    pub(crate) async fn over(folder: Arc<TempDir>, settings: &Settings) -> Self {
        let clock = Clock::manual(START);
        let (executions, database) = open(folder.path(), settings, clock.clone()).await;
        Self { executions, database, clock, folder }
    }

    pub(crate) async fn accept(&self, code: &str) -> (View, LogWriter) {
        match self.executions.accept(request(code), Vec::new(), 0).await.expect("accepted") {
            Acceptance::New(view, log) => (view, *log),
            Acceptance::Known(_) => panic!("known already"),
        }
    }

    pub(crate) async fn reader(&self, view: &View, after: i64) -> LogReader {
        let id = view.accepted.execution_id;
        self.executions.read(USER, id, after).await.expect("a reader").1
    }

    /// The whole log from this number on, to its end.
    pub(crate) async fn events(&self, view: &View, after: i64) -> Vec<OutputEvent> {
        let mut reader = self.reader(view, after).await;
        let mut events = Vec::new();
        while let Some(event) = reader.next().await.expect("an event") {
            events.push(event);
        }
        events
    }

    /// Waits until the end is in the database.
    pub(crate) async fn until_saved(&self, view: &View) {
        if let Some(live) = self.executions.live(USER, view.accepted.execution_id) {
            live.until(Kept::End).await;
        }
    }
}

pub(crate) async fn open(folder: &Path, settings: &Settings, clock: Clock) -> (Executions, Database) {
    let database = Database::open(&folder.join("test.db"), &super::STEPS).await.expect("a database");
    let objects = Objects::open(&folder.join("objects")).expect("objects");
    let relay = outbox::Wake::default();
    let room = folder.join("executions");
    let executions = Executions::open(settings, &room, database.clone(), objects, clock, relay).expect("a room");
    (executions, database)
}

pub(crate) fn request(code: &str) -> NewExecution {
    NewExecution {
        user_id: USER,
        request_id: id::at(START),
        kernel_id: KERNEL,
        code: code.into(),
        time_limit: None,
        continue_on_error: false,
        depends_on: None,
    }
}
