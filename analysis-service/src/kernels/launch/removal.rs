//! Removes what kernels wrote, whatever they made of it: nested deeper than a stack or a process's open files would
//! stand, without rights for its owner, or changed meanwhile. Nothing is found by a path: every step goes by descriptor
//! from the folder before, follows no link and stays on the file system where it began.

use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    },
    path::Path,
};

use nix::{
    dir::{Dir, Type},
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2, renameat},
    sys::stat::{Mode, fchmod, fstat},
    unistd::{UnlinkatFlags, unlinkat},
};

/// Folders that are open at a time. What is nested deeper is moved up.
const OPEN_FOLDERS_MAX: usize = 32;
/// Folders of one folder that are known at a time.
const BATCH_MAX: usize = 4096;
/// How often the outermost folder is looked through. Each time all is moved up by [`OPEN_FOLDERS_MAX`]: who makes more
/// than that meanwhile is not waited for.
const ROUNDS_MAX: usize = 100_000;
/// How a folder is opened.
pub(in crate::kernels) const FOLDER: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Removes a file, a link or a folder with all that is in it, as far as it can be. What is not there is removed already.
///
/// # Errors
/// The first thing that could not be removed.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let parent = match open(folder, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()) {
        Err(Errno::ENOENT) => return Ok(()),
        opened => opened?,
    };
    let name = CString::new(name.as_bytes())?;
    match unlinkat(&parent, name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => return Ok(()),
        // unlink(2): a folder is the one by Linux, the other by POSIX.
        Err(Errno::EISDIR | Errno::EPERM) => {}
        Err(error) => return Err(error.into()),
    }
    let mut walk = Walk { stack: vec![Level::open(parent.as_fd(), name)?], failed: None, moved: 0 };
    walk.run();
    let Walk { stack, failed, .. } = walk;
    let name = stack.into_iter().next().map(|top| top.name).unwrap_or_default();
    match unlinkat(&parent, name.as_c_str(), UnlinkatFlags::RemoveDir) {
        Err(error) => Err(failed.unwrap_or(error).into()),
        Ok(()) => Ok(()),
    }
}

/// An open folder on the way down.
struct Level {
    folder: OwnedFd,
    /// The same, to be listed.
    entries: Dir,
    /// Its name in the folder before.
    name: CString,
    /// Folders in it that are to be removed next.
    next: Vec<CString>,
    /// Whether anything went since it was listed last: then it is listed once more.
    changed: bool,
}

struct Walk {
    /// From the outermost folder on.
    stack: Vec<Level>,
    failed: Option<Errno>,
    moved: u64,
}

impl Walk {
    /// Empties the outermost folder.
    fn run(&mut self) {
        let mut rounds = 0;
        while let Some(depth) = self.stack.len().checked_sub(1) {
            let Some(level) = self.stack.last_mut() else { return };
            if let Some(name) = level.next.pop() {
                self.enter(depth, &name);
            } else if level.changed {
                rounds += usize::from(depth == 0);
                if rounds > ROUNDS_MAX {
                    self.failed.get_or_insert(Errno::ENOTEMPTY);
                    return;
                }
                let failed = level.list();
                self.fail(failed);
            } else if depth == 0 {
                return;
            } else {
                self.leave();
            }
        }
    }

    /// Goes into a folder of the innermost one; or moves it up, where that would be too deep.
    fn enter(&mut self, depth: usize, name: &CStr) {
        let Some(level) = self.stack.last_mut() else { return };
        let opened = Level::open(level.folder.as_fd(), name.to_owned());
        let done = match opened {
            // Opened, it has what its owner needs to move it.
            Ok(opened) if depth + 1 < OPEN_FOLDERS_MAX => {
                self.stack.push(opened);
                Ok(())
            }
            Ok(opened) => {
                drop(opened);
                self.move_up(name)
            }
            Err(Errno::ENOENT) => Ok(()),
            // It is a folder no more.
            Err(Errno::ENOTDIR | Errno::ELOOP) => unlinkat(&level.folder, name, UnlinkatFlags::NoRemoveDir),
            Err(error) => Err(error),
        };
        self.fail(done.err());
    }

