//! The configuration of the whole service. Each part owns its own struct, beside its code; here they are put together.

use std::path::PathBuf;

use fenxi_chassis::{
    config::Common,
    net::{Listen, Target},
    program::Configured,
};

use crate::{datasets::DatasetSettings, executions::Settings as ExecutionSettings, kernels::config::KernelSettings};

/// Begins the name of every variable.
pub const PREFIX: &str = "FENXI_ANALYSIS";

/// Datasets, kernels and executions.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "analysis-service", version, about)]
pub struct Config {
    /// What every service has.
    #[command(flatten)]
    pub common: Common,

    /// Where the gRPC server listens, separated by commas: addresses of the network, and Unix-domain sockets such as
    /// unix:/run/fenxi/analysis.sock, over which calls on this machine cost less
    #[arg(long, value_name = "ADDRESSES", default_value = "127.0.0.1:8092", value_delimiter = ',')]
    pub listen: Vec<Listen>,

    /// Folder of everything that this service keeps; made where missing, used by one process at a time
    #[arg(long, value_name = "FOLDER", default_value = "data/analysis")]
    pub data_dir: PathBuf,

    /// How auth-service is reached.
    #[command(flatten)]
    pub auth: Auth,

    /// Limits of uploads and datasets.
    #[command(flatten)]
    pub datasets: DatasetSettings,

    /// Kernels and their limits.
    #[command(flatten)]
    pub kernels: KernelSettings,

    /// What is kept of executions.
    #[command(flatten)]
    pub executions: ExecutionSettings,
}

/// How auth-service is reached.
#[derive(Clone, Debug, clap::Args)]
pub struct Auth {
    /// Address of auth-service, for the keys that callers are signed with, for history and for who is disabled: a URL, or a
    /// Unix-domain socket such as unix:/run/fenxi/auth.sock
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8091")]
    pub auth_url: Target,

    /// File with the secret that proves this service to auth-service; without it no history is delivered, and kernels of
    /// users who are disabled go on
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
}

impl Configured for Config {
    fn common(&self) -> &Common {
        &self.common
    }
}
