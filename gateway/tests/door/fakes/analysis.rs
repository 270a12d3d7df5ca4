//! analysis-service as the gateway needs it: executions that say as many messages as they are told to, and uploads.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use fenxi_proto::{
    analysis::v1::{
        self as analysis, dataset_service_server::DatasetServiceServer,
        execution_service_server::ExecutionServiceServer,
    },
    error::{ErrorReason, Failure},
    time::timestamp,
};
use futures_util::{StreamExt as _, stream};
use tonic::{Request, Response, Status, Streaming, service::Routes};

use super::{Rows, State, fake};

/// What it serves.
pub(super) fn routes(state: &Arc<State>) -> Routes {
    Routes::new(ExecutionServiceServer::new(Analysis(state.clone())))
        .add_service(DatasetServiceServer::new(Analysis(state.clone())))
}

struct Analysis(Arc<State>);

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fake!(analysis::execution_service_server::ExecutionService, Analysis, {
    type ExecuteStream = Rows<analysis::ExecuteResponse>;

    /// `code` is the number of messages; then `hold` keeps the stream open, anything else ends it.
    async fn execute(
        &self,
        request: Request<analysis::ExecuteRequest>,
    ) -> Result<Response<Self::ExecuteStream>, Status> {
        self.0.saw("Execute", &request);
        let (count, then) = request.get_ref().code.split_once(' ').unwrap_or((&request.get_ref().code, ""));
        let rows = stream::iter((0..count.parse().unwrap_or(0)).map(|_: u64| Ok(analysis::ExecuteResponse::default())));
        self.0.streams.fetch_add(1, Ordering::SeqCst);
        let open = Open(self.0.streams.clone());
        let hold = then == "hold";
        let end = stream::once(async move {
            let open = open;
            if hold {
                std::future::pending::<()>().await;
            }
            drop(open);
            Err(Status::from(Failure::new(ErrorReason::ExecutionEnded, "done")))
        });
        Ok(Response::new(Box::pin(rows.chain(end))))
    }

    type WatchExecutionStream = Rows<analysis::WatchExecutionResponse>;

    async fn watch_execution(
        &self,
        _: Request<analysis::WatchExecutionRequest>,
    ) -> Result<Response<Self::WatchExecutionStream>, Status> {
        Err(Status::internal("this fake does not know it"))
    }

    type ReadContentStream = Rows<analysis::ReadContentResponse>;

    async fn read_content(
        &self,
        _: Request<analysis::ReadContentRequest>,
    ) -> Result<Response<Self::ReadContentStream>, Status> {
        Err(Status::internal("this fake does not know it"))
    }

    /// Never answers.
    async fn get_execution(
        &self,
        request: Request<analysis::GetExecutionRequest>,
    ) -> Result<Response<analysis::GetExecutionResponse>, Status> {
        self.0.saw("GetExecution", &request);
        self.0.streams.fetch_add(1, Ordering::SeqCst);
        let _open = Open(self.0.streams.clone());
        std::future::pending().await
    }

    async fn cancel_execution(
        &self,
        request: Request<analysis::CancelExecutionRequest>,
    ) -> Result<Response<analysis::CancelExecutionResponse>, Status> {
        self.0.saw("CancelExecution", &request);
        Ok(Response::new(analysis::CancelExecutionResponse::default()))
    }
}, analysis {
    list_executions(ListExecutionsRequest) -> ListExecutionsResponse;
    reply_input(ReplyInputRequest) -> ReplyInputResponse;
});

impl Analysis {
    fn upload(&self, id: &str) -> Result<analysis::Upload, Status> {
        let uploads = self.0.uploads.lock().expect("sound");
        let (name, size_bytes, bytes) = uploads.get(id).ok_or_else(|| Status::from(Failure::not_found()))?;
        Ok(analysis::Upload {
            upload_id: id.to_owned(),
            file_name: name.clone(),
            size_bytes: *size_bytes,
            received_bytes: i64::try_from(bytes.len()).expect("small"),
            state: analysis::UploadState::Open.into(),
            expire_time: Some(timestamp(1_795_000_000_000_000)),
            dataset_id: String::new(),
        })
    }
}

