//! The connections to one backend: opened when needed, shared by all calls, replaced when they break. A backend that is
//! away is found out quickly, and tried again by the next call.
//!
//! They are spoken to by `h2` itself: a call that its client has sent whole goes out, and its answer comes back, in the
//! client's own task, without a task or a channel in between.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use fenxi_chassis::net::{Target, Wire};
use futures_util::future::BoxFuture;
use h2::{
    Ping, PingPong,
    client::{Builder, ResponseFuture, SendRequest},
};
use http::{Request, Response, Uri, uri};
use http_body::{Body, Frame};
use tokio::time::{Instant, sleep, timeout};

use super::{answer::Answer, pump::Pump, unhurried::Unhurried};
use crate::{BoxError, desks::PerDesk};

/// How long opening a connection may take.
const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// For how long a failure to connect answers the calls that come meanwhile.
const FAILURE_REMEMBERED: Duration = Duration::from_millis(100);
/// How often the other end is asked whether it is still there, and how long it may take to answer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(5);
/// Calls on one connection before another is opened: one connection's task is one core at most.
const CALLS_PER_CONNECTION: usize = 1_000;
/// Connections of one desk to one backend.
const CONNECTIONS_MAX: usize = 16;
/// Bytes of one answer that wait for its client to take them; and of all answers on one connection, which many clients
/// that take nothing must not be able to use up: nobody would be answered any more. It is the most that HTTP/2 has.
const ANSWER_WINDOW_BYTES: u32 = 256 << 10;
const ANSWERS_WINDOW_BYTES: u32 = (1 << 31) - 1;
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
    target: Target,
    authority: uri::Authority,
    connections: PerDesk<Connections>,
}

/// The connections of one desk.
#[derive(Default)]
struct Connections {
    open: Mutex<Vec<Arc<Connection>>>,
    opening: tokio::sync::Mutex<Option<(Instant, Away)>>,
}

struct Connection {
    sender: SendRequest<Bytes>,
    calls: AtomicUsize,
    /// It takes no more calls: it broke, or the backend is leaving.
    over: AtomicBool,
}

/// A call's place on a connection, given back when dropped.
pub(crate) struct Lease(Arc<Connection>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call's place on a connection that takes it now.
pub(crate) struct Ready {
    sender: SendRequest<Bytes>,
    lease: Lease,
}

/// A body that can be sent.
pub(crate) trait Sendable: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static> Sendable for B {}

/// A call on its way: ready when its answer's headers have arrived.
pub(crate) struct Sent<B: Sendable> {
    backend: &'static str,
    pump: Option<Pump<B>>,
    answer: Unhurried<ResponseFuture>,
    lease: Option<Lease>,
}

impl<B: Sendable> Future for Sent<B> {
    type Output = Result<(Response<Answer>, Lease), Away>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        // Most bodies are there already and are gone after this; the others go on beside the answer.
        if let Some(mut pump) = this.pump.take()
            && Pin::new(&mut pump).poll(cx).is_pending()
        {
            tokio::spawn(pump);
        }
        let answered = ready!(Pin::new(&mut this.answer).poll(cx));
        let away = |cause: String| Away { backend: this.backend, cause };
        Poll::Ready(match (answered, this.lease.take()) {
            (Ok(answer), Some(lease)) => Ok((answer.map(Answer::new), lease)),
            (Ok(_), None) => Err(away("it has answered already".into())),
            (Err(error), _) => Err(away(error.to_string())),
        })
    }
}

impl Upstream {
    /// A backend, for this many desks.
    pub(crate) fn new(backend: &'static str, target: Target, desks: usize) -> Arc<Self> {
        Arc::new(Self { backend, authority: target.authority(), target, connections: PerDesk::new(desks) })
    }

    /// Sends a call; its answer's headers have arrived when this returns. The lease is to live as long as the body.
    pub(crate) async fn send<B: Sendable>(&self, request: Request<B>) -> Result<(Response<Answer>, Lease), Away> {
        let place = self.ready().await?;
        self.start(place, request)?.await
    }

    /// A place on a connection that takes a call now.
    pub(crate) async fn ready(&self) -> Result<Ready, Away> {
        for last_try in [false, true] {
            let lease = self.lease().await?;
            let mut sender = lease.0.sender.clone();
            match poll_fn(|cx| sender.poll_ready(cx)).await {
                Ok(()) => return Ok(Ready { sender, lease }),
                Err(error) => {
                    // It ended before it took the call, so another may.
                    lease.0.over.store(true, Ordering::Relaxed);
                    if last_try {
                        return Err(self.away(&error));
                    }
                }
            }
        }
        Err(self.away(&"no connection took the call"))
    }

