//! Fork servers that hang: before they are ready, with a kernel on trial, and between a fork and the word of it.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use analysis_service::kernels::launch::{ForkLauncher, Launcher, Order};
use fenxi_proto::analysis::v1::{KernelStart, KernelState, Outcome};
use tempfile::TempDir;
use uuid::Uuid;

use crate::house::{House, Ran, USER, apart, python, settings, soon, workshop_with};

/// A fork server that hangs where its first argument says, and leaves the ids of processes in the folder of the second.
const SERVER: &str = r#"
import json, os, socket, sys, time
where, notes = sys.argv[1:3]
def note(name, pid):
    with open(f"{notes}/new", "w") as file: file.write(str(pid))
    os.rename(f"{notes}/new", f"{notes}/{name}")
def hang(*_):
    while True: time.sleep(600)
if where == "start":
    note("server", os.getpid())
    hang()
from fenxi_kernel.forkserver import __main__ as server, child, preload
preload._LIBRARIES = preload._LATE = ()
if where == "trial": child.run = hang
tell, told = socket.send_fds, 0
def send_fds(control, packets, fds, *rest):
    global told
    told += 1
    note(f"fork-{told}", json.loads(packets[0])["pid"])
    if where == "second" and told == 2: hang()
    return tell(control, packets, fds, *rest)
socket.send_fds = send_fds
os._exit(server.main(sys.argv[3:]))
"#;

/// A launcher whose fork servers hang.
struct Hung {
    launcher: Arc<ForkLauncher>,
    folder: TempDir,
}

impl Hung {
    async fn at(place: &str) -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        let (program, server, notes) =
            (folder.path().join("python"), folder.path().join("server.py"), folder.path().join("notes"));
        fs::create_dir(&notes).expect("made");
        fs::write(&server, SERVER).expect("written");
        let (python, server, notes) = (python(), server.display().to_string(), notes.display().to_string());
        let script = format!(
            "#!/bin/sh\n\
             if [ \"$2\" = fenxi_kernel.forkserver ]; then shift 2; set -- {server} {place} {notes} \"$@\"; fi\n\
             exec {} \"$@\"\n",
            python.display()
        );
        fs::write(&program, script).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
        let workshop = workshop_with(folder.path(), &program, apart()).await;
        Self { launcher: ForkLauncher::start(workshop, Vec::new()), folder }
    }

    /// Waits for the id of a process.
    async fn noted(&self, name: &str) -> u32 {
        let file = self.folder.path().join("notes").join(name);
        let noted = async {
            loop {
                match fs::read_to_string(&file) {
                    Ok(pid) => return pid.parse().expect("a number"),
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        soon(noted).await
    }

    /// The folders of starts, and those that kernels work in.
    fn folders(&self) -> Vec<PathBuf> {
        let folders = |path: &Path| {
            let entries = fs::read_dir(path).expect("there").map(|entry| entry.expect("an entry"));
            entries.filter(|entry| entry.path().is_dir()).collect::<Vec<_>>()
        };
        let starts = folders(&self.folder.path().join("run")).into_iter();
        // Sixteen digits.
        let starts = starts.filter(|entry| entry.file_name().len() == 16);
        starts.chain(folders(&self.folder.path().join("work"))).map(|entry| entry.path()).collect()
    }
}

/// Whether a process goes on: one that has ended and was not waited for does not.
fn goes_on(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

#[tokio::test]
async fn a_fork_server_that_is_being_started_ends_with_its_launcher() {
    let hung = Hung::at("start").await;
    let server = hung.noted("server").await;
    assert!(goes_on(server) && !hung.folders().is_empty(), "there is nothing to be ended");
    soon(hung.launcher.close()).await;
    assert!(!goes_on(server));
    assert_eq!(hung.folders(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_kernel_on_trial_ends_with_the_launcher() {
    let hung = Hung::at("trial").await;
    let kernel = hung.noted("fork-1").await;
    soon(hung.launcher.close()).await;
    // The word of it may have come last.
    let ended = async {
        while goes_on(kernel) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(ended).await;
    assert_eq!(hung.folders(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_kernel_that_waits_for_the_fork_server_is_cancelled_deleted_and_left_at_once() {
    let hung = Hung::at("start").await;
    hung.noted("server").await;
    let launcher: Arc<dyn Launcher> = Arc::clone(&hung.launcher) as _;
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let files = hung.folder.path().to_owned();
    let house = House::with_launchers(folder, settings(), launcher.into(), files).await;
    let kernel = house.kernel().await;
    let (execution_id, reader) = house.send(&kernel, "1").await;
    assert!(soon(kernel.cancel(execution_id, None)).await);
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Cancelled);
    assert_eq!(kernel.snapshot().state, KernelState::Starting);
    let kernel_id = kernel.kernel_id();
    soon(house.registry.delete(USER, kernel_id, None)).await.expect("deleted");
    assert!(house.registry.kernel(USER, kernel_id).is_err());
    let left = house.kernel().await;
    soon(house.registry.leave()).await;
    assert!(left.reserve().await.is_err(), "its task goes on");
}

#[tokio::test]
async fn a_fork_of_which_nothing_was_told_is_ended_before_another_kernel_is_started_in_its_place() {
    let hung = Hung::at("second").await;
    if fs::metadata(hung.folder.path()).expect("there").uid() != 0 {
        eprintln!("nothing is tried: kernels have no users of their own here");
        return;
    }
    assert_eq!(soon(hung.launcher.way()).await, KernelStart::Forked);
    let order = Order {
        kernel_id: Uuid::from_u128(7),
        owner_user_id: Some(USER),
        generation: 1,
        memory_bytes: Some(1 << 30),
        file_bytes: 1 << 30,
    };
    let launched = soon(hung.launcher.launch(order)).await.expect("started");
    let late = hung.noted("fork-2").await;
    assert_eq!(launched.start, KernelStart::Plain);
    assert!(!goes_on(late), "there are two of it");
    launched.clear().await;
    soon(hung.launcher.close()).await;
}
