//! Kernels of other kinds: the program that a kernel spec names. Our Python puts the layers in force that keep it apart
//! and then becomes it: a fork of the prepared process, which can enter namespaces, or a process of its own, which cannot.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, sync::Arc};

use fenxi_proto::analysis::v1::KernelStart;
use futures_util::future::BoxFuture;
use serde_json::json;
use uuid::Uuid;

use super::{ForkLauncher, LaunchError, Launched, Launcher, Order, Workshop, fork, plain, workshop::Prepared};
use crate::kernels::specs::KernelSpec;

/// Starts kernels of one kind.
#[derive(Clone, Debug)]
pub struct ProgramLauncher {
    workshop: Workshop,
    spec: Arc<KernelSpec>,
    forks: Option<Arc<ForkLauncher>>,
}

impl ProgramLauncher {
    /// In this workshop; from this prepared process, where there is one.
    #[must_use]
    pub fn new(workshop: Workshop, spec: Arc<KernelSpec>, forks: Option<Arc<ForkLauncher>>) -> Self {
        Self { workshop, spec, forks }
    }

    async fn start(&self, order: Order) -> Result<Launched, LaunchError> {
        match &self.forks {
            Some(forks) if forks.way().await != KernelStart::Plain => self.fork(forks, order).await,
            _ => self.start_plainly(order).await,
        }
    }

    async fn fork(&self, forks: &ForkLauncher, order: Order) -> Result<Launched, LaunchError> {
        let prepared = self.workshop.prepare(order, true).await?;
        let spawned = match fork::body(&prepared) {
            Ok(mut body) => {
                body["connection"]["kernel_name"] = json!(self.spec.name);
                body["isolation"] = json!(self.plan(&prepared));
                body["env"] = json!(self.env(&prepared));
                body["program"] = json!(self.argv(&prepared.connection_file().to_string_lossy()));
                forks.spawn(&prepared, &body).await
            }
            Err(error) => Err(error),
        };
        match spawned {
            // It is a program of its own, for everyone who asks.
            Ok(process) => Ok(prepared.launched_from(process, KernelStart::Plain, true).await),
            Err(error) => {
                tracing::warn!(kernel_id = %order.kernel_id, %error, "a kernel was not forked; it is started plainly");
                prepared.given_up(error).await;
                self.start_plainly(order).await
            }
        }
    }

    async fn start_plainly(&self, order: Order) -> Result<Launched, LaunchError> {
        let prepared = self.workshop.prepare(order, false).await?;
        let (connection_file, order_file) = (prepared.connection_file(), prepared.place.join("order.json"));
        let mut connection = prepared.connection();
        connection["kernel_name"] = json!(self.spec.name);
        let told = json!({
            "argv": self.argv(&connection_file.to_string_lossy()),
            "env": self.env(&prepared),
            "isolation": self.plan(&prepared),
            "work_dir": prepared.work_dir,
        });
        let files = vec![(connection_file, connection.to_string()), (order_file.clone(), told.to_string())];
        let args = vec!["-m".into(), "fenxi_kernel.foreign".into(), order_file.into()];
        plain::run(&self.workshop, prepared, files, args).await
    }

    fn argv(&self, connection_file: &str) -> Vec<String> {
        self.spec.argv.iter().map(|each| each.replace("{connection_file}", connection_file)).collect()
    }

    /// Of what our own kernels have, what is not our Python's; and what the spec says, in which `${NAME}` stands for the
    /// value before.
    fn env(&self, prepared: &Prepared) -> BTreeMap<String, String> {
        let text = |value: &OsString| value.to_string_lossy().into_owned();
        let mut env: BTreeMap<String, String> =
            prepared.env.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        env.remove("PYTHONPATH");
        let program = self.spec.argv.first().map(PathBuf::from).unwrap_or_default();
        let folder = program.parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
        env.insert("PATH".into(), format!("{folder}:/usr/local/bin:/usr/bin:/bin"));
        for (name, value) in &self.spec.env {
            let value =
                env.iter().fold(value.clone(), |value, (known, is)| value.replace(&format!("${{{known}}}"), is));
            env.insert(name.clone(), value);
        }
        env
    }

    /// What keeps it apart, with what its program has to read.
    fn plan(&self, prepared: &Prepared) -> Option<serde_json::Value> {
        let mut plan = prepared.plan.json.clone()?;
        let read = plan.get_mut("read")?.as_array_mut()?;
        read.extend(self.spec.read.iter().map(|path| json!(path)));
        Some(plan)
    }
}

impl Launcher for ProgramLauncher {
    fn launch(&self, order: Order) -> BoxFuture<'_, Result<Launched, LaunchError>> {
        Box::pin(self.start(order))
    }

    fn work_dir(&self, kernel_id: Uuid) -> PathBuf {
        self.workshop.work_dir(kernel_id)
    }

    fn forget(&self, kernel_id: Uuid) -> BoxFuture<'_, ()> {
        Box::pin(self.workshop.forget(kernel_id))
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        match &self.forks {
            Some(forks) => forks.settled(),
            None => Box::pin(std::future::ready(())),
        }
    }
}
