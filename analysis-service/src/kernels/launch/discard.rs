//! The files of kernels that are gone for good. A folder gets another name before it is removed: what cannot be removed at
//! once is known by that, and is tried again, by the next service, too.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::removal;

/// How the names of folders begin that are to be removed.
const PREFIX: &str = "removed-";

/// What is to be removed yet.
#[derive(Debug)]
pub(super) struct Discarded {
    folder: PathBuf,
    left: Mutex<BTreeSet<PathBuf>>,
}

impl Discarded {
    /// What a former service left in this folder. Blocks.
    pub(super) fn open(folder: &Path) -> Self {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let ours = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()));
        Self { folder: folder.to_owned(), left: Mutex::new(ours.map(|entry| entry.path()).collect()) }
    }

    /// Removes the folder of this name, and what was left before. Blocks.
    pub(super) fn discard(&self, name: &str) {
        let (is, to) = (self.folder.join(name), self.folder.join(format!("{PREFIX}{name}")));
        match fs::rename(&is, &to) {
            Ok(()) => drop(self.left().insert(to)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Something of that name could not be removed before.
            Err(_) => drop(self.left().insert(is)),
        }
        self.retry();
    }

    /// Removes what is left. Blocks.
    pub(super) fn retry(&self) {
        let left = std::mem::take(&mut *self.left());
        for path in left {
            if let Err(error) = removal::remove(&path) {
                tracing::warn!(path = %path.display(), %error, "a kernel's files were not removed: it is tried again");
                self.left().insert(path);
            }
        }
    }

    fn left(&self) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_a_former_service_could_not_remove_is_removed_and_other_folders_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        for made in ["removed-a/b", "c/d"] {
            fs::create_dir_all(folder.path().join(made)).expect("made");
        }
        let discarded = Discarded::open(folder.path());
        discarded.retry();
        let names = || fs::read_dir(folder.path()).expect("there").map(|one| one.expect("one").file_name());
        assert_eq!(names().collect::<Vec<_>>(), ["c"]);
        discarded.discard("c");
        discarded.discard("c");
        assert_eq!(names().count(), 0);
    }

    #[test]
    fn what_cannot_be_removed_is_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a/file");
        fs::create_dir_all(folder.path().join("a")).expect("made");
        fs::write(&file, "text").expect("written");
        let attribute = |change: &str, path: &Path| {
            Command::new("chattr").arg(change).arg(path).status().is_ok_and(|status| status.success())
        };
        if !attribute("+i", &file) {
            eprintln!("nothing is tried: this machine has no files that cannot be changed");
            return;
        }
        let discarded = Discarded::open(folder.path());
        discarded.discard("a");
        let left = folder.path().join("removed-a");
        let stayed = left.join("file").exists();
        assert!(attribute("-i", &left.join("file")), "the attribute stays");
        assert!(stayed, "nothing kept it");
        discarded.discard("another");
        assert!(!left.exists());
    }
}
