//! A launcher that is slow the first time.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use analysis_service::kernels::{
    launch::{LaunchError, Launched, Launcher, Order, PlainLauncher},
    model::Settings,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::house::{House, workshop};

/// Starts kernels, the first one late.
struct SlowAtFirst {
    launcher: PlainLauncher,
    by: Mutex<Option<Duration>>,
}

impl Launcher for SlowAtFirst {
    fn launch(&self, order: Order) -> BoxFuture<'_, Result<Launched, LaunchError>> {
        let by = self.by.lock().expect("whole").take();
        Box::pin(async move {
            let launched = self.launcher.launch(order).await;
            tokio::time::sleep(by.unwrap_or_default()).await;
            launched
        })
    }

    fn work_dir(&self, kernel_id: Uuid) -> PathBuf {
        self.launcher.work_dir(kernel_id)
    }

    fn forget(&self, kernel_id: Uuid) -> BoxFuture<'_, ()> {
        self.launcher.forget(kernel_id)
    }
}

impl House {
    /// One whose first start of a kernel takes that much longer.
    pub(crate) async fn slow_at_first(settings: Settings, by: Duration) -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        let launcher = PlainLauncher::new(workshop(folder.path()).await);
        let launcher: Arc<dyn Launcher> = Arc::new(SlowAtFirst { launcher, by: Mutex::new(Some(by)) });
        let files = folder.path().to_owned();
        Self::with_launchers(folder, settings, launcher.into(), files).await
    }
}
