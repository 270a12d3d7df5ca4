//! The bound holds, those in use stay, and the unused go in order.

use super::*;

fn id(number: u8) -> ContentId {
    ContentId::of(&[number])
}

fn put(cache: &Cache, number: u8, bytes: usize) -> Hold {
    let made = cache.aside();
    fs::write(&made, vec![number; bytes]).expect("written");
    cache.put(id(number), &made).expect("kept")
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").filter(|entry| entry.as_ref().expect("an entry").path().is_file()).count()
}

#[test]
fn the_longest_unused_goes_first_and_those_held_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), 250).expect("opens");
    let held = put(&cache, 1, 100);
    drop(put(&cache, 2, 100));
    drop(put(&cache, 3, 100));
    assert!(cache.get(id(2)).is_none(), "the longest unused was kept");
    assert!(cache.get(id(1)).is_some() && cache.get(id(3)).is_some());
    drop(put(&cache, 4, 100));
    assert!(cache.get(id(3)).is_none() && cache.get(id(4)).is_some());
    assert_eq!(fs::read(held.path()).expect("there"), vec![1; 100]);
    assert_eq!((cache.total_bytes(), files(folder.path())), (200, 2));
}

#[test]
fn what_is_held_may_go_over_the_bound_until_it_is_let_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), 100).expect("opens");
    let (first, second) = (put(&cache, 1, 90), put(&cache, 2, 90));
    let again = second.clone();
    assert_eq!(cache.total_bytes(), 180);
    drop(second);
    assert!(again.path().exists(), "a clone does not hold");
    drop(again);
    assert_eq!((cache.total_bytes(), files(folder.path())), (90, 1));
    drop(first);
    assert!(cache.get(id(1)).is_some(), "it fits");
}

#[test]
fn an_unwanted_one_goes_when_its_last_holder_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), 1_000).expect("opens");
    let held = put(&cache, 1, 100);
    cache.let_go(id(1));
    assert!(cache.get(id(1)).is_none(), "given out again");
    assert!(held.path().exists(), "taken from its holder");
    // Made again while the old one is still held: it is wanted again.
    let again = put(&cache, 1, 100);
    drop(held);
    assert!(again.path().exists());
    cache.let_go(id(1));
    drop(again);
    assert_eq!((cache.total_bytes(), files(folder.path())), (0, 0));
    cache.let_go(id(9));
}

#[tokio::test]
async fn a_new_process_finds_what_is_on_the_disk_and_clears_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), 1_000).expect("opens");
    cache.settle(put(&cache, 1, 100)).await;
    cache.settle(put(&cache, 2, 100)).await;
    let fresh = put(&cache, 3, 20);
    fs::write(cache.aside(), b"half").expect("written");
    fs::write(folder.path().join("stranger.txt"), b"x").expect("written");
    drop(cache);
    let cache = Cache::open(folder.path(), 150).expect("opens again");
    assert!(cache.get(id(3)).is_none() && !fresh.path().exists(), "it may not have reached the disk");
    assert_eq!(cache.total_bytes(), 100, "the bound was not held at start");
    assert!(cache.get(id(2)).is_some() || cache.get(id(1)).is_some());
    assert_eq!(files(&folder.path().join(ASIDE)), 0);
}

#[tokio::test]
async fn a_file_that_does_not_reach_the_disk_is_let_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), 1_000).expect("opens");
    let hold = put(&cache, 1, 100);
    fs::remove_file(hold.path()).expect("taken away");
    cache.settle(hold).await;
    assert!(cache.get(id(1)).is_none(), "given out");
    assert_eq!(cache.total_bytes(), 0);
}
