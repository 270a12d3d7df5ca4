//! The task that keeps the fork server: starts it, tries it with a throw-away kernel before anyone relies on it, hands it
//! one request after the other, and starts another when it dies. What it cannot do it says, and the launcher goes the
//! plain way.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use fenxi_proto::analysis::v1::KernelStart;
use fenxi_supervisor::{
    client::{Birth, ForkServer, Process, Ready},
    process::{Limits, Spec},
};
use nix::sys::signal::Signal;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    END_WAIT, Workshop,
    folders::remove_dir,
    support::{self, Failures},
    trial,
};

/// Forks that may wait for their turn.
pub(super) const FORKS_MAX: usize = 64;
/// How long a server may take to load the libraries.
const READY_MAX: Duration = Duration::from_secs(120);
/// How long one fork may take; a server that takes longer is hung.
const FORK_MAX: Duration = Duration::from_secs(20);
/// How long a fork under way is waited for once nobody wants it.
const LAST_FORK_WAIT: Duration = Duration::from_secs(2);
/// The pause before a server that died is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// A server that lived as long as this is worth another.
const LIFE_MIN: Duration = Duration::from_secs(60);
/// Servers that may die young one after the other.
const YOUNG_DEATHS_MAX: u32 = 3;
/// How the lines begin in which a server says what it left out.
const SAID: &str = "fork server: ";
/// The mode in which a server says that it is where its application does not become a kernel.
const WARM: &str = "warm";
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
    failures: Failures,
    /// The launcher is closed, or gone.
    closing: CancellationToken,
}

/// A server that passed its trial.
struct Tried {
    server: ForkServer,
    ready: Ready,
    /// Its log, when it was ready.
    said: String,
    place: PathBuf,
}

impl Keeper {
    pub(super) fn new(
        workshop: Workshop,
        preload: Vec<String>,
        requests: mpsc::Receiver<Fork>,
        (standing, failures): (watch::Sender<Standing>, Failures),
        closing: CancellationToken,
    ) -> Self {
        Self { workshop, preload, requests, standing, failures, closing }
    }

    /// Runs until the launcher is closed or dropped; nothing of the server is left then.
    pub(super) async fn run(mut self) {
        if self.workshop.allow_kernels().is_err() {
            // The log says why already.
            let why = self.workshop.trouble().unwrap_or_default();
            [KernelStart::Forked, KernelStart::ForkedWarm].iter().for_each(|way| self.failures.note(*way, why));
            self.standing.send_replace(Standing::Failed);
            return;
        }
        let mut number = 0;
        for (way, mode) in [(KernelStart::Forked, "deep"), (KernelStart::ForkedWarm, WARM)] {
            let mut young_deaths = 0;
            while young_deaths < YOUNG_DEATHS_MAX {
                self.standing.send_replace(Standing::Starting);
                let tried = match self.prepare(mode).await {
                    Ok(tried) => tried,
                    Err(_) if self.closing.is_cancelled() => return,
                    Err(why) => {
                        tracing::warn!(mode, %why, "the fork server cannot be used in this mode");
                        self.failures.note(way, &why);
                        break;
                    }
                };
                let since = Instant::now();
                let start = self.start_of(way, &tried);
                let Ready { clone, preload_ms, modules, .. } = &tried.ready;
                let way_name = start.as_str_name();
                tracing::info!(mode, way = way_name, clone, preload_ms, modules, "the fork server is ready");
                support::count_way(start);
                metrics::counter!("kernel_fork_server_starts_total", "mode" => mode).increment(1);
                number += 1;
                self.standing.send_replace(Standing::Ready { start, number });
                if self.serve(tried).await {
                    return;
                }
                young_deaths = if since.elapsed() < LIFE_MIN { young_deaths + 1 } else { 0 };
                if young_deaths == YOUNG_DEATHS_MAX {
                    self.failures.note(way, &format!("{young_deaths} servers in a row ended soon after their start"));
                }
                self.standing.send_replace(Standing::Starting);
                tokio::select! {
                    () = sleep(RESTART_PAUSE) => {}
                    () = self.closing.cancelled() => return,
                }
            }
        }
        tracing::error!("kernels are not forked: each is started as a program of its own, which takes seconds");
        support::count_way(KernelStart::Plain);
        self.standing.send_replace(Standing::Failed);
    }

