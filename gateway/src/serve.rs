//! The port: takes connections, finds out which protocol each speaks, and ends those that are idle, old, stalled or
//! silent. What a request means is not known here.

mod io;
mod pulse;
mod sniff;
pub(crate) mod tls;

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use fenxi_chassis::lifecycle::{Lifecycle, STOP_MAX};
use http::Request;
use hyper::{body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

use bytes::Bytes;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use self::{
    io::{Stream, Watched},
    pulse::{Pulse, Tasks},
    sniff::Protocol,
};
use crate::{
    config::{Connections, secs},
    desks::{Desk, Desks},
    layers::{self, House},
    limits::connections::{Doors, Place},
    meters,
};

/// The wait after the system had no connection to give (too many open files).
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// How often a connection is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a connection that was told to end may take once it has nothing left to do.
const FAREWELL_MAX: Duration = Duration::from_secs(5);
/// Flow control of one stream and of one connection.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Bytes of one HTTP/2 frame that is taken, and so of one read; uploads need large reads, as over HTTP/1.1.
const FRAME_MAX_BYTES: u32 = 256 << 10;
/// Bytes that wait on one stream to be sent.
const SEND_BUFFER_BYTES: usize = 256 << 10;
/// Bytes read at one time from an HTTP/1.1 connection; uploads need large reads.
const READ_BUFFER_BYTES: usize = 256 << 10;
/// Headers of one HTTP/1.1 request.
const HEADERS_MAX: usize = 100;
/// Streams that a client resets before they are accepted, and errors that it provokes, before its connection is closed.
const RESETS_MAX: usize = 50;

/// Takes connections until the process stops, and returns when the last has ended.
pub(crate) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    house: Arc<House>,
    desks: Desks,
    limits: Connections,
    lifecycle: Lifecycle,
) {
    let doors = Doors::new(limits.connections_max, limits.connections_per_address_max, house.trusted_proxies.clone());
    let (limits, visits) = (Arc::new(limits), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            () = lifecycle.stopping() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection could be taken");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let Some(place) = doors.enter(peer.ip()) else { continue };
        let (Ok(stream), Some(desk)) = (stream.into_std(), desks.freest()) else { continue };
        let (house, limits, lifecycle, tls) = (house.clone(), limits.clone(), lifecycle.clone(), tls.clone());
        let visit = Visit { peer, house, limits, lifecycle, tls, place, desk: desk.clone() };
        visits.spawn_on(visit.attend(stream), desk.runtime());
    }
    // No new ones; those that are there have the time to drain, which each of them keeps.
    drop(listener);
    visits.close();
    lifecycle.step("connections", STOP_MAX, visits.wait()).await;
}

/// One connection.
struct Visit {
    peer: SocketAddr,
    house: Arc<House>,
    limits: Arc<Connections>,
    lifecycle: Lifecycle,
    tls: Option<TlsAcceptor>,
    place: Place,
    desk: Arc<Desk>,
}

