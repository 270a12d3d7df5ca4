//! The room itself, with a clock that the test moves and a cache that it makes small.

use std::time::Duration;

use analysis_service::{
    datasets::{Completion, Dataset, DatasetError, DatasetSettings, Datasets, RequestId, STEPS, UploadState, Window},
    objects::ContentId,
};
use bytes::Bytes;
use clap::Parser as _;
use fenxi_chassis::{clock::Clock, program::Frame, sqlite::Database};
use fenxi_tables::ParseOptions;
use tempfile::TempDir;
use uuid::Uuid;

use super::house::{files, id, numbers, until};

pub(crate) const WINDOW: Window = Window { row_offset: 0, row_count: 5, column_offset: 0, column_count: 5 };

#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    datasets: DatasetSettings,
}

pub(crate) struct Library {
    folder: TempDir,
    clock: Clock,
    pub(crate) datasets: Datasets,
    pub(crate) user_id: Uuid,
}

impl Library {
    pub(crate) async fn open(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(1_795_000_000_000_000);
        let datasets = open(&folder, &clock, settings).await;
        Self { folder, clock, datasets, user_id: id() }
    }

    fn request(&self) -> RequestId {
        RequestId::new(id(), "test", &[])
    }

    async fn upload(&self, bytes: &[u8]) -> Uuid {
        let created = self.datasets.create_upload(self.user_id, "t.csv", bytes.len() as u64, None, self.request());
        let upload_id = created.await.expect("created").upload.upload_id;
        let stream = tokio_stream::iter([Ok(Bytes::copy_from_slice(bytes))]);
        self.datasets.write_upload(self.user_id, upload_id, 0, stream).await.expect("written");
        upload_id
    }

    async fn state(&self, upload_id: Uuid) -> UploadState {
        self.datasets.upload(self.user_id, upload_id).await.expect("remembered").upload.state
    }

    async fn complete(&self, upload_id: Uuid) -> Result<Dataset, DatasetError> {
        let completion = Completion {
            upload_id,
            options: ParseOptions::default(),
            name: String::new(),
            sum: None,
            request: self.request(),
        };
        self.datasets.complete_upload(self.user_id, completion).await
    }

    pub(crate) async fn dataset(&self, bytes: &[u8]) -> Dataset {
        let upload_id = self.upload(bytes).await;
        self.complete(upload_id).await.expect("completed")
    }

    async fn delete(&self, dataset: &Dataset) {
        self.datasets.delete(self.user_id, dataset.dataset_id, None).await.expect("deleted");
        self.clock.advance(Duration::from_secs(1));
        self.datasets.clean().await.expect("clean");
    }

    fn files(&self, folder: &str) -> usize {
        files(&self.folder.path().join(folder))
    }

    async fn used_bytes(&self) -> u64 {
        self.datasets.list(self.user_id, None, "", 1).await.expect("a list").used_bytes
    }
}

async fn open(folder: &TempDir, clock: &Clock, settings: &[&str]) -> Datasets {
    open_with(folder, clock, env!("CARGO_BIN_EXE_table-reader"), settings).await
}

