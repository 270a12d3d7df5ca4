//! What the gateway costs, and what a login costs.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use fenxi_chassis::client::{Bearer, channel};
use fenxi_proto::{
    analysis::v1::{ListKernelsRequest, kernel_service_client::KernelServiceClient},
    auth::v1::{ResolveCredentialRequest, caller_service_client::CallerServiceClient},
};
use futures_util::future::try_join_all;
use tonic::service::interceptor::InterceptedService;

use super::{
    cpu,
    figure::{Figure, Goal, Limit, median},
};
use crate::{
    client::{Client, SignedIn, with_credential},
    house::{ADMIN_PASSWORD, House, Part},
};

const RUNS: usize = 7;
const CLIENTS: usize = 32;

/// A channel to analysis-service itself, past the gateway, with the Caller that the gateway would present.
///
/// # Errors
/// What auth-service answers.
pub async fn past_the_gateway(house: &House, client: &Client) -> anyhow::Result<SignedIn> {
    let secret = std::fs::read_to_string(house.folder().join("secrets/gateway"))?;
    let auth = channel(&format!("http://{}", house.address(Part::Auth)))?;
    let mut callers = CallerServiceClient::new(InterceptedService::new(auth, Bearer::new(secret.trim())?));
    let request = ResolveCredentialRequest { credential: client.secret.clone(), audience: "analysis-service".into() };
    let caller = callers.resolve_credential(request).await?.into_inner().caller_token;
    let analysis = channel(&format!("http://{}", house.address(Part::Analysis)))?;
    Ok(InterceptedService::new(analysis, Bearer::new(&caller)?))
}

/// Processor time and latency of a small unary call, with and without the gateway.
///
/// # Errors
/// A call failed.
pub async fn gateway(house: &House, client: &Client, calls: usize) -> anyhow::Result<Vec<Figure>> {
    let pids = [Part::Gateway, Part::Analysis].map(|part| house.pid(part).unwrap_or(0));
    let through = with_credential(house, &client.secret)?;
    let past = past_the_gateway(house, client).await?;
    for channel in [&through, &past] {
        load(channel, calls / 4).await?;
    }
    let (mut ratios, mut limits, mut extras) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (with, with_latency) = measure(&pids, &through, calls).await?;
        let (without, without_latency) = measure(&pids, &past, calls).await?;
        ratios.push(with.as_secs_f64() / without.as_secs_f64());
        limits.push(without.as_secs_f64() * 1e6 / calls as f64);
        extras.push((with_latency.as_secs_f64() - without_latency.as_secs_f64()) * 1e3);
    }
    let limit =
        Some(Limit { what: "cpu us of a ListKernels call at the service alone:".into(), value: median(&limits) });
    let figure = |name, values: &[f64], unit, goal| Figure {
        name,
        value: median(values),
        unit,
        goal: Some(Goal::AtMost(goal)),
        limit: limit.clone(),
        runs: RUNS,
    };
    Ok(vec![figure("gateway_cpu_ratio", &ratios, "ratio", 1.6), figure("gateway_extra_ms", &extras, "ms", 0.3)])
}

/// The processor time of many calls at once, and the median latency of calls one after the other.
async fn measure(pids: &[u32], channel: &SignedIn, calls: usize) -> anyhow::Result<(Duration, Duration)> {
    let before = cpu::used_by(pids)?;
    load(channel, calls).await?;
    let used = cpu::used_by(pids)? - before;
    let mut kernels = KernelServiceClient::new(channel.clone());
    let mut latencies = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        kernels.list_kernels(ListKernelsRequest::default()).await?;
        latencies.push(start.elapsed().as_secs_f64());
    }
    Ok((used, Duration::from_secs_f64(median(&latencies))))
}

async fn load(channel: &SignedIn, calls: usize) -> anyhow::Result<()> {
    try_join_all((0..CLIENTS).map(|_| {
        let mut kernels = KernelServiceClient::new(channel.clone());
        async move {
            for _ in 0..calls / CLIENTS {
                kernels.list_kernels(ListKernelsRequest::default()).await?;
            }
            anyhow::Ok(())
        }
    }))
    .await
    .map(drop)
}

/// Local logins answered in a second, many at once: the password's hash is the limit.
///
/// # Errors
/// A login failed.
pub async fn logins(house: &House, logins: usize) -> anyhow::Result<Vec<Figure>> {
    let mut rates = Vec::new();
    let mut costs = Vec::new();
    let pid = house.pid(Part::Auth).context("auth-service")?;
    for _ in 0..RUNS {
        let (start, before) = (Instant::now(), cpu::used(pid)?);
        try_join_all((0..logins).map(|_| Client::login(house, "admin", ADMIN_PASSWORD))).await?;
        rates.push(logins as f64 / start.elapsed().as_secs_f64());
        costs.push((cpu::used(pid)? - before).as_secs_f64() * 1e3 / logins as f64);
    }
    let limit = Some(Limit { what: "cpu ms of auth-service a login:".into(), value: median(&costs) });
    Ok(vec![Figure { name: "login_local_per_s", value: median(&rates), unit: "per_s", goal: None, limit, runs: RUNS }])
}
