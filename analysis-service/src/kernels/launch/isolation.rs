//! What keeps a kernel apart: which layers this machine gives, found by trying each in a child that ends with the trial;
//! and the plan that one kernel is given. The layers themselves are put in force by the kernel's process, before any code
//! runs in it (`fenxi_kernel.isolation`).

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use fenxi_proto::analysis::v1::{IsolationLevel, KernelIsolation};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    LaunchError, modules, python,
    ranges::Ranges,
    support::Support,
    users::{User, Users},
};
use crate::kernels::machine::cgroup::{Group, GroupLimits, Trees};

/// Flags of clone(2) by the name of the namespace, as linux/sched.h has them.
const CLONE_FLAGS: [(&str, u64); 6] = [
    ("mount", 0x0002_0000),
    ("uts", 0x0400_0000),
    ("ipc", 0x0800_0000),
    ("user", 0x1000_0000),
    ("pid", 0x2000_0000),
    ("net", 0x4000_0000),
];

const LEVELS: [Level; 3] = [Level::None, Level::Standard, Level::Strict];

/// How far kernels are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// For users who distrust each other; refused where a layer is missing
    Strict,
    /// For one's own users and their mistakes, as strict as the machine allows
    Standard,
    /// Only what every kernel has: no layer of the system beyond limits and a private folder
    None,
}

/// What an operator says about keeping kernels apart.
#[derive(Clone, Copy, Debug)]
pub struct Apart {
    /// How far.
    pub level: Level,
    /// The first of the users that kernels become, where the service is root.
    pub uid_first: u32,
    /// Processes and threads of one kernel.
    pub processes_max: u32,
    /// What a kernel may keep in `/tmp` and `/dev/shm`, in bytes.
    pub tmp_max_bytes: u64,
    /// Files one kernel may have open.
    pub open_files_max: u32,
    /// Time of processors of one kernel, in percent of one of them, where control groups hold it to that.
    pub cpu_max_percent: Option<u32>,
}

/// The layers of this machine, and who uses which user.
#[derive(Debug)]
pub(super) struct Isolation {
    apart: Apart,
    found: Option<Found>,
    users: Arc<Users>,
}

/// What one kernel is given.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// As `fenxi_kernel.isolation.enter` takes it; `None` for none.
    pub json: Option<serde_json::Value>,
    /// Flags of clone(2).
    pub flags: u64,
    /// The user it becomes.
    pub user: Option<User>,
    /// Processes and threads that the system lets it have by itself.
    pub processes: Option<u32>,
    /// What it may keep in a `/tmp` and a `/dev/shm` of its own, in bytes.
    pub tmp_bytes: Option<u64>,
    /// For everyone who asks.
    pub told: KernelIsolation,
}

/// The paths of one kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paths<'a> {
    /// Its folder of files.
    pub work_dir: &'a Path,
    /// Its folder of sockets.
    pub sockets: &'a Path,
    /// The folder of its tables.
    pub tables: &'a Path,
}

/// As `python -m fenxi_kernel.isolation` prints it.
#[derive(Debug, Deserialize)]
struct Found {
    /// Who tried: the service's user.
    user: u32,
    seccomp: bool,
    landlock_abi: u32,
    uid: bool,
    /// A /proc can be had that shows a user nothing of another's processes.
    hidden_processes: bool,
    processes: bool,
    together: bool,
    namespaces: Vec<String>,
    read: Vec<PathBuf>,
    levels: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    cgroups: Trees,
    why: BTreeMap<String, String>,
}

impl Isolation {
    /// Tries every layer. Blocks.
    ///
    /// # Errors
    /// The level cannot be had here: one line that names the layers that are missing.
    pub(super) fn open(python: &Path, library: &Path, apart: Apart, ranges: &Ranges) -> anyhow::Result<Self> {
        // Whoever has other users at hand takes some that nobody has, before they are tried.
        let root = nix::unistd::geteuid().is_root();
        let users = if root && apart.level != Level::None { Users::take(ranges)? } else { Users::default() };
        let users = Arc::new(users);
        let found = match apart.level {
            Level::None => None,
            Level::Standard | Level::Strict => Some(probe(python, library, users.of(Uuid::nil())?.uid())?),
        };
        for level in LEVELS {
            let missing = found.as_ref().map_or(0, |found| found.missing(level).len());
            let missing = f64::from(u32::try_from(missing).unwrap_or(u32::MAX));
            metrics::gauge!("kernel_isolation_missing_layers", "level" => name(level)).set(missing);
        }
        if let Some(found) = &found {
            let missing = found.missing(apart.level);
            anyhow::ensure!(
                missing.is_empty(),
                "--kernel-isolation {}: this machine does not give {}",
                name(apart.level),
                missing.join("; ")
            );
            if let Some(obstacle) = found.root_obstacle() {
                anyhow::bail!("--kernel-isolation {}: {obstacle}", name(apart.level));
            }
            found.cgroups.prepare().context("the control groups of kernels cannot be made ready")?;
            let layers = found.layers(true);
            tracing::info!(level = name(apart.level), ?layers, missing = ?found.why, "kernels are kept apart");
        } else {
            tracing::warn!("--kernel-isolation none: kernels can reach what the service's own user can reach");
        }
        if apart.cpu_max_percent.is_some() && !found.as_ref().is_some_and(|found| found.cgroups.controls("cpu")) {
            anyhow::ensure!(
                apart.level != Level::Strict,
                "--kernel-cpu-max-percent: this machine does not give a control group of processors that may be used"
            );
            tracing::warn!("--kernel-cpu-max-percent is not in force: kernels have no control group of processors");
        }
        Ok(Self { apart, found, users })
    }

