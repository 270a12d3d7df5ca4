//! A kernel's death is told at once with its cause, and every execution ends truthfully.

use std::time::Duration;

use analysis_service::kernels::{model::Settings, state::Ladder};
use fenxi_proto::analysis::v1::{
    DeathCause, KernelState, NoticeKind, Outcome, StopCause, StreamName, output_event::Event,
};

use crate::house::{House, Ran, UNTIL_GO, USER, settings, soon, until, until_printed, until_state};

#[tokio::test]
pub(crate) async fn an_exit_and_a_signal_are_told_apart() {
    let house = House::new().await;
    for (code, cause, exit_code, signal) in [
        ("import os; os._exit(1)", DeathCause::Exit, 1, 0),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", DeathCause::Signal, 0, 9),
        ("import ctypes; ctypes.string_at(0)", DeathCause::Signal, 0, 11),
    ] {
        let kernel = house.kernel().await;
        house.run(&kernel, "0").await;
        let layers = kernel.snapshot().isolation.clone().expect("layers").layers;
        if signal == 9 && layers.iter().any(|layer| layer == "pid") {
            // The first process of a pid namespace, as a service that is not root has it, cannot be killed from inside.
            continue;
        }
        let (_, running) = house.send(&kernel, &format!("{UNTIL_GO}{code}")).await;
        let (_, waiting) = house.send(&kernel, "1+1").await;
        house.go(&kernel).await;
        let (ran, behind) = (Ran::read(running).await, Ran::read(waiting).await);
        assert_eq!(ran.outcome(), Outcome::Killed, "{code}");
        let death = ran.end.death.expect("a death");
        assert_eq!((death.cause(), death.exit_code, death.signal), (cause, exit_code, signal), "{code}");
        assert_eq!(behind.outcome(), Outcome::Cancelled, "{code}");
        let dead = until_state(&kernel, KernelState::Dead).await;
        assert_eq!(dead.death.as_ref().map(fenxi_proto::analysis::v1::Death::cause), Some(cause));
        assert!(kernel.reserve().await.is_err(), "a dead kernel takes work");
        if signal == 11 {
            assert!(death.detail.contains("Segmentation fault"), "where it was is lost: {}", death.detail);
        }
        soon(house.registry.delete(USER, kernel.kernel_id(), None)).await.expect("deleted");
    }
}

#[tokio::test]
pub(crate) async fn what_was_said_before_a_death_is_kept() {
    let house = House::new().await;
    for (says, lines) in [
        ("print('bye')", 1),
        ("print('bye', flush=True)", 1),
        ("for number in range(5000): print(number, flush=True)", 5000),
        ("for number in range(5000): print(number)", 5000),
    ] {
        for ends in ["import os; os._exit(3)", "import ctypes; ctypes.string_at(0)"] {
            let kernel = house.kernel().await;
            // The very first code of a kernel, too.
            let ran = house.run(&kernel, &format!("{says}\n{ends}")).await;
            assert_eq!(ran.outcome(), Outcome::Killed);
            let begun = ran.events.iter().filter(|event| matches!(event, Event::Started(_))).count();
            assert_eq!(begun, 1, "{says}; {ends}");
            let printed = ran.text(StreamName::Stdout);
            assert_eq!(printed.lines().count(), lines, "{says}; {ends}: {printed}");
            assert!(printed.ends_with(if lines == 1 { "bye\n" } else { "\n4999\n" }), "{says}; {ends}");
            soon(house.registry.delete(USER, kernel.kernel_id(), None)).await.expect("deleted");
        }
    }
}

#[tokio::test]
pub(crate) async fn of_much_that_was_said_before_a_death_the_end_is_kept_and_the_rest_counted() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    // More than the kernel keeps beside, in one piece that is not sent any more; and something to stderr.
    let code = "import os, sys\nprint('of stderr', file=sys.stderr)\nprint('哎' * 60_000 + 'end')\nos._exit(3)";
    let ran = house.run(&kernel, code).await;
    assert_eq!(ran.text(StreamName::Stderr), "of stderr\n");
    let printed = ran.text(StreamName::Stdout);
    assert!(printed.ends_with("哎end\n"), "the end is lost");
    let of = |event: &Event| if let Event::Truncated(cut) = event { cut.dropped_bytes } else { 0 };
    let dropped: i64 = ran.events.iter().map(of).sum();
    assert_eq!(printed.len() as i64 + dropped, 60_000 * 3 + 4);
    assert_eq!(ran.end.dropped_bytes, dropped);
}

