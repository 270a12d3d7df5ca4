//! The task that keeps the fork server: starts it, tries it with a throw-away kernel before anyone relies on it, hands it
//! one request after the other, and starts another when it dies. What it cannot do it says, and the launcher goes the
//! plain way.

use std::{io, path::Path, time::Duration};

use fenxi_proto::analysis::v1::KernelStart;
use fenxi_supervisor::{
    client::{Birth, ForkServer, Process, Ready},
    process::{Limits, Spec},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout},
};

use super::{Workshop, folders::remove_dir, trial};

/// Forks that may wait for their turn.
pub(super) const FORKS_MAX: usize = 64;
/// How long a server may take to load the libraries.
const READY_MAX: Duration = Duration::from_secs(120);
/// How long one fork may take; a server that takes longer is hung.
const FORK_MAX: Duration = Duration::from_secs(20);
/// The pause before a server that died is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// A server that lived as long as this is worth another.
const LIFE_MIN: Duration = Duration::from_secs(60);
/// Servers that may die young one after the other.
const YOUNG_DEATHS_MAX: u32 = 3;
/// How the lines begin in which a server says what it left out.
const SAID: &str = "fork server: ";
/// Files that a server and its forks may have open; each fork's own limit is lower.
const OPEN_FILES_MAX: u64 = crate::kernels::config::OPEN_FILES_MAX as u64;

/// A fork that is asked for.
#[derive(Debug)]
pub(super) struct Fork {
    /// What it is to be.
    pub body: Vec<u8>,
    /// Into what it is born.
    pub birth: Birth,
    /// Told what became of it.
    pub done: oneshot::Sender<io::Result<Process>>,
}

/// What can be had of the fork server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is being started.
    Starting,
    /// It forks, so; `number` tells it from the servers before.
    Ready { start: KernelStart, number: u64 },
    /// There is none, and will be none.
    Failed,
}

/// Owns the fork server.
pub(super) struct Keeper {
    workshop: Workshop,
    /// Modules to be loaded beside its own.
    preload: Vec<String>,
    requests: mpsc::Receiver<Fork>,
    standing: watch::Sender<Standing>,
}

/// A server that passed its trial.
struct Tried {
    server: ForkServer,
    ready: Ready,
    place: std::path::PathBuf,
}

impl Keeper {
    pub(super) fn new(
        workshop: Workshop,
        preload: Vec<String>,
        requests: mpsc::Receiver<Fork>,
        standing: watch::Sender<Standing>,
    ) -> Self {
        Self { workshop, preload, requests, standing }
    }

    /// Runs until the launcher is dropped.
    pub(super) async fn run(mut self) {
        let mut number = 0;
        for (start, mode) in [(KernelStart::Forked, "deep"), (KernelStart::ForkedWarm, "warm")] {
            let mut young_deaths = 0;
            while young_deaths < YOUNG_DEATHS_MAX {
                self.standing.send_replace(Standing::Starting);
                let tried = tokio::select! {
                    tried = prepare(&self.workshop, &self.preload, mode) => tried,
                    () = self.standing.closed() => return,
                };
                let tried = match tried {
                    Ok(tried) => tried,
                    Err(why) => {
                        tracing::warn!(mode, %why, "the fork server cannot be used in this mode");
                        break;
                    }
                };
                let since = Instant::now();
                let Ready { clone, preload_ms, modules } = &tried.ready;
                tracing::info!(mode, clone, preload_ms, modules, "the fork server is ready");
                metrics::counter!("kernel_fork_server_starts_total", "mode" => mode).increment(1);
                number += 1;
                self.standing.send_replace(Standing::Ready { start, number });
                if self.serve(tried).await {
                    return;
                }
                young_deaths = if since.elapsed() < LIFE_MIN { young_deaths + 1 } else { 0 };
                self.standing.send_replace(Standing::Starting);
                sleep(RESTART_PAUSE).await;
            }
        }
        tracing::error!("kernels are not forked: each is started as a program of its own, which takes seconds");
        self.standing.send_replace(Standing::Failed);
    }

    /// Forks until the server dies; says whether nobody needs it any more.
    async fn serve(&mut self, mut tried: Tried) -> bool {
        let over = loop {
            let fork = tokio::select! {
                fork = self.requests.recv() => fork,
                ended = tried.server.process.ended() => {
                    let log = tried.server.process.log().await;
                    tracing::warn!(?ended, log, "the fork server ended");
                    break false;
                }
            };
            let Some(Fork { body, birth, done }) = fork else { break true };
            let forked = timeout(FORK_MAX, tried.server.fork(body, birth)).await;
            let forked = forked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            let broken = forked.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Other);
            metrics::counter!("kernel_forks_total", "ok" => if forked.is_ok() { "true" } else { "false" }).increment(1);
            // Nobody waits if the start was given up: the process ends with its handle.
            let _ = done.send(forked);
            if broken {
                let log = tried.server.process.log().await;
                tracing::warn!(log, "the fork server broke and is ended");
                break false;
            }
        };
        drop(tried.server);
        remove_dir(tried.place).await;
        over
    }
}

/// Starts a server and tries it, in a folder of its own.
async fn prepare(workshop: &Workshop, preload: &[String], mode: &str) -> Result<Tried, String> {
    let place = workshop.place().await.map_err(|error| error.to_string())?;
    match start(workshop, preload, mode, &place).await {
        Ok((server, ready)) => Ok(Tried { server, ready, place }),
        Err(why) => {
            remove_dir(place).await;
            Err(why)
        }
    }
}

async fn start(
    workshop: &Workshop,
    preload: &[String],
    mode: &str,
    place: &Path,
) -> Result<(ForkServer, Ready), String> {
    let started = workshop.supervisor().start_fork_server(spec(workshop, preload, place, mode)).await;
    let server = started.map_err(|error| format!("it cannot be started: {error}"))?;
    let ready = match timeout(READY_MAX, server.ready()).await {
        Ok(Ok(ready)) => ready,
        Ok(Err(error)) => return Err(format!("{error}: {}", server.process.log().await)),
        Err(_) => return Err(format!("it was not ready after {} s", READY_MAX.as_secs())),
    };
    // It says what it left out of what was to be loaded, and why.
    for line in server.process.log().await.lines().filter(|line| line.starts_with(SAID)) {
        tracing::warn!("{line}");
    }
    trial::pass(workshop, &server).await.map_err(|why| format!("a kernel forked from it failed: {why}"))?;
    Ok((server, ready))
}

fn spec(workshop: &Workshop, preload: &[String], place: &Path, mode: &str) -> Spec {
    let mut args: Vec<_> = ["-m", "fenxi_kernel.forkserver", "--mode", mode].map(Into::into).into();
    if !preload.is_empty() {
        args.extend(["--preload".into(), preload.join(",").into()]);
    }
    Spec {
        program: workshop.python().to_owned(),
        args,
        env: workshop.env(place).into_iter().map(|(name, value)| (name.into(), value)).collect(),
        work_dir: place.to_owned(),
        // Its forks lower these for themselves.
        limits: Limits { data_bytes: None, open_files: OPEN_FILES_MAX, file_bytes: libc::RLIM_INFINITY },
        kept: None,
    }
}
