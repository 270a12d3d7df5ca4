//! The operating system's part of a kernel: a process with limits of its own, its signals, its end. The only `unsafe`
//! of the supervisor and of the service. It knows nothing of Jupyter or of users.

#![expect(unsafe_code, reason = "fork, prctl, rlimits and pidfds have no safe form; this is the one room for them")]

pub(crate) mod fork_server;
mod orphans;
pub(crate) mod rights;

use std::{
    ffi::OsString,
    io,
    os::{
        fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd},
        unix::process::CommandExt as _,
    },
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc as blocking,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    net::unix::pipe,
    sync::oneshot,
};

/// Starts that may wait for the spawner's thread.
const SPAWNS_MAX: usize = 64;
/// `close_range` from here on: what lies below is the process's own.
const FIRST_FOREIGN_FD: libc::c_uint = 3;

/// A program to start.
#[derive(Debug)]
pub struct Spec {
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Where it starts.
    pub work_dir: PathBuf,
    /// What the system holds it to.
    pub limits: Limits,
    /// The one descriptor of ours that it keeps, under its number.
    pub kept: Option<OwnedFd>,
}

/// What the system holds a process to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Data it may map (`RLIMIT_DATA`), in bytes; `None` for no limit. Allocations above fail in the program.
    pub data_bytes: Option<u64>,
    /// Files it may have open.
    pub open_files: u64,
    /// The largest file it may write, in bytes.
    pub file_bytes: u64,
}

/// How a process ended, and what it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub how: End,
    /// Processor time of itself and of the children it waited for.
    pub cpu: Duration,
    /// The most memory it held at a time, in bytes.
    pub peak_bytes: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
}

/// A process of ours. Dropped while it lives, its process group is killed.
#[derive(Debug)]
pub struct Process(AsyncFd<Child>);

/// A process of ours, from its beginning on. Dropped before it was waited for, its process group is killed, and nothing is
/// left of it: also where its start fails half way, or nobody waits for that any more.
#[derive(Debug)]
struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    ended: Option<Ended>,
}

/// A started process with the reading end of its stdout and stderr.
#[derive(Debug)]
pub struct Spawned {
    /// The process.
    pub process: Process,
    /// What it writes, both streams in one.
    pub output: pipe::Receiver,
    /// The socket that listens in its network, if it makes one.
    pub(crate) listener: Option<rights::Listener>,
}

type Answer = oneshot::Sender<io::Result<(Child, OwnedFd)>>;

/// Starts processes, all from one thread that lives as long as this: a process is killed by the system when the thread
/// that started it ends (`PR_SET_PDEATHSIG`), so it dies with the service and not with a pooled thread.
#[derive(Debug)]
pub struct Spawner(blocking::SyncSender<(Spec, Answer)>);

impl Spawner {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start() -> io::Result<Self> {
        orphans::take();
        let (sender, requests) = blocking::sync_channel::<(Spec, Answer)>(SPAWNS_MAX);
        std::thread::Builder::new().name("kernel-spawner".into()).spawn(move || {
            for (spec, answer) in requests {
                // Nobody waits any more if the start was given up.
                let _ = answer.send(spawn(&spec));
            }
        })?;
        Ok(Self(sender))
    }

    /// Starts a process as leader of its own session, without any descriptor of ours.
    ///
    /// # Errors
    /// If the program cannot be started, or too many starts wait.
    pub async fn spawn(&self, spec: Spec) -> io::Result<Spawned> {
        let (answer, spawned) = oneshot::channel();
        self.0.try_send((spec, answer)).map_err(|_| io::Error::other("too many kernels are being started"))?;
        let (child, output) = spawned.await.map_err(io::Error::other)??;
        let (process, output) = (Process::of(child)?, pipe::Receiver::from_owned_fd(output)?);
        Ok(Spawned { process, output, listener: None })
    }
}

fn spawn(spec: &Spec) -> io::Result<(Child, OwnedFd)> {
    let (output, input) = output_pipe()?;
    let _birth = orphans::Birth::begin();
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .env_clear()
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&spec.work_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::from(input.try_clone()?))
        .stderr(Stdio::from(input));
    let (limits, parent, kept) = (spec.limits, nix::unistd::getpid(), spec.kept.as_ref().map(OwnedFd::as_raw_fd));
    // SAFETY: between fork and exec the closure makes system calls only; it allocates nothing and takes no lock.
    let mut child = unsafe { command.pre_exec(move || confine(limits, parent, kept)) }.spawn()?;
    let pid = child.id();
    // SAFETY: the child is not waited for by anybody yet, so that its pid is still its own.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, libc::PIDFD_NONBLOCK) };
    let pidfd = i32::try_from(pidfd).unwrap_or(-1);
    if pidfd < 0 {
        let error = io::Error::last_os_error();
        let _ = killpg(pid_of(pid), Signal::SIGKILL);
        let _ = child.wait();
        return Err(error);
    }
    // SAFETY: the system just gave us this descriptor.
    Ok((Child::new(pid_of(pid), unsafe { OwnedFd::from_raw_fd(pidfd) }), output))
}

