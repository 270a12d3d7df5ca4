//! From the start to idleness: tables, restarts, what a kernel can see, what it leaves behind.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use analysis_service::kernels::registry::NewKernel;
use fenxi_proto::analysis::v1::{DeathCause, KernelState, NoticeKind, Outcome, StreamName, output_event::Event};
use futures_util::future::join_all;

use crate::house::{House, Ran, UNTIL_GO, USER, settings, soon, until, until_kernel, until_printed, until_state};

#[tokio::test]
pub(crate) async fn tables_are_there_before_the_first_code_and_after_a_restart() {
    let house = House::new().await;
    let cars = house.dataset("cars", "pa.table({'n': pa.array([1, None], pa.int64()), 's': ['a', '分']})");
    let more = house.dataset("more", "pa.table({'x': [1.5]})");
    let datasets = vec![House::table(cars, "汽车"), House::table(more, "b")];
    let kernel = house.create(NewKernel { datasets, ..House::new_kernel() }).await.expect("a kernel");
    assert_eq!(kernel.snapshot().display_name, "cars");
    let code = "print(str(汽车.n.dtype), 汽车.s.tolist(), b.x[0]); 汽车.loc[0, 'n'] = 5; print(汽车.n[0])";
    assert_eq!(house.printed(&kernel, code).await, "Int64 ['a', '分'] 1.5\n5\n");
    let restarted = soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    assert_eq!(restarted.kernel_id, kernel.kernel_id());
    assert_eq!(house.printed(&kernel, "print(汽车.n[0])").await, "1\n");
    assert_eq!(kernel.snapshot().generation, 2);
}

#[tokio::test]
pub(crate) async fn a_table_that_cannot_be_loaded_is_said_and_the_rest_works() {
    let house = House::new().await;
    let broken = house.dataset("broken", "pa.table({'x': [1]})");
    let good = house.dataset("good", "pa.table({'x': [7]})");
    let path = house.tables.lock().expect("whole")[&broken].1.clone();
    std::fs::write(path, b"this is no Arrow file").expect("written");
    let datasets = vec![House::table(broken, "a"), House::table(good, "b")];
    let kernel = house.create(NewKernel { datasets, ..House::new_kernel() }).await.expect("a kernel");
    let ran = house.run(&kernel, "print(b.x[0])").await;
    assert_eq!((ran.outcome(), ran.text(fenxi_proto::analysis::v1::StreamName::Stdout).as_str()), (Outcome::Ok, "7\n"));
    let told = |event: &Event| {
        matches!(event, Event::Notice(notice)
            if notice.kind() == NoticeKind::DatasetNotLoaded && notice.text.contains("broken"))
    };
    assert!(ran.events.iter().any(told), "{:?}", ran.events);
}

#[tokio::test]
pub(crate) async fn a_restart_ends_what_runs_and_brings_the_dead_back() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let (_, mut running) = house.send(&kernel, "x = 1\nprint('on', flush=True)\nimport time; time.sleep(600)").await;
    until_printed(&mut running, "on").await;
    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    let ran = Ran::read(running).await;
    assert_eq!(ran.end.death.map(|death| death.cause()), Some(DeathCause::Restarted));
    let ran = house.run(&kernel, "x").await;
    assert!(matches!(ran.events.iter().rev().nth(1), Some(Event::Error(error)) if error.name == "NameError"));
    house.run(&kernel, "import os; os._exit(1)").await;
    until_state(&kernel, KernelState::Dead).await;
    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
    assert_eq!(kernel.snapshot().generation, 3);
}

#[tokio::test]
pub(crate) async fn code_sees_nothing_of_the_service() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "
import os, resource
print(open('/proc/self/environ').read().replace(chr(0), chr(10)))
print(sorted(os.environ))
print(os.getcwd(), os.path.expanduser('~'))
print(os.getsid(0) == os.getpid(), resource.getrlimit(resource.RLIMIT_CORE))
open('file', 'w').close(); print(oct(os.stat('file').st_mode & 0o777))
names = [f'/proc/self/fd/{f}' for f in os.listdir('/proc/self/fd')]
print([os.readlink(name) for name in names if os.path.exists(name)])";
    let text = house.printed(&kernel, code).await;
    let given: Vec<_> = text.lines().map_while(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let known = ["PATH", "HOME", "TMPDIR", "PYTHONPATH", "FENXI_KERNEL", "LANG"];
    assert!(given.iter().all(|name| known.contains(name) || name.ends_with("_NUM_THREADS")), "{given:?}");
    for name in known {
        assert!(text.contains(&format!("'{name}'")), "{name} is not set: {text}");
    }
    let work = house.files.canonicalize().expect("there").join("work").join(kernel.kernel_id().to_string());
    assert!(text.contains(&format!("{0} {0}\nTrue (0, 0)\n0o600", work.display())), "{text}");
    assert!(!text.contains("test.db"), "a file of the service is open in the kernel: {text}");

    // What the supervisor asks for of whoever speaks to it.
    let run = house.files.canonicalize().expect("there").join("run");
    assert!(run.join("supervisor.key").is_file(), "there is nothing to read");
    let code = format!("open({:?}).read()", run.join("supervisor.key"));
    assert_eq!(house.run(&kernel, &code).await.outcome(), Outcome::Error, "a kernel can order the supervisor about");
}

