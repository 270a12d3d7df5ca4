//! A short soak, with the same code as `make soak`: a few users, a service that is killed, and nothing left.

use std::time::Duration;

use e2e::soak::{Plan, soak};

#[tokio::test(flavor = "multi_thread")]
async fn a_short_soak_leaves_nothing() -> anyhow::Result<()> {
    let plan = Plan { seed: 20, length: Duration::from_secs(30), people: 3, trouble_every: Duration::from_secs(8) };
    let outcome = soak(plan).await?;
    assert_eq!(outcome.violations, 0, "they stand above, with seed {}: {:#?}", plan.seed, outcome.table);
    Ok(())
}
