//! What a kernel is held to beside memory and time: processors, open files, its files.

use std::time::Duration;

use analysis_service::kernels::{
    launch::Apart,
    model::{Enforced, KernelError, KernelLimits, Settings},
};
use fenxi_chassis::clock::Clock;
use fenxi_proto::analysis::v1::{DeathCause, KernelState, NoticeKind, Outcome, output_event::Event};
use uuid::Uuid;

use crate::house::{
    House, Ran, UNTIL_GO, USER, apart, fork_light_kernels, settings, soon, until, until_kernel, until_state,
};

const STRANGER: Uuid = Uuid::from_u128(0xB);

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

/// How often it is tried whether kernels share alike.
const SHARINGS_MAX: usize = 5;

/// A time by which every process has been forked.
fn soon_micros() -> i64 {
    Clock::system().now_micros() + 1_500_000
}

fn cpu_secs(ran: &Ran) -> f64 {
    let cpu = ran.end.cpu_duration.expect("measured");
    Duration::new(cpu.seconds.unsigned_abs(), cpu.nanos.unsigned_abs()).as_secs_f64()
}

/// Whether a control group that shares out processors can be made here, by making one: in our own group of version 1, or
/// at the top of version 2 where that hands them down.
fn gives_groups_of_processors() -> bool {
    let groups = std::fs::read_to_string("/proc/self/cgroup").expect("read");
    let own = groups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == "cpu").then(|| path.trim_start_matches('/').to_owned())
    });
    let top = std::path::Path::new("/sys/fs/cgroup");
    let (folder, file) = match own {
        Some(path) => (top.join("cpu").join(path), "cpu.shares"),
        None => (top.to_owned(), "cpu.weight"),
    };
    let probe = folder.join(format!("probe-{}", std::process::id()));
    let made = std::fs::create_dir(&probe).is_ok();
    let gives = made && std::fs::write(probe.join(file), "50").is_ok();
    if made {
        std::fs::remove_dir(&probe).expect("empty");
    }
    gives
}

#[tokio::test]
async fn a_limit_on_processors_holds_for_all_that_a_kernel_starts() {
    let house = House::held_to(settings(), Apart { cpu_max_percent: Some(50), ..apart() }).await;
    let kernel = house.kernel().await;
    house.run(&kernel, "0").await;
    let percent = kernel.snapshot().limits.cpu_percent;
    if percent.is_none() {
        assert!(!gives_groups_of_processors(), "there could be a limit");
        return;
    }
    assert_eq!(percent, Some(50));
    let cpu = cpu_secs(&house.run(&kernel, &burn(4, soon_micros())).await);
    // Four processes of two seconds each are given one second, and what forking took.
    assert!((0.1..1.7).contains(&cpu), "{cpu} s");
}

