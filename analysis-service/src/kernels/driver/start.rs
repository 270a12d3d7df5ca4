//! From an order to a kernel that answers, with its tables loaded. Runs beside the driver's task, which goes on
//! listening; given up half-way, it leaves no process behind.

use std::{path::Path, sync::Arc, time::Duration};

use fenxi_proto::analysis::v1::{KernelStart, NoticeEvent, NoticeKind};
use fenxi_supervisor::{
    Channel,
    client::Line,
    process::{End, Ended},
};
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::kernels::{
    connection::{ConnectError, Connection, Endpoint, Incoming},
    launch::{LaunchError, Launched, Launcher, Order},
    model::{KernelDatasetRef, KernelTable, TableSource},
    specs::TableLoader,
    starts::StartTicket,
    store::{Store, StoreError},
};

/// How long one probe waits before the next: the first ones may pass before the kernel listens.
const PROBE_WAIT: Duration = Duration::from_millis(200);

/// What a start needs.
pub(super) struct Plan {
    /// Or the name of its kind, if that is not known any more.
    pub launcher: Result<Arc<dyn Launcher>, String>,
    /// How tables are loaded, or why they cannot be.
    pub tables: Result<TableLoader, String>,
    /// Its place among those that wait for their turn; given up where there is nothing to start.
    pub ticket: Option<StartTicket>,
    /// Starts that were not waited for any longer, and are ended as soon as they are there: till then they use the kernel's
    /// id. It is closed, so that its end can be waited for.
    pub late: TaskTracker,
    pub order: Order,
    pub start_max: Duration,
    pub owner_user_id: Uuid,
    pub datasets: Vec<KernelDatasetRef>,
    pub source: TableSource,
    /// Where it is written down that it has started.
    pub store: Store,
    /// One that was kept ready, which has this order's id.
    pub ready: Option<Ready>,
    /// Gives it up.
    pub cancel: CancellationToken,
}

/// A kernel that answers, held to its limits, with nothing in it yet. Dropped, its process ends.
#[derive(Debug)]
pub(crate) struct Ready {
    launched: Launched,
    connection: Connection,
}

/// A kernel that answers.
#[derive(Debug)]
pub(super) struct Live {
    pub launched: Launched,
    pub connection: Connection,
    /// The newest message of the kernel's that was taken in.
    pub heard: u64,
    /// What the first execution has to be told.
    pub notices: Vec<NoticeEvent>,
    /// Keeps the tables' files where they are.
    pub _tables: Vec<KernelTable>,
}

/// Why a kernel did not become ready, with what is left of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// Nothing was started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// Its kind is gone.
    #[error("there is no kernel spec `{0}` any more; --kernel-specs-dir had it when the kernel was created")]
    SpecGone(String),
    /// It has tables, and its kind cannot be given any.
    #[error("its tables cannot be loaded: {0}")]
    WithoutTables(String),
    /// Its process ended first.
    #[error("its process {} before it was ready: {log}", how(*ended))]
    Ended { ended: Option<Ended>, log: String },
    /// It did not speak in time.
    #[error("{error}: {log}")]
    Connect { error: ConnectError, log: String },
    /// Nobody would know that it may have run code.
    #[error("its start could not be written down: {0}")]
    Unwritten(#[from] StoreError),
    /// It was given up.
    #[error("the start was given up")]
    Cancelled,
}

/// What became of a process, in a person's words.
fn how(ended: Option<Ended>) -> String {
    match ended.map(|ended| ended.how) {
        Some(End::Exited(code)) => format!("exited with code {code}"),
        Some(End::Signalled(signal)) => format!("was ended by signal {signal}"),
        None => "ended".to_owned(),
    }
}

/// For [`Plan::late`]: none so far.
pub(super) fn none_late() -> TaskTracker {
    let late = TaskTracker::new();
    late.close();
    late
}

