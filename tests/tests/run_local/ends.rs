//! The ways to end it besides a Ctrl-C at a terminal: too early for anything, a terminal that is gone, and none at all.

use std::{fs, path::Path, process::Output};

use anyhow::{Context as _, ensure};
use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt as _;
use tokio::process::Command;

use crate::{Running, launcher, nothing_left};

/// A module of Python's own that the launcher reads in its first moments.
const EARLY: &str = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n";

#[tokio::test]
async fn ctrl_c_before_anything_runs_is_no_traceback() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("argparse.py"), EARLY)?;
    let output = launcher(folder.path(), "127.0.0.1:0")?.env("PYTHONPATH", folder.path()).output().await?;
    ensure!(output.status.signal() == Some(Signal::SIGINT as i32), "{}", output.status);
    ensure!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn the_end_of_its_terminal_is_the_end_of_it() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (home, code) = (folder.path().join("home"), folder.path().join("code"));
    let output = in_a_terminal(&home, &code)?.output().await?;
    ensure!(output.status.success(), "{}", errors(&output));
    let code = fs::read_to_string(code)?;
    ensure!(code.trim() == "0", "it ended with {code}");
    nothing_left(&home).await
}

/// Runs the launcher in a terminal that is closed once it is ready. As under make, another program leads the session and
/// is the only one to be told of that.
fn in_a_terminal(home: &Path, code: &Path) -> anyhow::Result<Command> {
    const LEADER: &str = "trap : HUP; code=$1; shift; \"$@\"; echo $? >\"$code\"";
    const TERMINAL: &str = "
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
said = b''
while b'Ctrl-C stops it' not in said:
    said += os.read(terminal, 4096)
os.close(terminal)
os.waitpid(child, 0)
";
    let launcher = launcher(home, "127.0.0.1:0")?;
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, "sh", "-c", LEADER, "sh"]).arg(code);
    command.arg(launcher.as_std().get_program()).args(launcher.as_std().get_args());
    command.kill_on_drop(true);
    Ok(command)
}

#[tokio::test]
async fn what_nohup_has_ignored_stays_so() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let launcher = launcher(folder.path(), "127.0.0.1:0")?;
    let mut command = Command::new("nohup");
    command.arg(launcher.as_std().get_program()).args(launcher.as_std().get_args());
    command.env("PYTHONUNBUFFERED", "1").kill_on_drop(true);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut running = Running::start(command)?;
    running.url().await?;
    let status = fs::read_to_string(format!("/proc/{}/status", running.pid()?))?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).context("no line of signals")?;
    let ignored = u64::from_str_radix(ignored.trim(), 16)?;
    ensure!(ignored & (1 << (Signal::SIGHUP as i32 - 1)) != 0, "{status}");
    running.interrupt().await
}

fn errors(output: &Output) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(&output.stderr)
}
