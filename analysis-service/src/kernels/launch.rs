//! How a kernel's process comes to be: its folders, its key, its environment, its limits. Behind a trait, because there
//! are several ways: a plain start, and a fork of a prepared process. It knows Jupyter's connection file, and of the rest
//! of Jupyter only as much as a trial of the prepared process needs; the driver is its only caller.

mod discard;
mod folders;
mod fork;
mod giving;
mod isolation;
mod keeper;
mod modules;
mod plain;
mod program;
mod python;
mod ranges;
mod records;
mod removal;
mod support;
mod trial;
mod users;
mod workshop;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fenxi_proto::analysis::v1::{KernelIsolation, KernelStart};
use fenxi_supervisor::client::Process;
use futures_util::future::BoxFuture;
use nix::{sys::signal::Signal, unistd::Pid};
use tokio::{task::JoinHandle, time::timeout};
use uuid::Uuid;

pub(super) use self::removal::{FOLDER, open_here};
pub(crate) use self::support::count_way;
pub use self::{
    folders::socket_folder,
    fork::ForkLauncher,
    isolation::{Apart, Level},
    plain::PlainLauncher,
    program::ProgramLauncher,
    support::Support,
    workshop::Workshop,
};
use self::{ranges::HeldRange, users::User};
use super::{
    connection::Endpoint,
    machine::{
        cgroup::Group,
        kin::{Kin, Rest},
        tree, whole,
    },
    model::Enforced,
    network::{KernelNetwork, NetworkSource, Reach},
};

pub(crate) use super::machine::tree::MARK;

/// How long the system may take to end a process that is killed.
const END_WAIT: Duration = Duration::from_secs(5);

/// What is to be started.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Whose folder of files it works in.
    pub kernel_id: Uuid,
    /// Whose it is, for the network that is granted to users; `None`: nobody's, who is granted nothing.
    pub owner_user_id: Option<Uuid>,
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
    /// How it was started.
    pub start: KernelStart,
    /// What keeps it apart.
    pub isolation: KernelIsolation,
    /// What the machine holds it to.
    pub(crate) enforced: Enforced,
    /// Which kernel it is.
    pub(crate) kernel_id: Uuid,
    /// Which of the kernel's processes.
    pub(crate) generation: i32,
    /// When its process started, in the system's ticks: tells it from another of the same number.
    start_ticks: u64,
    /// Its folder, removed by [`Launched::clear`].
    place: PathBuf,
    /// The folder of its files.
    work_dir: PathBuf,
    mark: String,
    /// Nothing that it starts outlives it: it is the first of its pid namespace.
    ends_whole: bool,
    /// The user that it alone has.
    uid: Option<u32>,
    /// What keeps that user from others, where this service chose it.
    user: Option<User>,
    /// The same where a former service did.
    former_range: Option<HeldRange>,
    /// Whose network it was born with: it has a listener to be served.
    network_of: Option<(Uuid, NetworkSource)>,
    /// Its way out, once that is served.
    network: Option<KernelNetwork>,
    /// Its control group.
    group: Option<Arc<Group>>,
    /// Its way into the group.
    joining: Option<JoinHandle<io::Result<()>>>,
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
    /// The fork server is not ready yet, or does not answer.
    #[error("the kernel's process was not started in time")]
    Timeout,
    /// No more are started.
    #[error("the service is being stopped")]
    Closed,
    /// The interpreter of kernels lacks these modules.
    #[error(
        "no kernel can be started: the Python of kernels (--python) lacks {0}; whoever runs the service finds in its log \
         what to do"
    )]
    Python(String),
    /// It would be kept apart less than is asked for.
    #[error("--kernel-isolation {0}")]
    Apart(String),
    /// It cannot be held to its limits.
    #[error("the kernel's process cannot be put into its control group: {0}")]
    Group(io::Error),
}

