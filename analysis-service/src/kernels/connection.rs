//! The conversation with one kernel: four channels over Unix sockets, signatures, Jupyter messages.
//!
//! It knows no state and decides nothing: what a message means is the driver's business, the only caller. Whatever a
//! kernel sends, nothing here panics, stops or grows without bound: what is not understood is counted and dropped, and
//! a kernel whose output is not read yet has to wait.

mod wire;
mod zmtp;

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

pub(crate) use self::{wire::Message, zmtp::MESSAGE_MAX_BYTES};
use self::{
    wire::{Signer, WireError},
    zmtp::{Reader, Received, Socket, Writer},
};

/// Messages received and not yet taken.
const INCOMING_MAX_COUNT: usize = 1024;
/// Their bytes, in units of 1 KiB. The kernel waits when they are used up.
const INCOMING_MAX_KIB: u32 = 128 * 1024;
/// Requests not yet sent on one channel.
const OUTGOING_MAX_COUNT: usize = 16;
/// From this size on, a message is checked on a thread where that blocks nobody.
pub(crate) const LARGE_MESSAGE_BYTES: usize = 512 * 1024;
/// How often a socket file is looked for while its kernel starts.
const SOCKET_POLL: Duration = Duration::from_millis(5);

/// Where a kernel listens, and the key it shares with us.
#[derive(Clone)]
pub struct Endpoint {
    /// The path of each socket file without its `-1` to `-5`.
    pub prefix: PathBuf,
    /// Signs both ways; as the connection file has it.
    pub key: String,
}

/// The channels of a kernel; the number is the end of the socket's file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Shell = 1,
    Iopub = 2,
    Stdin = 3,
    Control = 4,
}

/// The heartbeat's number: ipykernel must have one, we watch the process itself.
pub(crate) const HEARTBEAT_NUMBER: u8 = 5;

/// Something that came.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message. Its room in the buffer is given back when it is dropped.
    Message { channel: Channel, message: Message, room: OwnedSemaphorePermit },
    /// A message above the limit, dropped.
    Oversized { parent_id: String, dropped_bytes: u64 },
    /// A channel was closed by the kernel, or broke.
    Closed(Channel),
}

/// Why there is no conversation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// It took too long.
    #[error("the kernel did not open its sockets in time")]
    Timeout,
    /// A socket does not work.
    #[error("the kernel's socket failed: {0}")]
    Io(#[from] io::Error),
    /// The key or the path cannot be used.
    #[error("the connection cannot be described: {0}")]
    Endpoint(&'static str),
}

/// A request could not be handed to the kernel: it takes none, or has gone.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the kernel takes no requests")]
pub(crate) struct NotSent;

/// An open conversation. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Connection {
    signer: Signer,
    shell: Outgoing,
    stdin: Outgoing,
    /// Nothing is sent on these, but a socket whose writing half is closed is closed by the kernel.
    _silent: [Outgoing; 2],
    incoming: mpsc::Receiver<Incoming>,
    _tasks: JoinSet<()>,
}

impl Connection {
    /// Connects every channel, waiting for the socket files to appear until `deadline`.
    pub(crate) async fn open(endpoint: &Endpoint, deadline: Instant) -> Result<Self, ConnectError> {
        let session = hex::encode(rand::random::<[u8; 16]>());
        let signer = Signer::new(&endpoint.key, &session).ok_or(ConnectError::Endpoint("its key is unusable"))?;
        let (incoming_in, incoming) = mpsc::channel(INCOMING_MAX_COUNT);
        let room = Arc::new(Semaphore::new(INCOMING_MAX_KIB as usize));
        let mut tasks = JoinSet::new();
        // One identity on every channel: the kernel addresses its questions on stdin to whom it was asked by on shell.
        let dealer = Socket::Dealer { identity: &session };
        // iopub first, so that nothing is said before we listen.
        let mut writers = Vec::new();
        for (channel, socket) in [
            (Channel::Iopub, Socket::Subscriber),
            (Channel::Shell, dealer),
            (Channel::Stdin, dealer),
            (Channel::Control, dealer),
        ] {
            let path = socket_path(&endpoint.prefix, channel as u8);
            let (reader, writer) =
                timeout_at(deadline, connect_when_there(&path, socket)).await.map_err(|_| ConnectError::Timeout)??;
            let task =
                Receiver { channel, reader, signer: signer.clone(), to: incoming_in.clone(), room: room.clone() };
            tasks.spawn(task.run());
            writers.push(Outgoing { writer, unsent: VecDeque::new(), broken: false });
        }
        let [iopub, shell, stdin, control] =
            <[_; 4]>::try_from(writers).map_err(|_| ConnectError::Endpoint("a channel is missing"))?;
        Ok(Self { signer, shell, stdin, _silent: [iopub, control], incoming, _tasks: tasks })
    }

