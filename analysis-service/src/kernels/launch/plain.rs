//! The plain way: a program of its own for each kernel, with nothing loaded beforehand.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::fchown,
    path::{Path, PathBuf},
};

use fenxi_proto::analysis::v1::KernelStart;
use fenxi_supervisor::process::Spec;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{LaunchError, Launched, Launcher, Order, Support, Workshop, users::User, workshop::Prepared};

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
        self.0.allow_kernels()?;
        let prepared = self.0.prepare(order, false).await?;
        let mut files = vec![(prepared.connection_file(), prepared.connection().to_string())];
        let mut args = vec!["-m".into(), "fenxi_kernel".into(), prepared.connection_file().into()];
        args.extend(["--work-dir".into(), prepared.work_dir.clone().into()]);
        if let Some(plan) = &prepared.plan.json {
            args.extend(["--isolation".into(), plan_file(&prepared).into()]);
            files.push((plan_file(&prepared), plan.to_string()));
        }
        run(&self.0, prepared, files, args).await
    }
}

/// Writes these files for the kernel and starts our Python with these arguments, in a folder that no kernel writes to, which
/// is its home, too: an interpreter runs what it finds in either, long before anything keeps it apart.
pub(super) async fn run(
    workshop: &Workshop,
    prepared: Prepared,
    files: Vec<(PathBuf, String)>,
    args: Vec<OsString>,
) -> Result<Launched, LaunchError> {
    // It reads its connection file as the user that it becomes; the rest is read before.
    let (theirs, user) = (prepared.connection_file(), prepared.plan.user.as_ref().map(User::uid));
    let write = move || {
        files.iter().try_for_each(|(file, text)| write_new(file, text.as_bytes(), user.filter(|_| *file == theirs)))
    };
    let written = tokio::task::spawn_blocking(write).await;
    if let Err(error) = written.map_err(io::Error::other).flatten() {
        prepared.given_up(io::ErrorKind::Other.into()).await;
        return Err(LaunchError::Folder(error));
    }
    let mut env = prepared.env.clone();
    env.insert("HOME".into(), prepared.place.clone().into());
    let spec = Spec {
        program: workshop.python().to_owned(),
        args,
        env: env.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        work_dir: prepared.place.clone(),
        limits: prepared.limits,
        kept: None,
    };
    match workshop.supervisor().spawn(spec).await {
        Ok(process) => Ok(prepared.launched(process, KernelStart::Plain).await),
        Err(error) => Err(prepared.given_up(error).await),
    }
}

impl Launcher for PlainLauncher {
    fn launch(&self, order: Order) -> BoxFuture<'_, Result<Launched, LaunchError>> {
        Box::pin(self.start(order))
    }

    fn support(&self) -> Support {
        Support { start: KernelStart::Plain, wanted_start: KernelStart::Plain, ..self.0.support(false) }
    }

    fn work_dir(&self, kernel_id: Uuid) -> PathBuf {
        self.0.work_dir(kernel_id)
    }

    fn forget(&self, kernel_id: Uuid) -> BoxFuture<'_, ()> {
        Box::pin(self.0.forget(kernel_id))
    }
}

/// From where the process reads what is to keep it apart.
fn plan_file(prepared: &Prepared) -> PathBuf {
    prepared.place.join("isolation.json")
}

/// Writes a file, which is then this user's.
fn write_new(path: &Path, bytes: &[u8], user: Option<u32>) -> io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    user.map_or(Ok(()), |user| fchown(&file, Some(user), Some(user)))
}
