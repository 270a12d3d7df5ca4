//! Which processes are a kernel's. What it started and what those started is found from its own process downwards. One
//! whose parent has ended is in nobody's list of children (`train &`, and the shell ends): it is found by the kernel's
//! control group or user, which nothing leaves; where it has neither, by its session and its mark, as far as it kept them.
//! Everything here blocks.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use nix::unistd::Pid;

use super::tree;

/// How old what is known of all processes may be: for a kernel at work, and for one that does nothing. One look serves all
/// kernels, and takes some milliseconds for a thousand processes.
const AGE_MAX: Duration = Duration::from_secs(2);
const RESTING_AGE_MAX: Duration = Duration::from_secs(10);

/// A kernel's processes, by what tells them from others.
#[derive(Clone, Debug)]
pub(crate) struct Kin {
    /// The kernel's own process.
    pub leader: Pid,
    /// Where the rest is found.
    pub rest: Rest,
    /// The kernel does nothing, as far as is known.
    pub resting: bool,
}

/// Where processes are found whose parent has ended.
#[derive(Clone, Debug)]
pub(crate) enum Rest {
    /// There are none that are not among the descendants: the system gives them to the kernel's own process.
    None,
    /// The file of a control group that lists its processes.
    Group(PathBuf),
    /// The user that it alone has.
    User(u32),
    /// The variable that all have which were started with its environment.
    Mark(String),
}

impl Kin {
    /// A process with its descendants.
    #[cfg(test)]
    pub(crate) fn alone(leader: Pid) -> Self {
        Self { leader, rest: Rest::None, resting: false }
    }

    /// All processes, the kernel's own first, as far as they are looked at.
    pub(crate) fn members(&self) -> Vec<i32> {
        let mut members = tree::descendants(self.leader.as_raw());
        let mut known: BTreeSet<i32> = members.iter().copied().collect();
        for pid in self.rest() {
            if known.contains(&pid) {
                continue;
            }
            for pid in tree::descendants(pid) {
                if members.len() < tree::TREE_MAX && known.insert(pid) {
                    members.push(pid);
                }
            }
        }
        members
    }

    fn rest(&self) -> Vec<i32> {
        let leader = self.leader.as_raw();
        let age_max = if self.resting { RESTING_AGE_MAX } else { AGE_MAX };
        match &self.rest {
            Rest::None => Vec::new(),
            Rest::Group(file) => {
                let text = fs::read_to_string(file).unwrap_or_default();
                text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
            }
            Rest::User(uid) => look(age_max, |process| process.uid == *uid),
            Rest::Mark(mark) => look(age_max, |process| {
                process.session == leader || process.group == leader || process.mark.as_deref() == Some(mark)
            }),
        }
    }
}

/// What is known of a process.
struct Process {
    start_ticks: u64,
    uid: u32,
    session: i32,
    group: i32,
    /// The variable that says whose it is, as it had it when it was first seen.
    mark: Option<String>,
}

/// All processes of the machine, when they were looked at.
static SEEN: Mutex<Option<(Instant, HashMap<i32, Process>)>> = Mutex::new(None);

/// The processes of which this is true.
fn look(age_max: Duration, is_theirs: impl Fn(&Process) -> bool) -> Vec<i32> {
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let (at, before) = seen.take().unwrap_or_else(|| (Instant::now(), HashMap::new()));
    let fresh = !before.is_empty() && at.elapsed() < age_max;
    let (_, processes) = seen.insert(if fresh { (at, before) } else { (Instant::now(), processes(before)) });
    let theirs = processes.iter().filter(|(_, process)| is_theirs(process));
    // Its number may mean another by now.
    let theirs = theirs.filter(|(pid, process)| tree::start_ticks(**pid) == Some(process.start_ticks));
    theirs.map(|(pid, _)| *pid).collect()
}

fn processes(mut before: HashMap<i32, Process>) -> HashMap<i32, Process> {
    let (own_uid, own) = (nix::unistd::geteuid().as_raw(), nix::unistd::getpid().as_raw());
    let mut processes = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(uid) = entry.metadata().map(|owner| owner.uid()) else { continue };
        let Some(stat) = tree::stat(pid).filter(|stat| stat.state != 'Z' && pid != own) else { continue };
        let former = before.remove(&pid).filter(|former| former.start_ticks == stat.start_ticks);
        // One that became another program may have become it with another environment.
        let mark = former.and_then(|former| former.mark);
        let mark = mark.or_else(|| if uid == own_uid { tree::mark(pid) } else { None });
        let (session, group) = (stat.session, stat.group);
        processes.insert(pid, Process { start_ticks: stat.start_ticks, uid, session, group, mark });
    }
    processes
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        os::unix::process::CommandExt as _,
        process::{Command, Stdio},
    };

    use super::*;

    /// Starts a process whose parent ends at once, in a session of its own, and gives its number; it ends with the test.
    fn orphan(mark: &str) -> i32 {
        let mut command = Command::new("sh");
        command.args(["-c", "setsid sh -c 'echo $$; exec >&-; exec sleep 60' &"]);
        let mut child =
            command.env("FENXI_KERNEL", mark).stdout(Stdio::piped()).process_group(0).spawn().expect("started");
        let mut said = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut said).expect("a number");
        child.wait().expect("an end");
        said.trim().parse().expect("a number")
    }

    #[test]
    fn a_process_whose_parent_has_ended_is_found() {
        let leader = nix::unistd::getpid();
        let orphan = orphan("lost");
        let members = |rest| Kin { leader, rest, resting: false }.members();
        assert!(!members(Rest::None).contains(&orphan), "it is a descendant");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cgroup.procs");
        fs::write(&file, format!("{}\n{orphan}\n", leader.as_raw())).expect("written");
        let (uid, mark) = (nix::unistd::geteuid().as_raw(), "FENXI_KERNEL=lost".to_owned());
        for rest in [Rest::Group(file), Rest::User(uid), Rest::Mark(mark)] {
            // Until what is known of all processes is renewed.
            while !members(rest.clone()).contains(&orphan) {}
            let members = members(rest.clone());
            assert_eq!(members[0], leader.as_raw());
            assert_eq!(members.iter().filter(|pid| **pid == orphan).count(), 1, "{rest:?}");
        }
        assert!(!members(Rest::Mark("FENXI_KERNEL=another".into())).contains(&orphan));
        let usage = tree::usage(&Kin { leader, rest: Rest::Mark("FENXI_KERNEL=lost".into()), resting: false });
        assert!(usage.expect("we are here").processes > 1);
        nix::sys::signal::kill(Pid::from_raw(orphan), nix::sys::signal::Signal::SIGKILL).expect("it was there");
    }
}
