//! What the history costs: a page beside raw SQLite on the same database, the same page as the history grows, a durable
//! entry beside a commit each, and the bytes on the disk. An auth-service of its own is measured, without a gateway.

mod load;
mod raw;
mod seed;
mod service;

use std::{fs::File, io, path::Path};

use anyhow::{Context as _, ensure};

use self::{
    load::{Reads, Writes, Written},
    seed::{Spread, seed, seed_plain},
    service::Service,
};
use super::figure::{Figure, Goal, Limit, median};

/// How large it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Entries of the user with many.
    pub entries: u32,
    /// Users of the database with many; each has 20 entries.
    pub users: u32,
    /// Calls in a run.
    pub calls: usize,
    /// Runs.
    pub runs: usize,
}

impl Scale {
    /// As the goals are stated: minutes, and 12 GB of disk for a while.
    pub const FULL: Self = Self { entries: 1_000_000, users: 1_000_000, calls: 20_000, runs: 5 };
    /// To see that it can be measured.
    pub const QUICK: Self = Self { entries: 5_000, users: 2_000, calls: 600, runs: 3 };
}

/// Entries and users of the small peers.
const FEW: u32 = 1_000;
/// Bytes of an entry that is written.
const ENTRY_BYTES: usize = 2_048;
const ENTRIES_A_USER: u32 = 20;
/// Runs before the first one of a user's pages, the same for both: as many pages as it takes to see nearly all entries of
/// the user with many.
const WARM_RUNS: usize = 4;
/// Pieces of a run, in which what is compared takes turns.
const TURNS: usize = 10;

/// Every figure of the history.
///
/// # Errors
/// The service does not start, or a call failed.
pub async fn history(scratch: &Path, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let mut figures = one_user(&scratch.join("one"), scale).await?;
    figures.extend(many_users(scratch, scale).await?);
    figures.extend(writes(&scratch.join("writes"), scale).await?);
    Ok(figures)
}

/// A page of a user with many entries beside raw SQLite's, and beside a user with few.
async fn one_user(folder: &Path, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let spreads = [Spread { users: 1, entries: scale.entries }, Spread { users: 1, entries: FEW }];
    let (service, users) = prepared(folder, &spreads, true).await?;
    let [many, few] = [0, 1].map(|at| Reads::new(&service, &users[at]));
    let (many, few) = (many?, few?);
    let (mut raw_ratios, mut raw_costs, mut costs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut packed_ratios, mut packed_costs) = (Vec::new(), Vec::new());
    let (mut ratios, mut totals, mut currents) = (Vec::new(), Vec::new(), Vec::new());
    for warm in [&many, &few] {
        // What is measured is a service that has run for a while: the first look at each part of a mapped file is the
        // kernel's work, and is made once.
        warm.pages(WARM_RUNS * scale.calls, 20).await?;
    }
    for _ in 0..scale.runs {
        let (database, owner, calls) = (service.database(), users[0].clone(), scale.calls / 2);
        let raw = tokio::task::spawn_blocking(move || raw::page_cpu_micros(&database, &owner, calls)).await??;
        let (large, small) = in_turns(&many, &few, scale.calls, 20).await?;
        let (plain, packed) = raw;
        raw_costs.push(plain);
        packed_costs.push(packed);
        costs.push(large);
        raw_ratios.push(large / plain);
        packed_ratios.push(large / packed);
        ratios.push(large / small);
        let (large, small) = in_turns(&many, &few, scale.calls, 1).await?;
        totals.push(large / small);
        currents.push(many.current_user(scale.calls / 4).await?);
    }
    service.stop().await?;
    let figure = Maker(scale.runs);
    let what = "cpu us of rusqlite for the 20 entries from plain columns of the same database:";
    let raw = Limit { what: what.into(), value: median(&raw_costs) };
    let what = "cpu us of rusqlite for the 20 rows as the service packs them, left packed:";
    let packed = Limit { what: what.into(), value: median(&packed_costs) };
    let page = Limit { what: "cpu us of the page:".into(), value: median(&costs) };
    let current = figure.ratio("current_user_cpu_us", &currents, 0.0, page.clone());
    Ok(vec![
        figure.ratio("history_page_cpu_ratio_raw", &raw_ratios, 2.5, raw),
        Figure { goal: None, ..figure.ratio("history_page_cpu_ratio_packed", &packed_ratios, 0.0, packed) },
        figure.ratio("history_1m_ratio_1k", &ratios, 1.1, page.clone()),
        figure.ratio("history_total_ratio", &totals, 1.1, page),
        Figure { unit: "us", goal: None, ..current },
    ])
}

/// What a page costs at both, measured in turns, each as often before the other as after it: whatever else the machine
/// does meets both.
async fn in_turns(one: &Reads, other: &Reads, calls: usize, page_size: i32) -> anyhow::Result<(f64, f64)> {
    let (mut first, mut second) = (0.0, 0.0);
    for turn in 0..TURNS {
        if turn % 2 == 0 {
            first += one.pages(calls / TURNS, page_size).await?;
            second += other.pages(calls / TURNS, page_size).await?;
        } else {
            second += other.pages(calls / TURNS, page_size).await?;
            first += one.pages(calls / TURNS, page_size).await?;
        }
    }
    Ok((first / TURNS as f64, second / TURNS as f64))
}

