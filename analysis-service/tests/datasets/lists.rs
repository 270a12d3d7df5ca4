//! Lists, names, deletion; and that what is another's is as unknown as what does not exist.

use fenxi_proto::{
    analysis::v1::{
        CancelUploadRequest, CompleteUploadRequest, DeleteDatasetRequest, GetDatasetRequest, GetUploadRequest,
        ListDatasetsRequest, ListDatasetsResponse, ListUploadsRequest, PreviewDatasetRequest, PreviewUploadRequest,
        ReadDatasetFileRequest, UpdateDatasetRequest,
    },
    error::ErrorReason,
};
use tonic::{Code, Status};

use super::house::{House, User, id, messages, numbers, refusal};

async fn list(user: &User, request: ListDatasetsRequest) -> Result<ListDatasetsResponse, Status> {
    user.client.clone().list_datasets(request).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another_and_an_edited_token_is_refused() {
    let house = House::start().await;
    let (ada, bob) = (house.user(), house.user());
    for number in 0..7 {
        ada.dataset(&format!("table {number}.csv"), &numbers(number + 1)).await;
    }
    bob.dataset("bob.csv", &numbers(3)).await;
    let mut names = Vec::new();
    let mut request = ListDatasetsRequest { page_size: 3, ..ListDatasetsRequest::default() };
    loop {
        let page = list(&ada, request.clone()).await.expect("a page");
        assert_eq!(page.total_size, 7);
        names.extend(page.datasets.into_iter().map(|dataset| dataset.name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(names, (0..7).rev().map(|number| format!("table {number}")).collect::<Vec<_>>());

    let token =
        list(&ada, ListDatasetsRequest { page_size: 3, ..Default::default() }).await.expect("ok").next_page_token;
    let mut edited = token.clone().into_bytes();
    edited[3] = if edited[3] == b'A' { b'B' } else { b'A' };
    let edited = String::from_utf8(edited).expect("text");
    let query = ListDatasetsRequest { page_token: token.clone(), query: "x".into(), ..Default::default() };
    for (user, request) in [
        (&ada, ListDatasetsRequest { page_token: edited, ..Default::default() }),
        (&ada, query),
        (&bob, ListDatasetsRequest { page_token: token, ..Default::default() }),
    ] {
        assert_eq!(refusal(list(user, request).await).0, ErrorReason::InvalidPageToken);
    }
    let negative = ListDatasetsRequest { page_size: -1, ..Default::default() };
    assert_eq!(refusal(list(&ada, negative).await).0, ErrorReason::InvalidField);
    let huge = ListDatasetsRequest { page_size: i32::MAX, ..Default::default() };
    assert_eq!(list(&ada, huge).await.expect("cut").datasets.len(), 7);
}

async fn open_uploads(user: &User) -> Vec<(String, i64, i64)> {
    let listed = user.client.clone().list_uploads(ListUploadsRequest {}).await.expect("a list").into_inner();
    listed.uploads.into_iter().map(|upload| (upload.file_name, upload.received_bytes, upload.size_bytes)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_no_datasets_yet_are_found_again() {
    let house = House::start_with(&["--open-uploads-max", "3"]).await;
    let (ada, bob) = (house.user(), house.user());
    let begun = ada.create("begun.csv", 9).await.expect("opened");
    ada.write(&begun.upload_id, 0, b"a,b").await.expect("written");
    let broken = ada.send("broken.csv", b"\x00\x01\x02").await;
    ada.complete(&broken.upload_id).await.expect_err("no table");
    ada.dataset("done.csv", &numbers(2)).await;
    bob.send("bobs.csv", &numbers(2)).await;
    ada.create("empty.csv", 5).await.expect("opened");
    // Newest first; what is sealed has all its bytes.
    let expected = [("empty.csv", 0, 5), ("broken.csv", 3, 3), ("begun.csv", 3, 9)];
    let expected = expected.map(|(name, received, size)| (name.to_owned(), received, size));
    assert_eq!(open_uploads(&ada).await, expected);
    assert_eq!(refusal(ada.create("one more.csv", 5).await).0, ErrorReason::QuotaExceeded);

    let house = house.restart().await;
    let ada = house.user_called(ada.user_id);
    assert_eq!(open_uploads(&ada).await, expected);
    let cancel = CancelUploadRequest { upload_id: broken.upload_id, ..Default::default() };
    ada.client.clone().cancel_upload(cancel).await.expect("cancelled");
    assert_eq!(open_uploads(&ada).await.len(), 2);
    ada.create("one more.csv", 5).await.expect("there is room");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_means_its_own_letters() {
    let house = House::start().await;
    let user = house.user();
    for name in ["Sales_2024", "salesX2024", "100% wool", "50 wool", "O'Brien", "back\\slash", "销售数据", "ÄRGER"]
    {
        let dataset = user.dataset("t.csv", &numbers(2)).await;
        let request =
            UpdateDatasetRequest { dataset_id: dataset.dataset_id, name: name.into(), request_id: String::new() };
        user.client.clone().update_dataset(request).await.expect("renamed");
    }
    for (query, found) in [
        ("sales_", vec!["Sales_2024"]),
        ("SALES", vec!["salesX2024", "Sales_2024"]),
        ("%", vec!["100% wool"]),
        ("'", vec!["O'Brien"]),
        ("\\", vec!["back\\slash"]),
        ("售数", vec!["销售数据"]),
        ("ärg", vec!["ÄRGER"]),
        ("sales\0", vec![]),
        ("' OR 1=1 --", vec![]),
    ] {
        let request = ListDatasetsRequest { query: query.into(), ..Default::default() };
        let names: Vec<_> = list(&user, request).await.expect(query).datasets.into_iter().map(|d| d.name).collect();
        assert_eq!(names, found, "{query:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_is_as_unknown_as_what_does_not_exist() {
    let house = House::start().await;
    let (ada, eve) = (house.user(), house.user());
    let dataset = ada.dataset("secret.csv", &numbers(5)).await;
    let upload = ada.send("open.csv", &numbers(6)).await;
    let mut answers = Vec::new();
    for (dataset_id, upload_id) in [
        (dataset.dataset_id.clone(), upload.upload_id.clone()),
        (id().to_string(), id().to_string()),
        ("x".into(), "../x".into()),
    ] {
        for status in tries(&eve, &dataset_id, &upload_id).await {
            assert_eq!(status.code(), Code::NotFound, "{status}");
            answers.push((status.message().to_owned(), status.details().to_vec()));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "the answers differ");
    assert_eq!(list(&eve, ListDatasetsRequest::default()).await.expect("a list").total_size, 0);
    // And nothing happened to them.
    ada.complete(&upload.upload_id).await.expect("still there");
    assert_eq!(list(&ada, ListDatasetsRequest::default()).await.expect("a list").total_size, 2);
}

async fn tries(eve: &User, dataset_id: &str, upload_id: &str) -> Vec<Status> {
    let mut client = eve.client.clone();
    let (dataset_id, upload_id, request_id) = (dataset_id.to_owned(), upload_id.to_owned(), id().to_string());
    let complete = CompleteUploadRequest { upload_id: upload_id.clone(), request_id, ..Default::default() };
    let rename =
        UpdateDatasetRequest { dataset_id: dataset_id.clone(), name: "mine".into(), request_id: String::new() };
    let look = PreviewDatasetRequest { dataset_id: dataset_id.clone(), ..Default::default() };
    let delete = DeleteDatasetRequest { dataset_id: dataset_id.clone(), ..Default::default() };
    let stream = tokio_stream::iter(messages(&upload_id, 0, b"x"));
    vec![
        client.get_dataset(GetDatasetRequest { dataset_id }).await.expect_err("GetDataset"),
        client.preview_dataset(look).await.expect_err("PreviewDataset"),
        client.update_dataset(rename).await.expect_err("UpdateDataset"),
        client.delete_dataset(delete).await.expect_err("DeleteDataset"),
        client.get_upload(GetUploadRequest { upload_id: upload_id.clone() }).await.expect_err("GetUpload"),
        client.write_upload(stream).await.expect_err("WriteUpload"),
        client.complete_upload(complete).await.expect_err("CompleteUpload"),
        client
            .preview_upload(PreviewUploadRequest { upload_id: upload_id.clone(), ..Default::default() })
            .await
            .expect_err("PreviewUpload"),
        client.cancel_upload(CancelUploadRequest { upload_id, ..Default::default() }).await.expect_err("CancelUpload"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datasets_file_is_given_back_as_it_came() {
    let house = House::start().await;
    let (ada, eve) = (house.user(), house.user());
    // Values that reading would make other ones, in more than one piece.
    let bytes = format!("编号,price\r\n{}", "\"001\",1.10\r\n".repeat(30_000)).into_bytes();
    let dataset = ada.dataset("codes.csv", &bytes).await;
    let read = async |user: &User, offset: i64| {
        let request = ReadDatasetFileRequest { dataset_id: dataset.dataset_id.clone(), offset };
        let mut stream = user.client.clone().read_dataset_file(request).await?.into_inner();
        let mut read = Vec::new();
        while let Some(piece) = stream.message().await? {
            assert!(piece.data.len() <= 256 << 10);
            read.extend(piece.data);
        }
        Ok::<_, Status>(read)
    };
    assert!(read(&ada, 0).await.expect("read") == bytes, "the bytes are others");
    assert!(read(&ada, 300_001).await.expect("read") == bytes[300_001..], "the bytes are others");
    assert_eq!(read(&ada, dataset.size_bytes + 1).await.expect("read"), b"");
    assert_eq!(refusal(read(&ada, -1).await).0, ErrorReason::InvalidField);
    assert_eq!(read(&eve, 0).await.expect_err("foreign").code(), Code::NotFound);
    let delete = DeleteDatasetRequest { dataset_id: dataset.dataset_id.clone(), ..Default::default() };
    ada.client.clone().delete_dataset(delete).await.expect("deleted");
    assert_eq!(read(&ada, 0).await.expect_err("deleted").code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_shown_without_harm_and_renaming_is_idempotent() {
    let house = House::start().await;
    let user = house.user();
    let dataset = user.dataset("../..\\etc/\u{202e}pas\nswd.csv", &numbers(2)).await;
    assert_eq!(dataset.file_name, ".._.._etc_\u{fffd}pas\u{fffd}swd.csv");
    assert_eq!(dataset.variable_name, "etc_pas_swd");
    assert_eq!(house.files("objects/datasets"), 1);
    let rename = |name: &str, request_id: &str| UpdateDatasetRequest {
        dataset_id: dataset.dataset_id.clone(),
        name: name.into(),
        request_id: request_id.into(),
    };
    let request_id = id().to_string();
    for _ in 0..2 {
        let renamed = user.client.clone().update_dataset(rename("销售", &request_id)).await.expect("renamed");
        let renamed = renamed.into_inner().dataset.expect("one");
        assert_eq!((renamed.name.as_str(), renamed.columns.len()), ("销售", 0));
    }
    let other = user.client.clone().update_dataset(rename("other", &request_id)).await;
    assert_eq!(refusal(other).0, ErrorReason::RequestIdReused);
    for bad in ["", " ", "\n", &"x".repeat(201)] {
        let refused = user.client.clone().update_dataset(rename(bad, "")).await;
        assert_eq!(refusal(refused).0, ErrorReason::InvalidField, "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_gives_the_quota_back_once() {
    let house = House::start().await;
    let user = house.user();
    let dataset = user.dataset("a.csv", &numbers(10)).await;
    let kept = user.dataset("b.csv", &numbers(20)).await;
    let delete = |request_id: &str| DeleteDatasetRequest {
        dataset_id: dataset.dataset_id.clone(),
        request_id: request_id.into(),
    };
    let request_id = id().to_string();
    for _ in 0..3 {
        user.client.clone().delete_dataset(delete(&request_id)).await.expect("deleted, thrice as once");
    }
    assert_eq!(refusal(user.client.clone().delete_dataset(delete("")).await).0, ErrorReason::NotFound);
    let listed = list(&user, ListDatasetsRequest::default()).await.expect("a list");
    assert_eq!((listed.total_size, listed.used_bytes), (1, kept.size_bytes));
}
