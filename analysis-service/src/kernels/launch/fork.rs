//! The fast way: kernels forked from a prepared process that has the libraries loaded. Where that cannot be had, kernels
//! start the plain way, and it is said.

use std::{io, os::unix::ffi::OsStrExt as _, path::PathBuf, sync::Arc};

use fenxi_proto::analysis::v1::KernelStart;
use fenxi_supervisor::client::Process;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use uuid::Uuid;

use crate::kernels::network::PROXY_PORT;

use super::{
    LaunchError, Launched, Launcher, Order, PlainLauncher, Workshop,
    keeper::{FORKS_MAX, Fork, Keeper, Standing},
    support::{Failures, Support},
    workshop::Prepared,
};

/// Forks kernels from a prepared process, which it keeps running.
#[derive(Debug)]
pub struct ForkLauncher {
    workshop: Workshop,
    plain: PlainLauncher,
    forks: mpsc::Sender<Fork>,
    standing: watch::Receiver<Standing>,
    failures: Failures,
    keeper: TaskTracker,
    /// Ends the keeper; dropped, too.
    closing: DropGuard,
}

impl ForkLauncher {
    /// Begins to prepare the process, with these modules loaded beside its own; kernels asked for meanwhile wait for it. It
    /// ends with this launcher.
    #[must_use]
    pub fn start(workshop: Workshop, preload: Vec<String>) -> Arc<Self> {
        let (forks, requests) = mpsc::channel(FORKS_MAX);
        let (publish, standing) = watch::channel(Standing::Starting);
        let (keeper, closing) = (TaskTracker::new(), CancellationToken::new());
        let failures = Failures::default();
        let told = (publish, failures.clone());
        keeper.spawn(Keeper::new(workshop.clone(), preload, requests, told, closing.clone()).run());
        keeper.close();
        let plain = PlainLauncher::new(workshop.clone());
        Arc::new(Self { workshop, plain, forks, standing, failures, keeper, closing: closing.drop_guard() })
    }

    /// How kernels are started, once it is known.
    pub async fn way(&self) -> KernelStart {
        let mut standing = self.standing.clone();
        let known = standing.wait_for(|standing| !matches!(standing, Standing::Starting)).await;
        match known.as_deref() {
            Ok(Standing::Ready { start, .. }) => *start,
            _ => KernelStart::Plain,
        }
    }

    async fn fork(&self, order: Order) -> Result<Launched, LaunchError> {
        let start = self.way().await;
        if self.is_closed() {
            return Err(LaunchError::Closed);
        }
        if start == KernelStart::Plain {
            return self.plain.launch(order).await;
        }
        let prepared = self.workshop.prepare(order, true).await?;
        let spawned = match body(&prepared) {
            Ok(body) => self.spawn(&prepared, &body).await,
            Err(error) => Err(error),
        };
        match spawned {
            Ok(process) => Ok(prepared.launched(process, start).await),
            Err(error) if self.is_closed() => {
                prepared.given_up(error).await;
                Err(LaunchError::Closed)
            }
            Err(error) => {
                tracing::warn!(kernel_id = %order.kernel_id, %error, "a kernel was not forked; it is started plainly");
                prepared.given_up(error).await;
                self.plain.launch(order).await
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.closing.token().is_cancelled()
    }

    /// Forks what this says, as [`body`] makes it.
    pub(super) async fn spawn(&self, prepared: &Prepared, body: &serde_json::Value) -> io::Result<Process> {
        let (done, spawned) = oneshot::channel();
        let fork = Fork { body: serde_json::to_vec(body)?, birth: prepared.birth(), done };
        self.forks.try_send(fork).map_err(|_| io::Error::other("too many kernels are being started"))?;
        spawned.await.map_err(io::Error::other)?
    }
}

impl Launcher for ForkLauncher {
    fn launch(&self, order: Order) -> BoxFuture<'_, Result<Launched, LaunchError>> {
        Box::pin(self.fork(order))
    }

    fn is_common(&self, owner_user_id: Uuid) -> bool {
        !self.workshop.grants_network(owner_user_id)
    }

    fn work_dir(&self, kernel_id: Uuid) -> PathBuf {
        self.workshop.work_dir(kernel_id)
    }

    fn forget(&self, kernel_id: Uuid) -> BoxFuture<'_, ()> {
        self.plain.forget(kernel_id)
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let _ = self.way().await;
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.closing.token().cancel();
            self.keeper.wait().await;
        })
    }

    fn support(&self) -> Support {
        let start = match *self.standing.borrow() {
            Standing::Starting => KernelStart::Unspecified,
            Standing::Ready { start, .. } => start,
            Standing::Failed => KernelStart::Plain,
        };
        let mut support = self.workshop.support(start != KernelStart::Plain);
        support.failures.extend(self.failures.all());
        Support { start, wanted_start: KernelStart::Forked, ..support }
    }

    fn preparation(&self) -> Option<u64> {
        match *self.standing.borrow() {
            Standing::Ready { number, .. } => Some(number),
            Standing::Starting | Standing::Failed => None,
        }
    }

    fn prepared(&self) -> BoxFuture<'_, u64> {
        let mut standing = self.standing.clone();
        Box::pin(async move {
            if let Ok(ready) = standing.wait_for(|standing| matches!(standing, Standing::Ready { .. })).await
                && let Standing::Ready { number, .. } = *ready
            {
                return number;
            }
            std::future::pending().await
        })
    }
}

/// What the fork is told, as `fenxi_kernel.forkserver.child` reads it.
pub(super) fn body(prepared: &Prepared) -> io::Result<serde_json::Value> {
    let mut env = serde_json::Map::new();
    for (name, value) in &prepared.env {
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| io::Error::other("a path is no text"))?;
        env.insert(name.clone(), value.into());
    }
    let limits = prepared.limits;
    Ok(serde_json::json!({
        "connection": prepared.connection(),
        "connection_file": prepared.connection_file(),
        "work_dir": prepared.work_dir,
        "env": env,
        "limits": {
            "data_bytes": limits.data_bytes,
            "open_files": limits.open_files,
            "file_bytes": limits.file_bytes,
            "processes": null,
        },
        "name": format!("kernel {}", prepared.name),
        "isolation": prepared.plan.json,
        "proxy_port": PROXY_PORT,
    }))
}
