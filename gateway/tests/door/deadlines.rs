//! The times that clients give their calls (`grpc-timeout`), the impossible ones too, over every wire.

use bytes::Bytes;
use fenxi_proto::analysis::v1::{CancelExecutionRequest, ExecuteRequest};
use http::{Request, StatusCode, Version, request::Builder};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;

use crate::{
    fakes::until,
    house::House,
    raw::{self, Answer, VERSIONS},
};

const CANCEL: &str = "/fenxi.analysis.v1.ExecutionService/CancelExecution";
const EXECUTE: &str = "/fenxi.analysis.v1.ExecutionService/Execute";
const WATCH_HEALTH: &str = "/grpc.health.v1.Health/Watch";

/// No unit, no number, more than eight digits, a fraction, a sign, a unit that gRPC has not.
const MALFORMED: [&str; 10] = ["", "1", "n", "-1n", "+1S", "1.5S", "123456789n", "1s", "1 S", "soon"];

fn native(path: &str) -> Builder {
    Request::post(path).header("content-type", "application/grpc").header("te", "trailers")
}

/// A call by bob over every wire that there is.
fn wires(path: &str) -> [(Version, Builder); 3] {
    let [http1, http2] = VERSIONS;
    [(http1, raw::web(path)), (http2, raw::web(path)), (http2, native(path))]
        .map(|(version, request)| (version, request.header("authorization", "Bearer fxt_bob")))
}

fn code(answer: &Answer) -> Code {
    assert_eq!(answer.status, StatusCode::OK);
    Code::from(answer.code().expect("a status"))
}

#[tokio::test]
async fn a_deadline_that_is_over_when_the_call_comes_begins_nothing() {
    let house = House::start(&[]).await;
    let hold = raw::frame(&ExecuteRequest { code: "1 hold".into(), ..Default::default() });
    for timeout in ["1n", "0n", "00000000S"] {
        for (version, request) in wires(CANCEL) {
            let request = request.header("grpc-timeout", timeout);
            let body = raw::frame(&CancelExecutionRequest::default());
            let answer = raw::send(house.gateway, version, request, body).await;
            assert_eq!(code(&answer), Code::DeadlineExceeded, "{timeout}: {answer:?}");
        }
        for (version, request) in wires(EXECUTE) {
            let request = request.header("grpc-timeout", timeout);
            let answer = raw::send(house.gateway, version, request, hold.clone()).await;
            assert_eq!(code(&answer), Code::DeadlineExceeded, "{timeout}: {answer:?}");
        }
    }
    assert_eq!((house.state.count("CancelExecution"), house.state.count("Execute")), (0, 0), "a service was called");
    // Short, but long enough to begin: what was begun does not go on.
    for (version, request) in wires(EXECUTE) {
        let answer = raw::send(house.gateway, version, request.header("grpc-timeout", "50m"), hold.clone()).await;
        assert_eq!(code(&answer), Code::DeadlineExceeded, "{answer:?}");
    }
    let streams = || house.state.streams.load(std::sync::atomic::Ordering::SeqCst);
    until("the backend's streams are dropped", || streams() == 0).await;
}

#[tokio::test]
async fn a_time_that_is_none_is_called_so_and_calls_nobody() {
    let house = House::start(&[]).await;
    for timeout in MALFORMED {
        for (version, request) in wires(CANCEL) {
            let request = request.header("grpc-timeout", timeout);
            let answer =
                raw::send(house.gateway, version, request, raw::frame(&CancelExecutionRequest::default())).await;
            assert_eq!(code(&answer), Code::InvalidArgument, "{timeout:?}: {answer:?}");
            assert!(answer.header("grpc-message").starts_with("grpc-timeout"), "{answer:?}");
        }
    }
    for (version, request) in wires(CANCEL) {
        let twice = request.header("grpc-timeout", "1S").header("grpc-timeout", "2S");
        let answer = raw::send(house.gateway, version, twice, raw::frame(&CancelExecutionRequest::default())).await;
        assert_eq!(code(&answer), Code::InvalidArgument, "{answer:?}");
    }
    assert_eq!(house.state.count("CancelExecution"), 0, "a service was called");
}

#[tokio::test]
async fn what_the_gateway_answers_itself_has_deadlines_too() {
    let house = House::start(&[]).await;
    let watch = |timeout: &'static str| {
        let body = raw::frame(&HealthCheckRequest::default());
        raw::send(house.gateway, Version::HTTP_2, native(WATCH_HEALTH).header("grpc-timeout", timeout), body)
    };
    for timeout in ["1n", "50m"] {
        let answer = watch(timeout).await;
        assert_eq!(code(&answer), Code::DeadlineExceeded, "{timeout}: {answer:?}");
    }
    for timeout in MALFORMED {
        let answer = watch(timeout).await;
        assert_eq!(code(&answer), Code::InvalidArgument, "{timeout:?}: {answer:?}");
        assert_eq!(answer.body, Bytes::new());
    }
}
