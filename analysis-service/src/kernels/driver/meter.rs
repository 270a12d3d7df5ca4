//! What a kernel uses: memory against its limit, processor time as a sign of life.

use std::{sync::Arc, time::Duration};

use fenxi_proto::analysis::v1::{NoticeEvent, NoticeKind, output_event::Event};
use tokio::{task::JoinHandle, time::Instant};

use super::{Driver, Parts, guard::Growth, held::Held, start::Live};
use crate::kernels::{
    connection::Memo,
    machine::{
        kin::Kin,
        tree::{self, Usage},
    },
};

/// The part of one processor's time from which on a kernel is at work, in percent: an idle one's threads use 0.002.
const WORKING_CPU_PERCENT: u32 = 1;
/// How many times seldomer an idle kernel is looked at, at the most.
const REST_MAX: u32 = 8;
/// Processor time below which nothing happened between two samples: neither memory was taken nor a process started. An
/// idle kernel's threads use a third of this.
const STILL_CPU: Duration = Duration::from_millis(1);
/// How often in a row a kernel that is still is not looked at whole: some way to start a process could be cheaper.
const STILL_MAX: u32 = 3;
/// Growth in private memory since it was started, or since it last gave memory back, that is worth asking for it.
const RELEASE_WORTH_BYTES: u64 = 4 << 20;
/// How often an idle kernel is looked at within the time of its warning, at the least.
const LOOKS_IN_WARNING: u32 = 4;
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
    /// Memory that its limit is about, as last measured.
    pub(super) held: Held,
    /// What the process alone had resident then.
    pub(super) resident_bytes: u64,
    /// When it is to be measured again, whatever a glance shows.
    pub(super) whole_at: Instant,
    /// How fast it grows, as measured, and by glances.
    pub(super) growth: Growth,
    pub(super) glanced: Growth,
    /// Private memory that it is known to need.
    floor_bytes: Option<u64>,
    /// What it used when it was last looked at whole.
    pub(super) last: Option<Usage>,
    /// Samples since then that found it still.
    still: u32,
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
            floor_bytes: None,
            rest: 1,
            held: Held::default(),
            resident_bytes: 0,
            whole_at: Instant::now() + interval,
            growth: Growth::default(),
            glanced: Growth::default(),
            last: None,
            still: 0,
        }
    }

    pub(super) fn saw(&mut self, usage: Usage) {
        self.peak_bytes = self.peak_bytes.max(usage.largest_bytes);
        self.floor_bytes.get_or_insert(usage.private_bytes);
        self.last = Some(usage);
        self.still = 0;
    }

    /// Whether a process that is alone has done nothing since it was last looked at, by its processor time.
    fn is_still(&mut self, own_cpu: Duration) -> bool {
        let alone = self.last.filter(|last| last.processes <= 1 && self.still < STILL_MAX);
        let Some(last) = alone.filter(|last| !has_run(last.own_cpu, own_cpu, STILL_CPU)) else { return false };
        self.last = Some(Usage { own_cpu, ..last });
        self.still += 1;
        true
    }

    fn saw_own(&mut self, own_cpu: Duration, resident_bytes: u64) {
        self.peak_bytes = self.peak_bytes.max(resident_bytes);
        if let Some(last) = &mut self.last {
            last.own_cpu = own_cpu;
        }
        // Something ran: the next sample looks at it whole.
        self.still = STILL_MAX;
    }

    /// Whether the kernel holds memory since so long that it is worth asking for: then it is asked for, once.
    pub(super) fn take_release(&mut self, after: Duration) -> bool {
        if self.holds_since.is_none_or(|since| since.elapsed() < after) {
            return false;
        }
        self.holds_since = None;
        let grown = self.last.unwrap_or_default().private_bytes.saturating_sub(self.floor_bytes.unwrap_or_default());
        let worth = grown >= RELEASE_WORTH_BYTES;
        if worth {
            // What it needs is known when it has given back the rest.
            self.floor_bytes = None;
        }
        worth
    }

    /// Processor time of descendants as it was measured last.
    fn family_cpu(&self) -> Duration {
        self.last.map_or(Duration::ZERO, |last| last.family_cpu)
    }

    /// Descendants, as far as they were seen; `None` where nobody looked yet.
    fn family(&self) -> Option<Family> {
        self.last.filter(|last| last.processes <= 1).map(|last| Family::None(last.family_cpu))
    }
}

