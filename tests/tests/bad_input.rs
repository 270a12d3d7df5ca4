//! Bad input at the door: each a clear error that names what was wrong, and nothing lost.

use anyhow::Context as _;
use e2e::{
    client::{Client, request_id},
    house::House,
};
use fenxi_proto::{
    analysis::v1::{
        CompleteUploadRequest, CreateUploadRequest, DeleteKernelRequest, ExecuteRequest, FileFormat, GetUploadRequest,
        HeaderMode, InterruptKernelRequest, ListDatasetsRequest, Outcome, ParseOptions, PreviewDatasetRequest,
        StreamName, UploadState, WriteUploadRequest,
    },
    error::{ErrorReason, reason_of},
    history::v1::ListHistoryRequest,
};
use tonic::{Code, Status};

/// Uploads bytes that are no table; gives the error, having checked that the upload is still there.
async fn refused(ada: &Client, file_name: &str, bytes: &[u8]) -> anyhow::Result<Status> {
    let upload = ada.send(file_name, bytes.to_vec()).await?;
    let upload_id = upload.upload_id;
    let request = CompleteUploadRequest {
        upload_id: upload_id.clone(),
        request_id: request_id(),
        ..CompleteUploadRequest::default()
    };
    let error =
        ada.datasets().complete_upload(request).await.err().with_context(|| format!("{file_name} was taken"))?;
    let kept =
        ada.datasets().get_upload(GetUploadRequest { upload_id }).await?.into_inner().upload.context("no upload")?;
    assert_eq!(kept.state(), UploadState::Open, "{file_name}: the upload was lost");
    assert_eq!(kept.received_bytes, i64::try_from(bytes.len())?);
    Ok(error)
}

#[tokio::test]
async fn what_is_no_table_is_refused_with_what_is_wrong_with_it() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
    let ragged = b"a,b,c\n1,2,3\n4,5,6\n7,8\n9,10,11\n";
    for (file_name, bytes, reason, says) in [
        ("empty.csv", &b""[..], ErrorReason::FileEmpty, "empty"),
        ("picture.csv", png, ErrorReason::FileFormat, ""),
        ("book.xlsx", b"PK\x03\x04\x14\0\0\0\x08\0truncated", ErrorReason::FileUnreadable, ""),
        ("ragged.csv", ragged, ErrorReason::FileUnreadable, "line 4"),
        ("records.json", b"[{\"a\": 1}, {\"a\": ", ErrorReason::FileUnreadable, ""),
        ("table.parquet", b"PAR1 and nothing more PAR1", ErrorReason::FileUnreadable, ""),
    ] {
        let error = refused(&ada, file_name, bytes).await?;
        assert_eq!(reason_of(&error), Some(reason), "{file_name}: {error}");
        assert!(error.message().contains(says), "{file_name}: {error}");
        let path = house.folder().display().to_string();
        assert!(!error.message().contains(&path), "{file_name}: a path of the server in {error}");
    }
    let listed = ada.datasets().list_datasets(ListDatasetsRequest::default()).await?.into_inner();
    assert_eq!((listed.datasets.len(), listed.total_size), (0, 0));
    house.stop().await
}

#[tokio::test]
async fn odd_tables_are_taken_as_they_are() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let named = ada.upload("names.csv", b"a,a,,b\n1,2,3,4\n".to_vec()).await?;
    let names: Vec<_> = named.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names.len(), 4);
    assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), 4, "{names:?}");
    assert!(names.iter().all(|name| !name.is_empty()) && !named.warnings.is_empty(), "{names:?} {:?}", named.warnings);

    let empty = ada.upload("no rows.csv", b"id,name\n".to_vec()).await?;
    assert_eq!((empty.row_count, empty.column_count), (0, 2));

    let header: Vec<_> = (0..10_000).map(|column| format!("c{column}")).collect();
    let row: Vec<_> = (0..10_000).map(|column| column.to_string()).collect();
    let wide = ada.upload("wide.csv", format!("{}\n{}\n", header.join(","), row.join(",")).into()).await?;
    assert_eq!((wide.row_count, wide.column_count), (1, 10_000));
    let request = PreviewDatasetRequest {
        dataset_id: wide.dataset_id.clone(),
        column_offset: 9_990,
        ..PreviewDatasetRequest::default()
    };
    let slice = ada.datasets().preview_dataset(request).await?.into_inner().slice.context("no slice")?;
    assert_eq!(
        slice.columns.last().map(|column| (column.name.as_str(), column.values.join("|"))),
        Some(("c9999", "9999".into()))
    );

    let kernel = ada.kernel(&[(&empty.dataset_id, "empty"), (&wide.dataset_id, "wide")]).await?;
    let run = ada.run(&kernel.kernel_id, "print(empty.shape, wide.shape, wide['c9999'][0])").await?;
    assert_eq!(run.printed(StreamName::Stdout), "(0, 2) (1, 10000) 9999\n", "{:?}", run.events);
    house.stop().await
}

