//! Control groups: the system's own hard limits on a kernel with all that it starts. Version 2, and version 1 where the
//! machine still has it, in which memory, processes and processors have a tree of folders each. Everything here blocks.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use super::tree::Spent;

/// How the folders of our groups begin.
const PREFIX: &str = "fenxi-kernel-";
/// An empty group of this age is nobody's: another service's kernel enters its own soon after it was made.
const LEFT_AFTER: Duration = Duration::from_secs(600);
/// How often it is tried to remove a group of ours that is in use, and the pause in between.
const REMOVALS_MAX: usize = 100;
const REMOVAL_PAUSE: Duration = Duration::from_millis(100);
/// Rounds of killing all that is in a group, and the pause in between: each finds what was started during the last.
const KILL_ROUNDS_MAX: usize = 200;
const KILL_PAUSE: Duration = Duration::from_millis(5);

/// A kernel's share of the processors where they are wanted by more than there are, in percent of what a group has by
/// default, and each process of the service where that is in no group: all kernels have the same, however many processes
/// they have, and the service goes before them.
const CPU_SHARE_PERCENT: u32 = 33;
/// The same as the two versions count it: by default 100 and 1024.
const CPU_WEIGHT: u32 = CPU_SHARE_PERCENT;
const CPU_SHARES: u32 = 1024 * CPU_SHARE_PERCENT / 100;
/// In which time a group has its limited time of processors, in microseconds, and one percent of it.
const CPU_PERIOD_MICROS: u64 = 100_000;
const CPU_PERCENT_MICROS: u64 = CPU_PERIOD_MICROS / 100;

/// Where groups can be made, by what they control, as the trial found it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Trees(BTreeMap<String, Tree>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tree {
    version: u8,
    path: PathBuf,
}

/// What a group is held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupLimits {
    /// Memory, in bytes; `None` for no limit.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub processes: u32,
    /// Time of processors, in percent of one; `None` for as much as there is.
    pub cpu_percent: Option<u32>,
}

/// The group of one kernel. Removed by [`Group::remove`] alone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    trees: Vec<(Tree, PathBuf)>,
    memory: Option<(u8, PathBuf)>,
    /// Its limits on the time of processors, and on processes, where they are in force.
    #[serde(default)]
    cpu_percent: Option<u32>,
    #[serde(default)]
    processes_max: Option<u32>,
    /// Kills for want of memory that were told already.
    #[serde(skip)]
    told_kills: AtomicU64,
}

impl Trees {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether groups can be held to this controller's limits.
    pub(crate) fn controls(&self, controller: &str) -> bool {
        self.0.contains_key(controller)
    }

