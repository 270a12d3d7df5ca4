//! The bytes of the protocol: greeting, commands and frames.

use std::io;

use bytes::Bytes;
use fenxi_sockets::ReadHalf;
use tokio::io::{AsyncReadExt as _, BufReader};

use super::Socket;

/// The longest command of a handshake.
pub(super) const COMMAND_MAX_BYTES: u64 = 4096;
/// What is reserved at once for a frame, whatever it announces.
pub(super) const RESERVE_MAX_BYTES: u64 = 1024 * 1024;
pub(super) const GREETING_BYTES: usize = 64;

pub(super) const FLAG_MORE: u8 = 1;
pub(super) const FLAG_LONG: u8 = 2;
pub(super) const FLAG_COMMAND: u8 = 4;
const FLAGS: u8 = FLAG_MORE | FLAG_LONG | FLAG_COMMAND;
/// The longest frame that is read past; nobody honest sends one.
const FRAME_MAX_BYTES: u64 = 8 << 30;

/// The bytes of one message of these frames.
pub(crate) fn message(frames: &[Bytes]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(frames.iter().map(|frame| frame.len() + 9).sum());
    for (number, frame) in frames.iter().enumerate() {
        let more = if number + 1 < frames.len() { FLAG_MORE } else { 0 };
        put_frame(&mut wire, more, frame);
    }
    wire
}

/// What each side says first.
pub(super) fn greeting() -> [u8; GREETING_BYTES] {
    let mut greeting = [0; GREETING_BYTES];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// What each side says once it knows that the other speaks the same.
pub(super) fn ready(socket: Socket<'_>) -> Vec<u8> {
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

/// Reads the flags of a frame and its length.
pub(super) async fn read_frame_head(read: &mut BufReader<ReadHalf>) -> io::Result<(u8, u64)> {
    let flags = read.read_u8().await?;
    let len = if flags & FLAG_LONG == 0 { u64::from(read.read_u8().await?) } else { read.read_u64().await? };
    let longest = if flags & FLAG_COMMAND == 0 { FRAME_MAX_BYTES } else { COMMAND_MAX_BYTES };
    if flags & !FLAGS != 0 || len > longest {
        // Somebody wrote past the library: where the next frame begins is not known any more.
        return Err(protocol("what came is no frame"));
    }
    Ok((flags, len))
}

/// Reads a frame's body. `len` is at most [`super::MESSAGE_MAX_BYTES`].
pub(super) async fn read_frame(read: &mut BufReader<ReadHalf>, len: u64) -> io::Result<Bytes> {
    let mut body = Vec::with_capacity(usize::try_from(len.min(RESERVE_MAX_BYTES)).unwrap_or(0));
    read.take(len).read_to_end(&mut body).await?;
    if (body.len() as u64) < len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(body.into()) }
}

pub(super) fn protocol(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
