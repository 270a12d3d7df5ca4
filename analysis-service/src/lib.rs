//! analysis-service: uploads, datasets, kernels, executions.
//!
//! This file is the one place where every part is built and every channel between parts is tied; it decides nothing
//! else. The parts do not know each other.

pub mod config;
pub mod counters;
pub mod datasets;
pub mod disabled;
pub mod executions;
pub mod kernels;
pub mod network;
pub mod objects;
pub mod outbox;
mod places;
mod rpc;
mod schema;

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use fenxi_chassis::{
    caller::{KeyRequests, Verifier, follow_keys, token::AUDIENCE_ANALYSIS},
    client,
    clock::Clock,
    disk, files,
    lifecycle::Lifecycle,
    net::Listeners,
    page::PageTokens,
    program::Frame,
    server,
    sqlite::{Database, read_refusal},
    telemetry::begin_counters,
};
use fenxi_supervisor::client::{self as supervisor, Supervisor};
use futures_util::future::{join, join_all};
use tokio::time::timeout;
use uuid::Uuid;

use config::{Auth, Config};
use datasets::{DatasetError, Datasets};
use executions::{Executions, Fate, run::Runner};
use fenxi_proto::{
    access, auth::v1::caller_service_client::CallerServiceClient,
    history::v1::history_service_client::HistoryServiceClient,
};
use kernels::{
    config::{KernelSettings, KernelStart},
    launch::{ForkLauncher, Launched, Level, Workshop, socket_folder},
    model::{KernelTable, TableSource, TableUnavailable},
    network::{KernelNetwork, NetworkSource, Reach},
    registry::{Adopted, Inherited, Registry, left_behind},
    specs::{KernelSpec, Launchers},
};
use network::Networks;
use objects::Objects;
use outbox::Relay;

/// How long the steps of a stop may take of what it has: kernels to end or be left; the ends of executions to be stored, of
/// which the next start stores the rest; parsing and bytes under way to end.
const KERNELS_WAIT: Duration = Duration::from_secs(15);
const EXECUTIONS_WAIT: Duration = Duration::from_secs(10);
const DATASETS_WAIT: Duration = Duration::from_secs(10);

/// Runs the service to its end.
///
/// # Errors
/// One line that says what is wrong and names the setting, folder or file.
pub async fn serve(config: Config, frame: Frame) -> anyhow::Result<()> {
    let listeners = Listeners::bind(&config.listen, "--listen").await?;
    serve_on(listeners, config, frame).await
}