    /// What keeps a kernel apart, what the levels lack here, and why.
    pub(super) fn support(&self, forked: bool) -> Support {
        let Some(found) = &self.found else {
            return Support { isolation: told(Level::None, &[]), ..Support::default() };
        };
        let mut layers = found.layers(forked);
        layers.extend((!found.cgroups.is_empty()).then_some("cgroup"));
        let missing = |level: Level| found.missing(level).into_iter().map(str::to_owned).collect();
        Support {
            isolation: told(self.apart.level, &layers),
            levels: LEVELS.map(|level| (contract(level), missing(level))).into(),
            obstacles: found.why.clone(),
            ..Support::default()
        }
    }

    /// Files that one kernel may have open.
    pub(super) fn open_files_max(&self) -> u64 {
        self.apart.open_files_max.into()
    }

    /// Removes control groups that a former service left, as soon as nothing is in them; somebody else waits for that.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn remove_groups(&self, names: Vec<String>) -> io::Result<()> {
        let Some(found) = self.found.as_ref().filter(|found| !found.cgroups.is_empty() && !names.is_empty()) else {
            return Ok(());
        };
        let cgroups = found.cgroups.clone();
        std::thread::Builder::new().name("group-sweep".into()).spawn(move || cgroups.remove_left(names))?;
        Ok(())
    }

    /// Refuses a kernel that is a program of its own where it would be kept apart less than is asked for: it cannot enter
    /// every namespace, which `strict` is made of.
    ///
    /// # Errors
    /// The level.
    pub(super) fn allow_plain(&self) -> Result<(), LaunchError> {
        if self.apart.level != Level::Strict {
            return Ok(());
        }
        let why = "a kernel that is not forked is not kept apart so; the log says why none is forked";
        Err(LaunchError::Apart(format!("strict: {why}")))
    }

    /// Why no kernel can be given a network: each has to have one of its own, of which the proxy is the only way out.
    pub(super) fn network_obstacle(&self, forked: bool) -> Option<String> {
        let Some(found) = &self.found else { return Some("a net namespace: --kernel-isolation is none".to_owned()) };
        if !forked {
            return Some("a net namespace: only a kernel that is forked is given the way out of one".to_owned());
        }
        if found.namespaces(forked).any(|name| name == "net") {
            return None;
        }
        let why = ["net_namespace", "together"].iter().find_map(|step| found.why.get(*step));
        Some(format!("a net namespace: {}", why.map_or("this machine does not give one", String::as_str)))
    }

    /// The plan of a kernel; `forked`: its process comes from a fork and is born into its namespaces.
    ///
    /// # Errors
    /// No user is left for it, or it would be root.
    pub(super) fn plan(&self, kernel_id: Uuid, paths: Paths<'_>, forked: bool) -> Result<Plan, LaunchError> {
        let Some(found) = &self.found else {
            return Ok(Plan { told: told(Level::None, &[]), ..Plan::default() });
        };
        if let Some(obstacle) = found.root_obstacle() {
            return Err(LaunchError::Apart(format!("{}: {obstacle}", name(self.apart.level))));
        }
        let layers = found.layers(forked);
        let namespaces: Vec<_> = found.namespaces(forked).collect();
        let user = layers.contains(&"uid").then(|| self.users.of(kernel_id)).transpose();
        let user = user.map_err(LaunchError::Spawn)?;
        let uid = user.as_ref().map(User::uid);
        let own_count = uid.is_some() || namespaces.contains(&"user");
        let processes = (found.processes && own_count).then_some(self.apart.processes_max);
        let json = serde_json::json!({
            "layers": {
                "namespaces": namespaces,
                "uid": uid,
                "gid": uid,
                "landlock": found.landlock_abi > 0,
                "seccomp": found.seccomp,
                "drop_capabilities": true,
            },
            "read": found.read,
            "read_files": [paths.tables],
            "write": [paths.work_dir, paths.sockets],
            "tmp_bytes": self.apart.tmp_max_bytes,
            "processes": processes,
            "network": false,
            "unshare": !forked && !namespaces.is_empty(),
        });
        let flags = CLONE_FLAGS.iter().filter(|(name, _)| namespaces.contains(name)).map(|(_, flag)| flag);
        let tmp_bytes = namespaces.contains(&"mount").then_some(self.apart.tmp_max_bytes);
        let told = told(self.apart.level, &layers);
        Ok(Plan { json: Some(json), flags: flags.sum(), user, processes, tmp_bytes, told })
    }

    /// Makes the control group of a kernel, where the machine has any. Without one a kernel is not `strict`.
    ///
    /// # Errors
    /// The level asks for the group, and it cannot be made.
    pub(super) fn group(&self, name: &str, memory_bytes: Option<u64>) -> io::Result<Option<Arc<Group>>> {
        let Some(found) = self.found.as_ref().filter(|found| !found.cgroups.is_empty()) else { return Ok(None) };
        let Apart { processes_max: processes, cpu_max_percent: cpu_percent, .. } = self.apart;
        let limits = GroupLimits { memory_bytes, processes, cpu_percent };
        match found.cgroups.make(name, limits) {
            Ok(group) => Ok(Some(Arc::new(group))),
            Err(error) if self.apart.level == Level::Strict => Err(error),
            Err(error) => {
                tracing::warn!(%error, "a kernel is started without a control group: its memory limit is a soft one");
                Ok(None)
            }
        }
    }
}