impl Ready {
    /// Starts one. Given up half-way, it leaves no process behind once what is `late` has ended.
    pub(super) async fn start(
        launcher: Arc<dyn Launcher>,
        order: Order,
        deadline: Instant,
        late: &TaskTracker,
        cancel: &CancellationToken,
    ) -> Result<Self, StartError> {
        let settled = tokio::select! {
            settled = timeout_at(deadline, launcher.settled()) => settled,
            () = cancel.cancelled() => return Err(StartError::Cancelled),
        };
        settled.map_err(|_| LaunchError::Timeout)?;
        // Seen to its end in any case: half-way, there are a folder and a control group that nobody would remove.
        let mut launching = tokio::spawn(async move { launcher.launch(order).await });
        let Ok(launched) = timeout_at(deadline, &mut launching).await else {
            late.spawn(async move {
                if let Ok(Ok(launched)) = launching.await {
                    launched.clear().await;
                }
            });
            return Err(LaunchError::Timeout.into());
        };
        let launched = launched.map_err(|error| LaunchError::Spawn(std::io::Error::other(error))).flatten();
        let mut launched = match launched {
            Ok(launched) if cancel.is_cancelled() => {
                launched.clear().await;
                return Err(StartError::Cancelled);
            }
            Err(_) if cancel.is_cancelled() => return Err(StartError::Cancelled),
            launched => launched?,
        };
        let (line, endpoint) = (launched.process.line(), launched.endpoint.clone());
        let opened = tokio::select! {
            opened = open(&line, &endpoint, deadline) => opened,
            ended = launched.process.ended() => {
                let log = launched.process.log().await;
                launched.clear().await;
                return Err(StartError::Ended { ended: ended.ok(), log });
            }
            () = cancel.cancelled() => {
                launched.clear().await;
                return Err(StartError::Cancelled);
            }
        };
        let connection = match opened {
            Ok(connection) => connection,
            Err(error) => {
                let log = launched.process.log().await;
                launched.clear().await;
                return Err(StartError::Connect { error, log });
            }
        };
        if let Err(error) = launched.held().await {
            launched.clear().await;
            return Err(error.into());
        }
        Ok(Self { launched, connection })
    }

    /// Which kernel it is to be.
    pub(crate) fn kernel_id(&self) -> Uuid {
        self.launched.kernel_id
    }

    /// Whether it was forked, and not started as a program of its own.
    pub(super) fn is_forked(&self) -> bool {
        self.launched.start != KernelStart::Plain
    }

    /// Whether its process is there and goes on, at this moment.
    pub(super) fn is_whole(&self) -> bool {
        self.launched.is_whole()
    }

    /// Waits for the end of its process.
    pub(super) async fn ended(&mut self) {
        let _ = self.launched.process.ended().await;
    }

    /// Nobody wants it.
    pub(super) async fn clear(self) {
        drop(self.connection);
        self.launched.clear().await;
    }
}

impl Plan {
    /// Makes the kernel: from the one that was kept ready, if it still lives, or by a start, which waits for its turn.
    pub(super) async fn run(mut self) -> Result<Box<Live>, StartError> {
        let ready = match self.ready.take() {
            Some(ready) if !ready.is_whole() => {
                // It died since it was taken. Nobody has used it, and nobody need know.
                ready.clear().await;
                None
            }
            ready => ready,
        };
        let tables = match &self.tables {
            Err(why) if !self.datasets.is_empty() => return Err(StartError::WithoutTables(why.clone())),
            tables => tables.as_ref().copied().unwrap_or(TableLoader::BuiltIn),
        };
        if let Some(ready) = ready {
            // Nobody behind it waits for it.
            drop(self.ticket.take());
            match self.hand_out(ready, tables).await {
                // It died after all, with the supervisor: it has run nothing yet.
                Err(StartError::Launch(LaunchError::Spawn(error))) => {
                    tracing::warn!(kernel_id = %self.order.kernel_id, %error, "a kernel that was ready has died");
                }
                live => return live,
            }
        }
        let started = self.start().await?;
        self.hand_out(started, tables).await
    }

    /// Makes a kernel that answers its owner's.
    async fn hand_out(&self, ready: Ready, tables: TableLoader) -> Result<Box<Live>, StartError> {
        let Ready { mut launched, mut connection } = ready;
        connection.belongs_to(self.owner_user_id);
        launched.open_network().await;
        let (tables, notices) = self.load(&mut connection, &mut launched, tables).await;
        if self.cancel.is_cancelled() {
            launched.clear().await;
            return Err(StartError::Cancelled);
        }
        if let Err(error) = launched.hold().await {
            launched.clear().await;
            return Err(LaunchError::Spawn(error).into());
        }
        // Held first: what is not written down as started, and not held, has not run anything, and is started again by
        // the next service.
        if let Err(error) = self.store.started(self.order.kernel_id, self.order.generation).await {
            launched.clear().await;
            return Err(error.into());
        }
        Ok(Box::new(Live { launched, connection, notices, heard: 0, _tables: tables }))
    }

