//! The program: one socket, one service at a time, and an end when no service comes back.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use fenxi_sockets::{WriteHalf, halves};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use subtle::ConstantTimeEq as _;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    control,
    frames::{Frames, frame},
    house::House,
    process::rights,
    protocol::{Ask, Asked, Converse, Failed, TakeListener, TakeName, Tell, Told},
};

/// How long a service may take to say what it wants.
const HELLO_WAIT: Duration = Duration::from_secs(10);
/// Connections that have not said yet what they want; with more, the oldest is closed. Code in a kernel of the same user
/// can reach the socket, and is not to keep the service out.
const STRANGERS_MAX: usize = 256;
/// The pause after the system gave no connection, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How long the first service may take to come.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// How long the system may take to end the children at the end.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// How long a former supervisor of the same socket may take to end.
const FORMER_WAIT: Duration = Duration::from_secs(15);
/// The shortest key.
const KEY_MIN_BYTES: usize = 32;
/// How often it is looked for.
const FORMER_POLL: Duration = Duration::from_millis(10);

/// The process that the kernels of one analysis-service belong to. The service starts it; it goes on when the service
/// ends, and ends when none comes back in time
#[derive(Debug, clap::Parser)]
#[command(name = "kernel-supervisor", version)]
pub struct Arguments {
    /// The socket to be made; its folder is to be readable by one user alone
    #[arg(long, value_name = "FILE")]
    pub socket: PathBuf,

    /// File with the key that a service has to know: code in a kernel of the same user can reach a socket, and no file
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
}

/// What happened to the service.
enum News {
    /// Kernels are to go on for so long without it.
    Came(Duration),
    Went,
}

/// Who has not said yet what it wants, the oldest first. What is dropped here is closed.
#[derive(Default)]
struct Strangers(VecDeque<oneshot::Sender<()>>);

impl Strangers {
    /// One more; it is closed when this is, unless it drops it first.
    fn enter(&mut self) -> oneshot::Receiver<()> {
        self.0.retain(|stranger| !stranger.is_closed());
        if self.0.len() >= STRANGERS_MAX {
            self.0.pop_front();
        }
        let (stranger, expelled) = oneshot::channel();
        self.0.push_back(stranger);
        expelled
    }
}

/// Runs until no service is left.
///
/// # Errors
/// One line that says what the system does not give.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // What it cannot write, on a full disk, it does not panic about.
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).log_internal_errors(false).init();
    // Of no terminal, so that nothing that ends there ends kernels.
    let _ = nix::unistd::setsid();
    std::env::set_current_dir("/")?;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let key = std::fs::read(&arguments.key_file).with_context(|| arguments.key_file.display().to_string())?;
    anyhow::ensure!(key.len() >= KEY_MIN_BYTES, "{}: the key is too short", arguments.key_file.display());
    runtime.block_on(serve(&arguments.socket, key.into()))
}

async fn serve(socket: &Path, key: Bytes) -> anyhow::Result<()> {
    let _only = only_one(socket).await?;
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).with_context(|| format!("{} cannot be made", socket.display()))?;
    let house = House::new()?;
    let (news, mut heard) = mpsc::channel(1);
    let mut deadline = Some(Instant::now() + FIRST_WAIT);
    let (mut services, mut linger) = (0_u32, Duration::ZERO);
    let mut strangers = Strangers::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(meet(Arc::clone(&house), (stream, strangers.enter()), key.clone(), news.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(news) = heard.recv() => match news {
                // The newest one counts, whichever goes last.
                News::Came(wanted) => (services, linger, deadline) = (services + 1, wanted, None),
                News::Went => {
                    services -= 1;
                    if services == 0 {
                        let wait = if house.farewell() { linger } else { Duration::ZERO };
                        deadline = Some(Instant::now() + wait);
                    }
                }
            },
            () = at(deadline) => break,
        }
    }
    // The file first: whoever looks for a supervisor now starts another.
    let _ = std::fs::remove_file(socket);
    if timeout(LAST_WAIT, house.clear()).await.is_err() {
        tracing::error!("some processes did not end in time");
    }
    Ok(())
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Finds out what a connection is for, and serves it.
async fn meet(
    house: Arc<House>,
    (stream, expelled): (UnixStream, oneshot::Receiver<()>),
    key: Bytes,
    news: mpsc::Sender<News>,
) {
    if !is_own(&stream) {
        return;
    }
    let Ok((read, stream)) = halves(stream).inspect_err(|error| tracing::warn!(%error, "a connection has no handles"))
    else {
        return;
    };
    let mut frames = Frames::of_stranger(read);
    let heard = tokio::select! {
        biased;
        // First: what has been said already counts.
        heard = timeout(HELLO_WAIT, frames.next()) => heard,
        _ = expelled => return,
    };
    let Ok(Ok(Some(Ask { id, asked }))) = heard else { return };
    let known = match &asked {
        Some(Asked::Hello(hello)) => hello.key.ct_eq(&key),
        Some(Asked::Converse(converse)) => converse.key.ct_eq(&key),
        Some(Asked::TakeListener(take)) => take.key.ct_eq(&key),
        Some(Asked::TakeName(take)) => take.key.ct_eq(&key),
        _ => return,
    };
    if !bool::from(known) {
        tracing::warn!("somebody without the key was turned away");
        return;
    }
    frames.trust();
    match asked {
        Some(Asked::Hello(hello)) => {
            let _ = news.send(News::Came(Duration::from_millis(hello.linger_ms))).await;
            control::serve(&house, stream, frames, id, &hello).await;
            let _ = news.send(News::Went).await;
        }
        Some(Asked::Converse(Converse { child, prefix, wait_ms, .. })) => {
            let deadline = Instant::now() + Duration::from_millis(wait_ms);
            let begun = house.converse(child, Path::new(&prefix), deadline, (stream, id, frames)).await;
            if let Err((error, stream)) = begun {
                let _ = stream.write(&frame(&Tell::new(id, Told::Failed(Failed::of(&error))))).await;
            }
        }
        Some(Asked::TakeListener(TakeListener { child, .. })) => hand_out(&stream, id, house.listener(child)).await,
        Some(Asked::TakeName(TakeName { name, .. })) => hand_out(&stream, id, house.take_name(&name)).await,
        _ => {}
    }
}

/// Answers with a descriptor beside the answer.
async fn hand_out(stream: &WriteHalf, id: u64, fd: io::Result<OwnedFd>) {
    // A new socket has room for so little.
    let done = frame(&Tell::new(id, Told::Done(true)));
    if let Err(error) = fd.and_then(|fd| rights::send(stream, &done, &[fd.as_raw_fd()])) {
        let _ = stream.write(&frame(&Tell::new(id, Told::Failed(Failed::of(&error))))).await;
    }
}

/// Whether the other end is a process of this user. Its folder keeps others away; this does where that fails.
fn is_own(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == nix::unistd::getuid().as_raw())
}

/// Held as long as this runs: two would take the socket from each other.
async fn only_one(socket: &Path) -> anyhow::Result<File> {
    let path = socket.with_extension("lock");
    let file = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    let deadline = Instant::now() + FORMER_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(_) if Instant::now() < deadline => sleep(FORMER_POLL).await,
            Err(error) => return Err(error).with_context(|| format!("another supervisor has {}", socket.display())),
        }
    }
}
