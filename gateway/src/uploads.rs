//! Uploads over plain HTTP in the shape of tus 1.0 (core, creation, creation-with-upload, termination, expiration), so
//! that existing tus clients work. Each request becomes a call of DatasetService; what was received is kept there, so an
//! upload goes on after any break, at the offset that HEAD tells.

mod piece;
mod tus;
mod write;

use std::sync::Arc;

use fenxi_proto::{
    analysis::v1::{
        CancelUploadRequest, CreateUploadRequest, GetUploadRequest, Upload, UploadState,
        dataset_service_client::DatasetServiceClient,
    },
    error::{ErrorReason, Failure},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use tonic::{Status, metadata::MetadataMap};

use self::piece::Piece;
use crate::{
    arriving::Arriving,
    body::Body,
    caller::Caller,
    config::Calls,
    contract::Backend,
    layers::{self, House},
    meters,
    proxy::{
        headers::Client,
        typed_failure,
        upstream::{Typed, Upstream},
    },
    refusal,
};

/// How long analysis-service may take to open, tell or drop an upload.
const CALL_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// How far an upload has come.
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");

type Datasets = DatasetServiceClient<Typed>;

/// Takes uploads.
pub(crate) struct Uploads {
    client: Datasets,
    limits: Calls,
}

impl Uploads {
    pub(crate) fn new(analysis: Arc<Upstream>, limits: Calls) -> Self {
        Self { client: DatasetServiceClient::new(Typed(analysis)), limits }
    }

    /// Answers a request to `/uploads` or `/uploads/<id>`.
    pub(crate) async fn answer(
        &self,
        house: &House,
        client: &Client,
        upload_id: Option<&str>,
        request: Request<Arriving>,
    ) -> Response<Body> {
        let request = Piece::of(request, &self.limits);
        let mut answer = self.route(house, client, upload_id, request).await.unwrap_or_else(|refused| refused);
        tus::sign(answer.headers_mut());
        answer
    }

    async fn route(
        &self,
        house: &House,
        client: &Client,
        upload_id: Option<&str>,
        request: Request<Piece>,
    ) -> Result<Response<Body>, Response<Body>> {
        let method = tus::method(&request).ok_or_else(|| not_allowed(upload_id))?;
        if method == Method::OPTIONS {
            return Ok(tus::abilities(self.limits.upload_file_max_bytes));
        }
        let admitted = house.guard.admit_http(request.headers()).map_err(|refused| {
            meters::refused(refused.word());
            let reason = if matches!(refused, crate::guard::Refused::Authorization) {
                (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED")
            } else {
                (StatusCode::FORBIDDEN, "PERMISSION_DENIED")
            };
            refusal::http(reason.0, reason.1, &refused.to_string())
        })?;
        if let Some(refused) = tus::wrong_version(request.headers()) {
            return Err(refused);
        }
        let caller = layers::caller(house, client, admitted.credential.as_ref(), Backend::Analysis).await;
        let caller = caller.map_err(|status| refusal::http_from(&status))?;
        let call = Calling { uploads: self, house, client, caller };
        let answered = match (&method, upload_id) {
            (&Method::POST, None) => call.create(request).await,
            (&Method::HEAD, Some(id)) => call.tell(id).await,
            (&Method::PATCH, Some(id)) => call.write(id, request).await,
            (&Method::DELETE, Some(id)) => call.cancel(id).await,
            _ => return Err(not_allowed(upload_id)),
        };
        answered.map_err(|status| refusal::http_from(&typed_failure(Backend::Analysis, status)))
    }
}

/// One request of a known caller.
struct Calling<'a> {
    uploads: &'a Uploads,
    house: &'a House,
    client: &'a Client,
    caller: Arc<Caller>,
}

impl Calling<'_> {
    fn call<T>(&self, message: T) -> tonic::Request<T> {
        let mut metadata = HeaderMap::new();
        self.client.tell(Backend::Analysis, &mut metadata);
        metadata.insert(header::AUTHORIZATION, self.caller.authorization.clone());
        let mut call = tonic::Request::new(message);
        *call.metadata_mut() = MetadataMap::from_headers(metadata);
        call
    }

    async fn create(&self, request: Request<Piece>) -> Result<Response<Body>, Status> {
        let wanted = tus::creation(request.headers())?;
        let key = request.headers().get("idempotency-key");
        let message = CreateUploadRequest {
            file_name: wanted.file_name,
            size_bytes: wanted.size_bytes,
            sha256: wanted.sha256,
            request_id: key.map_or_else(|| self.house.ids.next().to_string(), |key| tus::request_id(key.as_bytes())),
        };
        let mut upload = living(self.open(message.clone()).await?)?;
        let id = upload.upload_id.clone();
        let mut offset_known = true;
        if tus::is_bytes(request.headers()) && !request.body().is_empty() {
            // Otherwise this creation is a repetition. Its body begins at the file's first byte, so no byte of it belongs
            // where the upload stands; the client goes on from the offset that it is told.
            let is_first = upload.received_bytes == 0;
            if is_first && let Err(failed) = self.append(&id, 0, request).await.map(|written| upload = written) {
                // The upload is there whatever became of its bytes, and the same creation again tells how far they came.
                tracing::debug!(code = ?failed.code(), "the bytes of a creation did not all arrive");
                match self.open(message).await {
                    Ok(reached) => upload = living(reached)?,
                    Err(_) => offset_known = false,
                }
            }
        }
        let mut answer = answer_of(StatusCode::CREATED, &upload);
        if !offset_known {
            // HEAD will tell.
            answer.headers_mut().remove(OFFSET);
        }
        let location = HeaderValue::try_from(format!("/uploads/{id}")).map_err(|_| no_upload())?;
        answer.headers_mut().insert(header::LOCATION, location);
        Ok(answer)
    }

    async fn open(&self, message: CreateUploadRequest) -> Result<Upload, Status> {
        let created = timely(self.uploads.client.clone().create_upload(self.call(message))).await?;
        created.upload.ok_or_else(no_upload)
    }

    async fn tell(&self, id: &str) -> Result<Response<Body>, Status> {
        let message = GetUploadRequest { upload_id: id.to_owned() };
        let told = timely(self.uploads.client.clone().get_upload(self.call(message))).await?;
        let upload = living(told.upload.ok_or_else(no_upload)?)?;
        let mut answer = answer_of(StatusCode::OK, &upload);
        answer.headers_mut().insert("upload-length", HeaderValue::from(upload.size_bytes));
        if let Some(metadata) = tus::metadata(&upload.file_name) {
            answer.headers_mut().insert("upload-metadata", metadata);
        }
        Ok(answer)
    }

    async fn write(&self, id: &str, request: Request<Piece>) -> Result<Response<Body>, Status> {
        if !tus::is_bytes(request.headers()) {
            let text = "an upload goes on with Content-Type: application/offset+octet-stream";
            return Ok(refusal::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, "INVALID_FIELD", text));
        }
        let offset = tus::number(request.headers(), "upload-offset")?;
        let upload = self.append(id, offset, request).await?;
        Ok(answer_of(StatusCode::NO_CONTENT, &upload))
    }

    async fn cancel(&self, id: &str) -> Result<Response<Body>, Status> {
        let message = CancelUploadRequest { upload_id: id.to_owned(), request_id: self.house.ids.next().to_string() };
        timely(self.uploads.client.clone().cancel_upload(self.call(message))).await?;
        let mut answer = Response::new(Body::default());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        Ok(answer)
    }

    async fn append(&self, id: &str, offset: i64, request: Request<Piece>) -> Result<Upload, Status> {
        let cut = self.house.callers.attend(Some(self.caller.clone()), Backend::Analysis);
        let bytes = write::messages(id.to_owned(), offset, request.into_body(), cut);
        let (call, mut client) = (self.call(bytes), self.uploads.client.clone());
        // A task of its own: when the client's connection breaks, what had arrived is still brought to an end.
        let writing = tokio::spawn(async move { client.write_upload(call).await });
        let written = writing.await.map_err(|_| Status::from(Failure::internal()))??;
        written.into_inner().upload.ok_or_else(no_upload)
    }
}

