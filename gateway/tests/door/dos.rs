//! Clients that want the gateway to hold, to wait or to allocate.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use fenxi_proto::{
    analysis::v1::{ExecuteRequest, GetExecutionRequest, execution_service_client::ExecutionServiceClient},
    auth::v1::GetCurrentUserRequest,
};
use http::{Request, StatusCode, Version};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tonic::Code;

use crate::{
    fakes::until,
    house::{House, by},
    raw::{self, VERSIONS},
};

const CURRENT_USER: &str = "/fenxi.auth.v1.AuthService/GetCurrentUser";

fn call() -> http::request::Builder {
    raw::web(CURRENT_USER).header("authorization", "Bearer fxt_bob")
}

#[tokio::test]
async fn headers_above_the_limit_are_refused() {
    let house = House::start(&[]).await;
    let long = "x".repeat((16 << 10) + 1);
    for version in VERSIONS {
        let answer = raw::send(house.gateway, version, call().header("x-long", &long), Bytes::new()).await;
        assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "{version:?}");
    }
    let many: String = (0..10_000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let answer = raw::exchange(house.gateway, format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    assert!(house.state.seen.lock().expect("sound").is_empty());
}

#[tokio::test]
async fn lengths_that_lie_cost_nothing_and_are_named() {
    let house = House::start(&[]).await;
    for version in VERSIONS {
        for (body, code) in [
            (Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]), 8),
            (Bytes::from_static(&[0, 0, 0x40, 0, 1, 1, 2, 3]), 8),
            (Bytes::from_static(&[0, 0, 0, 0, 9, 1, 2, 3]), 3),
            (Bytes::from_static(&[0, 0, 0]), 3),
            (Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 3),
        ] {
            let answer = raw::send(house.gateway, version, call(), body.clone()).await;
            assert_eq!(answer.code(), Some(code), "{version:?} {body:?} {answer:?}");
        }
        let large = [Bytes::from_static(&[0, 0, 0x40, 0, 0]), vec![0; 4 << 20].into()].concat();
        let answer = raw::send(house.gateway, version, call(), large.into()).await;
        assert_ne!(answer.code(), Some(8), "4 MiB are allowed");
    }
    assert_eq!(house.state.count("GetCurrentUser"), 0);
}

/// Bytes that nobody reads would break the connection, and the refusal with it.
#[tokio::test]
async fn a_call_that_is_refused_early_hears_it_after_its_whole_body() {
    let house = House::start(&[]).await;
    let web = "content-type: application/grpc-web\r\n";
    let call = format!("POST {CURRENT_USER} HTTP/1.1\r\n");
    let by_bob = "authorization: Bearer fxt_bob\r\n";
    for (told, head) in [
        ("grpc-status: 16", format!("{call}{web}x-grpc-web: 1\r\nsec-fetch-site: same-origin\r\n")),
        ("grpc-status: 16", format!("{call}{web}authorization: Bearer fxt_unknown\r\n")),
        ("grpc-status: 12", format!("POST /fenxi.nothing.v1.Service/Method HTTP/1.1\r\n{web}{by_bob}")),
        // The body begins with the length of a message: larger than one may be.
        ("grpc-status: 8", format!("{call}{web}{by_bob}")),
        ("HTTP/1.1 403", format!("{call}{web}x-grpc-web: 1\r\nsec-fetch-site: cross-site\r\n")),
        ("HTTP/1.1 405", format!("PUT {CURRENT_USER} HTTP/1.1\r\n")),
        ("HTTP/1.1 405", "POST / HTTP/1.1\r\n".to_owned()),
        ("HTTP/1.1 415", format!("{call}content-type: application/json\r\n")),
    ] {
        let answers = raw::send_before_reading(house.gateway, &head).await;
        assert!(answers.contains(told) && answers.contains("HTTP/1.1 204"), "{told}: {answers}");
    }
    let last = format!("{call}{web}connection: close\r\nx-grpc-web: 1\r\nsec-fetch-site: same-origin\r\n");
    let mut stream = TcpStream::connect(house.gateway).await.expect("a connection");
    stream.write_all(format!("{last}host: x\r\ncontent-length: 8000000\r\n\r\n").as_bytes()).await.expect("sent");
    stream.write_all(&vec![7; 8_000_000]).await.expect("everything is taken of the last call of a connection, too");
    let answer = String::from_utf8_lossy(&raw::read_to_close(&mut stream).await).into_owned();
    assert!(answer.contains("grpc-status: 16"), "{answer}");
    assert_eq!(house.state.count("GetCurrentUser"), 0);
}

