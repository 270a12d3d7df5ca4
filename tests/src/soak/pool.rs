//! The kernels that are kept ready: nobody's, and exactly as many as the service is to keep once nothing else goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::bail;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    ledger::Book,
    leftovers::{groups_of, names},
    trouble::Outside,
};
use crate::bench::processes;

/// As many as the service keeps without being told.
pub(super) const SIZE: usize = 2;
/// How long the places may take to be filled.
const FULL_WAIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(200);
/// What a kernel's process is called, before its id.
const TITLE: &str = "kernel ";
const ID_CHARS: usize = 36;

/// A kernel that nobody has.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub pid: u32,
    /// Its folder of sockets.
    pub place: PathBuf,
}

#[derive(Deserialize)]
struct Record {
    pid: u32,
    kernel_id: String,
}

/// The kernels that are written down in this house and are none of these, by id.
pub(super) fn kept(folder: &Path, users: &BTreeSet<String>) -> BTreeMap<String, Kept> {
    let run = folder.join("analysis/run");
    let places = names(&run).into_iter().map(|name| run.join(name));
    let found = places.filter_map(|place| {
        let record: Record = serde_json::from_slice(&fs::read(place.join("process.json")).ok()?).ok()?;
        Some((record.kernel_id, Kept { pid: record.pid, place }))
    });
    found.filter(|(kernel_id, _)| !users.contains(kernel_id)).collect()
}

/// The kernels, by id, whose processes live below the house's supervisor at this moment.
pub(super) fn alive(outside: &Outside) -> BTreeSet<String> {
    let children = outside.supervisor().and_then(|supervisor| processes::children(supervisor).ok());
    let commands = children.into_iter().flatten().map(processes::command);
    commands.filter_map(|command| Some(command.strip_prefix(TITLE)?.get(..ID_CHARS)?.to_owned())).collect()
}

/// Waits until all places are filled.
///
/// # Errors
/// They are not.
pub(super) async fn until_full(folder: &Path, book: &Book) -> anyhow::Result<()> {
    let limit = Instant::now() + FULL_WAIT;
    loop {
        let (found, alive) = (kept(folder, &book.kernels()), alive(&Outside::new(folder)));
        if found.len() == SIZE && found.keys().all(|kernel_id| alive.contains(kernel_id)) {
            return Ok(());
        }
        if Instant::now() > limit {
            bail!("{} kernels are kept ready after {FULL_WAIT:?}: {found:?}", found.len());
        }
        sleep(POLL).await;
    }
}

/// What is left of any kernel once the service has stopped; `seen` are those that were there at any time.
pub(super) fn left(folder: &Path, seen: &BTreeSet<String>) -> Vec<String> {
    let mut found: Vec<_> = kept(folder, &BTreeSet::new()).keys().map(|id| format!("the record of {id}")).collect();
    found.extend(alive(&Outside::new(folder)).iter().map(|id| format!("the process of {id}")));
    found.extend(names(&folder.join("analysis/work")).iter().map(|name| format!("the files of {name}")));
    found.extend(groups_of(seen));
    found
}
