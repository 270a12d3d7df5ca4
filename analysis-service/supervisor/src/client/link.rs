//! The one connection by which the service asks for processes and hears of their ends. When it breaks, the supervisor has
//! died and all its children with it: whoever waits is told, and the next request starts another.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use fenxi_sockets::{WriteHalf, halves};

use tokio::{
    net::UnixStream,
    process::{Child, Command},
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout},
};

use super::{Cast, Casts, Lost, Settings, ended, listener};
use crate::{
    frames::{Frames, frame},
    process::Ended,
    protocol::{Ask, Asked, Held, Hello, Signal, Started, Tell, Told, VERSION, Welcome},
};

/// How long the supervisor may take to open its socket.
const START_WAIT: Duration = Duration::from_secs(20);
/// How often its socket is looked for meanwhile.
const START_POLL: Duration = Duration::from_millis(5);
/// How long it may take to say who it is.
const WELCOME_WAIT: Duration = Duration::from_secs(10);

pub(super) type End = watch::Receiver<Option<Result<Ended, Lost>>>;

/// Something to be asked.
#[derive(Debug)]
pub(super) struct Request {
    pub asked: Asked,
    pub done: oneshot::Sender<io::Result<Answer>>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub told: Told,
    /// The end of the process that was started.
    pub end: Option<End>,
}

/// The task's own.
pub(super) struct Link {
    settings: Settings,
    requests: mpsc::Receiver<Request>,
    casts: Arc<Casts>,
    /// Whether the supervisor that is there hands out listeners.
    listeners: Arc<AtomicBool>,
    open: Option<Open>,
    last_id: u64,
    waiting: HashMap<u64, oneshot::Sender<io::Result<Answer>>>,
    ends: HashMap<u64, watch::Sender<Option<Result<Ended, Lost>>>>,
}

struct Open {
    stream: WriteHalf,
    frames: Frames,
}

enum Wake {
    Request(Option<Request>),
    Cast,
    Told(io::Result<Option<Tell>>),
}

impl Link {
    /// Finds or starts the supervisor; gives what it held, with the ends.
    pub(super) async fn open(
        settings: Settings,
        requests: mpsc::Receiver<Request>,
        casts: Arc<Casts>,
        listeners: Arc<AtomicBool>,
    ) -> io::Result<(Self, Vec<(Held, End)>)> {
        let (waiting, ends) = (HashMap::new(), HashMap::new());
        let mut link = Self { settings, requests, casts, listeners, open: None, last_id: 0, waiting, ends };
        let held = link.connect().await?;
        let held = held.into_iter().map(|held| {
            let (tell, end) = watch::channel(held.ended.as_ref().map(ended));
            link.ends.insert(held.child, tell);
            (held, end)
        });
        let held = held.collect();
        Ok((link, held))
    }