/// Behind a proxy that speaks HTTP/2 to the gateway, a connection is everybody's.
#[tokio::test]
async fn calls_that_are_refused_early_do_not_end_the_connection() {
    let house = House::start(&["--address-rate-per-sec=0"]).await;
    let mut executions = ExecutionServiceClient::new(house.channel());
    let hold = ExecuteRequest { code: "1 hold".into(), ..Default::default() };
    let mut held = executions.execute(by("fxt_ann", hold)).await.expect("a stream").into_inner();
    held.message().await.expect("a message");
    for _ in 0..3_000 {
        // Refused before its message has arrived, more often than not.
        let status = executions.get_execution(GetExecutionRequest::default()).await.expect_err("without");
        assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    }
    house.state.revoke("fxt_ann");
    let status = held.message().await.expect_err("cut for a reason of its own");
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
}

#[tokio::test]
async fn silent_and_slow_clients_are_cut_off() {
    let house = House::start(&[
        "--first-bytes-max-secs=1",
        "--headers-max-secs=1",
        "--body-idle-max-secs=1",
        "--keep-alive-interval-secs=1",
        "--keep-alive-wait-secs=1",
    ])
    .await;
    let gateway = house.gateway;
    let closed = |bytes: &'static [u8]| async move { raw::exchange(gateway, bytes).await };
    let slow_body = b"POST /fenxi.auth.v1.AuthService/GetCurrentUser HTTP/1.1\r\nhost: x\r\n\
        content-type: application/grpc-web\r\nauthorization: Bearer fxt_bob\r\ncontent-length: 10\r\n\
        connection: close\r\n\r\n\0";
    let (silent, preface, header, http2, body) = tokio::join!(
        closed(b""),
        closed(b"PRI * HTTP/2.0\r\n"),
        closed(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: "),
        // The whole preface and settings, and then no answer to any ping.
        closed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        closed(slow_body),
    );
    assert!(silent.is_empty() && preface.is_empty() && header.is_empty());
    assert!(!http2.is_empty(), "settings and pings were sent before the end");
    assert!(String::from_utf8_lossy(&body).contains("grpc-status: 4"), "{}", String::from_utf8_lossy(&body));
    assert_eq!(house.state.count("GetCurrentUser"), 0);
}

#[tokio::test]
async fn one_address_has_only_so_many_connections() {
    let house = House::start(&["--connections-per-address-max=5"]).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(TcpStream::connect(house.gateway).await.expect("a connection"));
    }
    let mut sixth = TcpStream::connect(house.gateway).await.expect("the system takes it");
    assert!(raw::read_to_close(&mut sixth).await.is_empty(), "it was not closed");
    drop(held.pop());
    let back = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let answer = raw::open(house.gateway, Version::HTTP_11, Request::get("/"), Bytes::new()).await;
            if answer.is_ok() {
                break;
            }
        }
    });
    back.await.expect("a place was given back");
}

#[tokio::test]
async fn a_trusted_proxy_has_as_many_connections_as_all() {
    let house = House::start(&["--connections-per-address-max=1", "--trusted-proxies=127.0.0.0/8"]).await;
    let _held = [
        TcpStream::connect(house.gateway).await.expect("a connection"),
        TcpStream::connect(house.gateway).await.expect("a connection"),
    ];
    let answer = raw::open(house.gateway, Version::HTTP_11, Request::get("/"), Bytes::new()).await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
}