impl Visit {
    async fn attend(self, stream: std::net::TcpStream) {
        let stream = stream.set_nodelay(true).and_then(|()| TcpStream::from_std(stream));
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => return tracing::debug!(%error, "a connection was gone at once"),
        };
        let first = tokio::select! {
            () = self.lifecycle.stopping() => return,
            first = timeout(secs(self.limits.first_bytes_max_secs), self.first(stream)) => first,
        };
        let Ok(Ok((stream, protocol, read))) = first else {
            meters::refused("first_bytes");
            return;
        };
        let io = TokioIo::new(Watched::new(stream, read, secs(self.limits.write_stall_max_secs)));
        let pulse = Arc::new(Pulse::new());
        match protocol {
            Protocol::Http1 => self.http1(io, pulse).await,
            Protocol::Http2 => self.http2(io, pulse).await,
        }
        drop(self.place);
        drop(self.desk);
    }

    /// The TLS handshake, where there is one, and what the client says first.
    async fn first(&self, stream: TcpStream) -> std::io::Result<(Stream, Protocol, Bytes)> {
        let mut stream = match &self.tls {
            Some(tls) => Stream::Tls(Box::new(tls.accept(stream).await?)),
            None => Stream::Plain(stream),
        };
        let (protocol, read) = sniff::read(&mut stream).await?;
        Ok((stream, protocol, read))
    }

    fn service(
        &self,
        pulse: &Arc<Pulse>,
    ) -> impl hyper::service::Service<
        Request<Incoming>,
        Response = http::Response<pulse::Felt>,
        Error = std::convert::Infallible,
        Future = impl Future<Output = Result<http::Response<pulse::Felt>, std::convert::Infallible>> + Send + use<>,
    > + use<> {
        let (house, peer, pulse) = (self.house.clone(), self.peer, pulse.clone());
        service_fn(move |request| {
            let (house, beat) = (house.clone(), pulse.begin());
            // The way of a request needs some room, and the server moves its task about: only a box is moved.
            let answer = Box::pin(layers::answer(house, peer, request));
            async move { Ok(answer.await.map(|body| pulse::Felt::new(body, beat))) }
        })
    }

    async fn http1(&self, io: TokioIo<Watched>, pulse: Arc<Pulse>) {
        let mut builder = conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(secs(self.limits.headers_max_secs))
            .max_header_size(usize::try_from(self.limits.headers_max_bytes).unwrap_or(usize::MAX))
            .max_headers(HEADERS_MAX)
            .max_buf_size(READ_BUFFER_BYTES);
        let mut connection = pin!(builder.serve_connection(io, self.service(&pulse)));
        let mut watch = self.watch(pulse);
        loop {
            tokio::select! {
                ended = connection.as_mut() => return report(ended),
                end = watch.next() => match end {
                    End::Gently => connection.as_mut().graceful_shutdown(),
                    End::Now => return,
                },
            }
        }
    }

    async fn http2(&self, io: TokioIo<Watched>, pulse: Arc<Pulse>) {
        let mut builder = conn::http2::Builder::new(Tasks(pulse.clone()));
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.streams_per_connection_max)
            .max_header_list_size(self.limits.headers_max_bytes)
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(RESETS_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_MAX_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .keep_alive_interval(secs(self.limits.keep_alive_interval_secs))
            .keep_alive_timeout(secs(self.limits.keep_alive_wait_secs));
        let mut connection = pin!(builder.serve_connection(io, self.service(&pulse)));
        let mut watch = self.watch(pulse);
        loop {
            tokio::select! {
                ended = connection.as_mut() => return report(ended),
                end = watch.next() => match end {
                    End::Gently => connection.as_mut().graceful_shutdown(),
                    End::Now => return,
                },
            }
        }
    }

    fn watch(&self, pulse: Arc<Pulse>) -> Watch<'_> {
        // Connections that came together do not all have to come back together.
        let spread = secs(self.limits.age_max_secs) * u32::from(self.peer.port() % 100) / 1_000;
        Watch {
            limits: &self.limits,
            lifecycle: &self.lifecycle,
            pulse,
            old_at: Instant::now() + secs(self.limits.age_max_secs) + spread,
            told_at: None,
            draining_until: None,
        }
    }
}

fn report(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// How a connection is to end.
enum End {
    /// Take no more requests, finish those that are there.
    Gently,
    /// Drop it.
    Now,
}

/// Decides when a connection is to end.
struct Watch<'a> {
    limits: &'a Connections,
    lifecycle: &'a Lifecycle,
    pulse: Arc<Pulse>,
    old_at: Instant,
    told_at: Option<Instant>,
    draining_until: Option<Instant>,
}

impl Watch<'_> {
    async fn next(&mut self) -> End {
        loop {
            tokio::select! {
                () = self.lifecycle.stopping(), if self.draining_until.is_none() => {
                    self.draining_until = Some(Instant::now() + secs(self.limits.drain_max_secs));
                    self.told_at.get_or_insert_with(Instant::now);
                    return End::Gently;
                }
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            if let Some(end) = self.look() {
                return end;
            }
        }
    }

    fn look(&mut self) -> Option<End> {
        let now = Instant::now();
        let idle = self.pulse.idle_for();
        if self.draining_until.is_some_and(|until| now >= until) {
            return Some(End::Now);
        }
        for task in self.pulse.stalled(secs(self.limits.write_stall_max_secs)) {
            meters::refused("stalled");
            // The other streams of a connection, which may be everybody's behind a proxy, go on.
            let Some(task) = task else { return Some(End::Now) };
            task.abort();
        }
        if let Some(told_at) = self.told_at {
            let leave = idle.is_some_and(|idle| idle >= FAREWELL_MAX) && now >= told_at + FAREWELL_MAX;
            return leave.then_some(End::Now);
        }
        if now >= self.old_at || idle.is_some_and(|idle| idle >= secs(self.limits.idle_max_secs)) {
            self.told_at = Some(now);
            return Some(End::Gently);
        }
        None
    }
}
