//! The service's side of handing over a listening socket: one question on a connection of its own, because a descriptor
//! comes beside the answer.

use std::{io, net::TcpListener, path::Path, time::Duration};

use bytes::Buf as _;
use prost::Message as _;
use tokio::{io::Interest, net::UnixStream, time::timeout};

use super::odd;
use crate::{
    frames::{LENGTH_BYTES, frame, write},
    process::rights,
    protocol::{Ask, Asked, TakeListener, Tell, Told},
};

/// How long the supervisor may take; it waits for nothing.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

pub(super) async fn take(socket: &Path, child: u64) -> io::Result<TcpListener> {
    let key = super::link::read_key(socket).await?;
    let stream = UnixStream::connect(socket).await?;
    write(&stream, &frame(&Ask::new(0, Asked::TakeListener(TakeListener { child, key })))).await?;
    let (answer, fds) = timeout(ANSWER_WAIT, receive(&stream)).await??;
    let Some(mut told) = answer.get(LENGTH_BYTES..) else { return Err(odd()) };
    let told = Tell::decode(told.copy_to_bytes(told.len())).map_err(|_| odd())?.told;
    match (told, fds.into_iter().next()) {
        (Some(Told::Done(_)), Some(listener)) => {
            let listener = TcpListener::from(listener);
            listener.set_nonblocking(true)?;
            Ok(listener)
        }
        (Some(Told::Failed(failed)), None) => Err(failed.into_error()),
        _ => Err(odd()),
    }
}

/// The answer, which is short and comes as a whole.
async fn receive(stream: &UnixStream) -> io::Result<(Vec<u8>, Vec<std::os::fd::OwnedFd>)> {
    loop {
        stream.readable().await?;
        match stream.try_io(Interest::READABLE, || rights::receive(stream)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => return received,
        }
    }
}
