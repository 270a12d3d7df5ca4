//! From bytes to a table: once, whoever asks how often, and again with other options when it failed.

use fenxi_proto::{
    analysis::v1::{
        CompleteUploadRequest, FileFormat, GetDatasetRequest, HeaderMode, ListDatasetsRequest, ParseOptions,
        PreviewDatasetRequest, PreviewUploadRequest, UploadState,
    },
    error::ErrorReason,
};

use super::house::{House, counted, id, numbers, refusal, until};

#[tokio::test(flavor = "multi_thread")]
async fn twenty_completions_at_once_parse_once_and_make_one_dataset() {
    counted("");
    let house = House::start().await;
    let user = house.user();
    let upload = user.send("numbers.csv", &numbers(50_000)).await;
    let before = counted("dataset_parses_total");
    let many = (0..20).map(|_| {
        let (user, upload_id) = (user.clone(), upload.upload_id.clone());
        tokio::spawn(async move { user.complete(&upload_id).await })
    });
    let mut datasets: Vec<_> = futures_util::future::join_all(many)
        .await
        .into_iter()
        .map(|completed| completed.expect("no panic").expect("completed"))
        .collect();
    datasets.dedup();
    assert_eq!(datasets.len(), 1, "different answers");
    assert_eq!(counted("dataset_parses_total") - before, 1, "parsed more than once");
    let listed = user.client.clone().list_datasets(ListDatasetsRequest::default()).await.expect("listed").into_inner();
    assert_eq!((listed.total_size, listed.datasets.len()), (1, 1));
    assert_eq!(listed.used_bytes, upload.size_bytes, "the reservation and the dataset were both counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_of_two_users_are_stored_and_parsed_once() {
    counted("");
    let house = House::start().await;
    let (ada, bob) = (house.user(), house.user());
    let bytes = numbers(1_000);
    let before = counted("dataset_parses_total");
    let first = ada.dataset("numbers.csv", &bytes).await;
    let second = bob.dataset("zahlen.csv", &bytes).await;
    let third = bob.dataset("again.csv", &bytes).await;
    assert_eq!(counted("dataset_parses_total") - before, 1);
    assert_eq!((house.files("objects/datasets"), house.files("columnar")), (1, 1));
    assert_eq!((first.sha256, first.columns), (second.sha256, second.columns));
    assert_eq!((second.name.as_str(), third.name.as_str()), ("zahlen", "again"));
    let used = bob.client.clone().list_datasets(ListDatasetsRequest::default()).await.expect("listed").into_inner();
    assert_eq!((used.total_size, used.used_bytes), (2, bytes.len() as i64), "a user's content counts once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_finds_the_dataset_when_coming_back() {
    let house = House::start().await;
    let user = house.user();
    let upload = user.send("numbers.csv", &numbers(200_000)).await;
    let request = CompleteUploadRequest {
        upload_id: upload.upload_id.clone(),
        request_id: id().to_string(),
        ..CompleteUploadRequest::default()
    };
    let mut client = user.client.clone();
    let asked = request.clone();
    let call = tokio::spawn(async move { client.complete_upload(asked).await });
    // The bytes leave the folder of arriving files when the call is under way.
    let staged = house.staged(&upload.upload_id);
    until("the call is under way", || async { (!staged.exists()).then_some(()) }).await;
    call.abort();
    let done = until("the upload is complete", || async {
        let upload = user.get_upload(&upload.upload_id).await.expect("there");
        (upload.state() == UploadState::Complete).then_some(upload)
    })
    .await;
    let again = user.client.clone().complete_upload(request.clone()).await.expect("the same call").into_inner();
    assert_eq!(again.dataset.expect("one").dataset_id, done.dataset_id);
    let other = CompleteUploadRequest { name: "other".into(), ..request };
    assert_eq!(refusal(user.client.clone().complete_upload(other).await).0, ErrorReason::RequestIdReused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ragged_file_names_its_line_and_is_completed_with_other_options() {
    let house = House::start().await;
    let user = house.user();
    let upload = user.send("ragged.csv", b"a,b,c\n1,2,3\n4,5\n6,7,8\n").await;
    let (reason, text) = refusal(user.complete(&upload.upload_id).await);
    assert_eq!(reason, ErrorReason::FileUnreadable, "{text}");
    assert!(text.contains("line 3"), "{text}");
    let kept = user.get_upload(&upload.upload_id).await.expect("there");
    assert_eq!((kept.state(), kept.received_bytes), (UploadState::Open, upload.size_bytes));
    assert_eq!(house.files("columnar"), 0, "a failed parse left a file");

    let options = ParseOptions {
        format: FileFormat::Delimited.into(),
        delimiter: ";".into(),
        header: HeaderMode::Absent.into(),
        ..ParseOptions::default()
    };
    let preview =
        PreviewUploadRequest { upload_id: upload.upload_id.clone(), options: Some(options.clone()), row_count: 2 };
    let preview = user.client.clone().preview_upload(preview).await.expect("previewed").into_inner();
    assert_eq!(preview.slice.expect("cells").columns[0].values, ["a,b,c", "1,2,3"]);
    // A restart in between loses nothing either.
    let (user_id, upload_id) = (user.user_id, upload.upload_id);
    let house = house.restart().await;
    let dataset = house.user_called(user_id).complete_as(&upload_id, options).await.expect("completed");
    assert_eq!((dataset.row_count, dataset.column_count), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_file_can_be_looked_into_while_it_arrives() {
    let house = House::start().await;
    let user = house.user();
    let bytes = numbers(10_000);
    let upload = user.create("numbers.csv", bytes.len()).await.expect("created");
    user.write(&upload.upload_id, 0, &bytes[..1_000]).await.expect("a part");
    let ask = |rows: i32| PreviewUploadRequest {
        upload_id: upload.upload_id.clone(),
        row_count: rows,
        ..PreviewUploadRequest::default()
    };
    let preview = user.client.clone().preview_upload(ask(5)).await.expect("previewed").into_inner();
    let slice = preview.slice.expect("cells");
    assert_eq!((slice.row_count, slice.columns.len()), (5, 3));
    assert_eq!(slice.columns[1].values, ["0", "2", "4", "6", "8"]);
    assert_eq!(preview.options.expect("in force").delimiter, ",");
    for rows in [-1, 201] {
        assert_eq!(refusal(user.client.clone().preview_upload(ask(rows)).await).0, ErrorReason::InvalidField);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_ten_thousand_columns_and_one_without_rows_are_shown() {
    let house = House::start().await;
    let user = house.user();
    let mut text = (0..10_000).map(|column| format!("column {column}")).collect::<Vec<_>>().join(",");
    for row in 0..30 {
        text.push('\n');
        text += &(0..10_000).map(|column| (row * column).to_string()).collect::<Vec<_>>().join(",");
    }
    let wide = user.dataset("wide.csv", text.as_bytes()).await;
    assert_eq!((wide.row_count, wide.column_count, wide.columns.len()), (30, 10_000, 10_000));
    let ask = |rows: i32, first_column: i32, columns: i32| PreviewDatasetRequest {
        dataset_id: wide.dataset_id.clone(),
        row_offset: 5,
        row_count: rows,
        column_offset: first_column,
        column_count: columns,
    };
    let shown = user.client.clone().preview_dataset(ask(10, 0, 10_000)).await.expect("all columns").into_inner();
    assert_eq!((shown.total_rows, shown.total_columns), (30, 10_000));
    let slice = shown.slice.expect("cells");
    assert_eq!((slice.columns.len(), slice.row_offset, slice.row_count), (10_000, 5, 10));
    assert_eq!(slice.columns[9_999].values[0], (5 * 9_999).to_string());
    let edge = user.client.clone().preview_dataset(ask(1_000, 9_990, 50)).await.expect("the edge").into_inner();
    let slice = edge.slice.expect("cells");
    assert_eq!((slice.columns.len(), slice.row_count), (10, 25));
    for (rows, columns) in [(-1, 1), (1_001, 1), (11, 10_000)] {
        let refused = user.client.clone().preview_dataset(ask(rows, 0, columns)).await;
        assert_eq!(refusal(refused).0, ErrorReason::InvalidField);
    }

    let empty = user.dataset("no rows.csv", b"a,b\n").await;
    assert_eq!((empty.row_count, empty.column_count), (0, 2));
    let request = PreviewDatasetRequest { dataset_id: empty.dataset_id.clone(), ..PreviewDatasetRequest::default() };
    let shown = user.client.clone().preview_dataset(request).await.expect("shown").into_inner();
    assert_eq!(shown.slice.expect("cells").columns.len(), 2);
    let request = GetDatasetRequest { dataset_id: empty.dataset_id };
    assert_eq!(
        user.client.clone().get_dataset(request).await.expect("there").into_inner().dataset.expect("one").columns.len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_fit_into_an_answer_are_had_by_going_on() {
    let house = House::start().await;
    let user = house.user();
    let mut text = String::from("a,b,c,d,e,f,g,h\n");
    for row in 0..200 {
        let cell = format!("{row}{}", "长".repeat(990));
        text += &format!("{}\n", [cell.as_str(); 8].join(","));
    }
    let dataset = user.dataset("long.csv", text.as_bytes()).await;
    let (mut numbers, mut answers) = (Vec::new(), 0);
    while numbers.len() < 200 {
        let request = PreviewDatasetRequest {
            dataset_id: dataset.dataset_id.clone(),
            row_offset: numbers.len() as i64,
            row_count: 200,
            ..PreviewDatasetRequest::default()
        };
        let slice =
            user.client.clone().preview_dataset(request).await.expect("cells").into_inner().slice.expect("cells");
        assert!(
            slice.row_count > 0 && slice.columns.iter().all(|column| column.values.len() == slice.row_count as usize)
        );
        let cells = slice.columns[7].values.iter();
        numbers.extend(cells.map(|cell| cell.trim_end_matches('长').parse::<usize>().expect("a number")));
        answers += 1;
    }
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    assert!(answers > 1, "all fitted: the story says nothing");
}

/// A file that takes gigabytes of whoever reads it: one record with millions of others in it.
fn bomb() -> Vec<u8> {
    format!("[{{\"id\":1,\"t\":[{}]}}]", vec!["{\"a\":1}"; 2_500_000].join(",")).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_takes_all_memory_is_the_trouble_of_nobody_else() {
    let house = House::start_with(&["--parse-memory-max-bytes", "67108864"]).await;
    let user = house.user();
    let upload = user.send("bomb.json", &bomb()).await;
    let refused = user.complete(&upload.upload_id).await.expect_err("it does not fit");
    assert!(refused.message().contains("memory"), "{}", refused.message());
    let dataset = user.dataset("t.csv", b"a,b\n1,2\n").await;
    assert_eq!(dataset.row_count, 1);
    // Nothing of the one that was given up is left aside.
    until("nothing is left", || async { (house.files("columnar") == 1).then_some(()) }).await;
}