#[tokio::test]
async fn an_upload_that_stops_half_way_comes_back_and_completes_once() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let rows: String = (0..100_000).map(|row| format!("{row},{}\n", row * 2)).collect();
    let bytes = format!("a,b\n{rows}").into_bytes();
    let request = CreateUploadRequest {
        file_name: "half.csv".into(),
        size_bytes: i64::try_from(bytes.len())?,
        request_id: request_id(),
        ..CreateUploadRequest::default()
    };
    let upload = ada.datasets().create_upload(request).await?.into_inner().upload.context("no upload")?;
    let upload_id = upload.upload_id;
    let piece = |offset: usize, data: &[u8]| WriteUploadRequest {
        upload_id: upload_id.clone(),
        offset: i64::try_from(offset).unwrap_or(0),
        data: data.to_vec().into(),
    };
    let half = bytes.len() / 2;
    ada.datasets().write_upload(tokio_stream::iter([piece(0, &bytes[..half])])).await?;
    let early = CompleteUploadRequest { upload_id: upload_id.clone(), request_id: request_id(), ..Default::default() };
    let error = ada.datasets().complete_upload(early).await.expect_err("half of it");
    assert_eq!(reason_of(&error), Some(ErrorReason::UploadMismatch), "{error}");
    let error = ada.datasets().write_upload(tokio_stream::iter([piece(0, b"again")])).await.expect_err("an overlap");
    assert_eq!(reason_of(&error), Some(ErrorReason::UploadOffset), "{error}");
    let more = [&bytes[half..], b"too much"].concat();
    let error = ada.datasets().write_upload(tokio_stream::iter([piece(half, &more)])).await.expect_err("too much");
    assert!(matches!(reason_of(&error), Some(ErrorReason::UploadMismatch | ErrorReason::QuotaExceeded)), "{error}");

    let request = GetUploadRequest { upload_id: upload_id.clone() };
    let received = ada.datasets().get_upload(request).await?.into_inner().upload.context("no upload")?.received_bytes;
    let received = usize::try_from(received)?;
    if received < bytes.len() {
        ada.datasets().write_upload(tokio_stream::iter([piece(received, &bytes[received..])])).await?;
    }
    let mut datasets = Vec::new();
    for _ in 0..2 {
        let request =
            CompleteUploadRequest { upload_id: upload_id.clone(), request_id: request_id(), ..Default::default() };
        datasets.push(ada.datasets().complete_upload(request).await?.into_inner().dataset.context("no dataset")?);
    }
    assert_eq!(datasets[0], datasets[1], "the second CompleteUpload made something else");
    assert_eq!(datasets[0].row_count, 100_000);
    house.stop().await
}

#[tokio::test]
async fn a_table_that_is_read_wrongly_is_read_again_with_other_options() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let upload = ada.send("numbers.csv", b"1;2\n3;4\n".to_vec()).await?;
    let options = ParseOptions {
        format: FileFormat::Delimited.into(),
        delimiter: ";".into(),
        header: HeaderMode::Absent.into(),
        ..ParseOptions::default()
    };
    let request = CompleteUploadRequest {
        upload_id: upload.upload_id,
        options: Some(options),
        name: "数据".into(),
        request_id: request_id(),
        ..CompleteUploadRequest::default()
    };
    let dataset = ada.datasets().complete_upload(request).await?.into_inner().dataset.context("no dataset")?;
    assert_eq!((dataset.name.as_str(), dataset.row_count), ("数据", 2));
    let names: Vec<_> = dataset.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["column_1", "column_2"]);
    house.stop().await
}

