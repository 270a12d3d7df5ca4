//! Files of a folder that hostile code has filled.

use std::{
    fs::{self, Permissions},
    io::Read as _,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, net::UnixListener},
    path::Path,
    time::{Duration, SystemTime},
};

use nix::{sys::stat::Mode, unistd::mkfifo};

use super::*;

fn parsed(text: &str) -> FilePath {
    FilePath::parse(text).expect(text)
}

async fn listed(folder: &Path, path: &str) -> Result<Listing, FileError> {
    Files::default().list(folder.to_owned(), parsed(path)).await
}

async fn text(folder: &Path, path: &str, offset: u64) -> Result<String, FileError> {
    let mut reading = Files::default().read(Uuid::nil(), folder.to_owned(), parsed(path), offset).await?;
    let mut text = String::new();
    reading.file.read_to_string(&mut text).expect("read");
    Ok(text)
}

#[tokio::test]
async fn a_folder_is_listed_and_a_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::create_dir_all(path.join("结果/deep")).expect("made");
    fs::write(path.join("结果/a b.csv"), "x\n1\n").expect("written");
    fs::write(path.join(".hidden"), "h").expect("written");
    fs::write(path.join("b.txt"), "").expect("written");
    let listing = listed(path, "").await.expect("a list");
    let brief: Vec<_> = listing.entries.iter().map(|entry| (entry.name.as_str(), entry.kind)).collect();
    assert_eq!(brief, [("b.txt", Kind::File), ("结果", Kind::Folder)]);
    assert!(!listing.more);
    let inner = listed(path, "结果").await.expect("a list");
    let sizes: Vec<_> = inner.entries.iter().map(|entry| (entry.name.as_str(), entry.size_bytes)).collect();
    assert_eq!(sizes, [("a b.csv", 4), ("deep", 0)]);
    assert!(inner.entries[0].modify_micros > 1_700_000_000_000_000);
    assert_eq!(text(path, "结果/a b.csv", 0).await.expect("its text"), "x\n1\n");
    assert_eq!(text(path, "结果/a b.csv", 2).await.expect("its end"), "1\n");
    assert_eq!(text(path, "结果/a b.csv", 100).await.expect("nothing"), "");
    assert_eq!(text(path, ".hidden", 0).await.expect("its text"), "h");
    // A kernel that is being started has no folder yet.
    assert_eq!(listed(&path.join("none"), "").await.expect("empty"), Listing::default());
}

#[tokio::test]
async fn nothing_leads_out_and_only_ordinary_files_are_read() {
    let outer = tempfile::tempdir().expect("a folder");
    let folder = outer.path().join("work");
    fs::create_dir(&folder).expect("made");
    fs::create_dir(folder.join("sub")).expect("made");
    fs::write(outer.path().join("secret"), "s").expect("written");
    std::os::unix::fs::symlink("../secret", folder.join("link")).expect("made");
    std::os::unix::fs::symlink("..", folder.join("up")).expect("made");
    std::os::unix::fs::symlink("/dev/zero", folder.join("zero")).expect("made");
    mkfifo(&folder.join("pipe"), Mode::S_IRWXU).expect("made");
    let _socket = UnixListener::bind(folder.join("socket")).expect("made");
    fs::write(folder.join("plain"), "p").expect("written");
    for (path, problem) in [
        ("link", "a link"),
        ("zero", "a link"),
        ("up/secret", "no folder"),
        ("pipe", "no ordinary file"),
        ("socket", "no ordinary file"),
        ("sub", "is a folder"),
        ("", "is a folder"),
        ("plain/x", "no folder"),
        ("none", "not in the kernel's folder"),
    ] {
        let error = text(&folder, path, 0).await.expect_err(path);
        assert!(matches!(error, FileError::NotFound { .. }), "{path}: {error}");
        assert!(error.to_string().contains(problem), "{path}: {error}");
    }
    for path in ["up", "link", "plain", "none"] {
        assert!(matches!(listed(&folder, path).await, Err(FileError::NotFound { .. })), "{path}");
    }
    let kinds: Vec<_> = listed(&folder, "").await.expect("a list").entries;
    let others = kinds.iter().filter(|entry| entry.kind == Kind::Other).count();
    assert_eq!((kinds.len(), others), (7, 5), "{kinds:?}");
}

#[test]
fn a_path_goes_down_only() {
    for wrong in ["/", "/etc", "a/", "a//b", ".", "..", "a/../b", "./a", "a\0b", &"x/".repeat(65), &"x".repeat(5_000)] {
        assert!(FilePath::parse(wrong).is_err(), "{wrong:.20}");
    }
    for right in ["", "a", "..a", "a/...", "a b/ü\n", &["x"; 64].join("/")] {
        assert!(FilePath::parse(right).is_ok(), "{right:.20}");
    }
}

#[tokio::test]
async fn what_is_not_given_is_said_and_odd_files_do_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    for number in 0..=ENTRIES_MAX {
        fs::write(path.join(format!("{number:05}")), "").expect("written");
    }
    let listing = listed(path, "").await.expect("a list");
    assert_eq!((listing.entries.len(), listing.more), (ENTRIES_MAX, true));
    assert_eq!(listing.entries[ENTRIES_MAX - 1].name, format!("{:05}", ENTRIES_MAX - 1));

    let hidden = tempfile::tempdir().expect("a folder");
    for number in 0..=SEEN_MAX {
        fs::write(hidden.path().join(format!(".{number}")), "").expect("written");
    }
    let listing = listed(hidden.path(), "").await.expect("a list");
    assert_eq!((listing.entries.len(), listing.more), (0, true), "it looks at hidden ones without end");

    let odd = tempfile::tempdir().expect("a folder");
    let path = odd.path();
    fs::write(path.join(std::ffi::OsStr::from_bytes(b"\xff")), "").expect("written");
    let future = fs::File::create(path.join("future")).expect("made");
    // Far beyond what a timestamp can say, where the file system keeps it.
    let _ = future.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 45));
    let listing = listed(path, "").await.expect("a list");
    assert_eq!((listing.entries.len(), listing.more), (1, true));
    assert!(listing.entries[0].modify_micros <= MICROS_MAX);

    if !nix::unistd::geteuid().is_root() {
        fs::set_permissions(path.join("future"), Permissions::from_mode(0o000)).expect("set");
        assert!(matches!(text(path, "future", 0).await, Err(FileError::Unreadable { .. })));
    }
}

#[tokio::test]
async fn nobody_holds_all_places_to_read() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a"), "x").expect("written");
    let files = Files::default();
    let read = |user| files.read(Uuid::from_u128(user), folder.path().to_owned(), parsed("a"), 0);
    let mut held = Vec::new();
    let refused = loop {
        match read(1).await {
            Ok(reading) => held.push(reading),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, FileError::Busy(_)), "{refused}");
    assert_eq!(held.len(), READS_MAX / 2);
    read(2).await.expect("another user's");
    drop(held);
    read(1).await.expect("a place again");
}
