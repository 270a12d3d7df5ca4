//! A service's `main`: configuration, logs, runtime, signals, and one clear line when it cannot start.

use std::{
    future::Future,
    io::Write as _,
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::{CommandFactory, FromArgMatches};
use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    stat::{Mode, umask},
};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    admin,
    clock::Clock,
    config,
    id::Ids,
    lifecycle::{self, Lifecycle},
    memory, telemetry,
};

/// The most worker threads chosen without being asked: small requests cost more processor time with more workers.
const WORKER_THREADS_MAX: usize = 4;
/// Descriptors that a service may have where the system gives as many: each connection is one, and the 1,024 of most
/// systems are meant for programs that know no others.
const OPEN_FILES_MAX: u64 = 65_536;
/// How long the end waits for calls that block.
const BLOCKING_END_WAIT: Duration = Duration::from_secs(5);

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
    match run(prefix, config, serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where it cannot be written, as on a full disk, there is nobody to tell, and no reason to panic.
            let text = config::name_variables_in::<C>(&format!("{error:#}"), prefix);
            let _ = writeln!(std::io::stderr(), "error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run<C, S, F>(prefix: &str, config: C, serve: S) -> anyhow::Result<()>
where
    C: Configured,
    S: FnOnce(C, Frame) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    // Whatever a service writes is its own.
    umask(Mode::from_bits_truncate(0o077));
    let common = config.common().clone();
    telemetry::init_logs(&common.log, common.log_format)?;
    let strangers = config::strangers::<C>(prefix);
    if !strangers.is_empty() {
        tracing::warn!(
            "{}: no setting has this name, so that it changes nothing; --help lists them",
            strangers.join(", ")
        );
    }
    if let Err(error) = raise_open_files() {
        tracing::warn!(%error, "the limit on open files cannot be raised");
    }
    let metrics = telemetry::init_metrics()?;
    let workers = workers(&common);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    let frame = Frame::new(Clock::system());
    let lifecycle = frame.lifecycle.clone();
    let served = runtime.block_on(async {
        frame.lifecycle.stop_at_signals().context("signals cannot be watched")?;
        tokio::spawn(telemetry::keep_metrics(metrics.clone()));
        if let Some(address) = common.admin_listen {
            let listener = bind(address, "--admin-listen").await?;
            frame.lifecycle.spawn(admin::serve(listener, frame.lifecycle.clone(), metrics));
        }
        let served = serve(config, frame).await;
        lifecycle.stop();
        lifecycle.ended().await;
        served
    });
    end(runtime, &lifecycle);
    served
}

/// Ends the threads. A call that blocks for good, on a disk that does not answer, say, keeps no process.
fn end(runtime: Runtime, lifecycle: &Lifecycle) {
    let (begun, wait) = (Instant::now(), lifecycle.share(BLOCKING_END_WAIT));
    runtime.shutdown_timeout(wait);
    if begun.elapsed() >= wait {
        lifecycle::not_ended("calls that block", wait);
    }
}

/// Lets this process, and what it starts, have as many descriptors as are useful.
fn raise_open_files() -> nix::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = hard.min(OPEN_FILES_MAX);
    if soft < wanted { setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) } else { Ok(()) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_may_have_many_descriptors() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        setrlimit(Resource::RLIMIT_NOFILE, 512.min(hard), hard).expect("lowered");
        raise_open_files().expect("raised");
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).expect("a limit"), (hard.min(OPEN_FILES_MAX), hard));
    }
}
