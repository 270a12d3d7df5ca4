//! The admin port: is the process alive, is it ready, what does it count. Never reachable from outside the machine or the
//! cluster; it shows no data of users.

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::lifecycle::Lifecycle;

/// Serves `/livez`, `/readyz` and `/metrics` until the process stops.
pub async fn serve(listener: TcpListener, lifecycle: Lifecycle, metrics: PrometheusHandle) {
    let ready = lifecycle.clone();
    let router = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(move || async move { readyz(&ready) }))
        .route("/metrics", get(move || async move { metrics.render() }));
    let stop = async move { lifecycle.stopping().await };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "the admin port failed");
    }
}

fn readyz(lifecycle: &Lifecycle) -> impl IntoResponse + use<> {
    let (ready, waiting) = lifecycle.readiness();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(serde_json::json!({ "ready": ready, "waiting_for": waiting })))
}
