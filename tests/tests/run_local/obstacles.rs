//! One clear line for each thing that can be in the way of a start, told before the long part of it as well.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::ensure;
use tokio::process::Command;

use crate::{launcher, one_line};

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
        ("FENXI_GATEWAY_TLS_CERT_FILE", "cert.pem", "FENXI_GATEWAY_PUBLIC_URL"),
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
    let binaries = folder.path().join("binaries");
    fs::create_dir(&binaries)?;
    for name in ["auth-service", "analysis-service", "gateway"] {
        fs::write(binaries.join(name), "#!/bin/sh\nexit 101\n")?;
        fs::set_permissions(binaries.join(name), fs::Permissions::from_mode(0o755))?;
    }
    one_line(&on_a_disk_with(&home, "500 1")?.arg("--binaries").arg(&binaries).output().await?, &says)
}

fn on_a_disk_with(home: &Path, free: &str) -> anyhow::Result<Command> {
    let launcher = launcher(home, "127.0.0.1:0")?;
    let mut command = Command::new("python3");
    command.args(["-c", WITH_FREE, free]).args(launcher.as_std().get_args());
    Ok(command)
}
