//! The log is on a disk that is full: the program runs and ends as it would otherwise, and panics about no line.

#![expect(clippy::expect_used, reason = "a helper of a test that cannot go on ends the test")]

use std::{
    fs::File,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

#[path = "../../chassis/tests/support/port.rs"]
mod port;

use self::port::Port;

/// No machine takes as long to start it; reaching it is the failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// An auth-service with this folder for its data, of whose log nothing can be written.
fn started(secrets: &Path, data: &Path) -> (Child, Port) {
    let port = Port::free();
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-service"));
    command.args(["--log", "debug", "--listen", &port.address.to_string()]).arg("--data-dir").arg(data);
    for name in ["gateway", "analysis"] {
        std::fs::write(secrets.join(name), format!("fxs_{name:-<40}")).expect("written");
        command.arg(format!("--{name}-secret-file")).arg(secrets.join(name));
    }
    let full = File::options().write(true).open("/dev/full").expect("a full disk");
    (command.stdin(Stdio::null()).stderr(full).spawn().expect("started"), port)
}

#[tokio::test]
async fn it_serves_and_ends_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut service, port) = started(folder.path(), &folder.path().join("data"));
    let begun = Instant::now();
    while TcpStream::connect(port.address).is_err() {
        let ended = service.try_wait().expect("its child");
        assert!(ended.is_none() && begun.elapsed() < PATIENCE, "it does not serve: {ended:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = Pid::from_raw(service.id().try_into().expect("a process"));
    kill(pid, Signal::SIGTERM).expect("told");
    let status = service.wait().expect("its end");
    assert!(status.success(), "{status}");
}

#[test]
fn what_keeps_it_from_starting_is_a_failure_and_no_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut service, _) = started(folder.path(), Path::new("/dev/null/data"));
    assert_eq!(service.wait().expect("its end").code(), Some(1));
}
