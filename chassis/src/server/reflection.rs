//! Server reflection: what the contract holds, for clients that do not have it. Served by two names, since grpcurl and older
//! clients ask for the one that it had before it was done.

use anyhow::Context as _;
use tonic::service::Routes;
use tonic_reflection::server::Builder;

/// The services beside those of the contract that every server has.
const OWN: [&str; 2] = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];

/// Adds it to these routes. Of the contract's services those are listed that are served here; every name can be looked up.
///
/// # Errors
/// The descriptors cannot be read.
pub fn add(routes: Routes, served: &[&'static str]) -> anyhow::Result<Routes> {
    let contract = || {
        let files = Builder::configure()
            .register_encoded_file_descriptor_set(fenxi_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        served.iter().chain(&OWN).fold(files, |files, name| files.with_service_name(*name))
    };
    let (v1, v1alpha) = (contract().build_v1(), contract().build_v1alpha());
    Ok(routes.add_service(v1.context("reflection")?).add_service(v1alpha.context("reflection")?))
}

#[cfg(test)]
mod tests {
    use tonic::Request;

    use super::*;

    /// Asks a version, which are alike but for their names, for the file of a message and for the names of services.
    macro_rules! asked {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let symbol = MessageRequest::FileContainingSymbol("fenxi.analysis.v1.Execution".into());
            let list = MessageRequest::ListServices(String::new());
            let asks =
                [symbol, list].map(|ask| ServerReflectionRequest { host: String::new(), message_request: Some(ask) });
            let served = add(Routes::default(), &["fenxi.auth.v1.KeyService"]).expect("descriptors");
            let request = Request::new(futures_util::stream::iter(asks));
            let mut client = ServerReflectionClient::new(served);
            let mut answers = client.server_reflection_info(request).await.expect("a stream").into_inner();
            let mut next = async || answers.message().await.expect("an answer").expect("an answer").message_response;
            let Some(MessageResponse::FileDescriptorResponse(files)) = next().await else { panic!("no file") };
            assert!(!files.file_descriptor_proto.is_empty());
            let Some(MessageResponse::ListServicesResponse(list)) = next().await else { panic!("no list") };
            list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
        }};
    }

    #[tokio::test]
    async fn the_contract_is_told_by_both_names() {
        for names in [asked!(v1), asked!(v1alpha)] {
            assert!(names.iter().any(|name| name == "fenxi.auth.v1.KeyService"), "{names:?}");
            assert!(names.iter().any(|name| name == OWN[0]), "{names:?}");
            assert!(!names.iter().any(|name| name == "fenxi.analysis.v1.KernelService"), "{names:?}");
        }
    }
}
