//! What is asked on one connection of a kernel, and answered: refusals in words that a person understands, requests sent
//! on, tunnels.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode, Uri, Version,
    body::{Bytes, Incoming},
    client,
    ext::ReasonPhrase,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    upgrade::{self, OnUpgrade},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::copy_bidirectional_with_sizes,
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Shared, Whose,
    upstream::{NoWay, allows_address},
};
use crate::network::{allow_list::AllowList, entry::Destination, in_force::InForceNow};

/// Refusals of one kernel that are logged in a minute; others are counted.
const REFUSALS_LOGGED_MAX: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// The port of an `http://` request that names none.
const HTTP_PORT: u16 = 80;
/// What concerns one connection only (RFC 9110, section 7.6.1), and what is meant for us.
const HOP_HEADERS: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

type Body = BoxBody<Bytes, hyper::Error>;

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
    crowded: AtomicBool,
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
    tunnel: Option<(OnUpgrade, TcpStream)>,
    /// Drives the connection of a request that was sent on.
    sending: Option<AbortOnDropHandle<()>>,
}

/// A request that is not carried out.
struct Refusal {
    status: StatusCode,
    text: String,
}

impl Log {
    pub(super) fn new(whose: Whose) -> Self {
        Self { whose, minute: Mutex::new(Instant::now()), refusals: AtomicU32::new(0) }
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
    pub(super) fn new(rules: watch::Receiver<InForceNow>, log: Arc<Log>, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { rules, log, shared, crowded: AtomicBool::new(false), now: Mutex::default() })
    }

    /// Whether there are too many connections of all kernels for this one.
    pub(super) fn set_crowded(&self, crowded: bool) {
        self.crowded.store(crowded, Ordering::Relaxed);
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
        let answered = if self.crowded.load(Ordering::Relaxed) {
            Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many connections of all kernels; try again later"))
        } else if request.method() == Method::CONNECT {
            self.connect(request).await
        } else {
            self.forward(request).await
        };
        Ok(answered.unwrap_or_else(Refusal::into_response))
    }

    async fn connect(&self, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let upstream = self.open(request.uri(), None).await?;
        let upgrade = upgrade::on(&mut request);
        self.now().tunnel = Some((upgrade, upstream));
        Ok(Response::new(empty()))
    }

    async fn forward(&self, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        if request.uri().scheme_str() != Some("http") {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "this is a proxy: it takes CONNECT host:port, and requests for http:// addresses",
            ));
        }
        let upstream = self.open(request.uri(), Some(HTTP_PORT)).await?;
        let host = request.uri().authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri =
            Uri::try_from(path).map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the path is not understood"))?;
        let host = HeaderValue::try_from(host);
        let host = host.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the host is not understood"))?;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        strip(request.headers_mut());
        // What the request's own line says, and nothing else (RFC 9112, section 3.2.2).
        request.headers_mut().insert(header::HOST, host);
        let failed = || Refusal::new(StatusCode::BAD_GATEWAY, "the server there gave no answer that is understood");
        let limits = self.shared.limits;
        let handshake = client::conn::http1::Builder::new()
            .max_buf_size(limits.answer_head_bytes)
            .max_headers(limits.headers)
            .handshake(TokioIo::new(upstream));
        let (mut sender, connection) = handshake.await.map_err(|_| failed())?;
        self.now().sending = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let _ = connection.await;
        })));
        let answer = timeout(limits.answer_wait, sender.send_request(request)).await;
        let late = |_| Refusal::new(StatusCode::GATEWAY_TIMEOUT, "the server there did not answer in time");
        let mut answer = answer.map_err(late)?.map_err(|_| failed())?;
        strip(answer.headers_mut());
        *answer.version_mut() = Version::HTTP_11;
        answer.extensions_mut().clear();
        Ok(answer.map(|body| body.boxed()))
    }

    /// Connects to where a request wants to go, if it may.
    async fn open(&self, uri: &Uri, port_default: Option<u16>) -> Result<TcpStream, Refusal> {
        let bad = |text| Refusal::new(StatusCode::BAD_REQUEST, text);
        let authority = uri.authority().ok_or_else(|| bad("the request names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("a user name has no place before the host"));
        }
        let written = authority.as_str().len() > authority.host().len();
        let port = if written { authority.port_u16() } else { port_default };
        let port = port.ok_or_else(|| bad("the request names no port"))?;
        let destination = Destination::parse(authority.host());
        let destination = destination.ok_or_else(|| {
            self.log.refused("no host name or address");
            count("refused");
            Refusal::new(StatusCode::FORBIDDEN, "what is asked for is neither a host name nor an address")
        })?;
        let list = Arc::clone(&self.rules.borrow().list);
        self.now().target = Some(Target { destination: destination.clone(), port, address: None });
        let mut opened = self.shared.upstream.connect(&list, &destination, port, self.shared.limits.connect_wait).await;
        if let (Ok(stream), Some(target)) = (&opened, &mut self.now().target) {
            target.address = stream.peer_addr().ok().map(|address| address.ip());
        }
        // The rules may be others by now.
        if opened.is_ok() && !self.is_allowed(&self.rules.borrow().list) {
            opened = Err(NoWay::Refused);
        }
        let why = match opened {
            Ok(stream) => {
                count("allowed");
                return Ok(stream);
            }
            Err(why) => why,
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
        let Some((upgrade, mut upstream)) = tunnel else { return };
        let Ok(upgraded) = upgrade.await else { return };
        let mut inside = TokioIo::new(upgraded);
        // How it ends is told to both ends by the ends themselves.
        let _ = copy_bidirectional_with_sizes(&mut inside, &mut upstream, in_flight_bytes, in_flight_bytes).await;
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refusal {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// The text stands in the status line, too: libraries show that and drop the rest.
    fn into_response(self) -> Response<Body> {
        let phrase = ReasonPhrase::try_from(self.text.clone().into_bytes());
        let mut response = Response::new(full(format!("{}\n", self.text)));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let Ok(phrase) = phrase {
            response.extensions_mut().insert(phrase);
        }
        response
    }
}

/// Removes what concerns this connection only, and what its `Connection` names.
fn strip(headers: &mut HeaderMap) {
    let named = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> =
        named.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    for name in named.iter().chain(&HOP_HEADERS) {
        headers.remove(name);
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("network_connections_total", "outcome" => outcome).increment(1);
}

fn empty() -> Body {
    full(String::new())
}

fn full(text: String) -> Body {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed()
}
