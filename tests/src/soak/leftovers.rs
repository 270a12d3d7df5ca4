//! What may be left of kernels that are gone and of executions that have ended: nothing but what is kept on purpose.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags};

use super::{
    pool::{self, Kept},
    trouble::{FORK_SERVER, Outside, SUPERVISOR},
};
use crate::{bench::processes, house::House};

/// How deep folders of control groups are looked for.
const GROUP_DEPTH_MAX: usize = 6;

/// Tables, or rows of them, of which none may be left once every kernel and dataset is deleted and all is delivered.
const EMPTY: &[(&str, &str)] = &[
    ("kernels", "SELECT count(*) FROM kernels"),
    ("executions without an end", "SELECT count(*) FROM execution WHERE outcome = 0"),
    ("outbox", "SELECT count(*) FROM outbox"),
    ("open uploads", "SELECT count(*) FROM upload WHERE state = 1"),
    ("datasets", "SELECT count(*) FROM dataset"),
    ("contents of users", "SELECT count(*) FROM user_content"),
    ("contents in use", "SELECT count(*) FROM content WHERE reference_count > 0"),
    ("usage", "SELECT count(*) FROM dataset_usage WHERE used_bytes > 0 OR open_upload_count > 0 OR dataset_count > 0"),
];

/// What is kept on purpose: requests for two days, executions with their logs as long as the operator says.
const KEPT: &[&str] = &[
    "kernel_requests",
    "dataset_request",
    "execution",
    "execution_log",
    "execution_content",
    "content",
    "parsed_table",
];

/// Looks for what is left.
pub(super) struct Search<'a> {
    pub house: &'a House,
    /// The kernels that somebody had.
    pub kernels: &'a BTreeSet<String>,
    /// Those that were seen at any time, whosever they were.
    pub seen: &'a BTreeSet<String>,
    /// The users as which kernels ran.
    pub users: &'a BTreeSet<u32>,
}