#[tokio::test]
async fn more_than_the_quota_is_refused_before_a_byte_is_sent() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let request = CreateUploadRequest {
        file_name: "huge.csv".into(),
        size_bytes: 1 << 50,
        request_id: request_id(),
        ..CreateUploadRequest::default()
    };
    let error = ada.datasets().create_upload(request).await.expect_err("a petabyte");
    assert_eq!(
        (error.code(), reason_of(&error)),
        (Code::ResourceExhausted, Some(ErrorReason::QuotaExceeded)),
        "{error}"
    );
    let request = ListHistoryRequest { page_size: -1, ..ListHistoryRequest::default() };
    let error = ada.history().list_history(request).await.expect_err("a negative page");
    assert_eq!(reason_of(&error), Some(ErrorReason::InvalidField));
    let request = ListHistoryRequest { page_token: "edited".into(), ..ListHistoryRequest::default() };
    let error = ada.history().list_history(request).await.expect_err("an edited token");
    assert_eq!(reason_of(&error), Some(ErrorReason::InvalidPageToken));
    house.stop().await
}

#[tokio::test]
async fn a_kernel_deleted_under_an_execution_ends_it_and_one_that_prints_forever_can_be_stopped() -> anyhow::Result<()>
{
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let kernel_id = ada.kernel(&[]).await?.kernel_id;
    let started = ada.clone();
    let (first, second) = (kernel_id.clone(), kernel_id.clone());
    let running = tokio::spawn(async move { started.run(&first, "while True:\n    print('x' * 100)").await });
    let waits = ada.clone();
    wait_until_running(&ada, &kernel_id).await?;
    let queued = tokio::spawn(async move { waits.run(&second, "1").await });
    wait_until_queued(&ada, &kernel_id).await?;
    ada.kernels().delete_kernel(DeleteKernelRequest { kernel_id: kernel_id.clone(), request_id: request_id() }).await?;
    assert_eq!(running.await??.outcome(), Outcome::Killed);
    assert_eq!(queued.await??.outcome(), Outcome::Cancelled);
    let request = ExecuteRequest { kernel_id, code: "1".into(), request_id: request_id(), ..ExecuteRequest::default() };
    assert!(ada.executions().execute(request).await.is_err(), "a deleted kernel runs code");

    let kernel_id = ada.kernel(&[]).await?.kernel_id;
    let (again, same) = (ada.clone(), kernel_id.clone());
    let running = tokio::spawn(async move { again.run(&same, "while True:\n    print('y' * 100)").await });
    wait_until_running(&ada, &kernel_id).await?;
    let request = InterruptKernelRequest { kernel_id: kernel_id.clone(), ..InterruptKernelRequest::default() };
    ada.kernels().interrupt_kernel(request).await?;
    assert_eq!(running.await??.outcome(), Outcome::Interrupted);
    assert_eq!(ada.run(&kernel_id, "'alive'").await?.result(), Some("'alive'"));
    ada.history_of(4).await?;
    house.stop().await
}

async fn wait_until_running(ada: &Client, kernel_id: &str) -> anyhow::Result<()> {
    wait_kernel(ada, kernel_id, |kernel| !kernel.running_execution_id.is_empty()).await
}

async fn wait_until_queued(ada: &Client, kernel_id: &str) -> anyhow::Result<()> {
    wait_kernel(ada, kernel_id, |kernel| kernel.queue_length > 0).await
}

async fn wait_kernel(
    ada: &Client,
    kernel_id: &str,
    until: impl Fn(&fenxi_proto::analysis::v1::Kernel) -> bool,
) -> anyhow::Result<()> {
    let request = fenxi_proto::analysis::v1::WatchKernelRequest { kernel_id: kernel_id.into() };
    let mut watch = ada.kernels().watch_kernel(request).await?.into_inner();
    while let Some(message) = watch.message().await? {
        if message.kernel.is_some_and(|kernel| until(&kernel)) {
            return Ok(());
        }
    }
    anyhow::bail!("the kernel died first")
}
