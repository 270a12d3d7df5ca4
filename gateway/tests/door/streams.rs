//! gRPC-web streams: whatever happens in the middle, the page gets a status in a trailer frame.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use fenxi_proto::analysis::v1::{ExecuteRequest, GetExecutionRequest};
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::{
    fakes::until,
    house::House,
    raw::{self, VERSIONS, web_frames},
};

const EXECUTE: &str = "/fenxi.analysis.v1.ExecutionService/Execute";

fn execute(code: &str) -> Bytes {
    raw::frame(&ExecuteRequest { code: code.into(), ..Default::default() })
}

fn web() -> http::request::Builder {
    raw::web(EXECUTE).header("cookie", raw::cookie("fxl_ann"))
}

/// Opens a stream that sent one message and stays open.
async fn open(house: &House, version: http::Version, request: http::request::Builder) -> Incoming {
    let answer = raw::open(house.gateway, version, request, execute("1 hold")).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let mut body = answer.into_body();
    let first = body.frame().await.expect("a frame").expect("a frame").into_data().expect("data");
    assert_eq!(first[0], 0, "a message");
    body
}

/// The status in the trailer frame at the end of a body.
async fn end(body: Incoming) -> String {
    let body = tokio::time::timeout(Duration::from_secs(30), body.collect()).await;
    let body = body.expect("an end").expect("a whole body").to_bytes();
    let (flag, trailers) = web_frames(&body).pop().expect("a frame");
    assert_eq!(flag, 0x80);
    String::from_utf8_lossy(&trailers).into_owned()
}

#[tokio::test]
async fn a_stream_ends_in_a_trailer_frame() {
    let house = House::start(&[]).await;
    for version in VERSIONS {
        let answer = raw::send(house.gateway, version, web(), execute("100")).await;
        assert_eq!(answer.header("x-accel-buffering"), "no", "a proxy would keep it back");
        let frames = web_frames(&answer.body);
        assert_eq!(frames.len(), 101);
        let trailers = String::from_utf8_lossy(&frames[100].1);
        assert!(frames[100].0 == 0x80 && trailers.contains("grpc-status: 9\r\n"), "{trailers}");
        assert!(trailers.contains("grpc-status-details-bin: "), "{trailers}");
    }
}

#[tokio::test]
async fn a_backend_that_dies_in_the_middle_becomes_status_14() {
    for version in VERSIONS {
        let mut house = House::start(&[]).await;
        let body = open(&house, version, web()).await;
        house.analysis.kill();
        let trailers = end(body).await;
        assert!(trailers.contains("grpc-status: 14\r\n"), "{trailers}");
        assert!(trailers.contains("grpc-status-details-bin: "), "RetryInfo is missing: {trailers}");
        let after = raw::send(house.gateway, version, web(), execute("1")).await;
        assert_eq!((after.status, after.code()), (StatusCode::OK, Some(14)), "{after:?}");
        assert!(after.headers.contains_key("grpc-status-details-bin"), "RetryInfo is missing");
    }
}

#[tokio::test]
async fn a_deadline_in_the_middle_becomes_status_4() {
    let house = House::start(&[]).await;
    for version in VERSIONS {
        let body = open(&house, version, web().header("grpc-timeout", "3S")).await;
        let trailers = end(body).await;
        assert!(trailers.contains("grpc-status: 4\r\n"), "{trailers}");
        let request = raw::web("/fenxi.analysis.v1.ExecutionService/GetExecution")
            .header("cookie", raw::cookie("fxl_ann"))
            .header("grpc-timeout", "50m");
        let answer = raw::send(house.gateway, version, request, raw::frame(&GetExecutionRequest::default())).await;
        assert_eq!(answer.code(), Some(4), "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/grpc-web+proto");
    }
    until("the backend's calls are dropped", || house.state.streams.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_page_that_goes_away_takes_its_stream_along() {
    let house = House::start(&[]).await;
    for version in VERSIONS {
        let body = open(&house, version, web()).await;
        assert_eq!(house.state.streams.load(Ordering::SeqCst), 1);
        drop(body);
        until("the backend's stream is dropped", || house.state.streams.load(Ordering::SeqCst) == 0).await;
    }
}

#[tokio::test]
async fn at_shutdown_streams_end_with_a_status_and_the_gateway_ends_in_time() {
    let house = House::start(&["--drain-max-secs=5"]).await;
    let mut bodies = Vec::new();
    for version in VERSIONS {
        bodies.push(open(&house, version, web()).await);
    }
    let ends = bodies.into_iter().map(|body| tokio::spawn(end(body)));
    let ends: Vec<_> = ends.collect();
    assert!(house.stop().await, "the gateway did not end");
    for trailers in ends {
        let trailers = trailers.await.expect("an end");
        assert!(trailers.contains("grpc-status: 14\r\n"), "{trailers}");
    }
    assert!(tokio::net::TcpStream::connect(house.gateway).await.is_err(), "it still listens");
}
