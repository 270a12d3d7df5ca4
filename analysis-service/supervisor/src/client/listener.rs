//! The service's side of handing over a listening socket: one question on a connection of its own, because a descriptor
//! comes beside the answer.

use std::{io, net::TcpListener, os::fd::OwnedFd, path::Path, time::Duration};

use bytes::Buf as _;
use prost::Message as _;
use tokio::{
    io::{AsyncWriteExt as _, Interest},
    net::UnixStream,
    time::{Instant, sleep, timeout},
};

use super::odd;
use crate::{
    frames::{LENGTH_BYTES, frame},
    process::rights,
    protocol::{Ask, Asked, TakeListener, Tell, Told},
};

/// How long the supervisor may take; it waits for nothing.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// How long it is asked again after a failure, and the pause before that: without its listener a kernel would have no
/// network until it is restarted.
const AGAIN_MAX: Duration = Duration::from_secs(2);
const AGAIN_PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn take(socket: &Path, child: u64) -> io::Result<TcpListener> {
    let until = Instant::now() + AGAIN_MAX;
    loop {
        match taken(socket, child).await {
            Err(error) if Instant::now() < until => {
                tracing::warn!(child, %error, "the listener of a child was not handed out; it is asked for again");
                sleep(AGAIN_PAUSE).await;
            }
            taken => return taken,
        }
    }
}

/// Whether the supervisor knows such a question at all: one that does not closes the connection without a word. None has a
/// child of this number.
pub(super) async fn is_known(socket: &Path) -> bool {
    matches!(ask(socket, 0).await, Ok((Some(_), _)))
}

async fn taken(socket: &Path, child: u64) -> io::Result<TcpListener> {
    match ask(socket, child).await? {
        (Some(Told::Done(_)), Some(listener)) => {
            let listener = TcpListener::from(listener);
            listener.set_nonblocking(true)?;
            Ok(listener)
        }
        (Some(Told::Failed(failed)), None) => Err(failed.into_error()),
        _ => Err(odd()),
    }
}

async fn ask(socket: &Path, child: u64) -> io::Result<(Option<Told>, Option<OwnedFd>)> {
    let key = super::link::read_key(socket).await?;
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&frame(&Ask::new(0, Asked::TakeListener(TakeListener { child, key })))).await?;
    let (answer, fds) = timeout(ANSWER_WAIT, receive(&stream)).await??;
    read(&answer, fds)
}

/// What an answer says that came as a whole, and the descriptor beside it.
pub(super) fn read(answer: &[u8], fds: Vec<OwnedFd>) -> io::Result<(Option<Told>, Option<OwnedFd>)> {
    let Some(mut told) = answer.get(LENGTH_BYTES..) else { return Err(odd()) };
    let told = Tell::decode(told.copy_to_bytes(told.len())).map_err(|_| odd())?.told;
    Ok((told, fds.into_iter().next()))
}

/// The answer, which is short and comes as a whole.
async fn receive(stream: &UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    loop {
        stream.readable().await?;
        match stream.try_io(Interest::READABLE, || rights::receive(stream)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => return received,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_listener_that_is_not_had_at_once_is_asked_for_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("s.sock");
        std::fs::write(socket.with_extension("key"), [0; 32]).expect("a key");
        let supervisor = UnixListener::bind(&socket).expect("a socket");
        let kept = TcpListener::bind("127.0.0.1:0").expect("a port");
        let hand_out = async {
            drop(supervisor.accept().await.expect("asked"));
            let (stream, _) = supervisor.accept().await.expect("asked again");
            let done = frame(&Tell::new(0, Told::Done(true)));
            rights::send(&stream, &done, &[kept.as_raw_fd()]).expect("handed out");
            stream
        };
        let both = timeout(Duration::from_secs(60), async { tokio::join!(take(&socket, 1), hand_out) });
        let (taken, _stream) = both.await.expect("it is not asked again");
        let taken = taken.expect("a listener").local_addr().expect("an address");
        assert_eq!(taken, kept.local_addr().expect("an address"));
    }
}
