//! How much memory there is for the service and all that it starts: the machine's, or less where control groups say so.
//! Blocks for a moment.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Bytes of memory that the service may use with its kernels; `None` if the system does not tell.
pub(crate) fn total_bytes() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(|line| group_limit(Path::new("/sys/fs/cgroup"), line));
    machine_bytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default()).into_iter().chain(limits).min()
}

fn machine_bytes(meminfo: &str) -> Option<u64> {
    let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.saturating_mul(1024))
}

/// The least limit on the way from our group to the top, from a line of /proc/self/cgroup, as cgroups(7) has it:
/// `0::/path` of version 2, `4:memory:/path` of version 1.
fn group_limit(mounted: &Path, line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, group) = (fields.next()?, fields.next()?.trim_matches('/'));
    let (top, file) = match controllers {
        "" => (mounted.to_owned(), "memory.max"),
        names if names.split(',').any(|name| name == "memory") => (mounted.join("memory"), "memory.limit_in_bytes"),
        _ => return None,
    };
    let ours: PathBuf = top.join(group);
    // In a container the path may be the machine's, and only the top is there.
    let folders = ours.ancestors().take_while(|folder| folder.starts_with(&top));
    folders.filter_map(|folder| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_what_it_has() {
        assert_eq!(machine_bytes("MemTotal:       24683740 kB\nMemFree: 1 kB\n"), Some(24_683_740 * 1024));
        assert_eq!(machine_bytes("nothing"), None);
        assert!(total_bytes().is_some());
    }

    #[test]
    fn the_least_limit_on_the_way_counts() {
        let mounted = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = mounted.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write("a/memory.max", "5000\n");
        write("a/b/memory.max", "max\n");
        write("memory/memory.limit_in_bytes", "7000\n");
        let limit = |line| group_limit(mounted.path(), line);
        assert_eq!(limit("0::/a/b"), Some(5000));
        assert_eq!(limit("0::/elsewhere"), None);
        assert_eq!(limit("4:memory:/not/here"), Some(7000));
        assert_eq!(limit("5:cpu,cpuacct:/a"), None);
    }
}
