//! What is written down of a kernel's process, in its folder: for the service that comes after this one, which takes it up
//! if the supervisor holds it, and ends it if not.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use fenxi_proto::analysis::v1::{KernelIsolation, KernelStart};
use fenxi_supervisor::client::Held;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Launched, python, ranges::Ranges, removal};
use crate::kernels::{
    connection::Endpoint,
    machine::{cgroup::Group, tree},
    model::Enforced,
    network::NetworkSource,
};

const FILE: &str = "process.json";
/// The name of the kernel's control group, which is there before its process is.
const GROUP_FILE: &str = "group";
/// Is there once the kernel is somebody's: code may have left files.
const USED_FILE: &str = "used";
/// What a kernel's first process is; one on trial comes before it.
const FIRST_GENERATION: i32 = 1;

#[derive(Serialize, Deserialize)]
struct Record {
    pid: i32,
    /// When it started, in the system's ticks: tells it from another of the same number.
    start_ticks: u64,
    mark: String,
    kernel_id: Uuid,
    generation: i32,
    endpoint: Endpoint,
    start: i32,
    level: i32,
    layers: Vec<String>,
    ends_whole: bool,
    uid: Option<u32>,
    group: Option<Arc<Group>>,
    /// Whose network it was born with.
    #[serde(default)]
    network_of: Option<Uuid>,
    #[serde(default)]
    enforced: Enforced,
}

/// Writes down a kernel that was started.
pub(super) async fn write(launched: &Launched) -> io::Result<()> {
    let pid = launched.process.pid().as_raw();
    let record = Record {
        pid,
        start_ticks: launched.start_ticks,
        mark: launched.mark.clone(),
        kernel_id: launched.kernel_id,
        generation: launched.generation,
        endpoint: launched.endpoint.clone(),
        start: launched.start.into(),
        level: launched.isolation.level,
        layers: launched.isolation.layers.clone(),
        ends_whole: launched.ends_whole,
        uid: launched.uid,
        group: launched.group.clone(),
        network_of: launched.network_of.as_ref().map(|(owner_user_id, _)| *owner_user_id),
        enforced: launched.enforced,
    };
    let (path, text) = (launched.place.join(FILE), serde_json::to_vec(&record)?);
    let write = move || {
        use io::Write as _;
        // It holds the kernel's key.
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(&text)
    };
    tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
}

/// The kernels that the supervisor held. One that cannot be taken up is ended.
pub(super) fn take_up(
    run_dir: &Path,
    work_dir: &dyn Fn(Uuid) -> PathBuf,
    held: Vec<Held>,
    ranges: Option<&Ranges>,
    source: Option<&NetworkSource>,
) -> Vec<Launched> {
    let mut taken = Vec::new();
    for Held { name, process } in held {
        let place = run_dir.join(&name);
        let Some(record) = read(&place).filter(|record| record.pid == process.pid().as_raw()) else {
            tracing::warn!(name, "a kernel of an earlier service is ended: what was written down of it is not there");
            process.end();
            continue;
        };
        taken.push(Launched {
            process,
            endpoint: record.endpoint,
            start: KernelStart::try_from(record.start).unwrap_or_default(),
            isolation: KernelIsolation { level: record.level, layers: record.layers },
            enforced: record.enforced,
            kernel_id: record.kernel_id,
            generation: record.generation,
            start_ticks: record.start_ticks,
            place,
            work_dir: work_dir(record.kernel_id),
            mark: record.mark,
            ends_whole: record.ends_whole,
            uid: record.uid,
            user: None,
            former_range: record.uid.zip(ranges).and_then(|(uid, ranges)| ranges.former(uid)),
            group: record.group,
            network_of: record.network_of.zip(source.cloned()),
            network: None,
            joining: None,
        });
    }
    taken
}

/// Notes the name of the start that is going to be made in this folder, before anything else of it is there.
pub(super) fn name_group(place: &Path, name: &str) -> io::Result<()> {
    fs::write(place.join(GROUP_FILE), name)
}

/// Notes that a kernel is somebody's from now on.
pub(super) async fn used(place: &Path) -> io::Result<()> {
    let file = place.join(USED_FILE);
    tokio::task::spawn_blocking(move || fs::write(file, "")).await.map_err(io::Error::other)?
}

/// The users of the kernels that the supervisor held.
pub(super) fn users(run_dir: &Path, held: &[Held]) -> Vec<u32> {
    held.iter().filter_map(|held| read(&run_dir.join(&held.name))?.uid).collect()
}

