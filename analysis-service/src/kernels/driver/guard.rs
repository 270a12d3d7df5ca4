//! The guard of a kernel's memory: warned first, then what runs is interrupted while its variables can be kept, and only
//! above the limit the kernel is ended. What grows too fast to be seen meets the hard limit, where the machine has one.

use std::time::Duration;

use fenxi_proto::analysis::v1::{DeathCause, NoticeEvent, NoticeKind, output_event::Event};
use tokio::time::Instant;

use super::{
    Driver,
    meter::{MIB, Meter},
};
use crate::kernels::{
    machine::tree,
    state::{Interrupter, death},
};

/// The part of its limit from which on a kernel at work is measured more often, in percent.
const WATCHED_PERCENT: u64 = 75;
/// How much more often, and how often a glance is taken at one that is not near it.
const WATCHED_TIMES: u32 = 8;
/// How often one is measured that will soon be above its limit, at the most.
const LOOK_MIN: Duration = Duration::from_millis(20);
/// By when one that grows on as it does is above its limit, if it is interrupted before it is full. Code that is told to
/// stop goes on for as long as the step that it is at.
const AHEAD: Duration = Duration::from_millis(150);
/// The part of its limit from which on a kernel is warned, in percent.
const HIGH_PERCENT: u64 = 90;
/// The part of its limit from which on an execution that adds to it is interrupted, in percent.
const INTERRUPT_PERCENT: u64 = 97;
/// What a kernel needs to stop and to tell of it: an interrupt comes before less than this is left, at most a tenth of the
/// limit. A fork has to copy what it writes to.
const STOPPING_BYTES: u64 = 32 << 20;
/// What an execution must have added to be interrupted, in percent of the limit: the one that frees is let run.
const ADDED_PERCENT: u64 = 1;

/// How fast memory grows.
#[derive(Debug, Default)]
pub(super) struct Growth {
    last: Option<(Instant, u64)>,
    bytes_per_sec: u64,
}

impl Growth {
    /// So much was held then. What was seen a moment before says nothing of how fast it grows.
    fn see(&mut self, now: Instant, bytes: u64) {
        let (at, before) = *self.last.get_or_insert((now, bytes));
        let since = now.saturating_duration_since(at);
        if since < LOOK_MIN / 2 {
            return;
        }
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.bytes_per_sec = bytes.saturating_sub(before).saturating_mul(1000) / millis.max(1);
        self.last = Some((now, bytes));
    }

    /// How long until it is to be looked at again, which is not later than this, if there is room for so many bytes.
    fn next_look(&self, room_bytes: u64, most: Duration) -> Duration {
        let left = room_bytes.saturating_mul(1000).checked_div(self.bytes_per_sec).map(Duration::from_millis);
        left.map_or(most, |left| (left / 4).max(LOOK_MIN).min(most))
    }

    /// Whether it is too much for this room soon.
    fn fills_soon(&self, room_bytes: u64) -> bool {
        let millis = u64::try_from(AHEAD.as_millis()).unwrap_or(u64::MAX);
        self.bytes_per_sec.saturating_mul(millis) / 1000 > room_bytes
    }
}

impl Driver {
    /// Between two measurements, a glance at the process alone, which takes some microseconds; says whether that was enough.
    pub(super) fn glance(&mut self) -> bool {
        let now = Instant::now();
        let (Some(limit), Some(live)) = (self.kernel.limits.memory_bytes, &self.live) else { return false };
        if now >= self.meter.whole_at {
            return false;
        }
        if self.running.is_none() {
            self.meter.next_at = self.meter.whole_at;
            return true;
        }
        let Some(resident) = tree::own_resident_bytes(live.launched.process.pid()) else { return false };
        let used = self.meter.held.bytes() + resident.saturating_sub(self.meter.resident_bytes);
        self.meter.glanced.see(now, used);
        let most = self.glance_interval();
        self.meter.next_at = self.meter.whole_at.min(now + most);
        let is_far = used < limit / 100 * WATCHED_PERCENT;
        is_far && self.meter.glanced.next_look(limit.saturating_sub(used), most) == most
    }

    /// Looks again soon, however little: code runs.
    pub(super) fn glance_soon(&mut self) {
        if self.kernel.limits.memory_bytes.is_none() {
            return;
        }
        self.meter.next_at = self.meter.next_at.min(Instant::now() + self.glance_interval());
    }

