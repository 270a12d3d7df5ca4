//! What an operator says about kernels.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    launch::{Apart, Level},
    machine::{disk, memory},
    model::{Enforced, KernelLimits, Settings},
    state::Ladder,
};

/// How long a kernel may take to end whose code told it to.
const LEAVING_MAX: Duration = Duration::from_secs(60);
/// How often memory and processor time are measured.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);
/// How long after its last execution a kernel gives back memory that it does not use; it takes 10 ms.
const RELEASE_AFTER: Duration = Duration::from_secs(30);

/// The most files that a kernel may be allowed to have open: the fork server's own limit.
pub(crate) const OPEN_FILES_MAX: u32 = 65_536;
/// The part of the memory that kernels have together where nothing else is said, in percent.
const KERNELS_MEMORY_PERCENT: u64 = 80;
/// The part of their file system that their files may take together where nothing else is said, in percent.
const KERNELS_DISK_PERCENT: u64 = 80;
/// The least limit on memory: a kernel that has drawn a chart of a small table needs as much. Who writes a smaller number
/// means it in another unit.
const MEMORY_MIN_BYTES: u64 = 64 << 20;
/// The greatest limit on processors: 256 of them.
const CPU_MAX_PERCENT: u32 = 25_600;
/// The least: with less a kernel does not start in time.
const CPU_MIN_PERCENT: u32 = 10;

/// How kernels are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KernelStart {
    /// Forked from a process that has the libraries loaded, in a twentieth of a second; where that fails, plainly
    Fork,
    /// As a program of its own each, in some seconds
    Plain,
}

/// Kernels and their limits.
#[derive(Clone, Debug, clap::Args)]
pub struct KernelSettings {
    /// Python interpreter of the kernels; deploy/local/python_env makes one with the libraries
    #[arg(long, value_name = "FILE", default_value = "data/python/bin/python")]
    pub python: PathBuf,

    /// Folder of the kernels' sockets; its path must be short. Unset: `run` in the data folder
    #[arg(long, value_name = "FOLDER")]
    pub kernel_run_dir: Option<PathBuf>,

    /// Program of the process that kernels belong to. Unset: `kernel-supervisor` beside this program
    #[arg(long, value_name = "FILE")]
    pub kernel_supervisor: Option<PathBuf>,

    /// Seconds that kernels go on without this service, for the next one to take up; 0: they end with it
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(..=86_400))]
    pub kernel_linger_secs: u32,

    /// End kernels when this service is told to stop: they then outlive only an end that nobody asked for, such as a crash
    #[arg(long)]
    pub kernels_end_at_stop: bool,

    /// How kernels are started
    #[arg(long, value_enum, default_value_t = KernelStart::Fork)]
    pub kernel_start: KernelStart,

    /// Python modules that kernels are forked with beside the usual libraries, separated by commas; docs/kernels.md says
    /// which are left out
    #[arg(long, value_name = "MODULES", value_delimiter = ',')]
    pub kernel_preload: Vec<String>,

    /// Folder of other kinds of kernels, `NAME/kernel.json` each, read at start; docs/kernels.md says what is in one.
    /// Unset: only the built-in kind, `python3`
    #[arg(long, value_name = "FOLDER")]
    pub kernel_specs_dir: Option<PathBuf>,

    /// How far kernels are kept apart; docs/isolation.md says what each level takes and stops
    #[arg(long, value_enum, default_value_t = Level::Standard)]
    pub kernel_isolation: Level,

    /// First of the user ids that kernels become where the service is root: 20,000 from here on, or the first such range
    /// after it that nobody on this machine uses
    #[arg(long, value_name = "UID", default_value_t = 1_900_000_000, value_parser = clap::value_parser!(u32).range(1_000..=2_000_000_000))]
    pub kernel_uid_first: u32,

    /// Processes and threads of one kernel, where it has a user of its own; an idle one has 11
    #[arg(long, value_name = "COUNT", default_value_t = 512, value_parser = clap::value_parser!(u32).range(32..=100_000))]
    pub kernel_processes_max: u32,

    /// Files that one kernel may have open; an idle one has 60
    #[arg(long, value_name = "COUNT", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(256..=i64::from(OPEN_FILES_MAX)))]
    pub kernel_open_files_max: u32,

    /// Time of processors of one kernel, in percent of one of them: 150 for one and a half; at least 10, or 0 for no limit.
    /// Kernels share the processors alike in any case, and the service goes before them
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = cpu_percent)]
    pub kernel_cpu_max_percent: u32,

    /// Bytes that a kernel may keep in /tmp and /dev/shm, which are its own and in memory
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    pub kernel_tmp_max_bytes: u64,

    /// Live kernels of one user
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub kernels_per_user_max: u32,

    /// Live kernels in all
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub kernels_max: u32,

    /// Kernels started at a time; others wait for their turn
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub kernel_starts_max: u32,

    /// Kernels that are kept ready, forked, for whoever comes next, 12 MB of memory each; they count among the live
    /// kernels in all and for no user; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=64))]
    pub kernel_pool_size: u32,

    /// Seconds that a start may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub kernel_start_max_secs: u32,

    /// Bytes of memory of one kernel, at least 64 MiB; 0 for no limit
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30, value_parser = memory_bytes)]
    pub kernel_memory_max_bytes: u64,

    /// Bytes of the largest file that a kernel may write
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30)]
    pub kernel_file_max_bytes: u64,

    /// Bytes that a kernel may keep in its folder, watched every few seconds; 0 for no limit
    #[arg(long, value_name = "BYTES", default_value_t = 10 << 30)]
    pub kernel_disk_max_bytes: u64,

    /// Files and folders that a kernel may keep in its folder, watched with their bytes; 0 for no limit
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(..=10_000_000))]
    pub kernel_disk_max_files: u64,

    /// Bytes of memory of one user's kernels together, at least 64 MiB; 0 for no limit
    #[arg(long, value_name = "BYTES", default_value_t = 0, value_parser = memory_bytes)]
    pub kernel_user_memory_max_bytes: u64,

    /// Bytes of memory of all kernels together, at least 64 MiB; 0 for no limit. Unset: 80 % of what the machine, or the
    /// service's control group, has
    #[arg(long, value_name = "BYTES", value_parser = memory_bytes)]
    pub kernels_memory_max_bytes: Option<u64>,

    /// Bytes of files of one user's kernels together, dead ones included; no kernel is started above it; 0 for no limit
    #[arg(long, value_name = "BYTES", default_value_t = 50 << 30)]
    pub kernel_user_disk_max_bytes: u64,

    /// Bytes of files of all kernels together, dead ones included; no kernel is started above it; 0 for no limit. Unset: 80 % of
    /// the file system that they are on
    #[arg(long, value_name = "BYTES")]
    pub kernels_disk_max_bytes: Option<u64>,

    /// Seconds without work after which a kernel is ended
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(10..))]
    pub kernel_idle_max_secs: u32,

    /// Seconds before that end at which a kernel is warned; at most half of the time without work is used
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub kernel_idle_warning_secs: u32,

    /// Seconds that one execution may run
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..))]
    pub execution_max_secs: u32,

    /// Executions that may wait in one kernel
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub kernel_queue_max: u32,
}