#[tokio::test]
async fn kernels_share_the_processors_alike_however_many_processes_they_have() {
    fork_light_kernels().await;
    let house = House::new().await;
    let (herd, alone) = (house.kernel().await, house.kernel().await);
    for kernel in [&herd, &alone] {
        house.run(kernel, "0").await;
    }
    let layers = alone.snapshot().isolation.clone().expect("layers").layers;
    if !layers.iter().any(|layer| layer == "cgroup") {
        assert!(!gives_groups_of_processors(), "there could be groups");
        return;
    }
    let processors = std::thread::available_parallelism().expect("known").get();
    let mut shares = Vec::new();
    // Shared alike it were 1, shared by processes an eighth. What else the machine does can take from the few what they
    // would get, and gives them nothing: once is enough.
    while shares.len() < SHARINGS_MAX && shares.last().is_none_or(|share| *share < 1.0 / 3.0) {
        let from = soon_micros();
        let (many, few) = (burn(8 * processors, from), burn(processors, from));
        let (many, few) = tokio::join!(house.run(&herd, &many), house.run(&alone, &few));
        shares.push(cpu_secs(&few) / cpu_secs(&many));
    }
    assert!(shares.last().is_some_and(|share| *share > 1.0 / 3.0), "the few had so much beside a herd: {shares:?}");
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
            fork_light_kernels().await;
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

#[tokio::test]
async fn a_kernel_says_what_the_machine_holds_it_to_and_is_held_to_that() {
    let code = "
import json, os, resource
def limit(which): return resource.getrlimit(which)[0]
told = {'files': limit(resource.RLIMIT_NOFILE), 'file': limit(resource.RLIMIT_FSIZE)}
told['processes'] = limit(resource.RLIMIT_NPROC)
tmp = os.statvfs('/tmp')
told['tmp'] = tmp.f_blocks * tmp.f_frsize
print(json.dumps(told))";
    for forked in [false, true] {
        if forked {
            fork_light_kernels().await;
        }
        let house = House::new().await;
        let kernel = house.kernel().await;
        assert_eq!(kernel.snapshot().limits.enforced, Enforced::default(), "nothing of it is known yet");
        let told: serde_json::Value = serde_json::from_str(&house.printed(&kernel, code).await).expect("told");
        let kernel = kernel.snapshot();
        let (enforced, layers) = (kernel.limits.enforced, &kernel.isolation.as_ref().expect("known").layers);
        assert_eq!((enforced.open_files, enforced.file_bytes), (4096, 4 << 30));
        assert_eq!((&told["files"], &told["file"]), (&4096.into(), &(4_u64 << 30).into()));
        let has = |layer: &str| layers.iter().any(|held| held == layer);
        assert_eq!(enforced.tmp_bytes, has("mount").then_some(1 << 30), "{layers:?}");
        if has("mount") {
            // A page for the folder itself, of each of the two.
            let bytes = told["tmp"].as_u64().expect("a size");
            assert!(((1 << 30)..(1 << 30) + 16 * MIB).contains(&bytes), "{bytes}");
        }
        if has("uid") || has("user") {
            assert_eq!((enforced.processes, &told["processes"]), (Some(512), &512.into()));
        }
        assert!(has("cgroup") || enforced.is_memory_soft, "nobody else counts it: {layers:?}");
    }
}

const MIB: u64 = 1 << 20;

fn held_to_files(bytes: Option<u64>, files: Option<u64>) -> Settings {
    let limits = KernelLimits { disk_max_bytes: bytes, disk_max_files: files, ..settings().limits };
    Settings { limits, ..settings() }
}

fn notices(ran: &Ran, kind: NoticeKind) -> Vec<&str> {
    let texts = ran.events.iter().filter_map(|event| match event {
        Event::Notice(notice) if notice.kind() == kind => Some(notice.text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Writes so many MiB at once, and after what is to come before that more and more, slowly.
fn fill(first_mib: u32, before_more: &str) -> String {
    format!(
        "
import os, time
kept = 'a variable'
file = open('large', 'wb')
file.write(os.urandom({first_mib} << 20)); file.flush()
{before_more}
while True:
    file.write(os.urandom(1 << 18)); file.flush(); time.sleep(0.2)"
    )
}

#[tokio::test]
async fn files_above_their_limit_are_told_and_stop_the_code_that_adds_to_them() {
    let house = House::with(held_to_files(Some(20 * MIB), None)).await;
    let kernel = house.kernel().await;
    let (_, mut reader) = house.send(&kernel, &fill(19, UNTIL_GO)).await;
    let high = |event: &Event| matches!(event, Event::Notice(notice) if notice.kind() == NoticeKind::DiskHigh);
    let Event::Notice(near) = until(&mut reader, high).await else { panic!("a notice") };
    assert!(near.text.contains("near"), "{}", near.text);
    house.go(&kernel).await;
    let ran = Ran::read(reader).await;
    assert_eq!(ran.outcome(), Outcome::Interrupted, "{:?}", ran.events);
    let told = notices(&ran, NoticeKind::DiskHigh);
    assert!(told.len() == 1 && told[0].contains("of 20 MiB"), "{told:?}");
    // Its variables are there, and it can make room.
    assert_eq!(house.printed(&kernel, "import os; os.remove('large'); print(kept)").await, "a variable\n");
    let more = "with open('small', 'wb') as file: file.write(os.urandom(1 << 20))";
    assert_eq!(house.run(&kernel, more).await.outcome(), Outcome::Ok);
}

#[tokio::test]
async fn a_kernel_that_goes_on_adding_files_is_ended_and_can_be_started_again() {
    let house = House::with(held_to_files(Some(20 * MIB), None)).await;
    let kernel = house.kernel().await;
    let code = format!(
        "import threading
threading.Thread(target=exec, args=({:?}, globals())).start()
time = __import__('time')
time.sleep(600)",
        fill(15, "")
    );
    house.run(&kernel, &code).await;
    let dead = until_state(&kernel, KernelState::Dead).await;
    let death = dead.death.clone().expect("a death");
    assert_eq!(death.cause(), DeathCause::Limit);
    assert!(death.detail.contains("files") && death.detail.contains("of 20 MiB"), "{}", death.detail);
    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    let looks = "import os, time; time.sleep(1); print(os.path.getsize('large') > 20 << 20); os.remove('large')";
    assert_eq!(house.printed(&kernel, looks).await, "True\n");
}

#[tokio::test]
async fn a_kernel_that_adds_at_each_start_is_not_started_for_ever() {
    let house = House::with(held_to_files(Some(20 * MIB), None)).await;
    let kernel = house.kernel().await;
    let adds = "
import os, time
with open(str(time.time()), 'wb') as file: file.write(os.urandom(30 << 20))
time.sleep(600)";
    for starts in 1.. {
        house.run(&kernel, adds).await;
        let dead = until_state(&kernel, KernelState::Dead).await;
        assert_eq!(dead.death.as_ref().map(|death| death.cause()), Some(DeathCause::Limit));
        let Err(refused) = soon(house.registry.restart(USER, kernel.kernel_id(), None)).await else {
            assert!(starts < 6, "it is started again and again");
            continue;
        };
        assert!(matches!(refused, KernelError::Files { quota: "kernel_disk_max_bytes", .. }), "{refused:?}");
        assert!(refused.to_string().contains("of 20 MiB") && starts > 3, "{refused}");
        return;
    }
}

#[tokio::test]
async fn many_files_are_too_many_however_small() {
    let house = House::with(held_to_files(None, Some(2_000))).await;
    let kernel = house.kernel().await;
    let code = "
import os, time
os.makedirs('a/b')
for number in range(100_000):
    os.mkdir(f'a/b/{number}'); time.sleep(0.02 if number > 1_900 else 0)";
    let ran = house.run(&kernel, code).await;
    assert_eq!(ran.outcome(), Outcome::Interrupted, "{:?}", ran.events);
    let told = notices(&ran, NoticeKind::DiskHigh);
    assert!(told.last().is_some_and(|text| text.contains("of 2000 files")), "{told:?}");
}

#[tokio::test]
async fn the_files_of_a_users_kernels_count_together_also_of_ended_ones() {
    let house = House::with(Settings { user_disk_max_bytes: Some(5 * MIB), ..settings() }).await;
    let kernel = house.kernel().await;
    let writes = "import os\nwith open('large', 'wb') as file: file.write(os.urandom(8 << 20))\nos._exit(0)";
    house.run(&kernel, writes).await;
    until_kernel(&kernel, |kernel| kernel.state == KernelState::Dead && kernel.disk_bytes >= 8 * MIB).await;
    let refused = house.create(House::new_kernel()).await.expect_err("it is started");
    assert!(matches!(refused, KernelError::Room { quota: "kernel_user_disk_max_bytes", .. }), "{refused:?}");
    assert!(refused.to_string().contains("8 of 5 MiB; delete one first"), "{refused}");
    soon(house.registry.create(STRANGER, House::new_kernel())).await.expect("another user's");

    // The next service finds what lies there.
    let kernel_id = kernel.kernel_id();
    let house = house.after(Settings { user_disk_max_bytes: Some(5 * MIB), ..settings() }).await;
    let kernel = house.registry.kernel(USER, kernel_id).expect("it is known");
    assert!(kernel.snapshot().disk_bytes >= 8 * MIB, "nothing counts until it is looked at");
    assert!(house.create(House::new_kernel()).await.is_err());
    soon(house.registry.delete(USER, kernel_id, None)).await.expect("deleted");
    house.kernel().await;
}

#[tokio::test]
async fn the_files_of_all_kernels_count_together() {
    let house = House::with(Settings { all_disk_max_bytes: Some(5 * MIB), ..settings() }).await;
    let kernel = house.kernel().await;
    house
        .run(&kernel, "import os\nwith open('large', 'wb') as file: file.write(os.urandom(8 << 20))\nos._exit(0)")
        .await;
    until_kernel(&kernel, |kernel| kernel.state == KernelState::Dead && kernel.disk_bytes >= 8 * MIB).await;
    let refused = house.registry.create(STRANGER, House::new_kernel()).await.expect_err("it is started");
    assert!(matches!(refused, KernelError::Room { quota: "kernels_disk_max_bytes", .. }), "{refused:?}");
    assert!(refused.to_string().contains("8 of 5 MiB; delete one of yours"), "{refused}");
    let refused = house.registry.restart(USER, kernel.kernel_id(), None).await.expect_err("it is started");
    assert!(matches!(refused, KernelError::Room { quota: "kernels_disk_max_bytes", .. }), "{refused:?}");
    soon(house.registry.delete(USER, kernel.kernel_id(), None)).await.expect("deleted");
    soon(house.registry.create(STRANGER, House::new_kernel())).await.expect("there is room again");
}

#[tokio::test]
async fn memory_of_all_kernels_together_is_held_by_the_largest() {
    let limit = 600 * MIB;
    let house = House::with(Settings { memory_max_bytes: Some(limit), ..settings() }).await;
    let (small, large) = (house.kernel().await, house.kernel().await);
    house.run(&small, "kept = 'small'").await;
    let grow = "
import time
held = globals().get('held', [])
while True:
    held.append(bytearray(b'x' * (2 << 20))); time.sleep(0.05)";
    let ran = house.run(&large, grow).await;
    assert_eq!(ran.outcome(), Outcome::Interrupted, "{:?}", ran.events);
    let told = notices(&ran, NoticeKind::MemoryHigh);
    assert!(told.len() == 2 && told[0].contains("near") && told[1].contains("of 600 MiB"), "{told:?}");
    let refused = house.registry.create(STRANGER, House::new_kernel()).await.expect_err("it is started");
    assert!(matches!(refused, KernelError::Room { quota: "kernels_memory_max_bytes", .. }), "{refused:?}");

    // Whoever goes on is ended; the others are not.
    let deaf = format!("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN){grow}");
    let ran = house.run(&large, &deaf).await;
    assert_eq!(ran.outcome(), Outcome::Killed, "{:?}", ran.events);
    let death = ran.end.death.expect("a death");
    assert_eq!(death.cause(), DeathCause::Memory, "{death:?}");
    assert!(death.detail.contains("together") && death.detail.contains("largest"), "{}", death.detail);
    assert_eq!(house.printed(&small, "print(kept)").await, "small\n");
    until_state(&large, KernelState::Dead).await;
    soon(house.registry.create(STRANGER, House::new_kernel())).await.expect("there is room again");
}

#[tokio::test]
async fn memory_of_a_users_kernels_together_is_held() {
    let house = House::with(Settings { user_memory_max_bytes: Some(10 * MIB), ..settings() }).await;
    let kernel = house.kernel().await;
    until_kernel(&kernel, |kernel| kernel.held_bytes > 10 * MIB || kernel.state == KernelState::Dead).await;
    let refused = house.create(House::new_kernel()).await.expect_err("it is started");
    assert!(matches!(refused, KernelError::Room { quota: "kernel_user_memory_max_bytes", .. }), "{refused:?}");
    soon(house.registry.create(STRANGER, House::new_kernel())).await.expect("another user's");
}
