//! What a kernel costs to be ready, and what an execution costs beside talking to the kernel directly.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fenxi_proto::analysis::v1::{
    CreateKernelRequest, ExecuteRequest, execution_service_client::ExecutionServiceClient,
    kernel_service_client::KernelServiceClient,
};
use tokio::process::Command;

use super::{
    cpu,
    door::past_the_gateway,
    figure::{Figure, Goal, Limit, median},
};
use crate::{
    client::{Client, SignedIn, request_id, with_credential},
    house::{House, Part, python, workspace},
};

const READY_RUNS: usize = 5;
const ROUNDS: usize = 5;
const EXECUTIONS: usize = 100;

/// `kernel_ready_ms`, and what `1+1` to its end costs beside jupyter_client on a kernel started the same way: at the
/// service itself, in its processor time, and through the gateway.
///
/// # Errors
/// A call failed, or the peer could not be measured.
pub async fn kernels(house: &House, client: &Client) -> anyhow::Result<Vec<Figure>> {
    let channel = past_the_gateway(house, client).await?;
    let through = with_credential(house, &client.secret)?;
    let service = house.pid(Part::Analysis).context("analysis-service")?;
    let mut ready = Vec::new();
    let mut kernel_id = String::new();
    for _ in 0..READY_RUNS {
        let start = Instant::now();
        kernel_id = create(&channel).await?;
        execute(&channel, &kernel_id).await?;
        ready.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let (mut ours, mut direct, mut behind) = (Vec::new(), Vec::new(), Vec::new());
    let mut cpu = Duration::ZERO;
    for _ in 0..ROUNDS {
        let before = cpu::used(service)?;
        ours.push(executions(&channel, &kernel_id).await?);
        cpu += cpu::used(service)? - before;
        direct.push(peer().await?);
        behind.push(executions(&through, &kernel_id).await?);
    }
    let (ours, direct, behind) = (median(&ours), median(&direct), median(&behind));
    let cpu = cpu.as_secs_f64() * 1e3 / (ROUNDS * EXECUTIONS) as f64;
    let figure = |name, value, unit, goal, what: &str, limit| Figure {
        name,
        value,
        unit,
        goal: Some(Goal::AtMost(goal)),
        limit: Some(Limit { what: what.to_owned(), value: limit }),
        runs: ROUNDS,
    };
    let peer = "ms of 1+1 by jupyter_client on the same kernel:";
    let itself = "ms of 1+1 at the service itself:";
    Ok(vec![
        Figure {
            name: "kernel_ready_ms",
            value: median(&ready),
            unit: "ms",
            goal: None,
            limit: None,
            runs: READY_RUNS,
        },
        figure("execute_extra_ms", ours - direct, "ms", 1.0, peer, direct),
        figure("execute_ratio_direct", ours / direct, "ratio", 1.3, peer, direct),
        figure("execute_cpu_ms", cpu, "ms", 0.5, itself, ours),
        figure("execute_gateway_extra_ms", behind - ours, "ms", 0.5, itself, ours),
    ])
}

/// Median milliseconds of executions one after the other.
async fn executions(channel: &SignedIn, kernel_id: &str) -> anyhow::Result<f64> {
    let mut round = Vec::new();
    for _ in 0..EXECUTIONS {
        round.push(execute(channel, kernel_id).await? * 1e3);
    }
    Ok(median(&round))
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
