//! A registry of kernels and a room of executions in a folder of their own.

#[path = "house/forks.rs"]
mod forks;
#[path = "house/lasting.rs"]
mod lasting;
#[path = "house/said.rs"]
mod said;

use std::{
    collections::HashMap,
    future::Future,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use analysis_service::{
    executions::{self, Acceptance, Executions, LogReader, NewExecution},
    kernels::{
        KernelHandle, QueueSlot, Work,
        launch::{Apart, ForkLauncher, Launched, Launcher, Level, Workshop},
        model::{KernelError, KernelTable, Settings, TableSource, TableUnavailable},
        registry::{NewDataset, NewKernel, Registry},
        specs::{self as kinds, Launchers},
        store::{self, Store},
    },
    objects::Objects,
    outbox,
};
use fenxi_chassis::{clock::Clock, config, id, lifecycle::Lifecycle, sqlite::Database};
use fenxi_proto::analysis::v1::{Outcome, StreamName};
use fenxi_supervisor::client::{self as supervisor, Held, Supervisor};
use futures_util::FutureExt as _;
use tempfile::TempDir;
use uuid::Uuid;

use crate::interpreter::light;

pub(crate) use self::forks::{fork_kernels, fork_light_kernels, forks};
pub(crate) use self::said::{Ran, next, until, until_kernel, until_printed, until_state};

pub(crate) const USER: Uuid = Uuid::from_u128(0xA);
/// Code that waits until [`House::go`] lets it go on.
pub(crate) const UNTIL_GO: &str =
    "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nos.remove('go')\n";
/// No story takes as long on any machine; reaching it is the failure.
const LIMIT: Duration = Duration::from_secs(120);
/// 2026-11-23 in microseconds.
const START: i64 = 1_795_392_000_000_000;

pub(crate) struct House {
    pub(crate) registry: Registry,
    pub(crate) executions: Executions,
    pub(crate) clock: Clock,
    pub(crate) tables: Tables,
    /// Where kernels have their folders, `run` and `work`.
    pub(crate) files: PathBuf,
    database: Database,
    folder: TempDir,
}

/// The tables that this house's datasets have, by id.
pub(crate) type Tables = Arc<Mutex<HashMap<Uuid, (String, PathBuf)>>>;

/// Fails the test if the future takes longer than any machine needs.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future).await.expect("it takes too long")
}

pub(crate) fn python() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned();
    let home = config::variable("FENXI_HOME").map_or_else(|| workspace.join("data"), PathBuf::from);
    let python = config::variable("FENXI_TEST_PYTHON").map_or_else(|| home.join("python/bin/python"), PathBuf::from);
    assert!(python.is_file(), "{} is not there: run `make kernel-env`", python.display());
    python
}