    /// The next thing that came. What the kernel did not take yet is sent meanwhile. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Incoming> {
        loop {
            tokio::select! {
                biased;
                incoming = self.incoming.recv() => return incoming,
                () = self.shell.go_on(), if self.shell.is_behind() => {}
                () = self.stdin.go_on(), if self.stdin.is_behind() => {}
            }
        }
    }

    /// Whether nothing has come that was not yet taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.incoming.is_empty()
    }

    /// Sends a request on shell; the answer names `id` as its parent.
    pub(crate) fn request(&mut self, id: &str, kind: &str, content: &serde_json::Value) -> Result<(), NotSent> {
        let content = serde_json::to_vec(content).map_err(|_| NotSent)?;
        self.shell.send(&self.signer.frames(id, kind, Bytes::from_static(b"{}"), content))
    }

    /// Answers a question of the kernel.
    pub(crate) fn input_reply(&mut self, id: &str, value: &str) -> Result<(), NotSent> {
        let content =
            serde_json::to_vec(&serde_json::json!({ "value": value, "status": "ok" })).map_err(|_| NotSent)?;
        let frames = self.signer.frames(id, "input_reply", Bytes::from_static(b"{}"), content);
        self.stdin.send(&frames)
    }
}

/// The way to the kernel on one channel. What its socket takes is sent at once, without a task in between.
#[derive(Debug)]
struct Outgoing {
    writer: Writer,
    /// Messages that the socket did not take yet; of the first, what is left of it.
    unsent: VecDeque<Vec<u8>>,
    broken: bool,
}

impl Outgoing {
    fn send(&mut self, frames: &[Bytes]) -> Result<(), NotSent> {
        if self.broken || self.unsent.len() >= OUTGOING_MAX_COUNT {
            return Err(NotSent);
        }
        self.unsent.push_back(zmtp::message(frames));
        if self.unsent.len() == 1 {
            self.push();
        }
        if self.broken { Err(NotSent) } else { Ok(()) }
    }

    fn is_behind(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends more once the socket takes more. Cancel-safe.
    async fn go_on(&mut self) {
        self.broken |= self.writer.writable().await.is_err();
        self.push();
    }

    /// Hands the socket what it takes.
    fn push(&mut self) {
        while let Some(message) = self.unsent.front_mut().filter(|_| !self.broken) {
            match self.writer.try_write(message) {
                Ok(written) if written == message.len() => drop(self.unsent.pop_front()),
                Ok(written) => drop(message.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.broken = true,
            }
        }
        if self.broken {
            self.unsent.clear();
        }
    }
}

/// The path of a channel's socket file, as jupyter_client forms it.
pub(crate) fn socket_path(prefix: &Path, number: u8) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(format!("-{number}"));
    path.into()
}

async fn connect_when_there(path: &Path, socket: Socket<'_>) -> io::Result<(Reader, Writer)> {
    loop {
        match zmtp::connect(path, socket).await {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                sleep(SOCKET_POLL).await;
            }
            result => return result,
        }
    }
}

/// The task that reads one channel.
struct Receiver {
    channel: Channel,
    reader: Reader,
    signer: Signer,
    to: mpsc::Sender<Incoming>,
    room: Arc<Semaphore>,
}

impl Receiver {
    async fn run(mut self) {
        loop {
            let incoming = match self.reader.receive().await {
                Ok(Some(Received::Message(frames))) => match self.take(frames).await {
                    Some(incoming) => incoming,
                    None => continue,
                },
                Ok(Some(Received::Oversized { frames, dropped_bytes })) => {
                    let parent_id = Signer::parent_of_rest(&frames).unwrap_or_default();
                    Incoming::Oversized { parent_id, dropped_bytes }
                }
                Ok(None) | Err(_) => Incoming::Closed(self.channel),
            };
            let closed = matches!(incoming, Incoming::Closed(_));
            if self.to.send(incoming).await.is_err() || closed {
                return;
            }
        }
    }

    /// Checks a message and waits for room; `None` if it is none of this kernel's.
    async fn take(&self, frames: Vec<Bytes>) -> Option<Incoming> {
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        let units = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(INCOMING_MAX_KIB);
        let room = self.room.clone().acquire_many_owned(units).await.ok()?;
        let read = if bytes < LARGE_MESSAGE_BYTES {
            self.signer.read(&frames)
        } else {
            let signer = self.signer.clone();
            tokio::task::spawn_blocking(move || signer.read(&frames)).await.unwrap_or(Err(WireError::Incomplete))
        };
        match read {
            Ok(message) => Some(Incoming::Message { channel: self.channel, message, room }),
            Err(error) => {
                metrics::counter!("kernel_messages_refused_total").increment(1);
                tracing::debug!(channel = ?self.channel, %error, "a message of a kernel was refused");
                None
            }
        }
    }
}
