//! The files of a kernel against their limits. A watch: on an ordinary machine nothing refuses a write for one folder. An
//! execution that adds files above a limit is interrupted, so that its variables are kept and files can be removed; a
//! kernel that goes on adding is ended. What lies there from before is nobody's fault now: a kernel that was started again
//! in a full folder can empty it.

use std::{
    sync::Arc,
    time::{Duration, Instant as StdInstant},
};

use fenxi_proto::analysis::v1::{DeathCause, NoticeEvent, NoticeKind, output_event::Event};
use tokio::{
    task::{JoinError, JoinHandle},
    time::Instant,
};

use super::{Driver, meter::MIB};
use crate::kernels::{
    machine::disk::{self, Kept},
    model::KernelLimits,
    state::{Interrupter, death},
};

/// The part of a limit from which on an execution is warned, and that from which on the kernel is ended, in percent.
const NEAR_PERCENT: u64 = 90;
const KILL_PERCENT: u64 = 125;
/// What may be added in a full folder, in percent of the limit: a process that begins writes a little by itself.
const SLACK_PERCENT: u64 = 2;
/// The part of the time that walks may take: after one, so many times its duration is waited.
const WALK_PAUSE: u32 = 20;
/// Who has used less of a processor since the last walk has hardly written.
const WROTE_CPU: Duration = Duration::from_millis(2);
/// Files that are counted where there is no limit on them.
const FILES_MAX: u64 = 1_000_000;

/// What is known of a kernel's files; it outlives the kernel's process.
#[derive(Default)]
pub(super) struct Disk {
    /// A walk under way.
    pub(super) walk: Option<JoinHandle<Walked>>,
    next_at: Option<Instant>,
    /// Processor time that the process had used at the last walk.
    cpu: Duration,
    /// What was found last.
    pub(super) last: Option<Kept>,
    /// What was there when the process began, as far as it is known.
    begun: Option<Kept>,
}

/// What a walk found, and how long it took.
pub(super) type Walked = (Kept, Duration);

impl Driver {
    /// A process begins; `fresh`: in an empty folder.
    pub(super) fn begin_files(&mut self, fresh: bool) {
        // A walk that is under way tells what the former process left.
        let left = self.disk.last.filter(|_| self.disk.walk.is_none());
        self.disk.begun = if fresh { Some(Kept::default()) } else { left };
        self.disk.cpu = Duration::ZERO;
    }

    /// Looks at the files, if the kernel can have written since the last time.
    pub(super) fn watch_files(&mut self, cpu: Duration) {
        let limits = &self.kernel.limits;
        let limited = limits.disk_max_bytes.is_some() || limits.disk_max_files.is_some();
        let watched = limited || self.parts.settings.user_disk_max_bytes.is_some();
        let paused = self.disk.next_at.is_some_and(|at| Instant::now() < at);
        if watched && !paused && self.disk.walk.is_none() && cpu.saturating_sub(self.disk.cpu) >= WROTE_CPU {
            self.disk.cpu = cpu;
            self.walk_files();
        }
    }

    /// Begins a walk over the files, of a dead kernel, too.
    pub(super) fn walk_files(&mut self) {
        let (folders, leader) = match &self.live {
            Some(live) => (live.launched.folders(), Some(live.launched.process.pid())),
            None => (vec![self.parts.launcher.work_dir(self.kernel.kernel_id)], None),
        };
        let files_max = self.kernel.limits.disk_max_files.map_or(FILES_MAX, |files| part(files, KILL_PERCENT));
        let turns = Arc::clone(&self.parts.walks);
        self.disk.walk = Some(tokio::spawn(async move {
            let _turn = turns.acquire_owned().await.ok();
            let walk = move || {
                let begun = StdInstant::now();
                (disk::kept(&folders, leader, files_max), begun.elapsed())
            };
            tokio::task::spawn_blocking(walk).await.unwrap_or_default()
        }));
    }