async fn open_with(folder: &TempDir, clock: &Clock, reader: &str, settings: &[&str]) -> Datasets {
    let reader = ["test", "--table-reader", reader];
    let settings = Settings::parse_from([&reader, settings].concat()).datasets;
    let database = Database::open(&folder.path().join("test.db"), STEPS).await.expect("a database");
    Datasets::open(folder.path(), settings, database, Frame::new(clock.clone())).expect("opens")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_upload_is_dropped_and_its_quota_given_back() {
    let library = Library::open(&["--upload-idle-max-secs", "3600"]).await;
    let bytes = numbers(100);
    let abandoned = library.upload(&bytes).await;
    library.clock.advance(Duration::from_secs(1_800));
    let written_to = library.upload(&bytes).await;
    library.clock.advance(Duration::from_secs(1_801));
    library.datasets.clean().await.expect("clean");
    assert_eq!(library.state(abandoned).await, UploadState::Cancelled);
    assert_eq!(library.state(written_to).await, UploadState::Open);
    assert_eq!((library.files("uploads"), library.used_bytes().await), (1, bytes.len() as u64));
    assert!(matches!(library.complete(abandoned).await, Err(DatasetError::Closed(_))));
    // A sealed one, whose bytes are in the store already, leaves nothing there either.
    let sealed = library.upload(b"a,b\n1\n2,3,4\n").await;
    library.complete(sealed).await.expect_err("ragged");
    assert_eq!(library.files("objects/datasets"), 1);
    library.clock.advance(Duration::from_secs(3_601));
    for _ in 0..2 {
        library.datasets.clean().await.expect("clean");
        library.clock.advance(Duration::from_secs(1));
    }
    assert_eq!((library.files("objects/datasets"), library.files("uploads")), (0, 0));
    assert_eq!(library.used_bytes().await, 0);
    library.clock.advance(Duration::from_secs(49 * 3600));
    library.datasets.clean().await.expect("clean");
    let forgotten = library.datasets.upload(library.user_id, abandoned).await;
    assert!(matches!(forgotten, Err(DatasetError::NotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_lets_the_unused_go_keeps_the_held_and_makes_again_what_is_asked_for() {
    let library = Library::open(&["--columnar-cache-max-bytes", "1"]).await;
    let first = library.dataset(&numbers(100)).await;
    let second = library.dataset(&numbers(200)).await;
    assert_eq!(library.datasets.columnar_bytes(), 0, "nobody holds them, and there is no room");

    let held = library.datasets.table_for_kernel(library.user_id, first.dataset_id).await.expect("made again");
    let content = std::fs::read(&held.path).expect("there");
    for _ in 0..3 {
        let slice = library.datasets.preview(library.user_id, second.dataset_id, WINDOW).await.expect("made again");
        assert_eq!((slice.total_rows, slice.slice.columns[1].values[2].as_str()), (200, "4"));
    }
    assert_eq!(std::fs::read(&held.path).expect("still there"), content);

    // Deleted, a kernel keeps it until it ends; then the last of it goes.
    library.delete(&first).await;
    assert!(held.path.exists(), "taken from a kernel");
    assert_eq!(library.files("objects/datasets"), 1);
    let path = held.path.clone();
    drop(held);
    assert!(!path.exists() && library.datasets.columnar_bytes() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_for_an_evicted_table_make_it_once() {
    let library = Library::open(&["--columnar-cache-max-bytes", "1"]).await;
    let dataset = library.dataset(&numbers(20_000)).await;
    let asked = (0..20).map(|_| {
        let (datasets, user_id) = (library.datasets.clone(), library.user_id);
        tokio::spawn(async move { datasets.table_for_kernel(user_id, dataset.dataset_id).await.expect("a table") })
    });
    let tables = futures_util::future::join_all(asked).await;
    let mut paths: Vec<_> = tables.iter().map(|table| table.as_ref().expect("no panic").path.clone()).collect();
    paths.dedup();
    assert_eq!((paths.len(), library.files("columnar")), (1, 1));
    std::fs::remove_file(&paths[0]).expect("somebody emptied the cache's folder");
    let slice = library.datasets.preview(library.user_id, dataset.dataset_id, WINDOW).await.expect("made again");
    assert_eq!(slice.slice.row_count, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_read_otherwise_than_before_is_refused_and_not_kept() {
    let library = Library::open(&["--columnar-cache-max-bytes", "1"]).await;
    let bytes = b"city,money\nParis,3\nRome,4\n";
    let dataset = library.dataset(bytes).await;
    let content = ContentId::of(bytes).to_string();
    let stored = library.folder.path().join("objects/datasets").join(&content[..2]).join(&content);
    // As if another version read the same bytes in another way.
    for (read_now, told) in [
        ("city,mone\nParis,3\nRome,4\n", "the column \"money\" (int64) is \"mone\" (int64) now"),
        ("city,money\nParis,3\nRome,4.5\n", "the column \"money\" (int64) is \"money\" (double) now"),
        ("city,money\nParis,3\n", "it had 2 rows and has 1"),
        ("city,money,x\nParis,3,1\nRome,4,1\n", "it had 2 columns and has 3"),
    ] {
        std::fs::remove_file(&stored).expect("there");
        std::fs::write(&stored, read_now).expect("written");
        for _ in 0..2 {
            let refused = library.datasets.table_for_kernel(library.user_id, dataset.dataset_id).await;
            let error = refused.expect_err("another table under the same name");
            assert!(error.to_string().contains(told), "{error}");
        }
        assert!(library.datasets.preview(library.user_id, dataset.dataset_id, WINDOW).await.is_err());
        assert_eq!(library.files("columnar"), 0);
    }
    std::fs::write(&stored, bytes).expect("written");
    library.datasets.table_for_kernel(library.user_id, dataset.dataset_id).await.expect("the same again");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_when_the_last_dataset_of_them_does() {
    let library = Library::open(&[]).await;
    let bytes = numbers(50);
    let (first, second) = (library.dataset(&bytes).await, library.dataset(&bytes).await);
    assert_eq!(library.used_bytes().await, bytes.len() as u64);
    library.delete(&first).await;
    assert_eq!((library.files("objects/datasets"), library.files("columnar")), (1, 1));
    assert_eq!(library.used_bytes().await, bytes.len() as u64);
    library.datasets.preview(library.user_id, second.dataset_id, WINDOW).await.expect("still there");
    library.delete(&second).await;
    assert_eq!((library.files("objects/datasets"), library.files("columnar")), (0, 0));
    assert_eq!(library.used_bytes().await, 0);
    // And the same bytes come back as if they had never been there.
    let third = library.dataset(&bytes).await;
    library.datasets.preview(library.user_id, third.dataset_id, WINDOW).await.expect("there again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_row_and_the_move_is_mended() {
    let library = Library::open(&[]).await;
    let bytes = b"a,b\n1,2\n3\n";
    let upload_id = library.upload(bytes).await;
    library.complete(upload_id).await.expect_err("ragged");
    // As if the process had ended after the row was written and before the file was moved.
    let content = ContentId::of(bytes).to_string();
    let stored = library.folder.path().join("objects/datasets").join(&content[..2]).join(&content);
    let staged = library.folder.path().join("uploads").join(format!("{upload_id}.part"));
    std::fs::rename(&stored, &staged).expect("moved back");
    library.datasets.clean().await.expect("clean");
    let options = ParseOptions { delimiter: Some(';'), ..ParseOptions::default() };
    library.datasets.preview_upload(library.user_id, upload_id, options, 1).await.expect("found");
    assert!(stored.exists() && !staged.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn arriving_bytes_without_an_upload_are_swept() {
    let library = Library::open(&[]).await;
    let kept = library.upload(&numbers(5)).await;
    let stray = library.folder.path().join("uploads").join(format!("{}.part", id()));
    std::fs::write(&stray, b"left by a crash").expect("written");
    library.datasets.clean().await.expect("clean");
    assert!(!stray.exists());
    library.complete(kept).await.expect("untouched");
}

/// A folder with a program that reads as the real one does, the first time only when there is a file `go` beside it; then
/// there is a folder `begun`.
fn slow_reader() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let (program, beside) = (folder.path().join("reader"), folder.path().display());
    let wait = format!("if mkdir {beside}/begun 2>&-; then while [ ! -e {beside}/go ]; do sleep 0.02; done; fi");
    let script = format!("#!/bin/sh\n{wait}\nexec {}\n", env!("CARGO_BIN_EXE_table-reader"));
    std::fs::write(&program, script).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_move_before_a_preview_opens_them_are_followed() {
    for is_cancelled in [false, true] {
        let slow = slow_reader();
        let mut library = Library::open(&[]).await;
        let folder = tempfile::tempdir().expect("a folder");
        let program = slow.path().join("reader");
        let program = program.to_str().expect("plain");
        library.datasets = open_with(&folder, &library.clock, program, &[]).await;
        let upload_id = library.upload(b"a,b\n1,2\n3\n").await;
        let (datasets, user_id) = (library.datasets.clone(), library.user_id);
        let options = ParseOptions { delimiter: Some(';'), ..ParseOptions::default() };
        let preview = tokio::spawn(async move { datasets.preview_upload(user_id, upload_id, options, 1).await });
        until("the reader's begin", || async { slow.path().join("begun").exists().then_some(()) }).await;
        if is_cancelled {
            library.datasets.cancel_upload(user_id, upload_id, None).await.expect("cancelled");
        } else {
            library.complete(upload_id).await.expect_err("ragged");
        }
        std::fs::write(slow.path().join("go"), b"").expect("written");
        let preview = preview.await.expect("no panic");
        if is_cancelled {
            assert!(matches!(preview, Err(DatasetError::Closed(_))), "{preview:?}");
        } else {
            assert_eq!(preview.expect("found").slice.row_count, 1);
        }
    }
}
