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
