//! A service that ends by itself is started again, and what it held goes on; one that does so again and again is given up.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use e2e::{client::Client, house::http_client_ready};
use fenxi_chassis::client::channel;
use fenxi_proto::analysis::v1::StreamName;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::io::AsyncReadExt as _;

use crate::{Running, launcher, nothing_left};

/// So many in five minutes are too many.
const DEATHS_MAX: usize = 5;

#[tokio::test]
async fn a_service_that_dies_is_started_again_and_its_kernels_go_on() -> anyhow::Result<()> {
    http_client_ready();
    let folder = tempfile::tempdir()?;
    let mut running = Running::start(launcher(folder.path(), "127.0.0.1:0")?)?;
    let link = running.url().await?;
    let (page, token) = link.split_once("/setup#token=").context("no link")?;
    let door = channel(&page.replace("localhost", "127.0.0.1"))?;
    let user = Client::first_administrator(door, token.to_owned()).await?;
    let kernel = user.kernel(&[]).await?.kernel_id;
    user.run(&kernel, "x = 41").await?;
    for name in ["auth-service", "analysis-service", "gateway"] {
        die(&running, name)?;
        running.says(&format!("{name} ended with signal 9 and is started again now; why")).await?;
        running.says(&format!("{name} is ready again")).await?;
    }
    let said = user.run(&kernel, "print(x + 1)").await?.printed(StreamName::Stdout);
    ensure!(said == "42\n", "{said}");
    running.interrupt().await?;
    nothing_left(folder.path()).await
}

#[tokio::test]
async fn one_that_dies_again_and_again_is_given_up() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut running = Running::start(launcher(folder.path(), "127.0.0.1:0")?)?;
    running.url().await?;
    for _ in 1..DEATHS_MAX {
        die(&running, "gateway")?;
        running.says("gateway ended with signal 9 and is started again").await?;
        running.says("gateway is ready again").await?;
    }
    die(&running, "gateway")?;
    let mut text = String::new();
    running.child.stderr.take().context("no errors")?.read_to_string(&mut text).await?;
    let status = running.child.wait().await?;
    ensure!(status.code() == Some(1), "{status}");
    ensure!(text.starts_with("error: gateway ended with signal 9, as it did 5 times in "), "{text}");
    ensure!(text.contains("and is not started again; the end of "), "{text}");
    nothing_left(folder.path()).await
}

/// Tends a program that writes a line whenever it is asked for one, until its log was put aside; prints both parts.
const WRITER: &str = "
import os, pathlib, sys, time
sys.path.insert(0, sys.argv[1])
import services
services.LOG_MAX_BYTES = 64
home = pathlib.Path(sys.argv[2])
program = home / 'gateway'
program.write_text('#!/bin/sh\\necho before it, and long enough to be more than is kept in one file of a log\\n'
                   'read line <$HOME_OF_TEST/pipe\\necho after it\\nsleep 60\\n')
program.chmod(0o755)
os.mkfifo(home / 'pipe')
os.environ['HOME_OF_TEST'] = str(home)
tended = services.Services(home, {'gateway': {}}, home)
tended.start('gateway')
log, former = home / 'logs/gateway.log', home / 'logs/gateway.log.1'
while not former.exists():
    tended.tend()
with open(home / 'pipe', 'w') as pipe:
    pipe.write('go on\\n')
while 'after it' not in log.read_text():
    time.sleep(0.01)
tended.stop()
print(former.read_text().splitlines()[-1].split(',')[0], '|', log.read_text().strip())
";

#[tokio::test]
async fn a_log_that_grows_while_it_runs_is_put_aside() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = tokio::process::Command::new("python3");
    command.arg("-c").arg(WRITER).arg(e2e::house::workspace().join("deploy/local")).arg(folder.path());
    let output = command.kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(said.trim() == "before it | after it", "{said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Kills one of the launcher's services.
fn die(running: &Running, name: &str) -> anyhow::Result<()> {
    let launcher = running.pid()?;
    let children = fs::read_to_string(format!("/proc/{launcher}/task/{launcher}/children"))?;
    let is_it = |pid: &&str| {
        let program = fs::read_link(Path::new("/proc").join(pid).join("exe")).unwrap_or_default();
        program.file_name().is_some_and(|found| found == name)
    };
    let pid = children.split_ascii_whitespace().find(is_it).with_context(|| format!("{name} does not run"))?;
    Ok(kill(Pid::from_raw(pid.parse()?), Signal::SIGKILL)?)
}
