//! Server reflection: what the contract holds, for clients that do not have it. Served by two names, since grpcurl and older
//! clients ask for the one that it had before it was done.

use anyhow::Context as _;
use tonic::service::Routes;
use tonic_reflection::server::Builder;

/// Adds it to these routes.
///
/// # Errors
/// The descriptors cannot be read.
pub fn add(routes: Routes) -> anyhow::Result<Routes> {
    let contract = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(fenxi_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (v1, v1alpha) = (contract().build_v1(), contract().build_v1alpha());
    Ok(routes.add_service(v1.context("reflection")?).add_service(v1alpha.context("reflection")?))
}

#[cfg(test)]
mod tests {
    use tonic::Request;

    use super::*;

    /// Asks a version, which are alike but for their names, for the file of a message.
    macro_rules! asked {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let symbol = MessageRequest::FileContainingSymbol("fenxi.analysis.v1.Execution".into());
            let ask = ServerReflectionRequest { host: String::new(), message_request: Some(symbol) };
            let mut client = ServerReflectionClient::new(add(Routes::default()).expect("descriptors"));
            let request = Request::new(futures_util::stream::iter([ask]));
            let mut answers = client.server_reflection_info(request).await.expect("a stream").into_inner();
            let answer = answers.message().await.expect("an answer").expect("an answer").message_response;
            matches!(answer, Some(MessageResponse::FileDescriptorResponse(files)) if !files.file_descriptor_proto.is_empty())
        }};
    }

    #[tokio::test]
    async fn the_contract_is_told_by_both_names() {
        assert!(asked!(v1) && asked!(v1alpha));
    }
}
