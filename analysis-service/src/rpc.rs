//! The door: proto to domain and back, deciding nothing. One file a service of the contract; errors of the rooms become
//! [`fenxi_proto::error::Failure`]s there, and nowhere else.

mod datasets;

use fenxi_chassis::page::PageTokens;
use fenxi_proto::analysis::v1::dataset_service_server::DatasetServiceServer;
use tonic::service::Routes;

use crate::datasets::Datasets;

/// Every service of `fenxi.analysis.v1`, ready to be served.
pub(crate) fn routes(datasets: Datasets, pages: PageTokens) -> Routes {
    Routes::new(DatasetServiceServer::new(datasets::DatasetRpc::new(datasets, pages)))
}
