//! Bytes arriving: limits, interruptions, rivals, wrong sums, a full disk.

use std::os::unix::fs::symlink;

use bytes::Bytes;
use fenxi_proto::{
    analysis::v1::{
        CancelUploadRequest, CompleteUploadRequest, CreateUploadRequest, PreviewUploadRequest, UploadState,
        WriteUploadRequest,
    },
    error::ErrorReason,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::house::{House, User, id, messages, numbers, refusal, until};

/// A stream that the test feeds, and the call that it belongs to.
pub(crate) fn open_stream(
    user: &User,
    upload_id: &str,
    offset: usize,
    bytes: &[u8],
) -> (mpsc::Sender<WriteUploadRequest>, tokio::task::JoinHandle<Result<(), Status>>) {
    let (sender, receiver) = mpsc::channel(64);
    for message in messages(upload_id, offset, bytes) {
        sender.try_send(message).expect("room");
    }
    let mut client = user.client.clone();
    let call = tokio::spawn(async move { client.write_upload(ReceiverStream::new(receiver)).await.map(drop) });
    (sender, call)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_keeps_what_it_brought_and_is_resumed() {
    let house = House::start().await;
    let user = house.user();
    let bytes = numbers(150_000);
    let (half, rest) = bytes.split_at(1_234_567);
    let upload = user.create("numbers.csv", bytes.len()).await.expect("created");
    let staged = house.staged(&upload.upload_id);

    let (sender, call) = open_stream(&user, &upload.upload_id, 0, half);
    until("the first half is in the file", || async {
        std::fs::metadata(&staged).ok().filter(|file| file.len() == half.len() as u64)
    })
    .await;
    call.abort();
    drop(sender);
    let resumed = until("the upload says how far it came", || async {
        let upload = user.get_upload(&upload.upload_id).await.expect("there");
        (upload.received_bytes == half.len() as i64).then_some(upload)
    })
    .await;
    assert_eq!(resumed.state(), UploadState::Open);

    let written = user.write(&upload.upload_id, half.len(), rest).await.expect("resumed");
    assert_eq!(written.received_bytes, bytes.len() as i64);
    let dataset = user.complete(&upload.upload_id).await.expect("completed");
    assert_eq!((dataset.size_bytes, dataset.row_count), (bytes.len() as i64, 150_000));
    assert_eq!(dataset.sha256, analysis_service::objects::ContentId::of(&bytes).to_string());
    assert!(!staged.exists(), "the bytes were stored twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_says_so_to_open_streams_and_keeps_what_they_brought() {
    let house = House::start().await;
    let user = house.user();
    let bytes = numbers(50_000);
    let upload = user.create("numbers.csv", bytes.len()).await.expect("created");
    let (_sender, call) = open_stream(&user, &upload.upload_id, 0, &bytes[..500_000]);
    let staged = house.staged(&upload.upload_id);
    until("the stream wrote", || async { std::fs::metadata(&staged).ok().filter(|file| file.len() == 500_000) }).await;
    let house = house.restart().await;
    assert_eq!(refusal(call.await.expect("no panic")).0, ErrorReason::Unavailable);
    let user = house.user_called(user.user_id);
    user.write(&upload.upload_id, 500_000, &bytes[500_000..]).await.expect("resumed");
    assert_eq!(user.complete(&upload.upload_id).await.expect("completed").row_count, 50_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn overlaps_gaps_and_too_many_bytes_are_refused_and_nothing_is_lost() {
    let house = House::start().await;
    let user = house.user();
    let bytes = numbers(100);
    let upload = user.create("numbers.csv", bytes.len()).await.expect("created");
    let upload_id = upload.upload_id.as_str();
    user.write(upload_id, 0, &bytes[..500]).await.expect("the first part");
    for offset in [0, 499, 501, 100_000] {
        let status = user.write(upload_id, offset, b"xyz").await.expect_err("a wrong offset");
        let info = status.get_details_error_info().expect("details");
        assert_eq!((info.reason.as_str(), info.metadata["offset"].as_str()), ("UPLOAD_OFFSET", "500"));
    }
    let too_much = [&bytes[500..], b"!"].concat();
    let (reason, text) = refusal(user.write(upload_id, 500, &too_much).await);
    assert_eq!(reason, ErrorReason::UploadMismatch, "{text}");
    let (reason, _) = refusal(user.write(upload_id, 500, &vec![0; 2 << 20]).await);
    assert_eq!(reason, ErrorReason::UploadMismatch);
    let message =
        WriteUploadRequest { data: Bytes::from(vec![0; (1 << 20) + 1]), ..messages(upload_id, 500, b"")[0].clone() };
    let (reason, text) = refusal(user.client.clone().write_upload(tokio_stream::iter([message])).await);
    assert_eq!(reason, ErrorReason::InvalidField, "{text}");
    let (reason, text) = refusal(user.complete(upload_id).await);
    assert_eq!(reason, ErrorReason::UploadMismatch, "{text}");
    assert!(text.contains("500 of"), "{text}");
    assert_eq!(user.get_upload(upload_id).await.expect("there").received_bytes, 500);
    user.write(upload_id, 500, &bytes[500..]).await.expect("the rest");
    assert_eq!(user.complete(upload_id).await.expect("completed").row_count, 100);
    let (reason, _) = refusal(user.write(upload_id, bytes.len(), b"more").await);
    assert_eq!(reason, ErrorReason::UploadClosed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_stream_takes_over_and_the_older_one_is_told() {
    let house = House::start().await;
    let user = house.user();
    let bytes = numbers(100_000);
    let upload = user.create("numbers.csv", bytes.len()).await.expect("created");
    let upload_id = upload.upload_id.as_str();
    let (older, call) = open_stream(&user, upload_id, 0, &bytes[..300_000]);
    let staged = house.staged(upload_id);
    until("the older stream wrote", || async { std::fs::metadata(&staged).ok().filter(|file| file.len() == 300_000) })
        .await;
    user.write(upload_id, 300_000, &bytes[300_000..]).await.expect("taken over");
    let (reason, text) = refusal(call.await.expect("no panic"));
    assert_eq!(reason, ErrorReason::UploadOffset, "{text}");
    // It may be closed already; what it still sends is nobody's.
    let _ = older.send(messages(upload_id, 0, b"late")[0].clone()).await;
    let dataset = user.complete(upload_id).await.expect("completed");
    assert_eq!(dataset.sha256, analysis_service::objects::ContentId::of(&bytes).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_at_one_offset_leave_one_truth() {
    let house = House::start().await;
    let user = house.user();
    let bytes = numbers(20_000);
    let upload = user.create("numbers.csv", bytes.len()).await.expect("created");
    let rivals = (0..10).map(|_| {
        let (user, upload_id, bytes) = (user.clone(), upload.upload_id.clone(), bytes.clone());
        tokio::spawn(async move { user.write(&upload_id, 0, &bytes).await })
    });
    for rival in futures_util::future::join_all(rivals).await {
        if let Err(status) = rival.expect("no panic") {
            let reason = fenxi_proto::error::reason_of(&status);
            assert_eq!(reason, Some(ErrorReason::UploadOffset), "{status}");
        }
    }
    let received = user.get_upload(&upload.upload_id).await.expect("there").received_bytes as usize;
    user.write(&upload.upload_id, received, &bytes[received..]).await.expect("the rest");
    let dataset = user.complete(&upload.upload_id).await.expect("completed");
    assert_eq!(dataset.sha256, analysis_service::objects::ContentId::of(&bytes).to_string());
}

/// Of 16 KiB, the default, a large body would need thousands (RFC 9113, 6.5.2).
#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_an_upload_may_come_in_large_frames() {
    let house = House::start().await;
    let address = house.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("sent");
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.expect("a frame");
    assert_eq!(head[3], 4, "the first frame is SETTINGS");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.expect("settings");
    let frame_max = settings.chunks(6).find(|setting| setting[..2] == [0, 5]).expect("SETTINGS_MAX_FRAME_SIZE");
    assert_eq!(frame_max[2..], (256_u32 << 10).to_be_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_sum_is_told_and_the_upload_stays() {
    let house = House::start().await;
    let user = house.user();
    let bytes = numbers(10);
    let right = analysis_service::objects::ContentId::of(&bytes).to_string();
    let wrong = analysis_service::objects::ContentId::of(b"other").to_string();
    let upload = user.send("numbers.csv", &bytes).await;
    let complete = |sha256: &str| CompleteUploadRequest {
        upload_id: upload.upload_id.clone(),
        sha256: sha256.into(),
        request_id: id().to_string(),
        ..CompleteUploadRequest::default()
    };
    let (reason, text) = refusal(user.client.clone().complete_upload(complete(&wrong)).await);
    assert_eq!(reason, ErrorReason::UploadMismatch, "{text}");
    assert!(text.contains(&right) && text.contains(&wrong), "{text}");
    let (reason, _) = refusal(user.client.clone().complete_upload(complete(&right.to_uppercase())).await);
    assert_eq!(reason, ErrorReason::InvalidField);
    assert_eq!(user.get_upload(&upload.upload_id).await.expect("there").state(), UploadState::Open);
    user.client.clone().complete_upload(complete(&right)).await.expect("completed");
    // Also of what is a dataset already; and such a request is as good as the first.
    assert_eq!(refusal(user.client.clone().complete_upload(complete(&wrong)).await).0, ErrorReason::UploadMismatch);
    let again = complete(&right);
    user.client.clone().complete_upload(again.clone()).await.expect("completed before");
    let other = CompleteUploadRequest { name: "other".into(), ..again };
    assert_eq!(refusal(user.client.clone().complete_upload(other).await).0, ErrorReason::RequestIdReused);

    let declared = CreateUploadRequest {
        file_name: "numbers.csv".into(),
        size_bytes: bytes.len() as i64,
        sha256: wrong,
        request_id: id().to_string(),
    };
    let upload = user.client.clone().create_upload(declared).await.expect("created").into_inner().upload;
    let upload_id = upload.expect("an upload").upload_id;
    user.write(&upload_id, 0, &bytes).await.expect("written");
    assert_eq!(refusal(user.complete(&upload_id).await).0, ErrorReason::UploadMismatch);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_holds_against_many_at_once_and_is_given_back() {
    let house = House::start_with(&["--dataset-quota-bytes", "1000", "--open-uploads-max", "15"]).await;
    let user = house.user();
    let many = (0..30).map(|_| {
        let user = user.clone();
        tokio::spawn(async move { user.create("a.csv", 100).await })
    });
    let mut open = Vec::new();
    for created in futures_util::future::join_all(many).await {
        match created.expect("no panic") {
            Ok(upload) => open.push(upload.upload_id),
            Err(status) => {
                assert!(status.get_details_quota_failure().is_some(), "{status}");
                assert_eq!(refusal::<()>(Err(status)).0, ErrorReason::QuotaExceeded);
            }
        }
    }
    assert_eq!(open.len(), 10, "the quota of 1000 bytes was not held");
    assert_eq!(house.user().create("b.csv", 1000).await.expect("another user's quota").size_bytes, 1000);

    let cancel = CancelUploadRequest { upload_id: open[0].clone(), request_id: id().to_string() };
    for _ in 0..2 {
        user.client.clone().cancel_upload(cancel.clone()).await.expect("cancelled, twice as once");
    }
    let other = CancelUploadRequest { upload_id: open[1].clone(), ..cancel };
    assert_eq!(refusal(user.client.clone().cancel_upload(other).await).0, ErrorReason::RequestIdReused);
    user.create("a.csv", 101).await.expect_err("100 bytes were given back, not 200");
    user.create("a.csv", 100).await.expect("given back");
    for upload_id in &open[1..] {
        let cancel = CancelUploadRequest { upload_id: upload_id.clone(), ..CancelUploadRequest::default() };
        user.client.clone().cancel_upload(cancel).await.expect("cancelled");
    }
    for _ in 0..14 {
        user.create("a.csv", 1).await.expect("15 may be open");
    }
    let (reason, text) = refusal(user.create("a.csv", 1).await);
    assert!(reason == ErrorReason::QuotaExceeded && text.contains("15 uploads are open"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_create_is_the_same_upload_and_another_one_under_its_id_is_refused() {
    let house = House::start().await;
    let user = house.user();
    let request = CreateUploadRequest {
        file_name: "a.csv".into(),
        size_bytes: 10,
        request_id: id().to_string(),
        ..CreateUploadRequest::default()
    };
    let create = |request: CreateUploadRequest| {
        let mut client = user.client.clone();
        async move { client.create_upload(request).await.map(|answer| answer.into_inner().upload.expect("one")) }
    };
    let first = create(request.clone()).await.expect("created");
    let many = futures_util::future::join_all((0..10).map(|_| create(request.clone()))).await;
    assert!(many.into_iter().all(|again| again.expect("the same") == first));
    let other = CreateUploadRequest { size_bytes: 11, ..request.clone() };
    assert_eq!(refusal(create(other).await).0, ErrorReason::RequestIdReused);
    for bad in [
        CreateUploadRequest { request_id: String::new(), ..request.clone() },
        CreateUploadRequest { size_bytes: -1, request_id: id().to_string(), ..request.clone() },
        CreateUploadRequest { file_name: String::new(), request_id: id().to_string(), ..request.clone() },
        CreateUploadRequest { sha256: "x".into(), request_id: id().to_string(), ..request.clone() },
    ] {
        assert_eq!(refusal(create(bad).await).0, ErrorReason::InvalidField);
    }
    // Another user's ids are their own.
    let other = house.user().client.clone().create_upload(request.clone()).await.expect("created").into_inner().upload;
    assert_ne!(other.expect("one").upload_id, first.upload_id);

    // It is given as it stands, also where such a one would not be opened any more.
    user.write(&first.upload_id, 0, b"1234567").await.expect("written");
    let user_id = user.user_id;
    let house = house.restart_with(&["--upload-file-max-bytes", "9"]).await;
    let user = house.user_called(user_id);
    let again = user.client.clone().create_upload(request.clone()).await.expect("created before").into_inner().upload;
    let again = again.expect("one");
    assert_eq!((again.upload_id, again.received_bytes), (first.upload_id, 7));
    let new = CreateUploadRequest { request_id: id().to_string(), ..request };
    assert_eq!(refusal(user.client.clone().create_upload(new).await).0, ErrorReason::QuotaExceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_the_upload_goes_on_when_there_is_room() {
    let house = House::start().await;
    let user = house.user();
    let bytes = numbers(1_000);
    let upload = user.create("numbers.csv", bytes.len()).await.expect("created");
    let staged = house.staged(&upload.upload_id);
    // Every write to this device fails as on a full disk.
    symlink("/dev/full", &staged).expect("linked");
    let (reason, text) = refusal(user.write(&upload.upload_id, 0, &bytes).await);
    assert_eq!(reason, ErrorReason::Unavailable, "{text}");
    assert!(text.contains("disk is full"), "{text}");
    std::fs::remove_file(&staged).expect("removed");
    let received = user.get_upload(&upload.upload_id).await.expect("there").received_bytes;
    assert_eq!(received, 0);
    user.write(&upload.upload_id, 0, &bytes).await.expect("there is room");
    assert_eq!(user.complete(&upload.upload_id).await.expect("completed").row_count, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_is_told_at_its_completion() {
    let house = House::start().await;
    let user = house.user();
    let upload = user.create("empty.csv", 0).await.expect("created");
    user.write(&upload.upload_id, 0, b"").await.expect("nothing to write");
    let preview = PreviewUploadRequest { upload_id: upload.upload_id.clone(), ..PreviewUploadRequest::default() };
    assert_eq!(refusal(user.client.clone().preview_upload(preview).await).0, ErrorReason::FileEmpty);
    assert_eq!(refusal(user.complete(&upload.upload_id).await).0, ErrorReason::FileEmpty);
    assert_eq!(user.get_upload(&upload.upload_id).await.expect("there").state(), UploadState::Open);
}