impl Search<'_> {
    fn analysis(&self, name: &str) -> PathBuf {
        self.house.folder().join("analysis").join(name)
    }

    /// Everything that should not be there, while the services run and no kernel is wanted but those kept ready.
    pub(super) fn all(&self) -> anyhow::Result<Vec<String>> {
        let kept = pool::kept(self.house.folder(), self.kernels);
        let mut found = self.processes(&kept)?;
        if kept.len() != pool::SIZE {
            found.push(format!("{} kernels are kept ready, and not {}: {kept:?}", kept.len(), pool::SIZE));
        }
        found.extend(self.files(&kept));
        found.extend(self.outputs()?);
        let gone = self.kernels.union(self.seen).filter(|kernel_id| !kept.contains_key(*kernel_id)).cloned().collect();
        found.extend(groups_of(&gone));
        found.extend(self.mounts());
        let database = self.database()?;
        for (name, sql) in EMPTY {
            let rows: i64 = database.query_row(sql, [], |row| row.get(0)).with_context(|| (*name).to_owned())?;
            if rows > 0 {
                found.push(format!("{rows} rows: {name}"));
            }
        }
        Ok(found)
    }

    /// How many rows are kept on purpose.
    pub(super) fn kept(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        let database = self.database()?;
        let count = |table: &&str| {
            let rows = database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
            Ok((format!("kept: rows of {table}"), rows))
        };
        KEPT.iter().map(count).collect()
    }

    fn database(&self) -> anyhow::Result<Connection> {
        Ok(Connection::open_with_flags(self.analysis("analysis.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?)
    }

    fn processes(&self, kept: &BTreeMap<String, Kept>) -> anyhow::Result<Vec<String>> {
        let services = ["auth-service", "analysis-service", "gateway", SUPERVISOR, FORK_SERVER];
        let all = processes::with_path(self.house.folder())?;
        let ours = |command: &str| services.iter().any(|name| command.contains(name));
        // A kernel kept ready is one process.
        let ready: BTreeSet<u32> = kept.values().map(|kept| kept.pid).collect();
        let mut found: Vec<_> = all
            .iter()
            .filter(|(pid, command)| !ours(command) && !ready.contains(pid))
            .map(|(pid, command)| format!("process {pid}: {command}"))
            .collect();
        let supervisors: BTreeSet<u32> =
            all.iter().filter(|(_, command)| command.contains(SUPERVISOR)).map(|(pid, _)| *pid).collect();
        found.extend(processes::run_by(self.users)?.into_iter().filter_map(|(pid, command)| {
            let other = processes::ancestors(pid)
                .into_iter()
                .any(|ancestor| !supervisors.contains(&ancestor) && processes::command(ancestor).contains(SUPERVISOR));
            (!other && !ready.contains(&pid)).then(|| format!("process {pid} of a kernel's user: {command}"))
        }));
        for (pid, command) in &all {
            let ended = processes::children(*pid)?.into_iter().filter(|child| !processes::is_alive(*child)).count();
            if ended > 0 {
                found.push(format!("{ended} zombies of {command}"));
            }
        }
        Ok(found)
    }

    fn files(&self, kept: &BTreeMap<String, Kept>) -> Vec<String> {
        let mut found = Vec::new();
        let works: BTreeSet<_> = names(&self.analysis("work")).into_iter().collect();
        let ready: BTreeSet<_> = kept.keys().cloned().collect();
        if works != ready {
            found.push(format!("the folders in work are {works:?}, and not {ready:?}"));
        }
        for folder in ["uploads", "executions/running", "objects/datasets/aside", "outputs/aside"] {
            let left = names(&self.analysis(folder));
            if !left.is_empty() {
                found.push(format!("{} files in {folder}: {:?}", left.len(), &left[..left.len().min(5)]));
            }
        }
        // One folder each for a running kernel and for the fork server, named by chance.
        let places: Vec<_> = names(&self.analysis("run"))
            .into_iter()
            .filter(|name| name.len() == 16 && hex::decode(name).is_ok())
            .collect();
        let servers = usize::from(Outside::new(self.house.folder()).fork_server().is_some());
        if places.len() > servers + kept.len() {
            let ready = kept.len();
            found.push(format!("{} folders in run, {servers} fork server, {ready} ready: {places:?}", places.len()));
        }
        let sockets = fs::read_to_string("/proc/net/unix").unwrap_or_default();
        // The services' own are beside it.
        let folder = self.analysis("run").display().to_string();
        let ready = |line: &str| kept.values().any(|kept| line.contains(&kept.place.display().to_string()));
        let ours = |line: &&str| line.contains(&folder) && !line.contains("supervisor.sock") && !ready(line);
        let sockets: Vec<_> = sockets.lines().filter(ours).collect();
        if !sockets.is_empty() {
            found.push(format!("{} sockets: {:?}", sockets.len(), sockets.first()));
        }
        found
    }

    /// Stored outputs are exactly those that executions refer to.
    fn outputs(&self) -> anyhow::Result<Vec<String>> {
        let database = self.database()?;
        let mut statement = database.prepare("SELECT DISTINCT sha256 FROM execution_content")?;
        let wanted = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<BTreeSet<_>, _>>()?;
        let stored: BTreeSet<String> = files_below(&self.analysis("outputs"))
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        let missing = wanted.difference(&stored).map(|name| format!("the stored output {name} is missing"));
        let over = stored.difference(&wanted).map(|name| format!("the stored output {name} is nobody's"));
        Ok(missing.chain(over).collect())
    }

    fn mounts(&self) -> Vec<String> {
        let folder = self.house.folder().display().to_string();
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        mounts.lines().filter(|line| line.contains(&folder)).map(|line| format!("mount {line}")).collect()
    }
}

/// The control groups of these kernels.
pub(super) fn groups_of(kernels: &BTreeSet<String>) -> Vec<String> {
    groups_below(Path::new("/sys/fs/cgroup"), kernels, 0)
}

fn groups_below(folder: &Path, kernels: &BTreeSet<String>, depth: usize) -> Vec<String> {
    let mut found = Vec::new();
    if depth == GROUP_DEPTH_MAX {
        return found;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        if kernels.iter().any(|kernel_id| name.contains(kernel_id)) {
            found.push(format!("control group {}", entry.path().display()));
        }
        found.extend(groups_below(&entry.path(), kernels, depth + 1));
    }
    found
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files_below(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}
