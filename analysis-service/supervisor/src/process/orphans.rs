//! Children that come to us because their parent ended: what kernels leave behind, and, where the system does not let a fork
//! server give us its forks (`clone3` with `CLONE_PARENT`), those forks themselves. What has ended and nobody waited for
//! counts as a process of its user still, so that it is waited for at once: a kernel that is started again has the user of
//! the one before. What was started on purpose has somebody who waits for it, and is left to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread,
    time::Duration,
};

use nix::{
    sys::{
        prctl::set_child_subreaper,
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

use super::next_ended;

/// How long one is left to whoever waits for it before the next look; and how long nothing is looked for where it is left
/// for longer, or there are no children.
const PAUSE: Duration = Duration::from_millis(20);
const IDLE_PAUSE: Duration = Duration::from_millis(500);

static CHILDREN: Mutex<Children> =
    Mutex::new(Children { own: BTreeSet::new(), births: BTreeSet::new(), next_birth: 0, strangers: BTreeMap::new() });

/// What is known of our children.
struct Children {
    /// Those that somebody waits for.
    own: BTreeSet<i32>,
    /// Starts under way, by their numbers: each may have made a child that is not known yet.
    births: BTreeSet<u64>,
    next_birth: u64,
    /// Those that have ended and are not known, with the number of the next start when they were first seen.
    strangers: BTreeMap<i32, u64>,
}

/// A start under way.
#[derive(Debug)]
pub(super) struct Birth(u64);

impl Birth {
    /// Begins before there is a child, and is dropped once that is known ([`know`]).
    pub(super) fn begin() -> Self {
        let mut children = children();
        let number = children.next_birth;
        children.next_birth += 1;
        children.births.insert(number);
        Self(number)
    }
}

impl Drop for Birth {
    fn drop(&mut self) {
        children().births.remove(&self.0);
    }
}

/// Somebody waits for this child.
pub(super) fn know(pid: Pid) {
    let mut children = children();
    children.strangers.remove(&pid.as_raw());
    children.own.insert(pid.as_raw());
}

/// Nobody waits for it any more.
pub(super) fn forget(pid: Pid) {
    children().own.remove(&pid.as_raw());
}

/// Forgets a child that has ended once it was waited for. In one piece: its number may be another child's from then on.
pub(super) fn forget_after<T>(pid: Pid, wait: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut children = children();
    let waited = wait()?;
    children.own.remove(&pid.as_raw());
    Ok(waited)
}

/// Takes orphans from now on, for good, and waits for those of them that are nobody's.
pub(super) fn take() {
    static TAKEN: Once = Once::new();
    TAKEN.call_once(|| {
        let begun = set_child_subreaper(true)
            .map_err(io::Error::from)
            .and_then(|()| thread::Builder::new().name("orphan-reaper".into()).spawn(reap_for_ever).map(drop));
        if let Err(error) = begun {
            tracing::warn!(%error, "what kernels leave behind is left to the system");
        }
    });
}

fn reap_for_ever() {
    let mut left = None;
    loop {
        let ended = next_ended();
        let pause = match ended {
            Ok(pid) if children().reap(pid) => continue,
            // It stands before the others as long as whoever waits for it does not come.
            Ok(pid) if left == Some(pid) => {
                for pid in listed().into_iter().filter(|pid| has_ended(*pid)) {
                    children().reap(pid);
                }
                IDLE_PAUSE
            }
            Ok(_) => PAUSE,
            Err(_) => IDLE_PAUSE,
        };
        left = ended.ok();
        #[expect(clippy::disallowed_methods, reason = "on a thread of its own")]
        thread::sleep(pause);
    }
}

impl Children {
    /// Waits for a child that has ended, if it is nobody's. Says whether it was.
    fn reap(&mut self, pid: Pid) -> bool {
        if self.own.contains(&pid.as_raw()) {
            return false;
        }
        // What is being started when it is first seen may be this.
        let seen = *self.strangers.entry(pid.as_raw()).or_insert(self.next_birth);
        if self.births.first().is_some_and(|birth| *birth < seen) {
            return false;
        }
        self.strangers.remove(&pid.as_raw());
        waitpid(pid, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)).is_ok()
    }
}

/// The children of all our threads.
fn listed() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .map(Pid::from_raw)
        .collect()
}

fn has_ended(pid: Pid) -> bool {
    // proc(5): the state comes after the name, which may hold anything.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

fn children() -> MutexGuard<'static, Children> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}
