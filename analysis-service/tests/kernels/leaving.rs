//! A kernel whose code told it to leave, and that takes long over it.

use std::time::Duration;

use analysis_service::kernels::model::Settings;
use fenxi_proto::analysis::v1::{DeathCause, KernelState, Outcome};

use crate::house::{House, USER, settings, soon, until_state};

/// Leaves, and takes long over it.
const STAYS: &str = "import atexit, time\natexit.register(time.sleep, 600)\nexit()";

#[tokio::test]
async fn one_that_says_that_it_leaves_is_waited_for_and_not_for_ever() {
    let house = House::with(Settings { leaving_max: Duration::from_secs(4), ..settings() }).await;
    let kernel = house.kernel().await;
    assert_eq!(house.run(&kernel, STAYS).await.outcome(), Outcome::Ok);
    let death = until_state(&kernel, KernelState::Dead).await.death.clone().expect("a death");
    assert_eq!(
        (death.cause(), death.detail.contains("told it to exit")),
        (DeathCause::Unresponsive, true),
        "{death:?}"
    );
    // Nor has a person to wait for it.
    let house = House::with(Settings { leaving_max: Duration::from_secs(600), ..settings() }).await;
    let kernel = house.kernel().await;
    house.run(&kernel, STAYS).await;
    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
}