/// Sends many calls on one connection, lets some go through to the backend, and resets them all.
async fn reset_many(house: &House, through: usize) {
    let before = house.state.count("GetExecution");
    let io = TcpStream::connect(house.gateway).await.expect("a connection");
    let (mut sender, connection) = h2::client::handshake(io).await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut sent = Vec::new();
    for _ in 0..150 {
        let Ok(ready) = sender.ready().await else { break };
        sender = ready;
        let request = Request::post("http://x/fenxi.analysis.v1.ExecutionService/GetExecution")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", "Bearer fxt_bob");
        let Ok((answer, mut body)) = sender.send_request(request.body(()).expect("a request"), false) else { break };
        // The connection may be gone already; then there is nothing to send on.
        let _ = body.send_data(Bytes::from_static(&[0, 0, 0, 0, 0]), true);
        sent.push((answer, body));
    }
    until("some went through", || house.state.count("GetExecution") >= before + through).await;
    for (_, body) in &mut sent {
        body.send_reset(h2::Reason::CANCEL);
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    connection.abort();
}

#[tokio::test]
async fn a_storm_of_resets_ends_its_own_connection_and_nobody_elses_stream() {
    let house = House::start(&[]).await;
    let mut executions = ExecutionServiceClient::new(house.channel());
    let hold = ExecuteRequest { code: "1 hold".into(), ..Default::default() };
    let mut stream = executions.execute(by("fxt_ann", hold)).await.expect("a stream").into_inner();
    stream.message().await.expect("a message");

    // From resets in the same breath to resets after the calls have gone through to the backend.
    for through in (0..60).step_by(3) {
        reset_many(&house, through).await;
    }
    assert!(house.state.count("GetExecution") > 100, "nothing went through to the backend");
    until("the backend's calls are dropped", || house.state.streams.load(Ordering::SeqCst) == 1).await;
    let answer = raw::send(house.gateway, VERSIONS[1], call(), raw::frame(&GetCurrentUserRequest {})).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
    let still = tokio::time::timeout(Duration::from_millis(200), stream.message()).await;
    assert!(still.is_err(), "another user's stream was torn: {still:?}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off_and_its_stream_dropped() {
    let house = House::start(&["--write-stall-max-secs=1"]).await;
    let body = raw::frame(&ExecuteRequest { code: "100000000".into(), ..Default::default() });
    let head = format!(
        "POST /fenxi.analysis.v1.ExecutionService/Execute HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc-web\r\n\
         authorization: Bearer fxt_bob\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut http1 = TcpStream::connect(house.gateway).await.expect("a connection");
    http1.write_all(head.as_bytes()).await.expect("sent");
    http1.write_all(&body).await.expect("sent");

    let io = TcpStream::connect(house.gateway).await.expect("a connection");
    let (sender, connection) =
        h2::client::Builder::new().initial_window_size(0).handshake(io).await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut sender = sender.ready().await.expect("ready");
    let request = Request::post("http://x/fenxi.analysis.v1.ExecutionService/Execute")
        .header("content-type", "application/grpc")
        .header("authorization", "Bearer fxt_bob");
    let (answer, mut send) = sender.send_request(request.body(()).expect("a request"), false).expect("sent");
    send.send_data(body, true).expect("sent");
    let answer = answer.await.expect("headers");

    until("both streams are open", || house.state.count("Execute") == 2).await;
    until("both streams are dropped", || house.state.streams.load(Ordering::SeqCst) == 0).await;
    drop((http1, answer, sender));
    connection.abort();
}

/// An answer of one frame, which the server keeps until there is room for it.
#[tokio::test]
async fn a_client_that_takes_nothing_of_a_page_is_cut_off() {
    let house = House::start(&["--write-stall-max-secs=1"]).await;
    let io = TcpStream::connect(house.gateway).await.expect("a connection");
    let (sender, connection) =
        h2::client::Builder::new().initial_window_size(0).handshake(io).await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut sender: h2::client::SendRequest<Bytes> = sender.ready().await.expect("ready");
    let request = Request::get("http://x/").body(()).expect("a request");
    let (answer, _) = sender.send_request(request, true).expect("sent");
    let answer = answer.await.expect("headers").into_body();
    assert_eq!(reset(answer).await, h2::Reason::CANCEL);
    drop(sender);
    connection.abort();
}

/// Takes nothing more of an answer, and gives the reason for which it is reset.
async fn reset(mut answer: h2::RecvStream) -> h2::Reason {
    let reset = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            // What is not given back to flow control counts as not taken.
            if let Err(error) = answer.data().await.expect("it ends with a reset") {
                break error.reason().expect("a reset");
            }
        }
    });
    reset.await.expect("it was kept")
}

/// Behind a proxy that speaks HTTP/2 to the gateway, a connection is everybody's.
#[tokio::test]
async fn a_stream_that_nobody_takes_is_reset_alone() {
    let house = House::start(&["--write-stall-max-secs=1"]).await;
    let io = TcpStream::connect(house.gateway).await.expect("a connection");
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(16 << 10).initial_connection_window_size(1 << 20);
    let (sender, connection) = builder.handshake(io).await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut sender = sender.ready().await.expect("ready");
    let mut call = |path: &str, message: Bytes| {
        let request = Request::post(format!("http://x{path}"))
            .header("content-type", "application/grpc")
            .header("authorization", "Bearer fxt_bob");
        let (answer, mut send) = sender.send_request(request.body(()).expect("a request"), false).expect("sent");
        send.send_data(message, true).expect("sent");
        answer
    };
    let execute = |code: &str| raw::frame(&ExecuteRequest { code: code.into(), ..Default::default() });
    let path = "/fenxi.analysis.v1.ExecutionService/Execute";
    let mut held = call(path, execute("1 hold")).await.expect("headers").into_body();
    held.data().await.expect("a message").expect("a message");
    let stuck = call(path, execute("100000000")).await.expect("headers").into_body();

    assert_eq!(reset(stuck).await, h2::Reason::CANCEL);
    until("its call is dropped", || house.state.streams.load(Ordering::SeqCst) == 1).await;
    let next = call(CURRENT_USER, raw::frame(&GetCurrentUserRequest {})).await.expect("the connection goes on");
    assert_eq!(next.status(), StatusCode::OK);
    assert!(!held.is_end_stream(), "another stream was torn");
    connection.abort();
}

#[tokio::test]
async fn an_idle_connection_is_told_to_go() {
    let house = House::start(&["--idle-max-secs=1"]).await;
    let io = TcpStream::connect(house.gateway).await.expect("a connection");
    let (sender, connection) = h2::client::handshake(io).await.expect("a handshake");
    let ended = tokio::time::timeout(Duration::from_secs(30), connection).await;
    assert!(ended.is_ok(), "it was kept");
    drop(sender);
}
