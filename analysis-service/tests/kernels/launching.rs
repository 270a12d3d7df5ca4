//! Folders, files and leftovers of kernels; what runs in them is told elsewhere.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use analysis_service::kernels::launch::{Apart, ForkLauncher, Launcher, Level, Order, PlainLauncher, Workshop};
use uuid::Uuid;

use super::house::{python, soon, supervisor};

fn order() -> Order {
    Order {
        kernel_id: Uuid::from_u128(7),
        owner_user_id: Some(Uuid::from_u128(8)),
        generation: 1,
        memory_bytes: Some(1 << 30),
        file_bytes: 1 << 30,
    }
}

/// `/bin/sh` instead of Python: it reads `-m` as an option and ends, or stays when given a script of that name.
async fn launcher(dir: &Path) -> PlainLauncher {
    let (supervisor, held) = supervisor(dir, Duration::ZERO).await;
    let opened = Workshop::open(
        Path::new("/bin/sh"),
        &dir.join("run"),
        &dir.join("work"),
        apart(Level::None),
        (supervisor, &held),
    );
    PlainLauncher::new(opened.expect("a workshop"))
}

fn apart(level: Level) -> Apart {
    Apart {
        level,
        uid_first: 1_900_000_000,
        processes_max: 512,
        tmp_max_bytes: 1 << 20,
        open_files_max: 4096,
        cpu_max_percent: None,
    }
}

/// The folders of kernels' sockets.
fn places(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("run")).expect("there").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.join("k").is_dir()).collect()
}

#[tokio::test]
async fn a_kernels_folders_are_its_own_and_go_with_it() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let launcher = launcher(dir.path()).await;
    let mut launched = launcher.launch(order()).await.expect("started");
    let places = || places(dir.path());
    let [place] = &places()[..] else { panic!("one place") };
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(place), 0o700);
    assert_eq!(mode(&place.join("k/connection.json")), 0o600);
    assert_eq!(mode(&dir.path().join("work").join(order().kernel_id.to_string())), 0o700);
    soon(launched.process.ended()).await.expect("it ends");
    assert!(!launched.process.log().await.is_empty(), "what the process said is lost");
    launched.clear().await;
    assert!(places().is_empty());
    launcher.forget(order().kernel_id).await;
    assert_eq!(fs::read_dir(dir.path().join("work")).expect("there").count(), 0);
}

#[tokio::test]
async fn what_a_former_service_left_is_ended_at_start() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let place = dir.path().join("run/0123");
    fs::create_dir_all(&place).expect("made");
    let mut left = std::process::Command::new("sleep").arg("600").env("FENXI_KERNEL", "k-1").spawn().expect("started");
    let stat = fs::read_to_string(format!("/proc/{}/stat", left.id())).expect("it runs");
    let start_ticks = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(19)).expect("a start");
    let record = serde_json::json!({
        "pid": left.id(), "start_ticks": start_ticks.parse::<u64>().expect("a number"), "mark": "FENXI_KERNEL=k-1",
        "kernel_id": Uuid::from_u128(7), "generation": 1, "endpoint": {"prefix": "/nowhere", "key": "k"}, "start": 0,
        "level": 0, "layers": [], "ends_whole": false, "uid": null, "group": null,
    });
    fs::write(place.join("process.json"), record.to_string()).expect("written");
    launcher(dir.path()).await;
    let ended = tokio::task::spawn_blocking(move || left.wait());
    soon(ended).await.expect("joined").expect("ended");
    assert!(!place.exists());
}

#[tokio::test]
async fn what_took_off_its_mark_is_ended_by_its_user_or_its_group() {
    use std::os::unix::process::CommandExt as _;
    // In a range that no other story has.
    const UID: u32 = 1_904_000_005;
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let root = fs::metadata(dir.path()).expect("there").uid() == 0;
    let start = |uid: Option<u32>| {
        let mut command = std::process::Command::new("sleep");
        command.arg("600").env_clear().process_group(0);
        uid.map(|uid| command.uid(uid));
        command.spawn().expect("started")
    };
    let (by_group, by_user) = (start(None), root.then(|| start(Some(UID))));
    let group = dir.path().join("fenxi-kernel-k-1");
    fs::create_dir_all(&group).expect("made");
    fs::write(group.join("cgroup.procs"), by_group.id().to_string()).expect("written");
    let place = dir.path().join("run/0123");
    fs::create_dir_all(&place).expect("made");
    let tree = serde_json::json!({"version": 2, "path": dir.path()});
    let record = serde_json::json!({
        "pid": i32::MAX, "start_ticks": 1, "mark": "FENXI_KERNEL=k-1", "kernel_id": Uuid::from_u128(7), "generation": 1,
        "endpoint": {"prefix": "/nowhere", "key": "k"}, "start": 0, "level": 0, "layers": [], "ends_whole": false,
        "uid": UID, "group": {"trees": [[tree, group]], "memory": null},
    });
    fs::write(place.join("process.json"), record.to_string()).expect("written");
    let left = [Some(by_group), by_user]
        .into_iter()
        .flatten()
        .map(|mut left| tokio::task::spawn_blocking(move || left.wait().expect("an end").success()));
    let left: Vec<_> = left.collect();
    launcher(dir.path()).await;
    for ended in left {
        assert!(!soon(ended).await.expect("joined"), "it ran to its end");
    }
}

