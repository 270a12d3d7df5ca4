//! A body as it comes over a connection in memory.

use std::convert::Infallible;

use clap::Parser as _;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::mpsc;

use super::*;
use crate::{Config, contract};

/// A message of three bytes.
const MESSAGE: &[u8] = &[0, 0, 0, 0, 3, 7, 7, 7];

/// What keeps a call alive.
type Call = (h2::client::ResponseFuture, h2::SendStream<Bytes>, [tokio::task::JoinHandle<()>; 2]);

/// A unary call's body, which a client sends in these frames; the last may end it. All of them are on the line before the
/// first is read.
async fn sent(frames: &[&'static [u8]], ends: bool) -> (ClientBody, Verdict, Call) {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let (mut sender, driver) = h2::client::handshake(theirs).await.expect("a connection");
    let driver = tokio::spawn(async move { drop(driver.await) });
    let request = Request::post("http://gateway/x").body(()).expect("a request");
    let (answer, mut stream) = sender.send_request(request, false).expect("sent");
    for (at, frame) in frames.iter().enumerate() {
        stream.send_data(Bytes::from_static(frame), ends && at + 1 == frames.len()).expect("sent");
    }
    // The client's task writes all that it has before it waits.
    tokio::task::yield_now().await;
    let (bodies, mut arrived) = mpsc::channel(1);
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        let (head, body) = request.into_parts();
        let limits = Config::parse_from(["gateway"]).calls;
        let body = Arriving::new(body, head.version, &head.headers, &limits);
        bodies.try_send(body).expect("awaited");
        async { Ok::<Response<Empty<Bytes>>, Infallible>(std::future::pending().await) }
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let server = server.serve_connection(TokioIo::new(ours), service);
    let server = tokio::spawn(async move { drop(server.await) });
    let incoming = arrived.recv().await.expect("a call");
    let method = contract::method("/fenxi.analysis.v1.KernelService/ListKernels").expect("known");
    let (body, verdict) = ClientBody::new(incoming, method, &Config::parse_from(["gateway"]).calls);
    (body, verdict, (answer, stream, [driver, server]))
}

#[tokio::test]
async fn an_end_that_came_along_is_told_with_the_message() {
    for frames in [&[MESSAGE][..], &[MESSAGE, b""]] {
        let (mut body, verdict, _call) = sent(frames, true).await;
        body.begin().await;
        assert!(verdict.get().is_none() && !body.is_end_stream(), "the message was not sent yet");
        assert_eq!(body.frame().await.expect("a frame").expect("data").into_data().expect("data"), MESSAGE);
        assert!(body.is_end_stream(), "{} frames", frames.len());
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test]
async fn a_message_does_not_wait_for_its_end() {
    let (mut body, verdict, mut call) = sent(&[MESSAGE], false).await;
    body.begin().await;
    assert!(verdict.get().is_none());
    assert_eq!(body.frame().await.expect("a frame").expect("data").into_data().expect("data"), MESSAGE);
    assert!(!body.is_end_stream());
    call.1.send_data(Bytes::new(), true).expect("sent");
    while let Some(frame) = body.frame().await {
        assert!(frame.expect("data").into_data().expect("data").is_empty());
    }
}

#[tokio::test]
async fn whatever_comes_along_after_the_message_is_refused() {
    for more in [MESSAGE, &MESSAGE[..3]] {
        let (mut body, verdict, _call) = sent(&[MESSAGE, more], true).await;
        body.begin().await;
        let failure = verdict.get().expect("a verdict").to_string();
        assert!(failure.contains("more than the one message"), "{failure}");
    }
}