/// Runs the service to its end on listeners that are open already.
///
/// # Errors
/// As [`serve`].
pub async fn serve_on(listeners: impl Into<Listeners>, config: Config, frame: Frame) -> anyhow::Result<()> {
    let data = config.data_dir.as_path();
    let _in_use = take(data, &frame.lifecycle)?;
    let run = config.kernels.kernel_run_dir.clone().unwrap_or_else(|| data.join("run"));
    let run = tokio::task::spawn_blocking(move || socket_folder(&run)).await??;
    let _run_in_use = files::lock(&run)?;
    let database = Database::open(&data.join("analysis.db"), &schema::steps()).await?;
    let pages = PageTokens::new(&files::key(&data.join("page.key"))?);

    // Who is calling: the keys come from auth-service and stay in force while it is away.
    let auth = client::channel_to(&config.auth.auth_url)?;
    let (key_requests, key_queue) = KeyRequests::channel();
    let verifier = Verifier::new(AUDIENCE_ANALYSIS, frame.clock.clone(), Some(key_requests));
    let lifecycle = frame.lifecycle.clone();
    // The keys may be there long before all the rest is.
    ["keys", "service"].into_iter().for_each(|part| lifecycle.set_ready(part, false));
    lifecycle.spawn(follow_keys(auth, verifier.clone(), key_queue, lifecycle.clone()));

    // Datasets.
    let datasets = Datasets::open(data, config.datasets, database.clone(), frame.clone())
        .with_context(|| format!("the datasets in {} cannot be opened", data.display()))?;
    lifecycle.spawn(datasets.clone().keep_clean());

    // Kernels. Their tables come from the datasets, which know nothing of kernels.
    let settings = config.kernels.settings(config.executions.output_max_bytes, data);
    let outlive = config.kernels.outlive_a_stop();
    let networks = Networks::open(database.clone(), frame.clock.clone()).await?;
    lifecycle.spawn(networks.clone().keep(lifecycle.clone()));
    // Looking for kernels is most of a start; until then nothing was begun that a stop has to see through.
    if lifecycle.is_stopping() {
        lifecycle.step("datasets", DATASETS_WAIT, datasets.close()).await;
        database.close(&lifecycle).await;
        return Ok(());
    }
    let (launcher, kept) = launcher(&config.kernels, (data.to_owned(), run), &networks, &lifecycle).await?;
    let mut inherited = Inherited::default();
    for adopted in join_all(kept.into_iter().map(Adopted::connect)).await.into_iter().flatten() {
        inherited.kernels.insert(adopted.kernel_id(), adopted);
    }
    let store = kernels::store::Store::new(database.clone(), settings.limits);
    let tables = tables(&datasets);

    // Executions, and the outbox that carries the finished ones to the history. What an earlier process left is ended
    // before anything new is accepted.
    let wake = outbox::Wake::default();
    let objects = Objects::open(&data.join("outputs"))
        .with_context(|| format!("the folder of outputs in {} cannot be opened", data.display()))?;
    let (room, clock) = (data.join("executions"), frame.clock.clone());
    let executions =
        Executions::open(&config.executions, &room, database.clone(), objects, clock.clone(), wake.clone())?;
    let starting = store.starting().await?;
    let works = executions.recover(|kernel_id| fate(&inherited, &starting, kernel_id)).await;
    for (kernel_id, work) in works.context("the executions of an earlier run cannot be taken up")? {
        inherited.works.entry(kernel_id).or_default().push(work);
    }
    executions.work_behind_calls(&lifecycle);
    let bearer = bearer(&config.auth)?;
    let to_deliver = (database.clone(), clock, wake);
    let clock = frame.clock.clone();
    let kernels = Registry::open(launcher.clone(), tables, store, settings, clock, &lifecycle, inherited).await?;
    if let Some(bearer) = bearer {
        follow_auth(&config.auth, bearer, to_deliver, &kernels, &lifecycle)?;
    }
    let runner = Runner::new(executions.clone(), kernels.clone());

    // Kernels are left to the next service; or they end as soon as this one is to stop, so that whoever watches sees the
    // ends of executions. The end below tells of those that do not.
    let (closing, starting, stopping) = (kernels.clone(), launcher.clone(), lifecycle.clone());
    lifecycle.spawn(async move {
        stopping.stopping().await;
        timeout(stopping.share(KERNELS_WAIT), close(&closing, &starting, outlive)).await.ok();
    });

    let routes = rpc::routes(datasets.clone(), kernels.clone(), networks, runner, pages, lifecycle.token());
    lifecycle.set_ready("service", true);
    let routes = (routes, access::services(&["fenxi.analysis.v1"]));
    let served = server::serve(listeners.into(), routes, verifier, lifecycle.clone()).await;

    // The end, in the reverse order: no new calls any more, then kernels, executions, datasets, the database last.
    lifecycle.stop();
    lifecycle.step("kernels", KERNELS_WAIT, close(&kernels, &launcher, outlive)).await;
    lifecycle.step("executions", EXECUTIONS_WAIT, executions.drain()).await;
    lifecycle.step("datasets", DATASETS_WAIT, datasets.close()).await;
    database.close(&lifecycle).await;
    served
}

