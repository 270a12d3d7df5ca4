//! What every way of starting shares: the interpreter, the folders of kernels, and all that one start needs to know.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use anyhow::Context as _;
use fenxi_proto::analysis::v1::KernelStart;
use fenxi_supervisor::{
    Channel, HEARTBEAT_NUMBER,
    client::{Birth, Held, Process, Supervisor},
    process::Limits,
};
use uuid::Uuid;

use super::{
    Apart, LaunchError, Launched, Left, MARK, Order,
    discard::Discarded,
    folders::{Folders, TMP, make_dir, remove_dir, remove_group, socket_folder, sockets, tables},
    isolation::{Isolation, Paths, Plan},
    modules::{self, Trouble},
    python,
    ranges::Ranges,
    records,
    support::Support,
    users::User,
};
use crate::kernels::{
    connection::Endpoint,
    machine::{cgroup::Group, tree},
    model::Enforced,
    network::{self, NetworkSource},
};

/// What libraries reserve and do not use: with it, a limit on memory is one on data.
const RESERVED_DATA_BYTES: u64 = 2 << 30;

/// What is missing while the supervisor is one that was started before there were networks.
const EARLY_SUPERVISOR: &str = "a supervisor of this version: that of an earlier one lives on with its kernels, until the \
     service is stopped for longer than --kernel-linger-secs";

/// The interpreter and the folders of kernels. Clones are the same.
#[derive(Clone, Debug)]
pub struct Workshop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    python: PathBuf,
    run_dir: PathBuf,
    work_dir: PathBuf,
    library: PathBuf,
    supervisor: Supervisor,
    isolation: Isolation,
    /// What is wrong with the interpreter.
    trouble: Option<Trouble>,
    network: OnceLock<NetworkSource>,
    discarded: Discarded,
    /// Where the kernels that the supervisor held have their users, until they are taken up.
    ranges: Mutex<Option<Ranges>>,
}

/// All that one start needs, with its folders made.
#[derive(Debug)]
pub(super) struct Prepared {
    pub order: Order,
    pub place: PathBuf,
    pub plan: Plan,
    pub group: Option<Arc<Group>>,
    pub endpoint: Endpoint,
    /// What its title and its control group are called by.
    pub name: String,
    pub mark: String,
    pub work_dir: PathBuf,
    pub env: BTreeMap<String, OsString>,
    pub network_of: Option<(Uuid, NetworkSource)>,
    pub limits: Limits,
}

impl Workshop {
    /// Makes the folders, writes the Python side of kernels into them, and ends what a former service left running and the
    /// supervisor does not hold.
    /// `run_dir` holds sockets, so that its path must be short; `work_dir` holds the files that kernels write. Finds out
    /// how far this machine keeps kernels apart. Blocks.
    ///
    /// # Errors
    /// One line that names the folder, the interpreter or the level and what is wrong with it.
    pub fn open(
        python: &Path,
        run_dir: &Path,
        work_dir: &Path,
        apart: Apart,
        (supervisor, held): (Supervisor, &[Held]),
    ) -> anyhow::Result<Self> {
        let found = std::fs::metadata(python).with_context(|| {
            format!("--python {}: cannot be run; make one with deploy/local/python_env", python.display())
        });
        anyhow::ensure!(found?.is_file(), "--python {}: this is no interpreter", python.display());
        fenxi_chassis::files::private_folder(work_dir)?;
        let (run_dir, work_dir) = (socket_folder(run_dir)?, work_dir.canonicalize()?);
        // Before anything of it is free to be this service's own.
        let mut ranges = Ranges::from(apart.uid_first, Some(supervisor.clone()));
        ranges.hold_former(records::users(&run_dir, held).into_iter());
        let left = records::sweep(&run_dir, &work_dir, held, &ranges);
        let library = python::write(&run_dir)?;
        let python = std::path::absolute(python)?;
        let (isolation, network) = (Isolation::open(&python, &library, apart, &ranges)?, OnceLock::new());
        let trouble = modules::look(&python, &library);
        isolation.remove_groups(left)?;
        let discarded = Discarded::open(&work_dir);
        let inner = Inner {
            python,
            run_dir,
            work_dir,
            library,
            supervisor,
            isolation,
            trouble,
            network,
            discarded,
            ranges: Mutex::new(Some(ranges)),
        };
        let inner = Arc::new(inner);
        let retried = Arc::clone(&inner);
        // It may be much, and nobody waits for it.
        std::thread::Builder::new().name("files-sweep".into()).spawn(move || retried.discarded.retry())?;
        Ok(Self(inner))
    }

    /// Gives the kernels of users who were granted one a network, from now on. Only the first source counts.
    pub fn set_network(&self, source: NetworkSource) {
        let _ = self.0.network.set(source);
    }

    /// Tells why no kernel can be given a network at present; `forked`: they come from forks. Holds nothing of this.
    pub fn network_obstacle(&self, forked: bool) -> impl Fn() -> Option<String> + Send + Sync + use<> {
        let obstacle = self.0.isolation.network_obstacle(forked);
        let hands_out = self.0.supervisor.hands_out_listeners();
        move || obstacle.clone().or_else(|| (!hands_out()).then(|| EARLY_SUPERVISOR.to_owned()))
    }

