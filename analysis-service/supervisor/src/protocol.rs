//! What the service and its supervisor say to each other over the supervisor's socket.
//!
//! Every frame is a length (`u32`, little-endian) and one message below. A connection begins with [`Hello`] or
//! [`Converse`] and stays what that makes it: the one connection by which the service asks for processes and hears of
//! their ends, or the exchange with one kernel. A service and a supervisor of different [`VERSION`]s do not talk, and the
//! service replaces the supervisor: fields may be added within a version, and nothing else may change.

mod failed;

use bytes::Bytes;

pub(crate) use self::failed::Failed;
pub(crate) use crate::sockets::Channel;

/// What both sides must have in common.
pub(crate) const VERSION: u32 = 1;

/// From the service.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Ask {
    /// Comes back with the answer; 0 where none is wanted.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(oneof = "Asked", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16")]
    pub asked: Option<Asked>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Asked {
    /// Answered with `Welcome`.
    #[prost(message, tag = "2")]
    Hello(Hello),
    /// Answered with `Conversing`.
    #[prost(message, tag = "3")]
    Converse(Converse),
    /// Answered with `Started`.
    #[prost(message, tag = "4")]
    Spawn(Spawn),
    /// Answered with `ServerReady`.
    #[prost(uint64, tag = "5")]
    AwaitServer(u64),
    /// Answered with `Started`.
    #[prost(message, tag = "6")]
    Fork(Fork),
    /// Answered with `Done`.
    #[prost(message, tag = "7")]
    Hold(Hold),
    /// Not answered.
    #[prost(message, tag = "8")]
    Signal(Signal),
    /// Answered with `Log` once the process writes no more, or soon in any case.
    #[prost(uint64, tag = "9")]
    ReadLog(u64),
    /// Ends the child if it lives, and forgets it. Not answered.
    #[prost(uint64, tag = "10")]
    Release(u64),
    /// Not answered.
    #[prost(message, tag = "11")]
    Send(Send),
    /// Every message up to this number is written down and need not be kept. Not answered.
    #[prost(uint64, tag = "12")]
    Acknowledge(u64),
    /// Answered with `Done`, and the listener beside it.
    #[prost(message, tag = "13")]
    TakeListener(TakeListener),
    /// The kernel is of this owner, whose kernels share what may be kept of them. Not answered.
    #[prost(string, tag = "14")]
    BelongsTo(String),
    /// Answered with `Done`, and a socket of this name beside it.
    #[prost(message, tag = "15")]
    TakeName(TakeName),
    /// In place of the memo beside the newest tag. Not answered.
    #[prost(bytes = "bytes", tag = "16")]
    Remember(Bytes),
}

/// From the supervisor.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Tell {
    /// Of what it answers; 0 where nobody asked.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(oneof = "Told", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    pub told: Option<Told>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Told {
    #[prost(message, tag = "2")]
    Welcome(Welcome),
    #[prost(message, tag = "3")]
    Conversing(Conversing),
    #[prost(message, tag = "4")]
    Started(Started),
    #[prost(message, tag = "5")]
    ServerReady(ServerReady),
    #[prost(bool, tag = "6")]
    Done(bool),
    #[prost(string, tag = "7")]
    Log(String),
    #[prost(message, tag = "8")]
    Failed(Failed),
    /// A child has ended.
    #[prost(message, tag = "9")]
    Ended(Ended),
    #[prost(message, tag = "10")]
    Heard(Heard),
    #[prost(message, tag = "11")]
    Oversized(Oversized),
    /// A channel was closed by the kernel, or broke.
    #[prost(message, tag = "12")]
    Closed(Closed),
}

/// Begins the service's own connection.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Hello {
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// How long kernels go on when this connection ends, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub linger_ms: u64,
    /// What the file beside the socket holds.
    #[prost(bytes = "bytes", tag = "9")]
    pub key: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Welcome {
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// The children that an earlier service held.
    #[prost(message, repeated, tag = "2")]
    pub held: Vec<Held>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Held {
    #[prost(uint64, tag = "1")]
    pub child: u64,
    #[prost(int32, tag = "2")]
    pub pid: i32,
    /// As the service named it.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Its end, if it has ended.
    #[prost(message, optional, tag = "4")]
    pub ended: Option<Ended>,
}

/// Begins the exchange with a kernel, or takes it up again.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Converse {
    #[prost(uint64, tag = "1")]
    pub child: u64,
    /// The path of each socket file without its `-1` to `-4`.
    #[prost(string, tag = "2")]
    pub prefix: String,
    /// How long the sockets may take to appear, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub wait_ms: u64,
    /// What the file beside the socket holds.
    #[prost(bytes = "bytes", tag = "9")]
    pub key: Bytes,
}

/// Gives the service the socket that listens in a child's network; the supervisor keeps it for the next service, too.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TakeListener {
    #[prost(uint64, tag = "1")]
    pub child: u64,
    /// What the file beside the socket holds.
    #[prost(bytes = "bytes", tag = "9")]
    pub key: Bytes,
}

