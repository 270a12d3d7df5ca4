//! What /proc tells of a process and those it started, and how to end them all. Reads files: for threads that may block,
//! but for [`own_cpu`] and [`own_resident_bytes`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    time::{ClockId, clock_gettime},
    unistd::{Pid, SysconfVar, sysconf},
};

use super::kin::Kin;

/// Processes of one kernel that are looked at.
pub(super) const TREE_MAX: usize = 1024;
/// The variable that every process of a kernel has, however far it went.
pub(crate) const MARK: &str = "FENXI_KERNEL";
/// Of an environment only so much is looked at: a process says itself where its own begins and ends (prctl(2),
/// `PR_SET_MM`), and may say a terabyte. The mark is among the first variables that a kernel is given.
const ENVIRONMENT_MAX_BYTES: u64 = 256 << 10;
/// What most files of /proc fit into.
const FILE_BYTES: usize = 4096;
/// Rounds of killing: each finds what was started during the last, and what takes its time to end.
const KILL_ROUNDS_MAX: usize = 200;
const KILL_PAUSE: Duration = Duration::from_millis(5);

/// What a kernel's processes use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Processor time of the kernel's own process so far.
    pub own_cpu: Duration,
    /// Processor time of the others so far, of ended children that were waited for too; in whole ticks. Time of one that
    /// ends and is not waited for is gone from the sum.
    pub family_cpu: Duration,
    /// Resident memory of each of them, summed up, in bytes: what they share counts as often as there are processes.
    pub resident_bytes: u64,
    /// Resident memory of the one that has most.
    pub largest_bytes: u64,
    /// Resident memory that no file backs, in bytes: what a limit on memory is about.
    pub private_bytes: u64,
    /// How many live; those that ended and were not waited for do not.
    pub processes: usize,
}

impl Usage {
    /// Processor time of them all so far.
    pub(crate) fn cpu(&self) -> Duration {
        self.own_cpu + self.family_cpu
    }
}

pub(super) struct Stat {
    pub(super) state: char,
    parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    own_ticks: u64,
    /// Of children that were waited for.
    waited_ticks: u64,
    pub(super) start_ticks: u64,
    /// The system's PF_ flags.
    pub(super) flags: u64,
}

/// The finest that the system tells of what a descendant used.
pub(crate) fn tick() -> Duration {
    Duration::from_secs(1) / u32::try_from(ticks_per_sec()).unwrap_or(100)
}

/// Processor time of processes that are being ended, each counted when it is seen first.
#[derive(Debug, Default)]
pub(super) struct Spent(BTreeMap<i32, u64>);

impl Spent {
    /// Notes a process that lives, with its children that were waited for.
    pub(super) fn note(&mut self, pid: i32) {
        self.0.entry(pid).or_insert_with(|| {
            let living = stat(pid).filter(|stat| stat.state != 'Z');
            living.map_or(0, |stat| stat.own_ticks.saturating_add(stat.waited_ticks))
        });
    }

    /// Of all that were noted.
    pub(super) fn cpu(&self) -> Duration {
        Duration::from_millis(self.0.values().sum::<u64>().saturating_mul(1000) / ticks_per_sec())
    }
}

/// What a kernel's processes use now; `None` if its own is gone.
pub(crate) fn usage(kin: &Kin) -> Option<Usage> {
    let own_cpu = own_cpu(kin.leader)?;
    let ticks_per_sec = ticks_per_sec();
    let mut usage = Usage { own_cpu, ..Usage::default() };
    for pid in kin.members() {
        let Some(stat) = stat(pid) else { continue };
        let own_ticks = if pid == kin.leader.as_raw() { 0 } else { stat.own_ticks };
        let ticks = own_ticks.saturating_add(stat.waited_ticks);
        usage.family_cpu += Duration::from_millis(ticks.saturating_mul(1000) / ticks_per_sec);
        let (resident, private) = memory(pid).unwrap_or_default();
        usage.resident_bytes += resident;
        usage.largest_bytes = usage.largest_bytes.max(resident);
        usage.private_bytes += private;
        usage.processes += usize::from(stat.state != 'Z');
    }
    Some(usage)
}

/// Processor time of this process alone; `None` if it is gone. Waits for nothing: the runtime may ask.
pub(crate) fn own_cpu(pid: Pid) -> Option<Duration> {
    Some(clock_gettime(ClockId::pid_cpu_clock_id(pid).ok()?).ok()?.into())
}

/// Resident memory of this process alone, in bytes. Waits for nothing: the runtime may ask.
pub(crate) fn own_resident_bytes(pid: Pid) -> Option<u64> {
    // proc(5): sizes in pages; the second is what is resident. One read takes the file whole.
    let mut text = [0; 128];
    let length = fs::File::open(format!("/proc/{pid}/statm")).ok()?.read(&mut text).ok()?;
    let pages: u64 = str::from_utf8(text.get(..length)?).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(page_bytes()))
}

/// When the process started, in the system's ticks since boot: with the pid it names a process for good.
pub(crate) fn start_ticks(pid: i32) -> Option<u64> {
    stat(pid).map(|stat| stat.start_ticks)
}

/// How many processes the system has killed for want of memory since boot.
pub(crate) fn memory_kills() -> u64 {
    let counters = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    counters.lines().find_map(|line| line.strip_prefix("oom_kill ")).and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}

