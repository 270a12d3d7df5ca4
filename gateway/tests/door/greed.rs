//! Clients that want more than their share: what they take is nobody else's.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use fenxi_proto::{
    analysis::v1::{ExecuteRequest, ExecuteResponse, execution_service_client::ExecutionServiceClient},
    error::{self, ErrorReason},
};
use http::Request;
use tokio::{net::TcpStream, time::timeout};
use tonic::{Code, Streaming};

use crate::{
    fakes::until,
    house::{House, by},
    raw,
};

/// Connections of the greedy one, and streams on each: more than the flow control of one connection to a backend would
/// have room for.
const CONNECTIONS: usize = 4;
const STREAMS: usize = 16;

async fn execute(house: &House, user: &str, code: &str) -> Result<Streaming<ExecuteResponse>, tonic::Status> {
    let mut executions = ExecutionServiceClient::new(house.channel());
    let request = ExecuteRequest { code: code.into(), ..Default::default() };
    executions.execute(by(user, request)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn many_answers_that_nobody_takes_hold_nobody_else_up() {
    let house = House::start(&[]).await;
    let body = raw::frame(&ExecuteRequest { code: "100000000".into(), ..Default::default() });
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let io = TcpStream::connect(house.gateway).await.expect("a connection");
        let (sender, connection) =
            h2::client::Builder::new().initial_window_size(1_000).handshake::<_, Bytes>(io).await.expect("a handshake");
        let connection = tokio::spawn(connection);
        let mut sender = sender.ready().await.expect("ready");
        for _ in 0..STREAMS {
            let request = Request::post("http://x/fenxi.analysis.v1.ExecutionService/Execute")
                .header("content-type", "application/grpc")
                .header("authorization", "Bearer fxt_bob");
            let (answer, mut send) = sender.send_request(request.body(()).expect("a request"), false).expect("sent");
            send.send_data(body.clone(), true).expect("sent");
            held.push((answer.await.expect("headers"), sender.clone()));
        }
        drop(connection);
    }
    assert_eq!(house.state.streams.load(Ordering::SeqCst), CONNECTIONS * STREAMS);
    // By many connections, for each of which the gateway may choose another to the backend, and for as long as the answers
    // above need to fill whatever has room for them.
    for _ in 0..100 {
        let answered = async {
            let mut stream = execute(&house, "fxt_ann", "1").await.expect("a stream");
            stream.message().await.expect("a message").expect("a message");
            stream.message().await.expect_err("its end")
        };
        let end = timeout(Duration::from_secs(30), answered).await.expect("an answer beside those that nobody takes");
        assert_eq!(error::reason_of(&end), Some(ErrorReason::ExecutionEnded), "{end:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(held);
}

#[tokio::test]
async fn a_user_has_so_many_calls_under_way_and_no_more() {
    let house = House::start(&["--user-calls-max=2"]).await;
    let one = execute(&house, "fxt_bob", "1 hold").await.expect("one");
    let two = execute(&house, "fxt_bob", "1 hold").await.expect("two");
    let refused = execute(&house, "fxt_bob", "1 hold").await.expect_err("no third one");
    assert_eq!(error::reason_of(&refused), Some(ErrorReason::RateLimited), "{refused:?}");
    assert!(refused.code() == Code::ResourceExhausted && refused.message().contains("under way"), "{refused:?}");
    execute(&house, "fxt_ann", "1 hold").await.expect("another user's");
    drop(one);
    until("the first is over", || house.state.streams.load(Ordering::SeqCst) <= 1).await;
    execute(&house, "fxt_bob", "1 hold").await.expect("its place is free");
    drop(two);
}
