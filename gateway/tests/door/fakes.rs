//! Services to stand behind the gateway: real gRPC servers that answer by simple rules and remember what they saw. Each
//! runs on a runtime of its own, so that it can be killed in the middle of anything.

mod analysis;
mod auth;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};

use fenxi_proto::auth::v1::WatchRevocationsResponse;
use futures_util::Stream;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, broadcast},
};
use tonic::{
    Request, Status,
    metadata::MetadataMap,
    service::Routes,
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
    pub(crate) feed: broadcast::Sender<WatchRevocationsResponse>,
    /// Whether the gateway's own secret is not the one that is asked for.
    pub(crate) refuses_gateway: AtomicBool,
    /// Feeds that were refused for that.
    pub(crate) feeds_refused: AtomicUsize,
    /// Feeds that are open.
    pub(crate) feeds: AtomicUsize,
    /// Streams that are open.
    pub(crate) streams: Arc<AtomicUsize>,
    /// Lets creations of a file called `slow`, and questions about a user called so, go on: one for each permit.
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
            refuses_gateway: AtomicBool::new(false),
            feeds_refused: AtomicUsize::new(0),
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
        self.say_revoked(credential);
    }

    /// Says that a credential is revoked.
    pub(crate) fn say_revoked(&self, credential: &str) {
        let message = WatchRevocationsResponse { credential_id: id_of(credential), user_id: String::new() };
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
async fn serve(address: SocketAddr, routes: Routes) -> Fake {
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
    serve(address, auth::routes(state)).await
}

/// analysis-service at an address; port 0: any.
pub(crate) async fn analysis_service(state: &Arc<State>, address: SocketAddr) -> Fake {
    serve(address, analysis::routes(state)).await
}

type Rows<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

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
use fake;

/// Waits until a condition holds; fails after a generous while.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}
