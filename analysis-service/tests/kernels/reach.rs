//! What code in a kernel of a running service reaches, at each level and by each way of starting: the table of
//! docs/isolation.md, tried from inside. Without isolation, where the service is root, every attempt succeeds, so that no
//! refusal is an accident. What each single layer stops is told in `kernel/tests/test_isolation_reach.py`.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::{MetadataExt as _, PermissionsExt as _},
            net::{SocketAddr, UnixListener},
        },
    },
    path::PathBuf,
};

use analysis_service::kernels::{
    KernelHandle,
    launch::{Apart, Level},
};
use fenxi_proto::analysis::v1::IsolationLevel;

use crate::house::{House, apart, settings};

const ATTEMPTS: &str = include_str!("reach.py");
/// What a kernel reaches that shares the service's user and has no namespaces.
const OF_A_SHARED_USER: [&str; 6] = [
    "see that a file exists",
    "change the mode of another kernel's file",
    "change the mode of the service's file",
    "list other processes",
    "connect to an open socket",
    "read another's shared memory",
];
const COUNTS: &str = "count other processes";

/// The machine around a kernel.
struct World {
    json: serde_json::Value,
    shared: PathBuf,
    _open: (TcpListener, UnixListener, UnixListener),
}

impl World {
    /// With another kernel of the same house.
    async fn around(house: &House, other: &KernelHandle) -> Self {
        house.printed(other, "with open('secret', 'w') as file: file.write('secret')").await;
        let other_file = house.files.join("work").join(other.kernel_id().to_string()).join("secret");
        let service_file = house.files.join("service-secret");
        let shared = PathBuf::from(format!("/dev/shm/fenxi-reach-{}", other.kernel_id()));
        for file in [&service_file, &shared] {
            fs::write(file, "secret").expect("written");
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("closed");
        }
        let (socket, abstract_name) = (house.files.join("open"), format!("fenxi-reach-{}", other.kernel_id()));
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let by_path = UnixListener::bind(&socket).expect("a socket");
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("open");
        let address = SocketAddr::from_abstract_name(&abstract_name).expect("a name");
        let by_name = UnixListener::bind_addr(&address).expect("a socket");
        let json = serde_json::json!({
            "folder": house.files, "other_file": other_file, "service_file": service_file,
            "tmp": fs::metadata("/tmp").expect("there").ino(),
            "other": process_of(other), "service": std::process::id(), "socket": socket, "abstract": abstract_name,
            "tcp": tcp.local_addr().expect("a port").port(),
            "shared": shared.file_name().expect("a name").to_str(),
        });
        Self { json, shared, _open: (tcp, by_path, by_name) }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.shared);
    }
}

/// The kernel's process, by its title or by its command.
fn process_of(kernel: &KernelHandle) -> u32 {
    let id = kernel.kernel_id().to_string();
    let processes = fs::read_dir("/proc").expect("there").flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let found = pids.find(|pid| {
        let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&[read("cmdline"), read("environ")].concat()).contains(&id)
            && *pid != std::process::id()
    });
    found.expect("it runs")
}

/// What a kernel of a house reaches, with the layers that it says it has.
async fn reached(house: House) -> (BTreeSet<String>, Vec<String>, IsolationLevel) {
    let (other, kernel) = (house.kernel().await, house.kernel().await);
    let world = World::around(&house, &other).await;
    let code = format!("import json\nworld = json.loads({:?})\n{ATTEMPTS}\nreport()", world.json.to_string());
    let said = house.printed(&kernel, &code).await;
    // The other one has come to no harm.
    assert_eq!(house.run(&other, "1+1").await.result(), "2");
    let isolation = kernel.snapshot().isolation.clone().expect("known");
    (serde_json::from_str(&said).expect("names"), isolation.layers.clone(), isolation.level())
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What the table says of these layers.
fn expected(layers: &[String]) -> BTreeSet<String> {
    let has = |layer: &str| layers.iter().any(|held| held == layer);
    let mut reached = if has("mount") { BTreeSet::new() } else { names(&OF_A_SHARED_USER) };
    reached.extend((!has("pid")).then(|| COUNTS.to_owned()));
    reached
}

#[tokio::test]
async fn without_isolation_all_of_it_is_reached_by_a_service_that_is_root() {
    let (reached, layers, level) =
        reached(House::held_to(settings(), Apart { level: Level::None, ..apart() }).await).await;
    assert_eq!((layers, level), (Vec::new(), IsolationLevel::None));
    if nix::unistd::geteuid().is_root() {
        // What a system itself lacks or forbids to everybody is not for a kernel to reach.
        let everybody_lacks = names(&["io_uring", "keys", "list control groups"]);
        let all: BTreeSet<_> = ATTEMPTS
            .lines()
            .filter_map(|line| line.strip_prefix("    \"")?.split('"').next())
            .filter(|name| !name.is_empty())
            .collect();
        let all: BTreeSet<String> = all.into_iter().map(str::to_owned).collect();
        let missed: Vec<_> = all.difference(&reached).filter(|name| !everybody_lacks.contains(*name)).collect();
        assert!(missed.is_empty() && all.len() > 25, "these fail in any case: {missed:?}");
    }
}

#[tokio::test]
async fn a_program_of_its_own_reaches_what_the_table_says() {
    let (reached, layers, level) = reached(House::held_to(settings(), apart()).await).await;
    assert_eq!((&reached, level), (&expected(&layers), IsolationLevel::Standard), "{layers:?}");
}

#[tokio::test]
async fn a_fork_reaches_what_the_table_says_at_each_level_that_this_machine_gives() {
    let mut levels = vec![Level::Standard];
    let house = House::held_to(settings(), apart()).await;
    let support = house.registry.support().levels;
    let missing = |level: IsolationLevel| &support.iter().find(|(known, _)| *known == level).expect("known").1;
    levels.extend(missing(IsolationLevel::Strict).is_empty().then_some(Level::Strict));
    for level in levels {
        let (reached, layers, told) = reached(House::forked_with(settings(), Apart { level, ..apart() }).await).await;
        assert_eq!(told, if level == Level::Strict { IsolationLevel::Strict } else { IsolationLevel::Standard });
        assert_eq!(reached, expected(&layers), "{layers:?}");
    }
}
