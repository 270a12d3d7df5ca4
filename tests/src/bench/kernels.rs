//! What a kernel costs to be ready, and what an execution costs beside talking to the kernel directly.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use fenxi_proto::analysis::v1::{
    CreateKernelRequest, ExecuteRequest, execution_service_client::ExecutionServiceClient,
    kernel_service_client::KernelServiceClient,
};
use tokio::process::Command;

use super::{
    door::past_the_gateway,
    figure::{Figure, Goal, Limit, median},
};
use crate::{
    client::{Client, SignedIn, request_id},
    house::{House, python, workspace},
};

const READY_RUNS: usize = 5;
const ROUNDS: usize = 5;
const EXECUTIONS: usize = 100;

/// `kernel_ready_ms` and `execute_extra_ms`.
///
/// # Errors
/// A call failed, or the peer could not be measured.
pub async fn kernels(house: &House, client: &Client) -> anyhow::Result<Vec<Figure>> {
    let channel = past_the_gateway(house, client).await?;
    let mut ready = Vec::new();
    let mut kernel_id = String::new();
    for _ in 0..READY_RUNS {
        let start = Instant::now();
        kernel_id = create(&channel).await?;
        execute(&channel, &kernel_id).await?;
        ready.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let (mut ours, mut direct) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        for _ in 0..EXECUTIONS {
            round.push(execute(&channel, &kernel_id).await? * 1e3);
        }
        ours.push(median(&round));
        direct.push(peer().await?);
    }
    let (ours, direct) = (median(&ours), median(&direct));
    Ok(vec![
        Figure {
            name: "kernel_ready_ms",
            value: median(&ready),
            unit: "ms",
            goal: None,
            limit: None,
            runs: READY_RUNS,
        },
        Figure {
            name: "execute_extra_ms",
            value: ours - direct,
            unit: "ms",
            goal: Some(Goal::AtMost(1.0)),
            limit: Some(Limit { what: "ms of 1+1 by jupyter_client on the same kernel:".into(), value: direct }),
            runs: ROUNDS,
        },
    ])
}

async fn create(channel: &SignedIn) -> anyhow::Result<String> {
    let request = CreateKernelRequest { request_id: request_id(), ..CreateKernelRequest::default() };
    let answer = KernelServiceClient::new(channel.clone()).create_kernel(request).await?.into_inner();
    Ok(answer.kernel.context("no kernel")?.kernel_id)
}

/// Seconds from the call to its last event.
async fn execute(channel: &SignedIn, kernel_id: &str) -> anyhow::Result<f64> {
    let request = ExecuteRequest {
        kernel_id: kernel_id.into(),
        code: "1+1".into(),
        request_id: request_id(),
        ..ExecuteRequest::default()
    };
    let start = Instant::now();
    let mut stream = ExecutionServiceClient::new(channel.clone()).execute(request).await?.into_inner();
    let mut events = 0;
    while let Some(message) = stream.message().await? {
        events += i32::from(message.event.is_some());
    }
    ensure!(events >= 4, "{events} events");
    Ok(start.elapsed().as_secs_f64())
}

/// Median milliseconds of `1+1` through jupyter_client on a kernel started as ours are.
async fn peer() -> anyhow::Result<f64> {
    let script = workspace().join("tests/python/direct_kernel.py");
    let output = Command::new(python())
        .arg(script)
        .arg(EXECUTIONS.to_string())
        .env("PYTHONPATH", workspace().join("analysis-service/kernel"))
        .output()
        .await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
