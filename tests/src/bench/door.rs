//! What the gateway costs, and what a login costs.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use fenxi_chassis::client::{Bearer, channel};
use fenxi_proto::{
    analysis::v1::{
        CreateUploadRequest, GetUploadRequest, ListKernelsRequest, dataset_service_client::DatasetServiceClient,
        kernel_service_client::KernelServiceClient,
    },
    auth::v1::{ResolveCredentialRequest, caller_service_client::CallerServiceClient},
};
use futures_util::future::try_join_all;
use tonic::service::interceptor::InterceptedService;

use super::{
    bare::Bare,
    cpu,
    figure::{Figure, Goal, Limit, median},
};
use crate::{
    client::{Client, SignedIn, request_id, with_credential},
    house::{ADMIN_PASSWORD, House, Part},
};

const RUNS: usize = 7;
const CLIENTS: usize = 32;
/// LoginSessions that one user makes here: no more than the service lets them at once.
const LOGINS_OF_ONE_MAX: usize = 200;

/// The Caller that the gateway would present to analysis-service for this user.
async fn caller(house: &House, client: &Client) -> anyhow::Result<Bearer> {
    let secret = std::fs::read_to_string(house.folder().join("secrets/gateway"))?;
    let auth = channel(&format!("http://{}", house.address(Part::Auth)))?;
    let mut callers = CallerServiceClient::new(InterceptedService::new(auth, Bearer::new(secret.trim())?));
    let request = ResolveCredentialRequest { credential: client.secret.clone(), audience: "analysis-service".into() };
    Bearer::new(&callers.resolve_credential(request).await?.into_inner().caller_token)
}

/// A channel to analysis-service itself, past the gateway, with the Caller that the gateway would present.
///
/// # Errors
/// What auth-service answers.
pub async fn past_the_gateway(house: &House, client: &Client) -> anyhow::Result<SignedIn> {
    let analysis = channel(&format!("http://{}", house.address(Part::Analysis)))?;
    Ok(InterceptedService::new(analysis, caller(house, client).await?))
}

/// The ways to analysis-service, with the processes that work on each: each begins with a client on the network, whose calls
/// the gateway takes on over the service's socket, as it does with `make run`.
struct Ways {
    gateway: (SignedIn, [u32; 2]),
    bare: (SignedIn, [u32; 2]),
    alone: (SignedIn, [u32; 2]),
}

impl Ways {
    async fn new(house: &House, client: &Client, bare: &Bare) -> anyhow::Result<Self> {
        let [gateway, analysis] = [Part::Gateway, Part::Analysis].map(|part| house.pid(part).unwrap_or(0));
        let caller = caller(house, client).await?;
        let to = |address| anyhow::Ok(InterceptedService::new(channel(&format!("http://{address}"))?, caller.clone()));
        Ok(Self {
            gateway: (with_credential(house, &client.secret)?, [gateway, analysis]),
            bare: (to(bare.address)?, [bare.pid, analysis]),
            alone: (to(house.address(Part::Analysis))?, [gateway, analysis]),
        })
    }
}

/// A small unary call.
#[derive(Clone)]
enum Call {
    /// Nothing but gRPC and a look at an empty list in memory: there is no cheaper call.
    ListKernels,
    /// 100 bytes, read from the database.
    GetUpload(String),
}

impl Call {
    async fn make(&self, channel: &SignedIn) -> anyhow::Result<()> {
        match self {
            Self::ListKernels => {
                KernelServiceClient::new(channel.clone()).list_kernels(ListKernelsRequest::default()).await?;
            }
            Self::GetUpload(upload_id) => {
                let request = GetUploadRequest { upload_id: upload_id.clone() };
                DatasetServiceClient::new(channel.clone()).get_upload(request).await?;
            }
        }
        Ok(())
    }
}