/// Kills everything that a kernel left behind, with all descendants: whatever runs as `uid`, which nobody else has; without
/// one, whatever has `mark` in its environment, and the session and process group of its first process, which started at
/// these ticks, where that one is known. As soon as nothing has its number the number is anybody's, and counts no more.
/// Gives the processor time that they had used.
pub(crate) fn kill_rest(first: Option<(Pid, u64)>, mark: &str, uid: Option<u32>) -> Duration {
    let mut spent = Spent::default();
    let mut leader = first.map(|(pid, ticks)| (pid.as_raw(), ticks));
    for _ in 0..KILL_ROUNDS_MAX {
        leader = leader.filter(|(pid, first_ticks)| start_ticks(*pid).is_none_or(|ticks| ticks == *first_ticks));
        let (rest, led) = rest(leader, mark, uid);
        leader = leader.filter(|_| led);
        if rest.is_empty() {
            return spent.cpu();
        }
        // All of them first: whoever is killed is soon somebody's child that was waited for.
        rest.iter().for_each(|pid| spent.note(*pid));
        for pid in rest {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        #[expect(clippy::disallowed_methods, reason = "on a thread that may block")]
        std::thread::sleep(KILL_PAUSE);
    }
    tracing::warn!(mark, "processes of a kernel go on starting others");
    spent.cpu()
}

/// Whether any process runs as one of these users.
pub(crate) fn anyone_runs_as(users: &std::ops::Range<u32>) -> bool {
    let mut processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.any(|entry| entry.metadata().is_ok_and(|owner| users.contains(&owner.uid())))
}

/// The processes; and whether any of them is the leader, which started at these ticks, or of its session or group.
fn rest(leader: Option<(i32, u64)>, mark: &str, uid: Option<u32>) -> (BTreeSet<i32>, bool) {
    let own = nix::unistd::getpid().as_raw();
    let (mut found, mut led) = (BTreeSet::new(), BTreeSet::new());
    let (mut parents, mut is_anothers) = (Vec::new(), false);
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Some(stat) = stat(pid).filter(|stat| stat.state != 'Z' && pid != own) else { continue };
        if let Some((leader, ticks)) = leader.filter(|_| uid.is_none()) {
            // Given back while this looks, the number is that of a process which is nothing to us, with its own session.
            is_anothers |= pid == leader && stat.start_ticks != ticks;
            if [stat.session, stat.group, pid].contains(&leader) {
                led.insert(pid);
            }
        }
        let ours = match uid {
            // It is nobody else's, and quicker to read than an environment.
            Some(uid) => entry.metadata().is_ok_and(|owner| owner.uid() == uid),
            None => has_mark(pid, mark),
        };
        if ours {
            found.insert(pid);
        } else {
            parents.push((pid, stat.parent));
        }
    }
    if is_anothers {
        led.clear();
    }
    found.extend(&led);
    // Their descendants, whatever these made of themselves.
    loop {
        let more: Vec<_> =
            parents.iter().filter(|(pid, parent)| found.contains(parent) && !found.contains(pid)).collect();
        if more.is_empty() {
            return (found, !led.is_empty());
        }
        found.extend(more.into_iter().map(|(pid, _)| *pid));
    }
}

fn has_mark(pid: i32, mark: &str) -> bool {
    environment(pid).split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

/// The mark in the environment of a process, whosever it is: as [`kill_rest`] takes it.
pub(super) fn mark(pid: i32) -> Option<String> {
    let environment = environment(pid);
    let is_mark = |variable: &&[u8]| variable.strip_prefix(MARK.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
    let mark = environment.split(|byte| *byte == 0).find(is_mark)?;
    Some(String::from_utf8_lossy(mark).into_owned())
}

/// The beginning of the environment of a process.
fn environment(pid: i32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FILE_BYTES);
    if let Ok(file) = fs::File::open(format!("/proc/{pid}/environ")) {
        // One that has ended has none.
        let _ = file.take(ENVIRONMENT_MAX_BYTES).read_to_end(&mut bytes);
    }
    bytes
}

/// A process and what it started, as far as they are looked at.
pub(crate) fn descendants(root: i32) -> Vec<i32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        next += 1;
        for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            all.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<i32>().ok()));
        }
        if all.len() > TREE_MAX {
            all.truncate(TREE_MAX);
            break;
        }
    }
    all
}

pub(super) fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&String::from_utf8_lossy(&read(&format!("/proc/{pid}/stat"))?))
}

/// Reads a file of /proc, which says that it is empty: room for it is made at once, instead of by many small reads.
pub(super) fn read(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(FILE_BYTES);
    fs::File::open(path).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The fields after the name, which may hold anything, as proc(5) numbers them from 3.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
    let ticks = |field| Some(u64::try_from(number(field)?).unwrap_or(0));
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: i32::try_from(number(4)?).ok()?,
        group: i32::try_from(number(5)?).ok()?,
        session: i32::try_from(number(6)?).ok()?,
        own_ticks: ticks(14)? + ticks(15)?,
        waited_ticks: ticks(16)? + ticks(17)?,
        start_ticks: ticks(22)?,
        flags: ticks(9)?,
    })
}

/// Resident and private memory in bytes.
pub(super) fn memory(pid: i32) -> Option<(u64, u64)> {
    let text = read(&format!("/proc/{pid}/status"))?;
    let bytes = |name: &str| kib(&text, name).unwrap_or(0) * 1024;
    Some((bytes("VmRSS"), bytes("RssAnon") + bytes("RssShmem")))
}

/// The number that a line of a file of /proc has, of those that are in units of 1,024 bytes.
pub(super) fn kib(text: &[u8], name: &str) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

fn page_bytes() -> u64 {
    let bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096)
}

fn ticks_per_sec() -> u64 {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    ticks.and_then(|ticks| u64::try_from(ticks).ok()).filter(|ticks| *ticks > 0).unwrap_or(100)
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
