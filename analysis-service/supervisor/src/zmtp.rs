//! ZMTP 3.0 over a Unix socket, the client's half of it: greeting, NULL handshake, frames.
//!
//! Our own, because the other end is hostile: a frame may announce any length, and a library that reserves what is
//! announced lets a kernel end the service. Here memory grows with the bytes that really arrive, up to a limit; the
//! rest of a longer message is read and dropped. Protocol: rfc.zeromq.org/spec/23.

use std::{io, path::Path, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

use crate::journal::{Journal, Room};

/// The most bytes of one message that are kept.
pub const MESSAGE_MAX_BYTES: u64 = 96 * 1024 * 1024;
/// The most frames of one message.
const MESSAGE_MAX_FRAMES: usize = 64;
/// The longest command of a handshake.
const COMMAND_MAX_BYTES: u64 = 4096;
/// What is read of a message before there is room for it in the kernel's journal.
const UNCOUNTED_MAX_BYTES: u64 = 256 * 1024;
/// How long a kernel may stop in the middle of a message that has room: the room is others' too.
const STALL_MAX: Duration = Duration::from_secs(60);
/// What is reserved at once for a frame, whatever it announces.
const RESERVE_MAX_BYTES: u64 = 1024 * 1024;

const READ_BUFFER_BYTES: usize = 64 * 1024;
const GREETING_BYTES: usize = 64;

const FLAG_MORE: u8 = 1;
const FLAG_LONG: u8 = 2;
const FLAG_COMMAND: u8 = 4;
const FLAGS: u8 = FLAG_MORE | FLAG_LONG | FLAG_COMMAND;
/// The longest frame that is read past; nobody honest sends one.
const FRAME_MAX_BYTES: u64 = 8 << 30;

/// What we are to the peer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Socket<'a> {
    /// Asks and is answered; the identity is what the peer's ROUTER addresses.
    Dealer { identity: &'a str },
    /// Hears everything.
    Subscriber,
}

/// A message, or what is left of one that was too large.
#[derive(Debug)]
pub(crate) enum Received {
    /// Its frames.
    Message(Vec<Bytes>),
    /// The frames before the limit, and how many bytes were dropped.
    Oversized { frames: Vec<Bytes>, dropped_bytes: u64 },
}

/// What has been read of a message.
#[derive(Default)]
struct Partial {
    frames: Vec<Bytes>,
    kept: u64,
    dropped: u64,
    /// Room for it, once it is more than a little.
    room: Option<Room>,
}

/// The receiving half.
#[derive(Debug)]
pub(crate) struct Reader {
    read: BufReader<OwnedReadHalf>,
    /// How long the peer may stop in the middle of a message that has room.
    stall_max: Duration,
}

/// The sending half.
#[derive(Debug)]
pub(crate) struct Writer(OwnedWriteHalf);

/// Connects to the socket file at `path` and shakes hands. A subscriber is subscribed to everything.
///
/// # Errors
/// If the file is no listening socket, or its owner speaks something else.
pub(crate) async fn connect(path: &Path, socket: Socket<'_>) -> io::Result<(Reader, Writer)> {
    let (read, mut write) = UnixStream::connect(path).await?.into_split();
    let mut read = BufReader::with_capacity(READ_BUFFER_BYTES, read);
    write.write_all(&greeting()).await?;
    let mut peer = [0; GREETING_BYTES];
    read.read_exact(&mut peer).await?;
    if peer[0] != 0xff || peer[9] != 0x7f || peer[10] < 3 || !peer[12..].starts_with(b"NULL\0") {
        return Err(protocol("the peer does not speak ZMTP 3 without security"));
    }
    write.write_all(&ready(socket)).await?;
    let (flags, len) = read_frame_head(&mut read).await?;
    if flags & FLAG_COMMAND == 0 || len > COMMAND_MAX_BYTES {
        return Err(protocol("the peer does not shake hands"));
    }
    let command = read_frame(&mut read, len).await?;
    if !command.starts_with(b"\x05READY") {
        return Err(protocol("the peer refuses the handshake"));
    }
    if matches!(socket, Socket::Subscriber) {
        write.write_all(&message(&[Bytes::from_static(b"\x01")])).await?;
    }
    Ok((Reader { read, stall_max: STALL_MAX }, Writer(write)))
}

impl Reader {
    /// The next message with its room in this journal, which is waited for before more than a little is read; `None` when
    /// the peer has closed the socket. Not cancel-safe.
    ///
    /// # Errors
    /// If the socket breaks, or the peer breaks the protocol: nothing more can be read then.
    pub(crate) async fn receive(&mut self, journal: &Journal) -> io::Result<Option<(Received, Room)>> {
        let mut partial = Partial::default();
        if self.at_end().await? {
            return Ok(None);
        }
        loop {
            let (flags, len) = self.next_head(&mut partial).await?;
            if flags & FLAG_COMMAND != 0 {
                self.skip(len).await?;
                if partial.is_empty() && self.at_end().await? {
                    return Ok(None);
                }
                continue;
            }
            if !partial.takes(len) {
                self.skip(len).await?;
                partial.dropped = partial.dropped.saturating_add(len.max(1));
            } else {
                let last = flags & FLAG_MORE == 0;
                partial.make_room(journal, len, last).await;
                self.read_into(&mut partial, len).await?;
            }
            if flags & FLAG_MORE == 0 {
                return Ok(Some(partial.whole(journal).await));
            }
        }
    }

    /// The head of the next frame. What is held of a message whose next frame does not come is given up.
    async fn next_head(&mut self, partial: &mut Partial) -> io::Result<(u8, u64)> {
        if partial.room.is_some() && timeout(self.stall_max, self.at_end()).await.is_err() {
            partial.give_up();
            // Nothing more of it is kept, whatever its length was.
            partial.dropped = partial.dropped.max(1);
        }
        if partial.room.is_none() {
            return read_frame_head(&mut self.read).await;
        }
        let head = timeout(self.stall_max, read_frame_head(&mut self.read)).await;
        head.unwrap_or_else(|_| Err(protocol("it stopped in the middle of a frame's head")))
    }

    /// Reads a frame of this length; one that is not whole in time is dropped.
    async fn read_into(&mut self, partial: &mut Partial, len: u64) -> io::Result<()> {
        if partial.room.is_none() {
            partial.add(read_frame(&mut self.read, len).await?);
            return Ok(());
        }
        let mut body = Vec::with_capacity(usize::try_from(len.min(RESERVE_MAX_BYTES)).unwrap_or(0));
        loop {
            let left = len - body.len() as u64;
            if left == 0 {
                partial.add(body.into());
                return Ok(());
            }
            match timeout(self.stall_max, (&mut self.read).take(left).read_buf(&mut body)).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => drop(read?),
                Err(_) => {
                    drop(body);
                    partial.give_up();
                    partial.dropped = partial.dropped.saturating_add(len);
                    return self.skip(left).await;
                }
            }
        }
    }

    async fn at_end(&mut self) -> io::Result<bool> {
        use tokio::io::AsyncBufReadExt as _;
        Ok(self.read.fill_buf().await?.is_empty())
    }

    async fn skip(&mut self, len: u64) -> io::Result<()> {
        let skipped = tokio::io::copy_buf(&mut (&mut self.read).take(len), &mut tokio::io::sink()).await?;
        if skipped < len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl Partial {
    fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.dropped == 0
    }

    /// Whether a frame of this length is kept.
    fn takes(&self, len: u64) -> bool {
        let fits = self.kept.saturating_add(len) <= MESSAGE_MAX_BYTES && self.frames.len() < MESSAGE_MAX_FRAMES;
        self.dropped == 0 && fits
    }

    /// Waits for room for the message if this frame makes it a large one: all of it at once, also for what may follow. Who
    /// waits for more while it holds some, could wait for others that do the same.
    async fn make_room(&mut self, journal: &Journal, len: u64, last: bool) {
        let bytes = self.kept + len;
        if self.room.is_none() && bytes > UNCOUNTED_MAX_BYTES {
            let most = if last { bytes } else { MESSAGE_MAX_BYTES };
            self.room = Some(journal.room(usize::try_from(most).unwrap_or(usize::MAX)).await);
        }
    }

    fn add(&mut self, frame: Bytes) {
        self.kept += frame.len() as u64;
        self.frames.push(frame);
    }

    /// Drops all but its first frames, which say what it belongs to, and gives its room back.
    fn give_up(&mut self) {
        while self.kept > UNCOUNTED_MAX_BYTES
            && let Some(frame) = self.frames.pop()
        {
            self.kept -= frame.len() as u64;
            self.dropped += frame.len() as u64;
        }
        self.room = None;
    }

    async fn whole(self, journal: &Journal) -> (Received, Room) {
        let bytes = usize::try_from(self.kept).unwrap_or(usize::MAX);
        let room = match self.room {
            Some(mut room) => {
                room.shrink(bytes);
                room
            }
            None => journal.room(bytes).await,
        };
        let received = match self.dropped {
            0 => Received::Message(self.frames),
            dropped_bytes => Received::Oversized { frames: self.frames, dropped_bytes },
        };
        (received, room)
    }
}

impl Writer {
    /// Waits until the socket may take something.
    ///
    /// # Errors
    /// If it is broken.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// Hands the socket what it takes of these bytes without waiting; says how many.
    ///
    /// # Errors
    /// `WouldBlock` if it takes nothing now, others if it is broken.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }
}

/// The bytes of one message of these frames.
pub(crate) fn message(frames: &[Bytes]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(frames.iter().map(|frame| frame.len() + 9).sum());
    for (number, frame) in frames.iter().enumerate() {
        let more = if number + 1 < frames.len() { FLAG_MORE } else { 0 };
        put_frame(&mut wire, more, frame);
    }
    wire
}

fn greeting() -> [u8; GREETING_BYTES] {
    let mut greeting = [0; GREETING_BYTES];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

fn ready(socket: Socket<'_>) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    let mut property = |name: &str, value: &str| {
        body.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(value.as_bytes());
    };
    match socket {
        Socket::Dealer { identity } => {
            property("Socket-Type", "DEALER");
            property("Identity", identity);
        }
        Socket::Subscriber => property("Socket-Type", "SUB"),
    }
    let mut wire = Vec::new();
    put_frame(&mut wire, FLAG_COMMAND, &body);
    wire
}

fn put_frame(wire: &mut Vec<u8>, flags: u8, body: &[u8]) {
    if let Ok(short) = u8::try_from(body.len()) {
        wire.extend_from_slice(&[flags, short]);
    } else {
        wire.push(flags | FLAG_LONG);
        wire.extend_from_slice(&(body.len() as u64).to_be_bytes());
    }
    wire.extend_from_slice(body);
}

async fn read_frame_head(read: &mut BufReader<OwnedReadHalf>) -> io::Result<(u8, u64)> {
    let flags = read.read_u8().await?;
    let len = if flags & FLAG_LONG == 0 { u64::from(read.read_u8().await?) } else { read.read_u64().await? };
    let longest = if flags & FLAG_COMMAND == 0 { FRAME_MAX_BYTES } else { COMMAND_MAX_BYTES };
    if flags & !FLAGS != 0 || len > longest {
        // Somebody wrote past the library: where the next frame begins is not known any more.
        return Err(protocol("what came is no frame"));
    }
    Ok((flags, len))
}

/// Reads a frame's body. `len` is at most [`MESSAGE_MAX_BYTES`].
async fn read_frame(read: &mut BufReader<OwnedReadHalf>, len: u64) -> io::Result<Bytes> {
    let mut body = Vec::with_capacity(usize::try_from(len.min(RESERVE_MAX_BYTES)).unwrap_or(0));
    read.take(len).read_to_end(&mut body).await?;
    if (body.len() as u64) < len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(body.into()) }
}