/// A page of one of many users beside that of one of few.
async fn many_users(scratch: &Path, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let many = [Spread { users: scale.users, entries: ENTRIES_A_USER }];
    let few = [Spread { users: FEW, entries: ENTRIES_A_USER }];
    let (large, large_users) = prepared(&scratch.join("many"), &many, false).await?;
    let (small, small_users) = prepared(&scratch.join("few"), &few, false).await?;
    let reads = [Reads::new(&large, &large_users[0])?, Reads::new(&small, &small_users[0])?];
    for warm in &reads {
        // Every Caller is verified once before: its signature is not what is measured.
        warm.pages(scale.calls.max(4 * FEW as usize), 20).await?;
    }
    let (mut ratios, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        let (one, other) = in_turns(&reads[0], &reads[1], scale.calls, 20).await?;
        ratios.push(one / other);
        costs.push(other);
    }
    large.stop().await?;
    small.stop().await?;
    let limit = Limit { what: format!("cpu us of the page with {FEW} users:"), value: median(&costs) };
    Ok(vec![Maker(scale.runs).ratio("history_users_ratio", &ratios, 1.7, limit)])
}

/// Durable entries in a second from many callers beside one commit each, and what they take on the disk.
async fn writes(folder: &Path, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let service = Service::start(folder).await?;
    let writes = Writes::new(&service, ENTRY_BYTES)?;
    let (mut ratios, mut singles, mut raws, mut grouped) = (vec![], vec![], vec![], vec![]);
    let (mut calls_made, mut refused) = (0, 0);
    writes.run(50, scale.calls / 4).await?;
    for run in 0..scale.runs {
        let (mut together, mut single) = (Written::default(), Written::default());
        // The pace of a disk changes from one second to the next: both have to meet the same one.
        for _ in 0..TURNS {
            together.add(&writes.run(50, scale.calls / TURNS).await?);
            single.add(&writes.run(1, scale.calls / 20 / TURNS).await?);
        }
        let (path, calls) = (folder.join(format!("raw-{run}.db")), scale.calls / 10);
        raws.push(tokio::task::spawn_blocking(move || raw::commits_per_sec(&path, calls)).await??);
        refused += together.refused + single.refused;
        calls_made += together.calls + single.calls;
        ratios.push(together.per_sec() / single.per_sec());
        grouped.push(together.per_sec());
        singles.push(single.per_sec());
    }
    let database = service.database();
    service.stop().await?;
    let bytes = std::fs::metadata(&database)?.len();
    let entries = raw::count(&database)?;
    ensure!(entries > 0, "nothing was written");
    let figure = Maker(scale.runs);
    let limit = Limit { what: "a second, one commit each, at the same service:".into(), value: median(&singles) };
    let raw = Limit { what: "a second, one commit each, by raw SQLite:".into(), value: median(&raws) };
    let per_entry = bytes as f64 / entries as f64;
    Ok(vec![
        Figure { goal: Some(Goal::AtLeast(5.0)), ..figure.ratio("history_write_group_ratio", &ratios, 5.0, limit) },
        Figure { unit: "per_s", goal: None, ..figure.ratio("history_write_per_s", &grouped, 0.0, raw) },
        Figure {
            unit: "calls",
            ..figure.ratio(
                "history_write_busy",
                &[refused as f64],
                0.0,
                Limit { what: "calls in all:".into(), value: calls_made as f64 },
            )
        },
        figure.ratio(
            "history_disk_ratio",
            &[per_entry / ENTRY_BYTES as f64],
            1.2,
            Limit { what: "bytes of an entry as sent:".into(), value: ENTRY_BYTES as f64 },
        ),
    ])
}

/// Makes figures of so many runs.
struct Maker(usize);

impl Maker {
    fn ratio(&self, name: &'static str, values: &[f64], at_most: f64, limit: Limit) -> Figure {
        let goal = Some(Goal::AtMost(at_most));
        Figure { name, value: median(values), unit: "ratio", goal, limit: Some(limit), runs: self.0 }
    }
}

/// A service on a database with these users, told for each spread; the first ones also stand in a plain table if asked.
async fn prepared(folder: &Path, spreads: &[Spread], plain: bool) -> anyhow::Result<(Service, Vec<seed::Users>)> {
    let service = Service::start(folder).await?;
    let template = Writes::new(&service, ENTRY_BYTES)?.one().await?;
    let database = service.database();
    service.stop().await?;
    let spreads = spreads.to_vec();
    let users = tokio::task::spawn_blocking(move || {
        let users =
            spreads.iter().map(|spread| seed(&database, template, *spread)).collect::<anyhow::Result<Vec<_>>>()?;
        if plain {
            seed_plain(&database, users.first().context("no users")?)?;
        }
        anyhow::Ok(users)
    });
    let users = users.await?.context("the database cannot be filled")?;
    Ok((warm(folder).await?, users))
}

/// A service on a database that the kernel has read: what its reads cost is compared, and not how much of it happened to be
/// in memory.
async fn warm(folder: &Path) -> anyhow::Result<Service> {
    let service = Service::start(folder).await?;
    let mut database = File::open(service.database())?;
    tokio::task::spawn_blocking(move || io::copy(&mut database, &mut io::sink())).await??;
    Ok(service)
}
