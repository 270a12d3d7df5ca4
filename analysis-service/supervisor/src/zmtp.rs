//! ZMTP 3.0 over a Unix socket, the client's half of it: greeting, NULL handshake, frames.
//!
//! Our own, because the other end is hostile: a frame may announce any length, and a library that reserves what is
//! announced lets a kernel end the service. Here memory grows with the bytes that really arrive, up to a limit; the
//! rest of a longer message is read and dropped. Protocol: rfc.zeromq.org/spec/23.

use std::{io, path::Path};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// The most bytes of one message that are kept.
pub const MESSAGE_MAX_BYTES: u64 = 96 * 1024 * 1024;
/// The most frames of one message.
const MESSAGE_MAX_FRAMES: usize = 64;
/// The longest command of a handshake.
const COMMAND_MAX_BYTES: u64 = 4096;
/// What is reserved at once for a frame, whatever it announces.
const RESERVE_MAX_BYTES: u64 = 1024 * 1024;

const READ_BUFFER_BYTES: usize = 64 * 1024;
const GREETING_BYTES: usize = 64;

const FLAG_MORE: u8 = 1;
const FLAG_LONG: u8 = 2;
const FLAG_COMMAND: u8 = 4;
const FLAGS: u8 = FLAG_MORE | FLAG_LONG | FLAG_COMMAND;
/// The longest frame that is read past; nobody honest sends one.
const FRAME_MAX_BYTES: u64 = 8 << 30;

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
pub(crate) struct Reader(BufReader<OwnedReadHalf>);

/// The sending half.
#[derive(Debug)]
pub(crate) struct Writer(OwnedWriteHalf);

/// Connects to the socket file at `path` and shakes hands. A subscriber is subscribed to everything.
///
/// # Errors
/// If the file is no listening socket, or its owner speaks something else.
pub(crate) async fn connect(path: &Path, socket: Socket<'_>) -> io::Result<(Reader, Writer)> {
    let (read, mut write) = UnixStream::connect(path).await?.into_split();
    let mut read = BufReader::with_capacity(READ_BUFFER_BYTES, read);
    write.write_all(&greeting()).await?;
    let mut peer = [0; GREETING_BYTES];
    read.read_exact(&mut peer).await?;
    if peer[0] != 0xff || peer[9] != 0x7f || peer[10] < 3 || !peer[12..].starts_with(b"NULL\0") {
        return Err(protocol("the peer does not speak ZMTP 3 without security"));
    }
    write.write_all(&ready(socket)).await?;
    let (flags, len) = read_frame_head(&mut read).await?;
    if flags & FLAG_COMMAND == 0 || len > COMMAND_MAX_BYTES {
        return Err(protocol("the peer does not shake hands"));
    }
    let command = read_frame(&mut read, len).await?;
    if !command.starts_with(b"\x05READY") {
        return Err(protocol("the peer refuses the handshake"));
    }
    if matches!(socket, Socket::Subscriber) {
        write.write_all(&message(&[Bytes::from_static(b"\x01")])).await?;
    }
    Ok((Reader(read), Writer(write)))
}

impl Reader {
    /// The next message; `None` when the peer has closed the socket. Not cancel-safe.
    ///
    /// # Errors
    /// If the socket breaks, or the peer breaks the protocol: nothing more can be read then.
    pub(crate) async fn receive(&mut self) -> io::Result<Option<Received>> {
        let (mut frames, mut kept, mut dropped) = (Vec::new(), 0_u64, 0_u64);
        loop {
            if frames.is_empty() && dropped == 0 && self.at_end().await? {
                return Ok(None);
            }
            let (flags, len) = read_frame_head(&mut self.0).await?;
            if flags & FLAG_COMMAND != 0 {
                self.skip(len).await?;
                continue;
            }
            if dropped > 0 || kept.saturating_add(len) > MESSAGE_MAX_BYTES || frames.len() >= MESSAGE_MAX_FRAMES {
                self.skip(len).await?;
                dropped = dropped.saturating_add(len.max(1));
            } else {
                frames.push(read_frame(&mut self.0, len).await?);
                kept += len;
            }
            if flags & FLAG_MORE == 0 {
                return Ok(Some(match dropped {
                    0 => Received::Message(frames),
                    dropped_bytes => Received::Oversized { frames, dropped_bytes },
                }));
            }
        }
    }

    async fn at_end(&mut self) -> io::Result<bool> {
        use tokio::io::AsyncBufReadExt as _;
        Ok(self.0.fill_buf().await?.is_empty())
    }

