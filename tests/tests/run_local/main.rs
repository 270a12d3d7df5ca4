//! `make run` as a newcomer meets it: one link, one Ctrl-C, everything there the second time, and one clear line for each
//! thing that can be in the way.

#[cfg(test)]
mod make;

use std::{
    net::TcpListener,
    path::Path,
    process::{Output, Stdio},
};

use anyhow::{Context as _, ensure};
use e2e::house::{http_client_ready, python, workspace};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

fn launcher(home: &Path, listen: &str) -> anyhow::Result<Command> {
    let own = std::env::current_exe()?;
    let binaries = own.parent().and_then(Path::parent).context("target/<profile>/deps/<test>")?;
    let mut command = Command::new("python3");
    command
        .arg(workspace().join("deploy/local/run.py"))
        .arg("--binaries")
        .arg(binaries)
        .arg("--python")
        .arg(python())
        .arg("--home")
        .arg(home)
        .args(["--listen", listen])
        .env("PYTHONUNBUFFERED", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

impl Running {
    fn start(home: &Path) -> anyhow::Result<Self> {
        let mut child = launcher(home, "127.0.0.1:0")?.spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        Ok(Self { child, lines })
    }

    /// The address that it prints, once it is ready.
    async fn url(&mut self) -> anyhow::Result<String> {
        while let Some(line) = self.lines.next_line().await? {
            if let Some(url) = line.trim().strip_prefix("http") {
                return Ok(format!("http{url}"));
            }
        }
        let output = self.child.wait().await?;
        anyhow::bail!("it ended with {output} before it was ready")
    }

    async fn interrupt(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().context("it ended by itself")?;
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGINT)?;
        let status = self.child.wait().await?;
        ensure!(status.success(), "{status}");
        Ok(())
    }
}

#[tokio::test]
async fn one_link_at_first_and_everything_still_there_the_second_time() -> anyhow::Result<()> {
    http_client_ready();
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("new/data");
    let mut first = Running::start(&home)?;
    let link = first.url().await?;
    ensure!(link.contains("/setup#token="), "{link}");
    let page = reqwest::get(link.split('#').next().unwrap_or_default()).await?;
    ensure!(page.status().is_success(), "{}", page.status());
    let refused = launcher(&home, "127.0.0.1:0")?.output().await?;
    one_line(&refused, "runs already")?;
    first.interrupt().await?;

    let mut second = Running::start(&home)?;
    ensure!(second.url().await?.contains(link.rsplit('#').next().unwrap_or_default()), "the link was made anew");
    second.interrupt().await?;
    let left = processes_of(&home)?;
    ensure!(left.is_empty(), "processes were left over: {left:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_in_the_way_is_said_in_one_line() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let listen = taken.local_addr()?.to_string();
    one_line(&launcher(folder.path(), &listen)?.output().await?, &listen)?;
    one_line(&launcher(folder.path(), "nowhere")?.output().await?, "FENXI_LISTEN")?;
    one_line(&launcher(folder.path(), "0.0.0.0:0")?.output().await?, "FENXI_GATEWAY_PUBLIC_URL")?;
    one_line(&launcher(Path::new("/dev/null/data"), "127.0.0.1:0")?.output().await?, "/dev/null/data")?;
    Ok(())
}

fn one_line(output: &Output, says: &str) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "it ran");
    ensure!(text.lines().count() == 1 && text.starts_with("error: ") && text.contains(says), "{text}");
    Ok(())
}

/// The processes that work in a folder, by their command lines.
fn processes_of(home: &Path) -> anyhow::Result<Vec<String>> {
    let wanted = home.display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        let command = std::fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        if command.contains(&wanted) || String::from_utf8_lossy(&environment).contains(&wanted) {
            found.push(command.replace('\0', " "));
        }
    }
    Ok(found)
}
