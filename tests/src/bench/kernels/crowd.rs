//! A thousand kernels on one machine: how long they take to start, what they take of its memory, and what they cost while
//! nobody uses them.

use std::time::{Duration, Instant};

use anyhow::ensure;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::sleep;

use super::{Scale, makers, run, within};
use crate::{
    bench::{cpu, figure::Figure, processes},
    client::Client,
    house::House,
};

/// Kernels that are asked for at a time; the service starts fewer at a time.
const ASKED_AT_ONCE: usize = 16;
const START_MAX: Duration = Duration::from_secs(240);
/// From the last answer until memory is looked at.
const SETTLE: Duration = Duration::from_secs(5);
const GB: f64 = (1 << 30) as f64;

/// What an operator sets for a thousand kernels.
pub const SETTINGS: [(&str, &str); 1] = [("FENXI_ANALYSIS_KERNELS_MAX", "1100")];

/// `kernels_1000_*`. Its kernels end with the house.
///
/// # Errors
/// A call failed, a kernel did not answer or died.
pub async fn crowd(house: &House, client: &Client, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let before = processes::available_bytes()?;
    let start = Instant::now();
    within(START_MAX, "the start of all", started(client, scale.crowd)).await?;
    let start_s = start.elapsed().as_secs_f64();
    sleep(SETTLE).await;
    let taken = before.saturating_sub(processes::available_bytes()?);
    let [service, supervisor, fork_server] = makers(house)?;
    let mut pids = processes::children(supervisor)?;
    ensure!(pids.contains(&fork_server) && pids.len() > scale.crowd, "{} processes", pids.len());
    pids.extend([service, supervisor]);
    let idle = idle_percent(&pids, scale.idle).await?;
    let apart = [service, supervisor, fork_server];
    let own = idle_percent(&apart, scale.idle / 3).await?;
    Ok(vec![
        Figure::median("kernels_1000_start_s", "s", &[start_s])
            .at_most(60.0)
            .against("ms a kernel:", start_s * 1e3 / scale.crowd as f64),
        Figure::median("kernels_1000_gb", "gb", &[taken as f64 / GB])
            .at_most(14.0)
            .against("mb a kernel:", taken as f64 / super::MB / scale.crowd as f64),
        Figure::median("kernels_1000_idle_cpu_pct", "percent", &[idle])
            .at_most(3.0)
            .against("percent by the service, the supervisor and the fork server alone:", own),
    ])
}

/// Starts kernels; each has answered `1+1`.
async fn started(client: &Client, count: usize) -> anyhow::Result<()> {
    stream::iter(0..count)
        .map(|_| async {
            let kernel_id = client.kernel(&[]).await?.kernel_id;
            run(client, &kernel_id, "1+1").await
        })
        .buffer_unordered(ASKED_AT_ONCE)
        .try_collect()
        .await
}

/// The processor time of these processes while nothing is asked of them, in percent of one processor's.
async fn idle_percent(pids: &[u32], duration: Duration) -> anyhow::Result<f64> {
    let (start, before) = (Instant::now(), cpu::used_by(pids)?);
    sleep(duration).await;
    let used = cpu::used_by(pids)? - before;
    Ok(used.as_secs_f64() / start.elapsed().as_secs_f64() * 100.0)
}
