//! The way to a destination: its name looked up here, each address checked, and a connection to the very address that was
//! checked. Nothing is looked up twice, so a name cannot lead elsewhere between the two.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};

use crate::network::{allow_list::AllowList, entry::Destination};

/// Names that are looked up at a time: each holds a thread that may block.
const LOOKUPS_MAX: usize = 16;
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 8;

/// Looks a name up.
type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Makes connections.
pub(super) struct Upstream {
    look_up: LookUp,
    lookups: Arc<Semaphore>,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoWay {
    /// It is not allowed, or every address of the name is one that is not.
    Refused,
    /// The name has no address, or cannot be looked up.
    Unknown,
    /// Nobody answers there.
    Failed,
    /// It took too long.
    TimedOut,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upstream(..)")
    }
}

impl Default for Upstream {
    /// Names as the system looks them up.
    fn default() -> Self {
        Self::new(Arc::new(|host| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((host, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        }))
    }
}

impl Upstream {
    pub(super) fn new(look_up: LookUp) -> Self {
        Self { look_up, lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }

    /// Connects to a destination that the list allows.
    pub(super) async fn connect(
        &self,
        list: &AllowList,
        destination: &Destination,
        port: u16,
        wait: Duration,
    ) -> Result<TcpStream, NoWay> {
        if !list.allows(destination, port) {
            return Err(NoWay::Refused);
        }
        let connecting = async {
            let found = self.addresses(destination).await?;
            let none = found.is_empty();
            let allowed = found.into_iter().filter(|address| allows_address(list, destination, *address, port));
            let mut why = if none { NoWay::Unknown } else { NoWay::Refused };
            for address in allowed.take(ADDRESSES_MAX) {
                match TcpStream::connect(SocketAddr::new(address, port)).await {
                    Ok(stream) => {
                        // What a library writes at once is to go at once.
                        let _ = stream.set_nodelay(true);
                        return Ok(stream);
                    }
                    Err(_) => why = NoWay::Failed,
                }
            }
            Err(why)
        };
        timeout(wait, connecting).await.unwrap_or(Err(NoWay::TimedOut))
    }

    async fn addresses(&self, destination: &Destination) -> Result<Vec<IpAddr>, NoWay> {
        let host = match destination {
            Destination::Address(address) => return Ok(vec![*address]),
            Destination::Host(host) => host.clone(),
        };
        // The semaphore is never closed.
        let place = Arc::clone(&self.lookups).acquire_owned().await;
        let looking = (self.look_up)(host);
        // A task of its own: given up, it still holds its thread, and its place is free when that is.
        let found = tokio::spawn(async move {
            let found = looking.await;
            drop(place);
            found
        });
        let found = found.await.map_err(|_| NoWay::Unknown)?.map_err(|_| NoWay::Unknown)?;
        Ok(found.into_iter().map(|address| address.to_canonical()).collect())
    }
}

/// Whether a connection to this address of a destination is allowed.
pub(super) fn allows_address(list: &AllowList, destination: &Destination, address: IpAddr, port: u16) -> bool {
    list.allows_address(destination, address, port, is_own(address))
}

/// Whether the machine takes an address for one of its own: only those can be bound.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}
