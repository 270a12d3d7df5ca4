//! What an execution costs beside talking to the kernel directly, and beside Jupyter Server.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fenxi_proto::analysis::v1::{ExecuteRequest, execution_service_client::ExecutionServiceClient};
use tokio::process::Command;

use super::{
    peers::{Peers, Server},
    service, supervisor,
};
use crate::{
    bench::{
        cpu,
        door::past_the_gateway,
        figure::{Figure, median},
    },
    client::{Client, SignedIn, request_id, with_credential},
    house::{House, Part, python, workspace},
};

const ROUNDS: usize = 5;
const EXECUTIONS: usize = 100;
const WHAT: &str = "1+1";

/// What `1+1` to its end costs beside jupyter_client on a kernel started the same way: at the service itself, in its
/// processor time, and through the gateway.
///
/// # Errors
/// A call failed, or the peer could not be measured.
pub async fn executions(house: &House, client: &Client, kernel_id: &str) -> anyhow::Result<Vec<Figure>> {
    let channel = past_the_gateway(house, client).await?;
    let through = with_credential(house, &client.secret)?;
    let processes = [service(house)?, supervisor(house)?];
    let used = || cpu::used_by(&processes);
    let (mut ours, mut direct, mut behind) = (Vec::new(), Vec::new(), Vec::new());
    let mut cpu = Duration::ZERO;
    for _ in 0..ROUNDS {
        let before = used()?;
        ours.push(round(&channel, kernel_id).await?);
        cpu += used()? - before;
        direct.push(directly(EXECUTIONS, WHAT).await?);
        behind.push(round(&through, kernel_id).await?);
    }
    let (ours, direct, behind) = (median(&ours), median(&direct), median(&behind));
    let cpu = cpu.as_secs_f64() * 1e3 / (ROUNDS * EXECUTIONS) as f64;
    let figure = |name, unit, value| Figure { runs: ROUNDS, ..Figure::median(name, unit, &[value]) };
    let peer = "ms of 1+1 by jupyter_client on the same kernel:";
    let itself = "ms of 1+1 at the service itself:";
    Ok(vec![
        figure("execute_extra_ms", "ms", ours - direct).at_most(1.0).against(peer, direct),
        figure("execute_ratio_direct", "ratio", ours / direct).at_most(1.3).against(peer, direct),
        figure("execute_cpu_ms", "ms", cpu).at_most(0.5).against(itself, ours),
        figure("execute_gateway_extra_ms", "ms", behind - ours).at_most(0.5).against(itself, ours),
    ])
}

/// `1+1` to its end through the gateway, and the processor time of all that it passes through, beside the same through
/// Jupyter Server.
///
/// # Errors
/// A call failed, or the peer could not be measured.
pub async fn beside_jupyter_server(
    house: &House,
    client: &Client,
    kernel_id: &str,
    peers: &Peers,
) -> anyhow::Result<Vec<Figure>> {
    let through = with_credential(house, &client.secret)?;
    let gateway = house.pid(Part::Gateway).context("no gateway")?;
    let processes = [gateway, service(house)?, supervisor(house)?];
    let (mut ours, mut used) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = cpu::used_by(&processes)?;
        ours.push(round(&through, kernel_id).await?);
        used.push((cpu::used_by(&processes)? - before).as_secs_f64() * 1e3 / EXECUTIONS as f64);
    }
    let theirs = peers.execute(Server::Jupyter, EXECUTIONS).await?;
    let ratio: Vec<_> = used.iter().map(|used| used / theirs.cpu_ms).collect();
    Ok(vec![
        Figure::median("execute_ms", "ms", &ours).against("ms of 1+1 through Jupyter Server:", median(&theirs.ms)),
        Figure::median("execute_cpu_ratio_jupyter_server", "ratio", &ratio)
            .against("cpu ms of 1+1 in Jupyter Server:", theirs.cpu_ms),
    ])
}

/// Median milliseconds of code through jupyter_client on a kernel started as ours are.
///
/// # Errors
/// The peer could not be measured.
pub async fn directly(count: usize, code: &str) -> anyhow::Result<f64> {
    let script = workspace().join("tests/python/direct_kernel.py");
    let output = Command::new(python())
        .arg(script)
        .args([&count.to_string(), code])
        .env("PYTHONPATH", workspace().join("analysis-service/kernel"))
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Median milliseconds of executions one after the other.
async fn round(channel: &SignedIn, kernel_id: &str) -> anyhow::Result<f64> {
    let mut round = Vec::new();
    for _ in 0..EXECUTIONS {
        round.push(execute(channel, kernel_id).await? * 1e3);
    }
    Ok(median(&round))
}

/// Seconds from the call to its last event.
pub(super) async fn execute(channel: &SignedIn, kernel_id: &str) -> anyhow::Result<f64> {
    let request = ExecuteRequest {
        kernel_id: kernel_id.into(),
        code: WHAT.into(),
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
