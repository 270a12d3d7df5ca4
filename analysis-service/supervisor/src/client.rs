//! The service's side: it finds the supervisor or starts it, and asks it for processes.

mod link;
mod listener;
mod name;
mod talk;

use std::{
    collections::BTreeSet,
    io,
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use nix::{sys::signal::Signal, unistd::Pid};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use self::link::{Answer, Link, Request};
pub use self::talk::{Heard, Hearing, Mark, NotSent, Talk};
use crate::{
    process::{End, Ended, Spec},
    protocol::{Asked, Fork, Held as ToldHeld, Hold, ServerReady, Spawn, Started, Told, Variable},
};

/// Requests that wait to be sent.
const REQUESTS_MAX: usize = 1024;

/// Where the supervisor is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its program.
    pub program: PathBuf,
    /// Its socket.
    pub socket: PathBuf,
    /// How long kernels go on without a service.
    pub linger: Duration,
}

/// The way to the supervisor. Clones are the same.
#[derive(Clone, Debug)]
pub struct Supervisor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    socket: PathBuf,
    requests: mpsc::Sender<Request>,
    casts: Arc<Casts>,
    listeners: Arc<AtomicBool>,
}

/// What is told without an answer, also from where nothing can wait. Bounded by the number of children.
#[derive(Debug, Default)]
struct Casts {
    waiting: Mutex<BTreeSet<(u64, Cast)>>,
    news: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cast {
    Signal(i32),
    SignalAlone(i32),
    Release,
}

/// A process that the supervisor holds for the next service.
#[derive(Debug)]
pub struct Held {
    /// As the former service named it.
    pub name: String,
    /// It.
    pub process: Process,
}

/// A process of the supervisor's. Dropped, it is ended, unless it is held.
#[derive(Debug)]
pub struct Process {
    child: u64,
    pid: Pid,
    end: watch::Receiver<Option<Result<Ended, Lost>>>,
    supervisor: Supervisor,
    held: bool,
}

/// The way to the kernel in a process.
#[derive(Clone, Debug)]
pub struct Line {
    socket: PathBuf,
    child: u64,
}

/// The supervisor has gone, and every child with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the supervisor has gone")]
pub struct Lost;

/// A fork server of the supervisor's. Dropped, it is ended; what it forked lives on.
#[derive(Debug)]
pub struct ForkServer {
    /// Its process.
    pub process: Process,
}

/// What a fork server says of itself once it takes requests.
#[derive(Clone, Debug)]
pub struct Ready {
    /// How its forks come to be the supervisor's children.
    pub clone: String,
    /// Milliseconds that loading the libraries took.
    pub preload_ms: f64,
    /// Modules that are loaded.
    pub modules: u64,
    /// `deep` or `warm`: what its forks come to, which may be less than was asked for. Empty where a supervisor of an earlier
    /// version says nothing of it.
    pub mode: String,
}

/// Into what a fork is born.
#[derive(Clone, Debug, Default)]
pub struct Birth {
    /// Flags of clone(2) beside the server's own.
    pub flags: u64,
    /// The folder of its control group of version 2.
    pub group: Option<PathBuf>,
    /// It makes a listening socket in its network, and hands it out: [`Line::listener`].
    pub listens: bool,
}

impl Supervisor {
    /// Finds the supervisor of this socket, or starts it; gives what it held. When it dies later, it is started anew.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn open(settings: Settings) -> io::Result<(Self, Vec<Held>)> {
        let (requests, waiting) = mpsc::channel(REQUESTS_MAX);
        let (casts, listeners) = (Arc::new(Casts::default()), Arc::new(AtomicBool::new(false)));
        let socket = settings.socket.clone();
        let (link, held) = Link::open(settings, waiting, Arc::clone(&casts), Arc::clone(&listeners)).await?;
        tokio::spawn(link.run());
        let this = Self(Arc::new(Inner { socket, requests, casts, listeners }));
        let held = held.into_iter().map(|(ToldHeld { child, pid, name, .. }, end)| Held {
            name,
            process: Process { child, pid: Pid::from_raw(pid), end, supervisor: this.clone(), held: true },
        });
        let held = held.collect();
        Ok((this, held))
    }

    /// Starts a program, as leader of its own session and without any descriptor of anybody's.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn spawn(&self, spec: Spec) -> io::Result<Process> {
        self.start(Asked::Spawn(spawn(spec, false))).await
    }

    /// Starts a fork server; `--control-fd N` is added to its arguments.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn start_fork_server(&self, spec: Spec) -> io::Result<ForkServer> {
        Ok(ForkServer { process: self.start(Asked::Spawn(spawn(spec, true))).await? })
    }

    /// Tells whether the supervisor that is there at present gives [`Line::listener`]: one that an earlier version of the service
    /// started, and that lives on with its kernels, may not. Holds nothing of this.
    pub fn hands_out_listeners(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let listeners = Arc::clone(&self.0.listeners);
        move || listeners.load(Ordering::Relaxed)
    }

    /// Takes a name in the abstract namespace of sockets: no other process has it, nor will have it as long as this
    /// supervisor runs or what is given here lives. Each service of this supervisor may take it. Blocks.
    ///
    /// # Errors
    /// Another process has it: `AddrInUse`. The supervisor has gone, or knows no names: another kind.
    pub fn take_name(&self, name: &str) -> io::Result<OwnedFd> {
        name::take(&self.0.socket, name)
    }

    async fn start(&self, asked: Asked) -> io::Result<Process> {
        match self.ask(asked).await? {
            Answer { told: Told::Started(Started { child, pid }), end: Some(end) } => {
                Ok(Process { child, pid: Pid::from_raw(pid), end, supervisor: self.clone(), held: false })
            }
            _ => Err(odd()),
        }
    }

    async fn ask(&self, asked: Asked) -> io::Result<Answer> {
        let (done, answer) = oneshot::channel();
        self.0.requests.send(Request { asked, done }).await.map_err(|_| io::Error::other(Lost))?;
        answer.await.map_err(|_| io::Error::other(Lost))?
    }

    fn cast(&self, child: u64, cast: Cast) {
        self.0.casts.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert((child, cast));
        self.0.casts.news.notify_one();
    }
}

