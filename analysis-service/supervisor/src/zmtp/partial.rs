//! A message that is on its way, and its room.

use bytes::Bytes;
use tokio::time::Instant;

use super::{MESSAGE_MAX_BYTES, Patience, Received};
use crate::{journal::Journal, room::Room};

/// The most frames of one message.
pub(super) const MESSAGE_MAX_FRAMES: usize = 64;
/// What is read of a message before there is room for it in the kernel's journal.
const UNCOUNTED_MAX_BYTES: u64 = 256 * 1024;

/// What has been read of a message.
#[derive(Default)]
pub(super) struct Partial {
    frames: Vec<Bytes>,
    kept: u64,
    pub(super) dropped: u64,
    /// Room for it, once it is more than a little, and when it is to be whole.
    room: Option<(Room, Instant)>,
}

impl Partial {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.dropped == 0
    }

    /// Whether a frame of this length is kept.
    pub(super) fn takes(&self, len: u64) -> bool {
        let fits = self.kept.saturating_add(len) <= MESSAGE_MAX_BYTES && self.frames.len() < MESSAGE_MAX_FRAMES;
        self.dropped == 0 && fits
    }

    /// Waits for room for the message if this frame makes it a large one: all of it at once, also for what may follow. A
    /// kernel that waits for more while it has some, could wait for others of its owner that do the same.
    pub(super) async fn make_room(&mut self, journal: &Journal, len: u64, last: bool, patience: Patience) {
        let bytes = self.kept + len;
        if self.room.is_none() && bytes > UNCOUNTED_MAX_BYTES {
            let most = if last { bytes } else { MESSAGE_MAX_BYTES };
            let room = journal.allowance().announce(usize::try_from(most).unwrap_or(usize::MAX)).await;
            self.room = Some((room, patience.until(most)));
        }
    }

    /// Waits until so many bytes of a frame may come to what has come of a large message before. The kernel is given the
    /// time for that.
    pub(super) async fn count(&mut self, journal: &Journal, coming: u64) {
        if let Some((room, until)) = &mut self.room {
            let asked = Instant::now();
            let bytes = usize::try_from(self.kept + coming).unwrap_or(usize::MAX);
            journal.allowance().count(room, bytes).await;
            *until += asked.elapsed();
        }
    }

    /// When it is to be whole; `None` while it has no room.
    pub(super) fn until(&self) -> Option<Instant> {
        self.room.as_ref().map(|(_, until)| *until)
    }

    pub(super) fn add(&mut self, frame: Bytes) {
        self.kept += frame.len() as u64;
        self.frames.push(frame);
    }

    /// Drops all but its first frames, which say what it belongs to, and gives its room back.
    pub(super) fn give_up(&mut self) {
        while self.kept > UNCOUNTED_MAX_BYTES
            && let Some(frame) = self.frames.pop()
        {
            self.kept -= frame.len() as u64;
            self.dropped += frame.len() as u64;
        }
        self.room = None;
    }

    pub(super) async fn whole(self, journal: &Journal) -> (Received, Room) {
        let bytes = usize::try_from(self.kept).unwrap_or(usize::MAX);
        let room = match self.room {
            Some((mut room, _)) => {
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
