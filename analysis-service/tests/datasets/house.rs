//! A service on a folder and a port of its own, the keys that its callers are signed with, and users who call it.

use std::{
    ffi::OsString,
    future::Future,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use analysis_service::config::{Config, PREFIX};
use bytes::Bytes;
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use fenxi_chassis::{
    caller::token::{AUDIENCE_ANALYSIS, Claims, ISSUER, LIFE_SECS, Role, Source, TYPE},
    client::{Bearer, channel},
    clock::Clock,
    lifecycle::Lifecycle,
    program::Frame,
};
use fenxi_proto::{
    analysis::v1::{
        CompleteUploadRequest, CreateUploadRequest, Dataset, GetUploadRequest, ParseOptions, Upload,
        WriteUploadRequest, dataset_service_client::DatasetServiceClient,
    },
    auth::v1::{
        GetJwksRequest, GetJwksResponse,
        key_service_server::{KeyService, KeyServiceServer},
    },
    error::{ErrorReason, reason_of},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    service::interceptor::InterceptedService,
    transport::{Channel, Server, server::TcpIncoming},
};
use uuid::Uuid;

/// How long a story waits for what must come, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Client = DatasetServiceClient<InterceptedService<Channel, Bearer>>;

/// A new id.
pub(crate) fn id() -> Uuid {
    fenxi_chassis::id::at(Clock::system().now_micros())
}

/// A service with its keys. Dropped, the service stops with the runtime.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) keys: Keys,
    pub(crate) url: String,
    lifecycle: Lifecycle,
    service: JoinHandle<anyhow::Result<()>>,
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(settings: &[&str]) -> Self {
        let keys = Keys::serve().await;
        let folder = tempfile::tempdir().expect("a folder");
        let (url, lifecycle, service) = serve(folder.path(), &keys, settings).await;
        Self { folder, keys, url, lifecycle, service }
    }

    /// Stops the service and starts another one on the same folder.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(&[]).await
    }

    /// The same, with these settings.
    pub(crate) async fn restart_with(mut self, settings: &[&str]) -> Self {
        self.lifecycle.stop();
        self.service.await.expect("no panic").expect("served");
        (self.url, self.lifecycle, self.service) = serve(self.folder.path(), &self.keys, settings).await;
        self
    }

    /// What the service says that it cannot do, part by part.
    pub(crate) fn degraded(&self) -> std::collections::BTreeMap<&'static str, String> {
        self.lifecycle.degraded()
    }

    /// A client of a new user.
    pub(crate) fn user(&self) -> User {
        self.user_called(id())
    }

    pub(crate) fn user_called(&self, user_id: Uuid) -> User {
        User::new(&self.url, &self.keys, user_id)
    }

    /// Where the service keeps the arriving bytes of an upload.
    pub(crate) fn staged(&self, upload_id: &str) -> PathBuf {
        self.folder.path().join("uploads").join(format!("{upload_id}.part"))
    }

    /// The files below a folder of the service.
    pub(crate) fn files(&self, folder: &str) -> usize {
        files(&self.folder.path().join(folder))
    }
}

pub(crate) fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

async fn serve(folder: &Path, keys: &Keys, settings: &[&str]) -> (String, Lifecycle, JoinHandle<anyhow::Result<()>>) {
    // No kernel is started here: any program will do for their interpreter.
    let python = ["--python", "/bin/sh", "--kernel-start", "plain", "--kernel-isolation", "none"].map(OsString::from);
    let args = ["analysis-service".into(), "--auth-url".into(), keys.url.clone(), "--data-dir".into()];
    let supervisor = ["--kernel-supervisor", env!("CARGO_BIN_EXE_kernel-supervisor"), "--kernel-linger-secs", "0"];
    let supervisor = supervisor.map(OsString::from);
    let reader = ["--table-reader", env!("CARGO_BIN_EXE_table-reader")].map(OsString::from);
    let args =
        args.into_iter().map(OsString::from).chain([folder.into()]).chain(python).chain(supervisor).chain(reader);
    let config: Config =
        fenxi_chassis::config::load(PREFIX, args.chain(settings.iter().map(OsString::from))).expect("good");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let frame = Frame::new(Clock::system());
    let lifecycle = frame.lifecycle.clone();
    let service = tokio::spawn(analysis_service::serve_on(listener, config, frame));
    until("the service is ready", || async { (lifecycle.readiness().0 || service.is_finished()).then_some(()) }).await;
    (url, lifecycle, service)
}

/// Waits until `ask` gives something.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asked = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

/// A figure of this process, as it is exported; collected from the first call on.
pub(crate) fn counted(name: &str) -> u64 {
    static METRICS: OnceLock<metrics_exporter_prometheus::PrometheusHandle> = OnceLock::new();
    let rendered = METRICS.get_or_init(|| fenxi_chassis::telemetry::init_metrics().expect("collected")).render();
    let line = rendered.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line.unwrap_or(0)
}

