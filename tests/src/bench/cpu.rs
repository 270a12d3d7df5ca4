//! Processor time of processes, from their processor-time clocks (clock_getcpuclockid(3)), which count in nanoseconds what
//! all threads have used, ended ones too.

use std::time::Duration;

use anyhow::Context as _;
use nix::{time::ClockId, unistd::Pid};

/// The processor time that a process has used in all its threads so far.
///
/// # Errors
/// There is no such process.
pub fn used(pid: u32) -> anyhow::Result<Duration> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(pid)?));
    let time = clock.and_then(ClockId::now).with_context(|| format!("process {pid}"))?;
    Ok(Duration::from(time))
}

/// The processor time that these processes have used together.
///
/// # Errors
/// There is no such process.
pub fn used_by(pids: &[u32]) -> anyhow::Result<Duration> {
    pids.iter().map(|pid| used(*pid)).sum()
}
