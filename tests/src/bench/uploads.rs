//! What an upload costs beside writing the file, and what parsing costs beside pandas.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use anyhow::{Context as _, bail, ensure};
use fenxi_proto::analysis::v1::CancelUploadRequest;
use fenxi_tables::job::{self, Answer, Job, Work};
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::figure::{Figure, Goal, Limit, median};
use crate::{client::Client, house::python};

const RUNS: usize = 5;

/// A table of about this many bytes: integers with gaps, decimals, dates, text with leading zeros.
#[must_use]
pub fn table(bytes: usize) -> Vec<u8> {
    let mut table = b"id,code,amount,day,note\n".to_vec();
    let mut row = 0_u64;
    while table.len() < bytes {
        let gap =
            if row.is_multiple_of(17) { String::new() } else { format!("{}.{:02}", row * 7 % 100_000, row % 100) };
        let day = row % 28 + 1;
        let month = row % 12 + 1;
        // Writing to memory cannot fail.
        let _ =
            writeln!(table, "{row},{:08},{gap},2024-{month:02}-{day:02},note {}", row * 31 % 10_000_000, row % 1_000);
        row += 1;
    }
    table
}

/// `upload_ratio_file`: bytes through the gateway until durable, over writing them to a file and syncing it.
///
/// # Errors
/// A call failed.
pub async fn upload(client: &Client, scratch: &Path, bytes: usize) -> anyhow::Result<Vec<Figure>> {
    let (mut ratios, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let table = table(bytes);
        let start = Instant::now();
        let mut file = std::fs::File::create(scratch.join("plain"))?;
        file.write_all(&table)?;
        file.sync_all()?;
        let plain = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let upload = client.send("bench.csv", table).await?;
        ratios.push(start.elapsed().as_secs_f64() / plain);
        limits.push(plain);
        let request = CancelUploadRequest { upload_id: upload.upload_id, ..CancelUploadRequest::default() };
        client.datasets().cancel_upload(request).await?;
    }
    let limit = Some(Limit { what: "s to write and sync the file:".into(), value: median(&limits) });
    let goal = Some(Goal::AtMost(1.5));
    Ok(vec![Figure { name: "upload_ratio_file", value: median(&ratios), unit: "ratio", goal, limit, runs: RUNS }])
}

/// `parse_csv_100mb_ratio_pandas`: detection, parsing and the columnar file, by the process that does it for the service,
/// from its start to its end, over pandas.read_csv alone.
///
/// # Errors
/// The table cannot be parsed by either.
pub async fn parse(scratch: &Path, bytes: usize) -> anyhow::Result<Vec<Figure>> {
    let path = scratch.join("bench.csv");
    let mut file = std::fs::File::create(&path)?;
    file.write_all(&table(bytes))?;
    // As that of an upload, which is durable before it is read.
    file.sync_all()?;
    let (mut ratios, mut limits) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let (from, to) = (path.clone(), scratch.join(format!("bench-{run}.arrow")));
        let ours = convert(from, to).await?;
        let theirs = pandas(&path).await?;
        ratios.push(ours / theirs);
        limits.push(theirs);
    }
    let limit = Some(Limit { what: "s of pandas.read_csv:".into(), value: median(&limits) });
    let goal = Some(Goal::AtMost(0.7));
    let name = "parse_csv_100mb_ratio_pandas";
    Ok(vec![Figure { name, value: median(&ratios), unit: "ratio", goal, limit, runs: RUNS }])
}

async fn convert(path: PathBuf, out: PathBuf) -> anyhow::Result<f64> {
    let (options, limits) = Default::default();
    let job = Job { path, file_name: "bench.csv".into(), options, limits, work: Work::Convert { out } };
    let mut line = serde_json::to_vec(&job)?;
    line.push(b'\n');
    let program = std::env::current_exe()?.with_file_name("table-reader");
    let start = Instant::now();
    let mut command = Command::new(program);
    command.env_clear().envs(job::ENVIRONMENT).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut reader = command.spawn()?;
    // It ends with its input.
    let mut input = reader.stdin.take().context("its input")?;
    input.write_all(&line).await?;
    let output = reader.wait_with_output().await?;
    drop(input);
    let took = start.elapsed().as_secs_f64();
    match serde_json::from_slice(&output.stdout)? {
        Answer::Converted(table) if table.row_count > 0 => Ok(took),
        other => bail!("the table was not read: {other:?}"),
    }
}

async fn pandas(path: &Path) -> anyhow::Result<f64> {
    let code = "import sys, time, pandas\nstart = time.perf_counter()\npandas.read_csv(sys.argv[1])\nprint(time.perf_counter() - start)";
    let output = Command::new(python()).args(["-c", code]).arg(path).output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)?.trim().parse().context("no time")
}
