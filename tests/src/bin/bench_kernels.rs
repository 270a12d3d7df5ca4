//! `make bench-kernels`: measures what kernels cost beside Jupyter's, each part in turn, and publishes each part when it
//! is done. `bench_kernels [--quick] [PART ...]`, the parts being those below; all of them if none is named. `--quick`
//! shrinks what is measured: it proves that everything can be measured, and its figures mean nothing.
//!
//! Everything ends with the run: a process that is left is ended, and the run fails.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail, ensure};
use e2e::{
    bench::{
        ROOMY,
        figure::{self, Figure},
        kernels::{self, Scale, crowd, dataset, death, execute, output, peers::Peers, pool, ready, rush},
        processes,
    },
    client::Client,
    house::House,
    program,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{sleep, timeout};

const PARTS: [&str; 8] = ["ready", "pool", "execute", "output", "death", "rush", "dataset", "crowd"];
/// How long a part may take.
const PART_MAX: Duration = Duration::from_secs(300);
/// How long after the end of everything a process may still be there.
const LEFT_MAX: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    program::end(run().map(|()| ExitCode::SUCCESS))
}

#[tokio::main]
async fn run() -> anyhow::Result<()> {
    let (flags, mut parts): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let quick = flags.iter().any(|flag| flag == "--quick");
    let known = flags.iter().all(|flag| flag == "--quick") && parts.iter().all(|part| PARTS.contains(&part.as_str()));
    ensure!(known, "usage: bench_kernels [--quick] [{}]", PARTS.join("] ["));
    if parts.is_empty() {
        parts = PARTS.map(String::from).into();
    }
    // All that is started has this path in its environment or command line, and is found by it.
    let scratch = tempfile::Builder::new().prefix("fxb").tempdir()?;
    tempfile::env::override_temp_dir(scratch.path()).ok().context("the temporary folder is set already")?;
    let measured = measure_all(&parts, if quick { Scale::QUICK } else { Scale::FULL }, scratch.path()).await;
    let left = end_what_is_left(scratch.path()).await;
    measured.and(left)
}

async fn measure_all(parts: &[String], scale: Scale, scratch: &Path) -> anyhow::Result<()> {
    let peers = Peers::open(&scratch.join("peers"))?;
    for part in parts {
        let measured = timeout(PART_MAX, measure(part, scale, &peers, scratch)).await;
        figure::publish("kernels", &measured.with_context(|| format!("{part}: not within {PART_MAX:?}"))??)?;
    }
    Ok(())
}

async fn measure(part: &str, scale: Scale, peers: &Peers, scratch: &Path) -> anyhow::Result<Vec<Figure>> {
    let mut settings = ROOMY.to_vec();
    let pool_size = pool::SIZE.to_string();
    let (memory, processes) = (death::MEMORY_MAX_BYTES.to_string(), death::PROCESSES_MAX.to_string());
    match part {
        // As its operator would set it up for a thousand kernels.
        "crowd" => settings.extend(crowd::SETTINGS),
        "death" => settings.extend([
            ("FENXI_ANALYSIS_KERNEL_MEMORY_MAX_BYTES", memory.as_str()),
            ("FENXI_ANALYSIS_KERNEL_PROCESSES_MAX", &processes),
        ]),
        "pool" => settings.push((pool::SIZE_SETTING, &pool_size)),
        _ => {}
    }
    if part != "pool" {
        // Every kernel is made when it is asked for.
        settings.push((pool::SIZE_SETTING, "0"));
    }
    settings.push(("FENXI_ANALYSIS_KERNELS_PER_USER_MAX", "1000"));
    let house = House::with(settings).await?;
    let client = Client::administrator(&house).await?;
    kernels::prepared(&client).await?;
    let figures = match part {
        "ready" => ready::ready(&house, &client, peers, scale).await?,
        "pool" => pool::pool(&house, &client, peers, scale).await?,
        "execute" => {
            let kernel_id = client.kernel(&[]).await?.kernel_id;
            let mut figures = execute::executions(&house, &client, &kernel_id).await?;
            figures.extend(execute::beside_jupyter_server(&house, &client, &kernel_id, peers).await?);
            figures
        }
        "output" => output::output(&client, peers, scale).await?,
        "death" => death::death(&house, &client, peers, scale).await?,
        "rush" => rush::rush(&client, peers, scale).await?,
        "dataset" => dataset::dataset(&house, &client, peers, scratch, scale).await?,
        "crowd" => crowd::crowd(&house, &client, scale).await?,
        other => bail!("`{other}` is no part: {}", PARTS.join(", ")),
    };
    house.stop().await?;
    Ok(figures)
}

/// Waits until nothing of this run is left; ends what does not end by itself, and names it.
async fn end_what_is_left(scratch: &Path) -> anyhow::Result<()> {
    let mut left = processes::with_path(scratch)?;
    for _ in 0..LEFT_MAX.as_secs() * 10 {
        if left.is_empty() {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
        left = processes::with_path(scratch)?;
    }
    for (pid, _) in &left {
        let _ = kill(Pid::from_raw(i32::try_from(*pid)?), Signal::SIGKILL);
    }
    bail!("{} processes were left and are ended: {left:?}", left.len())
}
