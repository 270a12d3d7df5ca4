//! Columnar files, kept within a bound: those nobody holds go first-used first, and can be made again from the bytes
//! they came from. Files are never changed in place, so who mapped one keeps what it mapped.
//!
//! Nobody waits until a file is on the disk. As long as that is not known its owner may write to it, and a next process
//! does not take such a one: after a crash of the machine it may hold anything.
//!
//! This room owns its folder and what is counted about it; it neither parses nor knows datasets.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Semaphore;

use crate::objects::ContentId;

/// The folder, inside the cache's, of files that are being made or go.
const ASIDE: &str = "aside";
/// Of a file that may not be on the disk yet, and of one that is. Whoever a kernel is, it may read; what keeps others away is
/// the folder.
const FRESH_MODE: u32 = 0o644;
const DURABLE_MODE: u32 = 0o444;

/// The columnar files of this machine. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    max_bytes: u64,
    state: Mutex<State>,
    /// One file at a time is made durable.
    settling: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<ContentId, Entry>,
    total_bytes: u64,
    /// Counts uses; an entry's `used` is its last one.
    uses: u64,
    /// Counts names in the folder aside.
    asides: u64,
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    holders: usize,
    used: u64,
    /// Goes when its last holder does.
    is_unwanted: bool,
}

/// Keeps a columnar file. Clones keep the same one; it may go when the last is dropped.
#[derive(Clone, Debug)]
pub struct Hold(Arc<HoldInner>);

#[derive(Debug)]
struct HoldInner {
    cache: Cache,
    table_id: ContentId,
}

impl Hold {
    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.cache.inner.path(self.0.table_id)
    }
}

impl Drop for HoldInner {
    fn drop(&mut self) {
        let gone = {
            let mut state = self.cache.state();
            if let Some(entry) = state.entries.get_mut(&self.table_id) {
                entry.holders = entry.holders.saturating_sub(1);
            }
            self.cache.inner.make_room(&mut state)
        };
        remove_later(gone);
    }
}

