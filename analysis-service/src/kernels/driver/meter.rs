//! What a kernel uses: memory against its limit, processor time as a sign of life.

use std::{sync::Arc, time::Duration};

use fenxi_proto::analysis::v1::{DeathCause, NoticeEvent, NoticeKind, output_event::Event};
use nix::unistd::Pid;
use tokio::{task::JoinHandle, time::Instant};

use super::{Driver, Parts};
use crate::kernels::{
    machine::tree::{self, Usage},
    state::death,
};

/// The part of one processor's time from which on a kernel is at work, in percent: an idle one's threads use 0.002.
const WORKING_CPU_PERCENT: u32 = 1;
/// How many times seldomer an idle kernel is looked at, at the most.
const REST_MAX: u32 = 8;
/// The part of its memory limit from which on a kernel is warned, in percent.
const MEMORY_HIGH_PERCENT: u64 = 90;
pub(super) const MIB: u64 = 1 << 20;

/// What was measured so far of one process.
pub(super) struct Meter {
    pub(super) next_at: Instant,
    pub(super) peak_bytes: u64,
    /// The machine's count of processes killed for want of memory, when it was last looked at.
    pub(super) memory_kills: u64,
    /// When the system was last seen to have killed in this kernel for want of memory.
    pub(super) memory_killed_at: Option<Instant>,
    /// How many times the interval lies between two samples: more than once while it does nothing.
    rest: u32,
    /// Since when the kernel may hold memory that it does not use.
    pub(super) holds_since: Option<Instant>,
    /// When it was last looked at whole.
    last: Option<Usage>,
}

/// What a process had used when an execution began.
pub(super) struct Before {
    begun: Instant,
    own_cpu: Duration,
    family: Family,
}

/// What its descendants had used.
enum Family {
    /// It had none when it was last looked at; since then only this much was measured of them.
    None(Duration),
    /// Being measured.
    Asked(JoinHandle<Option<Usage>>),
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(Duration::ZERO)
    }
}

impl Meter {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            next_at: Instant::now() + interval,
            peak_bytes: 0,
            memory_kills: u64::MAX,
            memory_killed_at: None,
            holds_since: None,
            rest: 1,
            last: None,
        }
    }

    pub(super) fn saw(&mut self, usage: Usage) {
        self.peak_bytes = self.peak_bytes.max(usage.resident_bytes);
        self.last = Some(usage);
    }

    fn saw_own(&mut self, own_cpu: Duration, resident_bytes: u64) {
        self.peak_bytes = self.peak_bytes.max(resident_bytes);
        if let Some(last) = &mut self.last {
            last.own_cpu = own_cpu;
        }
    }

    /// Descendants, as far as they were seen; `None` where nobody looked yet.
    fn family(&self) -> Option<Family> {
        self.last.filter(|last| last.processes <= 1).map(|last| Family::None(last.family_cpu))
    }
}

impl Before {
    /// Processor time of the process itself and of its descendants.
    pub(super) async fn cpu(self) -> (Duration, Duration) {
        match self.family {
            Family::None(cpu) => (self.own_cpu, cpu),
            Family::Asked(asked) => (self.own_cpu, asked.await.ok().flatten().unwrap_or_default().family_cpu),
        }
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
    /// Looks again soon: something happens from now on.
    pub(super) fn end_rest(&mut self) {
        self.meter.rest = 1;
        self.meter.next_at = self.meter.next_at.min(Instant::now() + self.parts.settings.sample_interval);
    }

    /// Notes what the process has used before code runs in it. Nothing is waited for: the code is under way.
    pub(super) fn note_before(&self, pid: Pid) -> Before {
        let own_cpu = tree::own_cpu(pid).unwrap_or_default();
        let family = self.meter.family().unwrap_or_else(|| Family::Asked(measure(&self.parts, pid)));
        Before { begun: Instant::now(), own_cpu, family }
    }

    /// What the process has used since, and the most memory it was seen with. Of a run shorter than the unit in which
    /// the system tells what descendants use, only the process itself is looked at: that waits for nothing.
    pub(super) async fn used_since(&mut self, before: Before) -> Option<Duration> {
        let pid = self.live.as_ref().map(|live| live.launched.process.pid())?;
        let brief = before.begun.elapsed() < tree::tick() && matches!(before.family, Family::None(_));
        if brief {
            let own_cpu = tree::own_cpu(pid)?;
            self.meter.saw_own(own_cpu, tree::own_resident_bytes(pid).unwrap_or_default());
            return Some(own_cpu.saturating_sub(before.own_cpu));
        }
        let (own_cpu, family_cpu) = before.cpu().await;
        let now = measure(&self.parts, pid).await.ok().flatten()?;
        self.meter.saw(now);
        Some(now.own_cpu.saturating_sub(own_cpu) + now.family_cpu.saturating_sub(family_cpu))
    }

    /// Measures, and does what follows from it.
    pub(super) async fn sample(&mut self) {
        self.meter.next_at = Instant::now() + self.parts.settings.sample_interval * self.meter.rest;
        let Some(pid) = self.live.as_ref().map(|live| live.launched.process.pid()) else { return };
        let Some(usage) = measure(&self.parts, pid).await.ok().flatten() else { return };
        let working = self.parts.settings.sample_interval * self.meter.rest * WORKING_CPU_PERCENT / 100;
        let works = self.meter.last.is_some_and(|before| usage.cpu().saturating_sub(before.cpu()) >= working);
        if works {
            self.touch();
        }
        self.meter.saw(usage);
        self.kernel.memory_bytes = usage.resident_bytes / MIB * MIB;
        self.meter.memory_kills = memory_kills().await;
        self.tell_memory_kills().await;
        self.hold_to_memory(usage).await;
        // A thousand kernels that do nothing are looked at seldom, one that does something at once.
        let rests = !works && self.is_idle();
        self.meter.rest = if rests { (self.meter.rest * 2).min(REST_MAX) } else { 1 };
        if !works {
            self.release_memory_if_idle();
            self.end_if_idle();
        }
    }

    /// A process that code had started may have been killed in place of the kernel itself.
    async fn tell_memory_kills(&mut self) {
        if self.live.as_ref().and_then(|live| live.launched.new_memory_kills()).is_none_or(|kills| kills == 0) {
            return;
        }
        self.meter.memory_killed_at = Some(Instant::now());
        if let Some(running) = &mut self.running {
            let limit = self.kernel.limits.memory_bytes.unwrap_or_default() / MIB;
            let text =
                format!("The system killed a process of this kernel: its memory limit of {limit} MiB is reached.");
            running.work.log.append(Event::Notice(NoticeEvent { kind: NoticeKind::MemoryHigh.into(), text })).await;
        }
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
}
