//! Processor time of processes, from /proc (proc(5), `stat`, fields 14 and 15, in clock ticks).

use std::{fs, time::Duration};

use anyhow::Context as _;
use nix::{time::ClockId, unistd::Pid};

/// Ticks in a second on Linux, as user space sees them.
const TICKS_PER_SEC: f64 = 100.0;

/// The processor time that a process has used in all its threads so far.
///
/// # Errors
/// There is no such process.
pub fn used(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    // The second field is the name in parentheses and may hold anything; the third follows the last parenthesis.
    let fields: Vec<_> = stat.rsplit_once(')').context("no stat")?.1.split_ascii_whitespace().collect();
    let ticks: f64 =
        fields.get(11).context("utime")?.parse::<f64>()? + fields.get(12).context("stime")?.parse::<f64>()?;
    Ok(Duration::from_secs_f64(ticks / TICKS_PER_SEC))
}

/// The processor time that these processes have used together.
///
/// # Errors
/// There is no such process.
pub fn used_by(pids: &[u32]) -> anyhow::Result<Duration> {
    pids.iter().map(|pid| used(*pid)).sum()
}

/// The processor time that a process has used so far, told finely: by its own clock (clock_getcpuclockid(3)).
///
/// # Errors
/// There is no such process.
pub fn exactly(pid: u32) -> anyhow::Result<Duration> {
    let clock =
        ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(pid)?)).with_context(|| format!("process {pid}"))?;
    Ok(clock.now()?.into())
}

/// The processor time that these processes have used together, told finely.
///
/// # Errors
/// One of them is not there.
pub fn exactly_by(pids: &[u32]) -> anyhow::Result<Duration> {
    pids.iter().map(|pid| exactly(*pid)).sum()
}
