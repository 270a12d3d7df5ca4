//! The soak: many users at once create kernels, use, interrupt, kill and leave them, by chance and within limits, while
//! services stop and are killed. It ends by itself. Throughout, every accepted execution has exactly one end, which is
//! one that may be, and its log is dense and the same for every reader; at the end the history has each once, and of
//! all that was deleted nothing is left.
//!
//! The seed gives what is done; what happens at the same time is the machine's, so that a run with the same seed does
//! the same things and need not meet the same moments.

mod audit;
mod caller;
mod cells;
mod dice;
mod ledger;
mod leftovers;
mod levels;
mod person;
mod pool;
mod reader;
mod run;
mod trouble;
mod verdict;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use futures_util::future::join_all;
use tokio::{
    task::LocalSet,
    time::{Instant, sleep},
};

use self::{
    caller::Caller,
    dice::Dice,
    ledger::{Book, say},
    leftovers::Search,
    levels::Levels,
    person::Person,
    trouble::Outside,
};
use crate::{
    bench::{ROOMY, processes},
    client::Client,
    house::{House, Part},
};

/// How long after the last deletion something may still be there.
const TIDY_WAIT: Duration = Duration::from_secs(120);
/// How long processes may take to be gone once the services have ended.
const LEFT_WAIT: Duration = Duration::from_secs(30);
/// Before the services are looked at as warm, they have to come to rest.
const SETTLE: Duration = Duration::from_secs(8);
/// How often it is said how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(30);
/// How long kernels live without the service: longer than a restart takes on a busy machine.
const LINGER_SECS: &str = "120";
const LINGER: &str = "FENXI_ANALYSIS_KERNEL_LINGER_SECS";
/// A kernel without work is ended after so long.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// In this part of the time, the last, no service is stopped, so that what one leaks has time to show.
const QUIET_PART: f64 = 0.3;

/// Lines of the services' logs with these words at the level of an error are no fault where services are killed.
const ERRORS_ALLOWED: &[&str] = &[];

/// What is done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What chance follows from.
    pub seed: u64,
    /// How long.
    pub length: Length,
    /// Users at once.
    pub people: usize,
    /// How often a service is stopped or killed, about.
    pub trouble_every: Duration,
}

/// When a soak ends.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    /// After this time.
    Time(Duration),
    /// When everybody has done so many things.
    Rounds(usize),
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// A table of what was done, counted.
    pub table: Vec<(String, u64)>,
    /// How many things were not as they must be; each was printed when it was found.
    pub violations: usize,
}

/// Runs a soak in a house of its own.
///
/// # Errors
/// The house cannot be set up, or a service does not come back.
pub async fn soak(plan: Plan) -> anyhow::Result<Outcome> {
    // All users are in one task: what they wait for is elsewhere.
    LocalSet::new().run_until(of_plan(plan)).await
}