#[tokio::test]
pub(crate) async fn children_die_with_their_kernel() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "
import subprocess
a = subprocess.Popen(['sleep', '600'])
b = subprocess.Popen(['sleep', '600'], start_new_session=True)";
    house.printed(&kernel, code).await;
    // A kernel may know other process ids than the machine; what it started has its mark.
    let mark = format!("FENXI_KERNEL={}-1-", kernel.kernel_id());
    // A program that has begun has no command line for a moment.
    soon(async {
        while children_with(&mark) != 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    soon(house.registry.delete(USER, kernel.kernel_id(), None)).await.expect("deleted");
    assert_eq!(children_with(&mark), 0, "a child lives on");
}

#[tokio::test]
pub(crate) async fn code_that_keeps_the_interpreter_to_itself_has_begun() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    // No other thread is given the interpreter's lock unless the one that has it waits for something.
    house.run(&kernel, "import sys; sys.setswitchinterval(1000)").await;
    let go = house.files.join("work").join(kernel.kernel_id().to_string()).join("go");
    nix::unistd::mkfifo(&go, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    std::fs::set_permissions(&go, std::fs::Permissions::from_mode(0o666)).expect("anybody's");
    let mut fifo = std::fs::OpenOptions::new().read(true).write(true).open(&go).expect("there");
    // A call of C that keeps it until somebody writes.
    let code = "import ctypes
c = ctypes.PyDLL(None)
c.read(c.open(b'go', 2), ctypes.create_string_buffer(1), 1)";
    let (_, mut reader) = house.send(&kernel, code).await;
    until(&mut reader, |event| matches!(event, Event::Started(_))).await;
    std::io::Write::write_all(&mut fifo, b"x").expect("written");
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Ok);
}

#[tokio::test]
pub(crate) async fn what_a_cell_forks_ends_with_the_cell() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    for (child, status) in [("import sys; sys.exit(7)", 7), ("print('of the child')", 0), ("1/0", 1)] {
        let code = format!(
            "import os
pid = os.fork()
if pid == 0:
    {child}
else:
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
        );
        let printed = house.printed(&kernel, &code).await;
        assert!(printed.ends_with(&format!("{status}\n")), "{child}: {printed}");
        assert_eq!(printed.contains("of the child\n"), child.contains("of the child"), "{child}: {printed}");
    }
    assert_eq!(house.printed(&kernel, "print(1)").await, "1\n", "two answer");
}

#[tokio::test]
pub(crate) async fn an_end_is_told_once_nothing_of_the_kernel_can_speak() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    // A child of a fork has all that its parent had, the sockets as well.
    let code = "import os, time
child = os.fork()
if child == 0:
    time.sleep(600)
print(child)
os._exit(1)";
    let ran = house.run(&kernel, code).await;
    assert_eq!(ran.outcome(), Outcome::Killed);
    let child = ran.text(StreamName::Stdout);
    let layers = kernel.snapshot().isolation.clone().expect("layers").layers;
    // In a namespace of its own it has another number here, and ended with the kernel.
    let is_seen = !layers.iter().any(|layer| layer == "pid");
    let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    let lives = !state.is_empty() && !state.contains(") Z ");
    assert!(!(is_seen && lives), "a child lives on: {state}");
}

#[tokio::test]
pub(crate) async fn a_kernel_that_is_started_again_has_none_of_its_processes_from_before() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    // Where a service is not root there is no limit. A fork of the kernel itself would cost its whole table of pages.
    let fill = "import os
for _ in range(600):
    try:
        os.posix_spawn('/bin/sleep', ['sleep', '600'], {}, setsid=True)
    except OSError:
        break
print('full')";
    assert_eq!(house.printed(&kernel, fill).await, "full\n");
    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    // Below the limit, and above what it would leave if those of before counted.
    let fork = "import os
made = [os.posix_spawn('/bin/true', ['true'], {}) for _ in range(300)]
for pid in made:
    os.waitpid(pid, 0)
