//! `make run` as a newcomer meets it: one link, one Ctrl-C, everything there the second time, and one clear line for each
//! thing that can be in the way.

#[cfg(test)]
mod deaths;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod make;
#[cfg(test)]
mod obstacles;
#[cfg(test)]
mod settings;

use std::{
    net::TcpListener,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
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

/// No machine takes as long to end what is left; reaching it is the failure.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

fn launcher(home: &Path, listen: &str) -> anyhow::Result<Command> {
    let mut command = launcher_as_set()?;
    command.arg("--home").arg(home).args(["--listen", listen]);
    Ok(command)
}

/// With the folder and the address that the environment says.
fn launcher_as_set() -> anyhow::Result<Command> {
    let own = std::env::current_exe()?;
    let binaries = own.parent().and_then(Path::parent).context("target/<profile>/deps/<test>")?;
    let mut command = Command::new("python3");
    command
        .arg(workspace().join("deploy/local/run.py"))
        .arg("--binaries")
        .arg(binaries)
        .arg("--python")
        .arg(python())
        .env("PYTHONUNBUFFERED", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

impl Running {
    fn start(mut launcher: Command) -> anyhow::Result<Self> {
        let mut child = launcher.spawn()?;
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

    /// Waits until it says a line with this in it.
    async fn says(&mut self, what: &str) -> anyhow::Result<()> {
        while let Some(line) = self.lines.next_line().await? {
            if line.contains(what) {
                return Ok(());
            }
        }
        anyhow::bail!("it ended without {what:?}")
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id().context("it ended by itself")?)?))
    }

    async fn interrupt(mut self) -> anyhow::Result<()> {
        kill(self.pid()?, Signal::SIGINT)?;
        let status = self.child.wait().await?;
        ensure!(status.success(), "{status}");
        Ok(())
    }
}

#[tokio::test]
async fn one_link_at_first_and_everything_still_there_the_second_time() -> anyhow::Result<()> {
    http_client_ready();
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("new/$HOME it's \"data\"");
    let mut first = Running::start(launcher(&home, "127.0.0.1:0")?)?;
    let link = first.url().await?;
    ensure!(link.contains("/setup#token="), "{link}");
    page(&link).await?;
    let refused = launcher(&home, "127.0.0.1:0")?.output().await?;
    one_line(&refused, "runs already")?;
    first.interrupt().await?;

    let mut second = Running::start(launcher(&home, "127.0.0.1:0")?)?;
    ensure!(second.url().await?.contains(link.rsplit('#').next().unwrap_or_default()), "the link was made anew");
    second.interrupt().await?;
    nothing_left(&home).await
}

#[tokio::test]
async fn a_name_and_ipv6_are_addresses_too() -> anyhow::Result<()> {
    http_client_ready();
    let folder = tempfile::tempdir()?;
    let mut named = Running::start(launcher(folder.path(), "localhost:0")?)?;
    let link = named.url().await?;
    ensure!(link.starts_with("http://localhost:"), "{link}");
    page(&link).await?;
    named.interrupt().await?;
    if TcpListener::bind("[::1]:0").is_err() {
        return Ok(());
    }
    let mut numbers = Running::start(launcher(folder.path(), "[::1]:0")?)?;
    let link = numbers.url().await?;
    ensure!(link.starts_with("http://[::1]:"), "{link}");
    page(&link).await?;
    numbers.interrupt().await
}

#[tokio::test]
async fn a_proxy_in_the_environment_and_a_slash_at_the_end_are_no_matter() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = launcher(folder.path(), "127.0.0.1:0")?;
    command.env("http_proxy", "http://127.0.0.1:9").env_remove("no_proxy").env_remove("NO_PROXY");
    command.env("FENXI_GATEWAY_PUBLIC_URL", "http://localhost:8080/");
    let mut running = Running::start(command)?;
    let link = running.url().await?;
    ensure!(link.starts_with("http://localhost:8080/setup#token="), "{link}");
    running.interrupt().await
}

#[tokio::test]
async fn tus_clients_are_told_the_size_of_a_file_that_holds() -> anyhow::Result<()> {
    http_client_ready();
    let folder = tempfile::tempdir()?;
    let mut command = launcher(folder.path(), "127.0.0.1:0")?;
    command.env("FENXI_ANALYSIS_UPLOAD_FILE_MAX_BYTES", "77");
    let mut running = Running::start(command)?;
    let uploads = reqwest::Url::parse(&running.url().await?)?.join("/uploads")?;
    let abilities = reqwest::Client::new().request(reqwest::Method::OPTIONS, uploads).send().await?;
    let told = abilities.headers().get("tus-max-size").map(|size| size.as_bytes().to_owned());
    ensure!(told.as_deref() == Some(b"77"), "{abilities:?}");
    running.interrupt().await
}

/// Gets the page that a link leads to.
async fn page(link: &str) -> anyhow::Result<()> {
    let page = reqwest::get(link.split('#').next().unwrap_or_default()).await?;
    ensure!(page.status().is_success(), "{}", page.status());
    Ok(())
}

fn one_line(output: &Output, says: &str) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "it ran");
    ensure!(text.lines().count() == 1 && text.starts_with("error: ") && text.contains(says), "{text}");
    Ok(())
}

/// Waits until no process works in a folder: what kernels belong to ends by itself once its service has.
async fn nothing_left(home: &Path) -> anyhow::Result<()> {
    let gone = async {
        while !processes_of(home)?.is_empty() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(PATIENCE, gone).await {
        Ok(gone) => gone,
        Err(_) => anyhow::bail!("processes were left over: {:?}", processes_of(home)?),
    }
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
