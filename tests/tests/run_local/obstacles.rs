//! One clear line for each thing that can be in the way of a start, told before the long part of it as well.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::ensure;
use tokio::process::Command;

use crate::{Running, launcher, launcher_as_set, one_line};

/// Runs the launcher with its arguments on a disk that has, each time it looks, the next of these sizes free.
const WITH_FREE: &str = "
import runpy, shutil, sys, types
frees = [int(free) << 20 for free in sys.argv[1].split()]
shutil.disk_usage = lambda _: types.SimpleNamespace(free=frees.pop(0))
sys.path.insert(0, sys.argv[2].rpartition('/')[0])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name='__main__')
";

#[tokio::test]
async fn what_is_in_the_way_is_said_in_one_line() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let taken = taken.local_addr()?.to_string();
    let long = folder.path().join("x".repeat(150));
    let comma = folder.path().join("a,b");
    let obstacles = [
        (folder.path(), taken.as_str(), taken.as_str()),
        (folder.path(), "nowhere", "FENXI_LISTEN"),
        (folder.path(), "a..b:0", "FENXI_LISTEN"),
        (folder.path(), "0.0.0.0:0", "FENXI_GATEWAY_PUBLIC_URL"),
        (folder.path(), "0:0", "FENXI_GATEWAY_PUBLIC_URL"),
        (folder.path(), "[::]:0", "FENXI_GATEWAY_PUBLIC_URL"),
        (Path::new("/dev/null/data"), "127.0.0.1:0", "/dev/null/data"),
        (&long, "127.0.0.1:0", "choose a shorter FENXI_HOME"),
        (&comma, "127.0.0.1:0", "has a comma"),
    ];
    for (home, listen, says) in obstacles {
        if listen.starts_with("[::") && TcpListener::bind("[::1]:0").is_err() {
            continue;
        }
        one_line(&launcher(home, listen)?.output().await?, says)?;
        one_line(&launcher(home, listen)?.arg("--check").output().await?, says)?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_set_by_another_name_here_is_said() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, value, says) in [
        ("FENXI_GATEWAY_LISTEN", "127.0.0.1:8081", "set FENXI_LISTEN instead"),
        ("FENXI_ANALYSIS_LISTEN", "127.0.0.1:8092", "FENXI_ANALYSIS_LISTEN is for a service that is started by itself"),
        ("FENXI_GATEWAY_AUTH_URL", "http://127.0.0.1:8091", "they find each other"),
        ("FENXI_AUTH_DATA_DIR", "/tmp/elsewhere", "set FENXI_HOME instead"),
        ("FENXI_GATEWAY_TLS_CERT_FILE", "cert.pem", "FENXI_GATEWAY_TLS_KEY_FILE: TLS needs both"),
    ] {
        one_line(&launcher(folder.path(), "127.0.0.1:0")?.arg("--check").env(name, value).output().await?, says)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_check_that_finds_nothing_starts_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("home");
    let output = launcher(&home, "127.0.0.1:0")?.arg("--check").output().await?;
    ensure!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    ensure!(!home.join("logs").exists(), "something was started");
    Ok(())
}

#[tokio::test]
async fn a_full_disk_is_called_that() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("home");
    let says = format!("the disk of {} is full", home.display());
    one_line(&on_a_disk_with(&home, "63")?.output().await?, &says)?;
    // It fills up later: a service ends, and cannot write why.
    let binaries = programs(folder.path(), "#!/bin/sh\nexit 101\n")?;
    one_line(&on_a_disk_with(&home, "500 1")?.arg("--binaries").arg(&binaries).output().await?, &says)
}

fn on_a_disk_with(home: &Path, free: &str) -> anyhow::Result<Command> {
    let launcher = launcher(home, "127.0.0.1:0")?;
    let mut command = Command::new("python3");
    command.args(["-c", WITH_FREE, free]).args(launcher.as_std().get_args());
    Ok(command)
}

#[tokio::test]
async fn what_is_empty_is_unset() -> anyhow::Result<()> {
    const EMPTY: [&str; 9] = [
        "FENXI_GATEWAY_LISTEN",
        "FENXI_AUTH_LISTEN",
        "FENXI_AUTH_DATA_DIR",
        "FENXI_AUTH_ADMIN_LISTEN",
        "FENXI_ANALYSIS_DATA_DIR",
        "FENXI_ANALYSIS_KERNEL_RUN_DIR",
        "FENXI_ANALYSIS_OUTPUT_MAX_BYTES",
        "FENXI_GATEWAY_PUBLIC_URL",
        "FENXI_GATEWAY_TLS_CERT_FILE",
    ];
    let folder = tempfile::tempdir()?;
    let mut command = launcher(&folder.path().join("home"), "127.0.0.1:0")?;
    command.envs(EMPTY.map(|name| (name, "")));
    let mut running = Running::start(command)?;
    let link = running.url().await?;
    ensure!(link.starts_with("http://localhost:"), "{link}");
    running.interrupt().await?;

    // Those of the launcher itself: the folder `data` where it stands, and the usual address, which may be taken.
    let mut command = launcher_as_set()?;
    command.current_dir(folder.path()).arg("--check").envs([("FENXI_HOME", ""), ("FENXI_LISTEN", "")]);
    let output = command.output().await?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() || text.starts_with("error: 127.0.0.1:8080 cannot be listened on"), "{text}");
    ensure!(folder.path().join("data/.lock").exists(), "another folder was chosen");
    Ok(())
}

#[tokio::test]
async fn a_start_that_fails_shows_what_it_said_and_nothing_of_former_ones() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let binaries = programs(folder.path(), "#!/bin/sh\necho \"said by $START\"\nexit 101\n")?;
    for start in ["the first start", "the second start"] {
        let mut command = launcher(&folder.path().join("home"), "127.0.0.1:0")?;
        let output = command.arg("--binaries").arg(&binaries).env("START", start).output().await?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success() && text.starts_with("error: "), "{text}");
        let said: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("said by ")).collect();
        ensure!(said == [start], "{text}");
    }
    Ok(())
}

/// A folder with programs in the place of the services.
fn programs(folder: &Path, script: &str) -> anyhow::Result<PathBuf> {
    let binaries = folder.join("binaries");
    fs::create_dir(&binaries)?;
    for name in ["auth-service", "analysis-service", "gateway"] {
        fs::write(binaries.join(name), script)?;
        fs::set_permissions(binaries.join(name), fs::Permissions::from_mode(0o755))?;
    }
    Ok(binaries)
}
