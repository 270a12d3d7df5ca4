//! The connections to one backend: opened when needed, shared by all calls, replaced when they break. A backend that is
//! away is found out quickly, and tried again by the next call.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use fenxi_chassis::server::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use futures_util::future::BoxFuture;
use http::{Request, Response, Uri, uri};
use http_body::Frame;
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{sent::SentBody, unhurried::Unhurried};

/// How long opening a connection may take.
const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// For how long a failure to connect answers the calls that come meanwhile.
const FAILURE_REMEMBERED: Duration = Duration::from_millis(100);
/// How often the other end is asked whether it is still there, and how long it may take to answer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(5);
/// Calls on one connection before another is opened: one connection's task is one core at most.
const CALLS_PER_CONNECTION: usize = 1_000;
/// Connections to one backend.
const CONNECTIONS_MAX: usize = 16;
/// Bytes that wait on one stream to be sent.
const SEND_BUFFER_BYTES: usize = 1 << 20;
/// Headers of an answer.
const HEADERS_MAX_BYTES: u32 = 64 << 10;

/// The backend could not be reached, or broke before it answered.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{backend} does not answer: {cause}")]
pub(crate) struct Away {
    pub(crate) backend: &'static str,
    cause: String,
}

/// One backend.
pub(crate) struct Upstream {
    backend: &'static str,
    authority: uri::Authority,
    open: Mutex<Vec<Arc<Connection>>>,
    opening: tokio::sync::Mutex<Option<(Instant, Away)>>,
}

struct Connection {
    sender: SendRequest<SentBody>,
    calls: AtomicUsize,
}

/// A call's place on a connection, given back when dropped.
pub(crate) struct Lease(Arc<Connection>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Upstream {
    /// The backend at `host:port`.
    pub(crate) fn new(backend: &'static str, authority: &str) -> anyhow::Result<Arc<Self>> {
        let authority = authority.parse()?;
        Ok(Arc::new(Self { backend, authority, open: Mutex::default(), opening: tokio::sync::Mutex::default() }))
    }

    /// Sends a call; its answer's headers have arrived when this returns. The lease is to live as long as the body.
    pub(crate) async fn send(&self, mut request: Request<SentBody>) -> Result<(Response<Incoming>, Lease), Away> {
        let path = request.uri().path_and_query().cloned();
        let mut target = uri::Parts::default();
        target.scheme = Some(uri::Scheme::HTTP);
        target.authority = Some(self.authority.clone());
        target.path_and_query = path;
        *request.uri_mut() = Uri::from_parts(target).map_err(|error| self.away(&error))?;
        *request.version_mut() = http::Version::HTTP_2;
        for last_try in [false, true] {
            let lease = self.lease().await?;
            match Unhurried::new(lease.0.sender.clone().try_send_request(request)).await {
                Ok(answer) => return Ok((answer, lease)),
                Err(mut error) => match error.take_message() {
                    // The connection ended before it took the call, so another may.
                    Some(unsent) if !last_try => request = unsent,
                    _ => return Err(self.away(error.error())),
                },
            }
        }
        Err(self.away(&"no connection took the call"))
    }

    fn away(&self, cause: &impl ToString) -> Away {
        Away { backend: self.backend, cause: cause.to_string() }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn lease(&self) -> Result<Lease, Away> {
        if let Some(lease) = self.lease_open() {
            return Ok(lease);
        }
        Box::pin(self.lease_new()).await
    }

    async fn lease_new(&self) -> Result<Lease, Away> {
        // One opens, the others wait for what becomes of it.
        let mut opening = self.opening.lock().await;
        if let Some(lease) = self.lease_open() {
            return Ok(lease);
        }
        if let Some((failed_at, away)) = opening.as_ref()
            && failed_at.elapsed() < FAILURE_REMEMBERED
        {
            return Err(away.clone());
        }
        match self.connect().await {
            Ok(sender) => {
                *opening = None;
                let connection = Arc::new(Connection { sender, calls: AtomicUsize::new(1) });
                self.connections().push(connection.clone());
                Ok(Lease(connection))
            }
            Err(away) => {
                tracing::warn!(backend = self.backend, error = %away, "a backend cannot be reached");
                *opening = Some((Instant::now(), away.clone()));
                Err(away)
            }
        }
    }

    /// A place on the least loaded connection, unless all are full and another may be opened.
    fn lease_open(&self) -> Option<Lease> {
        let mut connections = self.connections();
        connections.retain(|connection| !connection.sender.is_closed());
        let calls = |connection: &Arc<Connection>| connection.calls.load(Ordering::Relaxed);
        let least = connections.iter().min_by_key(|connection| calls(connection))?;
        if calls(least) >= CALLS_PER_CONNECTION && connections.len() < CONNECTIONS_MAX {
            return None;
        }
        least.calls.fetch_add(1, Ordering::Relaxed);
        Some(Lease(least.clone()))
    }

    async fn connect(&self) -> Result<SendRequest<SentBody>, Away> {
        let open = async {
            let stream = TcpStream::connect(self.authority.as_str()).await?;
            stream.set_nodelay(true)?;
            let mut builder = Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .initial_stream_window_size(STREAM_WINDOW_BYTES)
                .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
                .keep_alive_interval(KEEP_ALIVE_INTERVAL)
                .keep_alive_timeout(KEEP_ALIVE_WAIT)
                .keep_alive_while_idle(true)
                .max_send_buf_size(SEND_BUFFER_BYTES)
                .max_header_list_size(HEADERS_MAX_BYTES);
            let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>((sender, connection))
        };
        let opened = timeout(CONNECT_WAIT, open).await.map_err(|_| self.away(&"it took too long to connect"))?;
        let (sender, connection) = opened.map_err(|error| self.away(&error))?;
        let backend = self.backend;
        tokio::spawn(async move {
            match connection.await {
                Ok(()) => tracing::debug!(backend, "a connection to a backend ended"),
                Err(error) => tracing::warn!(backend, %error, "a connection to a backend broke"),
            }
        });
        Ok(sender)
    }
}

/// The same connections for the gateway's own typed calls.
#[derive(Clone)]
pub(crate) struct Typed(pub(crate) Arc<Upstream>);

impl tower::Service<Request<tonic::body::Body>> for Typed {
    type Response = Response<LeasedBody>;
    type Error = Away;
    type Future = BoxFuture<'static, Result<Self::Response, Away>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Away>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let upstream = self.0.clone();
        Box::pin(async move {
            let (answer, lease) = upstream.send(request.map(SentBody::Local)).await?;
            Ok(answer.map(|body| LeasedBody(Some((body, lease)))))
        })
    }
}

/// The body of an answer to a typed call.
#[derive(Default)]
pub(crate) struct LeasedBody(Option<(Incoming, Lease)>);

impl http_body::Body for LeasedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.get_mut().0 {
            Some((body, _)) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }
}
