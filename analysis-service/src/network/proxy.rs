//! The proxy of one kernel: an HTTP proxy (RFC 9110, 9112) on a socket that listens inside of the kernel's network and is
//! served out here. `CONNECT host:port` for TLS and anything else, `http://` requests for the rest.
//!
//! What comes in is hostile. A connection costs a task and some buffers, both bounded; what is over waits in the socket's
//! own queue, so that a kernel holds up itself alone.

mod exchange;
mod pulse;
mod upstream;

use std::{io, net::TcpListener as StdListener, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
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
    upstream::Upstream,
};
use super::in_force::InForceNow;

/// The pause after the system gave no connection, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What every kernel's proxy is held to.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections of one kernel at a time; others wait.
    connections: usize,
    /// Of all kernels; above, they are told to try again.
    connections_of_all: usize,
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
        connections_of_all: 1_024,
        head_bytes: 16 * 1024,
        answer_head_bytes: 64 * 1024,
        headers: 100,
        head_wait: Duration::from_secs(15),
        connect_wait: Duration::from_secs(10),
        answer_wait: Duration::from_secs(120),
        idle: Duration::from_secs(300),
        in_flight_bytes: 16 * 1024,
    };
}

/// What the proxies of all kernels share.
#[derive(Debug)]
pub(super) struct Shared {
    limits: Limits,
    connections: Arc<Semaphore>,
    upstream: Upstream,
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(Limits::DEFAULT, Upstream::default())
    }
}

impl Shared {
    fn new(limits: Limits, upstream: Upstream) -> Self {
        Self { limits, connections: Arc::new(Semaphore::new(limits.connections_of_all)), upstream }
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
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < shared.limits.connections => match accepted {
                Ok((stream, _)) => {
                    let exchange = Exchange::new(rules.clone(), Arc::clone(&log), Arc::clone(&shared));
                    open.spawn(attend(stream, exchange, rules.clone(), Arc::clone(&shared)));
                }
                Err(error) => {
                    tracing::warn!(%error, "a kernel's connection to its proxy could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
}

/// One connection of a kernel, to its end.
async fn attend(
    stream: TcpStream,
    exchange: Arc<Exchange>,
    mut rules: watch::Receiver<InForceNow>,
    shared: Arc<Shared>,
) {
    let _place = Arc::clone(&shared.connections).try_acquire_owned();
    exchange.set_crowded(_place.is_err());
    let limits = shared.limits;
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

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
