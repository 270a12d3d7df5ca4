//! What a kernel is held to beside memory and time: processors, open files.

use std::time::Duration;

use analysis_service::kernels::launch::Apart;
use fenxi_chassis::clock::Clock;
use fenxi_proto::analysis::v1::KernelState;

use crate::house::{House, Ran, apart, fork_kernels, settings, until_state};

/// Computes in so many processes, all of them from this time on for two seconds.
fn burn(processes: usize, from_micros: i64) -> String {
    format!(
        "
import os, time
def burn():
    begin = {from_micros} / 1e6
    while time.time() < begin: time.sleep(0.001)
    while time.time() < begin + 2: pass
children = [pid for pid in (os.fork() for _ in range({processes})) if pid or burn() or os._exit(0)]
for pid in children: os.waitpid(pid, 0)
"
    )
}

/// A time by which every process has been forked.
fn soon_micros() -> i64 {
    Clock::system().now_micros() + 1_500_000
}

fn cpu_secs(ran: &Ran) -> f64 {
    let cpu = ran.end.cpu_duration.expect("measured");
    Duration::new(cpu.seconds.unsigned_abs(), cpu.nanos.unsigned_abs()).as_secs_f64()
}

#[tokio::test]
async fn a_limit_on_processors_holds_for_all_that_a_kernel_starts() {
    let house = House::held_to(settings(), Apart { cpu_max_percent: Some(50), ..apart() }).await;
    let kernel = house.kernel().await;
    house.run(&kernel, "0").await;
    let Some(percent) = kernel.snapshot().limits.cpu_percent else {
        // This machine hands out no control group of processors, and the kernel says that nothing is in force.
        return;
    };
    assert_eq!(percent, 50);
    let cpu = cpu_secs(&house.run(&kernel, &burn(4, soon_micros())).await);
    // Four processes of two seconds each are given one second, and what forking took.
    assert!((0.1..1.7).contains(&cpu), "{cpu} s");
}

#[tokio::test]
async fn kernels_share_the_processors_alike_however_many_processes_they_have() {
    tokio::task::spawn_blocking(fork_kernels).await.expect("forks");
    let house = House::new().await;
    let (herd, alone) = (house.kernel().await, house.kernel().await);
    for kernel in [&herd, &alone] {
        house.run(kernel, "0").await;
    }
    let layers = alone.snapshot().isolation.clone().expect("layers").layers;
    if !layers.iter().any(|layer| layer == "cgroup") {
        return;
    }
    let processors = std::thread::available_parallelism().expect("known").get();
    let from = soon_micros();
    let (many, few) = (burn(8 * processors, from), burn(processors, from));
    let (many, few) = tokio::join!(house.run(&herd, &many), house.run(&alone, &few));
    let (many, few) = (cpu_secs(&many), cpu_secs(&few));
    // Alike were 1; by processes it were an eighth.
    assert!(few > many / 3.0, "{few} s beside {many} s of a herd");
}

#[tokio::test]
async fn a_kernel_stands_behind_the_service_for_good() {
    let ours = std::fs::read_to_string("/proc/self/stat").expect("read");
    let nice: i32 =
        ours.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(16)).expect("nice").parse().expect("one");
    let code = "
import os
print(os.nice(0), int(open('/proc/self/oom_score_adj').read()))
for what in (lambda: os.nice(-1), lambda: os.setpriority(os.PRIO_PROCESS, 0, 0)):
    try: what()
    except OSError: print('refused')
try:
    with open('/proc/self/oom_score_adj', 'w') as file: file.write('0')
except OSError: pass
print(int(open('/proc/self/oom_score_adj').read()))
";
    for forked in [false, true] {
        if forked {
            tokio::task::spawn_blocking(fork_kernels).await.expect("forks");
        }
        let house = House::new().await;
        let kernel = house.kernel().await;
        // Memory is taken back by a service that is not root: the system lets a process lower what it has raised itself.
        let after = if nix::unistd::geteuid().is_root() { 500 } else { 0 };
        let expected = format!("{} 500\nrefused\nrefused\n{after}\n", (nice + 5).min(19));
        assert_eq!(house.printed(&kernel, code).await, expected, "forked: {forked}");
    }
}

#[tokio::test]
async fn the_files_that_a_kernel_may_have_open_are_a_setting() {
    let house = House::held_to(settings(), Apart { open_files_max: 256, ..apart() }).await;
    let kernel = house.kernel().await;
    let code = "
held = []
try:
    while True: held.append(open('/dev/null'))
except OSError as error: print(error.strerror, 100 < len(held) < 256)
held.clear()";
    assert_eq!(house.printed(&kernel, code).await, "Too many open files True\n");
    until_state(&kernel, KernelState::Idle).await;
}
