//! Uploads while what is under the service goes away: its process, and the disk of its database.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use fenxi_proto::{
    analysis::v1::{CompleteUploadRequest, CreateUploadRequest, ListDatasetsRequest},
    error::ErrorReason,
};
use tonic_types::StatusExt as _;

use super::{
    house::{House, Keys, User, id, numbers, refusal, until},
    port::Port,
    uploads::open_stream,
};

/// The program itself, on a folder; killed when dropped.
struct Program {
    child: Child,
    url: String,
    _port: Port,
}

impl Program {
    fn start(folder: &Path, keys: &Keys) -> Self {
        let port = Port::free();
        // A file that may not grow is an error to it, as a full disk is, and not its end.
        let child = Command::new("env")
            .args(["--ignore-signal=XFSZ", env!("CARGO_BIN_EXE_analysis-service")])
            .args(["--auth-url", &keys.url, "--listen", &port.address.to_string(), "--python", "/bin/sh"])
            .args(["--table-reader", env!("CARGO_BIN_EXE_table-reader")])
            .args(["--kernel-supervisor", env!("CARGO_BIN_EXE_kernel-supervisor")])
            .args(["--kernel-start", "plain", "--kernel-isolation", "none", "--kernel-linger-secs", "0", "--data-dir"])
            .arg(folder)
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        Self { child, url: format!("http://{}", port.address), _port: port }
    }

    /// From here on no file of it grows beyond this.
    fn hold_files_to(&self, bytes: &str) {
        let (pid, limit) = (self.child.id().to_string(), format!("--fsize={bytes}:"));
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().expect("prlimit").success());
    }

    fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_outlives_a_kill() {
    let keys = Keys::serve().await;
    let folder = tempfile::tempdir().expect("a folder");
    let user_id = id();
    let bytes = numbers(100_000);
    let mut program = Program::start(folder.path(), &keys);
    let user = User::new(&program.url, &keys, user_id);
    let upload = until("the program answers", || async { user.create("numbers.csv", bytes.len()).await.ok() }).await;
    user.write(&upload.upload_id, 0, &bytes[..400_000]).await.expect("written");
    let staged = folder.path().join("uploads").join(format!("{}.part", upload.upload_id));
    // A second stream, in the middle of which the program is killed.
    let (_sender, call) = open_stream(&user, &upload.upload_id, 400_000, &bytes[400_000..700_000]);
    until("the stream wrote", || async { std::fs::metadata(&staged).ok().filter(|file| file.len() == 700_000) }).await;
    program.kill();
    call.await.expect("no panic").expect_err("cut");

    let program = Program::start(folder.path(), &keys);
    let user = User::new(&program.url, &keys, user_id);
    let found = until("the program answers", || async { user.get_upload(&upload.upload_id).await.ok() }).await;
    assert_eq!(found.received_bytes, 700_000);
    user.write(&upload.upload_id, 700_000, &bytes[700_000..]).await.expect("resumed");
    let dataset = user.complete(&upload.upload_id).await.expect("completed");
    assert_eq!(dataset.sha256, analysis_service::objects::ContentId::of(&bytes).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_nothing_loses_nothing_and_goes_on() {
    /// Less than the database's journal has by the time it is held to this, and more than the files of this story.
    const FILE_MAX_BYTES: u64 = 64 << 10;
    let keys = Keys::serve().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path(), &keys);
    let user = User::new(&program.url, &keys, id());
    let bytes = numbers(1_000);
    let upload = until("the program answers", || async { user.create("numbers.csv", bytes.len()).await.ok() }).await;
    user.write(&upload.upload_id, 0, &bytes[..9_000]).await.expect("written");
    let whole = user.send("whole.csv", &bytes).await;
    let journal = std::fs::metadata(folder.path().join("analysis.db-wal")).expect("a journal").len();
    assert!(journal > FILE_MAX_BYTES && bytes.len() < FILE_MAX_BYTES as usize, "{journal} {}", bytes.len());

    program.hold_files_to(&FILE_MAX_BYTES.to_string());
    let create = CreateUploadRequest {
        file_name: "other.csv".into(),
        size_bytes: bytes.len() as i64,
        request_id: id().to_string(),
        ..CreateUploadRequest::default()
    };
    let complete = CompleteUploadRequest {
        upload_id: whole.upload_id.clone(),
        request_id: id().to_string(),
        ..CompleteUploadRequest::default()
    };
    let refused = user.client.clone().create_upload(create.clone()).await.expect_err("nothing can be stored");
    assert!(refused.get_details_retry_info().is_some(), "not said when to try again: {refused:?}");
    for (reason, text) in
        [refusal::<()>(Err(refused)), refusal(user.client.clone().complete_upload(complete.clone()).await)]
    {
        assert_eq!(reason, ErrorReason::Unavailable, "{text}");
        assert!(text.contains("the disk of the service's database"), "{text}");
    }
    // Of bytes that came meanwhile the upload itself says which it has: at least those that were acknowledged before.
    let (reason, text) = refusal(user.write(&upload.upload_id, 9_000, &bytes[9_000..12_000]).await);
    assert_eq!(reason, ErrorReason::Unavailable, "{text}");
    let received = user.get_upload(&upload.upload_id).await.expect("read").received_bytes as usize;
    assert!((9_000..=12_000).contains(&received), "{received}");
    assert!(program.child.try_wait().expect("known").is_none(), "it ended");

    // There is room again: the same calls are done, each once.
    program.hold_files_to("unlimited");
    let sha256 = analysis_service::objects::ContentId::of(&bytes).to_string();
    user.write(&upload.upload_id, received, &bytes[received..]).await.expect("resumed");
    assert_eq!(user.complete(&upload.upload_id).await.expect("completed").sha256, sha256);
    let mut created = Vec::new();
    for _ in 0..2 {
        let done = user.client.clone().complete_upload(complete.clone()).await.expect("completed").into_inner();
        assert_eq!(done.dataset.expect("a dataset").sha256, sha256);
        let made = user.client.clone().create_upload(create.clone()).await.expect("created").into_inner();
        created.push(made.upload.expect("an upload").upload_id);
    }
    assert_eq!(created[0], created[1], "doubled");
    let listed = user.client.clone().list_datasets(ListDatasetsRequest::default()).await.expect("listed").into_inner();
    assert_eq!(listed.datasets.len(), 2, "lost or doubled");
}

#[tokio::test(flavor = "multi_thread")]
async fn datasets_are_served_where_no_kernel_can_be_started() {
    // Its interpreter is no Python.
    let house = House::start().await;
    let degraded = house.degraded();
    assert!(degraded["kernels"].starts_with("--python /bin/sh: "), "{degraded:?}");
    assert!(degraded["kernels"].contains("deploy/local/python_env"), "{degraded:?}");
    assert_eq!(house.user().dataset("numbers.csv", &numbers(3)).await.name, "numbers");
}
