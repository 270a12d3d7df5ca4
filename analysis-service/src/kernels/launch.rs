//! How a kernel's process comes to be: its folders, its key, its environment, its limits. Behind a trait, because there
//! are several ways: a plain start here, a fork of a prepared process next to it. It knows Jupyter's connection file and
//! nothing else of Jupyter; the driver is its only caller.

mod log;
mod python;

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use futures_util::future::BoxFuture;
use uuid::Uuid;

pub use self::log::LogTail;
use super::{
    connection::{Channel, Endpoint, HEARTBEAT_NUMBER},
    process::{Limits, Process, Spawner, Spec, tree},
};

/// The longest path of a Unix socket, without its final zero.
const SOCKET_PATH_MAX_BYTES: usize = 107;
/// What a launcher adds to its folder for the longest socket path: `/`, 16 digits, `/s-5`.
const SOCKET_PATH_ADDED_BYTES: usize = 1 + 16 + 4;
/// Files a kernel may have open; 60 are open while it is idle.
const OPEN_FILES_MAX: u64 = 4096;
/// What libraries reserve and do not use: with it, a limit on memory is one on data.
const RESERVED_DATA_BYTES: u64 = 2 << 30;

/// The variable that every process of a kernel has, however far it went.
pub(crate) const MARK: &str = "FENXI_KERNEL";

/// What is to be started.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Whose folder of files it works in.
    pub kernel_id: Uuid,
    /// Which of the kernel's processes it is.
    pub generation: i32,
    /// Its memory, in bytes; `None` for no limit.
    pub memory_bytes: Option<u64>,
    /// The largest file it may write, in bytes.
    pub file_bytes: u64,
}

/// A started kernel, not yet spoken to.
#[derive(Debug)]
pub struct Launched {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// What its process itself wrote.
    pub log: LogTail,
    /// Its folder of sockets, removed by [`Launched::clear`].
    place: PathBuf,
    mark: String,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Its folders could not be made.
    #[error("the kernel's folder cannot be made: {0}")]
    Folder(io::Error),
    /// The program does not start.
    #[error("the kernel's process cannot be started: {0}")]
    Spawn(io::Error),
}

/// A way to start kernels.
pub trait Launcher: Send + Sync + 'static {
    /// Starts one. Given up half-way, it leaves no process behind.
    fn launch(&self, order: Order) -> BoxFuture<'_, Result<Launched, LaunchError>>;

    /// Removes the files that a kernel worked in, once it is gone for good.
    fn forget(&self, kernel_id: Uuid) -> BoxFuture<'_, ()>;
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Starts kernels as plain processes of a Python interpreter that has the libraries of `requirements.txt`.
#[derive(Debug)]
pub struct PlainLauncher {
    python: PathBuf,
    run_dir: PathBuf,
    work_dir: PathBuf,
    library: PathBuf,
    spawner: Spawner,
}

impl PlainLauncher {
    /// Makes its folders, writes the Python side of kernels into them, and ends what a former service left running.
    /// `run_dir` holds sockets, so that its path must be short; `work_dir` holds the files that kernels write.
    ///
    /// # Errors
    /// One line that names the folder or the interpreter and what is wrong with it.
    pub fn open(python: &Path, run_dir: &Path, work_dir: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(
            python.is_file(),
            "--python {}: no interpreter is there; make one with deploy/local/python_env",
            python.display()
        );
        fenxi_chassis::files::private_folder(run_dir)?;
        fenxi_chassis::files::private_folder(work_dir)?;
        let (run_dir, work_dir) = (run_dir.canonicalize()?, work_dir.canonicalize()?);
        let longest = run_dir.as_os_str().len() + SOCKET_PATH_ADDED_BYTES;
        anyhow::ensure!(
            longest <= SOCKET_PATH_MAX_BYTES,
            "the folder {} has too long a path for sockets in it: {} bytes are allowed",
            run_dir.display(),
            SOCKET_PATH_MAX_BYTES - SOCKET_PATH_ADDED_BYTES
        );
        sweep(&run_dir);
        let library = python::write(&run_dir)?;
        let python = std::path::absolute(python)?;
        Ok(Self { python, run_dir, work_dir, library, spawner: Spawner::start()? })
    }

    fn work_dir_of(&self, kernel_id: Uuid) -> PathBuf {
        self.work_dir.join(kernel_id.to_string())
    }

