//! The conversation with one kernel: signatures and Jupyter messages, over the supervisor, which has the kernel's sockets.
//!
//! It knows no state and decides nothing: what a message means is the driver's business, the only caller. Whatever a
//! kernel sends, nothing here panics, stops or grows without bound: what is not understood is counted and dropped, and
//! a kernel whose output is not read yet has to wait.

mod memo;
mod wire;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use fenxi_supervisor::{
    Channel,
    client::{Heard, Hearing, Line, Mark, NotSent, Talk},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::Instant,
};
use uuid::Uuid;

use self::wire::{Signer, WireError};
pub(crate) use self::{memo::Memo, wire::Message};

/// Messages received and not yet taken.
const INCOMING_MAX_COUNT: usize = 1024;
/// Their bytes, in units of 1 KiB. The kernel waits when they are used up.
const INCOMING_MAX_KIB: u32 = 128 * 1024;
/// From this size on, a message is checked on a thread where that blocks nobody.
pub(crate) const LARGE_MESSAGE_BYTES: usize = 512 * 1024;
/// After so many messages that are written down, the supervisor is told. It is with each request, too.
const ACKNOWLEDGE_COUNT: u64 = 256;
/// After so many bytes of them.
const ACKNOWLEDGE_BYTES: usize = 1024 * 1024;

/// Where a kernel listens, and the key it shares with us.
#[derive(Clone, Serialize, Deserialize)]
pub struct Endpoint {
    /// The path of each socket file without its `-1` to `-5`.
    pub prefix: PathBuf,
    /// Signs both ways; as the connection file has it.
    pub key: String,
}

/// Something that came. Numbers count what came, from 1, over all channels.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message, and when it came, in microseconds since 1970 in UTC, if that is known. Its room in the buffer is given
    /// back when it is dropped.
    Message { number: u64, time: Option<i64>, channel: Channel, message: Message, room: OwnedSemaphorePermit },
    /// A message above the limit, dropped.
    Oversized { number: u64, channel: Channel, parent_id: String, dropped_bytes: u64 },
    /// A message that is none of this kernel's, dropped.
    Refused { number: u64 },
    /// A channel was closed by the kernel, or broke.
    Closed { number: u64, channel: Channel },
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
    /// The key cannot be used.
    #[error("the connection cannot be described: {0}")]
    Endpoint(&'static str),
}

/// An open conversation. Dropping it ends it on this side.
#[derive(Debug)]
pub(crate) struct Connection {
    signer: Signer,
    talk: Talk,
    incoming: mpsc::Receiver<Incoming>,
    /// What is written down.
    written: u64,
    /// What of that the supervisor knows.
    acknowledged: u64,
    /// Bytes that came since it was told.
    unacknowledged_bytes: usize,
    /// Told with whatever is acknowledged.
    memo: Memo,
    _task: JoinSet<()>,
}

