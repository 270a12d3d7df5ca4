//! `fenxi.analysis.v1.DatasetService` on top of the room `datasets`.

mod failure;
mod messages;
mod warnings;

use std::time::Duration;

use fenxi_chassis::{
    caller,
    page::{self, PageTokens},
};
use fenxi_proto::{
    analysis::v1::{
        CancelUploadRequest, CancelUploadResponse, CompleteUploadRequest, CompleteUploadResponse, CreateUploadRequest,
        CreateUploadResponse, DeleteDatasetRequest, DeleteDatasetResponse, GetDatasetRequest, GetDatasetResponse,
        GetUploadRequest, GetUploadResponse, ListDatasetsRequest, ListDatasetsResponse, ListUploadsRequest,
        ListUploadsResponse, PreviewDatasetRequest, PreviewDatasetResponse, PreviewUploadRequest,
        PreviewUploadResponse, ReadDatasetFileRequest, ReadDatasetFileResponse, UpdateDatasetRequest,
        UpdateDatasetResponse, WriteUploadRequest, WriteUploadResponse, dataset_service_server::DatasetService,
    },
    error::Failure,
    id,
};
use futures_util::{StreamExt as _, stream::BoxStream};
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::pieces::pieces;
use crate::datasets::{Completion, DatasetError, Datasets, RequestId};

/// Bytes of one message of WriteUpload.
const MESSAGE_MAX_BYTES: usize = 1 << 20;
/// How long a stream may stay silent before it says which upload it is for.
const FIRST_MESSAGE_WAIT_MAX: Duration = Duration::from_secs(60);

type Answer<T> = Result<Response<T>, Status>;

/// Serves the contract.
pub(super) struct DatasetRpc {
    datasets: Datasets,
    pages: PageTokens,
}

impl DatasetRpc {
    pub(super) fn new(datasets: Datasets, pages: PageTokens) -> Self {
        Self { datasets, pages }
    }
}

fn request_id(text: &str, method: &str, contents: &[&[u8]]) -> Result<RequestId, Failure> {
    Ok(RequestId::new(id::parse("request_id", text)?, method, contents))
}

fn request_id_if_given(text: &str, method: &str, contents: &[&[u8]]) -> Result<Option<RequestId>, Failure> {
    let id = id::parse_optional("request_id", text)?;
    Ok(id.map(|id| RequestId::new(id, method, contents)))
}

/// Who asks, and what.
fn taken<T>(request: Request<T>) -> Result<(Uuid, T), Failure> {
    let user_id = caller::user(&request)?.user_id;
    Ok((user_id, request.into_inner()))
}

#[tonic::async_trait]
impl DatasetService for DatasetRpc {
    type ReadDatasetFileStream = BoxStream<'static, Result<ReadDatasetFileResponse, Status>>;

    async fn create_upload(&self, request: Request<CreateUploadRequest>) -> Answer<CreateUploadResponse> {
        let (user_id, asked) = taken(request)?;
        let size_bytes = messages::count("size_bytes", asked.size_bytes)?;
        let sum = messages::sum("sha256", &asked.sha256)?;
        let contents: [&[u8]; 3] =
            [asked.file_name.as_bytes(), &asked.size_bytes.to_be_bytes(), asked.sha256.as_bytes()];
        let request = request_id(&asked.request_id, "CreateUpload", &contents)?;
        let created = self.datasets.create_upload(user_id, &asked.file_name, size_bytes, sum, request).await;
        let status = created.map_err(failure::status)?;
        Ok(Response::new(CreateUploadResponse { upload: Some(messages::upload(&status)) }))
    }

