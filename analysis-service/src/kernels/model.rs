//! The words of this room: a kernel as it stands, its tables and its limits.

use std::{any::Any, path::PathBuf, sync::Arc, time::Duration};

use fenxi_proto::analysis::v1::{Death, KernelIsolation, KernelStart, KernelState};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use super::error::KernelError;
use super::{network::Reach, specs::BUILT_IN, state::Ladder};

/// A kernel as it stands at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Which.
    pub kernel_id: Uuid,
    /// Whose.
    pub owner_user_id: Uuid,
    /// For a person.
    pub display_name: String,
    /// Where it stands.
    pub state: KernelState,
    /// The tables it holds.
    pub datasets: Vec<KernelDatasetRef>,
    /// Unix microseconds.
    pub create_time: i64,
    /// When it last ran code, was asked to, or computed by itself; unix microseconds.
    pub last_activity_time: i64,
    /// How it died, or how its last process did.
    pub death: Option<Death>,
    /// Counts its processes from 1.
    pub generation: i32,
    /// What runs.
    pub running_execution_id: Option<Uuid>,
    /// Executions that wait, the next one first.
    pub waiting: Arc<[QueuePlace]>,
    /// Resident memory of its processes as last measured, in whole MiB, in bytes.
    pub memory_bytes: u64,
    /// What no file backs of that, and what it keeps in `/tmp`: what limits on memory are about; in whole MiB, in bytes.
    pub held_bytes: u64,
    /// Its files as last measured, in bytes; kept after its end.
    pub disk_bytes: u64,
    /// When it will be ended if nothing happens; unix microseconds.
    pub idle_end_time: Option<i64>,
    /// Counts the changes of all this, from the unix microseconds at which this service made or read it: no service
    /// after it tells less.
    pub revision: i64,
    /// What it is held to.
    pub limits: KernelLimits,
    /// How its process was started.
    pub start: KernelStart,
    /// What keeps its process apart.
    pub isolation: Option<KernelIsolation>,
    /// Which kind it is.
    pub kernel_spec: String,
    /// When it was warned of its end for idleness; unix microseconds.
    pub idle_warning_time: Option<i64>,
    /// Its place among those that wait for their turn to start, from 1; 0 where it does not.
    pub start_position: u32,
    /// What its process may reach; `None` for nothing.
    pub network: Option<Reach>,
}

impl Kernel {
    /// Whether it is of the built-in kind, with our own program in it.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.kernel_spec == BUILT_IN
    }

    /// Where an execution waits in it.
    #[must_use]
    pub fn place_of(&self, execution_id: Uuid) -> Option<QueuePlace> {
        self.waiting.iter().find(|place| place.execution_id == execution_id).copied()
    }
}

/// An execution that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlace {
    /// Which.
    pub execution_id: Uuid,
    /// Executions before it, the running one included.
    pub position: u32,
    /// When its turn comes if all before it runs as long as it did before; unix microseconds.
    pub start_time: Option<i64>,
}

/// A table of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelDatasetRef {
    /// Which.
    pub dataset_id: Uuid,
    /// Its dataset's name.
    pub name: String,
    /// Under which variable it is found.
    pub variable_name: String,
}

/// A table ready to be loaded.
#[derive(Clone)]
pub struct KernelTable {
    /// The Arrow IPC file.
    pub path: PathBuf,
    /// Keeps the file where it is.
    pub hold: Arc<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for KernelTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KernelTable").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Why a table cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableUnavailable {
    /// There is none, or it is another user's.
    #[error("no such dataset")]
    NotFound,
    /// Its file cannot be read as the table that it was, and why.
    #[error("{0}")]
    Refused(String),
    /// As much is under way as may be; another time it may be had.
    #[error("{0}")]
    Busy(String),
    /// The service ends, or has no room; the next one may have it.
    #[error("{0}")]
    Closing(String),
    /// A fault of the service, logged where it happened.
    #[error("the dataset cannot be opened")]
    Internal,
}

/// Answers about a user's dataset: `(owner_user_id, dataset_id)`.
type Ask<T> = Arc<dyn Fn(Uuid, Uuid) -> BoxFuture<'static, Result<T, TableUnavailable>> + Send + Sync>;

