//! Where kernels cannot be forked as they should be, they start the next best way, and everyone who asks is told which.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use analysis_service::kernels::{launch::Support, registry::Registry};
use fenxi_proto::analysis::v1::{IsolationLevel, KernelStart};

use crate::{
    house::{House, python, settings},
    interpreter::WITHOUT_LIBRARIES,
};

/// The server's own trial fails, in which the prebuilt application is to become a kernel.
const NO_KERNEL_OF_THE_APPLICATION: &str = "
from fenxi_kernel.forkserver import child
become = child.become
def become_without_application(prepared, order, *rest):
    if prepared.app is not None: raise RuntimeError('the inside has changed')
    return become(prepared, order, *rest)
child.become = become_without_application";
/// It does become one, which dies of what it is given to do.
const DIES_OF_CODE: &str = "
import os
from fenxi_kernel import app
app.FenxiKernel.do_execute = lambda *args, **kwargs: os.abort()";
/// A module that is loaded ends the process.
const ENDS: &str = "import sys; sys.exit('a library ended it')";

/// An interpreter whose fork server of a mode is broken so.
fn broken(folder: &Path, modes: &[(&str, &str)]) {
    let python = python();
    let python = python.display();
    let whole =
        [("deep", ""), ("warm", "")].into_iter().filter(|(mode, _)| modes.iter().all(|(other, _)| other != mode));
    let cases = modes.iter().copied().chain(whole).map(|(mode, how)| {
        let code = format!(
            "from fenxi_kernel.forkserver import __main__\n{WITHOUT_LIBRARIES}\n{how}\n\
             import os, sys\nos._exit(__main__.main(sys.argv[3:]))"
        );
        format!("*--mode\\ {mode}*) exec {python} -c \"{code}\" \"$@\" ;;\n")
    });
    let cases: String = cases.collect();
    let script = folder.join("python");
    fs::write(&script, format!("#!/bin/sh\ncase \"$*\" in\n{cases}*) exec {python} \"$@\" ;;\nesac\n"))
        .expect("written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("executable");
}

/// Runs code in a kernel, which says how it was started, and gives what the service says of that.
async fn start(modes: &[(&str, &str)], way: KernelStart) -> Support {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    broken(folder.path(), modes);
    let house = House::forked_by(settings(), &folder.path().join("python")).await;
    assert_eq!(house.registry.support().wanted_start, KernelStart::Forked);
    let kernel = house.kernel().await;
    assert_eq!(house.printed(&kernel, "print(1 + 2)").await, "3\n");
    let kernel = kernel.snapshot();
    assert_eq!(kernel.start, way);
    let layers = &kernel.isolation.as_ref().expect("known").layers;
    let support = Registry::support(&house.registry);
    assert_eq!(support.start, way, "{support:?}");
    let mut told = support.isolation.layers.clone();
    // A group that cannot be made is left out, and told so of the kernel alone.
    told.retain(|layer| layer != "cgroup" || layers.contains(layer));
    assert_eq!(told, *layers);
    let can =
        |level: IsolationLevel| support.levels.iter().find(|(known, _)| *known == level).expect("known").1.is_empty();
    assert!(can(IsolationLevel::None) && can(IsolationLevel::Standard), "{support:?}");
    support
}

#[tokio::test]
async fn an_application_that_becomes_no_kernel_is_built_in_each_fork_and_that_is_said() {
    let support = start(&[("deep", NO_KERNEL_OF_THE_APPLICATION)], KernelStart::ForkedWarm).await;
    let reason = &support.failures[&KernelStart::Forked];
    assert!(reason.contains("the inside has changed"), "{reason}");
    assert_eq!(support.failures.len(), 1);
}

#[tokio::test]
async fn a_deep_fork_that_fails_its_trial_is_followed_by_warm_ones() {
    let support = start(&[("deep", DIES_OF_CODE)], KernelStart::ForkedWarm).await;
    assert!(support.failures[&KernelStart::Forked].contains("failed"), "{support:?}");
    assert_eq!(support.failures.len(), 1);
}

#[tokio::test]
async fn where_nothing_can_be_forked_kernels_are_programs_of_their_own() {
    let support = start(&[("deep", DIES_OF_CODE), ("warm", ENDS)], KernelStart::Plain).await;
    assert!(support.failures[&KernelStart::ForkedWarm].contains("a library ended it"), "{support:?}");
    assert_eq!(support.failures.len(), 2);
}

#[tokio::test]
async fn where_all_is_well_nothing_is_said_to_fail() {
    let support = start(&[], KernelStart::Forked).await;
    assert!(support.failures.is_empty(), "{support:?}");
}
