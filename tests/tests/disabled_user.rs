//! A user who is disabled: what they run ends, with its reason, also where a service was away meanwhile; and they begin again
//! once they are enabled.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use e2e::{
    client::{Client, Run, request_id},
    house::{ADMIN_PASSWORD, House, Part},
};
use fenxi_proto::{
    analysis::v1::{
        DeathCause, ExecuteRequest, FinishedEvent, GetKernelRequest, KernelState, Outcome, RestartKernelRequest,
        StopCause, WatchExecutionRequest, output_event::Event,
    },
    auth::v1::{DisableUserRequest, EnableUserRequest},
};
use rusqlite::{Connection, OpenFlags, params};
use uuid::Uuid;

/// How long a kernel may take to end, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Has an execution accepted; gives its id, once it runs where that is asked for.
async fn begin(user: &Client, kernel_id: &str, code: &str, until_it_runs: bool) -> anyhow::Result<String> {
    let (code, request_id) = (code.to_owned(), request_id());
    let request = ExecuteRequest { kernel_id: kernel_id.into(), code, request_id, ..Default::default() };
    let mut stream = user.executions().execute(request).await?.into_inner();
    let accepted = stream.message().await?.and_then(|message| message.execution).context("not accepted")?;
    let mut runs = !until_it_runs;
    while !runs {
        let event = stream.message().await?.context("it ended")?.event.and_then(|event| event.event);
        runs = matches!(event, Some(Event::Stream(_)));
    }
    Ok(accepted.execution_id)
}

/// How an execution ended.
async fn end_of(user: &Client, execution_id: String) -> anyhow::Result<FinishedEvent> {
    let request = WatchExecutionRequest { execution_id, after_sequence: 0 };
    let mut stream = user.executions().watch_execution(request).await?.into_inner();
    let mut run = Run::default();
    while let Some(message) = stream.message().await? {
        run.events.extend(message.event);
    }
    run.check()?;
    run.finished().cloned().context("no end")
}

