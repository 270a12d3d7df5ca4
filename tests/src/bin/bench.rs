//! `make bench`: measures the figures of the main suite, each part in turn, and publishes each part when it is done.
//! `bench [--quick] [PART ...]`, the parts being `gateway`, `logins`, `kernels`, `uploads` and `history`, and `door` for
//! the first two; all of them if none is named.
//! `--quick` shrinks what is measured: it proves that everything can be measured, and its figures mean nothing.

use std::process::ExitCode;

use anyhow::ensure;
use e2e::{
    bench::{
        ROOMY, bare, door,
        figure::{self, Figure},
        history, kernels, logins, uploads,
    },
    client::Client,
    house::House,
    program,
};

const PARTS: [&str; 5] = ["gateway", "logins", "kernels", "uploads", "history"];

fn main() -> ExitCode {
    program::end(run().map(|()| ExitCode::SUCCESS))
}

fn run() -> anyhow::Result<()> {
    if let Some(target) = std::env::args().find_map(|argument| argument.strip_prefix(bare::ARGUMENT).map(str::to_owned))
    {
        return bare::run(target.parse()?);
    }
    // The client's part of an upload is measured too, and a good one does as the services do.
    fenxi_chassis::memory::keep_large_buffers();
    bench()
}

#[tokio::main]
async fn bench() -> anyhow::Result<()> {
    let (flags, mut parts): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let quick = flags.iter().any(|flag| flag == "--quick");
    ensure!(flags.iter().all(|flag| flag == "--quick"), "usage: bench [--quick] [{}]", PARTS.join("] ["));
    if parts.is_empty() {
        parts = PARTS.map(String::from).into();
    }
    let parts = parts.iter().flat_map(|part| match part.as_str() {
        "door" => PARTS[..2].to_vec(),
        part => vec![part],
    });
    for part in parts {
        figure::publish("main", &measure(part, quick).await?)?;
    }
    Ok(())
}

async fn measure(part: &str, quick: bool) -> anyhow::Result<Vec<Figure>> {
    let scale = |full: usize| if quick { full / 50 } else { full };
    let scratch = tempfile::tempdir()?;
    if part == "history" {
        let scale = if quick { history::Scale::QUICK } else { history::Scale::FULL };
        return history::history(scratch.path(), scale).await;
    }
    let kernels = ("FENXI_ANALYSIS_KERNELS_PER_USER_MAX", "20");
    let house = House::with(ROOMY.into_iter().chain([kernels])).await?;
    let client = Client::administrator(&house).await?;
    let figures = match part {
        "gateway" => door::gateway(&house, &client, scale(40_000)).await?,
        "logins" => {
            let mut figures = door::logins(&house, &client, scale(100).max(4)).await?;
            figures.extend(logins::feishu(scale(400).max(8)).await?);
            figures
        }
        "kernels" => kernels::kernels(&house, &client).await?,
        "uploads" => {
            let mut figures = uploads::upload(&client, scratch.path(), scale(100 << 20)).await?;
            figures.extend(uploads::parse(scratch.path(), scale(100 << 20)).await?);
            figures
        }
        other => anyhow::bail!("`{other}` is no part: {}", PARTS.join(", ")),
    };
    house.stop().await?;
    Ok(figures)
}
