//! A launcher that is slow the first time, and what is left of the start that it was too slow for.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use analysis_service::kernels::{
    launch::{LaunchError, Launched, Launcher, Order},
    model::Settings,
};
use fenxi_proto::analysis::v1::{Death, DeathCause, KernelState, Outcome};
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::house::{House, USER, fork_light_kernels, settings, soon, until_state};

/// Starts kernels, the first one when it is told to: all that follows is ready long before a start may not take longer.
struct SlowAtFirst {
    launcher: Arc<dyn Launcher>,
    told: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Launcher for SlowAtFirst {
    fn launch(&self, order: Order) -> BoxFuture<'_, Result<Launched, LaunchError>> {
        let told = self.told.lock().expect("whole").take();
        Box::pin(async move {
            let launched = self.launcher.launch(order).await;
            if let Some(told) = told {
                told.await.expect("it is told to");
            }
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
    /// One whose first start of a kernel comes to its end when it is told to.
    pub(crate) async fn slow_at_first(settings: Settings) -> (Self, oneshot::Sender<()>) {
        let forks = fork_light_kernels().await;
        soon(forks.launcher.prepared()).await;
        let (tell, told) = oneshot::channel();
        let launcher: Arc<dyn Launcher> = Arc::clone(&forks.launcher) as _;
        let launcher: Arc<dyn Launcher> = Arc::new(SlowAtFirst { launcher, told: Mutex::new(Some(told)) });
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        let house = Self::with_launchers(folder, settings, launcher.into(), forks.files()).await;
        (house, tell)
    }
}

#[tokio::test]
async fn what_is_left_of_a_start_that_took_too_long_does_not_end_the_next() {
    let (house, tell) = House::slow_at_first(Settings { start_max: Duration::from_secs(5), ..settings() }).await;
    let kernel = house.create(House::new_kernel()).await.expect("a kernel");
    let dead = until_state(&kernel, KernelState::Dead).await;
    assert_eq!(dead.death.as_ref().map(Death::cause), Some(DeathCause::StartFailed));
    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    // It would be long ready now, beside what would end it.
    let ready = tokio::time::timeout(Duration::from_secs(2), until_state(&kernel, KernelState::Idle)).await;
    assert!(ready.is_err(), "it is started before the former start has come to its end");
    tell.send(()).expect("the first is on its way");
    assert_eq!(house.run(&kernel, "1").await.outcome(), Outcome::Ok);
}

#[tokio::test]
async fn whoever_asks_again_for_a_deletion_is_told_when_it_is_done() {
    let (house, tell) = House::slow_at_first(Settings { start_max: Duration::from_secs(1), ..settings() }).await;
    let kernel = house.create(House::new_kernel()).await.expect("a kernel");
    until_state(&kernel, KernelState::Dead).await;
    let (kernel_id, request) = (kernel.kernel_id(), Some(Uuid::from_u128(7)));
    // It waits for what is left of the late start.
    let first = house.registry.delete(USER, kernel_id, request);
    let again = async {
        let done = house.registry.delete(USER, kernel_id, request).await;
        (done, house.registry.kernel(USER, kernel_id).is_err())
    };
    let late = async { tell.send(()).expect("the first is on its way") };
    let (first, (again, is_gone), ()) = tokio::join!(first, again, late);
    first.expect("deleted");
    again.expect("deleted");
    assert!(is_gone, "it was told before it was done");
}
