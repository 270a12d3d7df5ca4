//! Services to stand behind the gateway: real gRPC servers that answer by simple rules and remember what they saw. Each
//! runs on a runtime of its own, so that it can be killed in the middle of anything.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fenxi_proto::{
    analysis::v1::{
        self as analysis, dataset_service_server::DatasetServiceServer,
        execution_service_server::ExecutionServiceServer,
    },
    auth::v1::{self as auth, auth_service_server::AuthServiceServer, caller_service_server::CallerServiceServer},
    error::{ErrorReason, Failure},
    time::timestamp,
};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, broadcast},
};
use tonic::{
    Request, Response, Status, Streaming,
    metadata::MetadataMap,
    transport::{Server, server::TcpIncoming},
};

/// The gateway's own secret, which the fakes ask for.
pub(crate) const GATEWAY_SECRET: &str = "fxs_gateway_test";

/// How often the feed of revocations says that it lives.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// An upload: name, size, bytes.
type Kept = (String, i64, Vec<u8>);

/// What the fakes saw and are told.
pub(crate) struct State {
    /// Each call that reached a handler: its method's name and metadata.
    pub(crate) seen: Mutex<Vec<(&'static str, MetadataMap)>>,
    /// Times a credential was asked about.
    pub(crate) resolved: AtomicUsize,
    /// Credentials that are good no more.
    pub(crate) revoked: Mutex<HashSet<String>>,
    /// Says a revocation to whoever watches.
    pub(crate) feed: broadcast::Sender<auth::WatchRevocationsResponse>,
    /// Feeds that are open.
    pub(crate) feeds: AtomicUsize,
    /// Streams that are open.
    pub(crate) streams: Arc<AtomicUsize>,
    /// Lets creations of a file called `slow` go on, one for each permit.
    pub(crate) slow: Semaphore,
    /// Uploads by id.
    pub(crate) uploads: Mutex<HashMap<String, Kept>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            seen: Mutex::default(),
            resolved: AtomicUsize::new(0),
            revoked: Mutex::default(),
            feed: broadcast::channel(64).0,
            feeds: AtomicUsize::new(0),
            streams: Arc::default(),
            slow: Semaphore::new(0),
            uploads: Mutex::default(),
        }
    }
}

impl State {
    fn saw<T>(&self, method: &'static str, request: &Request<T>) {
        self.seen.lock().expect("sound").push((method, request.metadata().clone()));
    }

    /// The metadata of the last call of a method.
    pub(crate) fn last(&self, method: &str) -> Option<MetadataMap> {
        self.seen.lock().expect("sound").iter().rev().find(|(name, _)| *name == method).map(|(_, seen)| seen.clone())
    }

    /// How often a method was called.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.seen.lock().expect("sound").iter().filter(|(name, _)| *name == method).count()
    }

    fn append(&self, upload_id: &str, data: &[u8]) {
        self.uploads.lock().expect("sound").get_mut(upload_id).expect("there").2.extend_from_slice(data);
    }

    /// Revokes a credential and says so.
    pub(crate) fn revoke(&self, credential: &str) {
        self.revoked.lock().expect("sound").insert(credential.to_owned());
        let message = auth::WatchRevocationsResponse { credential_id: id_of(credential), user_id: String::new() };
        self.feed.send(message).expect("somebody watches");
    }
}

fn id_of(credential: &str) -> String {
    format!("id-{credential}")
}

/// A server that can be killed.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Fake {
    /// Drops the server with every connection, as if the process had died.
    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Serves these routes at an address.