    /// What keeps kernels apart here; `forked`: they come from forks.
    pub(super) fn support(&self, forked: bool) -> Support {
        let refused = self.allow_kernels().is_err().then(|| self.trouble().unwrap_or_default().to_owned());
        let failures = refused.map(|why| (KernelStart::Plain, why)).into_iter().collect();
        Support { failures, ..self.0.isolation.support(forked) }
    }

    /// What is wrong with the interpreter, for whoever runs the service.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.0.trouble.as_ref().map(|trouble| trouble.told.as_str())
    }

    /// Whether a kernel of our own kind would start, as far as is known without trying.
    pub(super) fn allow_kernels(&self) -> Result<(), LaunchError> {
        self.0.trouble.as_ref().map_or(Ok(()), Trouble::refusal)
    }

    /// Whether this user was granted a network.
    pub(super) fn grants_network(&self, owner_user_id: Uuid) -> bool {
        self.0.network.get().is_some_and(|source| (source.granted)(owner_user_id))
    }

    /// The source, if the kernel of this order is to have a network. A network is never had another way: a kernel that
    /// cannot be kept to its own goes without.
    fn network(&self, order: Order, forked: bool) -> Option<(Uuid, NetworkSource)> {
        let owner_user_id = order.owner_user_id?;
        let source = self.0.network.get().filter(|source| (source.granted)(owner_user_id))?;
        if let Some(missing) = self.network_obstacle(forked)() {
            let kernel_id = order.kernel_id;
            tracing::warn!(%kernel_id, missing, "a kernel starts without the network that its user was granted");
            return None;
        }
        Some((owner_user_id, source.clone()))
    }

    /// The kernels that the supervisor held for this service.
    pub async fn take_up(&self, held: Vec<Held>) -> Vec<Launched> {
        let (workshop, network) = (self.clone(), self.0.network.get().cloned());
        let work_dir = move |kernel_id| workshop.work_dir(kernel_id);
        let run_dir = self.0.run_dir.clone();
        let ranges = self.0.ranges.lock().unwrap_or_else(PoisonError::into_inner).take();
        let take_up = move || records::take_up(&run_dir, &work_dir, held, ranges.as_ref(), network.as_ref());
        tokio::task::spawn_blocking(take_up).await.unwrap_or_default()
    }

    /// The folder of a kernel's files.
    pub(super) fn work_dir(&self, kernel_id: uuid::Uuid) -> PathBuf {
        self.0.work_dir.join(kernel_id.to_string())
    }

    pub(super) fn python(&self) -> &Path {
        &self.0.python
    }

    pub(super) fn supervisor(&self) -> &Supervisor {
        &self.0.supervisor
    }

    /// A new folder below the one of sockets, for this user alone.
    pub(super) async fn place(&self) -> Result<PathBuf, LaunchError> {
        let place = self.new_place();
        let made = place.clone();
        blocking(move || make_dir(&made)).await?;
        Ok(place)
    }

    fn new_place(&self) -> PathBuf {
        self.0.run_dir.join(hex::encode(rand::random::<[u8; 8]>()))
    }

    /// Makes the folders of one start and says what it is to be; `forked`: a fork, and not a program of its own.
    pub(super) async fn prepare(&self, order: Order, forked: bool) -> Result<Prepared, LaunchError> {
        if !forked {
            self.0.isolation.allow_plain()?;
        }
        let place = self.new_place();
        let (own, tables) = (sockets(&place), tables(&place));
        let work_dir = self.work_dir(order.kernel_id);
        let tmp = work_dir.join(TMP);
        let paths = Paths { work_dir: &work_dir, sockets: &own, tables: &tables };
        let mut plan = self.0.isolation.plan(order.kernel_id, paths, forked)?;
        let folders = Folders { place: place.clone(), own: own.clone(), tables, work_dir: work_dir.clone() };
        let name = records::name(order.kernel_id, order.generation);
        // Anyone may read a kernel's name in its title; nobody may wear the mark of another.
        let mark = format!("{name}-{}", hex::encode(rand::random::<[u8; 16]>()));
        let (uid, inner) = (plan.user.as_ref().map(User::uid), Arc::clone(&self.0));
        let (group_name, made) = (name.clone(), place.clone());
        let make = move || {
            make_dir(&made)?;
            records::name_group(&made, &group_name)?;
            folders.make(uid)?;
            inner.isolation.group(&group_name, order.memory_bytes)
        };
        let group = blocking(make).await?;
        if let Some(group) = &group {
            plan.enter(group);
        }
        let mut env = self.env(&work_dir);
        env.insert("TMPDIR".into(), tmp.into());
        env.insert(MARK.into(), mark.clone().into());
        let network_of = self.network(order, forked);
        if network_of.is_some() {
            env.extend(network::variables().map(|(name, value)| (name.to_owned(), value.into())));
        }
        Ok(Prepared {
            order,
            endpoint: Endpoint { prefix: own.join("s"), key: hex::encode(rand::random::<[u8; 32]>()) },
            place,
            plan,
            group,
            name,
            mark,
            work_dir,
            env,
            network_of,
            limits: Limits {
                data_bytes: order.memory_bytes.map(|bytes| bytes.saturating_add(RESERVED_DATA_BYTES)),
                open_files: self.0.isolation.open_files_max(),
                file_bytes: order.file_bytes,
            },
        })
    }

    /// The environment of every Python process of ours, at home in this folder.
    pub(super) fn env(&self, home: &Path) -> BTreeMap<String, OsString> {
        let bin = self.0.python.parent().unwrap_or(Path::new("/usr/bin"));
        let mut path = bin.as_os_str().to_owned();
        path.push(":/usr/local/bin:/usr/bin:/bin");
        let mut env: BTreeMap<String, OsString> = [
            ("PATH", path),
            ("HOME", home.into()),
            ("PYTHONPATH", self.0.library.clone().into()),
            ("LANG", "C.UTF-8".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        // Each library would start a thread a processor, in every kernel.
        for threads in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"] {
            env.insert(threads.into(), "1".into());
        }
        env
    }

    /// Removes the files that a kernel worked in.
    pub(super) async fn forget(&self, kernel_id: Uuid) {
        let inner = Arc::clone(&self.0);
        let _ = tokio::task::spawn_blocking(move || inner.discarded.discard(&kernel_id.to_string())).await;
    }
}

