//! The plain way: a program of its own for each kernel, with nothing loaded beforehand.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use fenxi_proto::analysis::v1::KernelStart;
use fenxi_supervisor::process::Spec;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{LaunchError, Launched, Launcher, Order, Workshop, workshop::Prepared};

/// Starts kernels as plain processes of a Python interpreter that has the libraries of `requirements.txt`.
#[derive(Clone, Debug)]
pub struct PlainLauncher(Workshop);

impl PlainLauncher {
    /// In this workshop.
    #[must_use]
    pub fn new(workshop: Workshop) -> Self {
        Self(workshop)
    }

    async fn start(&self, order: Order) -> Result<Launched, LaunchError> {
        let prepared = self.0.prepare(order, false).await?;
        let (file, content) = (prepared.connection_file(), prepared.connection().to_string());
        let plan = prepared.plan.json.as_ref().map(|plan| (plan_file(&prepared), plan.to_string()));
        let write = move || {
            write_new(&file, content.as_bytes())?;
            plan.map_or(Ok(()), |(file, plan)| write_new(&file, plan.as_bytes()))
        };
        let written = tokio::task::spawn_blocking(write).await;
        if let Err(error) = written.map_err(io::Error::other).flatten() {
            prepared.given_up(io::ErrorKind::Other.into()).await;
            return Err(LaunchError::Folder(error));
        }
        match self.0.supervisor().spawn(self.spec(&prepared)).await {
            Ok(process) => Ok(prepared.launched(process, KernelStart::Plain).await),
            Err(error) => Err(prepared.given_up(error).await),
        }
    }

    fn spec(&self, prepared: &Prepared) -> Spec {
        let mut args = vec!["-m".into(), "fenxi_kernel".into(), prepared.connection_file().into()];
        if prepared.plan.json.is_some() {
            args.extend(["--isolation".into(), plan_file(prepared).into()]);
        }
        Spec {
            program: self.0.python().to_owned(),
            args,
            env: prepared.env.iter().map(|(name, value)| (name.into(), value.clone())).collect(),
            work_dir: prepared.work_dir.clone(),
            limits: prepared.limits,
            kept: None,
        }
    }
}

impl Launcher for PlainLauncher {
    fn launch(&self, order: Order) -> BoxFuture<'_, Result<Launched, LaunchError>> {
        Box::pin(self.start(order))
    }

    fn forget(&self, kernel_id: Uuid) -> BoxFuture<'_, ()> {
        Box::pin(self.0.forget(kernel_id))
    }
}

/// From where the process reads what is to keep it apart.
fn plan_file(prepared: &Prepared) -> PathBuf {
    prepared.place.join("isolation.json")
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}
