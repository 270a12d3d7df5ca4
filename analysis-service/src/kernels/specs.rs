//! The kinds of kernels that can be started: the built-in one, and those that an administrator describes in Jupyter's
//! own form, read once at start. A kind is what its file says and what a trial of its program found; how its kernels are
//! started is a [`Launcher`]'s business, and what they are used for nobody's here.

mod read;
mod trial;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use fenxi_proto::analysis::v1::KernelStart;

use super::launch::{ForkLauncher, Launcher, PlainLauncher, ProgramLauncher, Workshop, count_way};

/// The name of the built-in kind: this installation's own Python.
pub const BUILT_IN: &str = "python3";
/// What a person calls it.
const BUILT_IN_DISPLAY_NAME: &str = "Python 3 (Fenxi)";

/// A kind of kernel, as its `kernel.json` describes it.
#[derive(Clone, Debug)]
pub struct KernelSpec {
    /// Its folder's name.
    pub name: String,
    /// For a person.
    pub display_name: String,
    /// In lower case.
    pub language: String,
    /// The program's file and its arguments, with `{connection_file}` in them.
    pub argv: Vec<String>,
    /// What its environment has beside what every kernel's has.
    pub env: BTreeMap<String, String>,
    /// How what runs in it is interrupted.
    pub interrupt: InterruptMode,
    /// What it must be able to read beside the system's own folders.
    pub read: Vec<PathBuf>,
    /// How it is given tables, or what is missing for that.
    pub tables: Result<TableLoader, String>,
}

/// How a kernel is asked to stop what it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptMode {
    /// By SIGINT.
    Signal,
    /// By a message on the control channel.
    Message,
}

/// What loads a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableLoader {
    /// Our own package.
    BuiltIn,
    /// pandas and pyarrow of another Python environment.
    Python,
    /// R's package `arrow`.
    R,
}

/// The module that loads tables in Python; of our package it needs nothing else.
const PYTHON_TABLES: &str = include_str!("../../kernel/fenxi_kernel/tables.py");

impl TableLoader {
    /// Code that loads the table of this file under this variable, and leaves nothing else behind.
    pub(crate) fn code(self, variable: &str, path: &str) -> String {
        // JSON's texts are Python's and R's too.
        let text = |value: &str| serde_json::to_string(value).unwrap_or_default();
        let (name, file) = (text(variable), text(path));
        match self {
            Self::BuiltIn => {
                format!("__import__('fenxi_kernel.tables').tables.bind(get_ipython().user_ns, {name}, {file})")
            }
            Self::Python => format!(
                "(lambda it: (exec({source}, it), it['bind'](get_ipython().user_ns, {name}, {file})))\
                 ({{'__name__': 'fenxi_tables'}}) and None",
                source = text(PYTHON_TABLES)
            ),
            Self::R => {
                format!("invisible(assign({name}, as.data.frame(arrow::read_ipc_file({file})), envir = globalenv()))")
            }
        }
    }
}

/// A kind for everyone who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindBrief {
    /// By which it is asked for.
    pub name: String,
    /// For a person.
    pub display_name: String,
    /// In lower case.
    pub language: String,
    /// Whether it can be given tables.
    pub loads_tables: bool,
    /// Whether it comes from a process that has everything loaded.
    pub is_prepared: bool,
}

/// How kernels of every kind are started.
#[derive(Clone)]
pub struct Launchers {
    /// The built-in kind.
    pub(crate) own: Arc<dyn Launcher>,
    /// The others.
    pub(crate) kinds: Kinds,
}

/// The kinds beside the built-in one. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Kinds {
    others: Arc<BTreeMap<String, Kind>>,
    is_prepared: bool,
}

/// One of them.
pub(crate) struct Kind {
    pub spec: Arc<KernelSpec>,
    pub launcher: Arc<dyn Launcher>,
}

