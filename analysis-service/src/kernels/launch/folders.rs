//! The folders of a kernel and its control group: made for one start, given to the kernel's user, and removed.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use fenxi_chassis::net::SOCKET_PATH_MAX_BYTES;
use tokio::time::{Instant, sleep};

use super::{giving, removal};
use crate::kernels::machine::cgroup::Group;

/// How long a control group may count as used after its last process has ended.
const GROUP_REMOVE_WAIT: Duration = Duration::from_secs(2);
const GROUP_REMOVE_PAUSE: Duration = Duration::from_millis(5);

/// What a launcher adds to its folder for the longest socket path: `/`, 16 digits, `/k/s-5`.
const SOCKET_PATH_ADDED_BYTES: usize = 1 + 16 + 2 + 4;
/// Where a kernel has its temporary files, in the folder that it works in.
pub(super) const TMP: &str = ".tmp";

/// Makes the folder of sockets and gives it by its true path: links are followed once and for all, since the path of a socket
/// has to stay short and valid. Blocks.
///
/// # Errors
/// One line that names the setting, the folder and what is wrong with it.
pub fn socket_folder(run_dir: &Path) -> anyhow::Result<PathBuf> {
    const MAX_BYTES: usize = SOCKET_PATH_MAX_BYTES - SOCKET_PATH_ADDED_BYTES;
    fenxi_chassis::files::private_folder(run_dir).context("--kernel-run-dir")?;
    let folder = run_dir.canonicalize().context("--kernel-run-dir")?;
    let bytes = folder.as_os_str().len();
    anyhow::ensure!(
        bytes <= MAX_BYTES,
        "--kernel-run-dir {}: the path has {bytes} bytes, and sockets in it leave room for {MAX_BYTES}: choose a shorter one",
        folder.display(),
    );
    Ok(folder)
}

/// Where a kernel finds its tables.
pub(super) fn tables(place: &Path) -> PathBuf {
    place.join("tables")
}

/// Where a kernel has its sockets.
pub(super) fn sockets(place: &Path) -> PathBuf {
    place.join("k")
}

/// The folders of one start.
pub(super) struct Folders {
    pub place: PathBuf,
    /// Of its sockets.
    pub own: PathBuf,
    pub tables: PathBuf,
    pub work_dir: PathBuf,
}

impl Folders {
    /// Makes them. What the kernel may write belongs to its user; the rest is the service's.
    pub(super) fn make(self, uid: Option<u32>) -> io::Result<()> {
        for path in [&self.place, &self.own, &self.tables, &self.work_dir] {
            make_dir(path)?;
        }
        giving::mend(&self.work_dir, TMP)?;
        if let Some(uid) = uid {
            fs::set_permissions(&self.tables, fs::Permissions::from_mode(0o755))?;
            chown(&self.own, Some(uid), Some(uid))?;
        }
        // A former process may have had a user of its own where this one has not.
        if uid.is_some() || nix::unistd::geteuid().is_root() {
            giving::give(&self.work_dir, uid.unwrap_or_default())?;
        }
        Ok(())
    }
}

/// A folder for this user alone.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Removes a control group as soon as the system lets it go.
pub(super) async fn remove_group(group: Option<Arc<Group>>) {
    let Some(group) = group else { return };
    let end = Instant::now() + GROUP_REMOVE_WAIT;
    loop {
        let removing = Arc::clone(&group);
        match tokio::task::spawn_blocking(move || removing.remove()).await.map_err(io::Error::other).flatten() {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < end => {
                sleep(GROUP_REMOVE_PAUSE).await;
            }
            Err(error) => return tracing::warn!(%error, "a kernel's control group was not removed"),
            Ok(()) => return,
        }
    }
}

/// Removes a folder with all that is in it.
pub(super) async fn remove_dir(path: PathBuf) {
    let removing = path.clone();
    let removed = tokio::task::spawn_blocking(move || removal::remove(&removing)).await;
    if let Err(error) = removed.map_err(io::Error::other).flatten() {
        tracing::warn!(path = %path.display(), %error, "a kernel's folder was not removed");
    }
}
