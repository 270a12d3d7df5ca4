//! Where a service is reached.

use std::{fmt, io, path::PathBuf, str::FromStr};

use fenxi_sockets::Stream;
use http::{
    Uri,
    uri::{Authority, Scheme},
};
use tokio::net::{TcpStream, UnixStream};

use super::{NoAddress, Wire, socket_path};

/// The port of an `http` URL that names none.
const PORT_USUAL: u16 = 80;

/// Where a service is reached: `http://127.0.0.1:8091`, or `unix:/run/fenxi/auth.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Over the network: a host, and a port.
    Network(Authority),
    /// Within this machine: the path of a socket.
    Socket(PathBuf),
}

impl Target {
    /// Opens a connection.
    ///
    /// # Errors
    /// Nobody listens there, or it cannot be reached.
    pub async fn connect(&self) -> io::Result<Wire> {
        match self {
            Self::Network(authority) => {
                let stream = TcpStream::connect(authority.as_str()).await?;
                stream.set_nodelay(true)?;
                Ok(Wire::Tcp(stream))
            }
            Self::Socket(path) => Stream::new(UnixStream::connect(path).await?).map(Wire::Unix),
        }
    }

    /// The host that calls name; a socket has none, and gRPC says `localhost` there.
    #[must_use]
    pub fn authority(&self) -> Authority {
        match self {
            Self::Network(authority) => authority.clone(),
            Self::Socket(_) => Authority::from_static("localhost"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(authority) => write!(f, "http://{authority}"),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Target {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if let Some(path) = socket_path(text) {
            return path.map(Self::Socket);
        }
        authority(text).map(Self::Network).ok_or_else(|| {
            NoAddress("no address of a service, such as http://127.0.0.1:8091 or unix:/run/fenxi/auth.sock".into())
        })
    }
}

/// The host and port of an `http` URL that says nothing else.
fn authority(text: &str) -> Option<Authority> {
    let uri: Uri = text.parse().ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    let port = match uri.authority()?.as_str().strip_prefix(host)? {
        "" => PORT_USUAL,
        port => port.strip_prefix(':')?.parse().ok()?,
    };
    let says_more = uri.path_and_query().is_some_and(|rest| rest != "/");
    if uri.scheme() != Some(&Scheme::HTTP) || says_more {
        return None;
    }
    format!("{host}:{port}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_addresses_are_read_and_written() {
        for (text, written) in [
            ("http://127.0.0.1:8091", "http://127.0.0.1:8091"),
            ("http://auth:8091/", "http://auth:8091"),
            ("http://auth", "http://auth:80"),
            ("http://[::1]:8091", "http://[::1]:8091"),
            ("unix:///run/auth.sock", "unix:/run/auth.sock"),
        ] {
            let target: Target = text.parse().expect(text);
            assert_eq!(target.to_string(), written);
            assert_eq!(target.to_string().parse(), Ok(target));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            "foo",
            "/",
            "127.0.0.1:8091",
            "http://",
            "http://:1",
            "https://auth:1",
            "http://auth:99999",
            "http://me@auth:1",
            "http://auth:1/path",
            "http://auth:1?a=b",
            "unix:auth.sock",
        ] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}