/// The file name of the supervisor's program.
const SUPERVISOR: &str = "kernel-supervisor";

impl KernelSettings {
    /// The supervisor's program.
    ///
    /// # Errors
    /// There is none.
    pub fn supervisor(&self) -> anyhow::Result<PathBuf> {
        let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name(SUPERVISOR));
        let program = self.kernel_supervisor.clone().map_or_else(beside, Ok)?;
        anyhow::ensure!(program.is_file(), "--kernel-supervisor: {} is not there", program.display());
        Ok(std::path::absolute(program)?)
    }

    /// How long kernels go on without this service.
    #[must_use]
    pub fn linger(&self) -> Duration {
        Duration::from_secs(u64::from(self.kernel_linger_secs))
    }

    /// Whether kernels are left to the next service when this one is told to stop.
    #[must_use]
    pub fn outlive_a_stop(&self) -> bool {
        self.kernel_linger_secs > 0 && !self.kernels_end_at_stop
    }

    /// How far kernels are kept apart.
    #[must_use]
    pub fn apart(&self) -> Apart {
        Apart {
            level: self.kernel_isolation,
            uid_first: self.kernel_uid_first,
            processes_max: self.kernel_processes_max,
            tmp_max_bytes: self.kernel_tmp_max_bytes,
            open_files_max: self.kernel_open_files_max,
            cpu_max_percent: Some(self.kernel_cpu_max_percent).filter(|percent| *percent > 0),
        }
    }

    fn memory_max_bytes(&self) -> Option<u64> {
        self.kernels_memory_max_bytes.or_else(|| Some(memory::total_bytes()? / 100 * KERNELS_MEMORY_PERCENT))
    }

    fn disk_max_bytes(&self, folder: &Path) -> Option<u64> {
        self.kernels_disk_max_bytes.or_else(|| Some(disk::total_bytes(folder)? / 100 * KERNELS_DISK_PERCENT))
    }

    /// As the registry takes them; `output_max_bytes` is what the logs of executions hold to, and kernels have their files
    /// below `folder`.
    #[must_use]
    pub fn settings(&self, output_max_bytes: u64, folder: &Path) -> Settings {
        let secs = |secs: u32| Duration::from_secs(u64::from(secs));
        Settings {
            limits: KernelLimits {
                memory_bytes: Some(self.kernel_memory_max_bytes).filter(|bytes| *bytes > 0),
                execution_max: secs(self.execution_max_secs),
                idle_max: secs(self.kernel_idle_max_secs),
                idle_warning: secs(self.kernel_idle_warning_secs),
                queue_max: self.kernel_queue_max,
                output_max_bytes,
                file_max_bytes: self.kernel_file_max_bytes,
                // What is in force is known of each process when it has started.
                cpu_percent: None,
                enforced: Enforced::default(),
                disk_max_bytes: Some(self.kernel_disk_max_bytes).filter(|bytes| *bytes > 0),
                disk_max_files: Some(self.kernel_disk_max_files).filter(|files| *files > 0),
            },
            per_user_max: self.kernels_per_user_max,
            total_max: self.kernels_max,
            user_memory_max_bytes: Some(self.kernel_user_memory_max_bytes).filter(|bytes| *bytes > 0),
            memory_max_bytes: self.memory_max_bytes().filter(|bytes| *bytes > 0),
            user_disk_max_bytes: Some(self.kernel_user_disk_max_bytes).filter(|bytes| *bytes > 0),
            all_disk_max_bytes: self.disk_max_bytes(folder).filter(|bytes| *bytes > 0),
            starts_max: self.kernel_starts_max,
            pool_size: self.kernel_pool_size,
            start_max: secs(self.kernel_start_max_secs),
            leaving_max: LEAVING_MAX,
            ladder: Ladder::default(),
            sample_interval: SAMPLE_INTERVAL,
            release_after: RELEASE_AFTER,
        }
    }
}

