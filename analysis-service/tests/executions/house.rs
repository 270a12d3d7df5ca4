//! A service on a folder and a port of its own, the keys of its callers, the history it delivers to, and users.

use std::{
    ffi::OsString,
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use analysis_service::config::{Config, PREFIX};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use fenxi_chassis::{
    caller::token::{AUDIENCE_ANALYSIS, Claims, ISSUER, LIFE_SECS, Role, Source, TYPE},
    client::{Bearer, channel},
    clock::Clock,
    config,
    lifecycle::Lifecycle,
    program::Frame,
};
use fenxi_proto::{
    analysis::v1::{
        CreateKernelRequest, ExecuteRequest, ExecuteResponse, Execution, FinishedEvent, GetKernelRequest, Kernel,
        KernelState, OutputEvent, WatchExecutionRequest, execution_service_client::ExecutionServiceClient,
        inspection_service_client::InspectionServiceClient, kernel_file_service_client::KernelFileServiceClient,
        kernel_service_client::KernelServiceClient, network_grant_service_client::NetworkGrantServiceClient,
        output_event::Event,
    },
    auth::v1::{
        GetJwksRequest, GetJwksResponse,
        key_service_server::{KeyService, KeyServiceServer},
    },
    history::v1::{
        DeleteHistoryEntryRequest, DeleteHistoryEntryResponse, GetHistoryEntryRequest, GetHistoryEntryResponse,
        GetStatisticsRequest, GetStatisticsResponse, HistoryRecordItem, ListHistoryRequest, ListHistoryResponse,
        RecordHistoryRequest, RecordHistoryResponse, UndeleteHistoryEntryRequest, UndeleteHistoryEntryResponse,
        history_service_server::{HistoryService, HistoryServiceServer},
    },
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tonic::{
    Request, Response, Status, Streaming,
    service::interceptor::InterceptedService,
    transport::{Channel, Server, server::TcpIncoming},
};
use uuid::Uuid;

use crate::interpreter;

/// How long a story waits for what must come, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const SECRET: &str = "fxs_0123456789abcdef0123456789abcdef";

pub(crate) type Authorized = InterceptedService<Channel, Bearer>;

/// A new id.
pub(crate) fn id() -> String {
    fenxi_chassis::id::at(Clock::system().now_micros()).to_string()
}

/// Fails the story if the future takes longer than any machine needs.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// A running service.
pub(crate) struct House {
    folder: tempfile::TempDir,
    pub(crate) auth: Auth,
    url: String,
    lifecycle: Lifecycle,
    service: JoinHandle<anyhow::Result<()>>,
    /// Settings beside the usual ones.
    more: Vec<OsString>,
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::start_with(Vec::new()).await
    }

    pub(crate) async fn start_with(more: Vec<OsString>) -> Self {
        let auth = Auth::serve().await;
        // The socket paths of kernels are short.
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        std::fs::write(folder.path().join("secret"), SECRET).expect("written");
        let (url, lifecycle, service) = serve(folder.path(), &auth, &more).await;
        Self { folder, auth, url, lifecycle, service, more }
    }

    /// Stops the service.
    pub(crate) async fn stop(&mut self) {
        self.lifecycle.stop();
        soon(&mut self.service).await.expect("no panic").expect("served");
    }

    /// Starts it again on the same folder.
    pub(crate) async fn start_again(&mut self) {
        (self.url, self.lifecycle, self.service) = serve(self.folder.path(), &self.auth, &self.more).await;
    }

    /// Tells the service to stop and does not wait for it.
    pub(crate) fn tell_to_stop(&self) {
        self.lifecycle.stop();
    }

    pub(crate) fn user(&self) -> User {
        self.user_called(Uuid::parse_str(&id()).expect("an id"))
    }

    pub(crate) fn user_called(&self, user_id: Uuid) -> User {
        self.auth.user(&self.url, user_id)
    }
}

async fn serve(folder: &Path, auth: &Auth, more: &[OsString]) -> (String, Lifecycle, JoinHandle<anyhow::Result<()>>) {
    let secret = folder.join("secret");
    let args: [OsString; 15] = [
        "analysis-service".into(),
        "--auth-url".into(),
        auth.url.clone().into(),
        "--secret-file".into(),
        secret.into(),
        "--data-dir".into(),
        folder.join("data").into(),
        "--python".into(),
        interpreter::light(folder, "").into(),
        "--table-reader".into(),
        env!("CARGO_BIN_EXE_table-reader").into(),
        "--kernel-supervisor".into(),
        env!("CARGO_BIN_EXE_kernel-supervisor").into(),
        "--kernel-linger-secs".into(),
        "0".into(),
    ];
    let args = args.into_iter().chain(more.iter().cloned());
    let config: Config = config::load(PREFIX, args).expect("good");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let frame = Frame::new(Clock::system());
    let lifecycle = frame.lifecycle.clone();
    let service = tokio::spawn(analysis_service::serve_on(listener, config, frame));
    let ready = async {
        while !lifecycle.readiness().0 {
            assert!(!service.is_finished(), "the service does not start");
            tokio::task::yield_now().await;
        }
    };
    soon(ready).await;
    (url, lifecycle, service)
}

pub(crate) fn python() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned();
    let home = config::variable("FENXI_HOME").map_or_else(|| workspace.join("data"), PathBuf::from);
    let python = config::variable("FENXI_TEST_PYTHON").map_or_else(|| home.join("python/bin/python"), PathBuf::from);
    assert!(python.is_file(), "{} is not there: run `make kernel-env`", python.display());
    python
}