/// A way to start kernels.
pub trait Launcher: Send + Sync + 'static {
    /// Starts one. Given up half-way, it leaves no process behind.
    fn launch(&self, order: Order) -> BoxFuture<'_, Result<Launched, LaunchError>>;

    /// The folder of a kernel's files, be it there or not.
    fn work_dir(&self, kernel_id: Uuid) -> PathBuf;

    /// How the next kernel would be started and kept apart, as far as this launcher knows.
    fn support(&self) -> Support {
        Support::default()
    }

    /// Whether this user's kernels are started as anybody's: one that was started for nobody can become theirs.
    fn is_common(&self, owner_user_id: Uuid) -> bool {
        let _ = owner_user_id;
        true
    }

    /// Removes the files that a kernel worked in, once it is gone for good.
    fn forget(&self, kernel_id: Uuid) -> BoxFuture<'_, ()>;

    /// Waits until it is known how kernels are started. Until then nothing is begun, so that it can be given up.
    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Ends what is kept for starts, begun or ready; nothing of it is left afterwards. What was started goes on.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// The number of the prepared process that kernels are forked from at present; `None` while there is none.
    fn preparation(&self) -> Option<u64> {
        None
    }

    /// Waits until there is one, for ever where none is to come.
    fn prepared(&self) -> BoxFuture<'_, u64> {
        Box::pin(std::future::pending())
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Launched {
    /// Ends whatever the kernel's process left running, and removes its sockets.
    pub async fn clear(self) {
        drop(self.network);
        let first = (self.process.pid(), self.start_ticks);
        if let Some(group) = self.group.clone() {
            let _ = tokio::task::spawn_blocking(move || group.close()).await;
        }
        // The process first, if it lives: what it would start next is not started then.
        let mut process = self.process;
        process.signal(Signal::SIGKILL);
        let _ = timeout(END_WAIT, process.ended()).await;
        process.end();
        let left = Left {
            first: Some(first),
            is_whole: self.ends_whole,
            mark: self.mark,
            uid: self.uid,
            user: self.user,
            former_range: self.former_range,
        };
        left.end(self.work_dir).await;
        folders::remove_group(self.group).await;
        folders::remove_dir(self.place).await;
    }

    /// Ends what the kernel's process has left running, and gives the processor time that this had used. Until then what
    /// that inherited is open: the sockets, too.
    pub(crate) async fn end_rest(&self) -> Duration {
        if self.ends_whole {
            // The system ended and waited for them as the process's children: its own time has theirs.
            return Duration::ZERO;
        }
        let (first, mark, group) = ((self.process.pid(), self.start_ticks), self.mark.clone(), self.group.clone());
        let own = self.uid.filter(|_| self.user.is_some() || self.former_range.is_some());
        let end = move || match group {
            Some(group) => {
                group.close();
                group.kill()
            }
            None => tree::kill_rest(Some(first), &mark, own),
        };
        tokio::task::spawn_blocking(end).await.unwrap_or_default()
    }

    /// Whether its process is there and goes on, at this moment. Waits for nothing: the runtime may ask.
    pub(crate) fn is_whole(&self) -> bool {
        whole::is_whole(self.process.pid().as_raw(), self.start_ticks)
    }

    /// Waits until every limit is in force. No code is run before.
    ///
    /// # Errors
    /// The process is not in its control group.
    pub(crate) async fn held(&mut self) -> Result<(), LaunchError> {
        let Some(joining) = self.joining.take() else { return Ok(()) };
        joining.await.map_err(io::Error::other).flatten().map_err(LaunchError::Group)
    }

    /// Begins to serve its way out, if it was born with one. Where that cannot be, it has no network, and it is said.
    pub(crate) async fn open_network(&mut self) {
        let Some((owner_user_id, source)) = &self.network_of else { return };
        let taken = self.process.line().listener().await;
        match taken.and_then(|listener| (source.serve)(*owner_user_id, self.kernel_id, listener)) {
            Ok(network) => self.network = Some(network),
            Err(error) => tracing::error!(kernel_id = %self.kernel_id, %error, "a kernel has no way to its network"),
        }
    }

    /// What it may reach, if it has a network.
    pub(crate) fn reach(&self) -> Option<Reach> {
        self.network.as_ref().map(|network| network.reach.clone())
    }

    /// From here on it outlives this service. What the next one has to know of it is written down already.
    ///
    /// # Errors
    /// The supervisor has gone.
    pub(crate) async fn hold(&mut self) -> io::Result<()> {
        records::used(&self.place).await?;
        let name = self.place.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        self.process.hold(name.to_owned()).await
    }

    /// Its processes; `resting`: it does nothing, as far as is known.
    pub(crate) fn kin(&self, resting: bool) -> Kin {
        let listed = self.group.as_ref().and_then(|group| group.processes());
        let rest = match (self.ends_whole, listed, self.uid) {
            (true, ..) => Rest::None,
            (false, Some(file), _) => Rest::Group(file),
            (false, None, Some(uid)) => Rest::User(uid),
            (false, None, None) => Rest::Mark(self.mark.clone()),
        };
        Kin { leader: self.process.pid(), rest, resting }
    }

    /// The version and the folder of its control group's limit on memory, where it has one; see `cgroup::held_bytes`.
    pub(crate) fn memory_group(&self) -> Option<(u8, PathBuf)> {
        self.group.as_ref().and_then(|group| group.memory())
    }

    /// How often the system has killed in this kernel for want of memory since this was asked last; `None` if only the
    /// machine's own count would tell. Blocks for a moment.
    pub(crate) fn new_memory_kills(&self) -> Option<u64> {
        self.group.as_ref().filter(|group| group.limits_memory()).map(|group| group.new_memory_kills())
    }

    /// Its limit on the time of processors, in percent of one of them, where its control group holds it to one.
    pub(crate) fn cpu_percent(&self) -> Option<u32> {
        self.group.as_ref().and_then(|group| group.cpu_percent())
    }

    /// Whether `/tmp` and `/dev/shm` are its own, in memory.
    pub(crate) fn has_own_tmp(&self) -> bool {
        self.isolation.layers.iter().any(|layer| layer == "mount")
    }

    /// The folders that it may write in.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        vec![self.work_dir.clone(), folders::sockets(&self.place)]
    }

    /// Shows a file that anyone may read to the kernel, under this name; gives the path where the kernel finds it.
    pub(crate) async fn share(&self, name: &str, file: PathBuf) -> io::Result<PathBuf> {
        let shown = folders::tables(&self.place).join(name);
        let target = shown.clone();
        tokio::task::spawn_blocking(move || share(&file, &target)).await.map_err(io::Error::other).flatten()?;
        Ok(shown)
    }
}

