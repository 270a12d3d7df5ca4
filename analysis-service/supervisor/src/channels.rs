//! The sockets of one kernel: connected when they appear, read by a task each, written without one.

use std::{collections::VecDeque, io, path::Path, time::Duration};

use bytes::Bytes;
use fenxi_sockets::WriteHalf;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    sockets::{Channel, socket_path},
    zmtp::{self, Reader, Socket},
};

/// How often a socket file is looked for while its kernel starts.
const SOCKET_POLL: Duration = Duration::from_millis(5);
/// Requests not yet taken by one channel.
pub(crate) const OUTGOING_MAX_COUNT: usize = 16;

/// A kernel's channels, connected.
pub(crate) struct Channels {
    /// What is to be read.
    pub readers: Vec<(Channel, Reader)>,
    /// What is written to. A socket whose writing half is closed is closed by the kernel, so that iopub's is kept too.
    pub outgoing: Vec<(Channel, Outgoing)>,
}

impl Channels {
    /// Connects every channel, waiting for the socket files to appear until `deadline`.
    ///
    /// # Errors
    /// They do not appear in time, or a socket does not work.
    pub(crate) async fn open(prefix: &Path, deadline: Instant) -> io::Result<Self> {
        // One identity on every channel: the kernel addresses its questions on stdin to whom it was asked by on shell.
        let identity = hex::encode(rand::random::<[u8; 16]>());
        let dealer = Socket::Dealer { identity: &identity };
        let (mut readers, mut outgoing) = (Vec::new(), Vec::new());
        // iopub first, so that nothing is said before we listen.
        for (channel, socket) in [
            (Channel::Iopub, Socket::Subscriber),
            (Channel::Shell, dealer),
            (Channel::Stdin, dealer),
            (Channel::Control, dealer),
        ] {
            let path = socket_path(prefix, channel as u8);
            let connected = timeout_at(deadline, connect_when_there(&path, socket)).await;
            let (reader, writer) = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            readers.push((channel, reader));
            outgoing.push((channel, Outgoing { writer, unsent: VecDeque::new(), broken: false }));
        }
        Ok(Self { readers, outgoing })
    }
}

async fn connect_when_there(path: &Path, socket: Socket<'_>) -> io::Result<(Reader, WriteHalf)> {
    loop {
        match zmtp::connect(path, socket).await {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                sleep(SOCKET_POLL).await;
            }
            result => return result,
        }
    }
}

/// The way to the kernel on one channel. What its socket takes is sent at once, without a task in between.
#[derive(Debug)]
pub(crate) struct Outgoing {
    writer: WriteHalf,
    /// Messages that the socket did not take yet; of the first, what is left of it.
    unsent: VecDeque<Vec<u8>>,
    broken: bool,
}

impl Outgoing {
    /// Sends a message, or puts it behind what the socket did not take yet. On a broken socket it goes nowhere: the
    /// reading half tells.
    pub(crate) fn send(&mut self, frames: &[Bytes]) {
        if self.broken {
            return;
        }
        self.unsent.push_back(zmtp::message(frames));
        if self.unsent.len() == 1 {
            self.push();
        }
    }

    /// Whether there is something that the socket did not take.
    pub(crate) fn is_behind(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Whether no more is to be sent for now.
    pub(crate) fn is_full(&self) -> bool {
        self.unsent.len() >= OUTGOING_MAX_COUNT
    }

    /// Sends more once the socket takes more. Cancel-safe.
    pub(crate) async fn go_on(&mut self) {
        self.broken |= self.writer.room().await.is_err();
        self.push();
    }

    /// Hands the socket what it takes.
    fn push(&mut self) {
        while let Some(message) = self.unsent.front_mut().filter(|_| !self.broken) {
            match self.writer.push(message) {
                Ok(written) if written == message.len() => drop(self.unsent.pop_front()),
                Ok(written) => {
                    message.drain(..written);
                    return;
                }
                Err(_) => self.broken = true,
            }
        }
        if self.broken {
            self.unsent.clear();
        }
    }
}