/// The keys of callers, served as auth-service does.
pub(crate) struct Keys {
    key: SigningKey,
    pub(crate) url: String,
}

struct Jwks(String);

#[tonic::async_trait]
impl KeyService for Jwks {
    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        Ok(Response::new(GetJwksResponse { jwks_json: self.0.clone() }))
    }
}

impl Keys {
    pub(crate) async fn serve() -> Self {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let key = SigningKey::from_bytes(&[7; 32]);
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let jwks = serde_json::json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k1", "x": x}
        ]});
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let service = KeyServiceServer::new(Jwks(jwks.to_string()));
        let server = Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(server);
        Self { key, url }
    }

    fn caller(&self, user_id: Uuid) -> String {
        let now = Clock::system().now_micros() / 1_000_000;
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE_ANALYSIS.into(),
            sub: user_id,
            sid: user_id,
            src: Source::LoginSession,
            role: Role::Member,
            scp: String::new(),
            iat: now,
            nbf: now,
            exp: now + LIFE_SECS,
            jti: id(),
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
    pub(crate) client: Client,
}

impl User {
    pub(crate) fn new(url: &str, keys: &Keys, user_id: Uuid) -> Self {
        let bearer = Bearer::new(&keys.caller(user_id)).expect("a header");
        let channel = channel(url).expect("an address");
        let client = DatasetServiceClient::with_interceptor(channel, bearer).max_decoding_message_size(4 << 20);
        Self { user_id, client }
    }

    pub(crate) async fn create(&self, file_name: &str, size_bytes: usize) -> Result<Upload, Status> {
        let request = CreateUploadRequest {
            file_name: file_name.into(),
            size_bytes: size_bytes as i64,
            request_id: id().to_string(),
            ..CreateUploadRequest::default()
        };
        Ok(self.client.clone().create_upload(request).await?.into_inner().upload.expect("an upload"))
    }

    pub(crate) async fn write(&self, upload_id: &str, offset: usize, bytes: &[u8]) -> Result<Upload, Status> {
        let messages = messages(upload_id, offset, bytes);
        let written = self.client.clone().write_upload(tokio_stream::iter(messages)).await?;
        Ok(written.into_inner().upload.expect("an upload"))
    }

    pub(crate) async fn get_upload(&self, upload_id: &str) -> Result<Upload, Status> {
        let request = GetUploadRequest { upload_id: upload_id.into() };
        Ok(self.client.clone().get_upload(request).await?.into_inner().upload.expect("an upload"))
    }

    /// An upload with all its bytes.
    pub(crate) async fn send(&self, file_name: &str, bytes: &[u8]) -> Upload {
        let upload = self.create(file_name, bytes.len()).await.expect("created");
        self.write(&upload.upload_id, 0, bytes).await.expect("written")
    }

    pub(crate) async fn complete(&self, upload_id: &str) -> Result<Dataset, Status> {
        self.complete_as(upload_id, ParseOptions::default()).await
    }

    pub(crate) async fn complete_as(&self, upload_id: &str, options: ParseOptions) -> Result<Dataset, Status> {
        let request = CompleteUploadRequest {
            upload_id: upload_id.into(),
            options: Some(options),
            request_id: id().to_string(),
            ..CompleteUploadRequest::default()
        };
        Ok(self.client.clone().complete_upload(request).await?.into_inner().dataset.expect("a dataset"))
    }

    pub(crate) async fn dataset(&self, file_name: &str, bytes: &[u8]) -> Dataset {
        let upload = self.send(file_name, bytes).await;
        self.complete(&upload.upload_id).await.expect("completed")
    }
}

/// The messages of a stream, in pieces of which the last is shorter.
pub(crate) fn messages(upload_id: &str, offset: usize, bytes: &[u8]) -> Vec<WriteUploadRequest> {
    const PIECE_BYTES: usize = 200_000;
    let mut messages: Vec<_> = bytes
        .chunks(PIECE_BYTES)
        .map(|piece| WriteUploadRequest { data: Bytes::copy_from_slice(piece), ..WriteUploadRequest::default() })
        .collect();
    if messages.is_empty() {
        messages.push(WriteUploadRequest::default());
    }
    messages[0].upload_id = upload_id.into();
    messages[0].offset = offset as i64;
    messages
}

/// The reason and the text of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Status>) -> (ErrorReason, String) {
    let status = result.expect_err("it was taken");
    (reason_of(&status).unwrap_or_default(), status.message().to_owned())
}

/// A table of numbers with this many rows.
pub(crate) fn numbers(rows: usize) -> Vec<u8> {
    let mut text = String::from("number,double,name\n");
    for row in 0..rows {
        text.push_str(&format!("{row},{},name {row}\n", row * 2));
    }
    text.into_bytes()
}
