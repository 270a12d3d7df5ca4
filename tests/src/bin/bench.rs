//! `make bench`: measures every figure of the main suite in a house of its own. `--quick` shrinks what is measured, to
//! prove that it can be.

use e2e::{
    bench::{door, figure, history, kernels, uploads},
    client::Client,
    house::House,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let scale = |full: usize| if quick { full / 50 } else { full };
    let roomy = [
        ("FENXI_GATEWAY_ADDRESS_RATE_PER_SEC", "1000000"),
        ("FENXI_GATEWAY_ADDRESS_RATE_BURST", "1000000"),
        ("FENXI_GATEWAY_USER_RATE_PER_SEC", "1000000"),
        ("FENXI_GATEWAY_USER_RATE_BURST", "1000000"),
        ("FENXI_GATEWAY_CONNECTIONS_PER_ADDRESS_MAX", "10000"),
    ];
    let house = House::with(roomy).await?;
    let client = Client::administrator(&house).await?;
    let scratch = tempfile::tempdir()?;
    let mut figures = Vec::new();
    figures.extend(door::gateway(&house, &client, scale(40_000)).await?);
    figures.extend(door::logins(&house, scale(100).max(4)).await?);
    figures.extend(kernels::kernels(&house, &client).await?);
    figures.extend(uploads::upload(&client, scratch.path(), scale(100 << 20)).await?);
    figures.extend(uploads::parse(scratch.path(), scale(100 << 20)).await?);
    house.stop().await?;
    let history_scale = if quick { history::Scale::QUICK } else { history::Scale::FULL };
    figures.extend(history::history(scratch.path(), history_scale).await?);
    figure::publish("main", &figures)
}
