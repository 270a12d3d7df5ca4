//! A connected socket as one stream of bytes each way.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{UnixStream, unix::pipe},
};

use crate::{ReadHalf, WriteHalf, halves};

/// Both halves of a socket.
#[derive(Debug)]
pub struct Stream {
    read: ReadHalf,
    write: WriteHalf,
    /// What waits for room, while there is none.
    room: Option<pipe::Sender>,
}

impl Stream {
    /// Takes over a connected socket. To be called within the runtime.
    ///
    /// # Errors
    /// The system gives no second handle.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        let (read, write) = halves(stream)?;
        Ok(Self { read, write, room: None })
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().read).poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if stream.room.is_none() {
            match stream.write.push_parts(parts) {
                Ok(0) if parts.iter().any(|part| !part.is_empty()) => stream.room = Some(stream.write.waiter()?),
                written => return Poll::Ready(written),
            }
        }
        let Some(room) = &mut stream.room else { return Poll::Ready(Ok(0)) };
        let written = ready!(Pin::new(room).poll_write_vectored(cx, parts));
        stream.room = None;
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().write.shutdown())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const BYTES: usize = 8 << 20;

    #[tokio::test]
    async fn what_has_no_room_waits_for_it_and_comes_whole() {
        let (one, other) = UnixStream::pair().expect("a pair");
        let (mut one, mut other) = (Stream::new(one).expect("a stream"), Stream::new(other).expect("a stream"));
        let sent: Vec<u8> = (0..=250).cycle().take(BYTES).collect();
        let expected = sent.clone();
        let writer = tokio::spawn(async move {
            one.write_all(&sent).await.expect("written");
            assert!(one.room.is_none(), "room is waited for, and there is some");
            one.shutdown().await.expect("shut");
            // The other direction is open still.
            let mut answer = String::new();
            one.read_to_string(&mut answer).await.expect("an answer");
            answer
        });
        let mut received = Vec::new();
        other.read_to_end(&mut received).await.expect("read");
        assert!(received == expected, "{} bytes came", received.len());
        other.write_all(b"got it").await.expect("written");
        drop(other);
        assert_eq!(writer.await.expect("an end"), "got it");
    }

    #[tokio::test]
    async fn a_broken_socket_is_told_to_who_writes() {
        let (one, other) = UnixStream::pair().expect("a pair");
        let mut one = Stream::new(one).expect("a stream");
        drop(other);
        assert_eq!(one.write_all(b"x").await.expect_err("nobody is there").kind(), io::ErrorKind::BrokenPipe);
    }
}