/// Where tables come from. Tied to the datasets in `lib`.
#[derive(Clone)]
pub struct TableSource {
    /// The dataset's name, if it is ready; quick.
    pub name: Ask<String>,
    /// Its table; may take as long as parsing it anew.
    pub open: Ask<KernelTable>,
}

/// What a kernel is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelLimits {
    /// Its memory, in bytes; `None` for no limit.
    pub memory_bytes: Option<u64>,
    /// The longest an execution may run.
    pub execution_max: Duration,
    /// How long it may do nothing.
    pub idle_max: Duration,
    /// How long before its end for idleness it is to be warned; see [`KernelLimits::warning`].
    pub idle_warning: Duration,
    /// Executions that may wait.
    pub queue_max: u32,
    /// Output of one execution, in bytes; the log holds to it.
    pub output_max_bytes: u64,
    /// The largest file it may write, in bytes.
    pub file_max_bytes: u64,
    /// Time of processors, in percent of one of them, that its control group holds it to; `None` where none does.
    pub cpu_percent: Option<u32>,
    /// What its process is held to in this machine's way; nothing before its first start.
    pub enforced: Enforced,
    /// Its files, in bytes; `None` for no limit. Watched.
    pub disk_max_bytes: Option<u64>,
    /// Its files and folders, their number; `None` for no limit. Watched.
    pub disk_max_files: Option<u64>,
}

/// What the machine holds a kernel's process to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforced {
    /// Processes and threads; `None` where nothing counts them.
    pub processes: Option<u32>,
    /// Files that a process of it may have open.
    pub open_files: u64,
    /// The largest file it may write, in bytes.
    pub file_bytes: u64,
    /// What it may keep in `/tmp` and `/dev/shm`, in bytes; `None` where these are not its own.
    pub tmp_bytes: Option<u64>,
    /// Its memory has a limit that is watched and not the system's.
    pub is_memory_soft: bool,
}

impl KernelLimits {
    /// How long before its end for idleness it is warned: at most half of the time that it may be idle.
    #[must_use]
    pub fn warning(&self) -> Duration {
        self.idle_warning.min(self.idle_max / 2)
    }
}

/// How kernels are run, for all of them.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What each is held to.
    pub limits: KernelLimits,
    /// Live kernels of one user.
    pub per_user_max: u32,
    /// Live kernels in all.
    pub total_max: u32,
    /// Memory of the live kernels of one user together, in bytes; `None` for no limit.
    pub user_memory_max_bytes: Option<u64>,
    /// Memory of all live kernels together, in bytes; `None` for no limit.
    pub memory_max_bytes: Option<u64>,
    /// Files of the kernels of one user, dead ones too, in bytes; `None` for no limit.
    pub user_disk_max_bytes: Option<u64>,
    /// Files of all kernels, dead ones too, in bytes; `None` for no limit.
    pub all_disk_max_bytes: Option<u64>,
    /// Kernels that are being started at a time; the others wait for their turn.
    pub starts_max: u32,
    /// Kernels that are kept ready for whoever comes next.
    pub pool_size: u32,
    /// How long a start may take, from its turn on.
    pub start_max: Duration,
    /// How long one may take to end whose code told it to: a machine that is busy takes long over it.
    pub leaving_max: Duration,
    /// Graces of the interrupt ladder.
    pub ladder: Ladder,
    /// How often memory and processor time are measured.
    pub sample_interval: Duration,
    /// How long after its last execution an idle kernel gives back memory that it does not use.
    pub release_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: KernelLimits {
                memory_bytes: Some(4 << 30),
                execution_max: Duration::from_secs(3600),
                idle_max: Duration::from_secs(3600),
                idle_warning: Duration::from_secs(300),
                queue_max: 50,
                output_max_bytes: 64 << 20,
                file_max_bytes: 4 << 30,
                cpu_percent: None,
                enforced: Enforced::default(),
                disk_max_bytes: Some(10 << 30),
                disk_max_files: Some(100_000),
            },
            per_user_max: 5,
            total_max: 100,
            user_memory_max_bytes: None,
            memory_max_bytes: None,
            user_disk_max_bytes: Some(50 << 30),
            all_disk_max_bytes: None,
            starts_max: 2,
            pool_size: 0,
            start_max: Duration::from_secs(60),
            leaving_max: Duration::from_secs(60),
            ladder: Ladder::default(),
            sample_interval: Duration::from_secs(2),
            release_after: Duration::from_secs(30),
        }
    }
}