    async fn write_upload(&self, request: Request<Streaming<WriteUploadRequest>>) -> Answer<WriteUploadResponse> {
        let (user_id, mut stream) = taken(request)?;
        let first = timeout(FIRST_MESSAGE_WAIT_MAX, stream.message()).await.map_err(|_| {
            let problem = format!("did not come within {} s", FIRST_MESSAGE_WAIT_MAX.as_secs());
            Failure::invalid("upload_id", problem)
        })?;
        let first = first?.ok_or_else(|| Failure::invalid("upload_id", "is required"))?;
        let upload_id = id::parse_resource("upload_id", &first.upload_id)?;
        let offset = messages::count("offset", first.offset)?;
        let rest = stream.map(|message| message.map_err(|_| DatasetError::StreamBroken));
        let messages = futures_util::stream::iter([Ok(first)]).chain(rest);
        let bytes = messages.map(|message| {
            let data = message?.data;
            if data.len() > MESSAGE_MAX_BYTES {
                let problem = format!("has {} bytes; send at most {MESSAGE_MAX_BYTES} a message", data.len());
                return Err(DatasetError::Field { field: "data".to_owned(), problem });
            }
            Ok(data)
        });
        let written = self.datasets.write_upload(user_id, upload_id, offset, bytes).await;
        let status = written.map_err(failure::status)?;
        Ok(Response::new(WriteUploadResponse { upload: Some(messages::upload(&status)) }))
    }

    async fn get_upload(&self, request: Request<GetUploadRequest>) -> Answer<GetUploadResponse> {
        let (user_id, asked) = taken(request)?;
        let upload_id = id::parse_resource("upload_id", &asked.upload_id)?;
        let status = self.datasets.upload(user_id, upload_id).await.map_err(failure::status)?;
        Ok(Response::new(GetUploadResponse { upload: Some(messages::upload(&status)) }))
    }

    async fn list_uploads(&self, request: Request<ListUploadsRequest>) -> Answer<ListUploadsResponse> {
        let (user_id, ListUploadsRequest {}) = taken(request)?;
        let uploads = self.datasets.open_uploads(user_id).await.map_err(failure::status)?;
        Ok(Response::new(ListUploadsResponse { uploads: uploads.iter().map(messages::upload).collect() }))
    }

    async fn preview_upload(&self, request: Request<PreviewUploadRequest>) -> Answer<PreviewUploadResponse> {
        let (user_id, asked) = taken(request)?;
        let upload_id = id::parse_resource("upload_id", &asked.upload_id)?;
        let options = messages::options_of(asked.options.unwrap_or_default())?;
        let rows = messages::size("row_count", asked.row_count)?;
        let previewed = self.datasets.preview_upload(user_id, upload_id, options, rows).await;
        let preview = previewed.map_err(failure::status)?;
        Ok(Response::new(PreviewUploadResponse {
            options: Some(messages::options(&preview.options)),
            slice: Some(messages::slice(preview.slice)),
            sheets: preview.sheets,
            warnings: warnings::texts(&preview.warnings),
            table_warnings: warnings::messages(&preview.warnings),
        }))
    }

    async fn complete_upload(&self, request: Request<CompleteUploadRequest>) -> Answer<CompleteUploadResponse> {
        let (user_id, asked) = taken(request)?;
        let upload_id = id::parse_resource("upload_id", &asked.upload_id)?;
        let options = messages::options_of(asked.options.unwrap_or_default())?;
        let sum = messages::sum("sha256", &asked.sha256)?;
        let wanted = format!("{options:?}");
        let contents: [&[u8]; 4] =
            [upload_id.as_bytes(), wanted.as_bytes(), asked.name.as_bytes(), asked.sha256.as_bytes()];
        let request = request_id(&asked.request_id, "CompleteUpload", &contents)?;
        let completion = Completion { upload_id, options, name: asked.name, sum, request };
        let completed = self.datasets.complete_upload(user_id, completion).await;
        let dataset = completed.map_err(failure::status)?;
        Ok(Response::new(CompleteUploadResponse { dataset: Some(messages::dataset(dataset)) }))
    }

    async fn cancel_upload(&self, request: Request<CancelUploadRequest>) -> Answer<CancelUploadResponse> {
        let (user_id, asked) = taken(request)?;
        let upload_id = id::parse_resource("upload_id", &asked.upload_id)?;
        let request = request_id_if_given(&asked.request_id, "CancelUpload", &[upload_id.as_bytes()])?;
        self.datasets.cancel_upload(user_id, upload_id, request).await.map_err(failure::status)?;
        Ok(Response::new(CancelUploadResponse {}))
    }