/// What may be left of a kernel whose process has ended, or is not known.
struct Left {
    /// Its first process, with its start in the system's ticks.
    first: Option<(Pid, u64)>,
    /// Nothing that it started outlives its process.
    is_whole: bool,
    mark: String,
    uid: Option<u32>,
    user: Option<User>,
    former_range: Option<HeldRange>,
}

impl Left {
    /// Ends it, and takes the folder of its files back from its user.
    async fn end(self, work_dir: PathBuf) {
        // In one piece: its user is kept from others for as long as what runs as it is looked for.
        let _ = tokio::task::spawn_blocking(move || self.end_now(&work_dir)).await;
    }

    fn end_now(self, work_dir: &Path) {
        let Self { first, is_whole, mark, uid, user, former_range } = self;
        // Where another service's kernels may be that user, as nobody kept it from them, it tells nothing.
        let own = uid.filter(|_| user.is_some() || former_range.is_some());
        let end = || {
            tree::kill_rest(first, &mark, own);
        };
        if !is_whole {
            end();
        }
        // Before its user may be another kernel's.
        if let Err(error) = uid.map_or(Ok(()), |_| giving::take_back(work_dir)) {
            tracing::warn!(path = %work_dir.display(), %error, "a kernel's folder was not taken back");
        }
        if let Some(user) = user {
            user.retire(users::RETIRE_WAIT, end);
        }
    }
}

/// The same file under a second name where that can be, so that every kernel maps the same pages; else a copy.
fn share(file: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(file, target) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => fs::copy(file, target).map(drop),
        other => other,
    }
}
