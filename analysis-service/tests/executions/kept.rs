//! Kernels that are kept ready while processes around them are killed: the service, the fork server, the supervisor. Of
//! those that nobody had nothing is left, and none that is dead becomes anybody's.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    house::{soon, texts},
    machine::Machine,
};

/// As many as are kept ready without being told.
const SIZE: usize = 2;
const POLL: Duration = Duration::from_millis(50);
const GROUP_DEPTH_MAX: usize = 6;

/// A kernel of the machine, as its service wrote it down.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Written {
    pid: Pid,
    place: PathBuf,
}

/// The kernels that are written down, by id.
fn written(machine: &Machine) -> BTreeMap<String, Written> {
    let runs = fs::read_dir(machine.folder.path().join("data/run")).into_iter().flatten().flatten();
    let found = runs.filter_map(|entry| {
        let place = entry.path();
        let record: serde_json::Value = serde_json::from_slice(&fs::read(place.join("process.json")).ok()?).ok()?;
        let pid = Pid::from_raw(i32::try_from(record["pid"].as_i64()?).ok()?);
        Some((record["kernel_id"].as_str()?.to_owned(), Written { pid, place }))
    });
    found.collect()
}

fn runs(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Waits until all that are to be kept ready are so, and gives them with as many that are used, each with a process that
/// goes on.
async fn until_ready(machine: &Machine, used: usize) -> BTreeMap<String, Written> {
    soon(async {
        loop {
            // Written down before they are spoken to: which are ready is a figure.
            let ready = machine.figure("kernel_pool_ready ").await == Some(SIZE as u64);
            let found = written(machine);
            if ready && found.len() == SIZE + used && found.values().all(|kernel| runs(kernel.pid)) {
                return found;
            }
            tokio::time::sleep(POLL).await;
        }
    })
    .await
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !holds() {
            tokio::time::sleep(POLL).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("it does not come to this: {what}"));
}

/// The control groups whose names have this text.
fn groups(folder: &Path, text: &str, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if depth < GROUP_DEPTH_MAX {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.extend(entry.file_name().to_string_lossy().contains(text).then(|| entry.path()));
                found.extend(groups(&entry.path(), text, depth + 1));
            }
        }
    }
    found
}

/// What is left of a kernel, its key in `place` above all.
fn left(machine: &Machine, kernel_id: &str, kernel: &Written) -> Vec<String> {
    let work = machine.folder.path().join("data/work").join(kernel_id);
    let files = [&kernel.place, &work].into_iter().filter(|path| path.exists()).map(|path| path.display().to_string());
    let mut left: Vec<_> = files.collect();
    left.extend(groups(Path::new("/sys/fs/cgroup"), kernel_id, 0).iter().map(|path| path.display().to_string()));
    left.extend(runs(kernel.pid).then(|| format!("process {}", kernel.pid)));
    left
}

async fn until_nothing_is_left(machine: &Machine, kernels: &BTreeMap<String, Written>) {
    let all = || kernels.iter().flat_map(|(id, kernel)| left(machine, id, kernel)).collect::<Vec<_>>();
    let gone = tokio::time::timeout(Duration::from_secs(60), async {
        while !all().is_empty() {
            tokio::time::sleep(POLL).await;
        }
    });
    assert!(gone.await.is_ok(), "left: {:?}", all());
}

fn fork_server(machine: &Machine) -> Pid {
    let children = fs::read_dir("/proc").expect("there").flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent: i32 = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let forks = String::from_utf8_lossy(&command).contains("fenxi_kernel.forkserver");
        (parent == machine.supervisor().as_raw() && forks).then(|| Pid::from_raw(pid))
    });
    children.last().expect("a fork server")
}

async fn works(machine: &Machine) -> String {
    let user = machine.user();
    let kernel = user.kernel().await;
    let (_, events) = user.run(&kernel, "print(6 * 7)").await;
    assert_eq!(texts(&events), "42\n", "{events:?}");
    kernel
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_kernels_kept_ready_when_the_service_is_killed() {
    let mut machine = Machine::start_with("fork").await;
    until_ready(&machine, 0).await;
    let used = works(&machine).await;
    let mut kept = until_ready(&machine, 1).await;
    let own = kept.remove(&used).expect("the user's kernel is written down");
    // Once when they are ready, and once while others come.
    for again in [false, true] {
        machine.signal(Signal::SIGKILL);
        until("what nobody had has ended", || kept.values().all(|kernel| !runs(kernel.pid))).await;
        assert!(runs(own.pid), "the user's kernel has ended");
        machine.start_again().await;
        until_nothing_is_left(&machine, &kept).await;
        if again {
            break;
        }
        until("another is being kept", || written(&machine).len() > 1).await;
        kept = written(&machine);
        kept.remove(&used);
    }
    let all = until_ready(&machine, 1).await;
    assert_eq!(all.get(&used), Some(&own), "the user's kernel is another");
    assert!(kept.keys().all(|kernel_id| !all.contains_key(kernel_id)));
    let (_, events) = machine.user().run(&used, "print(1)").await;
    assert_eq!(texts(&events), "1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_the_fork_server_gives_nobody_a_dead_kernel() {
    let machine = Machine::start_with("fork").await;
    let kept = until_ready(&machine, 0).await;
    kill(fork_server(&machine), Signal::SIGKILL).expect("killed");
    // At once: one of those that were ready, or one of the next server.
    let (one, two, three) = tokio::join!(works(&machine), works(&machine), works(&machine));
    let all = until_ready(&machine, 3).await;
    let own = [one, two, three];
    assert!(own.iter().all(|kernel_id| all.contains_key(kernel_id)), "{own:?} {all:?}");
    let replaced = kept.into_iter().filter(|(kernel_id, _)| !own.contains(kernel_id)).collect();
    until_nothing_is_left(&machine, &replaced).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_the_supervisor_gives_nobody_a_dead_kernel() {
    let machine = Machine::start_with("fork").await;
    let kept = until_ready(&machine, 0).await;
    kill(machine.supervisor(), Signal::SIGKILL).expect("killed");
    // Whoever comes in this moment may be refused nothing and be given no kernel that died with it.
    let kernel = works(&machine).await;
    let all = until_ready(&machine, 1).await;
    assert!(all.contains_key(&kernel), "{all:?}");
    let replaced = kept.into_iter().filter(|(kernel_id, _)| *kernel_id != kernel).collect();
    until_nothing_is_left(&machine, &replaced).await;
}
