//! How kernels come to be on this machine, as administrators are told: what is in force, and why what is better is not.

use std::time::Duration;

use fenxi_chassis::{
    caller::token::Role,
    client::{Bearer, channel},
};
use fenxi_proto::analysis::v1::{
    GetKernelSupportRequest, GetKernelSupportResponse, IsolationLevel, KernelStart,
    kernel_service_client::KernelServiceClient,
};
use nix::sys::signal::Signal;
use tonic::{Code, Status};

use crate::{house::soon, machine::Machine};

async fn asked(machine: &Machine, role: Role) -> Result<GetKernelSupportResponse, Status> {
    let bearer = Bearer::new(&machine.auth.caller(machine.user_id, role)).expect("a header");
    let mut kernels = KernelServiceClient::with_interceptor(channel(&machine.url).expect("an address"), bearer);
    Ok(soon(kernels.get_kernel_support(GetKernelSupportRequest {})).await?.into_inner())
}

/// What is told once the way has been found.
async fn told(machine: &Machine) -> GetKernelSupportResponse {
    soon(async {
        loop {
            let support = asked(machine, Role::Administrator).await.expect("an answer");
            if support.start() != KernelStart::Unspecified {
                return support;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

async fn is_as_kernels_are(kernel_start: &'static str, start: KernelStart) {
    let machine = Machine::start_with(kernel_start).await;
    let support = told(&machine).await;
    assert_eq!((support.start(), support.wanted_start()), (start, start));
    assert_eq!(support.failures, []);
    let user = machine.user();
    let kernel_id = user.kernel().await;
    user.run(&kernel_id, "1").await;
    let kernel = user.get(&kernel_id).await;
    assert_eq!((kernel.start(), kernel.isolation), (start, support.isolation.clone()), "a kernel says something else");
    let level = support.isolation.as_ref().expect("layers").level();
    let of_level = support.levels.iter().find(|support| support.level() == level).expect("the level in force");
    assert_eq!(of_level.missing, Vec::<String>::new(), "it is in force without its layers");
    assert!(support.levels.iter().any(|support| support.level() == IsolationLevel::Strict), "{:?}", support.levels);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_programs_of_their_own_start_is_told_to_administrators() {
    is_as_kernels_are("plain", KernelStart::Plain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_forks_start_is_told_to_administrators() {
    is_as_kernels_are("fork", KernelStart::Forked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_told_with_its_reason_and_to_administrators_alone() {
    let mut machine = Machine::start_with("fork").await;
    machine.break_forks("of no use today");
    machine.replace(Signal::SIGTERM).await;
    let support = told(&machine).await;
    assert_eq!((support.start(), support.wanted_start()), (KernelStart::Plain, KernelStart::Forked));
    let failed: Vec<_> = support.failures.iter().map(|failure| failure.start()).collect();
    assert_eq!(failed, [KernelStart::Forked, KernelStart::ForkedWarm]);
    assert!(support.failures.iter().all(|failure| failure.reason.contains("of no use today")), "{support:?}");
    let refused = asked(&machine, Role::Member).await.expect_err("told to anyone");
    assert_eq!(refused.code(), Code::PermissionDenied);
}
