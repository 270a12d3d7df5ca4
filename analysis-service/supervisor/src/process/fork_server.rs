//! A fork server: a process of ours that forks others on request, each of which becomes our own child.
//!
//! One packet a request and one an answer, over a socket that only the two have. What a fork is to be travels in a
//! memory file that the server hands on unread, so that no secret of one kernel stays in what the next is forked from;
//! what comes back is a pidfd. It knows nothing of what is in the memory file.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::{AsRawFd as _, OwnedFd, RawFd},
};

use nix::{
    sys::{
        memfd::{MFdFlags, memfd_create},
        socket::{AddressFamily, SockFlag, SockType, socketpair},
    },
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{Interest, unix::AsyncFd},
    net::unix::pipe,
};

use super::{
    Child, Process, Spawned, Spawner, Spec, orphans, output_pipe,
    rights::{self, Listener},
};

/// The way to a running fork server, which ends when this is dropped; what it forked lives on.
#[derive(Debug)]
pub(crate) struct ForkServer {
    socket: AsyncFd<OwnedFd>,
    last_id: u64,
}

/// Into what a fork is born.
#[derive(Debug, Default)]
pub(crate) struct Birth {
    /// Flags of clone(2) beside the server's own.
    pub flags: u64,
    /// The folder of its control group of version 2.
    pub group: Option<OwnedFd>,
    /// It hands out a listening socket of its network.
    pub listens: bool,
}

/// What a server says of itself once it takes requests.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ready {
    /// How its forks come to be our children.
    #[serde(default)]
    pub clone: String,
    /// Milliseconds that loading the libraries took.
    #[serde(default)]
    pub preload_ms: f64,
    /// Modules that are loaded.
    #[serde(default)]
    pub modules: u64,
    /// What its forks come to.
    #[serde(default)]
    pub mode: String,
}

#[derive(Serialize)]
struct Request {
    op: &'static str,
    id: u64,
    flags: u64,
    listens: bool,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Answer {
    Ready(Ready),
    Forked { id: u64, pid: i32 },
    Failed { id: u64, error: String },
}

impl ForkServer {
    /// Starts a server as this says; `--control-fd N` is added to its arguments. Gives its process, too.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) async fn start(spawner: &Spawner, mut spec: Spec) -> io::Result<(Self, Spawned)> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        spec.args.extend(["--control-fd".into(), theirs.as_raw_fd().to_string().into()]);
        let spawned = spawner.spawn(Spec { kept: Some(theirs), ..spec }).await?;
        nix::fcntl::fcntl(&ours, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
        // SAFETY: the descriptor is owned by the AsyncFd and closed only with it.
        let socket = unsafe { AsyncFd::register_with_interest(ours, Interest::READABLE | Interest::WRITABLE) }?;
        Ok((Self { socket, last_id: 0 }, spawned))
    }

    /// Waits until it takes requests.
    ///
    /// # Errors
    /// If it ended first, or says something else.
    pub(crate) async fn ready(&mut self) -> io::Result<Ready> {
        match self.receive().await? {
            (Answer::Ready(ready), _) => Ok(ready),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Forks a process that reads `body`.
    ///
    /// # Errors
    /// If the server refuses or has ended; the error's kind is `Other` where the server goes on.
    pub(crate) async fn fork(&mut self, body: &[u8], birth: Birth) -> io::Result<Spawned> {
        let _birth = orphans::Birth::begin();
        self.last_id += 1;
        let id = self.last_id;
        let request = Request { op: "fork", id, flags: birth.flags, listens: birth.listens };
        let request = serde_json::to_vec(&request).map_err(io::Error::other)?;
        let memory = memory_file(body)?;
        let (output, input) = output_pipe()?;
        let mut fds = vec![memory.as_raw_fd(), input.as_raw_fd()];
        fds.extend(birth.group.as_ref().map(OwnedFd::as_raw_fd));
        let (listener, theirs) = birth.listens.then(Listener::coming).transpose()?.unzip();
        fds.extend(theirs.as_ref().map(OwnedFd::as_raw_fd));
        self.send(&request, &fds).await?;
        drop((memory, input, birth, theirs));
        match self.receive().await? {
            (Answer::Forked { id: answered, pid }, fds) if answered == id => {
                let pidfd = fds.into_iter().next().ok_or_else(|| broken("its answer brings no pidfd"))?;
                let process = Process::of(Child::new(Pid::from_raw(pid), pidfd))?;
                Ok(Spawned { process, output: pipe::Receiver::from_owned_fd(output)?, listener })
            }
            (Answer::Failed { id: answered, error }, _) if answered == id => Err(io::Error::other(error)),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn send(&self, packet: &[u8], fds: &[RawFd]) -> io::Result<()> {
        let send = |socket: &OwnedFd| rights::send(socket, packet, fds);
        self.socket.async_io(Interest::WRITABLE, send).await.map(drop).map_err(|error| gone(&error))
    }

    async fn receive(&self) -> io::Result<(Answer, Vec<OwnedFd>)> {
        let read = |socket: &OwnedFd| rights::receive(socket);
        let (packet, fds) = self.socket.async_io(Interest::READABLE, read).await.map_err(|error| gone(&error))?;
        if packet.is_empty() {
            return Err(broken("it closed its socket"));
        }
        let answer = serde_json::from_slice(&packet).map_err(|_| broken("its answer is not understood"))?;
        Ok((answer, fds))
    }
}

/// A file without a name that holds `bytes`, to be read from its beginning.
fn memory_file(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("fork", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    io::Seek::rewind(&mut file)?;
    Ok(file.into())
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, format!("the fork server broke: {what}"))
}

fn gone(error: &io::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, format!("the fork server has gone: {error}"))
}

fn unexpected(answer: &Answer) -> io::Error {
    match answer {
        Answer::Failed { error, .. } => broken(error),
        Answer::Ready(_) | Answer::Forked { .. } => broken("it answers out of turn"),
    }
}
