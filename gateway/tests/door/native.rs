//! Native gRPC through the gateway: programs see services as if nothing stood between.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use fenxi_proto::{
    analysis::v1::{
        CancelExecutionRequest, CreateUploadRequest, ExecuteRequest, GetExecutionRequest, WriteUploadRequest,
        dataset_service_client::DatasetServiceClient, execution_service_client::ExecutionServiceClient,
    },
    auth::v1::{GetCurrentUserRequest, ListLoginMethodsRequest, auth_service_client::AuthServiceClient},
    error::{self, ErrorReason},
};
use http::{StatusCode, Version};
use tokio::{sync::mpsc, task::JoinHandle};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::{
    fakes::{self, until},
    house::{House, by},
    raw,
};

#[tokio::test]
async fn calls_streams_and_errors_pass_unchanged() {
    let house = House::start(&[]).await;
    let mut auth = AuthServiceClient::new(house.channel());
    assert!(auth.list_login_methods(ListLoginMethodsRequest {}).await.expect("public").into_inner().set_up_required);
    auth.get_current_user(by("fxt_bob", GetCurrentUserRequest {})).await.expect("by token");
    auth.get_current_user(by("fxl_ann", GetCurrentUserRequest {})).await.expect("by session");
    let status = auth.get_current_user(GetCurrentUserRequest {}).await.expect_err("without");
    assert_eq!(error::reason_of(&status), Some(ErrorReason::Unauthenticated));

    let mut executions = ExecutionServiceClient::new(house.channel());
    let request = ExecuteRequest { code: "500".into(), ..Default::default() };
    let mut stream = executions.execute(by("fxt_bob", request)).await.expect("a stream").into_inner();
    for _ in 0..500 {
        stream.message().await.expect("a message").expect("a message");
    }
    let status = stream.message().await.expect_err("the end");
    assert_eq!(error::reason_of(&status), Some(ErrorReason::ExecutionEnded), "details were lost");

    let messages = (0..3).map(|_| WriteUploadRequest { upload_id: "none".into(), ..Default::default() });
    let mut datasets = DatasetServiceClient::new(house.channel());
    let status = datasets.write_upload(by("fxt_bob", tokio_stream::iter(messages))).await.expect_err("unknown");
    assert_eq!(error::reason_of(&status), Some(ErrorReason::NotFound));
}