    fn spec(&self, order: Order, mark: &str, connection_file: &Path) -> Spec {
        let work_dir = self.work_dir_of(order.kernel_id);
        let bin = self.python.parent().unwrap_or(Path::new("/usr/bin"));
        let mut path = bin.as_os_str().to_owned();
        path.push(":/usr/local/bin:/usr/bin:/bin");
        let mut env: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), path),
            ("HOME".into(), work_dir.clone().into()),
            ("TMPDIR".into(), work_dir.join(".tmp").into()),
            ("PYTHONPATH".into(), self.library.clone().into()),
            (MARK.into(), mark.into()),
            ("LANG".into(), "C.UTF-8".into()),
        ];
        // Each library would start a thread a processor, in every kernel.
        for threads in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"] {
            env.push((threads.into(), "1".into()));
        }
        Spec {
            program: self.python.clone(),
            args: vec!["-m".into(), "fenxi_kernel".into(), connection_file.into()],
            env,
            work_dir,
            limits: Limits {
                data_bytes: order.memory_bytes.map(|bytes| bytes.saturating_add(RESERVED_DATA_BYTES)),
                open_files: OPEN_FILES_MAX,
                file_bytes: order.file_bytes,
            },
        }
    }

    async fn start(&self, order: Order) -> Result<Launched, LaunchError> {
        let place = self.run_dir.join(hex::encode(rand::random::<[u8; 8]>()));
        let endpoint = Endpoint { prefix: place.join("s"), key: hex::encode(rand::random::<[u8; 32]>()) };
        let connection_file = place.join("connection.json");
        let mark = format!("{}-{}", order.kernel_id, order.generation);
        let spec = self.spec(order, &mark, &connection_file);
        let folders = {
            let (place, endpoint, tmp) = (place.clone(), endpoint.clone(), spec.work_dir.join(".tmp"));
            move || {
                private_dirs(&place)?;
                private_dirs(&tmp)?;
                write_new(&connection_file, connection_json(&endpoint).as_bytes())
            }
        };
        tokio::task::spawn_blocking(folders)
            .await
            .map_err(|error| LaunchError::Folder(io::Error::other(error)))?
            .map_err(LaunchError::Folder)?;
        let spawned = match self.spawner.spawn(spec).await {
            Ok(spawned) => spawned,
            Err(error) => {
                remove_dir(place).await;
                return Err(LaunchError::Spawn(error));
            }
        };
        let pid = spawned.process.pid().as_raw();
        let record = place.join("process");
        let text = format!("{pid} {} {mark}", tree::start_ticks(pid).unwrap_or(0));
        let _ = tokio::fs::write(record, text).await;
        let mark = format!("{MARK}={mark}");
        Ok(Launched { process: spawned.process, endpoint, log: LogTail::follow(spawned.output), place, mark })
    }
}

impl Launcher for PlainLauncher {
    fn launch(&self, order: Order) -> BoxFuture<'_, Result<Launched, LaunchError>> {
        Box::pin(self.start(order))
    }

    fn forget(&self, kernel_id: Uuid) -> BoxFuture<'_, ()> {
        Box::pin(remove_dir(self.work_dir_of(kernel_id)))
    }
}

impl Launched {
    /// Ends whatever the kernel's process left running, and removes its sockets.
    pub(crate) async fn clear(self) {
        let (leader, mark) = (self.process.pid(), self.mark);
        // The process first, if it lives: what it would start next is not started then.
        drop(self.process);
        let _ = tokio::task::spawn_blocking(move || tree::kill_rest(leader, &mark)).await;
        remove_dir(self.place).await;
    }
}

fn connection_json(endpoint: &Endpoint) -> String {
    serde_json::json!({
        "transport": "ipc",
        "ip": endpoint.prefix,
        "key": endpoint.key,
        "signature_scheme": "hmac-sha256",
        "shell_port": Channel::Shell as u8,
        "iopub_port": Channel::Iopub as u8,
        "stdin_port": Channel::Stdin as u8,
        "control_port": Channel::Control as u8,
        "hb_port": HEARTBEAT_NUMBER,
        "kernel_name": "python3",
    })
    .to_string()
}

fn private_dirs(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

async fn remove_dir(path: PathBuf) {
    if let Err(error) = tokio::fs::remove_dir_all(&path).await
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a kernel's folder was not removed");
    }
}

/// Ends the processes that a former service left, by the records it wrote, and removes their folders. At start only.
fn sweep(run_dir: &Path) {
    for entry in fs::read_dir(run_dir).into_iter().flatten().flatten() {
        let place = entry.path();
        let record = fs::read_to_string(place.join("process")).unwrap_or_default();
        if let [pid, start, mark] = record.split(' ').collect::<Vec<_>>()[..]
            && let (Ok(pid), Ok(start)) = (pid.parse::<i32>(), start.parse::<u64>())
        {
            // The pid may mean another process by now; what has the mark is ours in any case.
            let alive = tree::start_ticks(pid) == Some(start);
            let leader = nix::unistd::Pid::from_raw(if alive { pid } else { i32::MAX });
            tree::kill_rest(leader, &format!("{MARK}={mark}"));
        }
        let _ = fs::remove_dir_all(&place);
    }
}

#[cfg(test)]
#[path = "launch/tests.rs"]
mod tests;
