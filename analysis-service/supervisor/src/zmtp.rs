//! ZMTP 3.0 over a Unix socket, the client's half of it: greeting, NULL handshake, frames.
//!
//! Our own, because the other end is hostile: a frame may announce any length, and a library that reserves what is
//! announced lets a kernel end the service. Here memory grows with the bytes that really arrive, up to a limit; the
//! rest of a longer message is read and dropped. Protocol: rfc.zeromq.org/spec/23.

use std::{future::Future, io, path::Path, time::Duration};

use bytes::Bytes;
use fenxi_sockets::{ReadHalf, WriteHalf, halves};
use tokio::{
    io::{AsyncReadExt as _, BufReader},
    net::UnixStream,
    time::{Instant, timeout_at},
};

pub(crate) use self::wire::message;
use self::{
    partial::Partial,
    wire::{
        COMMAND_MAX_BYTES, FLAG_COMMAND, FLAG_MORE, GREETING_BYTES, RESERVE_MAX_BYTES, greeting, protocol, read_frame,
        read_frame_head, ready,
    },
};
use crate::{journal::Journal, room::Room};

mod partial;
mod wire;

/// The most bytes of one message that are kept.
pub const MESSAGE_MAX_BYTES: u64 = 96 * 1024 * 1024;
/// How long a kernel may take over a message that has room, and how many bytes a second it has to send beside: the room is
/// others' too.
const PATIENCE: Patience = Patience { time: Duration::from_secs(60), bytes_per_sec: 1 << 20 };
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// What is read of a large message at once, at most, and counted beforehand.
const STEP_MAX_BYTES: u64 = 64 * 1024;

/// What we are to the peer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Socket<'a> {
    /// Asks and is answered; the identity is what the peer's ROUTER addresses.
    Dealer { identity: &'a str },
    /// Hears everything.
    Subscriber,
}

/// A message, or what is left of one that was too large.
#[derive(Debug)]
pub(crate) enum Received {
    /// Its frames.
    Message(Vec<Bytes>),
    /// The frames before the limit, and how many bytes were dropped.
    Oversized { frames: Vec<Bytes>, dropped_bytes: u64 },
}

/// The receiving half.
#[derive(Debug)]
pub(crate) struct Reader {
    read: BufReader<ReadHalf>,
    patience: Patience,
}

/// How slow a peer may be in the middle of a message that has room.
#[derive(Clone, Copy, Debug)]
struct Patience {
    time: Duration,
    bytes_per_sec: u64,
}

impl Patience {
    /// When a message of so many bytes is to be whole.
    fn until(self, bytes: u64) -> Instant {
        Instant::now() + self.time + Duration::from_secs(bytes / self.bytes_per_sec)
    }
}

/// Connects to the socket file at `path` and shakes hands. A subscriber is subscribed to everything.
///
/// # Errors
/// If the file is no listening socket, or its owner speaks something else.
pub(crate) async fn connect(path: &Path, socket: Socket<'_>) -> io::Result<(Reader, WriteHalf)> {
    let (read, write) = halves(UnixStream::connect(path).await?)?;
    let mut read = BufReader::with_capacity(READ_BUFFER_BYTES, read);
    write.write(&greeting()).await?;
    let mut peer = [0; GREETING_BYTES];
    read.read_exact(&mut peer).await?;
    if peer[0] != 0xff || peer[9] != 0x7f || peer[10] < 3 || !peer[12..].starts_with(b"NULL\0") {
        return Err(protocol("the peer does not speak ZMTP 3 without security"));
    }
    write.write(&ready(socket)).await?;
    let (flags, len) = read_frame_head(&mut read).await?;
    if flags & FLAG_COMMAND == 0 || len > COMMAND_MAX_BYTES {
        return Err(protocol("the peer does not shake hands"));
    }
    let command = read_frame(&mut read, len).await?;
    if !command.starts_with(b"\x05READY") {
        return Err(protocol("the peer refuses the handshake"));
    }
    if matches!(socket, Socket::Subscriber) {
        write.write(&message(&[Bytes::from_static(b"\x01")])).await?;
    }
    Ok((Reader { read, patience: PATIENCE }, write))
}