#[tokio::test]
async fn a_deadline_is_kept_and_called_by_its_name() {
    let house = House::start(&[]).await;
    let mut executions = ExecutionServiceClient::new(house.channel());
    let mut request = by("fxt_bob", GetExecutionRequest::default());
    request.metadata_mut().insert("grpc-timeout", "50m".parse().expect("a value"));
    let status = executions.get_execution(request).await.expect_err("too late");
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    until("the backend's call is dropped", || house.state.streams.load(Ordering::SeqCst) == 0).await;
    let mut request = by("fxt_bob", CancelExecutionRequest::default());
    request.metadata_mut().insert("grpc-timeout", "60S".parse().expect("a value"));
    executions.cancel_execution(request).await.expect("in time");
    let seen = house.state.last("CancelExecution").expect("called");
    assert_eq!(seen.get("grpc-timeout").expect("told"), "61000m");

    let wrong = {
        let mut request = by("fxt_bob", CancelExecutionRequest::default());
        request.metadata_mut().insert("grpc-timeout", "soon".parse().expect("a value"));
        executions.cancel_execution(request).await.expect_err("malformed")
    };
    assert_eq!(wrong.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_call_along() {
    let house = House::start(&[]).await;
    let mut executions = ExecutionServiceClient::new(house.channel());
    let request = ExecuteRequest { code: "1 hold".into(), ..Default::default() };
    let mut stream = executions.execute(by("fxt_bob", request)).await.expect("a stream").into_inner();
    stream.message().await.expect("a message");
    assert_eq!(house.state.streams.load(Ordering::SeqCst), 1);
    drop(stream);
    until("the backend's stream is dropped", || house.state.streams.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_backend_that_is_down_is_said_to_be_and_comes_back_without_a_restart() {
    let mut house = House::start(&[]).await;
    let mut executions = ExecutionServiceClient::new(house.channel());
    let call = || by("fxt_bob", CancelExecutionRequest::default());
    executions.cancel_execution(call()).await.expect("up");
    house.analysis.kill();
    let status = loop {
        match executions.cancel_execution(call()).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(error::reason_of(&status), Some(ErrorReason::Unavailable));
    assert!(status.get_details_retry_info().and_then(|info| info.retry_delay).is_some());
    house.analysis = fakes::analysis_service(&house.state, house.analysis.address).await;
    let up = tokio::time::timeout(Duration::from_secs(30), async {
        while executions.cancel_execution(call()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    up.await.expect("it came back");
}

#[tokio::test]
async fn health_and_reflection_answer_for_the_gateway() {
    let house = House::start(&[]).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(house.channel());
    let answer = health.check(tonic_health::pb::HealthCheckRequest::default()).await.expect("healthy").into_inner();
    assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);

    reflected!(house, v1);
    // What grpcurl and older clients ask for.
    reflected!(house, v1alpha);
}

/// Neither shows what is anybody's, so neither asks who is there; and a browser's page has no use for either.
#[tokio::test]
async fn health_and_reflection_are_anybodys_over_native_grpc_and_nobodys_over_the_web() {
    const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let house = House::start(&[]).await;
    let credentials = [None, Some("Bearer fxt_bob"), Some("Bearer fxt_unknown"), Some("Basic eDp5")];
    // The health of all, and the names of all services.
    let questions = [("/grpc.health.v1.Health/Check", &[0; 5][..]), (REFLECTION, &[0, 0, 0, 0, 2, 0x3a, 0])];
    for (path, question) in questions {
        let body = || Bytes::from_static(question);
        for credential in credentials {
            let by = |request: http::request::Builder| match credential {
                Some(credential) => request.header("authorization", credential),
                None => request,
            };
            let native = http::Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
            let answer = raw::send(house.gateway, Version::HTTP_2, by(native), body()).await;
            assert_eq!(answer.code(), Some(0), "{path} {credential:?}: {answer:?}");
            for version in raw::VERSIONS {
                let web = by(raw::web(path)).header("cookie", raw::cookie("fxl_ann"));
                let answer = raw::send(house.gateway, version, web, body()).await;
                assert_eq!(answer.code(), Some(Code::Unimplemented.into()), "{path} {credential:?}: {answer:?}");
                assert!(answer.header("grpc-message").contains("native%20gRPC"), "{answer:?}");
            }
            let plain = by(http::Request::post(path).header("content-type", "text/plain"));
            let answer = raw::send(house.gateway, Version::HTTP_2, plain, body()).await;
            assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
    }
    assert_eq!(house.state.resolved.load(Ordering::SeqCst), 0, "a credential was asked about");
}

/// Asks a version of reflection, which are alike but for their names, for the services.
macro_rules! reflected {
    ($house:expr, $version:ident) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let ask = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut reflection = ServerReflectionClient::new($house.channel());
        let request = Request::new(tokio_stream::iter([ask]));
        let mut answers = reflection.server_reflection_info(request).await.expect("a stream").into_inner();
        let answer = answers.message().await.expect("an answer").expect("an answer");
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!("{answer:?}") };
        assert!(list.service.iter().any(|service| service.name == "fenxi.analysis.v1.ExecutionService"), "{list:?}");
    }};
}
use reflected;

/// A client's stream of messages that has begun and goes on: its end, and what keeps it open.
async fn write_on(house: &House) -> (JoinHandle<Result<(), Status>>, mpsc::Sender<WriteUploadRequest>) {
    let mut datasets = DatasetServiceClient::new(house.channel());
    let creation = CreateUploadRequest { request_id: "kept".into(), size_bytes: 10, ..Default::default() };
    datasets.create_upload(by("fxt_bob", creation)).await.expect("made");
    let (messages, sent) = mpsc::channel(1);
    let first = WriteUploadRequest { upload_id: "kept".into(), data: Bytes::from_static(b"abc"), ..Default::default() };
    messages.send(first).await.expect("room");
    let call = by("fxt_bob", tokio_stream::wrappers::ReceiverStream::new(sent));
    let ended = tokio::spawn(async move { datasets.write_upload(call).await.map(drop) });
    let received = || house.state.uploads.lock().expect("sound").get("kept").map_or(0, |upload| upload.2.len());
    until("the first bytes have arrived", || received() == 3).await;
    (ended, messages)
}

async fn end(ended: JoinHandle<Result<(), Status>>) -> Status {
    let ended = tokio::time::timeout(Duration::from_secs(30), ended).await.expect("an end");
    ended.expect("it ran").expect_err("cut")
}

#[tokio::test]
async fn a_client_that_streams_is_cut_off_when_its_credential_is_revoked() {
    let house = House::start(&[]).await;
    let (ended, messages) = write_on(&house).await;
    house.state.revoke("fxt_bob");
    let status = end(ended).await;
    assert_eq!(error::reason_of(&status), Some(ErrorReason::Unauthenticated), "{status:?}");
    until("the backend's stream is dropped", || house.state.streams.load(Ordering::SeqCst) == 0).await;
    drop(messages);
}

#[tokio::test]
async fn a_client_that_streams_is_told_when_the_gateway_stops() {
    let house = House::start(&["--drain-max-secs=20"]).await;
    let (ended, messages) = write_on(&house).await;
    house.frame.lifecycle.stop();
    let status = end(ended).await;
    assert_eq!(error::reason_of(&status), Some(ErrorReason::Unavailable), "{status:?}");
    assert!(status.message().contains("restarted"), "{status:?}");
    until("the backend's stream is dropped", || house.state.streams.load(Ordering::SeqCst) == 0).await;
    drop(messages);
}

#[tokio::test]
async fn whoever_watches_the_health_is_told_when_the_gateway_stops() {
    let house = House::start(&["--drain-max-secs=20"]).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(house.channel());
    let watched = health.watch(tonic_health::pb::HealthCheckRequest::default()).await;
    let mut watched = watched.expect("a stream").into_inner();
    watched.message().await.expect("healthy").expect("healthy");
    house.frame.lifecycle.stop();
    let ended = tokio::time::timeout(Duration::from_secs(30), watched.message()).await.expect("an end");
    let status = ended.expect_err("told");
    assert!(status.code() == Code::Unavailable && status.message().contains("restarted"), "{status:?}");
}
