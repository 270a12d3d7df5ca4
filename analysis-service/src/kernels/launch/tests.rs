//! Folders, files and leftovers; the processes themselves are driven in the tests of the kernels.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use super::*;

fn order() -> Order {
    Order { kernel_id: Uuid::from_u128(7), generation: 1, memory_bytes: Some(1 << 30), file_bytes: 1 << 30 }
}

/// `/bin/sh` instead of Python: it reads `-m` as an option and ends, or stays when given a script of that name.
fn launcher(dir: &Path) -> PlainLauncher {
    let opened = Workshop::open(Path::new("/bin/sh"), &dir.join("run"), &dir.join("work"), apart(Level::None));
    PlainLauncher::new(opened.expect("a workshop"))
}

fn apart(level: Level) -> Apart {
    Apart { level, uid_first: 1_900_000_000, processes_max: 512, tmp_max_bytes: 1 << 20 }
}

#[tokio::test]
async fn a_kernels_folders_are_its_own_and_go_with_it() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let launcher = launcher(dir.path());
    let mut launched = launcher.launch(order()).await.expect("started");
    let place = launched.place.clone();
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&place), 0o700);
    assert_eq!(mode(&place.join("k/connection.json")), 0o600);
    assert_eq!(mode(&dir.path().join("work").join(order().kernel_id.to_string())), 0o700);
    launched.process.ended().await.expect("it ends");
    launched.log.ended().await;
    assert!(!launched.log.text().is_empty(), "what the process said is lost");
    launched.clear().await;
    assert!(!place.exists());
    launcher.forget(order().kernel_id).await;
    assert_eq!(fs::read_dir(dir.path().join("work")).expect("there").count(), 0);
}

#[tokio::test]
async fn what_a_former_service_left_is_ended_at_start() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let place = dir.path().join("run/0123");
    fs::create_dir_all(&place).expect("made");
    let mut left = std::process::Command::new("sleep").arg("600").env(MARK, "k-1").spawn().expect("started");
    let pid = i32::try_from(left.id()).expect("a pid");
    let record = format!("{pid} {} k-1", tree::start_ticks(pid).expect("it runs"));
    fs::write(place.join("process"), record).expect("written");
    let opened = dir.path().to_owned();
    tokio::task::spawn_blocking(move || launcher(&opened)).await.expect("opened");
    let ended = tokio::task::spawn_blocking(move || left.wait());
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("it lives on").expect("joined").expect("ended");
    assert!(!place.exists());
}

#[test]
fn a_path_too_long_for_sockets_and_a_missing_python_are_said() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let long = dir.path().join("x".repeat(100));
    let error =
        Workshop::open(Path::new("/bin/sh"), &long, dir.path(), apart(Level::None)).expect_err("too long").to_string();
    assert!(error.contains("too long a path"), "{error}");
    let error =
        Workshop::open(Path::new("/nonexistent"), dir.path(), dir.path(), apart(Level::None)).expect_err("missing");
    assert!(error.to_string().contains("/nonexistent"), "{error}");
}
