//! What a kernel uses: memory against its limit, processor time as a sign of life, idleness to its end.

use std::{sync::Arc, time::Duration};

use fenxi_chassis::clock::micros;
use fenxi_proto::analysis::v1::{DeathCause, NoticeEvent, NoticeKind, output_event::Event};
use nix::unistd::Pid;
use tokio::{task::JoinHandle, time::Instant};

use super::{Driver, Parts};
use crate::kernels::{
    process::tree::{self, Usage},
    state::{State, death},
};

/// The part of one processor's time from which on a kernel is at work, in percent: an idle one's threads use 0.002.
const WORKING_CPU_PERCENT: u32 = 1;
/// The part of its memory limit from which on a kernel is warned, in percent.
const MEMORY_HIGH_PERCENT: u64 = 90;
const MIB: u64 = 1 << 20;

/// What was measured so far of one process.
pub(super) struct Meter {
    pub(super) next_at: Instant,
    pub(super) peak_bytes: u64,
    /// The machine's count of processes killed for want of memory, when it was last looked at.
    pub(super) memory_kills: u64,
    /// Its processor time when it was last measured.
    cpu: Option<Duration>,
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(Duration::ZERO)
    }
}

impl Meter {
    pub(super) fn new(interval: Duration) -> Self {
        Self { next_at: Instant::now() + interval, peak_bytes: 0, memory_kills: u64::MAX, cpu: None }
    }

    pub(super) fn saw(&mut self, usage: Usage) {
        self.peak_bytes = self.peak_bytes.max(usage.resident_bytes);
        self.cpu = Some(usage.cpu);
    }
}

/// The machine's count of processes killed for want of memory; read on a thread that may block.
async fn memory_kills() -> u64 {
    tokio::task::spawn_blocking(tree::memory_kills).await.unwrap_or(u64::MAX)
}

/// Reads what a process and its children use, on a thread that may block; turns are limited.
pub(super) fn measure(parts: &Arc<Parts>, pid: Pid) -> JoinHandle<Option<Usage>> {
    let turns = Arc::clone(&parts.meters);
    tokio::spawn(async move {
        let _turn = turns.acquire_owned().await.ok();
        tokio::task::spawn_blocking(move || tree::usage(pid)).await.ok().flatten()
    })
}

impl Driver {
    /// Measures, and does what follows from it.
    pub(super) async fn sample(&mut self) {
        self.meter.next_at = Instant::now() + self.parts.settings.sample_interval;
        let Some(pid) = self.live.as_ref().map(|live| live.launched.process.pid()) else { return };
        let Some(usage) = measure(&self.parts, pid).await.ok().flatten() else { return };
        let working = self.parts.settings.sample_interval * WORKING_CPU_PERCENT / 100;
        if self.meter.cpu.is_some_and(|before| usage.cpu.saturating_sub(before) >= working) {
            self.touch();
        }
        self.meter.saw(usage);
        self.kernel.memory_bytes = usage.resident_bytes / MIB * MIB;
        self.meter.memory_kills = memory_kills().await;
        self.hold_to_memory(usage).await;
        self.end_if_idle();
    }

    async fn hold_to_memory(&mut self, usage: Usage) {
        let Some(limit) = self.kernel.limits.memory_bytes else { return };
        let text = |what: &str| format!("{what}: {} of {} MiB", usage.private_bytes / MIB, limit / MIB);
        if usage.private_bytes > limit {
            return self.kill(death(DeathCause::Memory, text("it went over its memory limit")));
        }
        if usage.private_bytes > limit / 100 * MEMORY_HIGH_PERCENT
            && let Some(running) = self.running.as_mut().filter(|running| !running.memory_told)
        {
            running.memory_told = true;
            let notice = NoticeEvent { kind: NoticeKind::MemoryHigh.into(), text: text("Memory is near its limit") };
            running.work.log.append(Event::Notice(notice)).await;
        }
    }

    fn end_if_idle(&mut self) {
        let idle_since = self.kernel.last_activity_time;
        let idle_for = self.parts.clock.now_micros().saturating_sub(idle_since);
        let idle = matches!(self.state, State::Idle) && self.waiting.is_empty();
        if idle && idle_for >= micros(self.kernel.limits.idle_max) {
            self.state.stop();
            let secs = self.kernel.limits.idle_max.as_secs();
            self.kill(death(DeathCause::Idle, format!("it did nothing for {secs} s")));
        }
    }
}
