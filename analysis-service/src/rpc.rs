//! The door: proto to domain and back, deciding nothing. One file a service of the contract; errors of the rooms become
//! [`fenxi_proto::error::Failure`]s there, and nowhere else.

mod datasets;
mod executions;
mod files;
mod inspection;
mod kernels;
mod network;
mod pieces;

use std::time::Duration;

use fenxi_chassis::page::PageTokens;
use fenxi_proto::analysis::v1::{
    dataset_service_server::DatasetServiceServer, execution_service_server::ExecutionServiceServer,
    inspection_service_server::InspectionServiceServer, kernel_file_service_server::KernelFileServiceServer,
    kernel_service_server::KernelServiceServer, network_grant_service_server::NetworkGrantServiceServer,
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{datasets::Datasets, executions::run::Runner, kernels::registry::Registry, network::Networks};

/// How long a stream goes on once the service stops: the ends of executions and of kernels are to be seen.
const STOP_GRACE: Duration = Duration::from_secs(4);

/// Waits until streams are to end.
async fn stopped(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}

/// Every service of `fenxi.analysis.v1`, ready to be served. Streams end soon after `stopping`.
pub(crate) fn routes(
    datasets: Datasets,
    kernels: Registry,
    networks: Networks,
    runner: Runner,
    pages: PageTokens,
    stopping: CancellationToken,
) -> Routes {
    let inspecting = inspection::InspectionRpc::new(kernels.clone());
    let reading = files::KernelFileRpc::new(kernels.clone(), stopping.clone());
    Routes::new(DatasetServiceServer::new(datasets::DatasetRpc::new(datasets, pages.clone())))
        .add_service(KernelServiceServer::new(kernels::KernelRpc::new(kernels, pages.clone(), stopping.clone())))
        .add_service(InspectionServiceServer::new(inspecting))
        .add_service(KernelFileServiceServer::new(reading))
        .add_service(NetworkGrantServiceServer::new(network::NetworkRpc::new(networks, pages.clone())))
        .add_service(ExecutionServiceServer::new(executions::ExecutionRpc::new(runner, pages, stopping)))
}
