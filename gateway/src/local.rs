//! What the gateway answers itself in gRPC: its health, and the contract by reflection. Neither shows data of users, so
//! neither needs a credential; native gRPC only.

use http::{Request, Response};
use hyper::body::Incoming;
use tonic::{body::Body as TonicBody, service::Routes};
use tower::ServiceExt as _;

use crate::body::Body;

/// The services inside this process.
pub(crate) struct Local(Routes);

impl Local {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(fenxi_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()?;
        let mut routes = Routes::new(health);
        routes = routes.add_service(reflection);
        Ok(Self(routes.prepare()))
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match self.0.clone().oneshot(request.map(TonicBody::new)).await {
            Ok(answer) => answer.map(Body::Local),
            Err(never) => match never {},
        }
    }
}