/// Runs in the child before the program does.
fn confine(limits: Limits, parent: Pid, kept: Option<RawFd>) -> io::Result<()> {
    // SAFETY: system calls with plain numbers, allowed between fork and exec.
    unsafe {
        check(libc::setsid())?;
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
        if libc::getppid() != parent.as_raw() {
            // The service died before the line above.
            return Err(io::ErrorKind::Interrupted.into());
        }
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        limit(libc::RLIMIT_CORE, 0)?;
        limit(libc::RLIMIT_NOFILE, limits.open_files)?;
        limit(libc::RLIMIT_FSIZE, limits.file_bytes)?;
        if let Some(bytes) = limits.data_bytes {
            limit(libc::RLIMIT_DATA, bytes)?;
        }
        // A write above RLIMIT_FSIZE is an error in the program and not its death.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::umask(0o077);
        // On exec, so that the descriptor by which a failed exec is told stays open until then.
        let closed =
            libc::syscall(libc::SYS_close_range, FIRST_FOREIGN_FD, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
        check(i32::try_from(closed).unwrap_or(-1))?;
        match kept {
            Some(kept) => check(libc::fcntl(kept, libc::F_SETFD, 0)),
            None => Ok(()),
        }
    }
}

/// The pipe of a process's stdout and stderr: our end, which does not block, and its own, which waits for us.
fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (output, input) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NONBLOCK)?;
    set_blocking(&input)?;
    Ok((output, input))
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lowers a limit for good; above what we may have ourselves, ours is the limit.
fn limit(what: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    // SAFETY: the pointers are to a local of the right type.
    unsafe {
        let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        check(libc::getrlimit(what, &raw mut limits))?;
        let value = value.min(limits.rlim_max);
        limits = libc::rlimit { rlim_cur: value, rlim_max: value };
        check(libc::setrlimit(what, &raw const limits))
    }
}

fn set_blocking(fd: &OwnedFd) -> io::Result<()> {
    nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::empty()))?;
    Ok(())
}

impl Process {
    /// A child of ours; nobody else waits for it.
    fn of(child: Child) -> io::Result<Self> {
        // SAFETY: the descriptor is owned by the AsyncFd and closed only with it.
        Ok(Self(unsafe { AsyncFd::register_with_interest(child, Interest::READABLE) }?))
    }

    /// Its process id, which is its session's and its process group's too.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.0.get_ref().pid
    }

    /// Waits for its end, which is known at once. Cancel-safe; gives the same again when asked again.
    ///
    /// # Errors
    /// If the system does not tell.
    pub async fn ended(&mut self) -> io::Result<Ended> {
        if let Some(ended) = self.0.get_ref().ended {
            return Ok(ended);
        }
        drop(self.0.readable().await?);
        let child = self.0.get_mut();
        let ended = orphans::forget_after(child.pid, || reap(&child.pidfd))?;
        Ok(*child.ended.insert(ended))
    }

    /// Sends a signal to its process group.
    pub fn signal(&self, signal: Signal) {
        self.0.get_ref().signal(signal);
    }

    /// Sends a signal to it, and not to what it started.
    pub fn signal_alone(&self, signal: Signal) {
        let child = self.0.get_ref();
        if child.ended.is_none() {
            let _ = kill(child.pid, signal);
        }
    }
}

impl Child {
    /// Nobody else waits for it from here on.
    fn new(pid: Pid, pidfd: OwnedFd) -> Self {
        orphans::know(pid);
        Self { pid, pidfd, ended: None }
    }

    fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            // The process is ours and not reaped, so that the number means no other.
            let _ = killpg(self.pid, signal);
        }
    }
}

impl AsRawFd for Child {
    fn as_raw_fd(&self) -> RawFd {
        self.pidfd.as_raw_fd()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        self.signal(Signal::SIGKILL);
        // SIGKILL acts within a scheduling step; what takes orphans waits for this one, too.
        orphans::forget(self.pid);
    }
}

/// A child that has ended and was not waited for, once there is one. Blocks.
fn next_ended() -> io::Result<Pid> {
    // SAFETY: the structure is plain data for which zero is a value, and the call fills it in.
    let pid = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        check(libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WEXITED | libc::WNOWAIT | libc::__WALL))?;
        info.si_pid()
    };
    Ok(Pid::from_raw(pid))
}

/// Takes the exit status and the usage of an ended child.
fn reap(pidfd: &OwnedFd) -> io::Result<Ended> {
    // SAFETY: both structures are plain data for which zero is a value, and the call fills them in. The fifth argument
    // is the system call's own; libc's wrapper does not have it.
    let (info, usage) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let mut usage: libc::rusage = std::mem::zeroed();
        let result = libc::syscall(
            libc::SYS_waitid,
            libc::P_PIDFD,
            pidfd.as_raw_fd(),
            &raw mut info,
            libc::WEXITED,
            &raw mut usage,
        );
        check(i32::try_from(result).unwrap_or(-1))?;
        (info, usage)
    };
    // SAFETY: waitid fills in the members for SIGCHLD.
    let status = unsafe { info.si_status() };
    let how = if info.si_code == libc::CLD_EXITED { End::Exited(status) } else { End::Signalled(status) };
    Ok(Ended {
        how,
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        peak_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    })
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
        + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

fn pid_of(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap_or(i32::MAX))
}

#[cfg(test)]
#[path = "process/tests.rs"]
mod tests;
