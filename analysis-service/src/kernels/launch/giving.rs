//! Gives a kernel's user what is in the kernel's folder, and mends what the service has to find there. Code of the kernel
//! wrote it, and may be at it still: every step goes by descriptor, and nothing is given that is not in the folder.

use std::{
    ffi::CString,
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
};

use nix::{
    dir::{Dir, Type},
    errno::Errno,
    fcntl::{AtFlags, OFlag, open, openat},
    sys::stat::{FileStat, Mode, fchmod, fstat, mkdirat},
    unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, getegid, geteuid, unlinkat},
};

use super::removal::{FOLDER, open_folder, open_here};

/// How something is named that is not opened: a link is not followed.
const NAMED: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Makes a folder of this name in the kernel's folder, in place of whatever code made of it, and gives the owner of both
/// all rights to them.
pub(super) fn mend(work_dir: &Path, name: &str) -> io::Result<()> {
    let folder = open(work_dir, FOLDER, Mode::empty()).or_else(|error| match error {
        // Code took its own rights.
        Errno::EACCES => {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(work_dir, std::fs::Permissions::from_mode(0o700)).map_err(|_| error)?;
            open(work_dir, FOLDER, Mode::empty())
        }
        error => Err(error),
    })?;
    if fstat(&folder)?.st_mode & 0o700 != 0o700 {
        fchmod(&folder, Mode::S_IRWXU)?;
    }
    let name = CString::new(name)?;
    match mkdirat(&folder, name.as_c_str(), Mode::S_IRWXU) {
        Err(Errno::EEXIST) => {}
        made => return Ok(made?),
    }
    match open_folder(folder.as_fd(), &name) {
        Err(Errno::ENOTDIR | Errno::ELOOP) => {
            unlinkat(&folder, name.as_c_str(), UnlinkatFlags::NoRemoveDir)?;
            Ok(mkdirat(&folder, name.as_c_str(), Mode::S_IRWXU)?)
        }
        opened => Ok(opened.map(drop)?),
    }
}

/// Makes a kernel's folder the service's own again, for nobody else to go into: the user that all below it belongs to may
/// be another kernel's next. Given again, it is looked through.
pub(super) fn take_back(work_dir: &Path) -> io::Result<()> {
    let folder = match open(work_dir, FOLDER, Mode::empty()) {
        Err(Errno::ENOENT) => return Ok(()),
        opened => opened?,
    };
    fchown(&folder, Some(geteuid()), Some(getegid()))?;
    Ok(fchmod(&folder, Mode::S_IRWXU)?)
}

/// A folder on the way down. It is not kept open: the way may be longer than a process may have files open.
struct Step {
    /// Tells it from another.
    id: (u64, u64),
    /// Folders in it that are to be given next.
    next: Vec<CString>,
}

/// Gives a folder with all that is in it to a user. Nothing is given by a link, and no file of the service's own that has
/// another name elsewhere.
///
/// # Errors
/// Something is in the way, or is moved meanwhile.
pub(super) fn give(path: &Path, uid: u32) -> io::Result<()> {
    let mut folder = open(path, FOLDER, Mode::empty())?;
    let found = fstat(&folder)?;
    if found.st_uid == uid {
        // A folder is given after what is in it.
        return Ok(());
    }
    let mut way = vec![Step { id: id(&found), next: give_files(&folder, uid)? }];
    while let Some(step) = way.last_mut() {
        if let Some(name) = step.next.pop() {
            let inner = match open_here(folder.as_fd(), &name, FOLDER) {
                // It is gone, or was made something else: what a kernel does late is its own loss.
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => continue,
                opened => opened?,
            };
            let found = fstat(&inner)?;
            if found.st_uid != uid {
                way.push(Step { id: id(&found), next: give_files(&inner, uid)? });
                folder = inner;
            }
            continue;
        }
        way.pop();
        let outer = way.last().map(|outer| above(&folder, outer)).transpose()?;
        fchown(&folder, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)))?;
        let Some(outer) = outer else { break };
        folder = outer;
    }
    Ok(())
}

/// The folder from which this one was reached.
fn above(folder: &OwnedFd, outer: &Step) -> io::Result<OwnedFd> {
    let above = openat(folder, c"..", FOLDER, Mode::empty())?;
    if id(&fstat(&above)?) == outer.id { Ok(above) } else { Err(io::Error::other("a kernel's folders are moved")) }
}

/// Gives all that is in a folder but the folders, whose names it returns.
fn give_files(folder: &OwnedFd, uid: u32) -> io::Result<Vec<CString>> {
    let mut folders = Vec::new();
    for entry in Dir::openat(folder, c".", FOLDER, Mode::empty())?.iter() {
        let entry = entry?;
        let name = entry.file_name();
        if [c".", c".."].contains(&name) {
            continue;
        }
        if entry.file_type() == Some(Type::Directory) || give_file(folder.as_fd(), name, uid)? {
            folders.push(name.to_owned());
        }
    }
    Ok(folders)
}

/// Gives something that is no folder; says whether it is one.
fn give_file(folder: BorrowedFd<'_>, name: &std::ffi::CStr, uid: u32) -> io::Result<bool> {
    let file = match open_here(folder, name, NAMED) {
        Err(Errno::ENOENT) => return Ok(false),
        opened => opened?,
    };
    let found = fstat(&file)?;
    if found.st_mode & libc::S_IFMT == libc::S_IFDIR {
        return Ok(true);
    }
    let shared = found.st_nlink > 1 && found.st_uid == geteuid().as_raw();
    if found.st_uid != uid && !shared {
        let (user, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)));
        fchownat(&file, c"", user, group, AtFlags::AT_EMPTY_PATH)?;
    }
    Ok(false)
}

fn id(found: &FileStat) -> (u64, u64) {
    (found.st_dev, found.st_ino)
}

#[cfg(test)]
#[path = "giving_tests.rs"]
mod tests;
