//! Code that leaves files behind for the next start of its kernel, which begins before anything keeps it apart.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use fenxi_proto::analysis::v1::KernelState;
use nix::sys::stat::Mode;

use crate::{
    house::{House, USER, apart, fork_kernels, python, settings, soon, until_state},
    specs::{describe, stock},
};
use analysis_service::kernels::{
    KernelHandle,
    launch::{Apart, Level},
    registry::NewKernel,
};

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
    tokio::task::spawn_blocking(fork_kernels).await.expect("forks");
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

/// Starts processes each of which starts another in a session of its own and ends: none lives for long, and they go on for
/// minutes. As long as any does, the file is open.
const CHAINS: &str = "
import subprocess, sys
chain = '''
import os, time
alive = open(\"alive\", \"w\")
until = time.monotonic() + 300
for _ in range(15):
    if os.fork() == 0:
        break
print(\"on\", flush=True)
while time.monotonic() < until:
    if os.fork():
        os._exit(0)
    os.setsid()
'''
chains = subprocess.Popen([sys.executable, '-c', chain], start_new_session=True, stdout=subprocess.PIPE)
assert chains.stdout.read(48) == b'on\\n' * 16
print('started')
";

async fn ends_with_its_kernel(house: &House) {
    let kernel = house.kernel().await;
    until_state(&kernel, KernelState::Idle).await;
    let alive = house.files.join("work").join(kernel.kernel_id().to_string()).join("alive");
    nix::unistd::mkfifo(&alive, Mode::S_IRWXU).expect("a pipe");
    fs::set_permissions(&alive, fs::Permissions::from_mode(0o777)).expect("set");
    let mut open = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&alive).expect("opened");
    assert_eq!(house.printed(&kernel, CHAINS).await, "started\n");
    soon(house.registry.delete(USER, kernel.kernel_id(), None)).await.expect("deleted");
    // Nobody writes to it: without an end of the pipe, somebody could.
    assert_eq!(open.read(&mut [0]).expect("the kernel is deleted, and its processes go on"), 0);
}

#[tokio::test]
async fn processes_that_start_others_and_end_do_not_outlive_their_kernel() {
    ends_with_its_kernel(&House::held_to(settings(), apart()).await).await;
    // As nobody of its own, and in no group.
    ends_with_its_kernel(&House::held_to(settings(), Apart { level: Level::None, ..apart() }).await).await;
}

#[tokio::test]
async fn processes_that_start_others_and_end_do_not_outlive_a_forked_kernel() {
    tokio::task::spawn_blocking(fork_kernels).await.expect("forks");
    ends_with_its_kernel(&House::new().await).await;
}
