//! From nothing to a kernel with the libraries of an analysis, where a few kernels are kept ready, beside a plain ipykernel;
//! one of each in turn. The pool is filled again meanwhile, outside of what is timed.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::time::sleep;

use super::{LIBRARIES, Scale, delete, makers, peers::Peers, process, run, settle, supervisor, within};
use crate::{
    bench::{
        cpu,
        figure::{Figure, median},
        processes,
    },
    client::Client,
    house::House,
};

/// How many are kept ready.
pub const SIZE: usize = 2;
/// How that is said.
pub const SIZE_SETTING: &str = "FENXI_ANALYSIS_KERNEL_POOL_SIZE";
/// How long the pool may take to be full.
const FULL_MAX: Duration = Duration::from_secs(60);

/// `kernel_pool_*`.
///
/// # Errors
/// A call failed, a kernel was not one of those kept ready, or the peer could not be measured.
pub async fn pool(house: &House, client: &Client, peers: &Peers, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let (mut ours, mut ours_cpu, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    // The first run of each warms the machine's files up and is not counted.
    for counted in std::iter::once(false).chain(std::iter::repeat_n(true, scale.runs)) {
        let (ms, cpu_ms) = one_of_ours(house, client).await?;
        let cells = peers.cold(&[LIBRARIES]).await?;
        if counted {
            ours.push(ms);
            ours_cpu.push(cpu_ms);
            theirs.extend(cells.first().map(|cell| cell.ms));
        }
    }
    let speedup = median(&theirs) / median(&ours);
    let cold = "ms of a plain ipykernel, cold:";
    Ok(vec![
        Figure { runs: scale.runs, ..Figure::median("kernel_pool_speedup", "ratio", &[speedup]) }
            .at_least(60.0)
            .against(cold, median(&theirs)),
        Figure::median("kernel_pool_ms", "ms", &ours).against(cold, median(&theirs)),
        Figure::median("kernel_pool_cpu_ms", "ms", &ours_cpu),
    ])
}

async fn one_of_ours(house: &House, client: &Client) -> anyhow::Result<(f64, f64)> {
    let kept = within(FULL_MAX, "a full pool", full(house)).await?;
    settle().await;
    let makers = makers(house)?;
    let (start, before) = (Instant::now(), cpu::used_by(&makers)?);
    let kernel_id = client.kernel(&[]).await?.kernel_id;
    run(client, &kernel_id, LIBRARIES).await?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    let used = cpu::used_by(&makers)? - before;
    let pid = process(house, &kernel_id)?;
    ensure!(kept.contains(&pid), "kernel {kernel_id} was not kept ready: {pid} is none of {kept:?}");
    delete(client, &kernel_id).await?;
    Ok((ms, used.as_secs_f64() * 1e3))
}

/// Waits until as many kernels are there as are to be kept ready, beside no others.
async fn full(house: &House) -> anyhow::Result<Vec<u32>> {
    loop {
        let kept = processes::children_with(supervisor(house)?, "kernel ")?;
        if kept.len() == SIZE {
            return Ok(kept);
        }
        sleep(Duration::from_millis(50)).await;
    }
}