    fn glance_interval(&self) -> Duration {
        self.parts.settings.sample_interval / WATCHED_TIMES
    }

    /// Does what follows from the memory that it uses.
    pub(super) async fn hold_to_memory(&mut self) {
        let Some(limit) = self.kernel.limits.memory_bytes else { return };
        let (used, percent) = (self.meter.held.bytes(), limit / 100);
        let text = |what: &str| format!("{what}: {} of {} MiB", used / MIB, limit / MIB);
        if used > limit {
            return self.kill(death(DeathCause::Memory, text("it went over its memory limit")));
        }
        let now = Instant::now();
        self.meter.growth.see(now, used);
        let most = self.glance_interval();
        let Some(running) = self.running.as_mut() else { return };
        let room = limit - used;
        let watched = used > percent * WATCHED_PERCENT;
        let looks = [&self.meter.growth, &self.meter.glanced].map(|growth| growth.next_look(room, most));
        let soon = looks.into_iter().min().filter(|_| watched).unwrap_or(most);
        self.meter.next_at = self.meter.next_at.min(now + soon);
        if used > percent * HIGH_PERCENT && !running.memory_told {
            running.memory_told = true;
            let notice = NoticeEvent { kind: NoticeKind::MemoryHigh.into(), text: text("Memory is near its limit") };
            running.work.log.append(Event::Notice(notice)).await;
        }
        // Of what an earlier service began it is not known what the kernel held before.
        let added = used.saturating_sub(*running.memory_before_bytes.get_or_insert(used));
        let stopping = STOPPING_BYTES.min(percent * 10);
        let full = (percent * INTERRUPT_PERCENT).min(limit.saturating_sub(stopping));
        let is_full = used > full || (used > percent * HIGH_PERCENT && self.meter.growth.fills_soon(room));
        if is_full && added > percent * ADDED_PERCENT {
            self.interrupt(Interrupter::Memory).await;
        }
    }

    /// Why the guard interrupts, for a person.
    pub(super) fn memory_reason(&self, what: &str) -> String {
        let limit = self.kernel.limits.memory_bytes.unwrap_or_default() / MIB;
        let used = self.meter.held.bytes() / MIB;
        format!("Memory is at {used} of {limit} MiB; {what} was sent, so that the kernel and its variables stay.")
    }
}

impl Meter {
    /// Whether a process that it started was alive when it was last looked at.
    pub(super) fn has_family(&self) -> bool {
        self.last.is_some_and(|last| last.processes > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_millis(250);

    fn growth(mib_per_sec: u64) -> Growth {
        let (now, mut growth) = (Instant::now(), Growth::default());
        growth.see(now, 100 * MIB);
        growth.see(now + Duration::from_secs(2), (100 + 2 * mib_per_sec) * MIB);
        growth
    }

    #[test]
    fn what_grows_fast_is_looked_at_before_it_is_full() {
        assert_eq!(growth(0).next_look(0, MOST), MOST, "it does not grow");
        assert_eq!(growth(100).next_look(1000 * MIB, MOST), MOST);
        assert_eq!(growth(2000).next_look(1000 * MIB, MOST), Duration::from_millis(125));
        assert_eq!(growth(2000).next_look(MIB, MOST), LOOK_MIN);
        assert_eq!(growth(2000).next_look(MIB, LOOK_MIN / 2), LOOK_MIN / 2, "more seldom than what does not grow");
    }

    #[test]
    fn what_would_soon_be_full_is_told_apart() {
        assert!(growth(2400).fills_soon(350 * MIB), "a step of 240 MB takes a tenth of a second");
        assert!(!growth(2400).fills_soon(370 * MIB) && !growth(0).fills_soon(0) && !Growth::default().fills_soon(0));
    }

    #[test]
    fn what_shrinks_does_not_grow_and_a_moment_says_nothing() {
        let mut growth = growth(2400);
        growth.see(Instant::now() + Duration::from_secs(3), 0);
        assert!(!growth.fills_soon(MIB));
        growth.see(Instant::now() + Duration::from_millis(3_001), 4000 * MIB);
        assert!(!growth.fills_soon(MIB));
    }
}