    /// A walk has ended.
    pub(super) async fn walked(&mut self, walked: Result<Walked, JoinError>) {
        self.disk.walk = None;
        let Ok((kept, took)) = walked else { return };
        self.disk.next_at = Some(Instant::now() + took * WALK_PAUSE);
        self.disk.last = Some(kept);
        self.kernel.disk_bytes = kept.bytes / MIB * MIB;
        if self.live.is_some() {
            let begun = *self.disk.begun.get_or_insert(kept);
            self.hold_to_files(kept, begun).await;
        }
    }

    async fn hold_to_files(&mut self, kept: Kept, begun: Kept) {
        let limits = self.kernel.limits;
        if let Some(above) = above(kept, begun, &limits, KILL_PERCENT) {
            return self.kill(death(DeathCause::Limit, format!("its files went over their limit: {above}")));
        }
        let Some(running) = self.running.as_mut().filter(|running| running.interrupted.is_none()) else { return };
        let over = above(kept, running.files_before, &limits, 100);
        let text = match (&over, above(kept, Kept::default(), &limits, NEAR_PERCENT)) {
            (Some(over), _) => format!(
                "The kernel's files are above their limit: {over}. Remove some; at {KILL_PERCENT} % the kernel is ended."
            ),
            (None, Some(near)) if !running.files_told => format!("The kernel's files are near their limit: {near}."),
            _ => return,
        };
        running.files_told = true;
        running.work.log.append(Event::Notice(NoticeEvent { kind: NoticeKind::DiskHigh.into(), text })).await;
        if over.is_some() {
            self.interrupt(Interrupter::Limit).await;
        }
    }
}

fn part(limit: u64, percent: u64) -> u64 {
    limit.saturating_mul(percent) / 100
}

/// Which limit is passed by this part of it, in words, if it was by what came since.
fn above(now: Kept, before: Kept, limits: &KernelLimits, percent: u64) -> Option<String> {
    let passed = |now: u64, before: u64, limit: Option<u64>| {
        let before = |limit| before.saturating_add(part(limit, SLACK_PERCENT));
        limit.filter(|limit| now > part(*limit, percent) && now > before(*limit))
    };
    if let Some(limit) = passed(now.bytes, before.bytes, limits.disk_max_bytes) {
        return Some(format!("{} of {} MiB", now.bytes.div_ceil(MIB), limit / MIB));
    }
    if let Some(limit) = passed(now.files, before.files, limits.disk_max_files) {
        return Some(format!("{} of {limit} files and folders", now.files));
    }
    let deeper = limits.disk_max_files.is_some() && now.too_deep && !before.too_deep;
    deeper.then(|| "folders lie deeper within one another than is looked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::model::Settings;

    fn limits(bytes: Option<u64>, files: Option<u64>) -> KernelLimits {
        KernelLimits { disk_max_bytes: bytes, disk_max_files: files, ..Settings::default().limits }
    }

    fn kept(bytes: u64, files: u64) -> Kept {
        Kept { bytes, files, too_deep: false }
    }

    #[test]
    fn only_what_was_added_is_above_a_limit() {
        let limits = limits(Some(100 * MIB), Some(10));
        let none = kept(0, 0);
        assert_eq!(above(kept(100 * MIB, 10), none, &limits, 100), None);
        assert_eq!(above(kept(101 * MIB, 1), none, &limits, 100).expect("bytes"), "101 of 100 MiB");
        assert_eq!(above(kept(1, 11), none, &limits, 100).expect("files"), "11 of 10 files and folders");
        let full = kept(101 * MIB, 11);
        assert_eq!(above(kept(102 * MIB, 11), full, &limits, 100), None, "it was there before");
        assert!(above(kept(104 * MIB, 11), full, &limits, 100).is_some());
        assert_eq!(above(kept(101 * MIB, 1), none, &limits, KILL_PERCENT), None);
        assert!(above(kept(126 * MIB, 1), none, &limits, KILL_PERCENT).is_some());
        assert!(above(Kept { too_deep: true, ..none }, none, &limits, 100).is_some());
    }

    #[test]
    fn without_a_limit_nothing_is_above_it() {
        let much = Kept { bytes: u64::MAX, files: u64::MAX, too_deep: true };
        assert_eq!(above(much, kept(0, 0), &limits(None, None), NEAR_PERCENT), None);
    }
}
