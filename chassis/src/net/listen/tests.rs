//! What listening is held to: every place is heard, and no socket of another is taken.

use std::os::unix::net::UnixListener as StdListener;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::net::Target;

fn socket(folder: &tempfile::TempDir) -> (PathBuf, Listen) {
    let path = folder.path().join("a.sock");
    let listen = format!("unix:{}", path.display()).parse().expect("an address");
    (path, listen)
}

/// Whether something that is said to this target arrives at the first connection that comes.
async fn is_heard(target: &Target, incoming: &mut Incoming) -> bool {
    let mut near = target.connect().await.expect("connected");
    let mut far = incoming.next().await.expect("open").expect("accepted");
    near.write_all(b"word").await.expect("sent");
    let mut heard = [0; 4];
    far.read_exact(&mut heard).await.expect("received");
    heard == *b"word"
}

#[tokio::test]
async fn one_service_is_heard_at_all_its_places() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, unix) = socket(&folder);
    let network = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = network.local_addr().expect("an address");
    let mut listeners = Listeners::bind(std::slice::from_ref(&unix), "--listen").await.expect("bound");
    listeners.network.push(network);
    let mut incoming = listeners.incoming();
    for target in [format!("http://{address}"), unix.to_string(), format!("http://{address}")] {
        assert!(is_heard(&target.parse().expect("a target"), &mut incoming).await, "{target}");
    }
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, SOCKET_MODE);
    drop(incoming);
    assert!(!path.exists(), "the file stays behind");
}

#[tokio::test]
async fn what_a_killed_process_left_is_put_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, unix) = socket(&folder);
    drop(StdListener::bind(&path).expect("bound"));
    assert!(path.exists(), "a socket's file outlives it");
    let mut incoming = Listeners::bind(std::slice::from_ref(&unix), "--listen").await.expect("bound").incoming();
    assert!(is_heard(&unix.to_string().parse().expect("a target"), &mut incoming).await);
}

#[tokio::test]
async fn two_services_do_not_share_a_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, unix) = socket(&folder);
    let mut first = Listeners::bind(std::slice::from_ref(&unix), "--listen").await.expect("bound").incoming();
    let error = Listeners::bind(std::slice::from_ref(&unix), "--listen").await.expect_err("taken");
    let error = format!("{error:#}");
    assert!(error.starts_with(&format!("--listen {unix}: cannot listen there")), "{error}");
    assert!(error.contains("another service listens there"), "{error}");
    assert!(is_heard(&unix.to_string().parse().expect("a target"), &mut first).await, "the first lost its socket");
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, unix) = socket(&folder);
    fs::write(&path, "precious").expect("written");
    let error = Listeners::bind(&[unix], "--listen").await.expect_err("refused");
    assert!(format!("{error:#}").contains("no socket"), "{error:#}");
    assert_eq!(fs::read(&path).expect("there"), b"precious");
    let (victim, listen) = (path, socket(&folder).1.to_string() + "-b");
    std::os::unix::fs::symlink(&victim, folder.path().join("a.sock-b.lock")).expect("a link");
    let listen = listen.parse().expect("an address");
    let error = Listeners::bind(&[listen], "--listen").await.expect_err("a link was followed");
    assert!(format!("{error:#}").contains("the lock beside it"), "{error:#}");
    assert_eq!(fs::read(&victim).expect("there"), b"precious");
}

#[test]
fn both_kinds_of_places_are_read_and_written() {
    for text in ["127.0.0.1:8091", "[::1]:8091", "unix:/run/fenxi/auth.sock"] {
        assert_eq!(text.parse::<Listen>().expect(text).to_string(), text);
    }
    for wrong in ["", "nowhere", "127.0.0.1", "http://127.0.0.1:8091", "unix:auth.sock"] {
        assert!(wrong.parse::<Listen>().is_err(), "{wrong}");
    }
}