async fn timely<T>(call: impl Future<Output = Result<tonic::Response<T>, Status>>) -> Result<T, Status> {
    let answered = tokio::time::timeout(CALL_WAIT, call).await;
    answered.unwrap_or_else(|_| Err(refusal::too_late().into())).map(tonic::Response::into_inner)
}

/// The upload, unless it is no more.
fn living(upload: Upload) -> Result<Upload, Status> {
    if upload.state() == UploadState::Cancelled {
        return Err(Failure::new(ErrorReason::UploadClosed, "the upload was cancelled or expired").into());
    }
    Ok(upload)
}

fn no_upload() -> Status {
    Failure::internal().into()
}

fn answer_of(status: StatusCode, upload: &Upload) -> Response<Body> {
    let mut answer = Response::new(Body::default());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(OFFSET, HeaderValue::from(upload.received_bytes));
    if let Some(expires) = upload.expire_time.as_ref().and_then(tus::http_date) {
        headers.insert(HeaderName::from_static("upload-expires"), expires);
    }
    answer
}

fn not_allowed(upload_id: Option<&str>) -> Response<Body> {
    let allowed = if upload_id.is_some() { "HEAD, PATCH, DELETE, OPTIONS" } else { "POST, OPTIONS" };
    let text = format!("allowed here: {allowed}");
    let mut answer = refusal::http(StatusCode::METHOD_NOT_ALLOWED, "INVALID_FIELD", &text);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}