impl Before {
    /// Of code that an earlier service sent so long ago, if that told it.
    pub(super) fn told(memo: Memo, sent: Option<Duration>) -> Option<Self> {
        let (own_cpu, family_cpu) = memo.cpu()?;
        let now = Instant::now();
        let begun = sent.and_then(|sent| now.checked_sub(sent)).unwrap_or(now);
        Some(Self { begun, own_cpu, family: Family::None(family_cpu) })
    }

    /// Processor time of the process itself and of its descendants, and its memory where that was measured too.
    pub(super) async fn cpu(self) -> (Duration, Duration, Option<u64>) {
        match self.family {
            Family::None(cpu) => (self.own_cpu, cpu, None),
            Family::Asked(asked) => {
                let usage = asked.await.ok().flatten();
                let family_cpu = usage.unwrap_or_default().family_cpu;
                (self.own_cpu, family_cpu, usage.map(|usage| usage.private_bytes))
            }
        }
    }
}

/// Whether as much processor time was used between two measurements. A sum that has fallen has lost a process that ended
/// and that nobody waited for: what it used since is not known.
pub(super) fn has_run(before: Duration, now: Duration, at_least: Duration) -> bool {
    now.checked_sub(before).is_none_or(|used| used >= at_least)
}

/// Reads what a kernel's processes use, on a thread that may block; turns are limited.
pub(super) fn measure(parts: &Arc<Parts>, kin: Kin) -> JoinHandle<Option<Usage>> {
    let turns = Arc::clone(&parts.meters);
    tokio::spawn(async move {
        let _turn = turns.acquire_owned().await.ok();
        tokio::task::spawn_blocking(move || tree::usage(&kin)).await.ok().flatten()
    })
}

impl Driver {
    /// Looks again soon: something happens from now on.
    pub(super) fn end_rest(&mut self) {
        self.meter.rest = 1;
        self.meter.next_at = self.meter.next_at.min(Instant::now() + self.parts.settings.sample_interval);
        self.meter.whole_at = self.meter.whole_at.min(Instant::now() + self.parts.settings.sample_interval);
    }

    /// Notes what the process has used before code runs in it, for a later service too. Nothing is waited for: that one
    /// gets what was measured last of the descendants.
    pub(super) fn note_before(&self, live: &Live) -> (Before, Memo) {
        let launched = &live.launched;
        let own_cpu = tree::own_cpu(launched.process.pid());
        let family = self.meter.family();
        let family = family.unwrap_or_else(|| Family::Asked(measure(&self.parts, launched.kin(false))));
        let memo = Memo::new(own_cpu, self.meter.family_cpu(), live.heard);
        (Before { begun: Instant::now(), own_cpu: own_cpu.unwrap_or_default(), family }, memo)
    }

    /// What the process has used since, and the most memory it was seen with. Of a run shorter than the unit in which
    /// the system tells what descendants use, only the process itself is looked at: that waits for nothing.
    pub(super) async fn used_since(&mut self, before: Before) -> Option<Duration> {
        let launched = &self.live.as_ref()?.launched;
        let pid = launched.process.pid();
        let brief = before.begun.elapsed() < tree::tick() && matches!(before.family, Family::None(_));
        if brief {
            let own_cpu = tree::own_cpu(pid)?;
            self.meter.saw_own(own_cpu, tree::own_resident_bytes(pid).unwrap_or_default());
            return Some(own_cpu.saturating_sub(before.own_cpu));
        }
        let kin = launched.kin(false);
        let (own_cpu, family_cpu, private_bytes) = before.cpu().await;
        self.meter.floor_bytes = self.meter.floor_bytes.or(private_bytes);
        let now = measure(&self.parts, kin).await.ok().flatten()?;
        self.meter.saw(now);
        if now.processes > 1 && now.resident_bytes > self.meter.peak_bytes {
            // They have had no more than this sum at one time; how much of it they share is mostly known.
            self.measure_held(now).await;
        }
        Some(now.own_cpu.saturating_sub(own_cpu) + now.family_cpu.saturating_sub(family_cpu))
    }