/// Takes the folder for this process alone, watches its disk, and begins to count.
fn take(data: &Path, lifecycle: &Lifecycle) -> anyhow::Result<File> {
    files::private_folder(data)?;
    let in_use = files::lock(data)?;
    lifecycle.spawn(disk::watch(data.to_owned(), lifecycle.clone()));
    begin_counters(counters::COUNTERS);
    Ok(in_use)
}

/// What has become of a kernel that an earlier service left.
fn fate(inherited: &Inherited, starting: &HashMap<Uuid, i32>, kernel_id: Uuid) -> Fate {
    if inherited.kernels.contains_key(&kernel_id) {
        Fate::Lives
    } else if let Some(generation) = starting.get(&kernel_id) {
        Fate::StartsAnew { is_first: *generation == 1 }
    } else {
        Fate::Dead(left_behind())
    }
}

/// Leaves the kernels to the next service, or ends them where they are not to outlive this one; what they are forked from
/// ends in any case.
async fn close(kernels: &Registry, launchers: &Launchers, outlive: bool) {
    let closed = async {
        if outlive {
            kernels.leave().await;
        } else {
            kernels.shut_down().await;
        }
    };
    // At the same time: a start under way may wait for the other.
    join(closed, launchers.close()).await;
}

/// This service's credential; `None` without one.
fn bearer(auth: &Auth) -> anyhow::Result<Option<client::Bearer>> {
    let Some(file) = &auth.secret_file else {
        tracing::warn!(
            "no --secret-file is set: finished executions wait in the outbox and are not delivered, and kernels of users \
             who are disabled go on"
        );
        return Ok(None);
    };
    client::Bearer::new(&files::secret(file).context("--secret-file")?).context("--secret-file").map(Some)
}

/// What goes on between this service and auth-service beside the keys: the outbox that is delivered there, and who is
/// disabled, which comes from there.
fn follow_auth(
    auth: &Auth,
    bearer: client::Bearer,
    (database, clock, wake): (Database, Clock, outbox::Wake),
    kernels: &Registry,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let channel = client::channel_to(&auth.auth_url)?;
    let history = HistoryServiceClient::with_interceptor(channel.clone(), bearer.clone());
    lifecycle.spawn(Relay::new(database, history, clock, wake).run(lifecycle.clone()));
    let callers = CallerServiceClient::with_interceptor(channel, bearer);
    lifecycle.spawn(disabled::follow(callers, kernels.clone(), lifecycle.clone()));
    Ok(())
}

/// How kernels are started. Its folders are made, and what a former service left is ended, on a thread that may block.
async fn launcher(
    settings: &KernelSettings,
    (data, run): (PathBuf, PathBuf),
    networks: &Networks,
    lifecycle: &Lifecycle,
) -> anyhow::Result<(Launchers, Vec<Launched>)> {
    let (python, apart) = (settings.python.clone(), settings.apart());
    anyhow::ensure!(
        settings.kernel_start == KernelStart::Fork || apart.level != Level::Strict,
        "--kernel-isolation strict needs --kernel-start fork: a plain kernel cannot enter every namespace"
    );
    let specs = kernel_specs(settings, &[&run, &data]).await?;
    let supervisor = supervisor::Settings {
        program: settings.supervisor()?,
        socket: run.join("supervisor.sock"),
        linger: settings.linger(),
    };
    let (supervisor, held) = Supervisor::open(supervisor).await.context("the supervisor of kernels")?;
    let open = move || Ok((Workshop::open(&python, &run, &data.join("work"), apart, (supervisor, &held))?, held));
    let (workshop, held): (Workshop, _) =
        tokio::task::spawn_blocking(open).await.map_err(anyhow::Error::from).flatten()?;
    // Datasets are served all the same.
    lifecycle.set_degraded("kernels", workshop.trouble());
    networks.refuse_for(workshop.network_obstacle(settings.kernel_start == KernelStart::Fork));
    workshop.set_network(network_source(networks));
    let kept = workshop.take_up(held).await;
    let launchers = match settings.kernel_start {
        KernelStart::Fork => {
            let forks = ForkLauncher::start(workshop.clone(), settings.kernel_preload.clone());
            Launchers::forked(&forks, &workshop, specs)
        }
        KernelStart::Plain => Launchers::plain(&workshop, specs),
    };
    Ok((launchers, kept))
}

