//! The exchange with one kernel: its sockets on one side, on the other the service that is there now, or none. A kernel's
//! messages are numbered and kept; a request goes to the kernel whole or not at all.

use std::{io, path::Path, sync::Arc};

use bytes::Bytes;
use fenxi_sockets::WriteHalf;
use nix::time::{ClockId, clock_gettime};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use crate::{
    channels::{Channels, Outgoing},
    frames::{Frames, frame},
    journal::Journal,
    protocol::{Ask, Asked, Channel, Closed, Conversing, Heard, Oversized, Send, Tell, Told},
    room::Common,
    zmtp::{Reader, Received},
};

/// Services that may wait to take part; there is one.
const LISTENERS_MAX: usize = 4;

/// Who takes part for the service: the way to it, the number of what it asked for, and what comes from it.
pub(crate) type Listener = (WriteHalf, u64, Frames);

/// A running conversation. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Conversation {
    listeners: mpsc::Sender<Listener>,
}

impl Conversation {
    /// Connects to a kernel's sockets, waiting for them until `deadline`, and listens from then on. `common` is the room that
    /// all kernels share.
    ///
    /// # Errors
    /// There are no sockets in time, or they do not work.
    pub(crate) async fn open(prefix: &Path, deadline: Instant, common: Common) -> io::Result<Self> {
        let Channels { readers, outgoing } = Channels::open(prefix, deadline).await?;
        let journal = Arc::new(Journal::new(common));
        let mut tasks = JoinSet::new();
        for (channel, reader) in readers {
            tasks.spawn(listen(channel, reader, Arc::clone(&journal)));
        }
        let (listeners, waiting) = mpsc::channel(LISTENERS_MAX);
        let talk = Talk {
            outgoing,
            journal,
            waiting,
            last_tag: Bytes::new(),
            last_note: Bytes::new(),
            tagged_at: None,
            memo: Bytes::new(),
            _tasks: tasks,
        };
        tokio::spawn(talk.run());
        Ok(Self { listeners })
    }

    /// Takes the service's socket in place of a former one.
    pub(crate) async fn attach(&self, listener: Listener) {
        // The task lives as long as this.
        let _ = self.listeners.send(listener).await;
    }
}

/// Reads one channel to its end.
async fn listen(channel: Channel, mut reader: Reader, journal: Arc<Journal>) {
    let channel = channel.into();
    loop {
        let Ok(Some((received, room))) = reader.receive(&journal).await else {
            let room = journal.room(0).await;
            return journal.add(room, |number| Told::Closed(Closed { number, channel }));
        };
        journal.add(room, |number| match received {
            Received::Message(frames) => Told::Heard(Heard { number, channel, frames, time: unix_micros() }),
            Received::Oversized { frames, dropped_bytes } => {
                Told::Oversized(Oversized { number, channel, frames, dropped_bytes })
            }
        });
    }
}

/// The time in microseconds since 1970 in UTC, as another service, later, has it too.
fn unix_micros() -> i64 {
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |time| time.tv_sec() * 1_000_000 + time.tv_nsec() / 1_000)
}

/// The task of a conversation.
struct Talk {
    outgoing: Vec<(Channel, Outgoing)>,
    journal: Arc<Journal>,
    waiting: mpsc::Receiver<Listener>,
    last_tag: Bytes,
    last_note: Bytes,
    /// When the newest request with a tag was sent.
    tagged_at: Option<Instant>,
    memo: Bytes,
    _tasks: JoinSet<()>,
}

enum Wake {
    Listener(Option<Listener>),
    Asked(io::Result<Option<Ask>>),
    Unheard,
    Sent,
}

impl Talk {
    async fn run(mut self) {
        let mut listener: Option<(WriteHalf, Frames)> = None;
        let mut behind = false;
        loop {
            match self.wake(&mut listener, behind).await {
                Wake::Listener(None) => return,
                Wake::Listener(Some((stream, id, frames))) => {
                    if let Some((_, frames)) = listener {
                        self.hear_out(frames).await;
                    }
                    let conversing = Conversing {
                        last_tag: self.last_tag.clone(),
                        last_number: Some(self.journal.last_number()),
                        last_note: self.last_note.clone(),
                        last_tag_age_ms: self.tagged_at.and_then(|at| u64::try_from(at.elapsed().as_millis()).ok()),
                        memo: self.memo.clone(),
                    };
                    let told = frame(&Tell::new(id, Told::Conversing(conversing)));
                    // A new socket has room for so little.
                    listener = stream.write(&told).await.is_ok().then_some((stream, frames));
                    behind = false;
                    self.journal.rewind();
                }
                Wake::Asked(Ok(Some(Ask { asked: Some(asked), .. }))) => self.take(asked),
                Wake::Asked(Ok(Some(_))) => {}
                Wake::Asked(Ok(None) | Err(_)) => listener = None,
                Wake::Unheard => {
                    // Where the socket is broken, the reading half tells.
                    behind = listener.as_ref().is_some_and(|(stream, _)| !self.journal.send(stream).unwrap_or(true));
                }
                Wake::Sent => {}
            }
        }
    }

