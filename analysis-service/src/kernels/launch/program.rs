//! Kernels of other kinds: the program that a kernel spec names, started by our Python, which puts the layers in force
//! that keep it apart and then becomes it.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, sync::Arc};

use futures_util::future::BoxFuture;
use serde_json::json;
use uuid::Uuid;

use super::{LaunchError, Launched, Launcher, Order, Workshop, plain, workshop::Prepared};
use crate::kernels::specs::KernelSpec;

/// Starts kernels of one kind.
#[derive(Clone, Debug)]
pub struct ProgramLauncher {
    workshop: Workshop,
    spec: Arc<KernelSpec>,
}

impl ProgramLauncher {
    /// In this workshop.
    #[must_use]
    pub fn new(workshop: Workshop, spec: Arc<KernelSpec>) -> Self {
        Self { workshop, spec }
    }

    async fn start(&self, order: Order) -> Result<Launched, LaunchError> {
        let prepared = self.workshop.prepare(order, false).await?;
        let (connection_file, order_file) = (prepared.connection_file(), prepared.place.join("order.json"));
        let mut connection = prepared.connection();
        connection["kernel_name"] = json!(self.spec.name);
        let told = json!({
            "argv": self.argv(&connection_file.to_string_lossy()),
            "env": self.env(&prepared),
            "isolation": self.plan(&prepared),
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

    fn forget(&self, kernel_id: Uuid) -> BoxFuture<'_, ()> {
        Box::pin(self.workshop.forget(kernel_id))
    }
}