    /// Hands a call over; its body goes out while its answer is waited for.
    pub(crate) fn start<B: Sendable>(&self, place: Ready, request: Request<B>) -> Result<Sent<B>, Away> {
        let (mut head, body) = request.into_parts();
        let mut target = uri::Parts::default();
        target.scheme = Some(uri::Scheme::HTTP);
        target.authority = Some(self.authority.clone());
        target.path_and_query = head.uri.path_and_query().cloned();
        head.uri = Uri::from_parts(target).map_err(|error| self.away(&error))?;
        head.version = http::Version::HTTP_2;
        let Ready { mut sender, lease } = place;
        let ends = body.is_end_stream();
        let sent = sender.send_request(Request::from_parts(head, ()), ends);
        let (answer, stream) = sent.map_err(|error| self.away(&error))?;
        let pump = (!ends).then(|| Pump::new(body, stream));
        Ok(Sent { backend: self.backend, pump, answer: Unhurried::new(answer), lease: Some(lease) })
    }

    fn away(&self, cause: &impl ToString) -> Away {
        Away { backend: self.backend, cause: cause.to_string() }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        self.connections.here().open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn lease(&self) -> Result<Lease, Away> {
        if let Some(lease) = self.lease_open() {
            return Ok(lease);
        }
        Box::pin(self.lease_new()).await
    }

    async fn lease_new(&self) -> Result<Lease, Away> {
        // One opens, the others wait for what becomes of it.
        let mut opening = self.connections.here().opening.lock().await;
        if let Some(lease) = self.lease_open() {
            return Ok(lease);
        }
        if let Some((failed_at, away)) = opening.as_ref()
            && failed_at.elapsed() < FAILURE_REMEMBERED
        {
            return Err(away.clone());
        }
        match self.connect().await {
            Ok(connection) => {
                *opening = None;
                self.connections().push(connection.clone());
                Ok(Lease(connection))
            }
            Err(away) => {
                tracing::warn!(backend = self.backend, target = %self.target, error = %away, "a backend cannot be reached");
                *opening = Some((Instant::now(), away.clone()));
                Err(away)
            }
        }
    }

    /// A place on the least loaded connection, unless all are full and another may be opened.
    fn lease_open(&self) -> Option<Lease> {
        let mut connections = self.connections();
        connections.retain(|connection| !connection.over.load(Ordering::Relaxed));
        let calls = |connection: &Arc<Connection>| connection.calls.load(Ordering::Relaxed);
        let least = connections.iter().min_by_key(|connection| calls(connection))?;
        if calls(least) >= CALLS_PER_CONNECTION && connections.len() < CONNECTIONS_MAX {
            return None;
        }
        least.calls.fetch_add(1, Ordering::Relaxed);
        Some(Lease(least.clone()))
    }

    /// A new connection, with the place of the call that it is for.
    async fn connect(&self) -> Result<Arc<Connection>, Away> {
        let open = async {
            let wire = self.target.connect().await?;
            let mut builder = Builder::new();
            builder
                .enable_push(false)
                .initial_window_size(ANSWER_WINDOW_BYTES)
                .initial_connection_window_size(ANSWERS_WINDOW_BYTES)
                .max_send_buffer_size(SEND_BUFFER_BYTES)
                .max_header_list_size(HEADERS_MAX_BYTES);
            builder.handshake(wire).await.map_err(std::io::Error::other)
        };
        let opened = timeout(CONNECT_WAIT, open).await.map_err(|_| self.away(&"it took too long to connect"))?;
        let (sender, driver) = opened.map_err(|error| self.away(&error))?;
        let connection = Connection { sender, calls: AtomicUsize::new(1), over: AtomicBool::new(false) };
        let connection = Arc::new(connection);
        tokio::spawn(drive(self.backend, driver, connection.clone()));
        Ok(connection)
    }
}

/// Moves a connection's frames until it ends or is silent for too long.
async fn drive(backend: &'static str, mut driver: h2::client::Connection<Wire>, connection: Arc<Connection>) {
    let pings = driver.ping_pong();
    tokio::select! {
        ended = driver => match ended {
            Ok(()) => tracing::debug!(backend, "a connection to a backend ended"),
            Err(error) => tracing::warn!(backend, %error, "a connection to a backend broke"),
        },
        () = silence(pings) => tracing::warn!(backend, "a connection to a backend is silent"),
    }
    connection.over.store(true, Ordering::Relaxed);
}

/// Returns when the other end does not answer any more.
async fn silence(pings: Option<PingPong>) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        sleep(KEEP_ALIVE_INTERVAL).await;
        if !matches!(timeout(KEEP_ALIVE_WAIT, pings.ping(Ping::opaque())).await, Ok(Ok(_))) {
            return;
        }
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
            let (answer, lease) = upstream.send(request).await?;
            Ok(answer.map(|body| LeasedBody(Some((body, lease)))))
        })
    }
}

/// The body of an answer to a typed call.
#[derive(Default)]
pub(crate) struct LeasedBody(Option<(Answer, Lease)>);

impl Body for LeasedBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        match &mut self.get_mut().0 {
            Some((body, _)) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }
}
