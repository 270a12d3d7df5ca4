//! A service's `main`: configuration, logs, runtime, signals, and one clear line when it cannot start.

use std::{future::Future, net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{CommandFactory, FromArgMatches};
use nix::sys::stat::{Mode, umask};
use tokio::net::TcpListener;

use crate::{admin, clock::Clock, config, id::Ids, lifecycle::Lifecycle, memory, telemetry};

/// The most worker threads chosen without being asked: small requests cost more processor time with more workers.
const WORKER_THREADS_MAX: usize = 4;
/// How long the end waits for tasks.
const END_WAIT: Duration = Duration::from_secs(30);

/// What a service is given to run with.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// The end.
    pub lifecycle: Lifecycle,
}

impl Frame {
    /// A frame on this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { ids: Ids::new(clock.clone()), clock, lifecycle: Lifecycle::new() }
    }
}

/// A configuration that has the common part.
pub trait Configured: CommandFactory + FromArgMatches {
    /// The common part.
    fn common(&self) -> &config::Common;
}

/// Runs a service to its end. `prefix` begins its variables, such as `FENXI_AUTH`; `serve` ends when the process is to
/// stop and its work is done.
pub fn main<C, S, F>(prefix: &str, serve: S) -> ExitCode
where
    C: Configured,
    S: FnOnce(C, Frame) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    memory::keep_large_buffers();
    let config: C = match config::load(prefix, std::env::args_os()) {
        Ok(config) => config,
        Err(error) => error.exit(),
    };
    match run(config, serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the one line for whoever started the program")]
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run<C, S, F>(config: C, serve: S) -> anyhow::Result<()>
where
    C: Configured,
    S: FnOnce(C, Frame) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    // Whatever a service writes is its own.
    umask(Mode::from_bits_truncate(0o077));
    let common = config.common().clone();
    telemetry::init_logs(&common.log, common.log_format)?;
    let metrics = telemetry::init_metrics()?;
    let workers = workers(&common);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(async move {
        let frame = Frame::new(Clock::system());
        frame.lifecycle.stop_at_signals().context("signals cannot be watched")?;
        if let Some(address) = common.admin_listen {
            let listener = bind(address, "--admin-listen").await?;
            frame.lifecycle.spawn(admin::serve(listener, frame.lifecycle.clone(), metrics));
        }
        let lifecycle = frame.lifecycle.clone();
        let served = serve(config, frame).await;
        lifecycle.stop();
        if !lifecycle.ended(END_WAIT).await {
            tracing::error!(wait_secs = END_WAIT.as_secs(), "some tasks did not end in time");
        }
        served
    })
}

/// The threads that a service is to work with.
#[must_use]
pub fn workers(common: &config::Common) -> usize {
    match common.worker_threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from).min(WORKER_THREADS_MAX),
        wanted => wanted,
    }
}

/// Listens on an address.
///
/// # Errors
/// One line that names the setting, the address and what is wrong with it.
pub async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{setting} {address}: cannot listen there; is the port taken?"))
}