async fn serve(address: SocketAddr, routes: tonic::service::Routes) -> Fake {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (tell, told) = tokio::sync::oneshot::channel();
    runtime.spawn(async move {
        // The address of a server that was just killed is free a moment later.
        let listener = loop {
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        tell.send(listener.local_addr().expect("an address")).expect("somebody waits");
        let resets_max = Some(fenxi_chassis::server::RESETS_MAX);
        let mut server = Server::builder()
            .http2_max_pending_accept_reset_streams(resets_max)
            .http2_max_local_error_reset_streams(resets_max);
        server.add_routes(routes).serve_with_incoming(TcpIncoming::from(listener)).await.expect("served");
    });
    Fake { address: told.await.expect("bound"), runtime: Some(runtime) }
}

/// auth-service at an address; port 0: any.
pub(crate) async fn auth_service(state: &Arc<State>, address: SocketAddr) -> Fake {
    let mut routes = tonic::service::Routes::new(CallerServiceServer::new(Auth(state.clone())));
    routes = routes.add_service(AuthServiceServer::new(Auth(state.clone())));
    serve(address, routes).await
}

/// analysis-service at an address; port 0: any.
pub(crate) async fn analysis_service(state: &Arc<State>, address: SocketAddr) -> Fake {
    let mut routes = tonic::service::Routes::new(ExecutionServiceServer::new(Analysis(state.clone())));
    routes = routes.add_service(DatasetServiceServer::new(Analysis(state.clone())));
    serve(address, routes).await
}

type Rows<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

struct Auth(Arc<State>);
struct Analysis(Arc<State>);

/// Implements a service: the methods that are written out, and refusals for the rest.
macro_rules! fake {
    ($trait:path, $fake:ty, { $($written:tt)* }, $area:ident { $($name:ident($request:ident) -> $response:ident;)* }) => {
        #[tonic::async_trait]
        impl $trait for $fake {
            $($written)*
            $(async fn $name(&self, _: Request<$area::$request>) -> Result<Response<$area::$response>, Status> {
                Err(Status::internal("this fake does not know it"))
            })*
        }
    };
}

#[tonic::async_trait]
impl auth::caller_service_server::CallerService for Auth {
    async fn resolve_credential(
        &self,
        request: Request<auth::ResolveCredentialRequest>,
    ) -> Result<Response<auth::ResolveCredentialResponse>, Status> {
        by_gateway(&request)?;
        self.0.resolved.fetch_add(1, Ordering::SeqCst);
        let asked = request.into_inner();
        let user = asked.credential.strip_prefix("fxl_").or_else(|| asked.credential.strip_prefix("fxt_"));
        let user = user.filter(|user| !user.starts_with("unknown"));
        let good = user.filter(|_| !self.0.revoked.lock().expect("sound").contains(&asked.credential));
        let user = good.ok_or_else(|| Status::from(Failure::new(ErrorReason::Unauthenticated, "sign in")))?;
        let now = fenxi_chassis::clock::Clock::system().now_micros();
        Ok(Response::new(auth::ResolveCredentialResponse {
            caller_token: format!("jwt.{user}.{}", asked.audience),
            expire_time: Some(timestamp(now + 300_000_000)),
            user_id: user.to_owned(),
            credential_id: id_of(&asked.credential),
        }))
    }

    type WatchRevocationsStream = Rows<auth::WatchRevocationsResponse>;

    async fn watch_revocations(
        &self,
        request: Request<auth::WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        by_gateway(&request)?;
        let told = self.0.feed.subscribe();
        self.0.feeds.fetch_add(1, Ordering::SeqCst);
        let heartbeat = stream::iter([Ok(auth::WatchRevocationsResponse::default())]);
        let revocations = stream::unfold(told, |mut told| async move {
            let said = tokio::time::timeout(HEARTBEAT_INTERVAL, told.recv()).await;
            Some((Ok(said.map_or_else(|_| Some(Default::default()), Result::ok)?), told))
        });
        Ok(Response::new(Box::pin(heartbeat.chain(revocations))))
    }
}

fn by_gateway<T>(request: &Request<T>) -> Result<(), Status> {
    let proof = request.metadata().get("authorization").and_then(|proof| proof.to_str().ok());
    (proof == Some(&format!("Bearer {GATEWAY_SECRET}"))).then_some(()).ok_or_else(|| Status::unauthenticated("who?"))
}

fake!(auth::auth_service_server::AuthService, Auth, {
    async fn list_login_methods(
        &self,
        request: Request<auth::ListLoginMethodsRequest>,
    ) -> Result<Response<auth::ListLoginMethodsResponse>, Status> {
        self.0.saw("ListLoginMethods", &request);
        Ok(Response::new(auth::ListLoginMethodsResponse { login_methods: Vec::new(), set_up_required: true }))
    }

    async fn login_with_password(
        &self,
        request: Request<auth::LoginWithPasswordRequest>,
    ) -> Result<Response<auth::LoginWithPasswordResponse>, Status> {
        self.0.saw("LoginWithPassword", &request);
        let mut response = Response::new(auth::LoginWithPasswordResponse::default());
        let secret = format!("fxl_{}", request.get_ref().username);
        response.metadata_mut().insert("fenxi-login-session", secret.parse().expect("a value"));
        response.metadata_mut().insert("fenxi-login-session-max-age", "3600".parse().expect("a value"));
        Ok(response)
    }

    async fn complete_login(
        &self,
        request: Request<auth::CompleteLoginRequest>,
    ) -> Result<Response<auth::CompleteLoginResponse>, Status> {
        self.0.saw("CompleteLogin", &request);
        if request.metadata().get("fenxi-login-attempt").is_none_or(|attempt| attempt != "attempt-1") {
            return Err(Failure::new(ErrorReason::LoginAttemptInvalid, "begin again").into());
        }
        let return_to = request.get_ref().state.clone();
        let mut response = Response::new(auth::CompleteLoginResponse { return_to, ..Default::default() });
        response.metadata_mut().insert("fenxi-login-session", "fxl_feishu".parse().expect("a value"));
        response.metadata_mut().insert("fenxi-login-session-max-age", "3600".parse().expect("a value"));
        response.metadata_mut().insert("fenxi-login-attempt", "".parse().expect("a value"));
        Ok(response)
    }

    async fn get_current_user(
        &self,
        request: Request<auth::GetCurrentUserRequest>,
    ) -> Result<Response<auth::GetCurrentUserResponse>, Status> {
        self.0.saw("GetCurrentUser", &request);
        Ok(Response::new(auth::GetCurrentUserResponse::default()))
    }

    async fn logout(&self, request: Request<auth::LogoutRequest>) -> Result<Response<auth::LogoutResponse>, Status> {
        self.0.saw("Logout", &request);
        let mut response = Response::new(auth::LogoutResponse {});
        response.metadata_mut().insert("fenxi-login-session", "".parse().expect("a value"));
        Ok(response)
    }
}, auth {
    set_up_administrator(SetUpAdministratorRequest) -> SetUpAdministratorResponse;
    begin_login(BeginLoginRequest) -> BeginLoginResponse;
    change_password(ChangePasswordRequest) -> ChangePasswordResponse;
});

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

/// Waits until a condition holds; fails after a generous while.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}
