//! Processes that start another and end, faster than all processes of the machine can be looked through: by the time
//! that the list is read, what is in it has gone. Numbers are given in their order, so the next one is met where the last
//! number was given.

use std::{collections::BTreeSet, fs};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Spent, is_ours};

/// Steps of one chase. Each looks at the numbers that were given since the last.
const STEPS_MAX: usize = 10_000;
/// Steps in a row without another of ours that end it.
const QUIET_STEPS: usize = 5;
/// Numbers looked at in one step, at most.
const NUMBERS_MAX: i32 = 4096;
/// Numbers that are looked at again: one is given a moment before there is a process to be seen.
const NUMBERS_AGAIN: i32 = 16;

/// Kills what is ours where it is met, then what was started meanwhile; says whether there was any of that.
pub(super) fn kill_on_sight(mark: &str, uid: Option<u32>, spent: &mut Spent) -> bool {
    let own = nix::unistd::getpid().as_raw();
    let mut known = BTreeSet::new();
    // What has ended and was not waited for may be met again and again: it counts once.
    let mut meet = |pid: i32| {
        let is_ours = pid != own && is_ours(pid, mark, uid);
        if is_ours {
            spent.note(pid);
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        is_ours && known.insert(pid)
    };
    let Some(mut last) = last_number() else { return false };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for pid in numbers {
        meet(pid);
    }
    let (mut any, mut quiet) = (false, 0);
    for _ in 0..STEPS_MAX {
        let Some(newest) = last_number() else { break };
        // Those that are given from the lowest on again are met by the next look at all.
        let first = last.saturating_sub(NUMBERS_AGAIN).max(newest.saturating_sub(NUMBERS_MAX)).max(2);
        let met = (first..=newest).filter(|pid| meet(*pid)).count() > 0;
        (last, any) = (newest, any || met);
        quiet = if met { 0 } else { quiet + 1 };
        if quiet >= QUIET_STEPS {
            break;
        }
    }
    any
}

/// The number that was given last: the end of proc_loadavg(5).
fn last_number() -> Option<i32> {
    fs::read_to_string("/proc/loadavg").ok()?.split_ascii_whitespace().last()?.parse().ok()
}
