//! What a kernel keeps on disk: its folders walked, and its files that have no name any more. What is walked belongs to
//! code that may be hostile and changes under the walk: it goes from one open folder to the next, follows no link, leaves
//! no file system, and is bounded in entries, in depth and in time. Everything here blocks.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    os::{
        fd::AsRawFd as _,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{sys::statvfs::statvfs, unistd::Pid};

use super::tree;

/// Folders within one another that are looked into: as many are open at a time.
const DEPTH_MAX: u32 = 100;
/// How long a walk may take; what was counted until then is the result.
const WALK_MAX: Duration = Duration::from_secs(2);
/// Open files of a kernel's processes that are looked at.
const OPEN_FILES_MAX: usize = 20_000;
/// What the system counts blocks of a file in, whatever the file system's are.
const BLOCK_BYTES: u64 = 512;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// On disk, in bytes; a file of several names once.
    pub bytes: u64,
    /// Files and folders.
    pub files: u64,
    /// Folders lie deeper within one another than is looked.
    pub too_deep: bool,
}

struct Walk {
    kept: Kept,
    /// The files of several names and of none that were counted, by device and number.
    counted: HashSet<(u64, u64)>,
    files_max: u64,
    end: Instant,
}

/// What is in these folders, and what the leader of a session and its descendants have open that is in none. Of more than
/// `files_max` files the rest is not counted.
pub(crate) fn kept(folders: &[PathBuf], leader: Option<Pid>, files_max: u64) -> Kept {
    let end = Instant::now() + WALK_MAX;
    let mut walk = Walk { kept: Kept::default(), counted: HashSet::new(), files_max, end };
    let mut devices = HashSet::new();
    for folder in folders {
        // What the folder itself is the service has made.
        let Some(opened) = open_folder(folder) else { continue };
        let Ok(device) = opened.metadata().map(|found| found.dev()) else { continue };
        devices.insert(device);
        walk.folder(&opened, device, 0);
    }
    if let Some(leader) = leader {
        walk.nameless(leader, &devices);
    }
    walk.kept
}

/// What is in the `/tmp` that a process sees, which is in memory: in bytes.
pub(crate) fn tmp_bytes(pid: Pid) -> Option<u64> {
    let found = statvfs(format!("/proc/{pid}/root/tmp").as_str()).ok()?;
    Some(found.blocks().saturating_sub(found.blocks_free()).saturating_mul(found.fragment_size()))
}

impl Walk {
    fn is_over(&self) -> bool {
        self.kept.files > self.files_max || Instant::now() > self.end
    }

    fn folder(&mut self, folder: &File, device: u64, depth: u32) {
        let mut below: Vec<OsString> = Vec::new();
        for entry in fs::read_dir(path(folder)).into_iter().flatten().flatten() {
            if self.is_over() {
                return;
            }
            // Of the entry itself, whatever it links to; it may be gone by now.
            let Ok(found) = entry.metadata() else { continue };
            if found.dev() == device {
                self.count(&found);
                if found.is_dir() {
                    below.push(entry.file_name());
                }
            }
        }
        if depth == DEPTH_MAX && !below.is_empty() {
            self.kept.too_deep = true;
            return;
        }
        for name in below {
            if self.is_over() {
                return;
            }
            if let Some(opened) = open_folder(&path(folder).join(name)) {
                self.folder(&opened, device, depth + 1);
            }
        }
    }

    fn count(&mut self, found: &Metadata) {
        self.kept.files += 1;
        let once = found.is_dir() || found.nlink() == 1 || self.counted.insert((found.dev(), found.ino()));
        if once {
            self.kept.bytes += found.blocks().saturating_mul(BLOCK_BYTES);
        }
    }

    /// Files that were removed and are open still keep their place on the disk.
    fn nameless(&mut self, leader: Pid, devices: &HashSet<u64>) {
        let mut looked = 0;
        for pid in tree::descendants(leader.as_raw()) {
            for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
                looked += 1;
                if looked > OPEN_FILES_MAX || self.is_over() {
                    return;
                }
                let Ok(found) = fs::metadata(entry.path()) else { continue };
                let nameless = found.is_file() && found.nlink() == 0 && devices.contains(&found.dev());
                if nameless && self.counted.insert((found.dev(), found.ino())) {
                    self.kept.files += 1;
                    self.kept.bytes += found.blocks().saturating_mul(BLOCK_BYTES);
                }
            }
        }
    }
}

/// An open folder's way to what is in it, wherever it is moved.
fn path(folder: &File) -> PathBuf {
    format!("/proc/self/fd/{}", folder.as_raw_fd()).into()
}

/// Opens a folder, and nothing else that may stand there by now.
fn open_folder(path: &Path) -> Option<File> {
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags).open(path).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const MANY: u64 = 1_000_000;

    fn of(folder: &Path) -> Kept {
        kept(&[folder.to_owned()], None, MANY)
    }

    #[test]
    fn what_is_in_a_folder_is_counted_by_its_place_on_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("below")).expect("made");
        fs::write(folder.path().join("below/one"), vec![1; 1 << 20]).expect("written");
        let one = of(folder.path());
        assert!(one.files == 2 && (1 << 20..2 << 20).contains(&one.bytes), "{one:?}");
        fs::hard_link(folder.path().join("below/one"), folder.path().join("two")).expect("linked");
        let two = of(folder.path());
        assert!(two.files == 3 && two.bytes == one.bytes, "a second name takes no room: {two:?}");
        let sparse = File::create(folder.path().join("sparse")).expect("made");
        sparse.set_len(1 << 40).expect("so long");
        assert!(of(folder.path()).bytes < 2 << 20, "a hole takes no room");
    }

    #[test]
    fn links_lead_nowhere() {
        let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("another"));
        fs::write(other.path().join("large"), vec![1; 1 << 20]).expect("written");
        symlink(other.path(), folder.path().join("other")).expect("linked");
        symlink(".", folder.path().join("round")).expect("linked");
        symlink("/dev/zero", folder.path().join("endless")).expect("linked");
        let found = of(folder.path());
        assert!(found.files == 3 && found.bytes < 1 << 20, "{found:?}");
        let through = kept(&[folder.path().join("other")], None, MANY);
        assert_eq!(through, Kept::default(), "a link is no folder");
    }

    #[test]
    fn many_files_and_deep_folders_are_looked_at_so_far() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..50 {
            File::create(folder.path().join(number.to_string())).expect("made");
        }
        assert_eq!(kept(&[folder.path().to_owned()], None, 10).files, 11);
        let deep: PathBuf = std::iter::repeat_n("d", 150).collect();
        fs::create_dir_all(folder.path().join(deep)).expect("made");
        let found = of(folder.path());
        assert!(found.too_deep && found.files < 200, "{found:?}");
    }

    #[test]
    fn files_without_a_name_are_found_at_who_has_them_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gone");
        fs::write(&path, vec![1; 1 << 20]).expect("written");
        let held = File::open(&path).expect("open");
        fs::remove_file(&path).expect("removed");
        let with = |leader| kept(&[folder.path().to_owned()], leader, MANY);
        let found = with(Some(nix::unistd::getpid()));
        assert!(found.files >= 1 && found.bytes >= 1 << 20, "{found:?}");
        drop(held);
        assert_eq!(with(None), Kept::default());
    }
}