    async fn list_datasets(&self, request: Request<ListDatasetsRequest>) -> Answer<ListDatasetsResponse> {
        let (user_id, asked) = taken(request)?;
        let page_size = page::size(asked.page_size)?;
        let list = [b"ListDatasets\0".as_slice(), user_id.as_bytes(), asked.query.as_bytes()].concat();
        let cursor = self.pages.open(&list, &asked.page_token)?;
        let before = cursor.and_then(|cursor| Uuid::from_slice(&cursor).ok());
        let listed = self.datasets.list(user_id, before, &asked.query, page_size).await;
        let page = listed.map_err(failure::status)?;
        Ok(Response::new(ListDatasetsResponse {
            datasets: page.datasets.into_iter().map(messages::listed).collect(),
            next_page_token: page.next.map(|next| self.pages.seal(&list, next.as_bytes())).unwrap_or_default(),
            total_size: messages::number(page.total),
            used_bytes: messages::number(page.used_bytes),
            quota_bytes: messages::number(page.quota_bytes),
        }))
    }

    async fn get_dataset(&self, request: Request<GetDatasetRequest>) -> Answer<GetDatasetResponse> {
        let (user_id, asked) = taken(request)?;
        let dataset_id = id::parse_resource("dataset_id", &asked.dataset_id)?;
        let dataset = self.datasets.get(user_id, dataset_id).await.map_err(failure::status)?;
        Ok(Response::new(GetDatasetResponse { dataset: Some(messages::dataset(dataset)) }))
    }

    async fn preview_dataset(&self, request: Request<PreviewDatasetRequest>) -> Answer<PreviewDatasetResponse> {
        let (user_id, asked) = taken(request)?;
        let dataset_id = id::parse_resource("dataset_id", &asked.dataset_id)?;
        let window = messages::window(&asked)?;
        let preview = self.datasets.preview(user_id, dataset_id, window).await.map_err(failure::status)?;
        Ok(Response::new(PreviewDatasetResponse {
            slice: Some(messages::slice(preview.slice)),
            total_rows: messages::number(preview.total_rows),
            total_columns: messages::short(preview.total_columns),
        }))
    }

    async fn read_dataset_file(&self, request: Request<ReadDatasetFileRequest>) -> Answer<Self::ReadDatasetFileStream> {
        let (user_id, asked) = taken(request)?;
        let dataset_id = id::parse_resource("dataset_id", &asked.dataset_id)?;
        let offset = messages::count("offset", asked.offset)?;
        let content = self.datasets.brief(user_id, dataset_id).await.map_err(failure::status)?.content;
        let datasets = self.datasets.clone();
        let read = move |offset, max_bytes| {
            let datasets = datasets.clone();
            async move { datasets.read_file(content, offset, max_bytes).await.map_err(failure::failure) }
        };
        Ok(Response::new(pieces(offset, read, |data| ReadDatasetFileResponse { data })))
    }

    async fn update_dataset(&self, request: Request<UpdateDatasetRequest>) -> Answer<UpdateDatasetResponse> {
        let (user_id, asked) = taken(request)?;
        let dataset_id = id::parse_resource("dataset_id", &asked.dataset_id)?;
        let contents: [&[u8]; 2] = [dataset_id.as_bytes(), asked.name.as_bytes()];
        let request = request_id_if_given(&asked.request_id, "UpdateDataset", &contents)?;
        let renamed = self.datasets.rename(user_id, dataset_id, &asked.name, request).await;
        let dataset = messages::dataset(renamed.map_err(failure::status)?);
        Ok(Response::new(UpdateDatasetResponse { dataset: Some(dataset) }))
    }

    async fn delete_dataset(&self, request: Request<DeleteDatasetRequest>) -> Answer<DeleteDatasetResponse> {
        let (user_id, asked) = taken(request)?;
        let dataset_id = id::parse_resource("dataset_id", &asked.dataset_id)?;
        let request = request_id_if_given(&asked.request_id, "DeleteDataset", &[dataset_id.as_bytes()])?;
        self.datasets.delete(user_id, dataset_id, request).await.map_err(failure::status)?;
        Ok(Response::new(DeleteDatasetResponse {}))
    }
}