async fn of_plan(plan: Plan) -> anyhow::Result<Outcome> {
    let kernels_max = (plan.people * 3 / 2).max(2).to_string();
    let mut settings = ROOMY.to_vec();
    let memory = cells::MEMORY_MAX_BYTES.to_string();
    let processes_max = cells::PROCESSES_MAX.to_string();
    let output = cells::OUTPUT_MAX_BYTES.to_string();
    let idle = IDLE_MAX.as_secs().to_string();
    settings.extend([
        (LINGER, LINGER_SECS),
        ("FENXI_ANALYSIS_KERNELS_PER_USER_MAX", "2"),
        ("FENXI_ANALYSIS_KERNELS_MAX", &kernels_max),
        ("FENXI_ANALYSIS_KERNEL_MEMORY_MAX_BYTES", &memory),
        ("FENXI_ANALYSIS_KERNEL_PROCESSES_MAX", &processes_max),
        ("FENXI_ANALYSIS_KERNEL_IDLE_MAX_SECS", &idle),
        ("FENXI_ANALYSIS_KERNEL_TMP_MAX_BYTES", "67108864"),
        ("FENXI_ANALYSIS_EXECUTION_MAX_SECS", "60"),
        ("FENXI_ANALYSIS_OUTPUT_MAX_BYTES", &output),
        ("FENXI_ANALYSIS_OUTPUT_TAIL_BYTES", "65536"),
    ]);
    let mut house = House::with(settings).await?;
    let book = Book::default();
    let mut people = move_in(&house, &book, plan).await?;
    join_all(people.iter_mut().map(Person::warm_up)).await;
    sleep(SETTLE).await;
    pool::until_full(house.folder(), &book).await?;
    let warm = levels(&house);
    for (name, levels) in &warm {
        say(&format!("warm: {name}: {}", levels.line()));
    }
    let Seen { users, kernels: seen } = live(&mut house, &book, &mut people, plan).await?;
    say("everybody deletes what they have");
    join_all(people.iter_mut().map(Person::leave)).await;
    join_all(people.iter().map(|person| audit::audit(&person.caller))).await;
    let kernels = book.kernels();
    let search = Search { house: &house, kernels: &kernels, seen: &seen, users: &users };
    let kept = tidy(&search, &book, &warm).await?;
    read_logs(&house, &book);
    close(house, &book, &kernels.union(&seen).cloned().collect()).await?;
    let mut table = book.table();
    table.extend(kept.into_iter().map(|(name, rows)| (name, u64::try_from(rows).unwrap_or_default())));
    Ok(Outcome { table, violations: book.violations() })
}

async fn move_in(house: &House, book: &Book, plan: Plan) -> anyhow::Result<Vec<Person>> {
    let administrator = Client::administrator(house).await?;
    let outside = Outside::new(house.folder());
    let mut people = Vec::new();
    for number in 0..plan.people {
        let client = administrator.member(house, &format!("user{number}")).await?;
        let caller = Caller { client, book: Arc::clone(book) };
        people.push(Person::new(caller, Dice::new(plan.seed, number as u64), outside.clone(), IDLE_MAX));
    }
    Ok(people)
}

/// What was seen of kernels from outside.
#[derive(Debug, Default)]
struct Seen {
    /// The users as which they ran.
    users: BTreeSet<u32>,
    /// Their ids: somebody's, and those that were only kept ready.
    kernels: BTreeSet<String>,
}

/// Everybody does things while services go and come.
async fn live(house: &mut House, book: &Book, people: &mut [Person], plan: Plan) -> anyhow::Result<Seen> {
    let (begin, over) = (Instant::now(), Cell::new(false));
    let outside = Outside::new(house.folder());
    let has_time = |wait: Duration| match plan.length {
        Length::Time(length) => begin.elapsed() + wait <= length.mul_f64(1.0 - QUIET_PART),
        Length::Rounds(_) => !over.get(),
    };
    let troubles = trouble::make(house, book, Dice::new(plan.seed, u64::MAX), plan.trouble_every, has_time);
    let goes_on = |rounds: usize| match plan.length {
        Length::Time(length) => begin.elapsed() < length,
        Length::Rounds(all) => rounds < all,
    };
    let lives = async {
        join_all(people.iter_mut().map(|person| person.live(goes_on))).await;
        over.set(true);
    };
    let watch = async {
        let mut seen = Seen::default();
        let mut told = Instant::now();
        while !over.get() {
            if let Some(supervisor) = outside.supervisor() {
                let kernels = processes::children(supervisor).unwrap_or_default();
                seen.users.extend(kernels.into_iter().filter_map(processes::user).filter(|user| *user != 0));
            }
            seen.kernels.extend(pool::alive(&outside));
            if told.elapsed() > PROGRESS_EVERY {
                told = Instant::now();
                let (ended, violations) = (book.ended_count(), book.violations());
                say(&format!("{} s: {ended} executions ended, {violations} violations", begin.elapsed().as_secs()));
            }
            sleep(Duration::from_secs(1)).await;
        }
        seen
    };
    let (troubled, _, seen) = tokio::join!(troubles, lives, watch);
    troubled?;
    Ok(seen)
}

