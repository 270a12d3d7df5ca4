//! The scenarios in which the system that Fenxi replaces broke, as counts that must hold: every call answered, none wrong.
//! The times are printed for whoever compares them; nothing here asserts on time.

use std::time::Instant;

use anyhow::Context as _;
use e2e::{
    client::Client,
    house::{ADMIN_PASSWORD, House},
};
use fenxi_proto::{
    analysis::v1::{GetDatasetRequest, ListDatasetsRequest, Outcome, PreviewDatasetRequest, StreamName},
    auth::v1::GetCurrentUserRequest,
    history::v1::{GetStatisticsRequest, ListHistoryRequest},
};
use futures_util::future::{join_all, try_join_all};

/// Everybody of these tests comes from one address; the limits per address are for strangers.
const ONE_ADDRESS: [(&str, &str); 3] = [
    ("FENXI_GATEWAY_ADDRESS_RATE_PER_SEC", "100000"),
    ("FENXI_GATEWAY_ADDRESS_RATE_BURST", "100000"),
    ("FENXI_GATEWAY_CONNECTIONS_PER_ADDRESS_MAX", "5000"),
];

/// Runs them all at once; says how long they took.
#[expect(clippy::print_stdout, reason = "figures for whoever compares them")]
async fn at_once<T, F>(what: &str, calls: impl IntoIterator<Item = F>) -> anyhow::Result<Vec<T>>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let start = Instant::now();
    let results = join_all(calls).await;
    let (all, failed) = (results.len(), results.iter().filter(|result| result.is_err()).count());
    println!("{what}: {all} at once in {:.2} s, {failed} failed", start.elapsed().as_secs_f64());
    results.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_and_a_hundred_sign_in_at_once() -> anyhow::Result<()> {
    let house = House::with(ONE_ADDRESS).await?;
    let ada = Client::administrator(&house).await?;
    for number in 0..10 {
        ada.member(&house, &format!("user{number}")).await?;
    }
    for people in [10, 100] {
        let names = (0..people).map(|number| format!("user{}", number % 10));
        let logins = names.map(|name| {
            let house = &house;
            async move { Client::login(house, &name, ADMIN_PASSWORD).await }
        });
        let clients = at_once("logins", logins).await?;
        let secrets: std::collections::HashSet<_> = clients.iter().map(|client| client.secret.clone()).collect();
        assert_eq!(secrets.len(), people, "two logins share a LoginSession");
    }
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_read_their_history_while_it_is_written() -> anyhow::Result<()> {
    let house = House::with(ONE_ADDRESS).await?;
    let ada = Client::administrator(&house).await?;
    let kernel = ada.kernel(&[]).await?;
    for number in 0..5 {
        ada.run(&kernel.kernel_id, &format!("{number}")).await?;
    }
    ada.history_of(5).await?;
    let reads = (0..50).map(|_| async {
        for _ in 0..10 {
            let page = ada.history().list_history(ListHistoryRequest::default()).await?.into_inner();
            let found =
                ListHistoryRequest { query: "1".into(), outcomes: vec![Outcome::Ok.into()], ..Default::default() };
            let found = ada.history().list_history(found).await?.into_inner();
            assert!(found.entries.iter().any(|entry| entry.title == "1"), "{:?}", found.entries);
            let sums = ada.history().get_statistics(GetStatisticsRequest {}).await?.into_inner().statistics;
            let total = sums.context("no statistics")?.total;
            assert!(page.total_size >= 5 && total >= page.total_size, "{total} < {}", page.total_size);
        }
        anyhow::Ok(())
    });
    let writes = async {
        for number in 5..15 {
            ada.run(&kernel.kernel_id, &format!("{number}")).await?;
        }
        anyhow::Ok(())
    };
    let (reads, writes) = tokio::join!(at_once("readers of history, ten pages and ten searches each", reads), writes);
    reads?;
    writes?;
    ada.history_of(15).await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_upload_and_analyse_at_once() -> anyhow::Result<()> {
    let limits = [("FENXI_ANALYSIS_KERNELS_PER_USER_MAX", "20"), ("FENXI_ANALYSIS_KERNELS_MAX", "50")];
    let house = House::with(ONE_ADDRESS.into_iter().chain(limits)).await?;
    let ada = Client::administrator(&house).await?;
    let jobs = (0..20).map(|number| {
        let ada = &ada;
        async move {
            let rows: String = (0..1_000).map(|row| format!("{row:04},{},x{number}\n", row * number)).collect();
            let table = ada.upload(&format!("table {number}.csv"), format!("id,value,name\n{rows}").into()).await?;
            let kernel = ada.kernel(&[(&table.dataset_id, "df")]).await?;
            let run =
                ada.run(&kernel.kernel_id, "print(df['id'].iloc[7], df['value'].sum(), df['name'].iloc[0])").await?;
            anyhow::ensure!(run.outcome() == Outcome::Ok, "{:?}", run.events);
            assert_eq!(run.printed(StreamName::Stdout), format!("0007 {} x{number}\n", 499_500 * number));
            anyhow::Ok(())
        }
    });
    at_once("uploads, each with its kernel", jobs).await?;
    ada.history_of(20).await?;
    house.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn others_go_on_while_a_cell_computes() -> anyhow::Result<()> {
    let house = House::with(ONE_ADDRESS).await?;
    let ada = Client::administrator(&house).await?;
    let bob = ada.member(&house, "bob").await?;
    let busy = ada.kernel(&[]).await?;
    let table = bob.upload("a.csv", b"a,b\n1,2\n3,4\n".to_vec()).await?;
    let kernel = bob.kernel(&[(&table.dataset_id, "df")]).await?;
    bob.run(&kernel.kernel_id, "0").await?;
    let dataset_id = table.dataset_id.as_str();
    let mixed = |number: usize| {
        let (bob, kernel_id) = (&bob, kernel.kernel_id.as_str());
        async move {
            match number % 6 {
                0 => drop(bob.auth().get_current_user(GetCurrentUserRequest {}).await?),
                1 => drop(bob.history_page().await?),
                2 => drop(bob.datasets().list_datasets(ListDatasetsRequest::default()).await?),
                3 => drop(bob.datasets().get_dataset(GetDatasetRequest { dataset_id: dataset_id.into() }).await?),
                4 => {
                    let request = PreviewDatasetRequest { dataset_id: dataset_id.into(), ..Default::default() };
                    drop(bob.datasets().preview_dataset(request).await?);
                }
                _ => {
                    let run = bob.run(kernel_id, &format!("df['a'].sum() + {number}")).await?;
                    assert_eq!(run.outcome(), Outcome::Ok);
                }
            }
            anyhow::Ok(())
        }
    };
    at_once("mixed calls", (0..100).map(mixed)).await?;
    let computes = {
        let (ada, kernel_id) = (ada.clone(), busy.kernel_id.clone());
        tokio::spawn(async move { ada.run(&kernel_id, "while True:\n    pass").await })
    };
    at_once("mixed calls beside a busy cell", (0..100).map(mixed)).await?;
    assert!(!computes.is_finished(), "the busy cell was not busy");
    let request = fenxi_proto::analysis::v1::InterruptKernelRequest { kernel_id: busy.kernel_id, ..Default::default() };
    ada.kernels().interrupt_kernel(request).await?;
    assert_eq!(computes.await??.outcome(), Outcome::Interrupted);
    try_join_all([ada.history_of(1), bob.history_of(33)]).await?;
    house.stop().await
}