/// What auth-service is to this service: keys, and a history.
pub(crate) struct Auth {
    key: SigningKey,
    pub(crate) url: String,
    history: History,
}

#[derive(Clone)]
struct History(Arc<watch::Sender<Vec<HistoryRecordItem>>>);
struct Jwks(String);

#[tonic::async_trait]
impl KeyService for Jwks {
    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        Ok(Response::new(GetJwksResponse { jwks_json: self.0.clone() }))
    }
}

#[tonic::async_trait]
impl HistoryService for History {
    async fn record_history(
        &self,
        request: Request<RecordHistoryRequest>,
    ) -> Result<Response<RecordHistoryResponse>, Status> {
        let proof = request.metadata().get("authorization").and_then(|proof| proof.to_str().ok());
        assert_eq!(proof, Some(format!("Bearer {SECRET}").as_str()));
        let items = request.into_inner().items;
        let recorded = i32::try_from(items.len()).expect("few");
        self.0.send_modify(|all| all.extend(items));
        Ok(Response::new(RecordHistoryResponse { recorded }))
    }

    async fn list_history(&self, _: Request<ListHistoryRequest>) -> Result<Response<ListHistoryResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_history_entry(
        &self,
        _: Request<GetHistoryEntryRequest>,
    ) -> Result<Response<GetHistoryEntryResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn delete_history_entry(
        &self,
        _: Request<DeleteHistoryEntryRequest>,
    ) -> Result<Response<DeleteHistoryEntryResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn undelete_history_entry(
        &self,
        _: Request<UndeleteHistoryEntryRequest>,
    ) -> Result<Response<UndeleteHistoryEntryResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_statistics(
        &self,
        _: Request<GetStatisticsRequest>,
    ) -> Result<Response<GetStatisticsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

impl Auth {
    /// Somebody who calls the service at this address.
    pub(crate) fn user(&self, url: &str, user_id: Uuid) -> User {
        let bearer = Bearer::new(&self.caller(user_id, Role::Member)).expect("a header");
        let channel = channel(url).expect("an address");
        User {
            user_id,
            executions: ExecutionServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            files: KernelFileServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            inspection: InspectionServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            kernels: KernelServiceClient::with_interceptor(channel, bearer),
        }
    }

    pub(crate) async fn serve() -> Self {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let key = SigningKey::from_bytes(&[7; 32]);
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let jwks = serde_json::json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k1", "x": x}
        ]});
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let history = History(Arc::new(watch::Sender::new(Vec::new())));
        let server = Server::builder()
            .add_service(KeyServiceServer::new(Jwks(jwks.to_string())))
            .add_service(HistoryServiceServer::new(history.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(server);
        Self { key, url, history }
    }

    /// What was recorded, once there is so much of it.
    pub(crate) async fn recorded(&self, count: usize) -> Vec<HistoryRecordItem> {
        let mut items = self.history.0.subscribe();
        soon(items.wait_for(|items| items.len() >= count)).await.expect("a history").clone()
    }

    /// The grants, for somebody with this role.
    pub(crate) fn grants(&self, url: &str, role: Role) -> NetworkGrantServiceClient<Authorized> {
        let bearer = Bearer::new(&self.caller(Uuid::from_u128(1), role)).expect("a header");
        NetworkGrantServiceClient::with_interceptor(channel(url).expect("an address"), bearer)
    }

    pub(crate) fn caller(&self, user_id: Uuid, role: Role) -> String {
        let now = Clock::system().now_micros() / 1_000_000;
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE_ANALYSIS.into(),
            sub: user_id,
            sid: user_id,
            src: Source::LoginSession,
            role,
            scp: String::new(),
            iat: now,
            nbf: now,
            exp: now + LIFE_SECS,
            jti: Uuid::parse_str(&id()).expect("an id"),
        };
        let header = Header { typ: Some(TYPE.into()), kid: Some("k1".into()), ..Header::new(Algorithm::EdDSA) };
        let key = self.key.to_pkcs8_der().expect("a key");
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(key.as_bytes())).expect("signed")
    }
}