    /// Runs until nobody asks any more.
    pub(super) async fn run(mut self) {
        loop {
            match self.wake().await {
                Wake::Request(None) => {
                    // The last ones: what was dropped with whoever asked.
                    return self.send_casts().await;
                }
                Wake::Request(Some(request)) => self.send(request).await,
                Wake::Cast => self.send_casts().await,
                Wake::Told(Ok(Some(tell))) => self.take(tell),
                Wake::Told(_) => self.lose(),
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let told = async {
            match &mut self.open {
                Some(open) => open.frames.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            told = told => Wake::Told(told),
            request = self.requests.recv() => Wake::Request(request),
            () = self.casts.news.notified() => Wake::Cast,
        }
    }

    async fn send(&mut self, Request { asked, done }: Request) {
        if self.open.is_none()
            && let Err(error) = self.connect().await
        {
            let _ = done.send(Err(error));
            return;
        }
        self.last_id += 1;
        self.waiting.insert(self.last_id, done);
        self.write(&Ask::new(self.last_id, asked)).await;
    }

    async fn send_casts(&mut self) {
        for (child, cast) in self.casts.take() {
            let asked = match cast {
                Cast::Signal(signal) => Asked::Signal(Signal { child, signal, alone: false }),
                Cast::SignalAlone(signal) => Asked::Signal(Signal { child, signal, alone: true }),
                Cast::Release => {
                    self.ends.remove(&child);
                    Asked::Release(child)
                }
            };
            self.write(&Ask::new(0, asked)).await;
        }
    }

    async fn write(&mut self, ask: &Ask) {
        let Some(open) = &self.open else { return };
        if open.stream.write(&frame(ask)).await.is_err() {
            self.lose();
        }
    }

    fn take(&mut self, Tell { id, told }: Tell) {
        let Some(told) = told else { return };
        if let Told::Ended(told) = &told {
            if let Some(end) = self.ends.get(&told.child) {
                end.send_replace(Some(ended(told)));
            }
            return;
        }
        let end = match &told {
            Told::Started(Started { child, .. }) => {
                let (tell, end) = watch::channel(None);
                self.ends.insert(*child, tell);
                Some((*child, end))
            }
            _ => None,
        };
        let started = end.as_ref().map(|(child, _)| *child);
        let answer = match told {
            Told::Failed(failed) => Err(failed.into_error()),
            told => Ok(Answer { told, end: end.map(|(_, end)| end) }),
        };
        let taken = self.waiting.remove(&id).is_some_and(|done| done.send(answer).is_ok());
        if let Some(child) = started.filter(|_| !taken) {
            // Whoever asked has given it up.
            self.casts.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert((child, Cast::Release));
            self.casts.news.notify_one();
        }
    }

    /// The supervisor is gone.
    fn lose(&mut self) {
        tracing::error!("the supervisor of kernels has ended, and every kernel with it");
        self.open = None;
        // What was for its children is for nobody.
        drop(self.casts.take());
        for (_, done) in self.waiting.drain() {
            let _ = done.send(Err(io::Error::new(io::ErrorKind::ConnectionAborted, Lost.to_string())));
        }
        for (_, end) in self.ends.drain() {
            end.send_if_modified(|end| end.is_none() && end.replace(Err(Lost)).is_none());
        }
    }

    /// Finds the supervisor, or starts it.
    async fn connect(&mut self) -> io::Result<Vec<Held>> {
        let deadline = Instant::now() + START_WAIT;
        while let Ok(found) = UnixStream::connect(&self.settings.socket).await {
            let pid = found.peer_cred()?.pid();
            match self.greet(found).await {
                Ok(held) => return Ok(held),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => replace(pid, &error).await?,
                // It is ending, or slow: it is asked again, and not ended with all its kernels.
                Err(_) if Instant::now() < deadline => sleep(START_POLL).await,
                Err(error) => return Err(error),
            }
        }
        let mut started = start(&self.settings)?;
        let deadline = Instant::now() + START_WAIT;
        loop {
            match UnixStream::connect(&self.settings.socket).await {
                Ok(found) => return self.greet(found).await,
                Err(_) if let Some(status) = started.try_wait()? => {
                    let said = tokio::fs::read_to_string(self.settings.socket.with_extension("log")).await;
                    let said = said.unwrap_or_default();
                    return Err(io::Error::other(format!("the supervisor ended ({status}): {}", said.trim())));
                }
                Err(_) if Instant::now() < deadline => sleep(START_POLL).await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn greet(&mut self, stream: UnixStream) -> io::Result<Vec<Held>> {
        let linger_ms = u64::try_from(self.settings.linger.as_millis()).unwrap_or(u64::MAX);
        let key = read_key(&self.settings.socket).await?;
        let (read, stream) = halves(stream)?;
        stream.write(&frame(&Ask::new(0, Asked::Hello(Hello { version: VERSION, linger_ms, key })))).await?;
        let mut frames = Frames::of(read);
        let welcome = timeout(WELCOME_WAIT, frames.next::<Tell>()).await??;
        match welcome.and_then(|tell| tell.told) {
            Some(Told::Welcome(Welcome { version: VERSION, held })) => {
                self.listeners.store(listener::is_known(&self.settings.socket).await, Ordering::Relaxed);
                self.open = Some(Open { stream, frames });
                Ok(held)
            }
            Some(_) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "the supervisor that runs is of another version"))
            }
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the supervisor that runs does not answer")),
        }
    }
}

/// The key by which the supervisor knows a service.
pub(super) async fn read_key(socket: &Path) -> io::Result<Bytes> {
    tokio::fs::read(key_file(socket)).await.map(Bytes::from)
}

pub(super) fn key_file(socket: &Path) -> PathBuf {
    socket.with_extension("key")
}

/// A new key for a new supervisor.
fn write_key(socket: &Path) -> io::Result<()> {
    let (path, new) = (key_file(socket), socket.with_extension("key.new"));
    let _ = std::fs::remove_file(&new);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(hex::encode(rand::random::<[u8; 32]>()).as_bytes())?;
    std::fs::rename(new, path)
}

/// Ends a supervisor that cannot be used, and its kernels with it.
async fn replace(pid: Option<i32>, why: &io::Error) -> io::Result<()> {
    tracing::warn!(error = %why, "the supervisor that runs is replaced; its kernels end");
    let pid = pid.map(nix::unistd::Pid::from_raw).ok_or_else(|| io::Error::other("the supervisor is not known"))?;
    match nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL) {
        // It has gone by itself.
        Err(nix::errno::Errno::ESRCH) => {}
        other => other?,
    }
    let deadline = Instant::now() + START_WAIT;
    while nix::sys::signal::kill(pid, None).is_ok() && Instant::now() < deadline {
        sleep(START_POLL).await;
    }
    Ok(())
}

/// Starts the supervisor. It makes a session of its own, and what it has to say stands in a file beside its socket.
fn start(settings: &Settings) -> io::Result<Child> {
    let log = File::create(settings.socket.with_extension("log"))?;
    write_key(&settings.socket)?;
    let started = Command::new(&settings.program)
        .arg("--socket")
        .arg(&settings.socket)
        .arg("--key-file")
        .arg(key_file(&settings.socket))
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn();
    started.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("the supervisor {} cannot be started: {error}", settings.program.display()),
        )
    })
}