    async fn skip(&mut self, len: u64) -> io::Result<()> {
        let skipped = tokio::io::copy_buf(&mut (&mut self.0).take(len), &mut tokio::io::sink()).await?;
        if skipped < len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl Writer {
    /// Waits until the socket may take something.
    ///
    /// # Errors
    /// If it is broken.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// Hands the socket what it takes of these bytes without waiting; says how many.
    ///
    /// # Errors
    /// `WouldBlock` if it takes nothing now, others if it is broken.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }
}

/// The bytes of one message of these frames.
pub(crate) fn message(frames: &[Bytes]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(frames.iter().map(|frame| frame.len() + 9).sum());
    for (number, frame) in frames.iter().enumerate() {
        let more = if number + 1 < frames.len() { FLAG_MORE } else { 0 };
        put_frame(&mut wire, more, frame);
    }
    wire
}

fn greeting() -> [u8; GREETING_BYTES] {
    let mut greeting = [0; GREETING_BYTES];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

fn ready(socket: Socket<'_>) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    let mut property = |name: &str, value: &str| {
        body.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(value.as_bytes());
    };
    match socket {
        Socket::Dealer { identity } => {
            property("Socket-Type", "DEALER");
            property("Identity", identity);
        }
        Socket::Subscriber => property("Socket-Type", "SUB"),
    }
    let mut wire = Vec::new();
    put_frame(&mut wire, FLAG_COMMAND, &body);
    wire
}

fn put_frame(wire: &mut Vec<u8>, flags: u8, body: &[u8]) {
    if let Ok(short) = u8::try_from(body.len()) {
        wire.extend_from_slice(&[flags, short]);
    } else {
        wire.push(flags | FLAG_LONG);
        wire.extend_from_slice(&(body.len() as u64).to_be_bytes());
    }
    wire.extend_from_slice(body);
}

async fn read_frame_head(read: &mut BufReader<OwnedReadHalf>) -> io::Result<(u8, u64)> {
    let flags = read.read_u8().await?;
    let len = if flags & FLAG_LONG == 0 { u64::from(read.read_u8().await?) } else { read.read_u64().await? };
    let longest = if flags & FLAG_COMMAND == 0 { FRAME_MAX_BYTES } else { COMMAND_MAX_BYTES };
    if flags & !FLAGS != 0 || len > longest {
        // Somebody wrote past the library: where the next frame begins is not known any more.
        return Err(protocol("what came is no frame"));
    }
    Ok((flags, len))
}

/// Reads a frame's body. `len` is at most [`MESSAGE_MAX_BYTES`].
async fn read_frame(read: &mut BufReader<OwnedReadHalf>, len: u64) -> io::Result<Bytes> {
    let mut body = Vec::with_capacity(usize::try_from(len.min(RESERVE_MAX_BYTES)).unwrap_or(0));
    read.take(len).read_to_end(&mut body).await?;
    if (body.len() as u64) < len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(body.into()) }
}

fn protocol(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt as _, net::UnixListener};

    use super::*;

    /// A peer that shakes hands and then writes `bytes`, whatever they are.
    async fn peer_that_writes(bytes: Vec<u8>) -> Reader {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).expect("a socket");
        let peer = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            // All that the client says: a socket closed with something unread in it would reset the other end.
            let said = GREETING_BYTES + ready(Socket::Dealer { identity: "me" }).len();
            stream.write_all(&greeting()).await.expect("sent");
            stream.read_exact(&mut vec![0; said]).await.expect("a handshake");
            stream.write_all(&ready(Socket::Subscriber)).await.expect("sent");
            stream.write_all(&bytes).await.expect("sent");
            stream
        };
        let (client, stream) = tokio::join!(connect(&path, Socket::Dealer { identity: "me" }), peer);
        drop(stream);
        client.expect("connected").0
    }

    fn message(frames: &[&[u8]]) -> Vec<u8> {
        let frames: Vec<_> = frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect();
        super::message(&frames)
    }

    #[tokio::test]
    async fn messages_arrive_whole_and_then_the_end() {
        let long = vec![7; 70_000];
        let mut reader = peer_that_writes([message(&[b"a", &long]), message(&[b""])].concat()).await;
        let Ok(Some(Received::Message(frames))) = reader.receive().await else { panic!("no message") };
        assert_eq!(frames, [&b"a"[..], &long]);
        assert!(matches!(reader.receive().await, Ok(Some(Received::Message(frames))) if frames == [""]));
        assert!(matches!(reader.receive().await, Ok(None)));
    }

    #[tokio::test]
    async fn an_announced_length_takes_no_memory() {
        for len in [MESSAGE_MAX_BYTES, u64::MAX] {
            let mut reader = peer_that_writes([&[FLAG_LONG][..], &len.to_be_bytes(), b"few"].concat()).await;
            assert!(reader.receive().await.is_err(), "the end inside of a frame went unnoticed");
        }
        let mut reader = peer_that_writes(vec![0xff; 100]).await;
        assert!(reader.receive().await.is_err(), "noise was taken for frames");
    }

    #[tokio::test]
    async fn a_message_over_the_limit_is_dropped_and_the_next_arrives() {
        let large = vec![0; usize::try_from(MESSAGE_MAX_BYTES).expect("fits")];
        let listener = tempfile::tempdir().expect("a directory");
        let path = listener.path().join("s");
        let socket = UnixListener::bind(&path).expect("a socket");
        let writer = tokio::spawn(async move {
            let (mut stream, _) = socket.accept().await.expect("a client");
            let mut greeted = [0; GREETING_BYTES];
            stream.read_exact(&mut greeted).await.expect("a greeting");
            let bytes =
                [&greeting()[..], &ready(Socket::Subscriber), &message(&[b"head", &large]), &message(&[b"next"])];
            stream.write_all(&bytes.concat()).await.expect("sent");
        });
        let (mut reader, _writer) = connect(&path, Socket::Subscriber).await.expect("connected");
        let Ok(Some(Received::Oversized { frames, dropped_bytes })) = reader.receive().await else { panic!("taken") };
        assert_eq!((frames, dropped_bytes), (vec![Bytes::from_static(b"head")], MESSAGE_MAX_BYTES));
        assert!(matches!(reader.receive().await, Ok(Some(Received::Message(frames))) if frames == ["next"]));
        writer.await.expect("the peer ended well");
    }

    #[tokio::test]
    async fn a_message_of_too_many_frames_is_cut() {
        let frames = vec![&b"x"[..]; 1000];
        let mut reader = peer_that_writes(message(&frames)).await;
        let Ok(Some(Received::Oversized { frames, .. })) = reader.receive().await else { panic!("taken") };
        assert_eq!(frames.len(), MESSAGE_MAX_FRAMES);
    }
}
