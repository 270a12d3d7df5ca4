//! The guard of a kernel's memory: warned first, then what runs is interrupted while its variables can be kept, and only
//! above the limit the kernel is ended. What grows too fast to be seen meets the hard limit, where the machine has one.

use fenxi_proto::analysis::v1::{DeathCause, NoticeEvent, NoticeKind, output_event::Event};
use tokio::time::Instant;

use super::{
    Driver,
    meter::{MIB, Meter},
};
use crate::kernels::state::{Interrupter, death};

/// The part of its limit from which on a kernel at work is measured more often, in percent.
const WATCHED_PERCENT: u64 = 75;
/// How much more often.
const WATCHED_TIMES: u32 = 8;
/// The part of its limit from which on a kernel is warned, in percent.
const HIGH_PERCENT: u64 = 90;
/// The part of its limit from which on an execution that adds to it is interrupted, in percent.
const INTERRUPT_PERCENT: u64 = 97;
/// What a kernel needs to stop and to tell of it: an interrupt comes before less than this is left, at most a tenth of the
/// limit. A fork has to copy what it writes to.
const STOPPING_BYTES: u64 = 32 << 20;
/// What an execution must have added to be interrupted, in percent of the limit: the one that frees is let run.
const ADDED_PERCENT: u64 = 1;

impl Driver {
    /// Does what follows from the memory that it uses.
    pub(super) async fn hold_to_memory(&mut self) {
        let Some(limit) = self.kernel.limits.memory_bytes else { return };
        let (used, percent) = (self.meter.held.bytes(), limit / 100);
        let text = |what: &str| format!("{what}: {} of {} MiB", used / MIB, limit / MIB);
        if used > limit {
            return self.kill(death(DeathCause::Memory, text("it went over its memory limit")));
        }
        let Some(running) = self.running.as_mut() else { return };
        if used > percent * WATCHED_PERCENT {
            let soon = Instant::now() + self.parts.settings.sample_interval / WATCHED_TIMES;
            self.meter.next_at = self.meter.next_at.min(soon);
        }
        if used > percent * HIGH_PERCENT && !running.memory_told {
            running.memory_told = true;
            let notice = NoticeEvent { kind: NoticeKind::MemoryHigh.into(), text: text("Memory is near its limit") };
            running.work.log.append(Event::Notice(notice)).await;
        }
        // Of what an earlier service began it is not known what the kernel held before.
        let added = used.saturating_sub(*running.memory_before_bytes.get_or_insert(used));
        let stopping = STOPPING_BYTES.min(percent * 10);
        let full = (percent * INTERRUPT_PERCENT).min(limit.saturating_sub(stopping));
        if used > full && added > percent * ADDED_PERCENT {
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
