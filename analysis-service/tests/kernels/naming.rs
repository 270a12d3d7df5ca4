//! A kernel's name: changed once for each request, on disk before it is told, and kept.

use std::sync::Arc;

use analysis_service::kernels::{
    model::{Kernel, KernelError},
    registry::NewKernel,
};
use fenxi_proto::analysis::v1::KernelState;
use uuid::Uuid;

use crate::house::{House, USER, settings, soon, until_state};

async fn rename(house: &House, kernel_id: Uuid, request: u128, name: &str) -> Result<Arc<Kernel>, KernelError> {
    soon(house.registry.rename(USER, kernel_id, Some(Uuid::from_u128(request)), name.into())).await
}

fn name(house: &House, kernel_id: Uuid) -> String {
    house.registry.kernel(USER, kernel_id).expect("it is known").snapshot().display_name.clone()
}

#[tokio::test]
pub(crate) async fn a_kernel_is_renamed_once_for_each_request() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let kernel_id = kernel.kernel_id();
    let before = kernel.snapshot();
    let renamed = rename(&house, kernel_id, 7, "first").await.expect("renamed");
    assert_eq!(renamed.display_name, "first");
    assert!(renamed.revision > before.revision, "who watches is not told");
    assert_eq!(renamed.last_activity_time, before.last_activity_time, "a name is no use of it");
    rename(&house, kernel_id, 8, "second").await.expect("renamed");
    let again = rename(&house, kernel_id, 7, "first").await.expect("answered");
    assert_eq!(again.display_name, "second", "it was renamed back");
    let reused = rename(&house, kernel_id, 7, "third").await;
    assert!(matches!(reused, Err(KernelError::RequestIdReused)), "{reused:?}");
    let reused = soon(house.registry.restart(USER, kernel_id, Some(Uuid::from_u128(7)))).await;
    assert!(matches!(reused, Err(KernelError::RequestIdReused)), "{reused:?}");
    assert_eq!(name(&house, kernel_id), "second");

    soon(house.registry.restart(USER, kernel_id, None)).await.expect("restarted");
    assert_eq!(until_state(&kernel, KernelState::Idle).await.display_name, "second");
}

#[tokio::test]
pub(crate) async fn a_dead_kernel_is_renamed_and_the_next_service_knows() {
    let house = House::new().await;
    let kernel_id = house.kernel().await.kernel_id();
    rename(&house, kernel_id, 7, "alive").await.expect("renamed");
    let house = house.after(settings()).await;
    let kernel = house.registry.kernel(USER, kernel_id).expect("it is known");
    assert_eq!((kernel.snapshot().state, name(&house, kernel_id)), (KernelState::Dead, "alive".into()));
    let renamed = rename(&house, kernel_id, 8, "dead").await.expect("renamed");
    assert_eq!((renamed.state, renamed.display_name.as_str()), (KernelState::Dead, "dead"));
    let house = house.after(settings()).await;
    assert_eq!(name(&house, kernel_id), "dead");
    rename(&house, kernel_id, 7, "alive").await.expect("answered");
    assert_eq!(name(&house, kernel_id), "dead", "it was renamed back");
}

#[tokio::test]
pub(crate) async fn a_name_that_is_not_on_disk_is_not_told() {
    let house = House::new().await;
    let kernel_id = house.kernel().await.kernel_id();
    rename(&house, kernel_id, 7, "kept").await.expect("renamed");
    house
        .edit(
            "CREATE TRIGGER broken BEFORE UPDATE OF display_name ON kernels
             BEGIN SELECT RAISE(ABORT, 'broken'); END",
        )
        .await;
    let failed = rename(&house, kernel_id, 8, "lost").await;
    assert!(matches!(failed, Err(KernelError::Store(_))), "{failed:?}");
    assert_eq!(name(&house, kernel_id), "kept");
    house.edit("DROP TRIGGER broken").await;
    rename(&house, kernel_id, 8, "found").await.expect("the request was not taken");
    assert_eq!(name(&house, kernel_id), "found");
}

#[tokio::test]
pub(crate) async fn a_name_that_is_taken_away_leaves_the_first_tables() {
    let house = House::new().await;
    let table = house.dataset("sales", "pa.table({'a': [1]})");
    let new = NewKernel { display_name: "mine".into(), datasets: vec![House::table(table, "")], ..House::new_kernel() };
    let kernel_id = house.create(new).await.expect("a kernel").kernel_id();
    assert_eq!(name(&house, kernel_id), "mine");
    for _ in 0..2 {
        assert_eq!(rename(&house, kernel_id, 7, "").await.expect("renamed").display_name, "sales");
    }
}