#[tokio::test]
pub(crate) async fn leaving_by_exit_is_an_end_and_then_a_death() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let ran = house.run(&kernel, "exit()").await;
    assert_eq!(ran.outcome(), Outcome::Ok);
    let dead = until_state(&kernel, KernelState::Dead).await;
    let death = dead.death.clone().expect("a death");
    assert_eq!((death.cause(), death.exit_code), (DeathCause::Exit, 0));
}

#[tokio::test]
pub(crate) async fn what_waits_behind_an_exit_ends_with_the_kernel_and_does_not_run() {
    let house = House::new().await;
    for leave in ["exit()", "quit()", "get_ipython().ask_exit()"] {
        let kernel = house.kernel().await;
        let (_, leaving) = house.send(&kernel, &format!("{UNTIL_GO}{leave}")).await;
        let (_, first) = house.send(&kernel, "open('ran', 'w').close()").await;
        let (_, second) = house.send(&kernel, "open('ran', 'w').close()").await;
        house.go(&kernel).await;
        assert_eq!(Ran::read(leaving).await.outcome(), Outcome::Ok);
        for waited in [first, second] {
            let end = Ran::read(waited).await.end;
            assert_eq!((end.outcome(), end.stop_cause()), (Outcome::Cancelled, StopCause::Kernel), "{leave}");
            assert_eq!(end.death.map(|death| (death.cause(), death.exit_code)), Some((DeathCause::Exit, 0)));
        }
        until_state(&kernel, KernelState::Dead).await;
        soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
        assert_eq!(house.printed(&kernel, "import os; print(os.path.exists('ran'))").await, "False\n");
    }
    // It stays where it is told to.
    let kernel = house.kernel().await;
    house.printed(&kernel, "exit(keep_kernel=True)").await;
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
}

#[tokio::test]
pub(crate) async fn a_person_interrupts_sleep_loop_and_await() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    for code in
        ["import time; time.sleep(600)", "while True: pass", "import asyncio; await asyncio.sleep(600)", "input()"]
    {
        let (execution_id, mut reader) = house.send(&kernel, &format!("print('on', flush=True)\n{code}")).await;
        until_printed(&mut reader, "on").await;
        assert!(soon(kernel.cancel(execution_id, None)).await);
        until(
            &mut reader,
            |event| matches!(event, Event::Notice(notice) if notice.kind() == NoticeKind::InterruptSent),
        )
        .await;
        assert_eq!(Ran::read(reader).await.outcome(), Outcome::Interrupted, "{code}");
    }
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
}

#[tokio::test]
pub(crate) async fn an_interrupt_that_comes_before_the_code_has_begun_is_not_lost() {
    // Only the first SIGINT can help here: the next step of the ladder is farther away than the story's patience.
    let never = Duration::from_secs(7_200);
    let ladder = Ladder { again: never, stacks: never, kill: never, ..Ladder::default() };
    let house = House::with(Settings { ladder, ..settings() }).await;
    let kernel = house.kernel().await;
    for _ in 0..20 {
        let mut watch = kernel.watch();
        let (execution_id, reader) = house.send(&kernel, "while True: pass").await;
        soon(watch.wait_for(|kernel| kernel.running_execution_id.is_some())).await.expect("the kernel lives");
        assert!(soon(kernel.cancel(execution_id, None)).await);
        assert_eq!(Ran::read(reader).await.outcome(), Outcome::Interrupted);
    }
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
}

#[tokio::test]
pub(crate) async fn a_time_limit_interrupts_by_itself() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let limit = Some(Duration::from_millis(200));
    let (_, reader) = house.send_with(&kernel, "import time; time.sleep(600)", limit, true).await;
    let ran = Ran::read(reader).await;
    assert_eq!(ran.outcome(), Outcome::TimedOut);
    assert!(format!("{:?}", ran.events).contains("TimeLimit"), "{:?}", ran.events);
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
}

