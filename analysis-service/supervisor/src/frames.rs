//! Frames on a socket: a length, and a message of that length. Both sides use it.

use std::io;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use fenxi_sockets::ReadHalf;
use prost::Message;
use tokio::io::AsyncReadExt as _;

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
    read: ReadHalf,
    bytes: BytesMut,
    max_bytes: u64,
}

impl Frames {
    /// Of what comes here.
    pub(crate) fn of(read: ReadHalf) -> Self {
        Self { read, bytes: BytesMut::new(), max_bytes: FRAME_MAX_BYTES }
    }

    /// Of somebody who has to show the key first: nothing large is kept for a stranger.
    pub(crate) fn of_stranger(read: ReadHalf) -> Self {
        Self { max_bytes: GREETING_MAX_BYTES, ..Self::of(read) }
    }

    /// The key was shown.
    pub(crate) fn trust(&mut self) {
        self.max_bytes = FRAME_MAX_BYTES;
    }

    /// The next message; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// The socket broke, or what came is no frame.
    pub(crate) async fn next<M: Message + Default>(&mut self) -> io::Result<Option<M>> {
        loop {
            let missing = match self.take()? {
                Ok(message) => return Ok(Some(message)),
                Err(missing) => missing,
            };
            if self.bytes.is_empty() {
                // Nothing is kept for who says nothing.
                self.bytes = BytesMut::new();
                self.read.readable().await?;
            }
            self.bytes.reserve(missing.clamp(READ_BYTES, RESERVE_MAX_BYTES));
            if self.read.read_buf(&mut self.bytes).await? == 0 {
                return Ok(None);
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

#[cfg(test)]
mod tests {
    use fenxi_sockets::{WriteHalf, halves};
    use tokio::net::UnixStream;

    use super::*;
    use crate::protocol::{Ask, Asked, Hello};

    fn message(text: u64) -> Ask {
        Ask::new(text, Asked::ReadLog(7))
    }

    /// What is written to one end, and where the other end's comes.
    fn pair() -> (WriteHalf, ReadHalf) {
        let (one, two) = UnixStream::pair().expect("a pair");
        (halves(one).expect("halves").1, halves(two).expect("halves").0)
    }

    #[tokio::test]
    async fn frames_come_back_however_they_were_cut() {
        let (one, two) = pair();
        let bytes = [frame(&message(1)), frame(&message(2))].concat();
        let writing = async {
            for byte in &bytes {
                one.write(&[*byte]).await.expect("written");
                tokio::task::yield_now().await;
            }
            drop(one);
        };
        let reading = async {
            let mut frames = Frames::of(two);
            let mut read = Vec::new();
            while let Some(message) = frames.next::<Ask>().await.expect("a frame") {
                read.push(message);
            }
            read
        };
        let ((), read) = tokio::join!(writing, reading);
        assert_eq!(read, [message(1), message(2)]);
    }

    #[tokio::test]
    async fn a_stranger_announces_nothing_large() {
        let (one, two) = pair();
        let long = u32::try_from(GREETING_MAX_BYTES + 1).expect("small").to_le_bytes();
        one.write(&long).await.expect("written");
        assert!(Frames::of_stranger(two).next::<Ask>().await.is_err(), "a stranger was waited for");
        let (one, two) = pair();
        let mut frames = Frames::of_stranger(two);
        let large = Ask::new(1, Asked::Hello(Hello { key: vec![0; 20_000].into(), ..Hello::default() }));
        one.write(&[&frame(&message(1))[..], &frame(&large)].concat()).await.expect("written");
        assert_eq!(frames.next::<Ask>().await.expect("a frame"), Some(message(1)));
        frames.trust();
        assert_eq!(frames.next::<Ask>().await.expect("a frame"), Some(large));
    }

    #[tokio::test]
    async fn noise_and_a_cut_frame_are_no_messages() {
        let (one, two) = pair();
        one.write(&[0xff; 8]).await.expect("written");
        assert!(Frames::of(two).next::<Ask>().await.is_err(), "noise was taken for a frame");
        let (one, two) = pair();
        one.write(&frame(&message(1))[..5]).await.expect("written");
        drop(one);
        assert!(Frames::of(two).next::<Ask>().await.expect("an end").is_none(), "half a frame was taken");
    }
}
