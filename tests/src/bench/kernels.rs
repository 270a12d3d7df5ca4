//! What a kernel costs, beside its peers of the Jupyter project: to be ready, in memory, in a crowd, in a rush; what its
//! output loses, how its death is told, and what an execution and a dataset cost in it.
//!
//! Ours is used as a user does, through the gateway, and the kernels are as they come, kept apart and limited. The peers
//! are plain ipykernel through jupyter_client, Jupyter Server and Jupyter Kernel Gateway, with the same libraries.

pub mod crowd;
pub mod dataset;
pub mod death;
pub mod execute;
pub mod output;
pub mod peers;
pub mod pool;
pub mod ready;
pub mod rush;

use std::{future::Future, time::Duration};

use anyhow::{Context as _, ensure};
use fenxi_proto::analysis::v1::{
    CreateKernelRequest, DeleteKernelRequest, GetKernelRequest, KernelStart, Outcome,
    kernel_service_client::KernelServiceClient,
};
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::{
    door::past_the_gateway,
    figure::{Figure, median},
    processes,
};
use crate::{
    client::{Client, SignedIn, request_id},
    house::{House, Part},
};

/// The libraries of an analysis.
const LIBRARIES: &str = "import pandas, numpy, matplotlib.pyplot, seaborn, scipy.stats, sklearn";
const READY_RUNS: usize = 5;
/// How long a kernel is idle before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);
const MB: f64 = (1 << 20) as f64;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Kernels at once in a crowd.
    pub crowd: usize,
    /// How long a crowd is watched doing nothing.
    pub idle: Duration,
    /// Kernels at once in a rush.
    pub rush: usize,
    /// Kernels that hold the dataset.
    pub holders: usize,
    /// Bytes of the dataset's CSV file.
    pub dataset_bytes: usize,
    /// Runs of what is repeated.
    pub runs: usize,
}

impl Scale {
    /// What the figures are about.
    pub const FULL: Self =
        Self { crowd: 1_000, idle: Duration::from_secs(30), rush: 50, holders: 20, dataset_bytes: 100 << 20, runs: 7 };
    /// Proves that everything can be measured.
    pub const QUICK: Self =
        Self { crowd: 40, idle: Duration::from_secs(3), rush: 8, holders: 3, dataset_bytes: 2 << 20, runs: 1 };
}

/// The main suite's part: `kernel_ready_ms`, to the answer of `1+1`, and what an execution costs.
///
/// # Errors
/// A call failed, or the peer could not be measured.
pub async fn kernels(house: &House, client: &Client) -> anyhow::Result<Vec<Figure>> {
    let channel = past_the_gateway(house, client).await?;
    let (mut ready, mut again) = (Vec::new(), Vec::new());
    let mut kernel_id = String::new();
    for _ in 0..READY_RUNS {
        let start = Instant::now();
        kernel_id = create(&channel).await?;
        execute::execute(&channel, &kernel_id).await?;
        ready.push(start.elapsed().as_secs_f64() * 1e3);
        again.push(execute::execute(&channel, &kernel_id).await? * 1e3);
    }
    let second = "ms of the second 1+1 of the same kernel:";
    let mut figures = vec![Figure::median("kernel_ready_ms", "ms", &ready).against(second, median(&again))];
    figures.extend(execute::executions(house, client, &kernel_id).await?);
    Ok(figures)
}

/// Waits until kernels are forked, by a first one: the service takes calls before, and has them wait.
///
/// # Errors
/// A call failed, or this machine does not fork kernels.
pub async fn prepared(client: &Client) -> anyhow::Result<()> {
    let kernel_id = client.kernel(&[]).await?.kernel_id;
    run(client, &kernel_id, "1+1").await?;
    let request = GetKernelRequest { kernel_id: kernel_id.clone() };
    let kernel = client.kernels().get_kernel(request).await?.into_inner().kernel.context("no kernel")?;
    ensure!(kernel.start() == KernelStart::Forked, "kernels are not forked here but {:?}", kernel.start());
    delete(client, &kernel_id).await
}

async fn create(channel: &SignedIn) -> anyhow::Result<String> {
    let request = CreateKernelRequest { request_id: request_id(), ..CreateKernelRequest::default() };
    let answer = KernelServiceClient::new(channel.clone()).create_kernel(request).await?.into_inner();
    Ok(answer.kernel.context("no kernel")?.kernel_id)
}

/// Runs code that has to end well.
async fn run(client: &Client, kernel_id: &str, code: &str) -> anyhow::Result<()> {
    let run = client.run(kernel_id, code).await?;
    ensure!(run.outcome() == Outcome::Ok, "`{code}`: {:?}", run.events.last());
    Ok(())
}

async fn delete(client: &Client, kernel_id: &str) -> anyhow::Result<()> {
    let request = DeleteKernelRequest { kernel_id: kernel_id.into(), request_id: request_id() };
    client.kernels().delete_kernel(request).await?;
    Ok(())
}

async fn delete_all(client: &Client, kernel_ids: &[String]) -> anyhow::Result<()> {
    try_join_all(kernel_ids.iter().map(|kernel_id| delete(client, kernel_id))).await.map(drop)
}

/// The process of a kernel, by the name that it gives itself.
fn process(house: &House, kernel_id: &str) -> anyhow::Result<u32> {
    processes::child_with(supervisor(house)?, &format!("kernel {kernel_id}"))
}

/// The service, the process that kernels belong to, and the one that they are forked from.
fn makers(house: &House) -> anyhow::Result<[u32; 3]> {
    let supervisor = supervisor(house)?;
    Ok([service(house)?, supervisor, processes::child_with(supervisor, "fenxi_kernel.forkserver")?])
}

fn supervisor(house: &House) -> anyhow::Result<u32> {
    processes::child_with(service(house)?, "kernel-supervisor")
}

fn service(house: &House) -> anyhow::Result<u32> {
    house.pid(Part::Analysis).context("analysis-service")
}

/// Waits for something that must come, at most so long.
async fn within<T>(limit: Duration, what: &str, wait: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::time::timeout(limit, wait).await.with_context(|| format!("{what}: not within {limit:?}"))?
}

async fn settle() {
    sleep(SETTLE).await;
}