/// Takes a name in the abstract namespace of sockets (unix(7)), if no other process has it. From then on it is the
/// supervisor's until that ends, and each of its services that asks has it too.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TakeName {
    #[prost(string, tag = "1")]
    pub name: String,
    /// What the file beside the socket holds.
    #[prost(bytes = "bytes", tag = "9")]
    pub key: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Conversing {
    /// The tag of the newest tagged request that was sent to the kernel.
    #[prost(bytes = "bytes", tag = "1")]
    pub last_tag: Bytes,
    /// The number of the newest message that the kernel had said by then; 0 for none. One that does not tell it is of an
    /// earlier version.
    #[prost(uint64, optional, tag = "2")]
    pub last_number: Option<u64>,
    /// The note beside the newest request with one that was sent to the kernel.
    #[prost(bytes = "bytes", tag = "3")]
    pub last_note: Bytes,
    /// How long ago the tagged request was sent, in milliseconds, whatever was done to clocks meanwhile.
    #[prost(uint64, optional, tag = "4")]
    pub last_tag_age_ms: Option<u64>,
    /// The newest memo since that was sent, with it included; empty for none, and from an earlier version.
    #[prost(bytes = "bytes", tag = "5")]
    pub memo: Bytes,
}

/// A program to be started.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Spawn {
    #[prost(bytes = "bytes", tag = "1")]
    pub program: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub args: Vec<Bytes>,
    #[prost(message, repeated, tag = "3")]
    pub env: Vec<Variable>,
    #[prost(bytes = "bytes", tag = "4")]
    pub work_dir: Bytes,
    /// In bytes.
    #[prost(uint64, optional, tag = "5")]
    pub data_bytes: Option<u64>,
    #[prost(uint64, tag = "6")]
    pub open_files: u64,
    /// In bytes.
    #[prost(uint64, tag = "7")]
    pub file_bytes: u64,
    /// It is a fork server: `--control-fd N` is added to its arguments.
    #[prost(bool, tag = "8")]
    pub forks: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Variable {
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Started {
    #[prost(uint64, tag = "1")]
    pub child: u64,
    #[prost(int32, tag = "2")]
    pub pid: i32,
}

/// What a fork server says of itself.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ServerReady {
    #[prost(string, tag = "1")]
    pub clone: String,
    #[prost(double, tag = "2")]
    pub preload_ms: f64,
    #[prost(uint64, tag = "3")]
    pub modules: u64,
    #[prost(string, tag = "4")]
    pub mode: String,
}

/// A process to be forked.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Fork {
    /// The fork server.
    #[prost(uint64, tag = "1")]
    pub server: u64,
    /// What it is told, unread here.
    #[prost(bytes = "bytes", tag = "2")]
    pub body: Bytes,
    /// Flags of clone(2) beside the server's own.
    #[prost(uint64, tag = "3")]
    pub flags: u64,
    /// The folder of its control group of version 2; empty for none.
    #[prost(string, tag = "4")]
    pub group: String,
    /// It makes a listening socket in its network, and gives it to the supervisor.
    #[prost(bool, tag = "5")]
    pub listens: bool,
}

/// Keeps a child when the service goes.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Hold {
    #[prost(uint64, tag = "1")]
    pub child: u64,
    /// By which the next service knows it.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// A signal for a child's process group.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Signal {
    #[prost(uint64, tag = "1")]
    pub child: u64,
    #[prost(int32, tag = "2")]
    pub signal: i32,
    /// For the child itself alone.
    #[prost(bool, tag = "3")]
    pub alone: bool,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Ended {
    #[prost(uint64, tag = "1")]
    pub child: u64,
    /// An exit code, or a signal's number.
    #[prost(int32, tag = "2")]
    pub number: i32,
    /// It is a signal's.
    #[prost(bool, tag = "3")]
    pub signalled: bool,
    #[prost(uint64, tag = "4")]
    pub cpu_us: u64,
    #[prost(uint64, tag = "5")]
    pub peak_bytes: u64,
    /// How it ended is not known.
    #[prost(bool, tag = "6")]
    pub unknown: bool,
}

/// A message for the kernel.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Send {
    #[prost(enumeration = "Channel", tag = "1")]
    pub channel: i32,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub frames: Vec<Bytes>,
    /// What the next service is told of it, if this is the newest with one; empty for none.
    #[prost(bytes = "bytes", tag = "3")]
    pub tag: Bytes,
    /// As `Acknowledge`; 0 for nothing.
    #[prost(uint64, tag = "4")]
    pub acknowledged: u64,
    /// As the tag, and beside it: the newest tag stays.
    #[prost(bytes = "bytes", tag = "5")]
    pub note: Bytes,
    /// What the next service is told beside the newest tag, in place of the one before; empty to leave that, unless this
    /// has a tag.
    #[prost(bytes = "bytes", tag = "6")]
    pub memo: Bytes,
}

/// A message of the kernel.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Heard {
    /// Counts what came, from 1, over all channels.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    #[prost(enumeration = "Channel", tag = "2")]
    pub channel: i32,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub frames: Vec<Bytes>,
    /// When it came, in microseconds since 1970 in UTC. 0 of an earlier version.
    #[prost(int64, tag = "4")]
    pub time: i64,
}

/// A message above the limit, of which this is left.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Oversized {
    #[prost(uint64, tag = "1")]
    pub number: u64,
    #[prost(enumeration = "Channel", tag = "2")]
    pub channel: i32,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub frames: Vec<Bytes>,
    #[prost(uint64, tag = "4")]
    pub dropped_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Closed {
    #[prost(uint64, tag = "1")]
    pub number: u64,
    #[prost(enumeration = "Channel", tag = "2")]
    pub channel: i32,
}

impl Ask {
    /// To be answered under this number; 0: not at all.
    pub(crate) fn new(id: u64, asked: Asked) -> Self {
        Self { id, asked: Some(asked) }
    }
}

impl Tell {
    /// Answers what was asked under this number; 0: nobody asked.
    pub(crate) fn new(id: u64, told: Told) -> Self {
        Self { id, told: Some(told) }
    }
}