    /// Measures, and does what follows from it.
    pub(super) async fn sample(&mut self) {
        if self.glance() {
            return;
        }
        self.meter.next_at = Instant::now() + self.parts.settings.sample_interval * self.meter.rest;
        self.meter.whole_at = self.meter.next_at;
        let Some(live) = &self.live else { return };
        let (pid, kin) = (live.launched.process.pid(), live.launched.kin(self.is_idle()));
        if self.is_idle() && tree::own_cpu(pid).is_some_and(|own_cpu| self.meter.is_still(own_cpu)) {
            return self.rest();
        }
        let Some(usage) = measure(&self.parts, kin).await.ok().flatten() else { return };
        let working = self.parts.settings.sample_interval * self.meter.rest * WORKING_CPU_PERCENT / 100;
        let works = self.meter.last.is_some_and(|before| has_run(before.cpu(), usage.cpu(), working));
        if works {
            self.touch();
        }
        self.meter.saw(usage);
        self.meter.resident_bytes = tree::own_resident_bytes(pid).unwrap_or_default();
        self.measure_held(usage).await;
        self.kernel.memory_bytes = self.meter.held.resident_bytes() / MIB * MIB;
        self.tell_memory_kills().await;
        self.hold_to_memory().await;
        self.watch_files(usage.cpu());
        if works || !self.is_idle() {
            self.meter.rest = 1;
        } else {
            self.rest();
        }
    }

    /// A thousand kernels that do nothing are looked at seldom, one that does something at once.
    fn rest(&mut self) {
        let seldom = self.parts.settings.sample_interval * self.meter.rest * 2 * LOOKS_IN_WARNING;
        let seldom = seldom <= self.kernel.limits.warning();
        self.meter.rest = if seldom { (self.meter.rest * 2).min(REST_MAX) } else { 1 };
        self.release_memory_if_idle();
        self.tend_idleness();
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(own_cpu: Duration, private_bytes: u64) -> Usage {
        Usage { own_cpu, private_bytes, processes: 1, ..Usage::default() }
    }

    #[test]
    fn memory_is_asked_for_once_and_where_it_grew() {
        let mut meter = Meter::default();
        meter.saw(usage(Duration::ZERO, 12 << 20));
        meter.holds_since = Some(Instant::now());
        assert!(!meter.take_release(Duration::from_secs(3600)), "not yet");
        meter.saw(usage(Duration::ZERO, 13 << 20));
        assert!(!meter.take_release(Duration::ZERO), "a kernel that took nothing is asked");
        meter.holds_since = Some(Instant::now());
        meter.saw(usage(Duration::ZERO, 40 << 20));
        assert!(meter.take_release(Duration::ZERO));
        assert!(!meter.take_release(Duration::ZERO), "it is asked again, and nothing ran");
        // It needs all of this; from here on it counts anew.
        meter.saw(usage(Duration::ZERO, 30 << 20));
        meter.holds_since = Some(Instant::now());
        assert!(!meter.take_release(Duration::ZERO));
    }

    #[test]
    fn a_sum_that_falls_is_of_something_that_ran() {
        let millis = Duration::from_millis;
        assert!(!has_run(millis(40), millis(49), millis(10)) && has_run(millis(40), millis(50), millis(10)));
        assert!(has_run(millis(40), millis(30), millis(10)), "a child ended, and nobody waited for it");
    }

    #[test]
    fn a_still_kernel_is_looked_at_whole_now_and_then() {
        let mut meter = Meter::default();
        assert!(!meter.is_still(Duration::ZERO), "nobody has looked at it");
        let seen = usage(Duration::from_millis(40), 0);
        meter.saw(seen);
        for _ in 0..STILL_MAX {
            assert!(meter.is_still(seen.own_cpu));
        }
        assert!(!meter.is_still(seen.own_cpu), "never looked at again");
        meter.saw(seen);
        assert!(!meter.is_still(seen.own_cpu + STILL_CPU), "it did something");
        meter.saw(Usage { processes: 2, ..seen });
        assert!(!meter.is_still(seen.own_cpu), "others may have done something");
        meter.saw(seen);
        meter.saw_own(seen.own_cpu, 0);
        assert!(!meter.is_still(seen.own_cpu), "code ran, and its memory was not looked at");
    }
}