impl Cache {
    /// Opens the cache in this folder, makes it where missing, and takes what an earlier process left on the disk. Blocks
    /// on it; called once at start.
    pub(super) fn open(folder: &Path, max_bytes: u64) -> io::Result<Self> {
        let aside = folder.join(ASIDE);
        if aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
        fs::create_dir_all(&aside)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let id = path.file_stem().and_then(OsStr::to_str).and_then(|stem| stem.parse::<ContentId>().ok());
            let metadata = entry.metadata()?;
            let Some(id) = id.filter(|_| metadata.is_file()) else { continue };
            if metadata.permissions().mode() & 0o777 == DURABLE_MODE {
                found.push((metadata.modified()?, id, metadata.len()));
            } else {
                fs::remove_file(path)?;
            }
        }
        found.sort();
        let mut state = State::default();
        for (_, id, bytes) in found {
            state.add(id, bytes);
        }
        let (folder, state, settling) = (folder.to_owned(), Mutex::new(state), Semaphore::new(1));
        let cache = Self { inner: Arc::new(Inner { folder, max_bytes, state, settling }) };
        let gone = cache.inner.make_room(&mut cache.state());
        gone.iter().try_for_each(fs::remove_file)?;
        Ok(cache)
    }

    /// Holds a table's file, if it is there.
    pub(super) fn get(&self, table_id: ContentId) -> Option<Hold> {
        let mut state = self.state();
        state.uses += 1;
        let uses = state.uses;
        let entry = state.entries.get_mut(&table_id).filter(|entry| !entry.is_unwanted)?;
        entry.used = uses;
        entry.holders += 1;
        drop(state);
        Some(self.hold(table_id))
    }

    /// A path, on the cache's file system, to make a file at.
    pub(super) fn aside(&self) -> PathBuf {
        self.inner.next_aside(&mut self.state())
    }

    /// Takes the complete file at `made` as this table's, and makes room for it. Blocks on the disk.
    pub(super) fn put(&self, table_id: ContentId, made: &Path) -> io::Result<Hold> {
        let bytes = fs::metadata(made)?.len();
        fs::set_permissions(made, fs::Permissions::from_mode(FRESH_MODE))?;
        let gone = {
            let mut state = self.state();
            fs::rename(made, self.inner.path(table_id))?;
            state.add(table_id, bytes);
            if let Some(entry) = state.entries.get_mut(&table_id) {
                entry.holders += 1;
            }
            self.inner.make_room(&mut state)
        };
        let hold = self.hold(table_id);
        gone.iter().try_for_each(fs::remove_file)?;
        Ok(hold)
    }

    /// Sees to it that a file is on the disk, and a next process takes it. A file that cannot be is let go.
    pub(super) async fn settle(&self, hold: Hold) {
        let Ok(_turn) = self.inner.settling.acquire().await else { return };
        let (table_id, path) = (hold.0.table_id, hold.path());
        let settled = tokio::task::spawn_blocking(move || make_durable(&path)).await;
        if let Err(error) = settled.map_err(io::Error::other).flatten() {
            tracing::error!(%error, %table_id, "a columnar file did not reach the disk");
            self.let_go(table_id);
        }
    }

    /// Lets a table's file go, at once or when its last holder does.
    pub(super) fn let_go(&self, table_id: ContentId) {
        let gone = {
            let mut state = self.state();
            if let Some(entry) = state.entries.get_mut(&table_id) {
                entry.is_unwanted = true;
            }
            self.inner.make_room(&mut state)
        };
        remove_later(gone);
    }

    /// Bytes of all files now.
    pub(super) fn total_bytes(&self) -> u64 {
        self.state().total_bytes
    }

    fn hold(&self, table_id: ContentId) -> Hold {
        Hold(Arc::new(HoldInner { cache: self.clone(), table_id }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn path(&self, table_id: ContentId) -> PathBuf {
        self.folder.join(format!("{table_id}.arrow"))
    }

    fn next_aside(&self, state: &mut State) -> PathBuf {
        state.asides += 1;
        self.folder.join(ASIDE).join(format!("{}.arrow", state.asides))
    }

    /// Moves aside what nobody wants, and then what nobody holds until the rest fits, the longest unused first. Gives
    /// the files to remove, which can take long, outside the lock.
    fn make_room(&self, state: &mut State) -> Vec<PathBuf> {
        let mut free: Vec<(bool, u64, ContentId)> = state
            .entries
            .iter()
            .filter(|(_, entry)| entry.holders == 0)
            .map(|(id, entry)| (!entry.is_unwanted, entry.used, *id))
            .collect();
        free.sort_unstable();
        let mut gone = Vec::new();
        for (is_wanted, _, id) in free {
            if is_wanted && state.total_bytes <= self.max_bytes {
                break;
            }
            let aside = self.next_aside(state);
            match fs::rename(self.path(id), &aside) {
                Ok(()) => gone.push(aside),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::error!(%error, table_id = %id, "a columnar file cannot be moved aside");
                    continue;
                }
            }
            if let Some(entry) = state.entries.remove(&id) {
                state.total_bytes -= entry.bytes;
            }
            metrics::counter!("columnar_cache_evictions_total").increment(1);
        }
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; bytes of a disk are far below 2^53")]
        metrics::gauge!("columnar_cache_bytes").set(state.total_bytes as f64);
        gone
    }
}

impl State {
    fn add(&mut self, table_id: ContentId, bytes: u64) {
        self.uses += 1;
        let fresh = Entry { bytes, holders: 0, used: self.uses, is_unwanted: false };
        let entry = self.entries.entry(table_id).or_insert(Entry { bytes: 0, ..fresh });
        self.total_bytes = self.total_bytes - entry.bytes + bytes;
        *entry = Entry { holders: entry.holders, ..fresh };
    }
}

fn make_durable(path: &Path) -> io::Result<()> {
    let file = fs::File::open(path)?;
    file.sync_all()?;
    file.set_permissions(fs::Permissions::from_mode(DURABLE_MODE))
}

/// Freeing a large file takes the disk a while; whoever drops a [`Hold`] may be on the async runtime.
fn remove_later(gone: Vec<PathBuf>) {
    if gone.is_empty() {
        return;
    }
    let remove = move || {
        for path in gone {
            if let Err(error) = fs::remove_file(path) {
                tracing::error!(%error, "a columnar file cannot be removed");
            }
        }
    };
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(remove)),
        Err(_) => remove(),
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