print('made')";
    assert_eq!(house.printed(&kernel, fork).await, "made\n");
}

/// Processes named `sleep` that have a variable which begins so.
fn children_with(mark: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let has = |name: &str, wanted: &[u8], path: &std::path::Path| {
        let text = std::fs::read(path.join(name)).unwrap_or_default();
        text.split(|byte| *byte == 0).any(|part| part.starts_with(wanted))
    };
    entries
        .filter(|entry| has("cmdline", b"sleep", &entry.path()) && has("environ", mark.as_bytes(), &entry.path()))
        .count()
}

#[tokio::test]
pub(crate) async fn ten_start_at_once() {
    let house = House::with(analysis_service::kernels::model::Settings { per_user_max: 10, ..settings() }).await;
    let places = || std::fs::read_dir(house.files.join("run")).expect("there").count();
    let before = places();
    let kernels = join_all((0..10).map(|_| house.kernel())).await;
    let ran = join_all(kernels.iter().map(|kernel| house.run(kernel, "1+1"))).await;
    assert!(ran.iter().all(|ran| ran.outcome() == Outcome::Ok && ran.result() == "2"));
    soon(house.registry.shut_down()).await;
    assert_eq!(places(), before, "folders of sockets are left");
}

#[tokio::test]
pub(crate) async fn an_idle_kernel_is_ended_and_a_working_one_is_not() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let busy = house.kernel().await;
    house.run(&kernel, "1+1").await;
    let work = "import threading\ndef work():\n    while True: sum(range(10_000))\nthreading.Thread(target=work, daemon=True).start()";
    house.run(&busy, work).await;
    let idle =
        until_kernel(&kernel, |kernel| kernel.state == KernelState::Idle && kernel.idle_end_time.is_some()).await;
    let idle_max = idle.limits.idle_max;
    assert_eq!(idle.idle_end_time, Some(idle.last_activity_time + i64::try_from(idle_max.as_micros()).expect("fits")));
    // Half of the time passes at each step, and the one that computes by itself is seen to do so before the next.
    while kernel.snapshot().state != KernelState::Dead {
        house.clock.advance(idle_max / 2 + Duration::from_secs(1));
        let now = house.clock.now_micros();
        let working = until_kernel(&busy, |kernel| kernel.last_activity_time >= now).await;
        assert_eq!(working.state, KernelState::Idle);
    }
    let dead = kernel.snapshot();
    assert_eq!(dead.death.as_ref().map(fenxi_proto::analysis::v1::Death::cause), Some(DeathCause::Idle));
    // Where stories share what starts kernels, it would compute beside all that follow.
    soon(house.registry.shut_down()).await;
}

#[tokio::test]
pub(crate) async fn memory_is_published() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    house.run(&kernel, "x = bytearray(b'1' * (200 << 20))").await;
    until_kernel(&kernel, |kernel| kernel.memory_bytes > 200 << 20 && kernel.held_bytes > 200 << 20).await;
}

#[tokio::test]
pub(crate) async fn memory_that_processes_share_is_told_once() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    // Four forks with all that the kernel has, 200 MiB among it, and 40 MiB of their own each.
    let code = format!(
        "
import os, signal, time
shared = b'1' * (200 << 20)
made = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        own = b'2' * (40 << 20)
        time.sleep(600)
    made.append(pid)
{UNTIL_GO}
for pid in made: os.kill(pid, signal.SIGKILL)"
    );
    let (_, reader) = house.send(&kernel, &code).await;
    let told = until_kernel(&kernel, |kernel| kernel.memory_bytes > 360 << 20).await.memory_bytes;
    assert!(told < 800 << 20, "{} MiB", told >> 20);
    house.go(&kernel).await;
    let ran = Ran::read(reader).await;
    let peak = ran.end.peak_memory_bytes;
    assert!((360 << 20..800 << 20).contains(&peak), "{} MiB", peak >> 20);
}

#[tokio::test]
pub(crate) async fn an_idle_kernel_gives_back_memory() {
    let house =
        House::with(analysis_service::kernels::model::Settings { release_after: Duration::ZERO, ..settings() }).await;
    let kernel = house.kernel().await;
    let count = "
import fenxi_kernel.memory as memory
released = []
release = memory.release
memory.release = lambda: (released.append(1), release())";
    house.run(&kernel, count).await;
    // What a kernel needed from the start is not worth asking for.
    house.run(&kernel, "held = bytearray(b'1' * (16 << 20))").await;
    // Each run may come before the sample that finds the kernel idle.
    let released = async { while house.printed(&kernel, "print(len(released))").await == "0\n" {} };
    soon(released).await;
}
