//! The ends of kernels and executions that did not end by themselves: whether each is told with its right outcome and
//! cause, and how soon after the process's death.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fenxi_proto::{
    analysis::v1::{
        DeathCause, ExecuteRequest, FinishedEvent, KernelState, Outcome, WatchKernelRequest, output_event::Event,
    },
    time::duration,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    Scale, delete,
    peers::{Peers, Server},
    process, run, within,
};
use crate::{
    bench::{
        figure::{Figure, median},
        processes,
    },
    client::{Client, Run, request_id},
    house::House,
};

const ROUNDS_MAX: usize = 3;
const CASE_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether a process lives. The time of a death is when it was last seen alive, so that what is
/// told of it is told no sooner than measured.
const LOOK_INTERVAL: Duration = Duration::from_micros(500);
/// Memory that the kernels of this part may have, in bytes.
pub const MEMORY_MAX_BYTES: u64 = 1_000_000_000;
/// Processes and threads that they may have, an idle one 11 of them. A fork of a kernel takes 3 MB, page tables most of it,
/// and 27 where it tells of an interrupt: so few of them that a bomb meets this limit, and not that of memory.
pub const PROCESSES_MAX: u32 = 32;

/// What happens to a kernel, and how it has to be told.
struct Case {
    name: &'static str,
    code: &'static str,
    time_limit: Option<Duration>,
    /// The kernel is killed from outside once the code prints.
    killed: bool,
    outcome: Outcome,
    /// Its cause and exit code or signal, if the kernel dies.
    death: Option<(DeathCause, i32)>,
    /// The output is cut.
    cut: bool,
    /// Measured in the first round only: it takes long.
    once: bool,
}

const CASE: Case = Case {
    name: "",
    code: "",
    time_limit: None,
    killed: false,
    outcome: Outcome::Killed,
    death: None,
    cut: false,
    once: false,
};

const CASES: [Case; 10] = [
    Case { name: "exit code", code: "import os; os._exit(7)", death: Some((DeathCause::Exit, 7)), ..CASE },
    Case {
        name: "segmentation fault",
        code: "import ctypes; ctypes.string_at(0)",
        death: Some((DeathCause::Signal, 11)),
        ..CASE
    },
    Case {
        name: "SIGKILL from inside",
        code: "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        death: Some((DeathCause::Signal, 9)),
        ..CASE
    },
    Case {
        name: "SIGKILL from outside",
        code: "import time; print('on', flush=True); time.sleep(600)",
        killed: true,
        death: Some((DeathCause::Signal, 9)),
        ..CASE
    },
    Case {
        name: "memory limit",
        // Slowly: a limit on data, which is above, would be met first, and is an error of the program.
        code: "import time\nheld = []\nwhile True: held.append(bytearray(b'x' * 2_000_000)); time.sleep(0.005)",
        // By the system, which holds the kernel to its limit.
        death: Some((DeathCause::Memory, 9)),
        ..CASE
    },
    Case {
        name: "time limit",
        code: "import time; time.sleep(600)",
        time_limit: Some(Duration::from_secs(1)),
        outcome: Outcome::TimedOut,
        ..CASE
    },
    Case {
        name: "time limit, unheeded",
        code: "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(1)",
        time_limit: Some(Duration::from_secs(1)),
        outcome: Outcome::TimedOut,
        death: Some((DeathCause::Unresponsive, 0)),
        once: true,
        ..CASE
    },
    Case {
        name: "process bomb",
        code: "import subprocess\nheld = []\nwhile True: held.append(subprocess.Popen(['sleep', '600']))",
        outcome: Outcome::Error,
        ..CASE
    },
    Case {
        name: "process bomb that doubles",
        code: "import os, time\ntry:\n    while True: os.fork()\nexcept OSError:\n    time.sleep(600)",
        time_limit: Some(Duration::from_secs(2)),
        outcome: Outcome::TimedOut,
        ..CASE
    },
    Case {
        name: "output flood",
        code: "while True: print('x' * 999)",
        time_limit: Some(Duration::from_secs(3)),
        outcome: Outcome::TimedOut,
        cut: true,
        ..CASE
    },
];

/// What became of a case.
struct Told {
    run: Run,
    /// From the death until both the end of the execution and the kernel's state had been told.
    after: Option<Duration>,
}