/// Ends the processes that a former service left and nobody holds, and removes their folders; of those that kernels
/// worked in only those of kernels that were not somebody's yet: on trial, kept ready, or in their first start. Gives the
/// names of the control groups that they may have had. At start only.
pub(super) fn sweep(run_dir: &Path, work_dir: &Path, held: &[Held], ranges: &Ranges) -> Vec<String> {
    let mut groups = Vec::new();
    let in_use = users(run_dir, held);
    for entry in fs::read_dir(run_dir).into_iter().flatten().flatten() {
        let (place, name) = (entry.path(), entry.file_name());
        let kept = held.iter().any(|held| name == *held.name);
        // What kernels import may be loaded late.
        let imported = !held.is_empty() && name.as_encoded_bytes().starts_with(python::PREFIX.as_bytes());
        if kept || imported || !place.is_dir() {
            continue;
        }
        let group = fs::read_to_string(place.join(GROUP_FILE)).ok();
        if let Some(record) = read(&place) {
            end(&record, &in_use, ranges);
        }
        // A service that did not note whose a kernel is did not name its group either: its kernels' files stay.
        let named = group.as_deref().and_then(start_of);
        if let Some((kernel_id, ..=FIRST_GENERATION)) = named
            && !place.join(USED_FILE).exists()
        {
            remove(&work_dir.join(kernel_id.to_string()));
        }
        groups.extend(group);
        remove(&place);
    }
    groups
}

/// Ends what a kernel of a former service left: by its control group, by its mark, and by its user where that is no other
/// kernel's, because code can take off a mark and leave a session.
fn end(record: &Record, in_use: &[u32], ranges: &Ranges) {
    if let Some(group) = &record.group {
        group.kill();
    }
    // The pid may mean another process by now; what has the mark is ours in any case.
    let alive = tree::start_ticks(record.pid) == Some(record.start_ticks);
    let leader = (Pid::from_raw(if alive { record.pid } else { i32::MAX }), record.start_ticks);
    tree::kill_rest(Some(leader), &record.mark, None);
    let Some(uid) = record.uid.filter(|uid| nix::unistd::geteuid().is_root() && !in_use.contains(uid)) else { return };
    if let Some(_held) = ranges.hold(uid) {
        tree::kill_rest(Some(leader), &record.mark, Some(uid));
    }
}

fn remove(path: &Path) {
    if let Err(error) = removal::remove(path) {
        tracing::warn!(path = %path.display(), %error, "what a former service left was not removed");
    }
}

/// The name of a start: its kernel's control group is called so, and its processes have it as their mark.
pub(super) fn name(kernel_id: Uuid, generation: i32) -> String {
    format!("{kernel_id}-{generation}")
}

fn start_of(name: &str) -> Option<(Uuid, i32)> {
    let (kernel_id, generation) = name.rsplit_once('-')?;
    Some((kernel_id.parse().ok()?, generation.parse().ok()?))
}

fn read(place: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(place.join(FILE)).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a kernel's files are there after the sweep, given its generation and the notes in its folder.
    fn files_stay(generation: i32, notes: &[&str]) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        let (place, work) = (folder.path().join("run/a"), folder.path().join("work"));
        let kernel_id = Uuid::from_u128(1);
        let record = Record {
            pid: i32::MAX,
            start_ticks: 1,
            mark: "FENXI_KERNEL=nobody's".into(),
            kernel_id,
            generation,
            endpoint: Endpoint { prefix: place.clone(), key: String::new() },
            start: 0,
            level: 0,
            layers: Vec::new(),
            ends_whole: false,
            uid: None,
            group: None,
            network_of: None,
            enforced: Enforced::default(),
        };
        fs::create_dir_all(&place).expect("made");
        fs::create_dir_all(work.join(kernel_id.to_string())).expect("made");
        fs::write(work.join(kernel_id.to_string()).join("file"), "text").expect("written");
        let record = serde_json::to_string(&record).expect("JSON");
        for note in notes {
            let text = if *note == FILE { record.clone() } else { name(kernel_id, generation) };
            fs::write(place.join(note), text).expect("written");
        }
        let groups = sweep(&folder.path().join("run"), &work, &[], &Ranges::from(300_000, None));
        assert_eq!(groups.len(), usize::from(notes.contains(&GROUP_FILE)), "{groups:?}");
        assert!(!place.exists(), "its sockets and its key are left");
        work.join(kernel_id.to_string()).join("file").exists()
    }

    #[test]
    fn only_files_of_a_kernel_that_was_nobodys_go_with_it() {
        assert!(!files_stay(1, &[GROUP_FILE, FILE]), "kept ready, and left");
        assert!(!files_stay(1, &[GROUP_FILE]), "left before its process was written down");
        assert!(!files_stay(0, &[GROUP_FILE, FILE]), "left on trial");
        assert!(files_stay(1, &[GROUP_FILE, USED_FILE, FILE]));
        assert!(files_stay(2, &[GROUP_FILE, FILE]), "it was started again: its files are from before");
        assert!(files_stay(1, &[FILE]), "an earlier version did not note whose it is");
    }
}
