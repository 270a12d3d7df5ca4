//! What a process holds: open files by kind, threads, memory of its own. Looked at when the house is warm and again at
//! the end.

use std::{collections::BTreeMap, fs, path::Path};

use crate::bench::processes;

/// Memory that a service may hold at the end beyond what it held when it was warm: caches and what the allocator keeps.
const MEMORY_ALLOWANCE_BYTES: u64 = 96 << 20;
/// Threads: those that the runtime keeps for blocking work for some seconds.
const THREADS_ALLOWANCE: usize = 4;
/// Sockets: connections between the services and of clients come and go.
const SOCKETS_ALLOWANCE: usize = 8;
/// Connections to the database, each with its files, are made when they are needed and kept.
const DATABASE_ALLOWANCE: usize = 48;
/// Empty files that are kept for logs to come (`SPARES_MAX` of analysis-service), in this folder.
const SPARES_ALLOWANCE: usize = 128;
const SPARES: &str = "analysis/executions/spare";

/// What a process holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    /// Open files by kind.
    pub files: BTreeMap<String, usize>,
    pub threads: usize,
    pub private_bytes: u64,
}

impl Levels {
    /// Of a process whose data are in this folder.
    pub(super) fn of(pid: u32, folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            if let Ok(target) = fs::read_link(entry.path()) {
                *files.entry(kind(&target, folder)).or_default() += 1;
            }
        }
        let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        Self { files, threads, private_bytes: processes::private_bytes(pid).unwrap_or_default() }
    }

    /// What is above these levels by more than is allowed.
    pub(super) fn above(&self, warm: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (kind, count) in &self.files {
            let before = warm.files.get(kind).copied().unwrap_or_default();
            let allowance = match kind.as_str() {
                "socket" => SOCKETS_ALLOWANCE,
                kind if kind.contains(".db") => DATABASE_ALLOWANCE,
                SPARES => SPARES_ALLOWANCE,
                _ => 0,
            };
            if *count > before + allowance {
                found.push(format!("{count} open files of the kind `{kind}`, {before} when it was warm"));
            }
        }
        if self.threads > warm.threads + THREADS_ALLOWANCE {
            found.push(format!("{} threads, {} when it was warm", self.threads, warm.threads));
        }
        if self.private_bytes > warm.private_bytes + MEMORY_ALLOWANCE_BYTES {
            let mib = |bytes: u64| bytes >> 20;
            found.push(format!(
                "{} MiB of memory of its own, {} when it was warm",
                mib(self.private_bytes),
                mib(warm.private_bytes)
            ));
        }
        found
    }

    /// In a line.
    pub(super) fn line(&self) -> String {
        let files: usize = self.files.values().sum();
        format!("{files} open files, {} threads, {} MiB", self.threads, self.private_bytes >> 20)
    }
}

/// `socket`, `pipe`, `anon_inode:[eventpoll]`, a path within the house with its numbers left out.
fn kind(target: &Path, folder: &Path) -> String {
    let text = match target.strip_prefix(folder) {
        Ok(inner) => inner.display().to_string(),
        Err(_) => target.display().to_string(),
    };
    match text.split_once(":[") {
        Some((kind @ ("socket" | "pipe"), _)) => kind.to_owned(),
        _ if text.starts_with("/proc/") => "/proc".to_owned(),
        _ if text.starts_with(SPARES) => SPARES.to_owned(),
        _ => text,
    }
}