fn protocol(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{io::AsyncReadExt as _, net::UnixListener, sync::Semaphore};

    use super::*;
    use crate::journal::ALL_KEPT_MAX_KIB;

    fn journal() -> Arc<Journal> {
        Arc::new(Journal::new(Arc::new(Semaphore::new(ALL_KEPT_MAX_KIB as usize))))
    }

    /// The next message, with its room given back.
    async fn received(reader: &mut Reader) -> io::Result<Option<Received>> {
        Ok(reader.receive(&journal()).await?.map(|(received, _)| received))
    }

    /// A reader, and its peer after the handshake.
    async fn pair() -> (Reader, UnixStream) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).expect("a socket");
        let peer = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            // All that the client says: a socket closed with something unread in it would reset the other end.
            let said = GREETING_BYTES + ready(Socket::Dealer { identity: "me" }).len();
            stream.write_all(&greeting()).await.expect("sent");
            stream.read_exact(&mut vec![0; said]).await.expect("a handshake");
            stream.write_all(&ready(Socket::Subscriber)).await.expect("sent");
            stream
        };
        let (client, stream) = tokio::join!(connect(&path, Socket::Dealer { identity: "me" }), peer);
        (client.expect("connected").0, stream)
    }

    const LARGE: usize = 8 << 20;
    const LARGE_KIB: usize = LARGE >> 10;

    async fn until_taken(journal: &Journal, kib: usize) {
        while journal.taken_kib() != kib {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_message_has_room_before_it_is_whole_and_as_much_as_it_is_long() {
        let ((mut reader, mut peer), journal) = (pair().await, journal());
        let (large, small) = (vec![7; LARGE], vec![8; 300 << 10]);
        let bytes = message(&[b"head", &large]);
        let (first, rest) = bytes.split_at(LARGE / 2);
        let reading = {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move { (reader.receive(&journal).await, reader) })
        };
        peer.write_all(first).await.expect("sent");
        until_taken(&journal, LARGE_KIB + 1).await;
        peer.write_all(rest).await.expect("sent");
        let (Ok(Some((Received::Message(frames), room))), mut reader) = reading.await.expect("no panic") else {
            panic!("no message")
        };
        assert_eq!((frames.len(), journal.taken_kib()), (2, LARGE_KIB + 1));
        drop(room);
        // Of how many frames more there will be nothing is known.
        let bytes = message(&[&small, b"tail"]);
        let (sent, received) = tokio::join!(peer.write_all(&bytes), reader.receive(&journal));
        sent.expect("sent");
        let Ok(Some((Received::Message(frames), _room))) = received else { panic!("no message") };
        assert_eq!((frames.len(), journal.taken_kib()), (2, 301));
    }

    #[tokio::test]
    async fn what_has_no_room_is_not_read() {
        let ((mut one, mut says), (mut two, mut waits), journal) = (pair().await, pair().await, journal());
        let most = usize::try_from(MESSAGE_MAX_BYTES).expect("fits");
        let head = [&[FLAG_LONG][..], &MESSAGE_MAX_BYTES.to_be_bytes()].concat();
        says.write_all(&head).await.expect("sent");
        let reading = {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move { one.receive(&journal).await.map(drop) })
        };
        until_taken(&journal, most >> 10).await;
        let sending = tokio::spawn(async move {
            waits.write_all(&[head, vec![0; most]].concat()).await.expect("sent");
            waits
        });
        let also = tokio::time::timeout(Duration::from_millis(300), two.receive(&journal)).await;
        assert!(also.is_err(), "two longest messages of one kernel are kept");
        assert!(!sending.is_finished(), "it is read without room");
        sending.abort();
        reading.abort();
    }

    #[tokio::test]
    async fn a_kernel_that_stops_in_a_message_loses_it_and_no_other() {
        let ((mut reader, mut peer), journal) = (pair().await, journal());
        reader.stall_max = Duration::from_millis(100);
        let bytes = message(&[b"head", &vec![7; LARGE]]);
        let (first, rest) = bytes.split_at(LARGE / 2);
        let reading = {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move { (reader.receive(&journal).await, reader) })
        };
        peer.write_all(first).await.expect("sent");
        until_taken(&journal, LARGE_KIB + 1).await;
        until_taken(&journal, 0).await;
        peer.write_all(&[rest, &message(&[b"next"])].concat()).await.expect("sent");
        let (Ok(Some((Received::Oversized { frames, dropped_bytes }, _))), mut reader) =
            reading.await.expect("no panic")
        else {
            panic!("taken")
        };
        assert_eq!((frames, dropped_bytes), (vec![Bytes::from_static(b"head")], LARGE as u64));
        let next = received(&mut reader).await;
        assert!(matches!(next, Ok(Some(Received::Message(frames))) if frames == ["next"]));
    }

    /// A peer that shakes hands and then writes `bytes`, whatever they are.
    async fn peer_that_writes(bytes: Vec<u8>) -> Reader {
        let (reader, mut peer) = pair().await;
        peer.write_all(&bytes).await.expect("sent");
        reader
    }

    fn message(frames: &[&[u8]]) -> Vec<u8> {
        let frames: Vec<_> = frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect();
        super::message(&frames)
    }

    #[tokio::test]
    async fn messages_arrive_whole_and_then_the_end() {
        let long = vec![7; 70_000];
        let mut reader = peer_that_writes([message(&[b"a", &long]), message(&[b""])].concat()).await;
        let Ok(Some(Received::Message(frames))) = received(&mut reader).await else { panic!("no message") };
        assert_eq!(frames, [&b"a"[..], &long]);
        assert!(matches!(received(&mut reader).await, Ok(Some(Received::Message(frames))) if frames == [""]));
        assert!(matches!(received(&mut reader).await, Ok(None)));
    }

    #[tokio::test]
    async fn an_announced_length_takes_no_memory() {
        for len in [MESSAGE_MAX_BYTES, u64::MAX] {
            let mut reader = peer_that_writes([&[FLAG_LONG][..], &len.to_be_bytes(), b"few"].concat()).await;
            assert!(received(&mut reader).await.is_err(), "the end inside of a frame went unnoticed");
        }
        let mut reader = peer_that_writes(vec![0xff; 100]).await;
        assert!(received(&mut reader).await.is_err(), "noise was taken for frames");
    }

    #[tokio::test]
    async fn a_message_over_the_limit_is_dropped_and_the_next_arrives() {
        let large = vec![0; usize::try_from(MESSAGE_MAX_BYTES).expect("fits")];
        let listener = tempfile::tempdir().expect("a directory");
        let path = listener.path().join("s");
        let socket = UnixListener::bind(&path).expect("a socket");
        let writer = tokio::spawn(async move {
            let (mut stream, _) = socket.accept().await.expect("a client");
            let mut greeted = [0; GREETING_BYTES];
            stream.read_exact(&mut greeted).await.expect("a greeting");
            let bytes =
                [&greeting()[..], &ready(Socket::Subscriber), &message(&[b"head", &large]), &message(&[b"next"])];
            stream.write_all(&bytes.concat()).await.expect("sent");
        });
        let (mut reader, _writer) = connect(&path, Socket::Subscriber).await.expect("connected");
        let Ok(Some(Received::Oversized { frames, dropped_bytes })) = received(&mut reader).await else {
            panic!("taken")
        };
        assert_eq!((frames, dropped_bytes), (vec![Bytes::from_static(b"head")], MESSAGE_MAX_BYTES));
        assert!(matches!(received(&mut reader).await, Ok(Some(Received::Message(frames))) if frames == ["next"]));
        writer.await.expect("the peer ended well");
    }

    #[tokio::test]
    async fn a_message_of_too_many_frames_is_cut() {
        let frames = vec![&b"x"[..]; 1000];
        let mut reader = peer_that_writes(message(&frames)).await;
        let Ok(Some(Received::Oversized { frames, .. })) = received(&mut reader).await else { panic!("taken") };
        assert_eq!(frames.len(), MESSAGE_MAX_FRAMES);
    }
}
