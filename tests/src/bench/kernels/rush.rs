//! Fifty kernels at once, as when a class begins: ours with the libraries, beside bare ones of Jupyter Kernel Gateway.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use super::{
    LIBRARIES, Scale, delete_all,
    peers::{Peers, Server},
    run, within,
};
use crate::{
    bench::figure::{Figure, median},
    client::Client,
};

const RUNS_MAX: usize = 3;
const RUSH_MAX: Duration = Duration::from_secs(120);

/// `kernels_50_speedup_gateway` and `kernels_50_first_over_last`.
///
/// # Errors
/// A call failed, or the peer could not be measured.
pub async fn rush(client: &Client, peers: &Peers, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let runs = scale.runs.min(RUNS_MAX);
    let (mut last, mut spread, mut theirs, mut their_spread) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let times = within(RUSH_MAX, "a rush", ours(client, scale.rush)).await?;
        let first = times.iter().copied().fold(f64::INFINITY, f64::min);
        let all = times.iter().copied().fold(0.0, f64::max);
        last.push(all);
        spread.push(first / all);
        let many = peers.many(Server::KernelGateway, scale.rush).await?;
        theirs.push(many.last_s);
        their_spread.push(many.first_s / many.last_s);
    }
    let speedup = median(&theirs) / median(&last);
    let against = "s of bare kernels in Kernel Gateway:";
    Ok(vec![
        Figure { runs, ..Figure::median("kernels_50_speedup_gateway", "ratio", &[speedup]) }
            .at_least(3.0)
            .against(against, median(&theirs)),
        Figure::median("kernels_50_s", "s", &last).against(against, median(&theirs)),
        Figure::median("kernels_50_first_over_last", "ratio", &spread)
            .at_most(0.1)
            .against("ratio of Kernel Gateway:", median(&their_spread)),
    ])
}

/// Seconds to each answer.
async fn ours(client: &Client, count: usize) -> anyhow::Result<Vec<f64>> {
    let start = Instant::now();
    let answered = try_join_all((0..count).map(|_| async move {
        let kernel_id = client.kernel(&[]).await?.kernel_id;
        run(client, &kernel_id, LIBRARIES).await?;
        anyhow::Ok((start.elapsed().as_secs_f64(), kernel_id))
    }))
    .await?;
    let (times, kernel_ids): (Vec<_>, Vec<_>) = answered.into_iter().unzip();
    delete_all(client, &kernel_ids).await?;
    Ok(times)
}
