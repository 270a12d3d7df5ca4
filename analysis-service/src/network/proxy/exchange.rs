//! What is asked on one connection of a kernel, and answered: a way made to where it may go, and taken.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http_body_util::BodyExt as _;
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::Incoming,
    upgrade::{self, OnUpgrade},
};
use hyper_util::rt::TokioIo;
use tokio::{io::copy_bidirectional_with_sizes, net::TcpStream, sync::watch, time::Instant};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Shared, Whose, forward,
    refusal::{Body, Refusal, empty},
    share::{Place, Share},
    upstream::{NoWay, allows_address},
};
use crate::network::{allow_list::AllowList, entry::Destination, in_force::InForceNow};

/// Refusals of one kernel that are logged in a minute; others are counted.
const REFUSALS_LOGGED_MAX: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// The port of an `http://` request that names none.
const HTTP_PORT: u16 = 80;
/// How a connection was ended from here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Idle,
    Revoked,
}

/// Tells of what one kernel did, in bounds.
#[derive(Debug)]
pub(super) struct Log {
    whose: Whose,
    minute: Mutex<Instant>,
    refusals: AtomicU32,
}

/// What is under way on a connection.
#[derive(Debug)]
pub(super) struct Exchange {
    rules: watch::Receiver<InForceNow>,
    log: Arc<Log>,
    shared: Arc<Shared>,
    share: Arc<Share>,
    now: Mutex<Now>,
}

/// Where a connection leads.
#[derive(Clone, Debug)]
struct Target {
    destination: Destination,
    port: u16,
    /// Once it is connected.
    address: Option<IpAddr>,
}

#[derive(Debug, Default)]
struct Now {
    target: Option<Target>,
    tunnel: Option<(OnUpgrade, Way)>,
    /// Drives the connection of a request that was sent on.
    sending: Option<AbortOnDropHandle<()>>,
}

/// A connection to where a kernel wanted to go.
#[derive(Debug)]
pub(super) struct Way {
    pub stream: TcpStream,
    /// Among those of all kernels; given up with it.
    pub place: Place,
}

impl Log {
    pub(super) fn new(whose: Whose) -> Self {
        Self { whose, minute: Mutex::new(Instant::now()), refusals: AtomicU32::new(0) }
    }

    pub(super) fn whose(&self) -> Whose {
        self.whose
    }

    fn refused(&self, what: &str) {
        {
            let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
            if minute.elapsed() >= MINUTE {
                *minute = Instant::now();
                self.refusals.store(0, Ordering::Relaxed);
            }
        }
        let Whose { user_id, kernel_id } = self.whose;
        match self.refusals.fetch_add(1, Ordering::Relaxed) {
            before if before < REFUSALS_LOGGED_MAX => {
                tracing::warn!(%user_id, %kernel_id, to = what, "a kernel was refused a connection");
            }
            REFUSALS_LOGGED_MAX => {
                tracing::warn!(%user_id, %kernel_id, "more connections are refused than are logged in a minute");
            }
            _ => {}
        }
    }
}

impl Exchange {
    pub(super) fn new(
        rules: watch::Receiver<InForceNow>,
        log: Arc<Log>,
        shared: Arc<Shared>,
        share: Arc<Share>,
    ) -> Arc<Self> {
        Arc::new(Self { rules, log, shared, share, now: Mutex::default() })
    }

    /// Whether this list still allows what is under way.
    pub(super) fn is_allowed(&self, list: &AllowList) -> bool {
        let Some(Target { destination, port, address }) = self.now().target.clone() else { return true };
        match address {
            Some(address) => allows_address(list, &destination, address, port),
            None => list.allows(&destination, port),
        }
    }

    /// It was ended from here.
    pub(super) fn ended(&self, outcome: Outcome) {
        let Whose { user_id, kernel_id } = self.log.whose;
        let to = self.now().target.take().map(|to| format!("{}:{}", to.destination, to.port));
        match outcome {
            Outcome::Revoked => {
                count("revoked");
                tracing::info!(%user_id, %kernel_id, to, "a kernel's connection was cut: it is granted no longer");
            }
            Outcome::Idle => tracing::debug!(%user_id, %kernel_id, to, "a kernel's connection was idle and is closed"),
        }
    }

