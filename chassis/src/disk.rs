//! Whether the disk of the service's folder has room. A service without it answers what it can and stores nothing, so it is
//! not ready: a start is no success there, and whoever watches over it is told before people are.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::statvfs::statvfs;

use crate::lifecycle::Lifecycle;

/// The part of the readiness.
const PART: &str = "disk";
/// Less, and a commit may find no room. The launcher of `make run` starts nothing with less.
const FREE_MIN_BYTES: u64 = 64 << 20;
/// How often it is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// Watches the disk of this folder until the process stops.
pub async fn watch(folder: PathBuf, lifecycle: Lifecycle) {
    loop {
        let looked = folder.clone();
        // A disk that does not answer holds up nobody else.
        let free = tokio::task::spawn_blocking(move || free_bytes(&looked)).await.ok().flatten();
        if let Some(free) = free {
            note(free, &folder, &lifecycle);
        }
        tokio::select! {
            () = lifecycle.stopping() => return,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
}

/// What a program that is not root can write still.
fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    Some(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

fn note(free: u64, folder: &Path, lifecycle: &Lifecycle) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    metrics::gauge!("disk_free_bytes").set(free as f64);
    let has_room = free >= FREE_MIN_BYTES;
    if has_room != lifecycle.readiness().1.contains(&PART) {
        // As it was. Room alone makes no service ready that has not said anything yet.
        return;
    }
    lifecycle.set_ready(PART, has_room);
    if has_room {
        tracing::info!(folder = %folder.display(), free, "the disk has room again");
    } else {
        tracing::error!(folder = %folder.display(), free, "the disk is full: nothing can be stored until there is room");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_room_a_service_is_not_ready() {
        let lifecycle = Lifecycle::new();
        note(FREE_MIN_BYTES, Path::new("/"), &lifecycle);
        assert!(!lifecycle.readiness().0, "nothing but the disk has said that it is ready");
        lifecycle.set_ready("service", true);
        for (free, waiting) in [(FREE_MIN_BYTES, &[][..]), (FREE_MIN_BYTES - 1, &[PART][..]), (FREE_MIN_BYTES, &[][..])]
        {
            note(free, Path::new("/"), &lifecycle);
            assert_eq!(lifecycle.readiness(), (waiting.is_empty(), waiting.to_vec()), "{free}");
        }
        assert!(free_bytes(Path::new("/")).is_some_and(|free| free > 0));
    }
}
