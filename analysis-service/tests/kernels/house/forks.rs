//! Houses whose kernels are forked, from a process with the libraries that people import or, where those are no matter
//! of a story, without.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use analysis_service::kernels::{
    launch::{Apart, ForkLauncher},
    model::Settings,
    specs::Launchers,
};
use tempfile::TempDir;

use super::{House, apart, python, workshop_with};
use crate::interpreter::light;

static FORKS: OnceLock<Forks> = OnceLock::new();

/// What forks the kernels of every house of this process.
pub(crate) struct Forks {
    pub(crate) launcher: Arc<ForkLauncher>,
    pub(crate) runtime: tokio::runtime::Runtime,
    folder: TempDir,
}

impl Forks {
    /// Where their kernels have their folders.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn begin(interpreter: impl FnOnce(&Path) -> PathBuf) -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        // Of its own, because it outlives each story's.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let python = interpreter(folder.path());
        let launcher = runtime.block_on(async {
            let workshop = workshop_with(folder.path(), &python, apart()).await;
            ForkLauncher::start(workshop, vec!["wave".into(), "not_there".into()])
        });
        Self { launcher, folder, runtime }
    }
}

/// What forks kernels here, once a story has said so.
pub(crate) fn forks() -> Option<&'static Forks> {
    FORKS.get()
}

/// From here on, every house of this process forks its kernels, all from one fork server, which has the libraries.
pub(crate) fn fork_kernels() -> &'static Forks {
    FORKS.get_or_init(|| Forks::begin(|_| python()))
}

/// The same without the libraries, in a fraction of the time.
pub(crate) async fn fork_light_kernels() -> &'static Forks {
    let begin = || FORKS.get_or_init(|| Forks::begin(|folder| light(folder, "")));
    tokio::task::spawn_blocking(begin).await.expect("forks")
}

impl House {
    /// One whose kernels are forked from a process of this interpreter.
    pub(crate) async fn forked_by(settings: Settings, python: &Path) -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        Self::forked(folder, settings, python, apart()).await
    }

    /// One whose kernels are forked and kept apart so.
    pub(crate) async fn forked_with(settings: Settings, apart: Apart) -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        let python = light(folder.path(), "");
        Self::forked(folder, settings, &python, apart).await
    }

    async fn forked(folder: TempDir, settings: Settings, python: &Path, apart: Apart) -> Self {
        let workshop = workshop_with(folder.path(), python, apart).await;
        let forks = ForkLauncher::start(workshop.clone(), Vec::new());
        let launchers = Launchers::forked(&forks, &workshop, Vec::new());
        let files = folder.path().to_owned();
        Self::with_launchers(folder, settings, launchers, files).await
    }
}