#[tokio::test]
pub(crate) async fn code_that_heeds_no_interrupt_is_killed_and_says_so() {
    let millis = Duration::from_millis;
    // A step that comes late leaves out the one before.
    let ladder = Ladder { again: millis(200), stacks: millis(2_500), kill: millis(5_000), ..Ladder::default() };
    let house = House::with(Settings { ladder, ..settings() }).await;
    let deaf = "
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print('on', flush=True)
while True: time.sleep(1)";
    let kernel = house.kernel().await;
    let (execution_id, mut reader) = house.send(&kernel, deaf).await;
    until_printed(&mut reader, "on").await;
    assert!(soon(kernel.cancel(execution_id, None)).await);
    let ran = Ran::read(reader).await;
    assert_eq!(ran.outcome(), Outcome::Killed);
    assert_eq!(ran.end.death.as_ref().map(fenxi_proto::analysis::v1::Death::cause), Some(DeathCause::Unresponsive));
    let steps =
        |event: &&Event| matches!(event, Event::Notice(notice) if notice.kind() == NoticeKind::InterruptEscalated);
    assert_eq!(ran.events.iter().filter(steps).count(), 2, "{:?}", ran.events);
    let stacks = ran.events.iter().find_map(|event| match event {
        Event::Notice(notice) if notice.kind() == NoticeKind::Stacks => Some(notice.text.as_str()),
        _ => None,
    });
    let stacks = stacks.expect("where it stood");
    assert!(stacks.contains("thread 0x") && stacks.contains("File"), "{stacks}");

    let kernel = house.kernel().await;
    let (_, reader) = house.send_with(&kernel, deaf, Some(Duration::from_millis(500)), false).await;
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::TimedOut);
}

#[tokio::test]
pub(crate) async fn a_reply_alone_does_not_save_code_that_goes_on() {
    let millis = Duration::from_millis;
    let ladder = Ladder { again: millis(100), stacks: millis(200), kill: millis(300), settle: millis(2_000) };
    let house = House::with(Settings { ladder, ..settings() }).await;
    // It sends its reply, heeds nothing, and is never silent.
    let deaf = "
import signal, time
kernel = get_ipython().kernel
send = kernel.session.send
def goes_on(stream, kind, *rest, **more):
    sent = send(stream, kind, *rest, **more)
    if kind == 'execute_reply':
        getattr(stream, 'flush', lambda: None)()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True: print('on', flush=True); time.sleep(0.1)
    return sent
kernel.session.send = goes_on";
    // By then it has come as far as to heed nothing.
    for limit in [None, Some(millis(4_000))] {
        let kernel = house.kernel().await;
        let (execution_id, mut reader) = house.send_with(&kernel, deaf, limit, false).await;
        until_printed(&mut reader, "on").await;
        if limit.is_none() {
            assert!(soon(kernel.cancel(execution_id, None)).await);
        }
        let ran = Ran::read(reader).await;
        let expected = if limit.is_none() { Outcome::Killed } else { Outcome::TimedOut };
        assert_eq!(ran.outcome(), expected, "{:?}", ran.events);
        assert_eq!(ran.end.death.as_ref().map(fenxi_proto::analysis::v1::Death::cause), Some(DeathCause::Unresponsive));
    }
}

#[tokio::test]
pub(crate) async fn a_kernel_over_its_memory_limit_is_warned_and_killed() {
    let mut settings = settings();
    settings.limits.memory_bytes = Some(300 << 20);
    let house = House::with(settings).await;
    let kernel = house.kernel().await;
    // A limit on data first: an allocation that is far too large is an error of the program.
    let ran = house.run(&kernel, "x = bytearray(1 << 40)").await;
    assert!(matches!(ran.events.iter().rev().nth(1), Some(Event::Error(error)) if error.name == "MemoryError"));
    // It heeds nothing that the guard says. Near the limit it is so slow that a guard who is slow, too, sees it there.
    let code = "
import time
held = [bytearray(b'x' * (1 << 20)) for _ in range(100)]
while True:
    try:
        held.append(bytearray(b'x' * (1 << 20)))
        time.sleep(0.05)
    except KeyboardInterrupt:
        pass";
    let ran = house.run(&kernel, code).await;
    assert_eq!(ran.outcome(), Outcome::Killed);
    let death = ran.end.death.expect("a death");
    assert_eq!(death.cause(), DeathCause::Memory, "{death:?}");
    assert!(ran.end.peak_memory_bytes > 250 << 20);
    let warned = |event: &Event| matches!(event, Event::Notice(notice) if notice.kind() == NoticeKind::MemoryHigh);
    assert!(ran.events.iter().any(warned), "{:?}", ran.events);
}

#[tokio::test]
pub(crate) async fn processor_time_of_children_that_live_at_a_death_counts() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    // One below the kernel and one that has lost its parent, each with what it started and waited for.
    let code = "
import os, sys, time
def work():
    until = time.process_time() + 0.5
    while time.process_time() < until: pass
def child(name):
    started = os.fork()
    if started == 0:
        work()
        os._exit(0)
    os.waitpid(started, 0)
    work()
    open(name, 'w').close()
    time.sleep(600)
if os.fork() == 0: child('one')
between = os.fork()
if between == 0:
    if os.fork() == 0: child('two')
    os._exit(0)
