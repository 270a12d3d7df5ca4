//! The service's side of the exchange with one kernel.

use std::{collections::VecDeque, io, path::Path, time::Duration};

use bytes::Bytes;
use fenxi_sockets::{WriteHalf, halves};
use tokio::{net::UnixStream, time::timeout};

use super::odd;
use crate::{
    frames::{Frames, frame},
    protocol::{Ask, Asked, Channel, Closed, Converse, Conversing, Heard as ToldHeard, Oversized, Send, Tell, Told},
};

/// Requests not yet taken by the supervisor.
const OUTGOING_MAX_COUNT: usize = 64;
/// How much longer than the sockets may take the answer may.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// Something that came from the kernel, with its number, which counts over all channels from 1.
#[derive(Debug)]
pub enum Heard {
    /// A message, and when it came, in microseconds since 1970 in UTC. Not known under a supervisor of an earlier version.
    Message(u64, Channel, Vec<Bytes>, Option<i64>),
    /// A message above the limit: its number, the frames before the limit, and how many bytes were dropped.
    Oversized(u64, Channel, Vec<Bytes>, u64),
    /// A channel was closed by the kernel, or broke.
    Closed(u64, Channel),
}

/// A request could not be handed over: the kernel takes none, or the supervisor has gone.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the kernel takes no requests")]
pub struct NotSent;

/// What a later service is told of a request; empty for nothing. The newest tag and the newest note are kept.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    /// Of what is to be run.
    pub tag: Bytes,
    /// Of what was answered.
    pub note: Bytes,
    /// Beside the newest tag, in place of the one before.
    pub memo: Bytes,
}

/// The sending half of the exchange.
#[derive(Debug)]
pub struct Talk {
    stream: WriteHalf,
    frames: Option<Frames>,
    /// The tag of the newest request with one that an earlier service sent, if any.
    last_tag: Bytes,
    /// How long ago that was sent, if the supervisor tells it.
    last_tag_age: Option<Duration>,
    /// The newest memo since then; empty for none.
    memo: Bytes,
    /// The note beside the newest request with one.
    last_note: Bytes,
    /// The newest message that the kernel had said before, if the supervisor tells it.
    last_number: Option<u64>,
    /// Frames that the socket did not take yet; of the first, what is left of it.
    unsent: VecDeque<Bytes>,
    broken: bool,
}

/// The receiving half.
#[derive(Debug)]
pub struct Hearing(Frames);

impl Talk {
    pub(super) async fn begin(socket: &Path, child: u64, prefix: &Path, wait: Duration) -> io::Result<Self> {
        let prefix = prefix.to_str().ok_or_else(|| io::Error::other("a path is no text"))?.to_owned();
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let key = super::link::read_key(socket).await?;
        let (read, stream) = halves(UnixStream::connect(socket).await?)?;
        stream.write(&frame(&Ask::new(0, Asked::Converse(Converse { child, prefix, wait_ms, key })))).await?;
        let mut frames = Frames::of(read);
        let told = timeout(wait.saturating_add(ANSWER_GRACE), frames.next::<Tell>()).await??;
        match told.and_then(|tell| tell.told) {
            Some(Told::Conversing(Conversing { last_tag, last_number, last_note, last_tag_age_ms, memo })) => {
                Ok(Self {
                    stream,
                    frames: Some(frames),
                    last_tag,
                    last_tag_age: last_tag_age_ms.map(Duration::from_millis),
                    memo,
                    last_note,
                    last_number,
                    unsent: VecDeque::new(),
                    broken: false,
                })
            }
            Some(Told::Failed(failed)) => Err(failed.into_error()),
            _ => Err(odd()),
        }
    }

    /// The tag of the newest request with one that was sent to this kernel; empty for none.
    #[must_use]
    pub fn last_tag(&self) -> &[u8] {
        &self.last_tag
    }