/// Processor time and latency of small unary calls, with and without the gateway.
///
/// # Errors
/// A call failed.
pub async fn gateway(house: &House, client: &Client, calls: usize) -> anyhow::Result<Vec<Figure>> {
    let bare = Bare::start(house.address(Part::Analysis)).await?;
    let ways = Ways::new(house, client, &bare).await?;
    let file_name = "sales of the north in 2026.csv".into();
    let new = CreateUploadRequest { file_name, size_bytes: 1 << 20, request_id: request_id(), ..Default::default() };
    let upload = client.datasets().create_upload(new).await?.into_inner().upload.context("no upload")?;
    let list = figures(&ways, &Call::ListKernels, calls).await?;
    let stored = figures(&ways, &Call::GetUpload(upload.upload_id), calls / 4).await?;
    let figure = |name, measured: &Measured, call: &str| Figure {
        name,
        value: median(&measured.gateway_ratios),
        unit: "ratio",
        goal: None,
        limit: Some(Limit {
            what: format!("{call} ({:.1} us alone) by a bare HTTP/2 proxy:", median(&measured.alone_us)),
            value: median(&measured.bare_ratios),
        }),
        runs: RUNS,
    };
    let extra = Figure {
        name: "gateway_extra_ms",
        value: median(&list.extra_ms),
        unit: "ms",
        goal: Some(Goal::AtMost(0.3)),
        limit: Some(Limit {
            what: "ms of a ListKernels call at the service alone:".into(),
            value: median(&list.alone_ms),
        }),
        runs: RUNS,
    };
    Ok(vec![
        figure("gateway_cpu_ratio", &stored, "GetUpload, 100 bytes").at_most(1.6),
        figure("gateway_cpu_ratio_empty", &list, "ListKernels, empty"),
        extra,
    ])
}

#[derive(Default)]
struct Measured {
    gateway_ratios: Vec<f64>,
    bare_ratios: Vec<f64>,
    alone_us: Vec<f64>,
    alone_ms: Vec<f64>,
    extra_ms: Vec<f64>,
}

async fn figures(ways: &Ways, call: &Call, calls: usize) -> anyhow::Result<Measured> {
    for (channel, _) in [&ways.gateway, &ways.bare, &ways.alone] {
        load(channel, call, calls / 4).await?;
    }
    let mut measured = Measured::default();
    for _ in 0..RUNS {
        let gateway = cpu_of(&ways.gateway, call, calls).await?;
        let gateway_ms = latency_ms(&ways.gateway.0, call).await?;
        let alone = cpu_of(&ways.alone, call, calls).await?;
        let alone_ms = latency_ms(&ways.alone.0, call).await?;
        let bare = cpu_of(&ways.bare, call, calls).await?;
        measured.gateway_ratios.push(gateway.as_secs_f64() / alone.as_secs_f64());
        measured.bare_ratios.push(bare.as_secs_f64() / alone.as_secs_f64());
        measured.alone_us.push(alone.as_secs_f64() * 1e6 / calls as f64);
        measured.alone_ms.push(alone_ms);
        measured.extra_ms.push(gateway_ms - alone_ms);
    }
    Ok(measured)
}

/// The processor time of many calls at once.
async fn cpu_of((channel, pids): &(SignedIn, [u32; 2]), call: &Call, calls: usize) -> anyhow::Result<Duration> {
    let before = cpu::used_by(pids)?;
    load(channel, call, calls).await?;
    Ok(cpu::used_by(pids)? - before)
}

/// The median latency of calls one after the other.
async fn latency_ms(channel: &SignedIn, call: &Call) -> anyhow::Result<f64> {
    let mut latencies = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        call.make(channel).await?;
        latencies.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(&latencies))
}

async fn load(channel: &SignedIn, call: &Call, calls: usize) -> anyhow::Result<()> {
    let one = || async {
        for _ in 0..calls / CLIENTS {
            call.make(channel).await?;
        }
        anyhow::Ok(())
    };
    try_join_all((0..CLIENTS).map(|_| one())).await.map(drop)
}

/// Local logins answered in a second, many at once: the password's hash is the limit.
///
/// # Errors
/// A login failed.
pub async fn logins(house: &House, client: &Client, logins: usize) -> anyhow::Result<Vec<Figure>> {
    let mut rates = Vec::new();
    let mut costs = Vec::new();
    let pid = house.pid(Part::Auth).context("auth-service")?;
    let mut people = Vec::new();
    for number in 0..(RUNS * logins).div_ceil(LOGINS_OF_ONE_MAX) {
        let username = format!("person-{number}");
        client.member(house, &username).await?;
        people.push(username);
    }
    let mut turns = people.iter().cycle();
    for _ in 0..RUNS {
        let (start, before) = (Instant::now(), cpu::used(pid)?);
        try_join_all(turns.by_ref().take(logins).map(|person| Client::login(house, person, ADMIN_PASSWORD))).await?;
        rates.push(logins as f64 / start.elapsed().as_secs_f64());
        costs.push((cpu::used(pid)? - before).as_secs_f64() * 1e3 / logins as f64);
    }
    let limit = Some(Limit { what: "cpu ms of auth-service a login:".into(), value: median(&costs) });
    Ok(vec![Figure { name: "login_local_per_s", value: median(&rates), unit: "per_s", goal: None, limit, runs: RUNS }])
}