/// `death_told_ms` and `death_cause_wrong`.
///
/// # Errors
/// A call failed, or a peer could not be measured.
pub async fn death(house: &House, client: &Client, peers: &Peers, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let rounds = scale.runs.min(ROUNDS_MAX);
    let (mut told, mut wrong, mut slowest) = (Vec::new(), 0, ("", 0.0));
    for round in 0..rounds {
        for case in CASES.iter().filter(|case| round == 0 || !case.once) {
            match within(CASE_MAX, case.name, try_case(house, client, case)).await {
                Ok(ms) => {
                    slowest = ms.filter(|ms| *ms > slowest.1).map_or(slowest, |ms| (case.name, ms));
                    told.extend(ms);
                }
                Err(error) => {
                    wrong += 1;
                    say(case, &error);
                }
            }
        }
    }
    let (server, gateway) =
        (peers.death(Server::Jupyter, rounds).await?, peers.death(Server::KernelGateway, rounds).await?);
    let (what, ms) = slowest;
    let against = format!(
        "ms until Jupyter Server says `restarting` ({:.0} Kernel Gateway; ours at most {ms:.1}, {what}):",
        median(&gateway.ms)
    );
    let ends = format!("of {rounds} executions without an end at Jupyter Server:");
    let cases = CASES.iter().map(|case| if case.once { 1 } else { rounds }).sum();
    Ok(vec![
        Figure::median("death_told_ms", "ms", &told).at_most(100.0).against(against, median(&server.ms)),
        Figure { runs: cases, ..Figure::median("death_cause_wrong", "cases", &[f64::from(wrong)]) }
            .at_most(0.0)
            .against(ends, (rounds - server.ends) as f64),
    ])
}

#[expect(clippy::print_stderr, reason = "a count alone does not say what was wrong")]
fn say(case: &Case, error: &anyhow::Error) {
    eprintln!("{}: {error:#}", case.name);
}

/// Milliseconds from the death until it is told, if there is one.
async fn try_case(house: &House, client: &Client, case: &Case) -> anyhow::Result<Option<f64>> {
    let kernel_id = client.kernel(&[]).await?.kernel_id;
    run(client, &kernel_id, "1+1").await?;
    let told = tell(house, client, &kernel_id, case).await?;
    check(case, &told)?;
    if case.death.is_none() {
        run(client, &kernel_id, "1+1").await.context("afterwards")?;
    }
    delete(client, &kernel_id).await?;
    Ok(told.after.map(|after| after.as_secs_f64() * 1e3))
}

async fn tell(house: &House, client: &Client, kernel_id: &str, case: &Case) -> anyhow::Result<Told> {
    let pid = process(house, kernel_id)?;
    let dead = watch(client, kernel_id).await?;
    let seen = spawn_blocking(move || last_seen_alive(pid));
    let request = ExecuteRequest {
        kernel_id: kernel_id.into(),
        code: case.code.into(),
        request_id: request_id(),
        time_limit: case.time_limit.map(|limit| duration(i64::try_from(limit.as_micros()).unwrap_or(i64::MAX))),
        ..ExecuteRequest::default()
    };
    let mut stream = client.executions().execute(request).await?.into_inner();
    let (mut run, mut finished) = (Run::default(), Instant::now());
    let mut killed = None;
    while let Some(message) = stream.message().await? {
        finished = Instant::now();
        let event = message.event.as_ref().and_then(|event| event.event.as_ref());
        if case.killed && killed.is_none() && matches!(event, Some(Event::Stream(_))) {
            killed = Some(Instant::now());
            kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL)?;
        }
        run.events.extend(message.event);
    }
    run.check()?;
    if case.death.is_none() {
        // Nobody waits for the death of a kernel that lives; both end with it.
        return Ok(Told { run, after: None });
    }
    let (seen, dead) = (seen.await?.context("the process lives")?, dead.await??);
    let died = killed.unwrap_or(seen);
    Ok(Told { run, after: Some(finished.max(dead).saturating_duration_since(died)) })
}

/// Tells when the kernel is told to be dead.
async fn watch(client: &Client, kernel_id: &str) -> anyhow::Result<JoinHandle<anyhow::Result<Instant>>> {
    let request = WatchKernelRequest { kernel_id: kernel_id.into() };
    let mut stream = client.kernels().watch_kernel(request).await?.into_inner();
    Ok(tokio::spawn(async move {
        while let Some(message) = stream.message().await? {
            if message.kernel.is_some_and(|kernel| kernel.state() == KernelState::Dead) {
                return Ok(Instant::now());
            }
        }
        anyhow::bail!("the watch ended before the kernel")
    }))
}

/// When the process was last seen alive; `None` if it lives on.
fn last_seen_alive(pid: u32) -> Option<Instant> {
    let limit = Instant::now() + CASE_MAX;
    let mut seen = Instant::now();
    while processes::is_alive(pid) {
        seen = Instant::now();
        if seen > limit {
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "on a thread that may block; the runtime's clock is coarser")]
        std::thread::sleep(LOOK_INTERVAL);
    }
    Some(seen)
}

fn check(case: &Case, told: &Told) -> anyhow::Result<()> {
    let FinishedEvent { death, dropped_bytes, .. } = told.run.finished().context("no end")?;
    let outcome = told.run.outcome();
    ensure!(outcome == case.outcome, "{outcome:?} instead of {:?}: {death:?}", case.outcome);
    let found = death.as_ref().map(|death| (death.cause(), death.exit_code + death.signal));
    ensure!(found == case.death, "{found:?} instead of {:?}: {death:?}", case.death);
    let marked = told.run.events.iter().any(|event| matches!(event.event, Some(Event::Truncated(_))));
    ensure!(marked == case.cut && (*dropped_bytes > 0) == case.cut, "{dropped_bytes} bytes dropped, marked: {marked}");
    Ok(())
}