    fn move_up(&mut self, name: &CStr) -> nix::Result<()> {
        self.moved += 1;
        // No name that is in use: what is moved over an empty folder would replace it, which is as good.
        let new = format!("{:016x}-{}", rand::random::<u64>(), self.moved);
        let [top, .., level] = self.stack.as_mut_slice() else { return Err(Errno::EINVAL) };
        renameat(&level.folder, name, &top.folder, new.as_str())?;
        (top.changed, level.changed) = (true, true);
        Ok(())
    }

    /// Removes the innermost folder, in which nothing is left that can be removed.
    fn leave(&mut self) {
        let Some(Level { name, .. }) = self.stack.pop() else { return };
        let Some(outer) = self.stack.last_mut() else { return };
        let removed = unlinkat(&outer.folder, name.as_c_str(), UnlinkatFlags::RemoveDir);
        outer.changed |= removed.is_ok();
        self.fail(removed.err());
    }

    fn fail(&mut self, error: Option<Errno>) {
        self.failed = self.failed.or(error);
    }
}

impl Level {
    fn open(outer: BorrowedFd<'_>, name: CString) -> nix::Result<Self> {
        let folder = open_folder(outer, &name)?;
        let entries = Dir::openat(&folder, c".", FOLDER, Mode::empty())?;
        Ok(Self { folder, entries, name, next: Vec::new(), changed: true })
    }

    /// Removes the files and the empty folders that are in it, and notes the others. Gives what went wrong first.
    fn list(&mut self) -> Option<Errno> {
        let mut failed = None;
        self.changed = false;
        for entry in self.entries.iter() {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            if [c".", c".."].contains(&name) {
                continue;
            }
            let is_folder = entry.file_type() == Some(Type::Directory);
            let how = if is_folder { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
            match unlinkat(&self.folder, name, how) {
                Ok(()) => self.changed = true,
                Err(Errno::ENOENT) => {}
                // Not every file system tells of what kind an entry is.
                Err(error) if is_folder || error == Errno::EISDIR => self.next.push(name.to_owned()),
                Err(error) => failed = failed.or(Some(error)),
            }
            if self.next.len() >= BATCH_MAX {
                break;
            }
        }
        failed
    }
}

/// Opens a folder of another one; gives its owner all rights to it, without which nobody but root can empty it.
pub(super) fn open_folder(outer: BorrowedFd<'_>, name: &CStr) -> nix::Result<OwnedFd> {
    let opened = match open_here(outer, name, FOLDER) {
        Err(Errno::EACCES) => {
            let unread = open_here(outer, name, FOLDER | OFlag::O_PATH)?;
            // An open path has no rights of its own to change; this names the same folder, whatever is at its place now.
            let itself = format!("/proc/self/fd/{}", unread.as_raw_fd());
            std::fs::set_permissions(OsStr::new(&itself), std::fs::Permissions::from_mode(0o700))
                .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EACCES)))?;
            openat(&unread, c".", FOLDER, Mode::empty())?
        }
        opened => opened?,
    };
    let found = fstat(&opened)?;
    if Mode::from_bits_truncate(found.st_mode) & Mode::S_IRWXU != Mode::S_IRWXU {
        // Root can do without.
        let _ = fchmod(&opened, Mode::S_IRWXU);
    }
    Ok(opened)
}

/// Opens what is in this folder, and neither behind a link nor on another file system.
pub(in crate::kernels) fn open_here(outer: BorrowedFd<'_>, name: &CStr, flags: OFlag) -> nix::Result<OwnedFd> {
    let within = ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
    match openat2(outer, name, OpenHow::new().flags(flags).resolve(within)) {
        // Older systems, and sandboxes that know the older ones' calls only.
        Err(Errno::ENOSYS | Errno::EPERM | Errno::E2BIG) => {}
        opened => return opened,
    }
    let opened = openat(outer, name, flags, Mode::empty())?;
    if fstat(&opened)?.st_dev == fstat(outer)?.st_dev { Ok(opened) } else { Err(Errno::EXDEV) }
}

#[cfg(test)]
#[path = "removal_tests.rs"]
pub(super) mod tests;
