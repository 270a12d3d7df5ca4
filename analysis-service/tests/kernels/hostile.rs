//! Code that leaves files behind for the next start of its kernel, which begins before anything keeps it apart.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use fenxi_proto::analysis::v1::KernelState;

use crate::{
    house::{House, USER, apart, fork_light_kernels, python, settings, soon, until_state},
    specs::{describe, stock},
};
use analysis_service::kernels::{KernelHandle, registry::NewKernel};

/// Leaves its name in the kernel's folder where it is run by what is not kept apart yet: no filter of system calls.
fn tell(name: &str, proof: &Path) -> String {
    format!(
        "for line in open('/proc/self/status'):\n    if line.startswith('Seccomp:') and line.split()[1] != '2':\n        \
         open({proof:?}, 'a').write('{name} ')\n"
    )
}

/// Plants modules of the names that a start imports, and what an interpreter runs by itself.
fn plant(work: &Path, proof: &Path, modules: &[&str]) {
    for module in modules {
        let file = work.join(module);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, tell(module, proof)).expect("written");
    }
    // Where the interpreter's environment is one of its own this is not read in any case.
    let site = work.join(".local/lib/python3.11/site-packages");
    fs::create_dir_all(&site).expect("made");
    fs::write(site.join("early.pth"), format!("import sys; exec({:?})\n", tell("pth", proof))).expect("written");
}

/// What of a kernel's own files is run before it is kept apart when it is started again.
async fn run_early(house: &House, kernel: &KernelHandle, modules: &[&str]) -> String {
    until_state(kernel, KernelState::Idle).await;
    let work = house.files.join("work").join(kernel.kernel_id().to_string());
    let proof = work.join("proof");
    plant(&work, &proof, modules);
    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("started again");
    assert_eq!(house.printed(kernel, "import os; print(os.getcwd() == os.environ['HOME'])").await, "True\n");
    assert_eq!(house.printed(kernel, "print(os.getcwd())").await.trim(), work.to_str().expect("text"));
    fs::read_to_string(proof).unwrap_or_default()
}

const OURS: [&str; 4] =
    ["fenxi_kernel/__init__.py", "fenxi_kernel/foreign.py", "fenxi_kernel/__main__.py", "sitecustomize.py"];

#[tokio::test]
async fn a_plain_start_runs_nothing_of_the_kernels_own_files_early() {
    let house = House::held_to(settings(), apart()).await;
    let kernel = house.kernel().await;
    let modules = [&OURS[..], &["json.py", "argparse.py", "socket.py"]].concat();
    assert_eq!(run_early(&house, &kernel, &modules).await, "");
    // Once it is kept apart, its folder is where modules are looked for first, as in every notebook.
    assert_eq!(house.printed(&kernel, "import sys; print(sys.path[0] == os.getcwd())").await, "True\n");
}

#[tokio::test]
async fn another_kind_of_kernel_runs_nothing_of_its_own_files_early() {
    for forked in [false, true] {
        let dir = tempfile::tempdir_in("/tmp").expect("a folder");
        let specs = dir.path().join("specs");
        describe(&specs, "stock", &stock(&python(), "signal"));
        let house = match forked {
            true => House::with_forked_kinds(settings(), &specs).await,
            false => House::with_kinds(settings(), &specs).await,
        };
        let new = NewKernel { kernel_spec: "stock".into(), ..House::new_kernel() };
        let kernel = house.create(new).await.expect("a kernel");
        assert_eq!(run_early(&house, &kernel, &OURS[..3]).await, "", "forked: {forked}");
    }
}

#[tokio::test]
async fn a_forked_kernel_runs_nothing_of_its_own_files_early() {
    fork_light_kernels().await;
    let house = House::new().await;
    let kernel = house.kernel().await;
    let modules = [&OURS[..], &["json.py", "socket.py", "fcntl.py"]].concat();
    assert_eq!(run_early(&house, &kernel, &modules).await, "");
}

#[tokio::test]
async fn no_kernel_of_a_service_that_is_root_is_root() {
    if fs::metadata("/proc/self").expect("there").uid() != 0 {
        return;
    }
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let specs = dir.path().join("specs");
    describe(&specs, "stock", &stock(&python(), "signal"));
    let house = House::with_kinds(settings(), &specs).await;
    for kind in ["", "stock"] {
        let new = NewKernel { kernel_spec: kind.into(), ..House::new_kernel() };
        let kernel = house.create(new).await.expect("a kernel");
        let users = house.printed(&kernel, "import os; print(*os.getresuid(), *os.getresgid(), *os.getgroups())").await;
        let users: Vec<u32> = users.split_whitespace().map(|user| user.parse().expect("a number")).collect();
        assert!(users.len() == 6 && users.iter().all(|user| *user >= apart().uid_first), "{kind}: {users:?}");
        let layers = kernel.snapshot().isolation.clone().expect("layers").layers;
        assert!(["mount", "uid"].iter().all(|layer| layers.iter().any(|has| has == layer)), "{kind}: {layers:?}");
    }
}