impl From<Arc<dyn Launcher>> for Launchers {
    /// The built-in kind alone.
    fn from(own: Arc<dyn Launcher>) -> Self {
        Self { own, kinds: Kinds::default() }
    }
}

impl Launchers {
    /// All kinds from a prepared process: what it has loaded is the built-in kind's.
    #[must_use]
    pub fn forked(forks: &Arc<ForkLauncher>, workshop: &Workshop, specs: Vec<KernelSpec>) -> Self {
        Self { own: Arc::clone(forks) as _, kinds: Kinds::new(Some(forks), workshop, specs) }
    }

    /// All kinds as programs of their own.
    #[must_use]
    pub fn plain(workshop: &Workshop, specs: Vec<KernelSpec>) -> Self {
        let own = Arc::new(PlainLauncher::new(workshop.clone()));
        count_way(KernelStart::Plain);
        Self { own, kinds: Kinds::new(None, workshop, specs) }
    }

    /// Ends what is kept for starts, of which nothing is left afterwards. What was started goes on.
    pub async fn close(&self) {
        // The other kinds are forked from the same process.
        self.own.close().await;
    }
}

impl Kinds {
    fn new(forks: Option<&Arc<ForkLauncher>>, workshop: &Workshop, specs: Vec<KernelSpec>) -> Self {
        let kind = |spec: KernelSpec| {
            let spec = Arc::new(spec);
            let launcher = ProgramLauncher::new(workshop.clone(), Arc::clone(&spec), forks.cloned());
            (spec.name.clone(), Kind { spec, launcher: Arc::new(launcher) })
        };
        Self { others: Arc::new(specs.into_iter().map(kind).collect()), is_prepared: forks.is_some() }
    }

    /// A kind beside the built-in one.
    pub(crate) fn other(&self, name: &str) -> Option<&Kind> {
        self.others.get(name)
    }

    /// Whether there is such a kind.
    pub(crate) fn knows(&self, name: &str) -> bool {
        name == BUILT_IN || self.others.contains_key(name)
    }

    /// All of them, the built-in one first, the others by name.
    pub(crate) fn list(&self) -> Vec<KindBrief> {
        let own = KindBrief {
            name: BUILT_IN.to_owned(),
            display_name: BUILT_IN_DISPLAY_NAME.to_owned(),
            language: "python".to_owned(),
            loads_tables: true,
            is_prepared: self.is_prepared,
        };
        let other = |kind: &Kind| KindBrief {
            name: kind.spec.name.clone(),
            display_name: kind.spec.display_name.clone(),
            language: kind.spec.language.clone(),
            loads_tables: kind.spec.tables.is_ok(),
            is_prepared: false,
        };
        std::iter::once(own).chain(self.others.values().map(other)).collect()
    }
}

/// Reads every kind of this folder and tries its program. `closed` are the folders that no kernel may be shown.
///
/// # Errors
/// One line that names the file, the field and what is wrong with it.
pub async fn open(folder: &Path, closed: Vec<PathBuf>) -> anyhow::Result<Vec<KernelSpec>> {
    let from = folder.to_owned();
    let read = tokio::task::spawn_blocking(move || read::folder(&from)).await;
    let mut specs = read.map_err(anyhow::Error::from).flatten()?;
    for spec in &mut specs {
        trial::complete(spec).await;
        for path in &spec.read {
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            let overlaps = |closed: &&PathBuf| closed.starts_with(&real) || real.starts_with(closed);
            if let Some(closed) = closed.iter().find(overlaps) {
                let how = if real.starts_with(closed) { "which is in" } else { "in which is" };
                anyhow::bail!(
                    "--kernel-specs-dir: kernel spec {}: its kernels would read {}, {how} the service's own folder {}",
                    spec.name,
                    path.display(),
                    closed.display()
                );
            }
        }
        let tables = spec.tables.as_ref().map_or_else(String::as_str, |_| "can be loaded");
        tracing::info!(name = spec.name, program = spec.argv.first(), tables, "a kernel spec was read");
    }
    Ok(specs)
}