impl Prepared {
    /// The file from which the kernel reads where to listen.
    pub(super) fn connection_file(&self) -> PathBuf {
        self.place.join("k/connection.json")
    }

    /// Its content, as jupyter_client writes it.
    pub(super) fn connection(&self) -> serde_json::Value {
        serde_json::json!({
            "transport": "ipc",
            "ip": self.endpoint.prefix,
            "key": self.endpoint.key,
            "signature_scheme": "hmac-sha256",
            "shell_port": Channel::Shell as u8,
            "iopub_port": Channel::Iopub as u8,
            "stdin_port": Channel::Stdin as u8,
            "control_port": Channel::Control as u8,
            "hb_port": HEARTBEAT_NUMBER,
            "kernel_name": "python3",
        })
    }

    /// The kernel that was started so, with a record of it for a service that comes after a crash of this one.
    pub(super) async fn launched(self, process: Process, start: KernelStart) -> Launched {
        self.launched_from(process, start, start != KernelStart::Plain).await
    }

    /// The same; `forked`: the process came from the fork server, whatever it has become.
    pub(super) async fn launched_from(self, process: Process, start: KernelStart, forked: bool) -> Launched {
        let start_ticks = tree::start_ticks(process.pid().as_raw()).unwrap_or(0);
        let mut isolation = self.plan.told;
        isolation.layers.extend(self.group.is_some().then(|| "cgroup".to_owned()));
        let enforced = Enforced {
            processes: self.plan.processes.or_else(|| self.group.as_ref().and_then(|group| group.processes_max())),
            open_files: self.limits.open_files,
            file_bytes: self.limits.file_bytes,
            tmp_bytes: self.plan.tmp_bytes,
            is_memory_soft: self.order.memory_bytes.is_some()
                && !self.group.as_ref().is_some_and(|group| group.limits_memory()),
        };
        let joining = self.group.as_ref().filter(|_| !forked).map(|group| {
            let (group, pid) = (Arc::clone(group), process.pid());
            tokio::task::spawn_blocking(move || group.add(pid))
        });
        let launched = Launched {
            joining,
            group: self.group,
            process,
            endpoint: self.endpoint,
            start,
            ends_whole: isolation.layers.iter().any(|layer| layer == "pid"),
            uid: self.plan.user.as_ref().map(User::uid),
            user: self.plan.user,
            former_range: None,
            network_of: self.network_of,
            network: None,
            isolation,
            enforced,
            kernel_id: self.order.kernel_id,
            generation: self.order.generation,
            start_ticks,
            place: self.place,
            work_dir: self.work_dir,
            mark: format!("{MARK}={}", self.mark),
        };
        if let Err(error) = records::write(&launched).await {
            tracing::warn!(%error, "a kernel is not written down: it will not outlive this service");
        }
        launched
    }

    /// Into what a fork is born.
    pub(super) fn birth(&self) -> Birth {
        Birth {
            flags: self.plan.flags,
            group: self.group.as_ref().and_then(|group| group.birthplace()),
            listens: self.network_of.is_some(),
        }
    }

    /// Nothing was started, as far as is known: what a server forked and did not tell of is ended, before another may be
    /// its user.
    pub(super) async fn given_up(self, error: io::Error) -> LaunchError {
        if let Some(group) = self.group.clone() {
            let _ = tokio::task::spawn_blocking(move || group.kill()).await;
        }
        let (mark, uid) = (format!("{MARK}={}", self.mark), self.plan.user.as_ref().map(User::uid));
        let user = self.plan.user;
        let left = Left { first: None, is_whole: false, mark, uid, user, former_range: None };
        left.end(self.work_dir).await;
        remove_group(self.group).await;
        remove_dir(self.place).await;
        LaunchError::Spawn(error)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, LaunchError> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten().map_err(LaunchError::Folder)
}
