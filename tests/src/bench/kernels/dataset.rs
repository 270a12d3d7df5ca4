//! One dataset in many kernels: what loading it adds to a kernel's start, and to its own memory, beside pandas.read_csv.

use std::{io::Write as _, path::Path, time::Instant};

use anyhow::ensure;

use super::{LIBRARIES, MB, Scale, peers::Peers, process, run, settle};
use crate::{
    bench::{
        figure::{Figure, median},
        processes, uploads,
    },
    client::Client,
    house::House,
};

/// What kernels with the dataset and without it took.
#[derive(Default)]
struct Kernels {
    kernel_ids: Vec<String>,
    ready_ms: Vec<f64>,
}

/// `dataset_20_kernels_ms` and `dataset_kernel_mb`, of a table of numbers and text; `dataset_gaps_kernel_mb`, of one whose
/// numbers have gaps.
///
/// # Errors
/// A call failed, or the peer could not be measured.
pub async fn dataset(
    house: &House,
    client: &Client,
    peers: &Peers,
    scratch: &Path,
    scale: Scale,
) -> anyhow::Result<Vec<Figure>> {
    let path = scratch.join("sales.csv");
    tokio::fs::write(&path, table(scale.dataset_bytes)).await?;
    let read = format!("df = pandas.read_csv({:?})", path.display().to_string());
    let pandas = peers.cold(&[LIBRARIES, &read]).await?;
    let (ms, mb) = measure(house, client, &path, scale).await?;
    let with_gaps = scratch.join("gaps.csv");
    tokio::fs::write(&with_gaps, uploads::table(scale.dataset_bytes)).await?;
    let (_, gaps_mb) = measure(house, client, &with_gaps, scale).await?;
    let (their_ms, their_mb) = match pandas[..] {
        [before, after] => (after.ms, (after.private_bytes as f64 - before.private_bytes as f64) / MB),
        _ => (f64::NAN, f64::NAN),
    };
    let figure = |name, unit, value| Figure { runs: scale.holders, ..Figure::median(name, unit, &[value]) };
    let added = "mb added by pandas.read_csv in a plain ipykernel:";
    Ok(vec![
        figure("dataset_20_kernels_ms", "ms", ms)
            .at_most(100.0)
            .against("ms of pandas.read_csv in a plain ipykernel:", their_ms),
        figure("dataset_kernel_mb", "mb", mb).at_most(5.0).against(added, their_mb),
        figure("dataset_gaps_kernel_mb", "mb", gaps_mb),
    ])
}

/// Milliseconds and own memory in MB that the dataset adds to a kernel; kernels with it and without it in turn.
async fn measure(house: &House, client: &Client, path: &Path, scale: Scale) -> anyhow::Result<(f64, f64)> {
    let dataset_id = client.upload_file(path).await?.dataset_id;
    let (mut with, mut without) = (Kernels::default(), Kernels::default());
    for _ in 0..scale.holders {
        with.add(client, &[(&dataset_id, "df")]).await?;
        without.add(client, &[]).await?;
    }
    settle().await;
    let mb = with.own_mb(house)? - without.own_mb(house)?;
    for kernel_id in &with.kernel_ids {
        run(client, kernel_id, "assert len(df) > 1000 and len(df.columns) >= 5").await?;
    }
    super::delete_all(client, &[with.kernel_ids, without.kernel_ids].concat()).await?;
    Ok((median(&with.ready_ms) - median(&without.ready_ms), mb))
}

impl Kernels {
    async fn add(&mut self, client: &Client, datasets: &[(&str, &str)]) -> anyhow::Result<()> {
        let start = Instant::now();
        let kernel_id = client.kernel(datasets).await?.kernel_id;
        run(client, &kernel_id, "1+1").await?;
        self.ready_ms.push(start.elapsed().as_secs_f64() * 1e3);
        self.kernel_ids.push(kernel_id);
        Ok(())
    }

    fn own_mb(&self, house: &House) -> anyhow::Result<f64> {
        let own = |kernel_id: &String| anyhow::Ok(processes::private_bytes(process(house, kernel_id)?)? as f64 / MB);
        let own = self.kernel_ids.iter().map(own).collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(!own.is_empty(), "no kernels");
        Ok(median(&own))
    }
}

/// A table of about this many bytes: four columns of numbers and two of text.
fn table(bytes: usize) -> Vec<u8> {
    let mut table = b"id,amount,share,count,region,note\n".to_vec();
    let mut row = 0_u64;
    while table.len() < bytes {
        let region = ["north", "south", "east", "west"][usize::try_from(row % 4).unwrap_or(0)];
        let (amount, cents, share) = (row * 7 % 100_000, row % 100, row * 31 % 1_000_000);
        // Writing to memory cannot fail.
        let _ = writeln!(table, "{row},{amount}.{cents:02},0.{share:06},{},{region},note {}", row % 997, row % 1_000);
        row += 1;
    }
    table
}