impl Reader {
    /// The next message with its room in this journal, which is waited for before more than a little is read; `None` when
    /// the peer has closed the socket. Not cancel-safe.
    ///
    /// # Errors
    /// If the socket breaks, or the peer breaks the protocol: nothing more can be read then.
    pub(crate) async fn receive(&mut self, journal: &Journal) -> io::Result<Option<(Received, Room)>> {
        let mut partial = Partial::default();
        if self.at_end().await? {
            return Ok(None);
        }
        loop {
            let (flags, len) = self.next_head(&mut partial).await?;
            if flags & FLAG_COMMAND != 0 {
                let skipped = in_time(partial.until(), self.skip(len)).await;
                skipped.unwrap_or_else(|| Err(protocol("it stopped in the middle of a command")))?;
                if partial.is_empty() && self.at_end().await? {
                    return Ok(None);
                }
                continue;
            }
            if !partial.takes(len) {
                // Whether the rest ever comes is up to the kernel: no room is held meanwhile.
                partial.give_up();
                self.skip(len).await?;
                partial.dropped = partial.dropped.saturating_add(len.max(1));
            } else {
                let last = flags & FLAG_MORE == 0;
                partial.make_room(journal, len, last, self.patience).await;
                self.read_into(&mut partial, len, journal).await?;
            }
            if flags & FLAG_MORE == 0 {
                return Ok(Some(partial.whole(journal).await));
            }
        }
    }

    /// The head of the next frame. What is held of a message whose next frame does not come is given up.
    async fn next_head(&mut self, partial: &mut Partial) -> io::Result<(u8, u64)> {
        // Something that comes is no reason to wait for the rest: there are commands without end.
        let is_late = partial.until().is_some_and(|until| until <= Instant::now());
        if is_late || in_time(partial.until(), self.at_end()).await.is_none() {
            partial.give_up();
            // Nothing more of it is kept, whatever its length was.
            partial.dropped = partial.dropped.max(1);
        }
        let head = in_time(partial.until(), read_frame_head(&mut self.read)).await;
        head.unwrap_or_else(|| Err(protocol("it stopped in the middle of a frame's head")))
    }

    /// Reads a frame of this length; one that is not whole in time is dropped.
    async fn read_into(&mut self, partial: &mut Partial, len: u64, journal: &Journal) -> io::Result<()> {
        if partial.until().is_none() {
            partial.add(read_frame(&mut self.read, len).await?);
            return Ok(());
        }
        let mut body = Vec::with_capacity(usize::try_from(len.min(RESERVE_MAX_BYTES)).unwrap_or(0));
        loop {
            let left = len - body.len() as u64;
            if left == 0 {
                partial.add(body.into());
                return Ok(());
            }
            let next = left.min(STEP_MAX_BYTES);
            partial.count(journal, body.len() as u64 + next).await;
            match in_time(partial.until(), (&mut self.read).take(next).read_buf(&mut body)).await {
                Some(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(read) => drop(read?),
                None => {
                    drop(body);
                    partial.give_up();
                    partial.dropped = partial.dropped.saturating_add(len);
                    return self.skip(left).await;
                }
            }
        }
    }

    async fn at_end(&mut self) -> io::Result<bool> {
        use tokio::io::AsyncBufReadExt as _;
        Ok(self.read.fill_buf().await?.is_empty())
    }

    async fn skip(&mut self, len: u64) -> io::Result<()> {
        let skipped = tokio::io::copy_buf(&mut (&mut self.read).take(len), &mut tokio::io::sink()).await?;
        if skipped < len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

/// What comes of this, if it does in time.
async fn in_time<T>(until: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        Some(until) => timeout_at(until, work).await.ok(),
        None => Some(work.await),
    }
}

#[cfg(test)]
pub(crate) use self::tests::peer;
#[cfg(test)]
mod tests;
