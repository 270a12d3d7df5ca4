//! UpdateKernel: who may rename what, and who is told.

use fenxi_proto::{
    analysis::v1::{
        Kernel, KernelState, ListKernelsRequest, RestartKernelRequest, UpdateKernelRequest, WatchKernelRequest,
    },
    error::{ErrorReason, reason_of},
};
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::house::{House, User, id, soon};

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![path.into()] })
}

fn rename(kernel_id: &str, name: &str, request_id: &str) -> UpdateKernelRequest {
    UpdateKernelRequest {
        kernel: Some(Kernel { kernel_id: kernel_id.into(), display_name: name.into(), ..Kernel::default() }),
        update_mask: mask("display_name"),
        request_id: request_id.into(),
    }
}

async fn update(user: &User, request: UpdateKernelRequest) -> Result<Kernel, Status> {
    let updated = soon(user.kernels.clone().update_kernel(request)).await?;
    Ok(updated.into_inner().kernel.expect("a kernel"))
}

async fn listed(user: &User) -> Vec<String> {
    let list = soon(user.kernels.clone().list_kernels(ListKernelsRequest::default())).await.expect("a list");
    list.into_inner().kernels.into_iter().map(|kernel| kernel.display_name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_is_seen_by_all_and_kept() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel_id = user.kernel().await;
    user.run(&kernel_id, "1+1").await;
    let request = WatchKernelRequest { kernel_id: kernel_id.clone() };
    let mut watch = user.kernels.clone().watch_kernel(request).await.expect("watched").into_inner();
    let request_id = id();
    for _ in 0..2 {
        let renamed = update(&user, rename(&kernel_id, " 销售 ", &request_id)).await.expect("renamed");
        assert_eq!(renamed.display_name, "销售");
    }
    let told = async {
        while watch.message().await.expect("told").expect("more").kernel.is_none_or(|k| k.display_name != "销售") {}
    };
    soon(told).await;
    let reused = update(&user, rename(&kernel_id, "other", &request_id)).await.expect_err("refused");
    assert_eq!(reason_of(&reused), Some(ErrorReason::RequestIdReused));
    assert_eq!(listed(&user).await, ["销售"]);
    drop(watch);
    house.stop().await;

    house.start_again().await;
    let user = house.user_called(user.user_id);
    let kernel = user.get(&kernel_id).await;
    assert_eq!((kernel.display_name.as_str(), kernel.state()), ("销售", KernelState::Dead));
    update(&user, rename(&kernel_id, "ended", "")).await.expect("a dead one has a name too");
    assert_eq!(listed(&user).await, ["ended"]);
    let restart = RestartKernelRequest { kernel_id: kernel_id.clone(), request_id: id() };
    soon(user.kernels.clone().restart_kernel(restart)).await.expect("restarted");
    user.run(&kernel_id, "1+1").await;
    assert_eq!(user.get(&kernel_id).await.display_name, "ended");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_name_is_refused_and_a_foreign_kernel_is_unknown() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel_id = user.kernel().await;
    let good = "名".repeat(200);
    update(&user, rename(&kernel_id, &good, "")).await.expect("200 characters");
    let masked = |update_mask| UpdateKernelRequest { update_mask, ..rename(&kernel_id, "name", "") };
    for bad in [
        rename(&kernel_id, &"x".repeat(201), ""),
        rename(&kernel_id, "a\nb", ""),
        rename(&kernel_id, "name", "no id"),
        masked(None),
        masked(mask("state")),
        UpdateKernelRequest { kernel: None, ..masked(mask("display_name")) },
    ] {
        let refused = update(&user, bad.clone()).await.expect_err("refused");
        assert_eq!(reason_of(&refused), Some(ErrorReason::InvalidField), "{bad:?}");
    }
    let stranger = house.user();
    let mut answers = Vec::new();
    for unknown in [kernel_id.as_str(), &id(), "x"] {
        let status = update(&stranger, rename(unknown, "mine", &id())).await.expect_err("unknown");
        assert_eq!(status.code(), Code::NotFound, "{status}");
        answers.push((status.message().to_owned(), status.details().to_vec()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "the answers differ");
    assert_eq!(user.get(&kernel_id).await.display_name, good);
    house.stop().await;
}