pub(crate) fn settings() -> Settings {
    Settings { sample_interval: Duration::from_millis(100), ..Settings::default() }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(settings()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::over(tempfile::tempdir_in("/tmp").expect("a folder"), settings, None).await
    }

    /// With the kinds of kernels of this folder beside the built-in one.
    pub(crate) async fn with_kinds(settings: Settings, specs: &Path) -> Self {
        Self::over(tempfile::tempdir_in("/tmp").expect("a folder"), settings, Some((specs, false))).await
    }

    /// The same, forked.
    pub(crate) async fn with_forked_kinds(settings: Settings, specs: &Path) -> Self {
        Self::over(tempfile::tempdir_in("/tmp").expect("a folder"), settings, Some((specs, true))).await
    }

    /// One whose kernels are programs of their own, held to what this says.
    pub(crate) async fn held_to(settings: Settings, apart: Apart) -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        let launchers = Launchers::plain(&workshop_of(folder.path(), apart).await, Vec::new());
        let files = folder.path().to_owned();
        Self::with_launchers(folder, settings, launchers, files).await
    }

    /// The next house after this one's service has ended well.
    pub(crate) async fn after(self, settings: Settings) -> Self {
        self.registry.shut_down().await;
        self.database.close(&Lifecycle::new()).await;
        Self::over(self.folder, settings, None).await
    }

    /// Changes what is written down.
    pub(crate) async fn edit(&self, sql: &'static str) {
        let edited = self.database.writer.write::<_, store::StoreError, _>(move |transaction| {
            Box::pin(async move { Ok(sqlx::query(sql).execute(transaction).await.map(drop)?) })
        });
        edited.await.expect("changed");
    }

    /// As if the interrupts that are noted had been for this execution, and not been carried out.
    pub(crate) async fn forget_interrupts(&self, execution_id: Uuid) {
        let edited = self.database.writer.write::<_, store::StoreError, _>(move |transaction| {
            Box::pin(async move {
                let sql = "UPDATE kernel_requests SET execution_id = $1 WHERE execution_id IS NOT NULL";
                Ok(sqlx::query(sql).bind(execution_id).execute(transaction).await.map(drop)?)
            })
        });
        edited.await.expect("changed");
    }

    async fn over(folder: TempDir, settings: Settings, kinds_of: Option<(&Path, bool)>) -> Self {
        let (launchers, files) = match forks().filter(|_| kinds_of.is_none()) {
            Some(forks) => {
                let launcher: Arc<dyn Launcher> = Arc::clone(&forks.launcher) as _;
                (launcher.into(), forks.files())
            }
            None => {
                let workshop = match kinds_of {
                    Some((_, true)) => workshop_with(folder.path(), &light(folder.path(), ""), apart()).await,
                    _ => workshop_of(folder.path(), apart()).await,
                };
                let specs = match kinds_of {
                    Some((specs, _)) => kinds::open(specs, vec![folder.path().to_owned()]).await.expect("good specs"),
                    None => Vec::new(),
                };
                let launchers = match kinds_of {
                    Some((_, true)) => {
                        Launchers::forked(&ForkLauncher::start(workshop.clone(), Vec::new()), &workshop, specs)
                    }
                    _ => Launchers::plain(&workshop, specs),
                };
                (launchers, folder.path().to_owned())
            }
        };
        Self::with_launchers(folder, settings, launchers, files).await
    }

    pub(crate) async fn with_launchers(
        folder: TempDir,
        settings: Settings,
        launchers: Launchers,
        files: PathBuf,
    ) -> Self {
        Self::taking_up(folder, settings, launchers, files, (Clock::manual(START), Vec::new())).await
    }

    async fn taking_up(
        folder: TempDir,
        settings: Settings,
        launchers: Launchers,
        files: PathBuf,
        (clock, kept): (Clock, Vec<Launched>),
    ) -> Self {
        let path = folder.path();
        let steps = [store::STEPS, &executions::STEPS].concat();
        let database = Database::open(&path.join("test.db"), &steps).await.expect("a database");
        let log_settings = executions::Settings {
            output_max_bytes: 64 << 20,
            output_tail_bytes: 2 << 20,
            execution_log_keep_days: 90,
            execution_content_keep_days: 0,
        };
        let objects = Objects::open(&path.join("objects")).expect("objects");
        let (room, wake) = (path.join("executions"), outbox::Wake::default());
        let executions =
            Executions::open(&log_settings, &room, database.clone(), objects, clock.clone(), wake).expect("a room");
        let tables = Tables::default();
        let store = Store::new(database.clone(), settings.limits);
        let (source, lifecycle) = (source(&tables), Lifecycle::new());
        let inherited = lasting::inherited(kept, &executions).await;
        let registry = Registry::open(launchers, source, store, settings, clock.clone(), &lifecycle, inherited);
        Self { registry: registry.await.expect("a registry"), executions, clock, tables, files, database, folder }
    }

    pub(crate) fn new_kernel() -> NewKernel {
        NewKernel {
            display_name: String::new(),
            datasets: Vec::new(),
            request_id: id::at(START),
            kernel_spec: String::new(),
        }
    }

    pub(crate) async fn create(&self, new: NewKernel) -> Result<KernelHandle, KernelError> {
        let kernel = soon(self.registry.create(USER, new)).await?;
        self.registry.kernel(USER, kernel.kernel_id)
    }

    /// A kernel without tables, ready or not.
    pub(crate) async fn kernel(&self) -> KernelHandle {
        self.create(Self::new_kernel()).await.expect("a kernel")
    }

    /// Makes a dataset of what `expression` gives, a pyarrow table.
    pub(crate) fn dataset(&self, name: &str, expression: &str) -> Uuid {
        let dataset_id = id::at(START);
        let path = self.folder.path().join(format!("{dataset_id}.arrow"));
        let code = format!(
            "import sys, datetime, pyarrow as pa\ntable = {expression}\n\
             with pa.OSFile(sys.argv[1], 'wb') as f, pa.ipc.new_file(f, table.schema) as w: w.write_table(table)"
        );
        let made = Command::new(python()).arg("-c").arg(code).arg(&path).status().expect("python");
        assert!(made.success());
        self.tables.lock().expect("whole").insert(dataset_id, (name.to_owned(), path));
        dataset_id
    }

    pub(crate) fn table(dataset_id: Uuid, variable_name: &str) -> NewDataset {
        NewDataset { dataset_id, variable_name: variable_name.to_owned() }
    }

    /// Sends code and gives the reader of its log.
    pub(crate) async fn send(&self, kernel: &KernelHandle, code: &str) -> (Uuid, LogReader) {
        self.send_with(kernel, code, None, false).await
    }

    pub(crate) async fn send_with(
        &self,
        kernel: &KernelHandle,
        code: &str,
        time_limit: Option<Duration>,
        continue_on_error: bool,
    ) -> (Uuid, LogReader) {
        self.send_new(kernel, NewExecution { time_limit, continue_on_error, ..Self::new_execution(kernel, code) }).await
    }

    /// Code to be run in this kernel.
    pub(crate) fn new_execution(kernel: &KernelHandle, code: &str) -> NewExecution {
        NewExecution {
            user_id: USER,
            request_id: id::at(START),
            kernel_id: kernel.kernel_id(),
            code: code.into(),
            time_limit: None,
            continue_on_error: false,
            depends_on: None,
        }
    }

    pub(crate) async fn send_new(&self, kernel: &KernelHandle, new: NewExecution) -> (Uuid, LogReader) {
        self.submit(kernel.reserve().await.expect("a place in the queue"), new).await
    }

    /// Sends code for which there is a place.
    pub(crate) async fn submit(&self, slot: QueueSlot, new: NewExecution) -> (Uuid, LogReader) {
        let position = i32::try_from(slot.position()).expect("a small number");
        let (time_limit, continue_on_error) = (new.time_limit, new.continue_on_error);
        let accepted = self.executions.accept(new, Vec::new(), position).await.expect("accepted");
        let Acceptance::New(_, log) = accepted else { panic!("known already") };
        let execution_id = log.execution_id();
        slot.submit(Work { execution_id, time_limit, continue_on_error, log: *log });
        (execution_id, self.executions.read(USER, execution_id, 0).await.expect("a reader").1)
    }

    /// Lets code go on that waits for it, once there is a folder that it runs in.
    pub(crate) async fn go(&self, kernel: &KernelHandle) {
        let work = self.files.join("work").join(kernel.kernel_id().to_string());
        soon(async {
            while !work.is_dir() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        std::fs::write(work.join("go"), "").expect("written");
    }

    /// Runs code to its end.
    pub(crate) async fn run(&self, kernel: &KernelHandle, code: &str) -> Ran {
        let (_, reader) = self.send(kernel, code).await;
        let ran = Ran::read(reader).await;
        assert!(ran.outcome() != Outcome::Cancelled, "the kernel did not start: {:?}", kernel.snapshot().death);
        ran
    }

    /// Runs code that is to work, and gives what it printed.
    pub(crate) async fn printed(&self, kernel: &KernelHandle, code: &str) -> String {
        let ran = self.run(kernel, code).await;
        assert_eq!(ran.outcome(), Outcome::Ok, "{:?}", ran.events);
        ran.text(StreamName::Stdout)
    }
}

/// The supervisor of a folder's kernels, which ends with this process.
pub(crate) async fn supervisor(folder: &Path, linger: Duration) -> (Supervisor, Vec<Held>) {
    let run = folder.join("run");
    std::fs::create_dir_all(&run).expect("a folder");
    let settings = supervisor::Settings {
        program: env!("CARGO_BIN_EXE_kernel-supervisor").into(),
        socket: run.join("supervisor.sock"),
        linger,
    };
    Supervisor::open(settings).await.expect("a supervisor")
}

pub(crate) fn apart() -> Apart {
    Apart {
        level: Level::Standard,
        uid_first: 1_900_000_000,
        processes_max: 512,
        tmp_max_bytes: 1 << 30,
        open_files_max: 4096,
        cpu_max_percent: None,
    }
}

async fn workshop_of(folder: &Path, apart: Apart) -> Workshop {
    workshop_with(folder, &python(), apart).await
}

/// With another interpreter.
pub(crate) async fn workshop_with(folder: &Path, python: &Path, apart: Apart) -> Workshop {
    let (supervisor, held) = supervisor(folder, Duration::ZERO).await;
    Workshop::open(python, &folder.join("run"), &folder.join("work"), apart, (supervisor, &held)).expect("a workshop")
}

fn source(tables: &Tables) -> TableSource {
    let find = |tables: &Tables, id: Uuid| tables.lock().expect("whole").get(&id).cloned();
    let (names, opened) = (Arc::clone(tables), Arc::clone(tables));
    TableSource {
        name: Arc::new(move |_, id| {
            let name = find(&names, id).map(|(name, _)| name).ok_or(TableUnavailable::NotFound);
            async move { name }.boxed()
        }),
        open: Arc::new(move |_, id| {
            let found = find(&opened, id).ok_or(TableUnavailable::NotFound);
            async move { found.map(|(_, path)| KernelTable { path, hold: Arc::new(()) }) }.boxed()
        }),
    }
}