/// The kinds of kernels beside the built-in one. No kernel may be shown these folders of the service's.
async fn kernel_specs(settings: &KernelSettings, closed: &[&Path]) -> anyhow::Result<Vec<KernelSpec>> {
    let Some(folder) = &settings.kernel_specs_dir else { return Ok(Vec::new()) };
    let closed = closed.iter().map(|folder| folder.canonicalize()).collect::<Result<_, _>>()?;
    kernels::specs::open(folder, closed).await
}

/// The granted networks as kernels see them.
fn network_source(networks: &Networks) -> NetworkSource {
    let (granted, served) = (networks.clone(), networks.clone());
    NetworkSource {
        granted: Arc::new(move |user_id| granted.granted(user_id)),
        serve: Arc::new(move |user_id, kernel_id, listener| {
            let networks = served.clone();
            let hold = Box::new(served.serve(user_id, kernel_id, listener)?);
            Ok(KernelNetwork { reach: Reach(Arc::new(move || networks.entries(user_id))), hold })
        }),
    }
}

/// The datasets as kernels see them.
fn tables(datasets: &Datasets) -> TableSource {
    let (names, opened) = (datasets.clone(), datasets.clone());
    TableSource {
        name: Arc::new(move |user_id, dataset_id| {
            let datasets = names.clone();
            Box::pin(async move { Ok(datasets.brief(user_id, dataset_id).await.map_err(unavailable)?.name) })
        }),
        open: Arc::new(move |user_id, dataset_id| {
            let datasets = opened.clone();
            Box::pin(async move {
                let table = datasets.table_for_kernel(user_id, dataset_id).await.map_err(unavailable)?;
                Ok(KernelTable { path: table.path, hold: Arc::new(table.hold) })
            })
        }),
    }
}

/// Why a dataset cannot be had, as kernels tell it.
fn unavailable(error: DatasetError) -> TableUnavailable {
    match error {
        DatasetError::NotFound => TableUnavailable::NotFound,
        DatasetError::Table(error) => TableUnavailable::Refused(error.to_string()),
        DatasetError::Busy(_) => TableUnavailable::Busy(error.to_string()),
        DatasetError::Closing => TableUnavailable::Closing(error.to_string()),
        DatasetError::DiskFull => {
            tracing::error!("the disk is full");
            TableUnavailable::Closing(error.to_string())
        }
        error => {
            tracing::error!(%error, "a table for a kernel cannot be had");
            let refusal = if let DatasetError::Sql(error) = &error { read_refusal(error) } else { None };
            refusal.map_or(TableUnavailable::Internal, |refusal| TableUnavailable::Closing(refusal.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use fenxi_tables::TableError;

    use super::*;

    #[test]
    fn a_kernel_is_told_why_a_table_cannot_be_had() {
        let refused = TableError::Unreadable { place: None, problem: "it is cut short".to_owned() };
        let told = unavailable(refused.into());
        assert!(matches!(&told, TableUnavailable::Refused(why) if why.contains("cut short")), "{told:?}");
        assert!(matches!(unavailable(sqlx::Error::PoolTimedOut.into()), TableUnavailable::Busy(_)));
        assert!(matches!(unavailable(DatasetError::Closing), TableUnavailable::Closing(_)));
        assert_eq!(unavailable(DatasetError::NotFound), TableUnavailable::NotFound);
        assert_eq!(unavailable(DatasetError::Database("x".into())), TableUnavailable::Internal);
    }
}
