//! Whether a process goes on, asked in the moment before somebody is given it.

use nix::sys::signal::Signal;

use super::tree::{self, Stat};

/// The process is on its way out (`PF_EXITING` of the system's `sched.h`): what it holds goes first, and then it is seen as
/// ended.
const EXITING: u64 = 0x4;

/// Whether the process that started then is there, and neither ended nor stopped, nor will be by a signal that it has been
/// sent and has not met yet. Waits for nothing.
pub(crate) fn is_whole(pid: i32, start_ticks: u64) -> bool {
    let status = tree::read(&format!("/proc/{pid}/status"));
    // The signals first: one that has been met meanwhile shows in the state.
    status.is_some_and(|status| !is_awaited(&String::from_utf8_lossy(&status)))
        && tree::stat(pid).is_some_and(|stat| stat.start_ticks == start_ticks && goes_on(&stat))
}

/// By its state (proc(5): Z, X: ended; T, t: stopped) and its flags.
fn goes_on(stat: &Stat) -> bool {
    !matches!(stat.state, 'Z' | 'X' | 'x' | 'T' | 't') && stat.flags & EXITING == 0
}

/// Whether one of the signals that nobody can ignore is on its way to a process of this status.
fn is_awaited(status: &str) -> bool {
    let fatal = [Signal::SIGKILL, Signal::SIGSTOP].iter().fold(0, |bits, signal| bits | 1 << (*signal as i32 - 1));
    let pending = status.lines().filter_map(|line| {
        let mask = line.strip_prefix("SigPnd:").or_else(|| line.strip_prefix("ShdPnd:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    pending.fold(0, |bits, mask| bits | mask) & fatal != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_sent_an_end_does_not_go_on() {
        let status =
            |own: &str, shared: &str| format!("Threads:\t3\nSigPnd:\t{own}\nShdPnd:\t{shared}\nSigBlk:\t{own}\n");
        let none = "0000000000000000";
        assert!(!is_awaited(&status(none, none)));
        // An interrupt: whoever handles it goes on.
        assert!(!is_awaited(&status(none, "0000000000000002")));
        assert!(is_awaited(&status("0000000000000100", none)), "killed");
        assert!(is_awaited(&status(none, "0000000000040002")), "stopped");
    }

    #[test]
    fn a_process_goes_on_until_it_is_stopped_or_killed() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("started");
        let pid = i32::try_from(child.id()).expect("a pid");
        let ticks = tree::start_ticks(pid).expect("there");
        assert!(is_whole(pid, ticks) && !is_whole(pid, ticks + 1));
        for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).expect("sent");
            assert!(!is_whole(pid, ticks), "{signal}");
        }
        child.wait().expect("ended");
        assert!(!is_whole(pid, ticks));
    }
}
