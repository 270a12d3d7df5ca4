//! A service's gRPC server: its limits, health, reflection, the check of every caller, and an end without torn answers.

mod reasons;
pub mod reflection;

use std::time::Duration;

use anyhow::Context as _;
use http::Request;
use tonic::{service::Routes, transport::Server};
use tower::util::MapResponseLayer;
use tracing::Span;

use crate::{
    caller::{AuthLayer, Verifier},
    lifecycle::Lifecycle,
    net::Listeners,
};

/// Flow control of one stream: the default of 64 KiB stalls large messages.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// Flow control of one connection, which carries everybody's streams: the most that HTTP/2 has, so that streams which
/// nobody takes anything from do not use it up and hold up all others.
pub const CONNECTION_WINDOW_BYTES: u32 = (1 << 31) - 1;
/// Bytes of one HTTP/2 frame that is taken, and so of one read or write: with the default of 16 KiB a large body takes
/// thousands. At 1 GB/s such a frame holds up the other streams of its connection for a quarter of a millisecond.
pub const FRAME_MAX_BYTES: u32 = 256 << 10;
/// The largest message that is taken, unless a service says otherwise for its own.
pub const MESSAGE_MAX_BYTES: usize = 4 << 20;

/// Streams on one connection: the gateway carries everybody's over a few.
const STREAMS_MAX: u32 = 20_000;
const HEADERS_MAX_BYTES: u32 = 16 << 10;
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(10);
/// Resets by the peer that wait to be accepted, and resets provoked from us, before the connection is closed. The peer is
/// the gateway with everybody's calls on one connection: a crowd that leaves at once is no attack, and closing the
/// connection would tear everybody else's streams.
pub const RESETS_MAX: usize = 10_000;
/// How long open streams may go on once the service stops.
const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// Serves the routes, which are these of the contract's services, until the process stops; then open calls have a little
/// time, and the rest is cut.
///
/// # Errors
/// The server failed.
pub async fn serve(
    listeners: Listeners,
    (routes, services): (Routes, Vec<&'static str>),
    verifier: Verifier,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    for service in services.iter().chain(&[""]) {
        reporter.set_service_status(service, tonic_health::ServingStatus::Serving).await;
    }
    let routes = reflection::add(routes.add_service(health), &services)?;
    let stopping = lifecycle.clone();
    let server = Server::builder()
        .trace_fn(span)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_MAX_BYTES)
        .max_concurrent_streams(STREAMS_MAX)
        .http2_max_header_list_size(HEADERS_MAX_BYTES)
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_WAIT))
        .http2_max_pending_accept_reset_streams(Some(RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(RESETS_MAX))
        .layer(AuthLayer::new(verifier))
        .layer(MapResponseLayer::new(reasons::explained))
        .add_routes(routes)
        .serve_with_incoming_shutdown(listeners.incoming(), async move { stopping.stopping().await });
    tracing::info!("gRPC serving");
    let mut server = std::pin::pin!(server);
    let served = tokio::select! {
        served = &mut server => served,
        () = lifecycle.stopping() => lifecycle.step("open calls", DRAIN_WAIT, server).await.unwrap_or(Ok(())),
    };
    served.context("the gRPC server failed")
}

/// The span of a call: its method and its id, so that the lines of one call can be found in every service's log.
fn span(request: &Request<()>) -> Span {
    let id = request.headers().get(fenxi_proto::METADATA_TRACE_ID).and_then(|id| id.to_str().ok()).unwrap_or("");
    tracing::info_span!("call", method = request.uri().path(), request_id = id)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tonic::Code;
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

    use super::*;
    use crate::{caller::token::AUDIENCE_AUTH, client::channel, clock::Clock};

    #[tokio::test]
    async fn each_service_that_is_served_is_healthy_by_its_name() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = format!("http://{}", listener.local_addr().expect("an address"));
        let (lifecycle, verifier) = (Lifecycle::new(), Verifier::new(AUDIENCE_AUTH, Clock::system(), None));
        let routes = (Routes::default(), vec!["fenxi.auth.v1.KeyService"]);
        let served = tokio::spawn(serve(listener.into(), routes, verifier, lifecycle.clone()));
        let mut health = HealthClient::new(channel(&target).expect("an address"));
        for service in ["", "fenxi.auth.v1.KeyService"] {
            let answer = health.check(HealthCheckRequest { service: service.into() }).await.expect("known");
            assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{service}");
        }
        let other = HealthCheckRequest { service: "fenxi.analysis.v1.KernelService".into() };
        assert_eq!(health.check(other).await.expect_err("not here").code(), Code::NotFound);
        lifecycle.stop();
        served.await.expect("no panic").expect("a good end");
    }
}
