//! What one kernel said and the service has not yet written down: numbered, bounded, sent to whoever listens now, and
//! sent again from its beginning to who listens next.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use fenxi_sockets::WriteHalf;
use tokio::{sync::Notify, time::Instant};

use crate::{
    frames::frame,
    hold::Hold,
    protocol::{Tell, Told},
    room::{Allowance, Common, Room},
};

/// Entries that are handed to the socket at once.
const PARTS_MAX: usize = 64;

/// The journal of one kernel.
#[derive(Debug)]
pub(crate) struct Journal {
    inner: Mutex<Inner>,
    /// Told when there is something to be sent.
    news: Notify,
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
    /// How long what it does not have yet waits.
    hold: Hold,
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
        Self { inner: Mutex::default(), news: Notify::new(), allowance: Allowance::new(common) }
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

    /// Keeps what came, under the next number. Who waits for [`Journal::news`] sends it, so that what came together leaves
    /// together.
    pub(crate) fn add(&self, room: Room, told: impl FnOnce(u64) -> Told) {
        let mut inner = self.inner();
        inner.last_number += 1;
        let number = inner.last_number;
        let told = told(number);
        inner.hold.came(&told, Instant::now());
        inner.kept.push_back(Entry { number, frame: frame(&Tell::new(0, told)), _room: room });
        self.news.notify_one();
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

    /// Somebody else listens from here on: all that is kept is to be sent.
    pub(crate) fn rewind(&self) {
        let mut inner = self.inner();
        (inner.sent, inner.offset) = (0, 0);
        inner.hold.end();
        self.news.notify_one();
    }

    /// Waits until there is something that is to be sent by now. Cancel-safe.
    pub(crate) async fn news(&self) {
        loop {
            let due = self.inner().hold.due();
            tokio::select! {
                biased;
                () = due.come() => return,
                () = self.news.notified() => {}
            }
        }
    }

    /// Sends the listener what it does not have yet; says whether it takes all of that now.
    ///
    /// # Errors
    /// Its socket is broken.
    pub(crate) fn send(&self, listener: &WriteHalf) -> io::Result<bool> {
        let mut inner = self.inner();
        inner.hold.left();
        while inner.sent < inner.kept.len() {
            let mut parts = [IoSlice::new(&[]); PARTS_MAX];
            let entries = inner.kept.range(inner.sent..);
            let count = parts.iter_mut().zip(entries).map(|(part, entry)| *part = IoSlice::new(&entry.frame)).count();
            parts[0].advance(inner.offset);
            match listener.push_parts(&parts[..count])? {
                0 => return Ok(false),
                written => inner.count(written),
            }
        }
        Ok(true)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The listener has so many bytes more.
    fn count(&mut self, written: usize) {
        self.offset += written;
        while let Some(entry) = self.kept.get(self.sent).filter(|entry| entry.frame.len() <= self.offset) {
            self.offset -= entry.frame.len();
            self.sent += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use fenxi_sockets::halves;
    use tokio::net::UnixStream;

    use super::*;
    use crate::{
        frames::Frames,
        protocol::{Channel, Closed, Heard},
        room::FLOOR_KIB,
    };

    async fn say(journal: &Journal) {
        let room = journal.room(100).await;
        journal.add(room, |number| Told::Closed(Closed { number, channel: 1 }));
    }

    /// A listener, and what comes to it.
    fn listener() -> (WriteHalf, Frames) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        (halves(ours).expect("halves").1, Frames::of(halves(theirs).expect("halves").0))
    }

    async fn heard(frames: &mut Frames, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            let tell: Tell = frames.next().await.expect("a frame").expect("a message");
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
        let (to, mut frames) = listener();
        assert!(journal.send(&to).expect("sent"));
        assert_eq!(heard(&mut frames, 3).await, [1, 2, 3]);
        journal.acknowledge(2);
        say(&journal).await;
        journal.rewind();
        let (to, mut frames) = listener();
        assert!(journal.send(&to).expect("sent"));
        say(&journal).await;
        journal.news().await;
        assert!(journal.send(&to).expect("sent"));
        assert_eq!(heard(&mut frames, 3).await, [3, 4, 5]);
    }

    #[tokio::test]
    async fn what_is_said_leaves_at_its_end_without_a_wait() {
        let journal = Journal::new(Common::new());
        let idle = r#"{"execution_state": "idle"}"#;
        for (channel, content) in [(Channel::Iopub, "{}"), (Channel::Iopub, idle), (Channel::Shell, "{}")] {
            let room = journal.room(100).await;
            let frames = ["parent", "{}", content].map(|frame| Bytes::from_static(frame.as_bytes())).into();
            let channel = channel.into();
            journal.add(room, |number| Told::Heard(Heard { number, channel, frames, time: 1 }));
        }
        let leaves = tokio::select! {
            biased;
            () = journal.news() => true,
            () = std::future::ready(()) => false,
        };
        assert!(leaves, "it waits for more");
    }

    #[tokio::test]
    async fn what_is_acknowledged_gives_its_room_back_and_what_was_not_sent_stays() {
        let journal = Journal::new(Common::new());
        let left = || journal.taken_kib();
        say(&journal).await;
        journal.acknowledge(1);
        assert_eq!(left(), 1, "nobody has heard it yet");
        let (to, mut frames) = listener();
        assert!(journal.send(&to).expect("sent"));
        assert_eq!(heard(&mut frames, 1).await, [1]);
        journal.acknowledge(1);
        assert_eq!(left(), 0);
    }

    #[tokio::test]
    async fn a_listener_that_takes_no_more_gets_the_rest_once_it_does() {
        // Many that go at once and one that is longer than what a socket holds, so that each is cut somewhere.
        let (journal, count) = (Journal::new(Common::new()), 3 * PARTS_MAX);
        let (to, mut frames) = listener();
        for number in 0..count {
            let bytes = if number == PARTS_MAX { 2 << 20 } else { 5_000 };
            let frames = vec![vec![u8::try_from(number % 251).expect("small"); bytes].into()];
            let room = journal.room(bytes).await;
            journal.add(room, |number| Told::Heard(Heard { number, channel: 1, frames, ..Heard::default() }));
        }
        assert!(!journal.send(&to).expect("sent"), "a socket holds all of it");
        let sending = async {
            while !journal.send(&to).expect("sent") {
                to.room().await.expect("a socket");
            }
        };
        let hearing = async {
            for number in 0..count {
                let tell: Tell = frames.next().await.expect("a frame").expect("a message");
                let Some(Told::Heard(heard)) = tell.told else { panic!("something else") };
                assert_eq!(heard.number, number as u64 + 1);
                assert!(heard.frames[0].iter().all(|byte| usize::from(*byte) == number % 251));
            }
        };
        tokio::join!(sending, hearing);
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