/// Somebody who calls.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) user_id: Uuid,
    pub(crate) executions: ExecutionServiceClient<Authorized>,
    pub(crate) files: KernelFileServiceClient<Authorized>,
    pub(crate) inspection: InspectionServiceClient<Authorized>,
    pub(crate) kernels: KernelServiceClient<Authorized>,
}

impl User {
    /// A new kernel's id.
    pub(crate) async fn kernel(&self) -> String {
        self.kernel_of("").await
    }

    /// The same, of this kind.
    pub(crate) async fn kernel_of(&self, kernel_spec: &str) -> String {
        let kernel_spec = kernel_spec.to_owned();
        let request = CreateKernelRequest { request_id: id(), kernel_spec, ..CreateKernelRequest::default() };
        self.create_kernel(request).await
    }

    /// The kernel of this request.
    pub(crate) async fn create_kernel(&self, request: CreateKernelRequest) -> String {
        let created = self.kernels.clone().create_kernel(request).await.expect("created");
        created.into_inner().kernel.expect("a kernel").kernel_id
    }

    /// A kernel as it stands.
    pub(crate) async fn get(&self, kernel_id: &str) -> Kernel {
        let request = GetKernelRequest { kernel_id: kernel_id.to_owned() };
        let found = self.kernels.clone().get_kernel(request).await.expect("a kernel");
        found.into_inner().kernel.expect("a kernel")
    }

    /// How a kernel stands.
    pub(crate) async fn state(&self, kernel_id: &str) -> KernelState {
        self.get(kernel_id).await.state()
    }

    /// Begins to run code and gives the execution and the rest of its stream.
    pub(crate) async fn begin(&self, kernel_id: &str, code: &str) -> (Execution, Streaming<ExecuteResponse>) {
        self.execute(request(kernel_id, code)).await.expect("accepted")
    }

    pub(crate) async fn execute(
        &self,
        request: ExecuteRequest,
    ) -> Result<(Execution, Streaming<ExecuteResponse>), Status> {
        let mut stream = self.executions.clone().execute(request).await?.into_inner();
        let first = soon(stream.message()).await?.expect("a first response");
        assert!(first.event.is_none());
        Ok((first.execution.expect("the execution"), stream))
    }

    /// Runs code to its end.
    pub(crate) async fn run(&self, kernel_id: &str, code: &str) -> (Execution, Vec<OutputEvent>) {
        let (execution, stream) = self.begin(kernel_id, code).await;
        (execution, rest(stream).await)
    }

    /// Every event after this number, to the end.
    pub(crate) async fn watch(&self, execution_id: &str, after_sequence: i64) -> Vec<OutputEvent> {
        let request = WatchExecutionRequest { execution_id: execution_id.into(), after_sequence };
        let mut stream = self.executions.clone().watch_execution(request).await.expect("watched").into_inner();
        let first = soon(stream.message()).await.expect("a stream").expect("a first response");
        assert_eq!(first.execution.expect("the execution").execution_id, execution_id);
        let mut events = Vec::new();
        while let Some(response) = soon(stream.message()).await.expect("a stream") {
            events.extend(response.event);
        }
        events
    }
}

/// A request to run code.
pub(crate) fn request(kernel_id: &str, code: &str) -> ExecuteRequest {
    ExecuteRequest { kernel_id: kernel_id.into(), code: code.into(), request_id: id(), ..ExecuteRequest::default() }
}

/// The next event.
pub(crate) async fn next(stream: &mut Streaming<ExecuteResponse>) -> OutputEvent {
    loop {
        let response = soon(stream.message()).await.expect("a stream").expect("it goes on");
        if let Some(event) = response.event {
            return event;
        }
    }
}

/// Every event to the end.
pub(crate) async fn rest(mut stream: Streaming<ExecuteResponse>) -> Vec<OutputEvent> {
    let mut events = Vec::new();
    while let Some(response) = soon(stream.message()).await.expect("a stream") {
        events.extend(response.event);
    }
    events
}

pub(crate) fn assert_dense(events: &[OutputEvent], after: i64) {
    for (expected, event) in (after + 1..).zip(events) {
        assert_eq!(event.sequence, expected, "a number is missing or doubled");
    }
}

pub(crate) fn texts(events: &[OutputEvent]) -> String {
    let text = |event: &OutputEvent| match &event.event {
        Some(Event::Stream(stream)) => Some(stream.text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

pub(crate) fn end(events: &[OutputEvent]) -> FinishedEvent {
    match events.last().and_then(|event| event.event.clone()) {
        Some(Event::Finished(end)) => end,
        other => panic!("the log does not end: {other:?}"),
    }
}
