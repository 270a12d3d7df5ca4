//! The two halves of a connected socket, each woken for its own alone.

use std::{
    io::{self, IoSlice, Write as _},
    net::Shutdown,
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
pub type ReadHalf = pipe::Receiver;

/// The writing half.
#[derive(Debug)]
pub struct WriteHalf(UnixStream);

/// Takes a socket apart. It is closed once both halves are dropped.
///
/// # Errors
/// The system gives no second handle.
pub fn halves(stream: net::UnixStream) -> io::Result<(ReadHalf, WriteHalf)> {
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
    pub fn push(&self, bytes: &[u8]) -> io::Result<usize> {
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
    pub fn push_parts(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
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
    pub async fn room(&self) -> io::Result<()> {
        match self.waiter() {
            Ok(waiting) => waiting.writable().await,
            Err(error) => {
                tracing::warn!(%error, "there is no handle to wait for a socket by; it is tried again");
                sleep(ROOM_PAUSE).await;
                Ok(())
            }
        }
    }

    /// A handle of its own to wait for room by.
    ///
    /// # Errors
    /// The system gives none.
    pub(crate) fn waiter(&self) -> io::Result<pipe::Sender> {
        pipe::Sender::from_owned_fd_unchecked(self.0.try_clone()?.into())
    }

    /// Says that nothing more comes this way.
    ///
    /// # Errors
    /// The socket is broken.
    pub(crate) fn shutdown(&self) -> io::Result<()> {
        match self.0.shutdown(Shutdown::Write) {
            // The other end is gone already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The socket is broken.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<()> {
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
