//! What a kernel keeps on disk: its folders walked, and its files that have no name any more. What is walked belongs to
//! code that may be hostile and changes under the walk: it goes from one open folder to the next, follows no link, and is
//! bounded in entries and in depth. What lies beyond these bounds is not passed over in silence. Everything here blocks.

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
use tokio_util::sync::CancellationToken;

use super::kin::Kin;

/// Folders within one another that are looked into: as many are open at a time.
const DEPTH_MAX: u32 = 100;
/// Open files of a kernel's processes that are looked at: many times what forks of a kernel inherit.
const OPEN_FILES_MAX: usize = 100_000;
/// Folders in one that are looked into, and files of several names that are told apart: what a walk has to remember.
const REMEMBERED_MAX: usize = 1_000_000;
/// What the system counts blocks of a file in, whatever the file system's are.
const BLOCK_BYTES: u64 = 512;

/// Bytes of the whole file system that this is on; `None` if the system does not tell.
pub(crate) fn total_bytes(folder: &Path) -> Option<u64> {
    let found = statvfs(folder).ok()?;
    Some(found.blocks().saturating_mul(found.fragment_size()))
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// On disk, in bytes; a file of several names once.
    pub bytes: u64,
    /// Files and folders.
    pub files: u64,
    /// There is more than is looked at: folders deeper within one another, more files, or more of them open.
    pub unseen: bool,
}

/// How far a walk goes.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Of more files and folders than this the rest is not counted.
    pub files_max: u64,
    /// How long it may take; `None` for as long as it takes, which `files_max` bounds.
    pub time_max: Option<Duration>,
    /// Nobody wants to know any more.
    pub cancel: CancellationToken,
}

struct Walk {
    kept: Kept,
    /// The files of several names and of none that were counted, by device and number.
    counted: HashSet<(u64, u64)>,
    /// The file systems that it came through: some give a folder within them a number of its own.
    devices: HashSet<u64>,
    files_max: u64,
    end: Option<Instant>,
    cancel: CancellationToken,
    /// It was given up for want of time: what it counted is a part.
    is_cut: bool,
}

/// What is in these folders, and what a kernel's processes have open that is in none; `None` if there was not the time to
/// look at it all.
pub(crate) fn kept(folders: &[PathBuf], kin: Option<&Kin>, bounds: Bounds) -> Option<Kept> {
    let Bounds { files_max, time_max, cancel } = bounds;
    let mut walk = Walk {
        kept: Kept::default(),
        counted: HashSet::new(),
        devices: HashSet::new(),
        files_max,
        end: time_max.map(|time| Instant::now() + time),
        cancel,
        is_cut: false,
    };
    for folder in folders {
        // What the folder itself is the service has made.
        let Some(opened) = open_folder(folder) else { continue };
        let Ok(found) = opened.metadata() else { continue };
        walk.devices.insert(found.dev());
        walk.folder(&opened, 0);
    }
    if let Some(kin) = kin {
        walk.nameless(kin);
    }
    (!walk.is_cut).then_some(walk.kept)
}

/// What is in the `/tmp` that a process sees, which is in memory: in bytes.
pub(crate) fn tmp_bytes(pid: Pid) -> Option<u64> {
    let found = statvfs(format!("/proc/{pid}/root/tmp").as_str()).ok()?;
    Some(found.blocks().saturating_sub(found.blocks_free()).saturating_mul(found.fragment_size()))
}

impl Walk {
    fn is_over(&mut self) -> bool {
        self.kept.unseen |= self.kept.files > self.files_max;
        self.is_cut |= self.end.is_some_and(|end| Instant::now() >= end) || self.cancel.is_cancelled();
        self.is_cut || self.kept.files > self.files_max
    }

    fn folder(&mut self, folder: &File, depth: u32) {
        let mut below: Vec<OsString> = Vec::new();
        for entry in fs::read_dir(path(folder)).into_iter().flatten().flatten() {
            if self.is_over() {
                return;
            }
            // One that is gone by now counts as well: a walk comes to an end however quickly files are made and removed.
            self.kept.files += 1;
            // Of the entry itself, whatever it links to.
            let Ok(found) = entry.metadata() else { continue };
            self.count(&found);
            if found.is_dir() && below.len() < REMEMBERED_MAX / 10 {
                self.devices.insert(found.dev());
                below.push(entry.file_name());
            } else if found.is_dir() {
                self.kept.unseen = true;
            }
        }
        if depth == DEPTH_MAX && !below.is_empty() {
            self.kept.unseen = true;
            return;
        }
        for name in below {
            if self.is_over() {
                return;
            }
            if let Some(opened) = open_folder(&path(folder).join(name)) {
                self.folder(&opened, depth + 1);
            }
        }
    }

