//! Kernels that are kept ready: handed out once each, whole, with all that a kernel has, and ended with the service.

use std::{collections::HashSet, path::Path, sync::OnceLock, time::Duration};

use analysis_service::kernels::{
    KernelHandle,
    launch::Launcher as _,
    model::{KernelError, Settings},
    registry::{NewKernel, Place},
};
use fenxi_proto::analysis::v1::{KernelStart, KernelState, Outcome};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use uuid::Uuid;

use crate::house::{House, USER, fork_light_kernels, settings, soon, until_state};

const SIZE: usize = 2;
const STRANGER: Uuid = Uuid::from_u128(0xB);

/// A house with kernels kept ready, which are the only ones in its folder.
async fn house(settings: Settings) -> House {
    ready();
    soon(fork_light_kernels().await.launcher.prepared()).await;
    House::with(Settings { pool_size: u32::try_from(SIZE).expect("small"), ..settings }).await
}

/// The kernels of a folder by their ids, with their processes. Other stories' are there too in a process that tells many.
fn kernels(house: &House) -> Vec<(Uuid, Pid)> {
    let runs = std::fs::read_dir(house.files.join("run")).expect("a folder").flatten();
    let records = runs.filter_map(|entry| std::fs::read(entry.path().join("process.json")).ok());
    let parsed = records.filter_map(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    let found = parsed.filter_map(|record| {
        let pid = Pid::from_raw(i32::try_from(record["pid"].as_i64()?).ok()?);
        Some((record["kernel_id"].as_str()?.parse().ok()?, pid))
    });
    found.collect()
}

/// How many are ready: by a figure of this process, because they are written down before they are spoken to.
fn ready() -> usize {
    static METRICS: OnceLock<metrics_exporter_prometheus::PrometheusHandle> = OnceLock::new();
    let rendered = METRICS.get_or_init(|| fenxi_chassis::telemetry::init_metrics().expect("collected")).render();
    let figure = rendered.lines().find_map(|line| line.strip_prefix("kernel_pool_ready ")?.trim().parse().ok());
    figure.unwrap_or_default()
}

/// Waits until so many are ready beside those that are used, and gives them all.
async fn until_there(house: &House, kept: usize, used: usize) -> Vec<(Uuid, Pid)> {
    soon(async {
        loop {
            let found = kernels(house);
            if ready() == kept && found.len() == kept + used {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

fn is_one_of(kernel: &KernelHandle, kept: &[(Uuid, Pid)]) -> bool {
    kept.iter().any(|(kernel_id, _)| *kernel_id == kernel.kernel_id())
}

#[tokio::test]
async fn a_kernel_kept_ready_is_as_any_other_and_nobody_elses() {
    let house = house(settings()).await;
    let kept = until_there(&house, SIZE, 0).await;
    let dataset = house.dataset("sales", "pa.table({'x': [1, 2, 3]})");
    let new = || NewKernel { datasets: vec![House::table(dataset, "sales")], ..House::new_kernel() };
    let (one, two) = (house.create(new()).await.expect("a kernel"), house.create(new()).await.expect("a kernel"));
    assert!(is_one_of(&one, &kept) && is_one_of(&two, &kept) && one.kernel_id() != two.kernel_id());
    let code = "import os, random, numpy, pandas, uuid\n\
                print(sales.x.sum(), os.getcwd(), os.getuid(), random.random(), numpy.random.rand(), uuid.uuid4())";
    let (first, second) = (house.printed(&one, code).await, house.printed(&two, code).await);
    let words = |said: &str| said.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (first, second) = (words(&first), words(&second));
    assert_eq!((first[0].as_str(), second[0].as_str()), ("6", "6"));
    let shared_user = !nix::unistd::geteuid().is_root();
    for (what, (one, two)) in first.iter().zip(&second).enumerate().skip(1) {
        assert!(one != two || (what == 2 && shared_user), "{first:?} {second:?}");
    }
    let told = one.snapshot();
    assert_eq!((told.start, told.generation), (KernelStart::Forked, 1));
    let layers = &told.isolation.as_ref().expect("layers").layers;
    assert!(["seccomp", "capabilities"].iter().all(|layer| layers.iter().any(|held| held == layer)), "{layers:?}");
    // What one wrote the other does not see, and a restart finds again.
    house.printed(&one, "open('mine', 'w').write('1')").await;
    assert_eq!(house.printed(&two, "print(os.path.exists('mine'))").await, "False\n");
    soon(house.registry.restart(USER, one.kernel_id(), None)).await.expect("restarted");
    assert_eq!(house.printed(&one, "import os; print(os.path.exists('mine'), sales.x.sum())").await, "True 6\n");
    // The places are filled again.
    until_there(&house, SIZE, 2).await;
    soon(house.registry.shut_down()).await;
    assert_eq!(kernels(&house), []);
}

#[tokio::test]
async fn a_dead_or_stopped_kernel_is_never_handed_out() {
    let house = house(settings()).await;
    let kept = until_there(&house, SIZE, 0).await;
    // One is stopped and one is killed in this very moment.
    kill(kept[0].1, Signal::SIGSTOP).expect("sent");
    kill(kept[1].1, Signal::SIGKILL).expect("sent");
    let kernel = house.kernel().await;
    assert_eq!(house.printed(&kernel, "print(1)").await, "1\n");
    let again = until_there(&house, SIZE, 1).await;
    assert!(kept.iter().all(|kernel| !again.contains(kernel)), "{kept:?} {again:?}");
    soon(house.registry.leave()).await;
    let left = kernels(&house);
    assert_eq!(left.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [kernel.kernel_id()], "more is left than a user's");
}

#[tokio::test]
async fn limits_hold_and_what_is_refused_is_kept() {
    let house = house(Settings { per_user_max: 1, total_max: 2, ..settings() }).await;
    let kept = until_there(&house, SIZE, 0).await;
    let kernel = house.kernel().await;
    assert!(matches!(house.create(House::new_kernel()).await, Err(KernelError::UserLimit { limit: 1 })));
    // With one alive there is room for one more, and it is for whoever comes next.
    let all = until_there(&house, 1, 1).await;
    assert!(all.iter().all(|kernel| kept.contains(kernel)), "{kept:?} {all:?}");
    let other = house.registry.create(STRANGER, House::new_kernel()).await.expect("another user's");
    assert!(kept.iter().any(|(kernel_id, _)| *kernel_id == other.kernel_id));
    let third = house.registry.create(Uuid::from_u128(0xC), House::new_kernel()).await;
    assert!(matches!(third, Err(KernelError::TotalLimit { limit: 2 })));
    until_state(&kernel, KernelState::Idle).await;
    let ran = house.run(&kernel, "import numpy; numpy.ones(1 << 40)").await;
    assert_eq!(ran.outcome(), Outcome::Error, "no memory limit");
    soon(house.registry.shut_down()).await;
    assert_eq!(kernels(&house), []);
}

#[tokio::test]
async fn the_newest_is_first_whatever_its_id() {
    let house = house(settings()).await;
    let kept = until_there(&house, SIZE, 0).await;
    let mut made = Vec::new();
    for _ in 0..SIZE + 1 {
        house.clock.advance(Duration::from_secs(1));
        made.push(house.kernel().await.kernel_id());
    }
    // The third was not kept ready, or was made ready after the others.
    assert!(kept.iter().all(|(kernel_id, _)| made[..SIZE].contains(kernel_id)));
    made.reverse();
    let listed = |before, count| house.registry.list(USER, before, count);
    let ids: Vec<_> = listed(None, 10).iter().map(|kernel| kernel.kernel_id).collect();
    assert_eq!(ids, made);
    let first = listed(None, 1);
    let place = Place::from_bytes(&Place::of(&first[0]).to_bytes());
    assert_eq!(listed(place, 10).iter().map(|kernel| kernel.kernel_id).collect::<Vec<_>>(), made[1..]);
    soon(house.registry.shut_down()).await;
}

#[tokio::test]
async fn nothing_is_left_of_those_nobody_had() {
    let house = house(settings()).await;
    let kept = until_there(&house, SIZE, 0).await;
    let works: HashSet<_> =
        kept.iter().map(|(kernel_id, _)| house.files.join("work").join(kernel_id.to_string())).collect();
    assert!(works.iter().all(|work| work.is_dir()));
    soon(house.registry.shut_down()).await;
    assert!(works.iter().all(|work| !work.exists()));
    assert!(kept.iter().all(|(_, pid)| !Path::new(&format!("/proc/{pid}")).exists()));
}