    /// How kernels of this server are started, which was to be this way: where its application does not become a kernel, it
    /// goes on without.
    fn start_of(&self, way: KernelStart, tried: &Tried) -> KernelStart {
        if way == KernelStart::Forked && tried.ready.mode == WARM {
            tracing::warn!(
                said = tried.said,
                "the prebuilt application does not become a kernel; forks build their own"
            );
            self.failures.note(way, &tried.said);
            return KernelStart::ForkedWarm;
        }
        self.failures.clear(way);
        way
    }

    /// Forks until the server dies; says whether nobody needs it any more.
    async fn serve(&mut self, mut tried: Tried) -> bool {
        let over = loop {
            let fork = tokio::select! {
                biased;
                () = self.closing.cancelled() => break true,
                fork = self.requests.recv() => fork,
                ended = tried.server.process.ended() => {
                    let log = tried.server.process.log().await;
                    tracing::warn!(?ended, log, "the fork server ended");
                    break false;
                }
            };
            let Some(Fork { body, birth, done }) = fork else { break true };
            let forked = forked(&tried.server, (body, birth), Instant::now() + FORK_MAX, &self.closing).await;
            let broken = forked.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Other);
            metrics::counter!("kernel_forks_total", "ok" => if forked.is_ok() { "true" } else { "false" }).increment(1);
            if broken {
                let log = tried.server.process.log().await;
                tracing::warn!(log, "the fork server broke and is ended");
                // First: whoever asked looks for what was forked without a word of it, and no more may come then.
                end(&mut tried.server).await;
            }
            // Nobody waits if the start was given up: the process ends with its handle.
            let _ = done.send(forked);
            if broken {
                break self.closing.is_cancelled();
            }
        };
        end(&mut tried.server).await;
        remove_dir(tried.place).await;
        over
    }

    /// Starts a server and tries it, in a folder of its own.
    async fn prepare(&self, mode: &str) -> Result<Tried, String> {
        let place = self.workshop.place().await.map_err(|error| error.to_string())?;
        let spec = spec(&self.workshop, &self.preload, &place, mode);
        let mut server = match self.workshop.supervisor().start_fork_server(spec).await {
            Ok(server) => server,
            Err(error) => {
                remove_dir(place).await;
                return Err(format!("it cannot be started: {error}"));
            }
        };
        match self.pass(&mut server).await {
            Ok((ready, said)) => Ok(Tried { server, ready, said, place }),
            Err(why) => {
                end(&mut server).await;
                remove_dir(place).await;
                Err(why)
            }
        }
    }

    /// Waits until a server takes requests, and tries it.
    async fn pass(&self, server: &mut ForkServer) -> Result<(Ready, String), String> {
        let ready = tokio::select! {
            ready = timeout(READY_MAX, server.ready()) => ready,
            () = self.closing.cancelled() => return Err("it is not wanted any more".to_owned()),
        };
        let ready = match ready {
            Ok(Ok(ready)) => ready,
            Ok(Err(error)) => return Err(format!("{error}: {}", server.process.log().await)),
            Err(_) => return Err(format!("it was not ready after {} s", READY_MAX.as_secs())),
        };
        // It says what it left out of what was to be loaded, and why.
        let said = server.process.log().await;
        for line in said.lines().filter(|line| line.starts_with(SAID)) {
            tracing::warn!("{line}");
        }
        let passed = trial::pass(&self.workshop, server, &self.closing).await;
        passed.map_err(|why| format!("a kernel forked from it failed: {why}"))?;
        Ok((ready, said))
    }
}

/// Has a server fork; a server that does not answer by `deadline` is hung.
pub(super) async fn forked(
    server: &ForkServer,
    (body, birth): (Vec<u8>, Birth),
    deadline: Instant,
    closing: &CancellationToken,
) -> io::Result<Process> {
    // What is forked without a word of it is hard to find: one that goes on forking is waited for.
    let closed = async {
        closing.cancelled().await;
        sleep(LAST_FORK_WAIT).await;
    };
    tokio::select! {
        forked = timeout_at(deadline, server.fork(body, birth)) => {
            forked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        }
        () = closed => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Ends a server with the copies in which it tries modules, and waits for its end: from then on it forks nothing.
pub(super) async fn end(server: &mut ForkServer) {
    server.process.signal(Signal::SIGKILL);
    if timeout(END_WAIT, server.process.ended()).await.is_err() {
        tracing::warn!(wait_secs = END_WAIT.as_secs(), "the fork server does not end");
    }
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