fn cpu_percent(text: &str) -> Result<u32, String> {
    let percent: u32 = text.parse().map_err(|_| "it is no whole number".to_owned())?;
    match percent {
        0 | CPU_MIN_PERCENT..=CPU_MAX_PERCENT => Ok(percent),
        _ => Err(format!("it is neither 0 nor {CPU_MIN_PERCENT} to {CPU_MAX_PERCENT}")),
    }
}

fn memory_bytes(text: &str) -> Result<u64, String> {
    let bytes: u64 = text.parse().map_err(|_| "it is no whole number of bytes".to_owned())?;
    match bytes {
        0 | MEMORY_MIN_BYTES.. => Ok(bytes),
        _ => Err(format!("it is neither 0 nor at least {MEMORY_MIN_BYTES}, below which no kernel can work")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        kernels: KernelSettings,
    }

    fn parsed(args: &[&str]) -> Result<KernelSettings, String> {
        let args = ["program"].iter().chain(args);
        Program::try_parse_from(args).map(|program| program.kernels).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wrong_limit_is_refused_by_its_name() {
        for (flag, value) in [
            ("--kernel-cpu-max-percent", "5"),
            ("--kernel-cpu-max-percent", "half"),
            ("--kernel-cpu-max-percent", "30000"),
            ("--kernel-open-files-max", "10"),
            ("--kernel-disk-max-bytes", "-1"),
            ("--kernel-disk-max-files", "20000000"),
            ("--kernels-memory-max-bytes", "most"),
            ("--kernels-memory-max-bytes", "16"),
            ("--kernel-user-memory-max-bytes", "4096"),
            ("--kernel-memory-max-bytes", "67108863"),
        ] {
            let refused = parsed(&[&format!("{flag}={value}")]).expect_err(value);
            assert!(refused.contains(flag), "{refused}");
        }
    }

    #[test]
    fn kernels_can_outlive_a_crash_and_no_stop() {
        let outlive = |args: &[&str]| parsed(args).expect("good").outlive_a_stop();
        assert!(outlive(&[]) && !outlive(&["--kernels-end-at-stop"]) && !outlive(&["--kernel-linger-secs=0"]));
        assert!(!parsed(&["--kernels-end-at-stop"]).expect("good").linger().is_zero(), "it ends with a crash");
    }

    #[test]
    fn nothing_is_no_limit_and_all_kernels_have_most_of_the_memory() {
        let zeros = [
            "--kernel-cpu-max-percent=0",
            "--kernel-disk-max-bytes=0",
            "--kernel-disk-max-files=0",
            "--kernel-memory-max-bytes=0",
            "--kernels-memory-max-bytes=0",
            "--kernel-user-disk-max-bytes=0",
            "--kernels-disk-max-bytes=0",
        ];
        let none = parsed(&zeros).expect("good");
        let settings = none.settings(1, Path::new("/"));
        assert_eq!((settings.limits.disk_max_bytes, settings.limits.disk_max_files), (None, None));
        assert_eq!(settings.limits.memory_bytes, None);
        assert_eq!((settings.memory_max_bytes, settings.user_disk_max_bytes), (None, None));
        assert_eq!(settings.all_disk_max_bytes, None);
        assert_eq!(none.apart().cpu_max_percent, None);
        let usual = parsed(&[]).expect("good").settings(1, Path::new("/"));
        assert_eq!(usual.user_memory_max_bytes, None);
        let all = memory::total_bytes().expect("told");
        assert!(usual.memory_max_bytes.is_some_and(|most| most > all / 2 && most < all));
    }
}
