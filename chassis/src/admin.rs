//! The admin port: is the process alive, is it ready, what does it count. Never reachable from outside the machine or the
//! cluster; it shows no data of users.

use std::{future::IntoFuture as _, time::Duration};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::lifecycle::Lifecycle;

/// How long requests may go on once the process stops. Half of one, which some prober left there, keeps nobody.
const END_WAIT: Duration = Duration::from_secs(1);

/// Serves `/livez`, `/readyz` and `/metrics` until the process stops.
pub async fn serve(listener: TcpListener, lifecycle: Lifecycle, metrics: PrometheusHandle) {
    let ready = lifecycle.clone();
    let router = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(move || async move { readyz(&ready) }))
        .route("/metrics", get(move || async move { metrics.render() }));
    let (stop, end) = (lifecycle.clone(), lifecycle);
    let stop = async move { stop.stopping().await };
    let end = async move {
        end.stopping().await;
        tokio::time::sleep(END_WAIT).await;
    };
    let served = tokio::select! {
        served = axum::serve(listener, router).with_graceful_shutdown(stop).into_future() => served,
        () = end => return,
    };
    if let Err(error) = served {
        tracing::error!(%error, "the admin port failed");
    }
}

fn readyz(lifecycle: &Lifecycle) -> impl IntoResponse + use<> {
    let (ready, waiting) = lifecycle.readiness();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(serde_json::json!({ "ready": ready, "waiting_for": waiting, "degraded": lifecycle.degraded() })))
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    #[tokio::test]
    async fn readiness_says_what_is_missing_for_all_of_it() {
        let lifecycle = Lifecycle::new();
        lifecycle.set_ready("service", true);
        let told = async || {
            let answer = readyz(&lifecycle).into_response();
            let status = answer.status();
            let body = axum::body::to_bytes(answer.into_body(), 1 << 10).await.expect("a body");
            (status, serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")["degraded"].clone())
        };
        assert_eq!(told().await, (StatusCode::OK, serde_json::json!({})));
        lifecycle.set_degraded("kernels", Some("no Python"));
        assert_eq!(told().await, (StatusCode::OK, serde_json::json!({"kernels": "no Python"})));
        lifecycle.set_degraded("kernels", None);
        assert_eq!(told().await, (StatusCode::OK, serde_json::json!({})));
    }

    #[tokio::test]
    async fn half_a_request_does_not_keep_the_process() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (lifecycle, metrics) = (Lifecycle::new(), PrometheusBuilder::new().build_recorder().handle());
        let served = tokio::spawn(serve(listener, lifecycle.clone(), metrics));
        let mut half = TcpStream::connect(address).await.expect("a connection");
        half.write_all(b"GET /li").await.expect("sent");
        let mut whole = TcpStream::connect(address).await.expect("a connection");
        whole.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        whole.read_to_string(&mut answer).await.expect("an answer, so the one before it was taken too");
        assert!(answer.ends_with("ok"), "{answer}");
        lifecycle.stop();
        let ended = tokio::time::timeout(Duration::from_secs(30), served).await;
        ended.expect("it waits for the rest").expect("no panic");
    }
}