impl Plan {
    /// Has the kernel's process enter this group, and go no further before it is there: what it starts earlier would be left
    /// outside.
    pub(super) fn enter(&mut self, group: &Group) {
        if let (Some(json), Some((name, trees))) = (&mut self.json, group.name()) {
            json["group"] = serde_json::json!({"name": name, "trees": trees, "doors": group.doors()});
        }
    }
}

impl Found {
    fn missing(&self, level: Level) -> Vec<&str> {
        self.levels.get(name(level)).into_iter().flatten().map(String::as_str).collect()
    }

    /// The namespaces that a kernel enters, if all of them together were entered as a trial. A program that root starts
    /// enters them by itself, but for one of process ids.
    ///
    /// A kernel with a user of its own that hides its processes needs none of process ids: it sees and reaches only its own
    /// processes, and they are found by their user when it ends. The first process of such a namespace is none that code
    /// expects to be: it cannot be killed from inside, and has to wait for orphans.
    fn namespaces(&self, forked: bool) -> impl Iterator<Item = &str> {
        let all = self.namespaces.iter().map(String::as_str);
        let all = all.filter(move |_| self.together && (forked || self.own_user()));
        all.filter(move |name| *name != "pid" || (forked && !(self.own_user() && self.hidden_processes)))
    }

    /// Whether a kernel gets a user of its own. It reaches its folders only where these are shown to it, below folders
    /// that are the service's: in a mount namespace.
    fn own_user(&self) -> bool {
        let has = |wanted: &str| self.namespaces.iter().any(|name| name == wanted);
        self.together && self.uid && has("mount") && !has("user")
    }

    /// What is missing for kernels not to be root, and what to do. Root owns the machine's files, and what they and sockets
    /// let their owner do takes no capability: a kernel of that user is kept from nothing.
    fn root_obstacle(&self) -> Option<String> {
        if self.user != 0 || self.own_user() {
            return None;
        }
        let why = ["mount_namespace", "uid", "together"].iter().find_map(|step| self.why.get(*step));
        let why = why.map_or("this machine gives no mount namespace without a user namespace", String::as_str);
        Some(format!(
            "the service is root, and its kernels cannot be given users of their own ({why}): run it as another user, let \
             it make mount namespaces (CAP_SYS_ADMIN) and change its user (CAP_SETUID, CAP_SETGID), or set \
             --kernel-isolation none"
        ))
    }

    /// The layers in force, by name.
    fn layers(&self, forked: bool) -> Vec<&'static str> {
        let namespaces: Vec<_> = self.namespaces(forked).collect();
        let entered = CLONE_FLAGS.iter().map(|(name, _)| *name).filter(|name| namespaces.contains(name));
        let mut layers: Vec<_> = entered.collect();
        layers.extend(self.own_user().then_some("uid"));
        layers.extend((self.landlock_abi > 0).then_some("landlock"));
        layers.extend(self.seccomp.then_some("seccomp"));
        layers.push("capabilities");
        layers
    }
}

fn probe(python: &Path, library: &Path, uid: u32) -> anyhow::Result<Found> {
    let what = "the trial of the layers that keep kernels apart";
    let said = python::ask(python, library, what, &["-m", "fenxi_kernel.isolation", "--uid", &uid.to_string()])?;
    serde_json::from_slice(&said).with_context(|| modules::not_understood(python))
}

fn told(level: Level, layers: &[&str]) -> KernelIsolation {
    KernelIsolation { level: contract(level).into(), layers: layers.iter().map(|layer| (*layer).to_owned()).collect() }
}

fn contract(level: Level) -> IsolationLevel {
    match level {
        Level::Strict => IsolationLevel::Strict,
        Level::Standard => IsolationLevel::Standard,
        Level::None => IsolationLevel::None,
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Strict => "strict",
        Level::Standard => "standard",
        Level::None => "none",
    }
}

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod tests;