    async fn wake(&mut self, listener: &mut Option<(WriteHalf, Frames)>, behind: bool) -> Wake {
        // A kernel that takes no more requests is not asked more.
        let full = self.outgoing.iter().any(|(_, outgoing)| outgoing.is_full());
        let (stream, frames) = listener.as_mut().map(|(stream, frames)| (&*stream, frames)).unzip();
        let asked = async {
            match frames {
                Some(frames) if !full => frames.next().await,
                _ => std::future::pending().await,
            }
        };
        let unheard = async {
            match stream {
                Some(stream) if behind => drop(stream.room().await),
                Some(_) => self.journal.news().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            listener = self.waiting.recv() => Wake::Listener(listener),
            () = sent(&mut self.outgoing) => Wake::Sent,
            asked = asked => Wake::Asked(asked),
            () = unheard => Wake::Unheard,
        }
    }

    /// Takes what a service had asked for before the next one came, and is not read yet: it may have written down that it
    /// did. No more than a socket holds.
    async fn hear_out(&mut self, mut frames: Frames) {
        loop {
            let asked = tokio::select! {
                biased;
                asked = frames.next() => asked,
                // By then the runtime has looked whether there is more.
                () = tokio::task::yield_now() => return,
            };
            match asked {
                Ok(Some(Ask { asked: Some(asked), .. })) => self.take(asked),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn take(&mut self, asked: Asked) {
        match asked {
            Asked::Send(Send { channel, frames, tag, acknowledged, note, memo }) => {
                self.journal.acknowledge(acknowledged);
                let Some((_, outgoing)) = self.outgoing.iter_mut().find(|(open, _)| i32::from(*open) == channel) else {
                    return;
                };
                outgoing.send(&frames);
                if !tag.is_empty() {
                    (self.tagged_at, self.memo) = (Some(Instant::now()), Bytes::new());
                }
                let lasts = [&mut self.last_tag, &mut self.last_note, &mut self.memo];
                for (new, last) in [tag, note, memo].into_iter().zip(lasts) {
                    if !new.is_empty() {
                        // A copy: the frame it came in is larger.
                        *last = Bytes::copy_from_slice(&new);
                    }
                }
            }
            Asked::Acknowledge(number) => self.journal.acknowledge(number),
            Asked::Remember(memo) => self.memo = Bytes::copy_from_slice(&memo),
            Asked::BelongsTo(owner) => self.journal.allowance().belongs_to(&owner),
            _ => {}
        }
    }
}

/// Sends on what a kernel did not take at once; never ends where nothing waits.
async fn sent(outgoing: &mut [(Channel, Outgoing)]) {
    match outgoing.iter_mut().find(|(_, outgoing)| outgoing.is_behind()) {
        Some((_, outgoing)) => outgoing.go_on().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fenxi_sockets::halves;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{UnixListener, UnixStream},
        sync::oneshot,
    };

    use super::*;
    use crate::{
        sockets::socket_path,
        zmtp::{self, peer},
    };

    const LIMIT: Duration = Duration::from_secs(60);
    /// More than the little that counts as nobody's.
    const SAID_BYTES: usize = 2 << 20;

    /// A kernel's sockets. On iopub it says something when it is asked for the first time.
    fn kernel(prefix: &Path) -> JoinSet<UnixStream> {
        let (mut peers, (asked, told)) = (JoinSet::new(), oneshot::channel());
        let (mut asked, mut told) = (Some(asked), Some(told));
        for channel in [Channel::Iopub, Channel::Shell, Channel::Stdin, Channel::Control] {
            let socket = UnixListener::bind(socket_path(prefix, channel as u8)).expect("a socket");
            let asked = asked.take_if(|_| channel == Channel::Shell);
            let told = told.take_if(|_| channel == Channel::Iopub);
            peers.spawn(async move {
                let mut stream = peer(&socket).await;
                if let Some(told) = told {
                    told.await.expect("asked");
                    stream.write_all(&zmtp::message(&[vec![7; SAID_BYTES].into()])).await.expect("sent");
                }
                stream.read_u8().await.ok();
                asked.map(|asked| asked.send(())).transpose().expect("iopub waits");
                stream
            });
        }
        peers
    }

    /// What a service that takes part is told, and its way to the conversation.
    async fn service(conversation: &Conversation, number: u64) -> (Frames, WriteHalf) {
        let (service, ours) = UnixStream::pair().expect("a pair");
        let (read, write) = halves(ours).expect("halves");
        conversation.attach((write, number, Frames::of(read))).await;
        let (read, write) = halves(service).expect("halves");
        (Frames::of(read), write)
    }

    #[tokio::test]
    async fn what_a_kernel_says_counts_as_its_owners_once_that_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (prefix, common) = (folder.path().join("k"), Common::new());
        let _kernel = kernel(&prefix);
        let conversation = Conversation::open(&prefix, Instant::now() + LIMIT, common.clone()).await.expect("a kernel");
        let (_frames, service) = service(&conversation, 1).await;
        let request = Send { channel: Channel::Shell.into(), frames: vec!["x".into()], ..Send::default() };
        for asked in [Asked::BelongsTo("a".into()), Asked::Send(request)] {
            service.write(&frame(&Ask::new(0, asked))).await.expect("written");
        }
        let said = async {
            while common.taken_kib("a") != (SAID_BYTES >> 10, SAID_BYTES >> 10) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, said).await.expect("it is another's");
    }

    #[tokio::test]
    async fn what_a_service_had_asked_for_is_done_though_the_next_one_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let prefix = folder.path().join("k");
        let _kernel = kernel(&prefix);
        let conversation = Conversation::open(&prefix, Instant::now() + LIMIT, Common::new()).await.expect("a kernel");
        let mut last_note = Bytes::new();
        for number in 1_u64..=20 {
            let (mut frames, service) = service(&conversation, number).await;
            let told = tokio::time::timeout(LIMIT, frames.next::<Tell>()).await.expect("an answer");
            let Ok(Some(Tell { told: Some(Told::Conversing(Conversing { last_note: told, .. })), .. })) = told else {
                panic!("something else")
            };
            assert_eq!(told, last_note);
            last_note = number.to_string().into();
            let request = Send { channel: Channel::Stdin.into(), note: last_note.clone(), ..Send::default() };
            // It has died when the next one comes, before anybody looks.
            service.write(&frame(&Ask::new(0, Asked::Send(request)))).await.expect("written");
        }
    }
}
