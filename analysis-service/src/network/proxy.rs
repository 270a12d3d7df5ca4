//! The proxy of one kernel: an HTTP proxy (RFC 9110, 9112) on a socket that listens inside of the kernel's network and is
//! served out here. `CONNECT host:port` for TLS and anything else, `http://` requests for the rest.
//!
//! What comes in is hostile. A connection costs a task, some buffers and two descriptors, all of them bounded; what is over
//! waits in the socket's own queue, so that a kernel holds up itself alone, and a user the user's own kernels.

mod exchange;
mod forward;
mod pulse;
mod refusal;
mod sent;
mod share;
mod upstream;

use std::{io, net::TcpListener as StdListener, pin::pin, sync::Arc, time::Duration};

use futures_util::{
    FutureExt as _,
    future::{Fuse, FusedFuture as _},
};
use hyper::{StatusCode, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::resource::{Resource, getrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use self::{
    exchange::{Exchange, Outcome},
    pulse::{Pulse, Watched},
    refusal::Refusal,
    share::{Place, Share, Shares},
    upstream::Upstream,
};
use super::in_force::InForceNow;

/// The pause after the system gave no connection, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Descriptors that every process may have.
const OPEN_FILES_UNKNOWN: u64 = 1_024;

/// What every kernel's proxy is held to.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections of one kernel at a time; others wait.
    connections: usize,
    /// Of one user's kernels, and of all kernels; others wait.
    connections_of_user: usize,
    connections_of_all: usize,
    /// Of all kernels that lead somewhere; above, they are told to try again.
    ways_of_all: usize,
    /// A request's line and headers, in bytes.
    head_bytes: usize,
    /// An answer's line and headers, in bytes.
    answer_head_bytes: usize,
    /// Headers of a request, and of an answer.
    headers: usize,
    /// How long a head may take to come, and the pause before the next request.
    head_wait: Duration,
    /// How long looking up a name and connecting may take together.
    connect_wait: Duration,
    /// How long the head of an answer may take to come.
    answer_wait: Duration,
    /// How long nothing may pass.
    idle: Duration,
    /// Bytes under way in each direction of a connection; more is not read before these are written.
    in_flight_bytes: usize,
}

impl Limits {
    const DEFAULT: Self = Self {
        connections: 64,
        connections_of_user: 128,
        connections_of_all: 2_048,
        ways_of_all: 1_024,
        head_bytes: 16 * 1024,
        answer_head_bytes: 64 * 1024,
        headers: 100,
        head_wait: Duration::from_secs(15),
        connect_wait: Duration::from_secs(10),
        answer_wait: Duration::from_secs(120),
        idle: Duration::from_secs(300),
        in_flight_bytes: 16 * 1024,
    };

    /// These, or what fits into half of so many descriptors, for the other half is for the rest of the service. A
    /// connection has one, and its way another.
    fn within(self, descriptors: u64) -> Self {
        let third = usize::try_from(descriptors / 2 / 3).unwrap_or(usize::MAX).max(1);
        Self {
            connections_of_all: self.connections_of_all.min(third.saturating_mul(2)),
            ways_of_all: self.ways_of_all.min(third),
            ..self
        }
    }
}

/// What the proxies of all kernels share.
#[derive(Debug)]
pub(super) struct Shared {
    limits: Limits,
    connections: Arc<Semaphore>,
    ways: Arc<Semaphore>,
    shares: Shares,
    upstream: Upstream,
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(Limits::DEFAULT.within(open_files_max()), Upstream::default())
    }
}

impl Shared {
    fn new(limits: Limits, upstream: Upstream) -> Self {
        let connections = Arc::new(Semaphore::new(limits.connections_of_all));
        let ways = Arc::new(Semaphore::new(limits.ways_of_all));
        Self { limits, connections, ways, shares: Shares::default(), upstream }
    }

    /// A place among what leads somewhere.
    fn place(&self) -> Result<Place, Refusal> {
        let crowded = |_| {
            let text = "too many connections of all kernels; try again later";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text)
        };
        Arc::clone(&self.ways).try_acquire_owned().map_err(crowded)
    }
}

/// Whose proxy it is, for the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose {
    pub user_id: Uuid,
    pub kernel_id: Uuid,
}

/// A proxy that is served. Dropped, it and all of its connections are closed.
#[derive(Debug)]
pub struct Proxy {
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Serves a listener by the rules of the moment.
    pub(super) fn start(
        listener: StdListener,
        rules: watch::Receiver<InForceNow>,
        whose: Whose,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        tracing::info!(user_id = %whose.user_id, kernel_id = %whose.kernel_id, "a kernel has a network");
        let serving = serve(listener, rules, Arc::new(exchange::Log::new(whose)), shared);
        Ok(Self { _task: AbortOnDropHandle::new(tokio::spawn(serving)) })
    }
}

async fn serve(
    listener: TcpListener,
    rules: watch::Receiver<InForceNow>,
    log: Arc<exchange::Log>,
    shared: Arc<Shared>,
) {
    let share = shared.shares.of(log.whose().user_id, shared.limits.connections_of_user);
    let mut open = JoinSet::new();
    let mut entering = pin!(Fuse::terminated());
    loop {
        let may_enter = entering.is_terminated() && open.len() < shared.limits.connections;
        tokio::select! {
            accepted = listener.accept(), if may_enter => match accepted {
                Ok((stream, _)) => entering.set(enter(stream, &share, &shared).fuse()),
                Err(error) => {
                    tracing::warn!(%error, "a kernel's connection to its proxy could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            (stream, places) = entering.as_mut() => {
                let exchange = Exchange::new(rules.clone(), Arc::clone(&log), Arc::clone(&shared), Arc::clone(&share));
                let attended = attend(stream, exchange, rules.clone(), shared.limits);
                open.spawn(async move {
                    attended.await;
                    drop(places);
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
}

/// Waits for the places of a connection. One at most waits of each kernel; the next ones are not accepted before.
async fn enter(stream: TcpStream, share: &Share, shared: &Shared) -> (TcpStream, [Option<Place>; 2]) {
    (stream, share.connection(&shared.connections).await)
}

/// One connection of a kernel, to its end.
async fn attend(stream: TcpStream, exchange: Arc<Exchange>, mut rules: watch::Receiver<InForceNow>, limits: Limits) {
    let pulse = Arc::new(Pulse::new());
    let (serving, answering) = (Watched::new(stream, Arc::clone(&pulse)), Arc::clone(&exchange));
    let talk = async {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_wait)
            .max_buf_size(limits.head_bytes)
            .max_headers(limits.headers)
            .serve_connection(TokioIo::new(serving), service_fn(move |request| Arc::clone(&answering).answer(request)))
            .with_upgrades();
        // What a broken request was answered, if anything, is hyper's affair; the kernel's own code sees it.
        let _ = connection.await;
        exchange.tunnel(limits.in_flight_bytes).await;
    };
    let cut = async {
        // The rules come from who outlives every proxy.
        while rules.changed().await.is_ok() {
            if !exchange.is_allowed(&rules.borrow().list) {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        () = talk => return,
        () = pulse.stops(limits.idle) => Outcome::Idle,
        () = cut => Outcome::Revoked,
    };
    exchange.ended(outcome);
}

/// How many descriptors this process may have; few where that is not known.
fn open_files_max() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(OPEN_FILES_UNKNOWN, |(soft, _)| soft)
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "proxy_bounds_tests.rs"]
mod bounds_tests;
