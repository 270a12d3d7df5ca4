//! Where a service listens, and what comes there.

use std::{
    fmt,
    fs::{self, File, OpenOptions, Permissions},
    io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
    task::{Context, Poll},
};

use anyhow::Context as _;
use fenxi_sockets::Stream;
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream, SelectAll},
};
use tokio::net::{TcpListener, UnixListener};
use tonic::transport::server::TcpIncoming;

use super::{NoAddress, Wire, socket_path};

/// Who may connect to a socket, as far as its folder lets them: its owner and its group.
const SOCKET_MODE: u32 = 0o660;
const LOCK_MODE: u32 = 0o600;

/// Where a service is to listen: `127.0.0.1:8091`, or `unix:/run/fenxi/auth.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At an address of the network.
    Network(SocketAddr),
    /// At a socket with this path.
    Socket(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => write!(f, "{address}"),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Listen {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if let Some(path) = socket_path(text) {
            return path.map(Self::Socket);
        }
        text.parse()
            .map(Self::Network)
            .map_err(|_| NoAddress("no place to listen at, such as 127.0.0.1:8091 or unix:/run/fenxi/auth.sock".into()))
    }
}

/// Everything that a service listens on. The files of its sockets go with it.
#[derive(Debug, Default)]
pub struct Listeners {
    network: Vec<TcpListener>,
    sockets: Vec<Socket>,
}

impl Listeners {
    /// Listens at all of these.
    ///
    /// # Errors
    /// One line that names the setting, the place and what is wrong with it.
    pub async fn bind(places: &[Listen], setting: &str) -> anyhow::Result<Self> {
        let mut listeners = Self::default();
        for place in places {
            match place {
                Listen::Network(address) => {
                    let listener = TcpListener::bind(address)
                        .await
                        .with_context(|| format!("{setting} {place}: cannot listen there; is the port taken?"))?;
                    // Of port 0 the one that it is.
                    tracing::info!(place = %listener.local_addr()?, "listening");
                    listeners.network.push(listener);
                }
                Listen::Socket(path) => {
                    let socket = Socket::bind(path).with_context(|| format!("{setting} {place}: cannot listen there"));
                    listeners.sockets.push(socket?);
                    tracing::info!(%place, "listening");
                }
            }
        }
        Ok(listeners)
    }

    /// What comes, as it comes.
    pub fn incoming(self) -> Incoming {
        let network = self.network.into_iter().map(|listener| {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            incoming.map(|accepted| accepted.map(Wire::Tcp)).boxed()
        });
        let sockets =
            self.sockets.into_iter().map(|socket| stream::poll_fn(move |cx| socket.poll_accept(cx).map(Some)).boxed());
        stream::select_all(network.chain(sockets))
    }
}

/// One listener that is there already.
impl From<TcpListener> for Listeners {
    fn from(listener: TcpListener) -> Self {
        Self { network: vec![listener], sockets: Vec::new() }
    }
}

/// The connections that come.
pub type Incoming = SelectAll<BoxStream<'static, io::Result<Wire>>>;

/// A Unix-domain socket that is listened on. What a process that was killed left of one is put away: who has the lock
/// beside it knows that nobody listens there.
#[derive(Debug)]
struct Socket {
    path: PathBuf,
    listener: UnixListener,
    _lock: File,
}

impl Socket {
    fn bind(path: &Path) -> anyhow::Result<Self> {
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        // What may stand there already is left as it is, and no link is followed.
        let mut options = OpenOptions::new();
        options.write(true).create(true).mode(LOCK_MODE).custom_flags(nix::libc::O_NOFOLLOW);
        let lock = options.open(lock).context("the lock beside it cannot be made")?;
        lock.try_lock().context("another service listens there")?;
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
            Ok(_) => {
                anyhow::bail!("something that is no socket is there already: move it away, or choose another path")
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
        Ok(Self { path: path.to_owned(), listener, _lock: lock })
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Wire>> {
        self.listener.poll_accept(cx).map(|accepted| Ok(Wire::Unix(Stream::new(accepted?.0)?)))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // While the lock is held, it is this one's.
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "a socket was not removed");
        }
    }
}

#[cfg(test)]
mod tests;
