//! Folders that code made so that nobody could remove them.

use std::{fs, os::unix::fs::symlink, process::Command};

use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    stat::mkdirat,
};

use super::*;

/// More than a thread's stack has room for, one call a level.
const LEVELS: usize = 20_000;

/// A folder in memory, where the system has that: these are many folders.
pub(in crate::kernels::launch) fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// Makes a chain of folders, each with a file in it.
pub(in crate::kernels::launch) fn chain(folder: &Path, levels: usize) {
    let mut at = open(folder, FOLDER, Mode::empty()).expect("opened");
    for _ in 0..levels {
        mkdirat(&at, c"d", Mode::S_IRWXU).expect("made");
        at = openat(&at, c"d", FOLDER, Mode::empty()).expect("opened");
        openat(&at, c"f", OFlag::O_CREAT | OFlag::O_WRONLY, Mode::S_IRUSR).expect("made");
    }
}

#[test]
fn folders_nested_however_deep_are_removed_with_few_open_files() {
    // Of this test's process alone.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("told");
    setrlimit(Resource::RLIMIT_NOFILE, most.min(256), most).expect("set");
    let outer = quick_folder();
    let folder = outer.path().join("a");
    fs::create_dir(&folder).expect("made");
    chain(&folder, LEVELS);
    let removed = std::thread::Builder::new().stack_size(256 << 10).spawn(move || remove(&folder).map(|()| folder));
    let folder = removed.expect("a thread").join().expect("no overflow").expect("removed");
    assert!(!folder.exists());
    assert_eq!(fs::read_dir(outer.path()).expect("there").count(), 0);
}

#[test]
fn a_folder_of_very_many_is_removed() {
    let outer = quick_folder();
    let folder = outer.path().join("a");
    for number in 0..2 * BATCH_MAX + 10 {
        fs::create_dir_all(folder.join(format!("{number}/in"))).expect("made");
    }
    remove(&folder).expect("removed");
    assert!(!folder.exists());
    remove(&folder).expect("what is not there is removed");
    remove(&folder.join("nor its folder")).expect("what is not there is removed");
}

#[test]
fn what_a_link_leads_to_stays() {
    let outer = tempfile::tempdir().expect("a folder");
    let (kept, folder) = (outer.path().join("kept"), outer.path().join("a"));
    fs::create_dir_all(kept.join("in")).expect("made");
    fs::create_dir_all(folder.join("b")).expect("made");
    fs::write(kept.join("in/file"), "text").expect("written");
    for link in ["a/link", "a/b/link", "link"] {
        symlink(&kept, outer.path().join(link)).expect("linked");
    }
    symlink("nowhere", folder.join("b/dangling")).expect("linked");
    remove(&folder).expect("removed");
    remove(&outer.path().join("link")).expect("removed");
    assert_eq!(fs::read_dir(outer.path()).expect("there").count(), 1);
    assert_eq!(fs::read_to_string(kept.join("in/file")).expect("there"), "text");
}

#[test]
fn another_file_system_is_left_alone_and_the_rest_is_removed() {
    const FOLDER_OF_IT: &str = "FENXI_TEST_MOUNTED";
    if let Some(folder) = fenxi_chassis::config::variable(FOLDER_OF_IT) {
        remove(Path::new(&folder)).expect_err("a mount is in it");
        return;
    }
    let outer = tempfile::tempdir().expect("a folder");
    let (folder, kept) = (outer.path().join("a"), outer.path().join("kept"));
    for made in [&folder.join("b/mount"), &folder.join("c"), &kept] {
        fs::create_dir_all(made).expect("made");
    }
    fs::write(kept.join("file"), "text").expect("written");
    // In a mount namespace of its own, the same test once more.
    let script = "mount --bind \"$1\" \"$2\" || exit 77; shift 2; exec \"$@\"";
    let this = std::env::current_exe().expect("this test");
    let name = "kernels::launch::removal::tests::another_file_system_is_left_alone_and_the_rest_is_removed";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "sh"]).arg(&kept).arg(folder.join("b/mount")).arg(this);
    let ended = command.args(["--exact", name]).env(FOLDER_OF_IT, &folder).output();
    let Ok(ended) = ended.inspect_err(|error| eprintln!("nothing is tried: unshare: {error}")) else { return };
    if ended.status.code() == Some(77) || String::from_utf8_lossy(&ended.stderr).contains("unshare failed") {
        eprintln!("nothing is tried: this machine lets nobody mount");
        return;
    }
    assert!(ended.status.success(), "{ended:?}");
    assert!(kept.join("file").exists() && folder.join("b/mount").exists() && !folder.join("c").exists());
}

#[test]
fn folders_without_rights_for_their_owner_are_removed() {
    const FOLDER_OF_IT: &str = "FENXI_TEST_LOCKED";
    let outer = tempfile::tempdir_in("/tmp").expect("a folder");
    let folder = match fenxi_chassis::config::variable(FOLDER_OF_IT) {
        Some(folder) => Path::new(&folder).join("a"),
        None => outer.path().join("a"),
    };
    fs::create_dir_all(folder.join("b/c")).expect("made");
    chain(&folder.join("b/c"), 2 * OPEN_FOLDERS_MAX);
    for (name, mode) in [("b/c/d/d/d", 0o000), ("b/c/d", 0o500), ("b/c", 0o100), ("b", 0o000), ("", 0o400)] {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).expect("set");
    }
    remove(&folder).expect("removed");
    assert!(!folder.exists());
    if nix::unistd::geteuid().is_root() {
        // Root needs no rights: once more as somebody who does.
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o777)).expect("set");
        let this = outer.path().join("this");
        fs::copy(std::env::current_exe().expect("this test"), &this).expect("copied");
        let name = "kernels::launch::removal::tests::folders_without_rights_for_their_owner_are_removed";
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65533", "--regid=65533", "--clear-groups"]).arg(this).args(["--exact", name]);
        let ended = command.env(FOLDER_OF_IT, outer.path()).output().expect("setpriv");
        assert!(ended.status.success(), "{ended:?}");
    }
}
