//! From nothing to a kernel with the libraries of an analysis, and the memory that it has for itself, beside a plain
//! ipykernel; one of each in turn.

use std::time::Instant;

use super::{LIBRARIES, MB, Scale, delete, makers, peers::Peers, process, run, settle};
use crate::{
    bench::{
        cpu,
        figure::{Figure, median},
        processes,
    },
    client::Client,
    house::House,
};

/// A file of about 10 MB, written by code that keeps nothing of it.
const WRITE: &str = r#"
with open("sales.csv", "w") as file:
    file.write("id,amount,share,day,region,note\n")
    for row in range(200_000):
        region = ("north", "south", "east", "west")[row % 4]
        file.write(f"{row},{row * 7 % 100_000}.{row % 100:02},{row % 997 / 997:.6f},2024-{row % 12 + 1:02}-{row % 28 + 1:02},{region},note {row % 1000}\n")
"#;
/// A small analysis of it.
const ANALYSIS: [&str; 3] = [
    "df = pandas.read_csv('sales.csv')",
    "df.describe(), df.groupby('region')[['amount', 'share']].mean()",
    "df['amount'].hist(bins=50); matplotlib.pyplot.show()",
];

/// One kernel's figures.
#[derive(Default)]
struct Runs {
    ready_ms: Vec<f64>,
    cpu_ms: Vec<f64>,
    idle_mb: Vec<f64>,
    used_mb: Vec<f64>,
}

/// `kernel_ready_*` and `kernel_uss_*`.
///
/// # Errors
/// A call failed, or the peer could not be measured.
pub async fn ready(house: &House, client: &Client, peers: &Peers, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let (mut ours, mut theirs) = (Runs::default(), Runs::default());
    // The first run of each warms the machine's files up and is not counted.
    for counted in std::iter::once(false).chain(std::iter::repeat_n(true, scale.runs)) {
        let (mut our, mut their) = (Runs::default(), Runs::default());
        one_of_ours(house, client, if counted { &mut ours } else { &mut our }).await?;
        one_of_theirs(peers, if counted { &mut theirs } else { &mut their }).await?;
    }
    let speedup = median(&theirs.ready_ms) / median(&ours.ready_ms);
    let cold = "ms of a plain ipykernel, cold:";
    let figure = |name, runs: &[f64]| Figure::median(name, "mb", runs);
    Ok(vec![
        Figure { runs: scale.runs, ..Figure::median("kernel_ready_speedup", "ratio", &[speedup]) }
            .at_least(25.0)
            .against(cold, median(&theirs.ready_ms)),
        Figure::median("kernel_ready_ms", "ms", &ours.ready_ms).against(cold, median(&theirs.ready_ms)),
        Figure::median("kernel_ready_cpu_ms", "ms", &ours.cpu_ms)
            .at_most(60.0)
            .against("cpu ms of a plain ipykernel:", median(&theirs.cpu_ms)),
        figure("kernel_uss_idle_mb", &ours.idle_mb)
            .at_most(14.0)
            .against("mb of a plain ipykernel:", median(&theirs.idle_mb)),
        figure("kernel_uss_used_mb", &ours.used_mb)
            .at_most(65.0)
            .against("mb of a plain ipykernel:", median(&theirs.used_mb)),
    ])
}

async fn one_of_ours(house: &House, client: &Client, runs: &mut Runs) -> anyhow::Result<()> {
    let makers = makers(house)?;
    let (start, before) = (Instant::now(), cpu::used_by(&makers)?);
    let kernel_id = client.kernel(&[]).await?.kernel_id;
    run(client, &kernel_id, LIBRARIES).await?;
    let ready = start.elapsed();
    let made = cpu::used_by(&makers)?;
    let pid = process(house, &kernel_id)?;
    let used = made - before + cpu::used(pid)?;
    runs.ready_ms.push(ready.as_secs_f64() * 1e3);
    runs.cpu_ms.push(used.as_secs_f64() * 1e3);
    settle().await;
    runs.idle_mb.push(processes::private_bytes(pid)? as f64 / MB);
    run(client, &kernel_id, WRITE).await?;
    for cell in ANALYSIS {
        run(client, &kernel_id, cell).await?;
    }
    settle().await;
    runs.used_mb.push(processes::private_bytes(pid)? as f64 / MB);
    delete(client, &kernel_id).await
}

async fn one_of_theirs(peers: &Peers, runs: &mut Runs) -> anyhow::Result<()> {
    let [read, describe, plot] = ANALYSIS;
    let cells = peers.cold(&[LIBRARIES, WRITE, read, describe, plot]).await?;
    if let [first, .., last] = cells[..] {
        runs.ready_ms.push(first.ms);
        runs.cpu_ms.push(first.cpu_ms);
        runs.idle_mb.push(first.private_bytes as f64 / MB);
        runs.used_mb.push(last.private_bytes as f64 / MB);
    }
    Ok(())
}