impl Casts {
    fn take(&self) -> BTreeSet<(u64, Cast)> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ForkServer {
    /// Waits until it takes requests.
    ///
    /// # Errors
    /// It ended first, or says something else.
    pub async fn ready(&self) -> io::Result<Ready> {
        match self.process.supervisor.ask(Asked::AwaitServer(self.process.child)).await?.told {
            Told::ServerReady(ServerReady { clone, preload_ms, modules, mode }) => {
                Ok(Ready { clone, preload_ms, modules, mode })
            }
            _ => Err(odd()),
        }
    }

    /// Forks a process that reads `body`.
    ///
    /// # Errors
    /// The server refuses or has ended; the error's kind is `Other` where the server goes on.
    pub async fn fork(&self, body: Vec<u8>, birth: Birth) -> io::Result<Process> {
        let group = birth.group.clone().map(|group| group.into_os_string().into_string());
        let group = group.transpose().map_err(|_| io::Error::other("a path is no text"))?.unwrap_or_default();
        let Birth { flags, listens, .. } = birth;
        let fork = Fork { server: self.process.child, body: body.into(), flags, group, listens };
        self.process.supervisor.start(Asked::Fork(fork)).await
    }
}

impl Process {
    /// Its process id, which is its session's and its process group's too.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for its end, which is known at once. Cancel-safe; gives the same again when asked again.
    ///
    /// # Errors
    /// The supervisor has gone.
    pub async fn ended(&mut self) -> Result<Ended, Lost> {
        let end = self.end.wait_for(Option::is_some).await;
        end.ok().and_then(|end| *end).unwrap_or(Err(Lost))
    }

    /// Sends a signal to its process group.
    pub fn signal(&self, signal: Signal) {
        self.supervisor.cast(self.child, Cast::Signal(signal as i32));
    }

    /// Sends a signal to it, and not to what it started.
    pub fn signal_alone(&self, signal: Signal) {
        self.supervisor.cast(self.child, Cast::SignalAlone(signal as i32));
    }

    /// The last lines that it wrote itself, once it writes no more; soon in any case.
    pub async fn log(&self) -> String {
        match self.supervisor.ask(Asked::ReadLog(self.child)).await.map(|answer| answer.told) {
            Ok(Told::Log(text)) => text,
            _ => String::new(),
        }
    }

    /// From here on it lives on without this service, which knows it by this name when it comes again. It is ended by
    /// [`Process::end`] alone.
    ///
    /// # Errors
    /// The supervisor has gone.
    pub async fn hold(&mut self, name: String) -> io::Result<()> {
        let answer = self.supervisor.ask(Asked::Hold(Hold { child: self.child, name })).await?;
        // Whoever knows no such child is the next supervisor: this one's own has died, and the child with it.
        if !matches!(answer.told, Told::Done(true)) {
            return Err(io::Error::other(Lost));
        }
        self.held = true;
        Ok(())
    }

    /// Ends it, and forgets it.
    pub fn end(mut self) {
        self.held = false;
    }

    /// The way to the kernel in it.
    #[must_use]
    pub fn line(&self) -> Line {
        Line { socket: self.supervisor.0.socket.clone(), child: self.child }
    }
}

impl Line {
    /// Begins the conversation with the kernel, or takes it up again. `prefix` is the path of its sockets without their
    /// numbers; they may take so long to appear.
    ///
    /// # Errors
    /// They do not appear in time, or do not work.
    pub async fn converse(&self, prefix: &Path, wait: Duration) -> io::Result<Talk> {
        Talk::begin(&self.socket, self.child, prefix, wait).await
    }

    /// The socket that listens in the network of what was born so ([`Birth::listens`]). Each service gets it anew.
    ///
    /// # Errors
    /// There is none, or it has not been handed out yet.
    pub async fn listener(&self) -> io::Result<TcpListener> {
        listener::take(&self.socket, self.child).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.held {
            self.supervisor.cast(self.child, Cast::Release);
        }
    }
}

fn spawn(spec: Spec, forks: bool) -> Spawn {
    let text = |text: std::ffi::OsString| Bytes::from(text.into_vec());
    Spawn {
        program: Bytes::copy_from_slice(spec.program.as_os_str().as_bytes()),
        args: spec.args.into_iter().map(text).collect(),
        env: spec.env.into_iter().map(|(name, value)| Variable { name: text(name), value: text(value) }).collect(),
        work_dir: Bytes::copy_from_slice(spec.work_dir.as_os_str().as_bytes()),
        data_bytes: spec.limits.data_bytes,
        open_files: spec.limits.open_files,
        file_bytes: spec.limits.file_bytes,
        forks,
    }
}

fn ended(told: &crate::protocol::Ended) -> Result<Ended, Lost> {
    let how = match told {
        crate::protocol::Ended { unknown: true, .. } => return Err(Lost),
        crate::protocol::Ended { signalled: true, number, .. } => End::Signalled(*number),
        crate::protocol::Ended { number, .. } => End::Exited(*number),
    };
    Ok(Ended { how, cpu: Duration::from_micros(told.cpu_us), peak_bytes: told.peak_bytes })
}

fn odd() -> io::Error {
    io::Error::other("the supervisor's answer is not understood")
}
