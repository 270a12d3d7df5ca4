//! Frames on a socket: a length, and a message of that length. Both sides use it.

use std::io;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use prost::Message;
use tokio::net::UnixStream;

use crate::zmtp::MESSAGE_MAX_BYTES;

/// The longest frame: the longest message of a kernel, with what is said of it.
const FRAME_MAX_BYTES: u64 = MESSAGE_MAX_BYTES + (1 << 20);
/// The longest frame of somebody who has not shown the key: a greeting, with a path in it.
const GREETING_MAX_BYTES: u64 = 16 << 10;
/// What stands before a message: its length.
pub(crate) const LENGTH_BYTES: usize = 4;
/// What is asked of the socket at once.
const READ_BYTES: usize = 64 * 1024;
/// What is reserved at once for a frame, whatever it announces.
const RESERVE_MAX_BYTES: usize = 1024 * 1024;

/// The bytes of a frame.
pub(crate) fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(LENGTH_BYTES + length);
    // Nothing that long is sent: what a kernel says is bounded, and so is what it is told.
    bytes.put_u32_le(u32::try_from(length).unwrap_or(u32::MAX));
    // The buffer grows, so that encoding cannot fail.
    let _ = message.encode(&mut bytes);
    bytes.freeze()
}

/// Reads frames.
#[derive(Debug)]
pub(crate) struct Frames {
    bytes: BytesMut,
    max_bytes: u64,
}

impl Default for Frames {
    fn default() -> Self {
        Self { bytes: BytesMut::new(), max_bytes: FRAME_MAX_BYTES }
    }
}

impl Frames {
    /// Of somebody who has to show the key first: nothing large is kept for a stranger.
    pub(crate) fn of_stranger() -> Self {
        Self { max_bytes: GREETING_MAX_BYTES, ..Self::default() }
    }

    /// The key was shown.
    pub(crate) fn trust(&mut self) {
        self.max_bytes = FRAME_MAX_BYTES;
    }

    /// The next message; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// The socket broke, or what came is no frame.
    pub(crate) async fn next<M: Message + Default>(&mut self, stream: &UnixStream) -> io::Result<Option<M>> {
        loop {
            let missing = match self.take()? {
                Ok(message) => return Ok(Some(message)),
                Err(missing) => missing,
            };
            if self.bytes.is_empty() {
                // Nothing is kept for who says nothing.
                self.bytes = BytesMut::new();
                stream.readable().await?;
            }
            self.bytes.reserve(missing.clamp(READ_BYTES, RESERVE_MAX_BYTES));
            match stream.try_read_buf(&mut self.bytes) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.readable().await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// A whole message, or how many bytes it lacks.
    fn take<M: Message + Default>(&mut self) -> io::Result<Result<M, usize>> {
        let Some(mut head) = self.bytes.get(..LENGTH_BYTES) else { return Ok(Err(LENGTH_BYTES)) };
        let announced = head.get_u32_le();
        if u64::from(announced) > self.max_bytes {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what came is no frame"));
        }
        let length = LENGTH_BYTES + announced as usize;
        if self.bytes.len() < length {
            return Ok(Err(length - self.bytes.len()));
        }
        let mut frame = self.bytes.split_to(length).freeze();
        frame.advance(LENGTH_BYTES);
        M::decode(frame).map(Ok).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

/// Hands the socket what it takes of these bytes; says how many. Never waits.
///
/// # Errors
/// The socket is broken.
pub(crate) fn push(stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.try_write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// Writes all of it.
///
/// # Errors
/// The socket is broken.
pub(crate) async fn write(stream: &UnixStream, bytes: &[u8]) -> io::Result<()> {
    let mut written = 0;
    loop {
        written += push(stream, &bytes[written..])?;
        if written == bytes.len() {
            return Ok(());
        }
        stream.writable().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Ask, Asked};

    fn message(text: u64) -> Ask {
        Ask::new(text, Asked::ReadLog(7))
    }

    #[tokio::test]
    async fn frames_come_back_however_they_were_cut() {
        let (one, two) = UnixStream::pair().expect("a pair");
        let bytes = [frame(&message(1)), frame(&message(2))].concat();
        let writing = async {
            for byte in &bytes {
                write(&one, &[*byte]).await.expect("written");
                tokio::task::yield_now().await;
            }
            drop(one);
        };
        let reading = async {
            let mut frames = Frames::default();
            let mut read = Vec::new();
            while let Some(message) = frames.next::<Ask>(&two).await.expect("a frame") {
                read.push(message);
            }
            read
        };
        let ((), read) = tokio::join!(writing, reading);
        assert_eq!(read, [message(1), message(2)]);
    }

    #[tokio::test]
    async fn a_stranger_announces_nothing_large() {
        let (one, two) = UnixStream::pair().expect("a pair");
        let long = u32::try_from(GREETING_MAX_BYTES + 1).expect("small").to_le_bytes();
        write(&one, &long).await.expect("written");
        assert!(Frames::of_stranger().next::<Ask>(&two).await.is_err(), "a stranger was waited for");
        let mut frames = Frames::of_stranger();
        let large =
            Ask::new(1, Asked::Hello(crate::protocol::Hello { key: vec![0; 20_000].into(), ..Default::default() }));
        write(&one, &[&frame(&message(1))[..], &frame(&large)].concat()).await.expect("written");
        assert_eq!(frames.next::<Ask>(&two).await.expect("a frame"), Some(message(1)));
        frames.trust();
        assert_eq!(frames.next::<Ask>(&two).await.expect("a frame"), Some(large));
    }

    #[tokio::test]
    async fn noise_and_a_cut_frame_are_no_messages() {
        let (one, two) = UnixStream::pair().expect("a pair");
        write(&one, &[0xff; 8]).await.expect("written");
        assert!(Frames::default().next::<Ask>(&two).await.is_err(), "noise was taken for a frame");
        let (one, two) = UnixStream::pair().expect("a pair");
        write(&one, &frame(&message(1))[..5]).await.expect("written");
        drop(one);
        assert!(Frames::default().next::<Ask>(&two).await.expect("an end").is_none(), "half a frame was taken");
    }
}
