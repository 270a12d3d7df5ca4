//! Children that come to us because their parent ended. Where the system does not let a fork server give us its forks
//! (`clone3` with `CLONE_PARENT`), a process in between forks them and ends, and they fall to the nearest ancestor that
//! asked for orphans. With them falls whatever kernels leave behind, which nobody else waits for then.

use std::{collections::BTreeSet, fs, sync::Once, thread, time::Duration};

use nix::{
    sys::{
        prctl::set_child_subreaper,
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

/// How often it is looked for children that ended.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// For how many looks one that ended as the leader of a session is left: kernels are, and who asked for them waits for them.
const LEADER_LOOKS: u32 = 120;

/// Takes orphans from now on, for good, and waits for those of them that are nobody's.
pub(super) fn take() {
    static TAKEN: Once = Once::new();
    TAKEN.call_once(|| {
        let begun = set_child_subreaper(true)
            .map_err(std::io::Error::from)
            .and_then(|()| thread::Builder::new().name("orphan-reaper".into()).spawn(reap_for_ever).map(drop));
        if let Err(error) = begun {
            tracing::warn!(%error, "forks of a server that forks twice are not told of when they end");
        }
    });
}

fn reap_for_ever() {
    let mut looks = Vec::new();
    loop {
        #[expect(clippy::disallowed_methods, reason = "on a thread of its own")]
        thread::sleep(LOOK_PAUSE);
        look(&mut looks);
    }
}

/// `seen` are the leaders of sessions that had ended before, and how often they were seen so.
fn look(seen: &mut Vec<(i32, u32)>) {
    let ended: Vec<_> = children().into_iter().filter_map(ended).collect();
    let leaders: BTreeSet<i32> = ended.iter().filter(|(_, leads)| *leads).map(|(pid, _)| *pid).collect();
    seen.retain(|(pid, _)| leaders.contains(pid));
    for (pid, leads) in ended {
        if leads {
            let Some((_, looks)) = seen.iter_mut().find(|(known, _)| *known == pid) else {
                seen.push((pid, 1));
                continue;
            };
            *looks += 1;
            if *looks < LEADER_LOOKS {
                continue;
            }
        }
        let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
    }
}

/// The children of all our threads.
pub(super) fn children() -> Vec<i32> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let listed = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    listed
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Whether this child has ended, and then whether it led a session: what we start or have forked does.
fn ended(pid: i32) -> Option<(i32, bool)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // proc(5): after the name, which may hold anything, the state, the parent, the group and the session.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let is_over = fields.next()? == "Z";
    let session: i32 = fields.nth(2)?.parse().ok()?;
    is_over.then_some((pid, session == pid))
}
