//! The files of a kernel against their limits. A watch: on an ordinary machine nothing refuses a write for one folder. An
//! execution that adds files above a limit is interrupted, so that its variables are kept and files can be removed; a
//! kernel that goes on adding is ended. What lies there from before is nobody's fault now: a kernel that was started again
//! in a full folder can empty it.

use std::time::Duration;

use fenxi_proto::analysis::v1::{DeathCause, NoticeEvent, NoticeKind, output_event::Event};
use tokio::{
    task::{JoinError, JoinHandle},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Driver,
    meter::{MIB, has_run},
    walks::{Walked, Way},
};
use crate::kernels::{
    machine::disk::Kept,
    model::{KernelError, KernelLimits},
    state::{Interrupter, death},
};

/// The part of a limit from which on an execution is warned, and that from which on the kernel is ended, in percent.
const NEAR_PERCENT: u64 = 90;
const KILL_PERCENT: u64 = 125;
/// By how much the files have changed that the next service has to know of it.
const SAVED_STEP_BYTES: u64 = 64 * MIB;
/// Processes in a row that may add files to a full folder: then no other is started in it.
const GROWN_MAX: u32 = 3;
/// What may be added in a full folder, in percent of the limit: a process that begins writes a little by itself.
const SLACK_PERCENT: u64 = 2;
/// The part of the time that walks may take: after one, so many times its duration is waited.
const WALK_PAUSE: u32 = 20;
/// Who has used less of a processor since the last walk has hardly written.
const WROTE_CPU: Duration = Duration::from_millis(2);
/// Files that are counted where there is no limit on them.
const FILES_MAX: u64 = 10_000_000;

/// What is known of a kernel's files; it outlives the kernel's process.
#[derive(Default)]
pub(super) struct Disk {
    /// A walk under way.
    pub(super) walk: Option<JoinHandle<Option<Walked>>>,
    /// Gives up the walks of a kernel that is forgotten.
    cancel: CancellationToken,
    next_at: Option<Instant>,
    /// The last walk was a long one.
    is_long: bool,
    /// Processor time that the process had used at the last walk.
    cpu: Duration,
    /// What was found last.
    pub(super) last: Option<Kept>,
    /// What was there when the process began, as far as it is known; of one that began above its limit, the least since.
    begun: Option<Kept>,
    /// A walk that began before the process did: what it finds is what was there.
    tells_begun: bool,
    /// Executions that have ended, and how many had when the walk under way and the last one began.
    ended: u64,
    walk_ended: u64,
    last_ended: u64,
    /// What was written down of the last.
    saved_bytes: u64,
    /// Processes in a row that began above their limit and added to it.
    grown: u32,
}

impl Disk {
    /// Of a kernel of which this much is written down.
    pub(super) fn saved(saved_bytes: u64) -> Self {
        let mut disk = Self::default();
        disk.saved_bytes = saved_bytes;
        disk
    }

    /// An execution has ended: what it left is not known.
    pub(super) fn ran(&mut self) {
        self.ended += 1;
    }

    /// What is there, if nothing has run since it was looked at.
    pub(super) fn known(&self) -> Option<Kept> {
        self.last.filter(|_| self.last_ended == self.ended)
    }

    /// A process begins where this is left. Above the limit, it has no more for itself than the former had: else each
    /// start would give it leave to add some.
    fn begin_with(&mut self, left: Kept, limits: &KernelLimits) {
        let former = self.begun.filter(|begun| is_above(*begun, limits));
        let grew = former.is_some_and(|begun| above(left, begun, limits, 100).is_some());
        self.grown = if grew { self.grown + 1 } else { self.grown };
        self.begun = former.filter(|_| !grew).or(Some(left));
        self.lower(left, limits);
    }

    /// Takes in what is there now, and gives what counts for nobody: above the limit, a process may shrink alone.
    fn lower(&mut self, now: Kept, limits: &KernelLimits) -> Kept {
        if !is_above(now, limits) {
            self.grown = 0;
        }
        let begun = *self.begun.get_or_insert(now);
        let least = Kept {
            bytes: begun.bytes.min(now.bytes),
            files: begun.files.min(now.files),
            unseen: begun.unseen && now.unseen,
        };
        *self.begun.insert(if is_above(begun, limits) { least } else { begun })
    }
}