fake!(analysis::dataset_service_server::DatasetService, Analysis, {
    async fn create_upload(
        &self,
        request: Request<analysis::CreateUploadRequest>,
    ) -> Result<Response<analysis::CreateUploadResponse>, Status> {
        self.0.saw("CreateUpload", &request);
        let asked = request.into_inner();
        if asked.size_bytes > 1 << 30 {
            return Err(Failure::new(ErrorReason::QuotaExceeded, "too large").into());
        }
        if asked.file_name == "slow" {
            self.0.slow.acquire().await.expect("open").forget();
        }
        let upload = (asked.file_name, asked.size_bytes, Vec::new());
        self.0.uploads.lock().expect("sound").entry(asked.request_id.clone()).or_insert(upload);
        Ok(Response::new(analysis::CreateUploadResponse { upload: Some(self.upload(&asked.request_id)?) }))
    }

    /// Of a file called `full` it takes the first bytes and then fails.
    async fn write_upload(
        &self,
        request: Request<Streaming<analysis::WriteUploadRequest>>,
    ) -> Result<Response<analysis::WriteUploadResponse>, Status> {
        self.0.saw("WriteUpload", &request);
        self.0.streams.fetch_add(1, Ordering::SeqCst);
        let _open = Open(self.0.streams.clone());
        let mut pieces = request.into_inner();
        let first = pieces.message().await?.ok_or_else(|| Status::invalid_argument("nothing"))?;
        if self.upload(&first.upload_id)?.received_bytes != first.offset {
            return Err(Failure::new(ErrorReason::UploadOffset, "not there").into());
        }
        let mut piece = Some(first.clone());
        while let Some(message) = piece {
            self.0.append(&first.upload_id, &message.data);
            if !message.data.is_empty() && self.upload(&first.upload_id)?.file_name == "full" {
                return Err(Failure::new(ErrorReason::Unavailable, "no room").into());
            }
            piece = pieces.message().await?;
        }
        self.0.saw("WroteUpload", &Request::new(()));
        Ok(Response::new(analysis::WriteUploadResponse { upload: Some(self.upload(&first.upload_id)?) }))
    }

    async fn get_upload(
        &self,
        request: Request<analysis::GetUploadRequest>,
    ) -> Result<Response<analysis::GetUploadResponse>, Status> {
        Ok(Response::new(analysis::GetUploadResponse { upload: Some(self.upload(&request.get_ref().upload_id)?) }))
    }

    type ReadDatasetFileStream = Rows<analysis::ReadDatasetFileResponse>;

    async fn read_dataset_file(
        &self,
        _: Request<analysis::ReadDatasetFileRequest>,
    ) -> Result<Response<Self::ReadDatasetFileStream>, Status> {
        Err(Status::internal("this fake does not know it"))
    }

    async fn list_uploads(
        &self,
        _: Request<analysis::ListUploadsRequest>,
    ) -> Result<Response<analysis::ListUploadsResponse>, Status> {
        let ids: Vec<_> = self.0.uploads.lock().expect("sound").keys().cloned().collect();
        let uploads = ids.iter().map(|id| self.upload(id)).collect::<Result<_, _>>()?;
        Ok(Response::new(analysis::ListUploadsResponse { uploads }))
    }

    async fn cancel_upload(
        &self,
        request: Request<analysis::CancelUploadRequest>,
    ) -> Result<Response<analysis::CancelUploadResponse>, Status> {
        let upload_id = request.into_inner().upload_id;
        self.0.uploads.lock().expect("sound").remove(&upload_id).ok_or_else(|| Status::from(Failure::not_found()))?;
        Ok(Response::new(analysis::CancelUploadResponse {}))
    }
}, analysis {
    preview_upload(PreviewUploadRequest) -> PreviewUploadResponse;
    complete_upload(CompleteUploadRequest) -> CompleteUploadResponse;
    list_datasets(ListDatasetsRequest) -> ListDatasetsResponse;
    get_dataset(GetDatasetRequest) -> GetDatasetResponse;
    preview_dataset(PreviewDatasetRequest) -> PreviewDatasetResponse;
    update_dataset(UpdateDatasetRequest) -> UpdateDatasetResponse;
    delete_dataset(DeleteDatasetRequest) -> DeleteDatasetResponse;
});