    /// Answers one request.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let answered =
            if request.method() == Method::CONNECT { self.connect(request).await } else { self.forward(request).await };
        Ok(answered.unwrap_or_else(Refusal::into_response))
    }

    async fn connect(&self, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let way = self.open(request.uri(), None).await?;
        let upgrade = upgrade::on(&mut request);
        self.now().tunnel = Some((upgrade, way));
        Ok(Response::new(empty()))
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        if request.uri().scheme_str() != Some("http") {
            return Err(Refusal::bad(
                "this is a proxy: it takes CONNECT host:port, and requests for http:// addresses",
            ));
        }
        // The former request's place is free before the next one is asked for.
        self.now().sending = None;
        let way = self.open(request.uri(), Some(HTTP_PORT)).await?;
        let (answer, sending) = forward::send(forward::outgoing(request)?, way, &self.shared.limits).await?;
        self.now().sending = Some(sending);
        Ok(answer.map(|body| body.boxed()))
    }

    /// Connects to where a request wants to go, if it may.
    async fn open(&self, uri: &Uri, port_default: Option<u16>) -> Result<Way, Refusal> {
        let authority = uri.authority().ok_or_else(|| Refusal::bad("the request names no host"))?;
        if authority.as_str().contains('@') {
            return Err(Refusal::bad("a user name has no place before the host"));
        }
        let written = authority.as_str().len() > authority.host().len();
        let port = if written { authority.port_u16() } else { port_default };
        let port = port.ok_or_else(|| Refusal::bad("the request names no port"))?;
        let destination = Destination::parse(authority.host());
        let destination = destination.ok_or_else(|| {
            self.log.refused("no host name or address");
            count("refused");
            Refusal::new(StatusCode::FORBIDDEN, "what is asked for is neither a host name nor an address")
        })?;
        let list = Arc::clone(&self.rules.borrow().list);
        self.now().target = Some(Target { destination: destination.clone(), port, address: None });
        let limits = &self.shared.limits;
        let mut place = None;
        let mut opened = if list.allows(&destination, port) {
            // Not before: what leads nowhere takes no place from others.
            place = Some(self.shared.place()?);
            self.shared.upstream.connect(&self.share, &list, (&destination, port), limits.connect_wait).await
        } else {
            Err(NoWay::Refused)
        };
        if let (Ok(stream), Some(target)) = (&opened, &mut self.now().target) {
            target.address = stream.peer_addr().ok().map(|address| address.ip());
        }
        // The rules may be others by now.
        if opened.is_ok() && !self.is_allowed(&self.rules.borrow().list) {
            opened = Err(NoWay::Refused);
        }
        let why = match (opened, place) {
            (Ok(stream), Some(place)) => {
                count("allowed");
                return Ok(Way { stream, place });
            }
            (Ok(_), None) => NoWay::Refused,
            (Err(why), _) => why,
        };
        self.now().target = None;
        count(if why == NoWay::Refused { "refused" } else { "failed" });
        Err(match why {
            NoWay::Refused => {
                self.log.refused(&format!("{destination}:{port}"));
                Refusal::new(
                    StatusCode::FORBIDDEN,
                    format!(
                        "{destination}:{port} is not granted to this kernel; ask an administrator of Fenxi to grant it"
                    ),
                )
            }
            NoWay::Unknown => Refusal::new(StatusCode::BAD_GATEWAY, format!("{destination} has no address")),
            NoWay::Failed => {
                Refusal::new(StatusCode::BAD_GATEWAY, format!("{destination}:{port} does not take connections"))
            }
            NoWay::TimedOut => {
                Refusal::new(StatusCode::GATEWAY_TIMEOUT, format!("{destination}:{port} did not answer in time"))
            }
        })
    }

    /// Carries bytes both ways, if that was asked for, until both sides have ended.
    pub(super) async fn tunnel(&self, in_flight_bytes: usize) {
        let tunnel = self.now().tunnel.take();
        let Some((upgrade, Way { mut stream, place: _place })) = tunnel else { return };
        let Ok(upgraded) = upgrade.await else { return };
        let mut inside = TokioIo::new(upgraded);
        // How it ends is told to both ends by the ends themselves.
        let _ = copy_bidirectional_with_sizes(&mut inside, &mut stream, in_flight_bytes, in_flight_bytes).await;
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("network_connections_total", "outcome" => outcome).increment(1);
}