impl Connection {
    /// Connects every channel, waiting for the socket files to appear until `deadline`; or takes up the conversation of an
    /// earlier service, of which everything is heard again that was not acknowledged.
    pub(crate) async fn open(line: &Line, endpoint: &Endpoint, deadline: Instant) -> Result<Self, ConnectError> {
        let session = hex::encode(rand::random::<[u8; 16]>());
        let signer = Signer::new(&endpoint.key, &session).ok_or(ConnectError::Endpoint("its key is unusable"))?;
        let wait = deadline.saturating_duration_since(Instant::now());
        let mut talk = line.converse(&endpoint.prefix, wait).await.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => ConnectError::Timeout,
            _ => ConnectError::Io(error),
        })?;
        let hearing = talk.hearing().ok_or(ConnectError::Endpoint("it is in use"))?;
        let (to, incoming) = mpsc::channel(INCOMING_MAX_COUNT);
        let room = Arc::new(Semaphore::new(INCOMING_MAX_KIB as usize));
        let mut task = JoinSet::new();
        task.spawn(Receiver { hearing, signer: signer.clone(), to, room }.run());
        let memo = Memo::read(talk.memo()).unwrap_or_default();
        let (written, acknowledged, unacknowledged_bytes) = (0, 0, 0);
        Ok(Self { signer, talk, incoming, written, acknowledged, unacknowledged_bytes, memo, _task: task })
    }

    /// The id of the execution that was sent to this kernel last, if an earlier service sent one.
    pub(crate) fn last_tag(&self) -> Option<&str> {
        std::str::from_utf8(self.talk.last_tag()).ok().filter(|tag| !tag.is_empty())
    }

    /// How long before this service took the kernel up that was sent. Not known under a supervisor of an earlier version.
    pub(crate) fn last_tag_age(&self) -> Option<Duration> {
        self.talk.last_tag_age()
    }

    /// What is known of that.
    pub(crate) fn memo(&self) -> Memo {
        self.memo
    }

    /// What was noted of the answer that was sent to this kernel last, if an earlier service sent one.
    pub(crate) fn last_note(&self) -> &[u8] {
        self.talk.last_note()
    }

    /// Whether a message of this number was said since this service came: it is not heard again. Not known under a
    /// supervisor of an earlier version, where none counts as new.
    pub(crate) fn is_new(&self, number: u64) -> bool {
        self.talk.is_new(number)
    }

    /// The next thing that came. What was not sent yet is sent meanwhile. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Incoming> {
        loop {
            tokio::select! {
                biased;
                incoming = self.incoming.recv() => {
                    let bytes = match &incoming {
                        Some(Incoming::Message { room, .. }) => room.num_permits() * 1024,
                        // As much as the limit, for all that is known.
                        Some(Incoming::Oversized { .. } | Incoming::Refused { .. }) => ACKNOWLEDGE_BYTES,
                        _ => 0,
                    };
                    self.unacknowledged_bytes = self.unacknowledged_bytes.saturating_add(bytes);
                    return incoming;
                }
                () = self.talk.go_on(), if self.talk.is_behind() => {}
            }
        }
    }

    /// Whether nothing has come that was not yet taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.incoming.is_empty()
    }

    /// Everything up to this number is written down, so that the supervisor need not keep it. With it, or before it, a
    /// later service is told the memo of the execution that was sent last.
    pub(crate) fn written_down(&mut self, number: u64, memo: Option<Memo>) {
        self.memo = memo.unwrap_or(self.memo);
        self.written = self.written.max(number);
        let count = self.written - self.acknowledged;
        if count >= ACKNOWLEDGE_COUNT || (count > 0 && self.unacknowledged_bytes >= ACKNOWLEDGE_BYTES) {
            self.tell_written();
        }
    }

    /// Bytes that came since the supervisor was told last.
    pub(crate) fn unacknowledged_bytes(&self) -> usize {
        self.unacknowledged_bytes
    }

    /// Tells the supervisor what is written down, however little it is.
    pub(crate) fn tell_written(&mut self) {
        if self.written > self.acknowledged {
            let written = self.acknowledged();
            self.talk.acknowledge(written, self.memo.write());
        }
    }

    fn acknowledged(&mut self) -> u64 {
        (self.acknowledged, self.unacknowledged_bytes) = (self.written, 0);
        self.written
    }

    /// The kernel is this user's from here on, whose kernels share what the supervisor keeps of them.
    pub(crate) fn belongs_to(&mut self, owner_user_id: Uuid) {
        self.talk.belongs_to(owner_user_id.to_string());
    }

    /// Sends a request on shell; the answer names `id` as its parent.
    pub(crate) fn request(&mut self, id: &str, kind: &str, content: &serde_json::Value) -> Result<(), NotSent> {
        self.send(Channel::Shell, id, kind, content, Mark::default())
    }

    /// Sends code to be run. A later service is told of this execution, and the memo, if it is the last.
    pub(crate) fn execute(&mut self, id: &str, content: &serde_json::Value, memo: Memo) -> Result<(), NotSent> {
        self.memo = memo;
        let mark = Mark { tag: Bytes::copy_from_slice(id.as_bytes()), ..Mark::default() };
        self.send(Channel::Shell, id, "execute_request", content, mark)
    }

    /// Sends a request on control, which the kernel hears while it runs code; the answer names `id` as its parent.
    pub(crate) fn ask(&mut self, id: &str, kind: &str, content: &serde_json::Value) -> Result<(), NotSent> {
        self.send(Channel::Control, id, kind, content, Mark::default())
    }

    /// Answers a question of the kernel. A later service is told the note, if this is the last answer.
    pub(crate) fn input_reply(&mut self, id: &str, value: &str, note: Bytes) -> Result<(), NotSent> {
        let content = serde_json::json!({ "value": value, "status": "ok" });
        self.send(Channel::Stdin, id, "input_reply", &content, Mark { note, ..Mark::default() })
    }

    fn send(
        &mut self,
        channel: Channel,
        id: &str,
        kind: &str,
        content: &serde_json::Value,
        mark: Mark,
    ) -> Result<(), NotSent> {
        let content = serde_json::to_vec(content).map_err(|_| NotSent)?;
        let frames = self.signer.frames(id, kind, Bytes::from_static(b"{}"), content);
        let acknowledged = self.acknowledged();
        self.talk.send(channel, frames, Mark { memo: self.memo.write(), ..mark }, acknowledged)
    }
}

/// The task that reads what the kernel says.
struct Receiver {
    hearing: Hearing,
    signer: Signer,
    to: mpsc::Sender<Incoming>,
    room: Arc<Semaphore>,
}

impl Receiver {
    async fn run(mut self) {
        while let Ok(Some(heard)) = self.hearing.next().await {
            let incoming = match heard {
                Heard::Message(number, channel, frames, time) => match self.take(number, channel, frames, time).await {
                    Some(incoming) => incoming,
                    None => return,
                },
                Heard::Oversized(number, channel, frames, dropped_bytes) => {
                    let parent_id = Signer::parent_of_rest(&frames).unwrap_or_default();
                    Incoming::Oversized { number, channel, parent_id, dropped_bytes }
                }
                Heard::Closed(number, channel) => Incoming::Closed { number, channel },
            };
            if self.to.send(incoming).await.is_err() {
                return;
            }
        }
    }

    /// Checks a message and waits for room.
    async fn take(&self, number: u64, channel: Channel, frames: Vec<Bytes>, time: Option<i64>) -> Option<Incoming> {
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        let units = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(INCOMING_MAX_KIB);
        let room = self.room.clone().acquire_many_owned(units).await.ok()?;
        let read = if bytes < LARGE_MESSAGE_BYTES {
            self.signer.read(&frames)
        } else {
            let signer = self.signer.clone();
            tokio::task::spawn_blocking(move || signer.read(&frames)).await.unwrap_or(Err(WireError::Incomplete))
        };
        Some(match read {
            Ok(message) => Incoming::Message { number, time, channel, message, room },
            Err(error) => {
                metrics::counter!("kernel_messages_refused_total").increment(1);
                tracing::debug!(?channel, %error, "a message of a kernel was refused");
                Incoming::Refused { number }
            }
        })
    }
}
