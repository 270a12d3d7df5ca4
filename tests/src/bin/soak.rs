//! `make soak`: many users at once, for an hour or as long as is said, and then nothing may be left.
//! `soak [--minutes N] [--seconds N] [--seed N] [--people N] [--trouble-seconds N]`, the last being how often about a
//! service is stopped or killed. It prints its seed, a table of what was done, and every violation when
//! it finds it; with one it fails.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, bail, ensure};
use e2e::{
    program,
    soak::{Length, Plan, soak},
};

const USAGE: &str = "usage: soak [--minutes N] [--seconds N] [--seed N] [--people N] [--trouble-seconds N]";
/// A soak has to end.
const SECONDS_MAX: u64 = 24 * 3600;

fn main() -> ExitCode {
    program::end(run())
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the report of the soak")]
async fn run() -> anyhow::Result<ExitCode> {
    let mut length = Duration::from_secs(3600);
    let mut plan = Plan {
        seed: rand::random::<u32>().into(),
        length: Length::Time(length),
        people: 12,
        trouble_every: Duration::from_secs(45),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--help" {
            println!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        let number: u64 = arguments.next().and_then(|number| number.parse().ok()).context(USAGE)?;
        match name.as_str() {
            "--minutes" => length = Duration::from_secs(number.saturating_mul(60)),
            "--seconds" => length = Duration::from_secs(number),
            "--seed" => plan.seed = number,
            "--people" => plan.people = usize::try_from(number)?,
            "--trouble-seconds" => plan.trouble_every = Duration::from_secs(number),
            _ => bail!(USAGE),
        }
    }
    plan.length = Length::Time(length);
    ensure!((1..=SECONDS_MAX).contains(&length.as_secs()) && (1..=100).contains(&plan.people), USAGE);
    println!("soak: seed {}, {} users, {} s", plan.seed, plan.people, length.as_secs());
    let outcome = soak(plan).await.with_context(|| format!("the soak of seed {} was given up", plan.seed))?;
    for (name, count) in &outcome.table {
        println!("{count:>9}  {name}");
    }
    println!("soak: seed {}: {} violations", plan.seed, outcome.violations);
    ensure!(outcome.violations == 0, "{} violations with seed {}", outcome.violations, plan.seed);
    Ok(ExitCode::SUCCESS)
}
