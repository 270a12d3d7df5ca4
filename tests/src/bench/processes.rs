//! What /proc tells of processes: whose child one is, what memory it has for itself, and which ones are left.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

use anyhow::Context as _;

/// The processes whose parent this one is.
///
/// # Errors
/// There is no /proc.
pub fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    Ok(all()?.into_iter().filter(|pid| stat(*pid).is_some_and(|stat| stat.1 == parent)).collect())
}

/// The child of this process whose command line has this text.
///
/// # Errors
/// There is none.
pub fn child_with(parent: u32, text: &str) -> anyhow::Result<u32> {
    children_with(parent, text)?.into_iter().next().with_context(|| format!("{parent} has no child `{text}`"))
}

/// The children of this process whose command lines have this text.
///
/// # Errors
/// There is no /proc.
pub fn children_with(parent: u32, text: &str) -> anyhow::Result<Vec<u32>> {
    let has = |pid: &u32| command(*pid).contains(text);
    Ok(children(parent)?.into_iter().filter(has).collect())
}

/// Whether it runs: one that has ended and was not waited for does not.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// Memory that is the process's alone, clean and dirty, in bytes (proc(5), `smaps_rollup`).
///
/// # Errors
/// There is no such process, or its memory may not be looked at.
pub fn private_bytes(pid: u32) -> anyhow::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).with_context(|| format!("process {pid}"))?;
    ["Private_Clean:", "Private_Dirty:"].iter().map(|name| kib(&rollup, name)).sum()
}

/// Memory that the machine has for new processes, in bytes (proc(5), `MemAvailable`).
///
/// # Errors
/// The system does not tell.
pub fn available_bytes() -> anyhow::Result<u64> {
    kib(&fs::read_to_string("/proc/meminfo")?, "MemAvailable:")
}

/// The processes, but for this one, that have this path in their command line or environment: their ids with their
/// command lines.
///
/// # Errors
/// There is no /proc.
pub fn with_path(path: &Path) -> anyhow::Result<Vec<(u32, String)>> {
    let path = path.as_os_str().as_bytes();
    let has = |pid: u32, file| read(pid, file).windows(path.len()).any(|window| window == path);
    let found = all()?.into_iter().filter(|pid| *pid != std::process::id() && is_alive(*pid));
    let found = found.filter(|pid| has(*pid, "cmdline") || has(*pid, "environ"));
    Ok(found.map(|pid| (pid, command(pid))).collect())
}

/// The processes that run as one of these users: their ids with their command lines.
///
/// # Errors
/// There is no /proc.
pub fn run_by(users: &BTreeSet<u32>) -> anyhow::Result<Vec<(u32, String)>> {
    let found = all()?.into_iter().filter(|pid| user(*pid).is_some_and(|user| users.contains(&user)) && is_alive(*pid));
    Ok(found.map(|pid| (pid, command(pid))).collect())
}

/// As which user a process runs.
#[must_use]
pub fn user(pid: u32) -> Option<u32> {
    Some(fs::metadata(format!("/proc/{pid}")).ok()?.uid())
}

/// Its command line.
#[must_use]
pub fn command(pid: u32) -> String {
    String::from_utf8_lossy(&read(pid, "cmdline")).replace('\0', " ")
}

/// Its parent, that one's parent, and so on.
#[must_use]
pub fn ancestors(pid: u32) -> Vec<u32> {
    std::iter::successors(Some(pid), |pid| stat(*pid).map(|(_, parent)| parent).filter(|parent| *parent > 1))
        .skip(1)
        .collect()
}

fn all() -> anyhow::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").context("/proc")?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// Its state and its parent.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn read(pid: u32, file: &str) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

fn kib(text: &str, name: &str) -> anyhow::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    let number: u64 = line.trim().trim_end_matches(" kB").parse().with_context(|| format!("{name}{line}"))?;
    Ok(number * 1024)
}
