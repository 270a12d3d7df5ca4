//! A launcher that is slow the first time, and what is left of the start that it was too slow for.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use analysis_service::kernels::{
    launch::{LaunchError, Launched, Launcher, Order, PlainLauncher},
    model::Settings,
};
use fenxi_proto::analysis::v1::{Death, DeathCause, KernelState, Outcome};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::house::{House, USER, settings, soon, until_state, workshop};

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

#[tokio::test]
async fn what_is_left_of_a_start_that_took_too_long_does_not_end_the_next() {
    let late_by = Duration::from_secs(10);
    let house = House::slow_at_first(Settings { start_max: Duration::from_secs(5), ..settings() }, late_by).await;
    let kernel = house.create(House::new_kernel()).await.expect("a kernel");
    let dead = until_state(&kernel, KernelState::Dead).await;
    assert_eq!(dead.death.as_ref().map(Death::cause), Some(DeathCause::StartFailed));
    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    assert_eq!(house.run(&kernel, "import time; time.sleep(8)").await.outcome(), Outcome::Ok);
}

#[tokio::test]
async fn whoever_asks_again_for_a_deletion_is_told_when_it_is_done() {
    let settings = Settings { start_max: Duration::from_secs(1), ..settings() };
    let house = House::slow_at_first(settings, Duration::from_secs(6)).await;
    let kernel = house.create(House::new_kernel()).await.expect("a kernel");
    until_state(&kernel, KernelState::Dead).await;
    let (kernel_id, request) = (kernel.kernel_id(), Some(Uuid::from_u128(7)));
    // It waits for what is left of the late start.
    let first = house.registry.delete(USER, kernel_id, request);
    let again = async {
        let done = house.registry.delete(USER, kernel_id, request).await;
        (done, house.registry.kernel(USER, kernel_id).is_err())
    };
    let (first, (again, is_gone)) = tokio::join!(first, again);
    first.expect("deleted");
    again.expect("deleted");
    assert!(is_gone, "it was told before it was done");
}
