//! The supervisor as its service meets it: what it holds lives on, what it does not ends, and its death is no secret.

#![expect(clippy::expect_used, reason = "what cannot be is the test's failure")]

use std::{fs, future::Future, path::Path, time::Duration};

use fenxi_supervisor::{
    client::{Held, Lost, Settings, Supervisor},
    process::{End, Limits, Spec},
};
use nix::sys::signal::{Signal, kill};
use tempfile::TempDir;

/// No story takes as long on any machine; reaching it is the failure.
const LIMIT: Duration = Duration::from_secs(60);
/// Longer than any of these tests.
const LINGER: Duration = Duration::from_secs(600);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future).await.expect("it takes too long")
}

fn folder() -> TempDir {
    tempfile::tempdir_in("/tmp").expect("a folder")
}

async fn open(folder: &Path, linger: Duration) -> (Supervisor, Vec<Held>) {
    let program = env!("CARGO_BIN_EXE_kernel-supervisor").into();
    let settings = Settings { program, socket: folder.join("s.sock"), linger };
    soon(Supervisor::open(settings)).await.expect("a supervisor")
}

fn shell(script: &str) -> Spec {
    Spec {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        work_dir: "/".into(),
        limits: Limits { data_bytes: None, open_files: 64, file_bytes: 1 << 20 },
        kept: None,
    }
}