/// Whether this much is above a limit, whoever made it.
fn is_above(kept: Kept, limits: &KernelLimits) -> bool {
    above(kept, Kept::default(), limits, 100).is_some()
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Driver {
    /// A process begins; `fresh`: in an empty folder.
    pub(super) fn begin_files(&mut self, fresh: bool) {
        self.disk.cpu = Duration::ZERO;
        // A walk that is under way tells what the former process left.
        self.disk.tells_begun = !fresh && self.disk.walk.is_some();
        match self.disk.last {
            _ if fresh => {
                self.disk.begun = Some(Kept::default());
                self.disk.last.get_or_insert_default();
            }
            Some(left) if !self.disk.tells_begun => self.disk.begin_with(left, &self.kernel.limits),
            _ => {}
        }
    }

    /// A process goes on that an earlier service began; `fresh`: in an empty folder. Of another it is not known what was
    /// there: the first walk tells, and above the limit it may only remove some.
    pub(super) fn adopt_files(&mut self, fresh: bool) {
        self.disk.begun = fresh.then(Kept::default);
    }

    /// Whether a process may be started in place of the former.
    pub(super) fn check_files(&mut self) -> Result<(), KernelError> {
        let (limits, last) = (self.kernel.limits, self.disk.last.unwrap_or_default());
        let Some(above) = above(last, Kept::default(), &limits, 100).filter(|_| self.disk.grown >= GROWN_MAX) else {
            return Ok(());
        };
        // Perhaps room was made since they were looked at: who tries again is told.
        if self.disk.walk.is_none() {
            self.walk_files();
        }
        let of_bytes = limits.disk_max_bytes.is_some_and(|limit| last.bytes > limit);
        Err(KernelError::Files {
            quota: if of_bytes { "kernel_disk_max_bytes" } else { "kernel_disk_max_files" },
            above,
        })
    }

    /// Looks at the files, if the kernel can have written since the last time.
    pub(super) fn watch_files(&mut self, cpu: Duration) {
        let limits = &self.kernel.limits;
        let limited = limits.disk_max_bytes.is_some() || limits.disk_max_files.is_some();
        let together = self.parts.settings.user_disk_max_bytes.or(self.parts.settings.all_disk_max_bytes);
        let watched = limited || together.is_some();
        let paused = self.disk.next_at.is_some_and(|at| Instant::now() < at);
        if watched && !paused && self.disk.walk.is_none() && has_run(self.disk.cpu, cpu, WROTE_CPU) {
            self.disk.cpu = cpu;
            self.walk_files();
        }
    }

    /// Begins a walk over the files, of a dead kernel, too.
    pub(super) fn walk_files(&mut self) {
        let (folders, kin) = match &self.live {
            Some(live) => (live.launched.folders(), Some(live.launched.kin(self.is_idle()))),
            None => (vec![self.parts.launcher.work_dir(self.kernel.kernel_id)], None),
        };
        let files_max = self.kernel.limits.disk_max_files.map_or(FILES_MAX, |files| part(files, KILL_PERCENT));
        self.disk.walk_ended = self.disk.ended;
        // One that is under way goes where the former process was.
        std::mem::take(&mut self.disk.cancel).cancel();
        let way = Way { folders, kin, files_max, cancel: self.disk.cancel.clone() };
        self.disk.walk = Some(tokio::spawn(self.parts.walks.clone().walk(way, self.disk.is_long)));
    }

    /// A walk has ended.
    pub(super) async fn walked(&mut self, walked: Result<Option<Walked>, JoinError>) {
        self.disk.walk = None;
        let Ok(Some(Walked { kept, took, is_long })) = walked else { return };
        self.disk.next_at = Some(Instant::now() + took * WALK_PAUSE);
        // One that took little is begun as a brief one again.
        self.disk.is_long = is_long && took > self.parts.walks.brief_max / 2;
        self.disk.last = Some(kept);
        if !is_above(kept, &self.kernel.limits) {
            self.disk.grown = 0;
        }
        self.disk.last_ended = self.disk.walk_ended;
        self.kernel.disk_bytes = kept.bytes / MIB * MIB;
        let step = if self.live.is_some() { SAVED_STEP_BYTES } else { MIB };
        if self.kernel.disk_bytes.abs_diff(self.disk.saved_bytes) >= step {
            self.save_files().await;
        }
        if self.live.is_none() {
            return;
        }
        if std::mem::take(&mut self.disk.tells_begun) {
            self.disk.begin_with(kept, &self.kernel.limits);
        }
        let begun = self.disk.lower(kept, &self.kernel.limits);
        if self.disk.walk_ended == self.disk.ended
            && let Some(running) = &mut self.running
        {
            running.files_before.get_or_insert(kept);
        }
        self.hold_to_files(kept, begun).await;
    }

    /// Writes down what the files take, if the next service would not know it. A database that fails is said in the log,
    /// and life goes on.
    pub(super) async fn save_files(&mut self) {
        if self.kernel.disk_bytes == self.disk.saved_bytes {
            return;
        }
        let (kernel_id, disk_bytes) = (self.kernel.kernel_id, self.kernel.disk_bytes);
        self.disk.saved_bytes = disk_bytes;
        if let Err(error) = self.parts.store.save_files(kernel_id, disk_bytes).await {
            tracing::error!(%kernel_id, %error, "what a kernel's files take could not be written down");
        }
    }

    async fn hold_to_files(&mut self, kept: Kept, begun: Kept) {
        let limits = self.kernel.limits;
        if let Some(above) = above(kept, begun, &limits, KILL_PERCENT) {
            return self.kill(death(DeathCause::Limit, format!("its files went over their limit: {above}")));
        }
        let Some(running) = self.running.as_mut().filter(|running| running.interrupted.is_none()) else { return };
        let over = running.files_before.and_then(|before| above(kept, before, &limits, 100));
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
    // Whatever is not seen may be anything.
    let limited = limits.disk_max_bytes.is_some() || limits.disk_max_files.is_some();
    let unseen = limited && now.unseen && !before.unseen;
    unseen.then(|| "there are more of them, or folders deeper within one another, than is looked at".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::model::Settings;

    fn limits(bytes: Option<u64>, files: Option<u64>) -> KernelLimits {
        KernelLimits { disk_max_bytes: bytes, disk_max_files: files, ..Settings::default().limits }
    }

    fn kept(bytes: u64, files: u64) -> Kept {
        Kept { bytes, files, unseen: false }
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
        let unseen = Kept { unseen: true, ..none };
        assert!(above(unseen, none, &limits, 100).is_some());
        let bytes_alone = KernelLimits { disk_max_files: None, ..limits };
        assert!(above(unseen, none, &bytes_alone, 100).is_some(), "what is not seen may be large");
    }

    #[test]
    fn without_a_limit_nothing_is_above_it() {
        let much = Kept { bytes: u64::MAX, files: u64::MAX, unseen: true };
        assert_eq!(above(much, kept(0, 0), &limits(None, None), NEAR_PERCENT), None);
    }

    #[test]
    fn a_process_that_begins_above_its_limit_may_shrink_alone() {
        let (limits, files) = (limits(Some(100 * MIB), None), |mib: u64| kept(mib * MIB, 1));
        let mut disk = Disk::default();
        disk.begun = Some(kept(0, 0));
        assert_eq!(disk.lower(files(90), &limits), kept(0, 0), "below it, nothing was there before");
        disk.begin_with(files(126), &limits);
        assert_eq!((disk.lower(files(127), &limits), disk.grown), (files(126), 0));
        assert_eq!(disk.lower(files(110), &limits), files(110), "what was removed may be added again");
        // Within what a process may write by itself, another start gives no more of it.
        disk.begin_with(files(111), &limits);
        assert_eq!((disk.begun, disk.grown), (Some(files(110)), 0));
        // A start in a folder to which the one before added.
        for grown in 1..=GROWN_MAX {
            disk.begin_with(files(120 + u64::from(grown) * 10), &limits);
            assert_eq!(disk.grown, grown);
        }
        disk.lower(files(99), &limits);
        assert_eq!(disk.grown, 0, "it made room");
    }

    #[test]
    fn what_was_there_is_known_if_nothing_has_run_since_it_was_looked_at() {
        let mut disk = Disk::default();
        disk.last = Some(kept(1, 1));
        assert_eq!(disk.known(), Some(kept(1, 1)));
        disk.ran();
        assert_eq!(disk.known(), None);
        (disk.walk_ended, disk.last_ended) = (disk.ended, disk.ended);
        assert_eq!(disk.known(), Some(kept(1, 1)));
    }
}
