//! Files that short executions leave for the next ones. A log that the journal alone does not have, of a few lines all the
//! same, is in a file for less than a second, and the file system takes longer to make one and to remove it than to write
//! into it: ext4 without a journal looks at each file that was removed in the last five seconds before it makes another
//! (`recently_deleted`).

use std::{fs::File, io};

use uuid::Uuid;

use super::{limits::SPARES_MAX, spool::Folder};

/// The empty files that there are.
pub(super) struct Spares {
    folder: Folder,
    files: Vec<(u64, File)>,
    last: u64,
}

impl Spares {
    pub(super) fn new(folder: Folder) -> Self {
        Self { folder, files: Vec::new(), last: 0 }
    }

    /// A new, empty log.
    pub(super) fn create(&mut self, id: Uuid) -> io::Result<File> {
        if let Some((number, file)) = self.files.pop()
            && self.folder.take_spare(number, id).is_ok()
        {
            return Ok(file);
        }
        self.folder.create(id)
    }

    /// Keeps the file of a log that runs no more, if there is room for it. Nobody else may have it open, to read or to
    /// write.
    pub(super) fn put_aside(&mut self, id: Uuid, file: File) -> io::Result<()> {
        if self.files.len() >= SPARES_MAX {
            return self.folder.remove_running(id);
        }
        // Before it is anybody's: what it held is another user's.
        file.set_len(0)?;
        self.last += 1;
        self.folder.put_aside(id, self.last)?;
        self.files.push((self.last, file));
        Ok(())
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        for (number, _) in self.files.drain(..) {
            // The next process removes what is left.
            self.folder.remove_spare(number).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn a_file_is_taken_again_and_holds_nothing_of_before() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(home.path()).expect("opened");
        let mut spares = Spares::new(folder.clone());
        let [one, two, three] = [1, 2, 3].map(Uuid::from_u128);
        let file = spares.create(one).expect("created");
        file.write_all_at(b"of one", 0).expect("written");
        spares.put_aside(one, file).expect("put aside");
        assert!(folder.list_running().expect("listed").is_empty());
        let again = spares.create(two).expect("taken");
        assert_eq!(again.metadata().expect("there").len(), 0);
        spares.create(three).expect("there was one spare file, not two");
        let mut running = folder.list_running().expect("listed");
        running.sort();
        assert_eq!(running, [two, three]);
        spares.put_aside(two, again).expect("put aside");
        drop(spares);
        assert_eq!(std::fs::read_dir(home.path().join("spare")).expect("a folder").count(), 0);
    }

    #[test]
    fn there_are_so_many_and_those_of_an_earlier_process_go() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(home.path()).expect("opened");
        let mut spares = Spares::new(folder.clone());
        let files = (0..=SPARES_MAX as u128).map(|id| (Uuid::from_u128(id), folder.create(Uuid::from_u128(id))));
        for (id, file) in files.collect::<Vec<_>>() {
            spares.put_aside(id, file.expect("created")).expect("put aside");
        }
        let left = || std::fs::read_dir(home.path().join("spare")).expect("a folder").count();
        assert_eq!((left(), folder.list_running().expect("listed").len()), (SPARES_MAX, 0));
        // As if the process were killed.
        std::mem::forget(spares);
        Folder::open(home.path()).expect("opened again");
        assert_eq!(left(), 0);
    }
}