    /// How long before this talk began that was sent.
    #[must_use]
    pub fn last_tag_age(&self) -> Option<Duration> {
        self.last_tag_age
    }

    /// The newest memo since then; empty for none, and under a supervisor of an earlier version.
    #[must_use]
    pub fn memo(&self) -> &[u8] {
        &self.memo
    }

    /// The note beside the newest request with one that was sent to this kernel; empty for none.
    #[must_use]
    pub fn last_note(&self) -> &[u8] {
        &self.last_note
    }

    /// Whether a message of this number was said since this talk began, for all that is known.
    #[must_use]
    pub fn is_new(&self, number: u64) -> bool {
        self.last_number.is_some_and(|last| number > last)
    }

    /// The receiving half, once.
    pub fn hearing(&mut self) -> Option<Hearing> {
        self.frames.take().map(Hearing)
    }

    /// Sends a message whole or not at all. With a tag or a note, a service that comes later is told it; everything up to
    /// `acknowledged` need not be kept.
    ///
    /// # Errors
    /// The kernel takes no more, or the supervisor has gone.
    pub fn send(&mut self, channel: Channel, frames: Vec<Bytes>, mark: Mark, acknowledged: u64) -> Result<(), NotSent> {
        if self.unsent.len() >= OUTGOING_MAX_COUNT {
            return Err(NotSent);
        }
        let Mark { tag, note, memo } = mark;
        self.hand_over(Asked::Send(Send { channel: channel.into(), frames, tag, acknowledged, note, memo }));
        if self.broken { Err(NotSent) } else { Ok(()) }
    }

    /// Everything up to this number need not be kept. With a memo, a service that comes later is told that in place of the
    /// one before; it has it no later than it misses what is not kept.
    pub fn acknowledge(&mut self, number: u64, memo: Bytes) {
        // Neither is refused where requests are: they are small, and the one is what lets the kernel go on.
        if !memo.is_empty() {
            self.hand_over(Asked::Remember(memo));
        }
        self.hand_over(Asked::Acknowledge(number));
    }

    /// From here on the kernel is of this owner, whose kernels share what the supervisor keeps of them.
    pub fn belongs_to(&mut self, owner: String) {
        self.hand_over(Asked::BelongsTo(owner));
    }

    /// Whether there is something that the socket did not take.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends more once the socket takes more. Cancel-safe.
    pub async fn go_on(&mut self) {
        self.broken |= self.stream.room().await.is_err();
        self.push();
    }

    fn hand_over(&mut self, asked: Asked) {
        if self.broken {
            return;
        }
        self.unsent.push_back(frame(&Ask::new(0, asked)));
        if self.unsent.len() == 1 {
            self.push();
        }
    }

    fn push(&mut self) {
        while let Some(first) = self.unsent.front_mut().filter(|_| !self.broken) {
            match self.stream.push(first) {
                Ok(written) if written == first.len() => drop(self.unsent.pop_front()),
                Ok(written) => {
                    let _ = first.split_to(written);
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

impl Hearing {
    /// The next thing that came; `None` when the supervisor has gone. Cancel-safe.
    ///
    /// # Errors
    /// What came is not understood.
    pub async fn next(&mut self) -> io::Result<Option<Heard>> {
        let channel = |number: i32| Channel::try_from(number).map_err(|_| odd());
        let Some(tell) = self.0.next::<Tell>().await? else { return Ok(None) };
        Ok(Some(match tell.told {
            Some(Told::Heard(ToldHeard { number, channel: on, frames, time })) => {
                Heard::Message(number, channel(on)?, frames, Some(time).filter(|time| *time > 0))
            }
            Some(Told::Oversized(Oversized { number, channel: on, frames, dropped_bytes })) => {
                Heard::Oversized(number, channel(on)?, frames, dropped_bytes)
            }
            Some(Told::Closed(Closed { number, channel: on })) => Heard::Closed(number, channel(on)?),
            _ => return Err(odd()),
        }))
    }
}
