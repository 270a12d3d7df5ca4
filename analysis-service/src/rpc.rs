//! The door: proto to domain and back, deciding nothing. One file a service of the contract; errors of the rooms become
//! [`fenxi_proto::error::Failure`]s there, and nowhere else.

use tonic::service::Routes;

/// Every service of `fenxi.analysis.v1`, ready to be served.
pub(crate) fn routes() -> Routes {
    Routes::default()
}