os.waitpid(between, 0)
while not (os.path.exists('one') and os.path.exists('two')): time.sleep(0.01)
os.kill(os.getpid(), 9)";
    let ran = house.run(&kernel, code).await;
    assert_eq!(ran.outcome(), Outcome::Killed, "{:?}", ran.events);
    let cpu = ran.end.cpu_duration.expect("known");
    // Two seconds, of which the system tells whole ticks alone: eight numbers, each short by less than 10 ms.
    let millis = cpu.seconds * 1_000 + i64::from(cpu.nanos) / 1_000_000;
    assert!(millis >= 2_000 - 8 * 10, "{cpu:?}");
}

#[tokio::test]
pub(crate) async fn what_fills_the_memory_is_interrupted_and_its_variables_stay() {
    // One interrupt is to do, however long its traceback takes.
    let never = Duration::from_secs(7_200);
    let ladder = Ladder { again: never, stacks: never, kill: never, ..Ladder::default() };
    let mut settings = Settings { ladder, ..settings() };
    settings.limits.memory_bytes = Some(400 << 20);
    let house = House::with(settings).await;
    let kernel = house.kernel().await;
    // Near the limit it is so slow that a guard who is slow, too, sees it there.
    let code = "
import time
held = [bytearray(b'x' * (1 << 20)) for _ in range(200)]
while True:
    held.append(bytearray(b'x' * (1 << 20)))
    time.sleep(0.05)";
    let (_, reader) = house.send(&kernel, code).await;
    let (_, waiting) = house.send(&kernel, "held.append(1)").await;
    let ran = Ran::read(reader).await;
    assert_eq!(ran.outcome(), Outcome::Interrupted, "{:?}", ran.end);
    let kind = |event: &Event| match event {
        Event::Notice(notice) => Some(notice.kind()),
        _ => None,
    };
    let kinds: Vec<_> = ran.events.iter().filter_map(kind).collect();
    assert_eq!(kinds, [NoticeKind::MemoryHigh, NoticeKind::MemoryInterrupt]);
    assert_eq!(Ran::read(waiting).await.outcome(), Outcome::Cancelled, "what waited met a full memory");
    // What frees memory is let run, though there is as much of it as before.
    let code = "print(len(held) > 100)\ntime.sleep(0.5)\nheld.clear()";
    assert_eq!(house.printed(&kernel, code).await, "True\n");
    assert_eq!(kernel.snapshot().generation, 1);
}

#[tokio::test]
pub(crate) async fn an_error_cancels_what_waits_unless_told_otherwise() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    for (continue_on_error, behind) in [(false, Outcome::Cancelled), (true, Outcome::Ok)] {
        let (_, failing) = house.send_with(&kernel, &format!("{UNTIL_GO}1/0"), None, continue_on_error).await;
        let (_, waiting) = house.send(&kernel, "1+1").await;
        house.go(&kernel).await;
        assert_eq!(Ran::read(failing).await.outcome(), Outcome::Error);
        assert_eq!(Ran::read(waiting).await.outcome(), behind);
    }
}

#[tokio::test]
pub(crate) async fn deleting_a_kernel_ends_what_runs_and_what_waits() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let (_, mut running) = house.send(&kernel, "print('on', flush=True)\nimport time; time.sleep(600)").await;
    let (_, waiting) = house.send(&kernel, "1+1").await;
    until_printed(&mut running, "on").await;
    soon(house.registry.delete(USER, kernel.kernel_id(), None)).await.expect("deleted");
    let ran = Ran::read(running).await;
    assert_eq!(ran.outcome(), Outcome::Killed);
    assert_eq!(ran.end.death.map(|death| death.cause()), Some(DeathCause::Deleted));
    assert_eq!(Ran::read(waiting).await.outcome(), Outcome::Cancelled);
    assert!(house.registry.kernel(USER, kernel.kernel_id()).is_err());
    assert!(!house.files.join("work").join(kernel.kernel_id().to_string()).exists(), "its files are left");
}

#[tokio::test]
pub(crate) async fn code_that_breaks_its_own_channels_has_an_end() {
    let house = House::new().await;
    // It closes every descriptor it has; it writes noise into every socket. Neither hangs anything.
    let closes = "import os, time\nos.closerange(3, 1000)\ntime.sleep(600)";
    let noise = "
import os, stat, time
for fd in range(3, 256):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            os.set_blocking(fd, False)
            os.write(fd, b'\\xff' * 4096)
    except OSError:
        pass
time.sleep(600)";
    for code in [closes, noise] {
        let kernel = house.kernel().await;
        let ran = house.run(&kernel, code).await;
        assert_eq!(ran.outcome(), Outcome::Killed, "{code}");
        until_state(&kernel, KernelState::Dead).await;
    }
}