    /// Hands the controllers of version 2 down to the groups that will be made, and removes what is left of groups of
    /// services that have ended.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        for (controller, tree) in &self.0 {
            if tree.version == 2 {
                fs::write(tree.path.join("cgroup.subtree_control"), format!("+{controller}"))?;
            }
            for entry in fs::read_dir(&tree.path)?.flatten() {
                let ours = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
                let made = entry.metadata().and_then(|found| found.modified());
                let old = made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > LEFT_AFTER));
                if ours && old {
                    // One that is in use stays: the system removes only empty ones.
                    let _ = fs::remove_dir(entry.path());
                }
            }
        }
        Ok(())
    }

    /// Removes what is left of groups of these names, with what runs in them. Waits for that, for some time.
    pub(crate) fn remove_left(&self, mut names: Vec<String>) {
        for name in &names {
            let folders: Vec<_> = self.0.values().map(|tree| tree.path.join(format!("{PREFIX}{name}"))).collect();
            kill_in(&folders);
        }
        for _ in 0..REMOVALS_MAX {
            names.retain(|name| {
                let folders = self.0.values().map(|tree| tree.path.join(format!("{PREFIX}{name}")));
                // All of them are tried: the system removes only those in which nothing is.
                folders.fold(false, |left, folder| {
                    left | fs::remove_dir(folder).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
                })
            });
            if names.is_empty() {
                return;
            }
            #[expect(clippy::disallowed_methods, reason = "on a thread of its own")]
            thread::sleep(REMOVAL_PAUSE);
        }
        tracing::warn!(?names, "control groups of a former service are in use still");
    }

    /// Makes the group of a kernel.
    pub(crate) fn make(&self, name: &str, limits: GroupLimits) -> io::Result<Group> {
        let mut group = Group {
            trees: Vec::new(),
            memory: None,
            cpu_percent: None,
            processes_max: None,
            told_kills: AtomicU64::new(0),
        };
        let made = self.fill(&mut group, name, limits);
        if made.is_err() {
            let _ = group.remove();
        }
        made.map(|()| group)
    }

    fn fill(&self, group: &mut Group, name: &str, limits: GroupLimits) -> io::Result<()> {
        for (controller, tree) in &self.0 {
            let folder = tree.path.join(format!("{PREFIX}{name}"));
            if !group.trees.iter().any(|(_, made)| *made == folder) {
                fs::create_dir(&folder)?;
                group.trees.push((tree.clone(), folder.clone()));
            }
            match (controller.as_str(), limits.memory_bytes) {
                ("memory", Some(bytes)) => {
                    limit_memory(&folder, tree.version, bytes)?;
                    group.memory = Some((tree.version, folder));
                }
                ("pids", _) => {
                    fs::write(folder.join("pids.max"), limits.processes.to_string())?;
                    group.processes_max = Some(limits.processes);
                }
                ("cpu", _) => {
                    limit_cpu(&folder, tree.version, limits.cpu_percent)?;
                    group.cpu_percent = limits.cpu_percent;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn limit_memory(folder: &Path, version: u8, bytes: u64) -> io::Result<()> {
    let set = |name: &str, value: &str| match fs::write(folder.join(name), value) {
        // Without swap the file is not there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    let bytes = bytes.to_string();
    if version == 1 {
        fs::write(folder.join("memory.limit_in_bytes"), &bytes)?;
        return set("memory.memsw.limit_in_bytes", &bytes);
    }
    fs::write(folder.join("memory.max"), &bytes)?;
    set("memory.swap.max", "0")?;
    set("memory.oom.group", "1")
}

/// What a group with this folder and version holds that the system cannot take back, in bytes: all that is counted but for
/// the cache of files on disk. `None` if it is gone.
pub(crate) fn held_bytes(version: u8, folder: &Path) -> Option<u64> {
    let used = folder.join(if version == 1 { "memory.usage_in_bytes" } else { "memory.current" });
    let used: u64 = fs::read_to_string(used).ok()?.trim().parse().ok()?;
    let counters = fs::read_to_string(folder.join("memory.stat")).ok()?;
    let fields = counters.lines().filter_map(|line| line.split_once(' '));
    let cached = fields.filter(|(name, _)| matches!(*name, "active_file" | "inactive_file" | "slab_reclaimable"));
    let cached: u64 = cached.filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok()).sum();
    Some(used.saturating_sub(cached))
}

fn limit_cpu(folder: &Path, version: u8, percent: Option<u32>) -> io::Result<()> {
    let quota = percent.map(|percent| u64::from(percent) * CPU_PERCENT_MICROS);
    if version == 1 {
        fs::write(folder.join("cpu.shares"), CPU_SHARES.to_string())?;
        let Some(quota) = quota else { return Ok(()) };
        fs::write(folder.join("cpu.cfs_period_us"), CPU_PERIOD_MICROS.to_string())?;
        return fs::write(folder.join("cpu.cfs_quota_us"), quota.to_string());
    }
    fs::write(folder.join("cpu.weight"), CPU_WEIGHT.to_string())?;
    quota.map_or(Ok(()), |quota| fs::write(folder.join("cpu.max"), format!("{quota} {CPU_PERIOD_MICROS}")))
}

impl Group {
    /// The folder of version 2, in which a fork is born.
    pub(crate) fn birthplace(&self) -> Option<PathBuf> {
        self.trees.iter().find(|(tree, _)| tree.version == 2).map(|(_, folder)| folder.clone())
    }

    /// The name that it has, and in how many trees.
    pub(crate) fn name(&self) -> Option<(&str, usize)> {
        let (_, folder) = self.trees.first()?;
        Some((folder.file_name()?.to_str()?, self.trees.len()))
    }

    /// The file that lists the processes in it.
    pub(crate) fn processes(&self) -> Option<PathBuf> {
        self.trees.first().map(|(_, folder)| folder.join("cgroup.procs"))
    }

    /// The files by which a process goes into the groups of version 1 by itself (`fenxi_kernel.isolation.joining`).
    pub(crate) fn doors(&self) -> Vec<PathBuf> {
        self.trees.iter().filter(|(tree, _)| tree.version == 1).map(|(_, folder)| folder.join("tasks")).collect()
    }

    /// Moves a process that was not born there into the group of version 2, if there is one.
    pub(crate) fn add(&self, pid: Pid) -> io::Result<()> {
        self.birthplace().map_or(Ok(()), |folder| fs::write(folder.join("cgroup.procs"), pid.to_string()))
    }

    /// How often the system has killed in it for want of memory since this was asked last.
    pub(crate) fn new_memory_kills(&self) -> u64 {
        let Some((version, folder)) = &self.memory else { return 0 };
        let file = folder.join(if *version == 1 { "memory.oom_control" } else { "memory.events" });
        let counters = fs::read_to_string(file).unwrap_or_default();
        let kills =
            counters.lines().find_map(|line| line.strip_prefix("oom_kill ")).and_then(|n| n.trim().parse().ok());
        let kills = kills.unwrap_or(0);
        kills - self.told_kills.swap(kills, Ordering::Relaxed).min(kills)
    }

    /// The version and the folder of its limit on memory, where it has one; see [`held_bytes`].
    pub(crate) fn memory(&self) -> Option<(u8, PathBuf)> {
        self.memory.clone()
    }

    /// Whether its memory has a limit that holds.
    pub(crate) fn limits_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// Its limit on the time of processors, in percent of one, where one is in force.
    pub(crate) fn cpu_percent(&self) -> Option<u32> {
        self.cpu_percent
    }

    /// Processes and threads that may be in it, where that is limited.
    pub(crate) fn processes_max(&self) -> Option<u32> {
        self.processes_max
    }

    /// Lets nothing in it start anything from now on, so that what ends its processes comes to an end.
    pub(crate) fn close(&self) {
        self.trees.iter().for_each(|(_, folder)| close(folder));
    }

    /// Ends all that is in it; gives the processor time that it had used.
    pub(crate) fn kill(&self) -> Duration {
        let ours = |folder: &Path| {
            folder.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
        };
        let folders: Vec<_> =
            self.trees.iter().map(|(_, folder)| folder.clone()).filter(|folder| ours(folder)).collect();
        kill_in(&folders)
    }

    /// Removes it. A group counts as used (`ResourceBusy`) for a moment after its last process has ended.
    pub(crate) fn remove(&self) -> io::Result<()> {
        self.trees.iter().try_for_each(|(_, folder)| match fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        })
    }
}

fn close(folder: &Path) {
    // Only one of the trees of version 1 has the file.
    let file = folder.join("pids.max");
    if file.exists() {
        let _ = fs::write(file, "0");
    }
}

/// Kills what is in the groups of these folders, and lets nothing in them start anything; gives the processor time that it
/// had used.
fn kill_in(folders: &[PathBuf]) -> Duration {
    let mut spent = Spent::default();
    folders.iter().for_each(|folder| close(folder));
    for _ in 0..KILL_ROUNDS_MAX {
        let mut anything = false;
        let found: Vec<_> = folders.iter().flat_map(|folder| processes(folder)).collect();
        // All of them first: whoever is killed is soon somebody's child that was waited for.
        found.iter().for_each(|pid| spent.note(pid.as_raw()));
        for pid in found {
            anything |= kill(pid, Signal::SIGKILL).is_ok();
        }
        if !anything {
            return spent.cpu();
        }
        #[expect(clippy::disallowed_methods, reason = "on a thread that may block")]
        thread::sleep(KILL_PAUSE);
    }
    tracing::warn!(?folders, "processes in control groups of kernels do not end");
    spent.cpu()
}

/// The processes in the group of this folder, as far as they are to be seen from here.
fn processes(folder: &Path) -> Vec<Pid> {
    let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    // Those of another pid namespace are listed as 0, which would mean our own group.
    let seen = listed.lines().filter_map(|line| line.trim().parse::<i32>().ok()).filter(|pid| *pid > 1);
    seen.map(Pid::from_raw).filter(|pid| *pid != Pid::this()).collect()
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
