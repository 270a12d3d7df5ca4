//! Walks over kernels' files take turns. A kernel with many files makes only those wait that have as many: a walk that
//! takes long is begun anew in a queue of its own, and there it takes as long as it needs, so that a part of the files is
//! never taken for all of them.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::kernels::machine::{
    disk::{self, Bounds, Kept},
    kin::Kin,
};

/// Brief walks at a time, and long ones.
const BRIEF_WALKS_MAX: usize = 1;
const LONG_WALKS_MAX: usize = 1;
/// How long a brief walk may take. What takes longer is begun anew as a long one, and so is the next of that kernel.
const BRIEF_WALK_MAX: Duration = Duration::from_millis(250);

/// What a walk found, and how long it took.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) kept: Kept,
    pub(super) took: Duration,
    pub(super) is_long: bool,
}

/// Turns to walk over kernels' files on the threads that may block.
#[derive(Clone)]
pub(crate) struct Walks {
    brief: Arc<Semaphore>,
    long: Arc<Semaphore>,
    pub(super) brief_max: Duration,
}

impl Default for Walks {
    fn default() -> Self {
        let turns = |max| Arc::new(Semaphore::new(max));
        Self { brief: turns(BRIEF_WALKS_MAX), long: turns(LONG_WALKS_MAX), brief_max: BRIEF_WALK_MAX }
    }
}

/// Where a walk goes.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) folders: Vec<PathBuf>,
    pub(super) kin: Option<Kin>,
    pub(super) files_max: u64,
    pub(super) cancel: CancellationToken,
}

impl Walks {
    /// Walks to the end, after a wait for a turn; `None` if it was given up.
    pub(super) async fn walk(self, way: Way, is_long: bool) -> Option<Walked> {
        if !is_long && let Some(walked) = Self::turn(self.brief, way.clone(), Some(self.brief_max)).await {
            return Some(walked);
        }
        Self::turn(self.long, way, None).await
    }

    async fn turn(turns: Arc<Semaphore>, way: Way, time_max: Option<Duration>) -> Option<Walked> {
        let _turn = turns.acquire_owned().await.ok()?;
        let walk = move || {
            let begun = Instant::now();
            let bounds = Bounds { files_max: way.files_max, time_max, cancel: way.cancel };
            let kept = disk::kept(&way.folders, way.kin.as_ref(), bounds)?;
            Some(Walked { kept, took: begun.elapsed(), is_long: time_max.is_none() })
        };
        tokio::task::spawn_blocking(walk).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(folder: &std::path::Path) -> Way {
        Way { folders: vec![folder.to_owned()], kin: None, files_max: 1_000_000, cancel: CancellationToken::new() }
    }

    #[tokio::test]
    async fn what_takes_long_is_looked_at_whole_and_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..1_000 {
            std::fs::create_dir(folder.path().join(number.to_string())).expect("made");
        }
        std::fs::write(folder.path().join("999/large"), vec![1; 1 << 20]).expect("written");
        let hasty = Walks { brief_max: Duration::ZERO, ..Walks::default() };
        let walked = hasty.clone().walk(way(folder.path()), false).await.expect("an end");
        assert!(walked.is_long && walked.kept.files == 1_001 && walked.kept.bytes >= 1 << 20, "{walked:?}");

        // While a long one is under way, another waits, and brief ones do not.
        let _turn = Arc::clone(&hasty.long).acquire_owned().await.expect("a turn");
        let patient = Walks { brief_max: Duration::from_secs(60), ..hasty.clone() };
        assert!(!patient.walk(way(folder.path()), false).await.expect("an end").is_long);
        let waits = tokio::time::timeout(Duration::from_millis(50), hasty.walk(way(folder.path()), true));
        assert!(waits.await.is_err(), "two long ones at a time");
    }
}