#[tokio::test]
async fn a_path_too_long_for_sockets_and_a_missing_python_are_said() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let (supervisor, _) = supervisor(dir.path(), Duration::ZERO).await;
    let open = |python: &str, run: &Path| {
        let opened = Workshop::open(Path::new(python), run, dir.path(), apart(Level::None), (supervisor.clone(), &[]));
        opened.expect_err("refused").to_string()
    };
    let error = open("/bin/sh", &dir.path().join("x".repeat(100)));
    assert!(error.contains("--kernel-run-dir") && error.contains("room for 84"), "{error}");
    let error = open("/nonexistent", dir.path());
    assert!(error.contains("/nonexistent"), "{error}");
}

#[tokio::test]
async fn a_python_that_lacks_modules_is_told_and_no_kernel_is_waited_for() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    // Of the libraries it finds none.
    let bare = dir.path().join("python");
    fs::write(&bare, format!("#!/bin/sh\nexec {} -S \"$@\"\n", python().display())).expect("written");
    fs::set_permissions(&bare, fs::Permissions::from_mode(0o755)).expect("set");
    let (supervisor, held) = supervisor(dir.path(), Duration::ZERO).await;
    let open = |python: &Path, level: Level| {
        let (run, work) = (dir.path().join("run"), dir.path().join("work"));
        Workshop::open(python, &run, &work, apart(level), (supervisor.clone(), &held))
    };
    assert_eq!(open(&python(), Level::None).expect("a workshop").trouble(), None);
    let workshop = open(&bare, Level::None).expect("a workshop");
    let told = workshop.trouble().expect("told").to_owned();
    let names = ["--python", "ipykernel", "pandas", "FENXI_ANALYSIS_PYTHON", "requirements.txt"];
    assert!(names.iter().all(|name| told.contains(name)), "{told}");
    let forks = ForkLauncher::start(workshop.clone(), Vec::new());
    let plain = PlainLauncher::new(workshop);
    for launcher in [&plain as &dyn Launcher, &*forks] {
        soon(launcher.settled()).await;
        let refused = soon(launcher.launch(order())).await.expect_err("it was started").to_string();
        assert!(refused.contains("lacks") && refused.contains("ipykernel"), "{refused}");
        assert!(launcher.support().failures.values().all(|why| *why == told), "{:?}", launcher.support());
    }
    assert_eq!(forks.support().failures.len(), 3);
    assert!(places(dir.path()).is_empty());
    // What is no Python at all is told with the setting, whoever asks it first.
    let error = format!("{:#}", open(Path::new("/bin/true"), Level::Standard).expect_err("refused"));
    assert!(error.contains("--python /bin/true"), "{error}");
}

#[test]
fn a_service_says_before_anything_else_that_sockets_have_too_long_a_path() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let run = dir.path().join("x".repeat(100));
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_analysis-service"))
        .args(["--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path())
        .arg("--kernel-run-dir")
        .arg(&run)
        .output()
        .expect("started");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("--kernel-run-dir"), "{said}");
    assert!(said.contains("room for 84") && !said.contains("SUN_LEN"), "{said}");
}

#[tokio::test]
async fn where_kernels_are_strictly_apart_none_is_started_plainly() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let (supervisor, held) = supervisor(dir.path(), Duration::ZERO).await;
    let (run, work) = (dir.path().join("run"), dir.path().join("work"));
    match Workshop::open(&python(), &run, &work, apart(Level::Strict), (supervisor, &held)) {
        Ok(workshop) => {
            let refused = PlainLauncher::new(workshop).launch(order()).await.expect_err("it was started").to_string();
            assert!(refused.contains("--kernel-isolation strict"), "{refused}");
            assert!(places(dir.path()).is_empty());
        }
        // This machine does not give the level at all, and says so.
        Err(error) => assert!(error.to_string().contains("--kernel-isolation strict"), "{error}"),
    }
}
