//! What one kernel said and the service has not yet written down: numbered, bounded, sent to whoever listens now, and
//! sent again from its beginning to who listens next.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::{net::UnixStream, sync::Notify};

use crate::{
    frames::{frame, push},
    protocol::{Tell, Told},
    room::{Allowance, Common, Room},
};

/// The journal of one kernel.
#[derive(Debug)]
pub(crate) struct Journal {
    inner: Mutex<Inner>,
    /// Told when the listener's socket takes no more.
    behind: Notify,
    allowance: Allowance,
}

#[derive(Debug, Default)]
struct Inner {
    kept: VecDeque<Entry>,
    last_number: u64,
    /// Entries of `kept` that the listener has whole.
    sent: usize,
    /// What it has of the next one, in bytes.
    offset: usize,
    listener: Option<Arc<UnixStream>>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    frame: Bytes,
    _room: Room,
}

impl Journal {
    /// An empty one; `common` is what all journals share.
    pub(crate) fn new(common: Common) -> Self {
        Self { inner: Mutex::default(), behind: Notify::new(), allowance: Allowance::new(common) }
    }

    /// Where there is room for what comes.
    pub(crate) fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// Waits for room for a message of so many bytes.
    pub(crate) async fn room(&self, bytes: usize) -> Room {
        let mut room = self.allowance.announce(bytes).await;
        self.allowance.count(&mut room, bytes).await;
        room
    }

    /// Room that is taken of the kernel's own, in units of 1 KiB.
    #[cfg(test)]
    pub(crate) fn taken_kib(&self) -> usize {
        self.allowance.taken_kib()
    }

    /// Keeps what came, under the next number, and sends it if somebody listens.
    pub(crate) fn add(&self, room: Room, told: impl FnOnce(u64) -> Told) {
        let mut inner = self.inner();
        inner.last_number += 1;
        let number = inner.last_number;
        inner.kept.push_back(Entry { number, frame: frame(&Tell::new(0, told(number))), _room: room });
        self.send(&mut inner);
    }

    /// The number of the newest that came; 0 for none.
    pub(crate) fn last_number(&self) -> u64 {
        self.inner().last_number
    }

    /// Forgets what came up to this number.
    pub(crate) fn acknowledge(&self, number: u64) {
        let mut inner = self.inner();
        while inner.sent > 0 && inner.kept.front().is_some_and(|entry| entry.number <= number) {
            inner.kept.pop_front();
            inner.sent -= 1;
        }
    }

    /// From here on, who is at the other end of this listens: all that is kept is sent.
    pub(crate) fn attach(&self, listener: Arc<UnixStream>) {
        let mut inner = self.inner();
        (inner.listener, inner.sent, inner.offset) = (Some(listener), 0, 0);
        self.send(&mut inner);
    }

    /// Nobody listens any more.
    pub(crate) fn detach(&self) {
        self.inner().listener = None;
    }

    /// Waits until the listener's socket takes no more. Cancel-safe.
    pub(crate) async fn behind(&self) {
        self.behind.notified().await;
    }

    /// Sends on, now that the listener's socket takes more.
    pub(crate) fn go_on(&self) {
        self.send(&mut self.inner());
    }

    fn send(&self, inner: &mut Inner) {
        let Some(listener) = inner.listener.clone() else { return };
        while let Some(entry) = inner.kept.get(inner.sent) {
            let rest = entry.frame.get(inner.offset..).unwrap_or_default();
            let (length, written) = (rest.len(), push(&listener, rest));
            match written {
                Ok(written) if written == length => (inner.sent, inner.offset) = (inner.sent + 1, 0),
                Ok(written) => {
                    inner.offset += written;
                    return self.behind.notify_one();
                }
                // Its reading half tells the conversation.
                Err(_) => return inner.listener = None,
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{frames::Frames, protocol::Closed, room::FLOOR_KIB};

    async fn say(journal: &Journal) {
        let room = journal.room(100).await;
        journal.add(room, |number| Told::Closed(Closed { number, channel: 1 }));
    }

    async fn heard(stream: &UnixStream, count: usize) -> Vec<u64> {
        let (mut frames, mut numbers) = (Frames::default(), Vec::new());
        for _ in 0..count {
            let tell: Tell = frames.next(stream).await.expect("a frame").expect("a message");
            let Some(Told::Closed(closed)) = tell.told else { panic!("something else") };
            numbers.push(closed.number);
        }
        numbers
    }

    #[tokio::test]
    async fn who_comes_later_hears_what_is_not_acknowledged_and_what_follows() {
        let journal = Journal::new(Common::new());
        for _ in 0..3 {
            say(&journal).await;
        }
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        journal.attach(Arc::new(ours));
        assert_eq!(heard(&theirs, 3).await, [1, 2, 3]);
        journal.acknowledge(2);
        journal.detach();
        say(&journal).await;
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        journal.attach(Arc::new(ours));
        say(&journal).await;
        assert_eq!(heard(&theirs, 3).await, [3, 4, 5]);
    }

    #[tokio::test]
    async fn what_is_acknowledged_gives_its_room_back_and_what_was_not_sent_stays() {
        let journal = Journal::new(Common::new());
        let left = || journal.taken_kib();
        say(&journal).await;
        journal.acknowledge(1);
        assert_eq!(left(), 1, "nobody has heard it yet");
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        journal.attach(Arc::new(ours));
        assert_eq!(heard(&theirs, 1).await, [1]);
        journal.acknowledge(1);
        assert_eq!(left(), 0);
    }

    #[tokio::test]
    async fn a_kernel_can_say_a_little_however_much_others_have_said() {
        let journal = Journal::new(Common::of(0));
        // The one that may be beyond.
        let _beyond = journal.room(FLOOR_KIB * 1024 + 1).await;
        let journal = Journal::new(journal.allowance().common());
        say(&journal).await;
        let more = journal.room(FLOOR_KIB * 1024);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(50), more).await.is_err(), "there is no limit");
    }
}
