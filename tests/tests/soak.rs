//! A short soak: what `make soak` does for an hour, for as many rounds as fit into a run of the tests.

use std::time::Duration;

use e2e::soak::{Length, Plan, soak};

#[tokio::test(flavor = "multi_thread")]
async fn a_few_users_among_services_that_stop_and_are_killed_leave_nothing_behind() {
    // Chance is the same each time; when it meets what is the machine's.
    let plan = Plan { seed: 20, length: Length::Rounds(4), people: 3, trouble_every: Duration::from_secs(4) };
    let outcome = soak(plan).await.expect("every service comes back");
    let cells = outcome.table.iter().filter(|(name, _)| name.starts_with("cell ")).map(|(_, count)| count).sum::<u64>();
    assert!(cells > 10, "hardly anything was done: {:?}", outcome.table);
    assert_eq!(outcome.violations, 0, "what they are was printed when they were found: {:?}", outcome.table);
}
