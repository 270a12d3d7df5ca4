//! What is written into the files of both versions, in folders that only look like them.

use super::*;

fn trees(folder: &Path, version: u8) -> Trees {
    let tree = |controller: &str| {
        // Of version 2 there is one tree, of version 1 one for each controller.
        let path = if version == 2 { folder.to_owned() } else { folder.join(controller) };
        fs::create_dir_all(&path).expect("a folder");
        (controller.to_owned(), Tree { version, path })
    };
    Trees(["cpu", "memory", "pids"].map(tree).into())
}

const LIMITS: GroupLimits = GroupLimits { memory_bytes: Some(1 << 30), processes: 99, cpu_percent: Some(150) };

#[test]
fn version_2_is_one_folder_with_every_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let trees = trees(folder.path(), 2);
    let group = trees.make("a", LIMITS).expect("a group");
    let made = folder.path().join("fenxi-kernel-a");
    let read = |name: &str| fs::read_to_string(made.join(name)).expect(name);
    assert_eq!(group.birthplace(), Some(made.clone()));
    assert_eq!((read("cpu.max"), read("cpu.weight")), ("150000 100000".into(), "33".into()));
    assert_eq!((read("memory.max"), read("pids.max")), ((1 << 30).to_string(), "99".into()));
    assert_eq!((read("memory.oom.group"), read("memory.swap.max")), ("1".into(), "0".into()));
    assert_eq!(group.cpu_percent(), Some(150));
    group.close();
    assert_eq!(read("pids.max"), "0");
}

#[test]
fn version_1_is_a_folder_for_each_controller() {
    let folder = tempfile::tempdir().expect("a folder");
    let group = trees(folder.path(), 1).make("a", LIMITS).expect("a group");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect(name);
    assert_eq!(read("cpu/fenxi-kernel-a/cpu.cfs_quota_us"), "150000");
    assert_eq!(read("cpu/fenxi-kernel-a/cpu.cfs_period_us"), "100000");
    assert_eq!(read("cpu/fenxi-kernel-a/cpu.shares"), "337");
    assert_eq!(read("pids/fenxi-kernel-a/pids.max"), "99");
    assert_eq!((group.birthplace(), group.cpu_percent()), (None, Some(150)));
    group.close();
    assert_eq!(
        (read("pids/fenxi-kernel-a/pids.max"), folder.path().join("cpu/fenxi-kernel-a/pids.max").exists()),
        ("0".into(), false)
    );
}

#[test]
fn a_process_goes_into_version_1_by_itself_and_is_moved_into_version_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (folder.path().join("1"), folder.path().join("2"));
    let group = trees(&one, 1).make("a", LIMITS).expect("a group");
    let doors = ["cpu", "memory", "pids"].map(|name| one.join(name).join("fenxi-kernel-a/tasks"));
    group.add(Pid::from_raw(7)).expect("nothing to do");
    assert!(group.doors() == doors && !one.join("cpu/fenxi-kernel-a/cgroup.procs").exists());
    let group = trees(&two, 2).make("a", LIMITS).expect("a group");
    group.add(Pid::from_raw(7)).expect("moved");
    let moved = fs::read_to_string(two.join("fenxi-kernel-a/cgroup.procs")).expect("written");
    assert_eq!((group.doors(), moved), (Vec::<PathBuf>::new(), "7".to_owned()));
}

#[test]
fn without_a_limit_kernels_share_the_processors_alike() {
    for version in [1, 2] {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = GroupLimits { memory_bytes: None, cpu_percent: None, ..LIMITS };
        let group = trees(folder.path(), version).make("a", limits).expect("a group");
        let made = if version == 2 { "fenxi-kernel-a" } else { "cpu/fenxi-kernel-a" };
        let files = fs::read_dir(folder.path().join(made)).expect("there").map(|entry| entry.expect("one").file_name());
        let cpu: Vec<_> = files.filter(|name| name.as_encoded_bytes().starts_with(b"cpu.")).collect();
        assert_eq!(cpu, [if version == 2 { "cpu.weight" } else { "cpu.shares" }]);
        assert_eq!((group.cpu_percent(), group.limits_memory()), (None, false));
    }
}

#[test]
fn a_limit_that_cannot_be_set_is_an_error_and_leaves_no_group() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut trees = trees(folder.path(), 1);
    // Where nothing is limited, so that a group in it is as empty as the system's are to `rmdir`.
    let first = Tree { version: 1, path: folder.path().join("blkio") };
    fs::create_dir(&first.path).expect("made");
    trees.0 = BTreeMap::from([("blkio".into(), first), ("memory".into(), trees.0["memory"].clone())]);
    // The second of the trees has gone.
    fs::remove_dir(folder.path().join("memory")).expect("removed");
    trees.make("a", LIMITS).expect_err("there is no such tree");
    assert_eq!(fs::read_dir(folder.path().join("blkio")).expect("there").count(), 0, "a group is left");
}

#[test]
fn what_is_in_a_group_is_killed_and_nothing_starts_in_it_any_more() {
    use std::process::{Child, Command};
    let folder = tempfile::tempdir().expect("a folder");
    let trees = trees(folder.path(), 1);
    let start = || Command::new("sleep").arg("600").spawn().expect("started");
    let end = |mut child: Child| thread::spawn(move || child.wait().expect("an end"));
    let (one, other, third) = (start(), start(), start());
    let group = trees.make("a", LIMITS).expect("a group");
    let procs = format!("0\n{}\n{}\n", one.id(), other.id());
    fs::write(folder.path().join("memory/fenxi-kernel-a/cgroup.procs"), procs).expect("written");
    let ended = [end(one), end(other)];
    group.kill();
    for child in ended {
        assert!(!child.join().expect("joined").success());
    }
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect(name);
    assert_eq!(read("pids/fenxi-kernel-a/pids.max"), "0");
    // A service that came after has the name alone.
    fs::write(folder.path().join("cpu/fenxi-kernel-a/cgroup.procs"), third.id().to_string()).expect("written");
    let third = end(third);
    kill_in(&[folder.path().join("cpu/fenxi-kernel-a")]);
    assert!(!third.join().expect("joined").success());
}

#[test]
fn a_group_that_an_older_service_wrote_down_has_no_limit_on_processors() {
    let group: Group = serde_json::from_str(r#"{"trees": [], "memory": null}"#).expect("read");
    assert_eq!(group.cpu_percent(), None);
}

#[test]
fn groups_that_were_left_go_as_soon_as_they_are_empty_and_others_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let trees = trees(folder.path(), 1);
    for made in ["cpu/fenxi-kernel-a-1", "memory/fenxi-kernel-a-1/busy", "cpu/fenxi-kernel-b-1", "cpu/a-1"] {
        fs::create_dir_all(folder.path().join(made)).expect("made");
    }
    let sweep = thread::spawn(move || trees.remove_left(vec!["a-1".into(), "never".into()]));
    while folder.path().join("cpu/fenxi-kernel-a-1").exists() {}
    assert!(!sweep.is_finished(), "one that is in use is given up at once");
    fs::remove_dir(folder.path().join("memory/fenxi-kernel-a-1/busy")).expect("removed");
    sweep.join().expect("an end");
    let exists = |name: &str| folder.path().join(name).exists();
    assert!(!exists("memory/fenxi-kernel-a-1") && exists("cpu/fenxi-kernel-b-1") && exists("cpu/a-1"));
}
