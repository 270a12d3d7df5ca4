//! The two halves of a connected Unix socket, each woken for its own alone.
//!
//! The runtime's own socket waits for both directions at once, and Linux wakes who waits for room each time the other end
//! reads (`unix_write_space`): with short messages that is every second wake-up, for nothing. Here the reading half is
//! woken by what comes, and room is waited for only while somebody lacks it.

use std::{
    io::{self, IoSlice, Write as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use tokio::{
    net::{self, unix::pipe},
    time::sleep,
};

/// The pause before room is looked for again where the system gives no handle to wait by.
const ROOM_PAUSE: Duration = Duration::from_millis(10);

/// The reading half.
pub(crate) type ReadHalf = pipe::Receiver;

/// The writing half.
#[derive(Debug)]
pub(crate) struct WriteHalf(UnixStream);

/// Takes a socket apart. It is closed once both halves are dropped.
///
/// # Errors
/// The system gives no second handle.
pub(crate) fn halves(stream: net::UnixStream) -> io::Result<(ReadHalf, WriteHalf)> {
    let stream = stream.into_std()?;
    // A pipe's end is what the runtime has for waiting for one direction; it is read as any descriptor is.
    let read = pipe::Receiver::from_owned_fd_unchecked(stream.try_clone()?.into())?;
    Ok((read, WriteHalf(stream)))
}

impl WriteHalf {
    /// Hands the socket what it takes of these bytes; says how many. Never waits.
    ///
    /// # Errors
    /// The socket is broken.
    pub(crate) fn push(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match (&self.0).write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Hands the socket what it takes of these parts at once; says how many bytes. Never waits.
    ///
    /// # Errors
    /// The socket is broken.
    pub(crate) fn push_parts(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            match (&self.0).write_vectored(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    /// Waits until the socket may take something. Cancel-safe.
    ///
    /// # Errors
    /// The socket is broken.
    pub(crate) async fn room(&self) -> io::Result<()> {
        let waiting = self.0.try_clone().and_then(|handle| pipe::Sender::from_owned_fd_unchecked(handle.into()));
        match waiting {
            Ok(waiting) => waiting.writable().await,
            Err(error) => {
                tracing::warn!(%error, "there is no handle to wait for a socket by; it is tried again");
                sleep(ROOM_PAUSE).await;
                Ok(())
            }
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The socket is broken.
    pub(crate) async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        loop {
            written += self.push(&bytes[written..])?;
            if written == bytes.len() {
                return Ok(());
            }
            self.room().await?;
        }
    }
}

impl AsFd for WriteHalf {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