/// Waits until there is no such process.
async fn gone(pid: nix::unistd::Pid) {
    soon(async {
        while fs::exists(format!("/proc/{pid}")).expect("a look") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Which process holds the lock of this folder's supervisor.
fn supervisor_pid(folder: &Path) -> nix::unistd::Pid {
    let socket = folder.join("s.sock").display().to_string();
    let found = fs::read_dir("/proc").expect("there").flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        String::from_utf8_lossy(&line).contains(&socket).then_some(pid)
    });
    nix::unistd::Pid::from_raw(found.expect("a supervisor"))
}

#[tokio::test]
async fn what_is_held_lives_on_and_the_rest_ends_with_the_service() {
    let folder = folder();
    let (service, held) = open(folder.path(), LINGER).await;
    assert!(held.is_empty());
    let mut kept = service.spawn(shell("echo said; read x; exit 3")).await.expect("started");
    let left = service.spawn(shell("sleep 600")).await.expect("started");
    soon(kept.hold("the kept one".into())).await.expect("held");
    let (kept_pid, left_pid) = (kept.pid(), left.pid());
    // As if the service were killed: nothing is said, the connection ends.
    std::mem::forget(left);
    drop((kept, service));
    // `forget` kept the connection open: the next service takes its place.
    let (second, mut held) = open(folder.path(), Duration::ZERO).await;
    let Held { name, mut process } = held.pop().expect("one that was held");
    assert_eq!((name.as_str(), process.pid()), ("the kept one", kept_pid));
    assert!(held.is_empty());
    // Its standard input is empty, so that it has ended by itself, while nobody looked or since.
    let ended = soon(process.ended()).await.expect("an end");
    assert_eq!(ended.how, End::Exited(3));
    assert_eq!(soon(process.log()).await, "said");
    process.end();
    drop(second);
    gone(kept_pid).await;
    kill(left_pid, Signal::SIGKILL).ok();
}

#[tokio::test]
async fn without_a_service_it_ends_in_time_and_so_does_what_it_held() {
    let folder = folder();
    let (service, _) = open(folder.path(), Duration::from_millis(100)).await;
    let mut kept = service.spawn(shell("sleep 600")).await.expect("started");
    kept.hold("kept".into()).await.expect("held");
    let (pid, supervisor) = (kept.pid(), supervisor_pid(folder.path()));
    drop((kept, service));
    gone(pid).await;
    gone(supervisor).await;
    assert!(!fs::exists(folder.path().join("s.sock")).expect("a look"));
}

#[tokio::test]
async fn with_nothing_to_hold_it_waits_for_nobody() {
    let folder = folder();
    let (service, _) = open(folder.path(), LINGER).await;
    let mut ended = service.spawn(shell("sleep 600")).await.expect("started");
    ended.hold("ended in time".into()).await.expect("held");
    let supervisor = supervisor_pid(folder.path());
    ended.end();
    drop(service);
    gone(supervisor).await;
}

#[tokio::test]
async fn the_newest_service_says_how_long_it_goes_on_whichever_goes_last() {
    let folder = folder();
    let (former, _) = open(folder.path(), LINGER).await;
    let (newest, _) = open(folder.path(), Duration::ZERO).await;
    let supervisor = supervisor_pid(folder.path());
    drop(newest);
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(former);
    gone(supervisor).await;
}

#[tokio::test]
async fn a_name_is_its_own_until_it_ends_and_each_of_its_services_has_it() {
    let (one, two) = (folder(), folder());
    let name = format!("fenxi-test-{}", one.path().display());
    let (service, _) = open(one.path(), LINGER).await;
    let (other, _) = open(two.path(), Duration::ZERO).await;
    drop(service.take_name(&name).expect("nobody has it"));
    let refused = other.take_name(&name).expect_err("it is taken");
    assert_eq!(refused.kind(), std::io::ErrorKind::AddrInUse);
    drop(service);
    let (next, _) = open(one.path(), Duration::ZERO).await;
    let had = next.take_name(&name).expect("it is its own");
    let supervisor = supervisor_pid(one.path());
    drop(next);
    gone(supervisor).await;
    other.take_name(&name).expect_err("a service has it still");
    drop(had);
    other.take_name(&name).expect("it is free");
}

#[tokio::test]
async fn its_death_is_told_and_another_takes_its_place() {
    let folder = folder();
    let (service, _) = open(folder.path(), LINGER).await;
    let mut one = service.spawn(shell("sleep 600")).await.expect("started");
    one.hold("one".into()).await.expect("held");
    let (pid, supervisor) = (one.pid(), supervisor_pid(folder.path()));
    kill(supervisor, Signal::SIGKILL).expect("killed");
    assert_eq!(soon(one.ended()).await, Err(Lost));
    gone(pid).await;
    let mut kept = soon(service.spawn(shell("sleep 600"))).await.expect("started by another");
    // What is said late of a child of the former meets none of this one's.
    one.end();
    let mut two = soon(service.spawn(shell("exit 5"))).await.expect("started");
    assert_eq!(soon(two.ended()).await.expect("an end").how, End::Exited(5));
    let early = tokio::time::timeout(Duration::from_millis(200), kept.ended()).await;
    assert!(early.is_err(), "it was ended for another: {early:?}");
    assert_ne!(supervisor_pid(folder.path()), supervisor);
    // Not to wait for the next service.
    kill(supervisor_pid(folder.path()), Signal::SIGKILL).expect("killed");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_by_its_name() {
    let folder = folder();
    let settings = Settings { program: "/nonexistent/x".into(), socket: folder.path().join("s.sock"), linger: LINGER };
    let error = Supervisor::open(settings).await.expect_err("nothing to start").to_string();
    assert!(error.contains("/nonexistent/x"), "{error}");
    let (service, _) = open(folder.path(), Duration::ZERO).await;
    let error = service.spawn(Spec { program: "/nonexistent/y".into(), ..shell("") }).await.expect_err("no program");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[tokio::test]
async fn who_does_not_know_the_key_is_turned_away() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let folder = folder();
    let (service, _) = open(folder.path(), Duration::ZERO).await;
    // Hello and Converse as they were before there was a key: a length, and the message.
    for asked in [&[0x12, 4, 0x08, 1, 0x10, 0][..], &[0x1a, 2, 0x08, 1][..]] {
        let mut stranger = tokio::net::UnixStream::connect(folder.path().join("s.sock")).await.expect("a way in");
        let length = u32::try_from(asked.len()).expect("short").to_le_bytes();
        stranger.write_all(&[&length, asked].concat()).await.expect("said");
        let mut answer = Vec::new();
        // Closed with something unread, or not: nothing is answered in any case.
        let _ = soon(stranger.read_to_end(&mut answer)).await;
        assert!(answer.is_empty(), "{answer:?}");
    }
    let mut still = service.spawn(shell("exit 5")).await.expect("started");
    assert_eq!(soon(still.ended()).await.expect("an end").how, End::Exited(5));
}

#[tokio::test]
async fn who_says_nothing_keeps_nobody_out() {
    use tokio::io::AsyncReadExt as _;
    let folder = folder();
    let (_service, _) = open(folder.path(), Duration::ZERO).await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(tokio::net::UnixStream::connect(folder.path().join("s.sock")).await.expect("a way in"));
    }
    // Of those that came first, for the last; and not all of them, as when they have had the time in which to speak.
    assert_eq!(soon(silent[0].read(&mut [0])).await.expect("an end"), 0);
    let other = tokio::time::timeout(Duration::from_secs(1), silent[200].read(&mut [0])).await;
    assert!(other.is_err(), "it has ended, too: {other:?}");
    let (next, _) = open(folder.path(), Duration::ZERO).await;
    let mut started = next.spawn(shell("exit 5")).await.expect("started");
    assert_eq!(soon(started.ended()).await.expect("an end").how, End::Exited(5));
}

#[tokio::test]
async fn a_supervisor_of_an_earlier_version_is_kept_and_known_for_one() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let own = folder();
    assert!(open(own.path(), Duration::ZERO).await.0.hands_out_listeners()());
    let folder = folder();
    fs::write(folder.path().join("s.key"), [7; 32]).expect("a key");
    let listener = tokio::net::UnixListener::bind(folder.path().join("s.sock")).expect("a socket");
    let early = async {
        let (mut stream, _) = listener.accept().await.expect("a service");
        stream.read_u8().await.expect("a hello");
        // A length, and the version in a welcome.
        stream.write_all(&[4, 0, 0, 0, 0x12, 2, 0x08, 1]).await.expect("said");
        // It knows no other question yet.
        let (mut other, _) = listener.accept().await.expect("a question");
        other.read_u8().await.expect("asked");
        stream
    };
    let ((service, held), _stream) = tokio::join!(open(folder.path(), Duration::ZERO), early);
    assert!(held.is_empty() && !service.hands_out_listeners()());
}

#[tokio::test]
async fn who_never_stops_writing_holds_nobody_up() {
    let folder = folder();
    let (service, _) = open(folder.path(), Duration::ZERO).await;
    let flood = "while :; do printf '%65536s' x; done";
    let floods = [service.spawn(shell(flood)).await, service.spawn(shell(flood)).await];
    for _ in 0..20 {
        let mut other = soon(service.spawn(shell("exit 5"))).await.expect("started");
        assert_eq!(soon(other.ended()).await.expect("an end").how, End::Exited(5));
    }
    drop(floods);
}
