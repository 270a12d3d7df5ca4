//! Folders that are given as root alone can; as another user these tests find nothing to do.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
};

use super::*;
use crate::kernels::launch::removal::{
    remove,
    tests::{chain, quick_folder},
};

const UID: u32 = 1_900_123_456;

fn owner(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("there").uid()
}

#[test]
fn a_folder_is_given_with_all_that_is_in_it_and_nothing_else_is() {
    if !geteuid().is_root() {
        return;
    }
    let outer = tempfile::tempdir().expect("a folder");
    let (folder, other) = (outer.path().join("a"), outer.path().join("other"));
    for made in ["a/b/c", "a/d", "other/in"] {
        fs::create_dir_all(outer.path().join(made)).expect("made");
    }
    fs::write(other.join("table"), "rows").expect("written");
    fs::write(folder.join("b/c/file"), "text").expect("written");
    symlink(&other, folder.join("b/link")).expect("linked");
    fs::hard_link(other.join("table"), folder.join("table")).expect("linked");
    fs::set_permissions(folder.join("d"), fs::Permissions::from_mode(0o500)).expect("set");
    give(&folder, UID).expect("given");
    for given in ["", "b", "b/c", "b/c/file", "b/link", "d"] {
        assert_eq!(owner(&folder.join(given)), UID, "{given}");
    }
    assert_eq!([owner(&other), owner(&other.join("table"))], [0, 0], "by a link");
    let mode = fs::metadata(folder.join("d")).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o500, "what code forbids itself is its own affair");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("set");
    take_back(&folder).expect("taken back");
    let top = fs::metadata(&folder).expect("there");
    assert_eq!((top.uid(), top.permissions().mode() & 0o777), (0, 0o700), "the next of this user goes into it");
    take_back(&outer.path().join("none")).expect("what is not there is nobody's");
    give(&folder, UID + 1).expect("given anew");
    assert_eq!(["", "b/c/file"].map(|given| owner(&folder.join(given))), [UID + 1; 2]);
    give(&folder, 0).expect("given to root");
    assert_eq!(owner(&folder.join("b/c/file")), 0);
}

#[test]
fn paths_too_long_for_the_system_are_given() {
    if !geteuid().is_root() {
        return;
    }
    let outer = quick_folder();
    let folder = outer.path().join("a");
    fs::create_dir(&folder).expect("made");
    chain(&folder, 20_000);
    give(&folder, UID).expect("given");
    assert_eq!(owner(&folder.join("d/d/d/f")), UID);
    remove(&folder).expect("removed");
}

#[test]
fn whatever_code_made_of_it_a_kernel_has_a_folder_for_temporary_files() {
    let outer = tempfile::tempdir().expect("a folder");
    let work = outer.path().join("work");
    let tmp = work.join(".tmp");
    fs::create_dir(&work).expect("made");
    let is_folder = || fs::symlink_metadata(&tmp).expect("there").is_dir();
    mend(&work, ".tmp").expect("made");
    fs::write(tmp.join("file"), "text").expect("written");
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o000)).expect("set");
    fs::set_permissions(&work, fs::Permissions::from_mode(0o000)).expect("set");
    mend(&work, ".tmp").expect("mended");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&work), mode(&tmp)), (0o700, 0o700));
    assert_eq!(fs::read_to_string(tmp.join("file")).expect("there"), "text");
    fs::remove_dir_all(&tmp).expect("removed");
    fs::write(&tmp, "a file").expect("written");
    mend(&work, ".tmp").expect("made");
    assert!(is_folder(), "a file is in its place");
    fs::remove_dir_all(&tmp).expect("removed");
    symlink("/nowhere/at/all", &tmp).expect("linked");
    mend(&work, ".tmp").expect("made");
    assert!(is_folder(), "a link is in its place");
    fs::remove_dir_all(&tmp).expect("removed");
    symlink(outer.path(), &tmp).expect("linked");
    mend(&work, ".tmp").expect("made");
    assert!(is_folder(), "it leads elsewhere");
}