    /// Starts a process when it is its turn, which ends with it: tables may have to be parsed anew, and nobody who starts
    /// a kernel need wait for that.
    async fn start(&mut self) -> Result<Ready, StartError> {
        let ticket = self.ticket.take();
        let turn = async {
            self.late.wait().await;
            match ticket {
                Some(ticket) => Some(ticket.turn().await),
                None => None,
            }
        };
        let _turn = tokio::select! {
            turn = turn => turn,
            () = self.cancel.cancelled() => return Err(StartError::Cancelled),
        };
        let launcher = self.launcher.as_ref().map_err(|spec| StartError::SpecGone(spec.clone()))?;
        Ready::start(Arc::clone(launcher), self.order, Instant::now() + self.start_max, &self.late, &self.cancel).await
    }

    async fn load(
        &self,
        connection: &mut Connection,
        launched: &mut Launched,
        loader: TableLoader,
    ) -> (Vec<KernelTable>, Vec<NoticeEvent>) {
        let (mut held, mut notices) = (Vec::new(), Vec::new());
        for dataset in &self.datasets {
            let opening = (self.source.open)(self.owner_user_id, dataset.dataset_id);
            let opened = tokio::select! {
                opened = opening => opened.map_err(|why| why.to_string()),
                () = self.cancel.cancelled() => break,
            };
            let loaded = match opened {
                Ok(table) => {
                    let variable = &dataset.variable_name;
                    let file = format!("{variable}.arrow");
                    let path = launched.share(&file, table.path.clone()).await.map_err(|why| why.to_string());
                    let loading = async { load(connection, loader, variable, &path?).await };
                    let loaded = tokio::select! {
                        loaded = timeout(self.start_max, loading) => loaded,
                        _ = launched.process.ended() => Ok(Err("the kernel ended".to_owned())),
                        () = self.cancel.cancelled() => Ok(Err("the start was given up".to_owned())),
                    };
                    held.push(table);
                    loaded.unwrap_or_else(|_| Err("it took too long".to_owned()))
                }
                Err(why) => Err(why),
            };
            if let Err(why) = loaded {
                let (name, variable) = (&dataset.name, &dataset.variable_name);
                let text = format!("{name} could not be loaded as {variable}: {why}");
                notices.push(NoticeEvent { kind: NoticeKind::DatasetNotLoaded.into(), text });
            }
        }
        (held, notices)
    }
}

/// Connects, and asks until what is said on iopub is heard.
async fn open(line: &Line, endpoint: &Endpoint, deadline: Instant) -> Result<Connection, ConnectError> {
    let mut connection = Connection::open(line, endpoint, deadline).await?;
    let heard = async {
        for number in 0_u32.. {
            let id = format!("probe-{number}");
            let _ = connection.request(&id, "kernel_info_request", &serde_json::json!({}));
            if timeout(PROBE_WAIT, heard(&mut connection, "probe-")).await.is_ok() {
                return;
            }
        }
    };
    timeout_at(deadline, heard).await.map_err(|_| ConnectError::Timeout)?;
    Ok(connection)
}

/// Waits for anything on iopub that belongs to a request whose id begins so.
async fn heard(connection: &mut Connection, prefix: &str) {
    while let Some(incoming) = connection.next().await {
        if let Incoming::Message { channel: Channel::Iopub, message, .. } = incoming
            && message.parent_id.starts_with(prefix)
        {
            return;
        }
    }
    // Closed: the process's end tells the rest.
    std::future::pending::<()>().await;
}

#[derive(Deserialize)]
struct Loaded {
    status: String,
    #[serde(default)]
    ename: String,
    #[serde(default)]
    evalue: String,
}

/// Loads a table under a variable, silently.
async fn load(connection: &mut Connection, loader: TableLoader, variable: &str, path: &Path) -> Result<(), String> {
    let code = loader.code(variable, path.to_str().ok_or("its file's name is no text")?);
    let content = serde_json::json!({
        "code": code, "silent": true, "store_history": false, "user_expressions": {}, "allow_stdin": false,
        "stop_on_error": false,
    });
    let id = format!("load-{variable}");
    connection.request(&id, "execute_request", &content).map_err(|error| error.to_string())?;
    while let Some(incoming) = connection.next().await {
        let Incoming::Message { channel: Channel::Shell, message, .. } = incoming else { continue };
        if message.parent_id != id {
            continue;
        }
        let loaded: Loaded = serde_json::from_slice(&message.content).map_err(|error| error.to_string())?;
        return if loaded.status == "ok" { Ok(()) } else { Err(format!("{}: {}", loaded.ename, loaded.evalue)) };
    }
    std::future::pending().await
}