/// Waits until a kernel's death is written down. Its user cannot ask.
async fn until_dead(house: &House, kernel_id: &str) -> anyhow::Result<()> {
    let (path, id) = (house.folder().join("analysis/analysis.db"), Uuid::parse_str(kernel_id)?);
    let limit = tokio::time::Instant::now() + PATIENCE;
    loop {
        let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let sql = "SELECT death_time IS NOT NULL FROM kernels WHERE kernel_id = ?1";
        if database.query_row(sql, params![id.as_bytes()], |row| row.get(0))? {
            return Ok(());
        }
        if tokio::time::Instant::now() > limit {
            bail!("the kernel of a disabled user lives:\n{}", house.log(Part::Analysis));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn disable(ada: &Client, user: &Client) -> anyhow::Result<()> {
    let request = DisableUserRequest { user_id: user.user.user_id.clone(), request_id: request_id() };
    ada.users().disable_user(request).await?;
    ensure!(user.history_page().await.is_err(), "a disabled user is let in");
    Ok(())
}

async fn enabled(house: &House, ada: &Client, user: &Client) -> anyhow::Result<Client> {
    let request = EnableUserRequest { user_id: user.user.user_id.clone(), request_id: request_id() };
    ada.users().enable_user(request).await?;
    Client::login(house, &user.user.username, ADMIN_PASSWORD).await
}

async fn died(user: &Client, kernel_id: &str) -> anyhow::Result<DeathCause> {
    let request = GetKernelRequest { kernel_id: kernel_id.into() };
    let kernel = user.kernels().get_kernel(request).await?.into_inner().kernel.context("no kernel")?;
    assert_eq!(kernel.state(), KernelState::Dead);
    Ok(kernel.death.context("no death")?.cause())
}

const SLEEPS: &str = "import time\nprint('runs', flush=True)\ntime.sleep(3600)";

#[tokio::test]
async fn what_a_disabled_user_runs_ends_and_they_begin_again_once_enabled() -> anyhow::Result<()> {
    let mut house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let bob = ada.member(&house, "bob").await?;
    let (kernel, adas) = (bob.kernel(&[]).await?, ada.kernel(&[]).await?);
    let running = begin(&bob, &kernel.kernel_id, SLEEPS, true).await?;
    let waiting = begin(&bob, &kernel.kernel_id, "2", false).await?;
    // The feed is opened anew.
    house.kill_part(Part::Auth).await?;
    house.start_part(Part::Auth).await?;
    disable(&ada, &bob).await?;
    until_dead(&house, &kernel.kernel_id).await?;

    let bob = enabled(&house, &ada, &bob).await?;
    assert_eq!(died(&bob, &kernel.kernel_id).await?, DeathCause::UserDisabled);
    let end = end_of(&bob, running).await?;
    let cause = |end: &FinishedEvent| end.death.as_ref().map(fenxi_proto::analysis::v1::Death::cause);
    assert_eq!((end.outcome(), cause(&end)), (Outcome::Killed, Some(DeathCause::UserDisabled)));
    let end = end_of(&bob, waiting).await?;
    assert_eq!((end.outcome(), end.stop_cause()), (Outcome::Cancelled, StopCause::Kernel));
    assert_eq!(cause(&end), Some(DeathCause::UserDisabled));
    bob.history_of(2).await?;

    let fresh = bob.kernel(&[]).await?;
    assert_eq!(bob.run(&fresh.kernel_id, "1 + 1").await?.result(), Some("2"));
    let request = RestartKernelRequest { kernel_id: kernel.kernel_id.clone(), request_id: request_id() };
    bob.kernels().restart_kernel(request).await?;
    assert_eq!(bob.run(&kernel.kernel_id, "3").await?.result(), Some("3"));
    assert_eq!(ada.run(&adas.kernel_id, "4").await?.result(), Some("4"), "somebody else's kernel went, too");
    house.stop().await
}

#[tokio::test]
async fn a_kernel_ends_whose_user_was_disabled_while_the_service_was_away() -> anyhow::Result<()> {
    let mut house = House::with([("FENXI_ANALYSIS_KERNEL_LINGER_SECS", "300")]).await?;
    let ada = Client::administrator(&house).await?;
    let bob = ada.member(&house, "bob").await?;
    let kernel = bob.kernel(&[]).await?;
    let running = begin(&bob, &kernel.kernel_id, SLEEPS, true).await?;
    // The kernel goes on without the service.
    house.stop_part(Part::Analysis).await?;
    disable(&ada, &bob).await?;
    house.set("FENXI_ANALYSIS_KERNEL_LINGER_SECS", "0");
    house.start_part(Part::Analysis).await?;
    until_dead(&house, &kernel.kernel_id).await?;

    let bob = enabled(&house, &ada, &bob).await?;
    assert_eq!(died(&bob, &kernel.kernel_id).await?, DeathCause::UserDisabled);
    let end = end_of(&bob, running).await?;
    assert_eq!(
        (end.outcome(), end.death.map(|death| death.cause())),
        (Outcome::Killed, Some(DeathCause::UserDisabled))
    );
    house.stop().await
}

#[tokio::test]
async fn a_wrong_secret_is_said_once_by_the_names_of_both_sides_and_is_not_ready() -> anyhow::Result<()> {
    const FAILURES: u64 = 3;
    let mut house = House::start().await?;
    let wrong = house.folder().join("wrong-secret");
    std::fs::write(&wrong, format!("fxs_{}", "x".repeat(40)))?;
    let right = house.folder().join("secrets/analysis").display().to_string();
    house.stop_part(Part::Analysis).await?;
    house.set("FENXI_ANALYSIS_SECRET_FILE", &wrong.display().to_string());
    house.begin_part(Part::Analysis)?;
    let limit = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (waiting, failures) = (waiting_for(&house).await, feed_failures(&house).await);
        if waiting.contains(r#""ready":false,"waiting_for":["secret"]"#) && failures >= FAILURES {
            break;
        }
        ensure!(tokio::time::Instant::now() < limit, "{waiting} after {failures} failures");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let log = house.log(Part::Analysis);
    let told: Vec<_> = log.lines().filter(|line| line.contains("auth-service refuses this service")).collect();
    let [line] = told[..] else { bail!("it was said {} times", told.len()) };
    ensure!(line.contains("FENXI_ANALYSIS_SECRET_FILE") && line.contains("FENXI_AUTH_ANALYSIS_SECRET_FILE"), "{line}");
    house.stop_part(Part::Analysis).await?;
    house.set("FENXI_ANALYSIS_SECRET_FILE", &right);
    house.start_part(Part::Analysis).await?;
    house.stop().await
}

/// What analysis-service says of its readiness; nothing before it listens.
async fn waiting_for(house: &House) -> String {
    let answer = reqwest::get(format!("http://{}/readyz", house.admin(Part::Analysis))).await;
    let Ok(answer) = answer else { return String::new() };
    answer.text().await.unwrap_or_default()
}

/// How often analysis-service could not open the feed.
async fn feed_failures(house: &House) -> u64 {
    let answer = reqwest::get(format!("http://{}/metrics", house.admin(Part::Analysis))).await;
    let Ok(answer) = answer else { return 0 };
    let metrics = answer.text().await.unwrap_or_default();
    let count = metrics.lines().find_map(|line| line.strip_prefix("disabled_users_feed_failures_total "));
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}