/// The services and what belongs to them.
fn levels(house: &House) -> BTreeMap<&'static str, Levels> {
    let outside = Outside::new(house.folder());
    let of = [
        ("auth-service", house.pid(Part::Auth)),
        ("analysis-service", house.pid(Part::Analysis)),
        ("gateway", house.pid(Part::Gateway)),
        ("kernel-supervisor", outside.supervisor()),
        ("fork server", outside.fork_server()),
    ];
    let found = of.into_iter().filter_map(|(name, pid)| Some((name, Levels::of(pid?, house.folder()))));
    found.collect()
}

/// Waits until nothing is left that should not be, and says what is.
async fn tidy(
    search: &Search<'_>,
    book: &Book,
    warm: &BTreeMap<&'static str, Levels>,
) -> anyhow::Result<BTreeMap<String, i64>> {
    let limit = Instant::now() + TIDY_WAIT;
    let (left, now) = loop {
        let mut left = search.all()?;
        let now = levels(search.house);
        for (name, levels) in &now {
            let above = warm.get(name).map(|warm| levels.above(warm)).unwrap_or_default();
            left.extend(above.into_iter().map(|what| format!("{name}: {what}")));
        }
        if left.is_empty() || Instant::now() > limit {
            break (left, now);
        }
        sleep(Duration::from_secs(1)).await;
    };
    for (name, levels) in &now {
        say(&format!("end: {name}: {}", levels.line()));
    }
    for what in left {
        book.violate(format!("left after {TIDY_WAIT:?}: {what}"));
    }
    search.kept()
}

/// No service panicked, and none logged a fault.
fn read_logs(house: &House, book: &Book) {
    for part in [Part::Auth, Part::Analysis, Part::Gateway] {
        for line in house.log(part).lines() {
            let fault = line.contains("panicked") || line.contains(" ERROR ");
            if fault && !ERRORS_ALLOWED.iter().any(|allowed| line.contains(allowed)) {
                book.violate(format!("the log of {part:?}: {line}"));
            } else if line.contains(" WARN ") {
                let message = line.rsplit_once(": ").map_or(line, |(_, message)| message);
                let words: Vec<_> = message.split_whitespace().take_while(|word| !word.contains('=')).take(9).collect();
                book.count(format!("warning of {part:?}: {}", words.join(" ")));
            }
        }
    }
}

/// Ends the house, its supervisor with the service, and looks that nothing is left of any kernel: what was kept ready ends
/// with the service that kept it, whether kernels outlive that or not.
async fn close(mut house: House, book: &Book, kernels: &BTreeSet<String>) -> anyhow::Result<()> {
    house.stop_part(Part::Analysis).await?;
    let mut kernels = kernels.clone();
    nothing_left(&house, book, &kernels, "a service that leaves its kernels").await;
    house.set(LINGER, "0");
    house.start_part(Part::Analysis).await?;
    pool::until_full(house.folder(), book).await?;
    kernels.extend(pool::alive(&Outside::new(house.folder())));
    house.stop_part(Part::Analysis).await?;
    nothing_left(&house, book, &kernels, "a service that ends its kernels").await;
    let folder = house.folder().to_owned();
    house.stop().await?;
    let limit = Instant::now() + LEFT_WAIT;
    loop {
        let left = processes::with_path(&folder).context("processes")?;
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > limit {
            book.violate(format!("processes are left after the services: {left:?}"));
            return Ok(());
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn nothing_left(house: &House, book: &Book, kernels: &BTreeSet<String>, whose: &str) {
    let limit = Instant::now() + LEFT_WAIT;
    loop {
        let left = pool::left(house.folder(), kernels);
        if left.is_empty() {
            return;
        }
        if Instant::now() > limit {
            return left.into_iter().for_each(|what| book.violate(format!("left after {whose}: {what}")));
        }
        sleep(Duration::from_millis(200)).await;
    }
}