    fn count(&mut self, found: &Metadata) {
        let once = found.is_dir() || found.nlink() == 1 || self.is_new(found);
        if once {
            self.kept.bytes += found.blocks().saturating_mul(BLOCK_BYTES);
        }
    }

    /// Whether a file is none of those that were counted. What cannot be remembered counts by each of its names.
    fn is_new(&mut self, found: &Metadata) -> bool {
        let id = (found.dev(), found.ino());
        if self.counted.len() < REMEMBERED_MAX { self.counted.insert(id) } else { !self.counted.contains(&id) }
    }

    /// Files that were removed and are open still keep their place on the disk.
    fn nameless(&mut self, kin: &Kin) {
        let mut looked = 0;
        for pid in kin.members() {
            for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
                looked += 1;
                if looked > OPEN_FILES_MAX {
                    self.kept.unseen = true;
                    return;
                }
                if self.is_over() {
                    return;
                }
                let Ok(found) = fs::metadata(entry.path()) else { continue };
                let nameless = found.is_file() && found.nlink() == 0 && self.devices.contains(&found.dev());
                if nameless && self.is_new(&found) {
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
    use std::{io::Read as _, os::unix::fs::symlink, process::Stdio};

    use super::*;

    const MANY: u64 = 1_000_000;

    fn within(folders: &[PathBuf], leader: Option<Pid>, files_max: u64, time_max: Option<Duration>) -> Option<Kept> {
        kept(folders, leader.map(Kin::alone).as_ref(), Bounds { files_max, time_max, cancel: CancellationToken::new() })
    }

    fn of(folder: &Path) -> Kept {
        within(&[folder.to_owned()], None, MANY, None).expect("there is time")
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
        assert_eq!(of(&folder.path().join("other")), Kept::default(), "a link is no folder");
    }

    #[test]
    fn many_files_and_deep_folders_are_looked_at_so_far() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..50 {
            File::create(folder.path().join(number.to_string())).expect("made");
        }
        let some = within(&[folder.path().to_owned()], None, 10, None).expect("there is time");
        assert!(some.files == 11 && some.unseen, "{some:?}");
        assert!(!of(folder.path()).unseen);
        let deep: PathBuf = std::iter::repeat_n("d", 150).collect();
        fs::create_dir_all(folder.path().join(deep)).expect("made");
        let found = of(folder.path());
        assert!(found.unseen && found.files < 200, "{found:?}");
    }

    #[test]
    fn a_part_is_not_taken_for_all() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("one"), "text").expect("written");
        let folders = [folder.path().to_owned()];
        assert_eq!(within(&folders, None, MANY, Some(Duration::ZERO)), None);
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert_eq!(kept(&folders, None, Bounds { files_max: MANY, time_max: None, cancel }), None);
        assert_eq!(within(&folders, None, MANY, Some(Duration::from_secs(60))).expect("time").files, 1);
    }

    #[test]
    fn a_folder_with_a_device_number_of_its_own_is_looked_into() {
        // As a subvolume of btrfs has one; here it is a file system of its own.
        let below = tempfile::tempdir_in("/dev/shm").expect("a folder");
        fs::write(below.path().join("large"), vec![1; 8 << 20]).expect("written");
        let found = of(Path::new("/dev"));
        assert!(found.bytes >= 8 << 20, "{found:?}");
    }

    #[test]
    fn files_without_a_name_are_found_at_who_has_them_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gone");
        let with = |leader| within(&[folder.path().to_owned()], leader, MANY, None).expect("there is time");
        // Removed files that others have open in their process are none of a child's.
        let holds = |what: &str| {
            let script = format!("exec 3<'{}'; rm '{}'; {what} echo held; read gone", path.display(), path.display());
            let mut command = std::process::Command::new("sh");
            let child = command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            let mut child = child.expect("started");
            child.stdout.take().expect("a pipe").read_exact(&mut [0; 5]).expect("it says so");
            let found = with(Some(Pid::from_raw(i32::try_from(child.id()).expect("a pid"))));
            drop(child.stdin.take());
            child.wait().expect("an end");
            found
        };
        fs::write(&path, vec![1; 1 << 20]).expect("written");
        let found = holds("");
        assert!(found.files == 1 && (1 << 20..2 << 20).contains(&found.bytes), "{found:?}");
        fs::write(&path, vec![1; 1 << 20]).expect("written");
        assert_eq!(holds("exec 3<&-;"), Kept::default(), "it is open no more");
        assert_eq!(with(None), Kept::default());
    }
}
