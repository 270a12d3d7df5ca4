//! Messages that come compressed: each service says, over every wire, that it does not take them, in the words of gRPC.

use anyhow::{Context as _, ensure};
use e2e::{
    client::{Client, with_credential},
    house::{House, http_client_ready},
};
use fenxi_proto::{
    analysis::v1::{ListDatasetsRequest, WriteUploadRequest, dataset_service_client::DatasetServiceClient},
    auth::v1::{
        GetCurrentUserRequest, ListLoginMethodsRequest, LoginWithPasswordRequest,
        auth_service_client::AuthServiceClient,
    },
    error::{ErrorReason, reason_of},
    history::v1::{ListHistoryRequest, history_service_client::HistoryServiceClient},
};
use tonic::{Code, Status, codec::CompressionEncoding::Gzip};

/// What a client reads in order to go on without: code, text, and the list of what is taken.
fn told<T>(what: &str, answer: Result<T, Status>) -> anyhow::Result<()> {
    let status = answer.err().with_context(|| format!("{what} was taken"))?;
    let accepted = status.metadata().get("grpc-accept-encoding").map(|value| value.as_bytes());
    ensure!((status.code(), accepted) == (Code::Unimplemented, Some(b"identity".as_slice())), "{what}: {status:?}");
    ensure!(status.message().starts_with("send the message uncompressed: "), "{what}: {status:?}");
    // gRPC has one code for this and for a method that there is not, and a reason has one code.
    ensure!(reason_of(&status) == Some(ErrorReason::MethodUnknown), "{what}: {status:?}");
    Ok(())
}

#[tokio::test]
async fn a_compressed_message_is_refused_in_the_words_of_grpc_by_every_service() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let channel = with_credential(&house, &ada.secret)?;
    let mut auth = AuthServiceClient::new(channel.clone()).send_compressed(Gzip);
    told("a public call", auth.list_login_methods(ListLoginMethodsRequest {}).await)?;
    told("a user's call", auth.get_current_user(GetCurrentUserRequest {}).await)?;
    // A message that becomes more than any limit would be seen by its limit only once it was inflated; it is not.
    let bomb = LoginWithPasswordRequest { username: "a".repeat(64 << 20), ..LoginWithPasswordRequest::default() };
    told("a bomb", auth.login_with_password(bomb).await)?;
    let mut history = HistoryServiceClient::new(channel.clone()).send_compressed(Gzip);
    told("ListHistory", history.list_history(ListHistoryRequest::default()).await)?;
    let mut datasets = DatasetServiceClient::new(channel).send_compressed(Gzip);
    told("ListDatasets", datasets.list_datasets(ListDatasetsRequest::default()).await)?;
    let pieces = tokio_stream::iter([WriteUploadRequest::default()]);
    told("a stream", datasets.write_upload(pieces).await)?;
    house.stop().await
}

#[tokio::test]
async fn so_it_is_over_grpc_web() -> anyhow::Result<()> {
    http_client_ready();
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let methods = [
        "fenxi.auth.v1.AuthService/GetCurrentUser",
        "fenxi.history.v1.HistoryService/ListHistory",
        "fenxi.analysis.v1.DatasetService/ListDatasets",
    ];
    for method in methods {
        for encoding in ["gzip", "br"] {
            let call = reqwest::Client::new().post(format!("{}/{method}", house.url()));
            let call = call.header("content-type", "application/grpc-web+proto").header("grpc-encoding", encoding);
            let answer = call.bearer_auth(&ada.secret).body(&b"\x01\0\0\0\0"[..]).send().await?;
            let header = |name: &str| answer.headers().get(name).map(|value| value.as_bytes().to_owned());
            let told = [header("grpc-status"), header("grpc-accept-encoding")].map(Option::unwrap_or_default);
            ensure!(told == [b"12".to_vec(), b"identity".to_vec()], "{method} {encoding}: {answer:?}");
        }
    }
    house.stop().await
}
