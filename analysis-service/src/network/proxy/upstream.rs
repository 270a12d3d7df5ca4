//! The way to a destination: its name looked up here, each address checked, and a connection to the very address that was
//! checked. Nothing is looked up twice, so a name cannot lead elsewhere between the two.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use nix::errno::Errno;
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::share::{Place, Share};
use crate::network::{allow_list::AllowList, entry::Destination};

/// Names that are looked up at a time: each holds a thread that may block.
const LOOKUPS_MAX: usize = 32;
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 8;
/// How long one of them has for itself before the next is tried beside it (RFC 8305, section 5).
const NEXT_ADDRESS_PAUSE: Duration = Duration::from_millis(250);

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

    /// Connects to a destination that the list allows. Waiting for a place to look a name up may take as long as looking it
    /// up and connecting.
    pub(super) async fn connect(
        &self,
        share: &Share,
        list: &AllowList,
        (destination, port): (&Destination, u16),
        wait: Duration,
    ) -> Result<TcpStream, NoWay> {
        if !list.allows(destination, port) {
            return Err(NoWay::Refused);
        }
        let host = match destination {
            Destination::Address(address) => Err(*address),
            Destination::Host(host) => {
                let places = timeout(wait, share.lookup(&self.lookups)).await.map_err(|_| NoWay::TimedOut)?;
                Ok((host.clone(), places))
            }
        };
        let connecting = async {
            let found = match host {
                Err(address) => vec![address],
                Ok((host, places)) => self.addresses(host, places).await?,
            };
            let none = found.is_empty();
            let allowed: Vec<_> =
                found.into_iter().filter(|address| allows_address(list, destination, *address, port)).collect();
            if allowed.is_empty() {
                return Err(if none { NoWay::Unknown } else { NoWay::Refused });
            }
            let stream = first_connected(allowed.into_iter().take(ADDRESSES_MAX), port).await.ok_or(NoWay::Failed)?;
            // What a library writes at once is to go at once.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        };
        timeout(wait, connecting).await.unwrap_or(Err(NoWay::TimedOut))
    }

    async fn addresses(&self, host: String, places: [Option<Place>; 2]) -> Result<Vec<IpAddr>, NoWay> {
        let looking = (self.look_up)(host);
        // A task of its own: given up, it still holds its thread, and its places are free when that is.
        let found = tokio::spawn(async move {
            let found = looking.await;
            drop(places);
            found
        });
        let found = found.await.map_err(|_| NoWay::Unknown)?.map_err(|_| NoWay::Unknown)?;
        Ok(found.into_iter().map(|address| address.to_canonical()).collect())
    }
}

/// Tries one address after the other, without waiting for a silent one to the end; `None` once all have failed.
async fn first_connected(addresses: impl Iterator<Item = IpAddr>, port: u16) -> Option<TcpStream> {
    let (mut addresses, mut trying) = (addresses.peekable(), FuturesUnordered::new());
    loop {
        trying.extend(addresses.next().map(|address| TcpStream::connect(SocketAddr::new(address, port))));
        let more = addresses.peek().is_some();
        tokio::select! {
            tried = trying.next() => match tried {
                Some(Ok(stream)) => return Some(stream),
                Some(Err(_)) => {}
                None => return None,
            },
            () = sleep(NEXT_ADDRESS_PAUSE), if more => {}
        }
    }
}

/// Whether a connection to this address of a destination is allowed.
pub(super) fn allows_address(list: &AllowList, destination: &Destination, address: IpAddr, port: u16) -> bool {
    list.allows_address(destination, address, port, is_own(address))
}

/// Whether the machine takes an address for one of its own: only those can be bound.
fn is_own(address: IpAddr) -> bool {
    is_bound(&UdpSocket::bind((address, 0)).map(drop))
}

/// Any other failure, such as for want of descriptors, tells nothing, and what may be the machine's own is not reached.
fn is_bound(bound: &io::Result<()>) -> bool {
    !bound.as_ref().is_err_and(|error| {
        matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;
    use uuid::Uuid;

    use super::*;
    use crate::network::{entry::Entry, proxy::share::Shares};

    #[test]
    fn what_cannot_be_told_counts_as_the_machines_own() {
        assert!(is_own(Ipv4Addr::LOCALHOST.into()) && !is_own([192, 0, 2, 1].into()));
        for (errno, own) in [
            (Errno::EADDRNOTAVAIL, false),
            (Errno::EAFNOSUPPORT, false),
            (Errno::EMFILE, true),
            (Errno::ENFILE, true),
            (Errno::ENOBUFS, true),
            (Errno::EACCES, true),
            (Errno::EINVAL, true),
        ] {
            assert_eq!(is_bound(&Err(errno.into())), own, "{errno}");
        }
        assert!(is_bound(&Err(io::Error::other("none of the system's"))));
    }

    /// Its queue is full, so that whoever comes next hears nothing.
    async fn silent() -> (TcpListener, Vec<TcpStream>) {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 2], 0).into()).expect("bound");
        let listener = socket.listen(1).expect("listens");
        let address = listener.local_addr().expect("an address");
        let mut filling = Vec::new();
        while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            filling.push(stream);
        }
        (listener, filling)
    }

    #[tokio::test]
    async fn a_dead_first_address_does_not_stop_the_next() {
        // One port of two addresses: what is free at the one may be taken at the other.
        let (port, _dead, _alive) = loop {
            let dead = silent().await;
            let port = dead.0.local_addr().expect("an address").port();
            if let Ok(alive) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                break (port, dead, alive);
            }
        };
        let addresses = [[127, 0, 0, 2], [127, 0, 0, 3], [127, 0, 0, 1]].map(IpAddr::from);
        let list = AllowList::new(
            addresses
                .iter()
                .map(|address| entry(&format!("{address}:{port}")))
                .chain([entry(&format!("a.example:{port}"))]),
        );
        let upstream = Upstream::new(Arc::new(move |_| Box::pin(async move { Ok(addresses.into()) })));
        let share = Shares::default().of(Uuid::nil(), 1);
        let destination = Destination::parse("a.example").expect("a name");
        // Far less than a silent address takes by itself.
        let wait = Duration::from_secs(10);
        let stream = upstream.connect(&share, &list, (&destination, port), wait).await.expect("connected");
        assert_eq!(stream.peer_addr().expect("an address").ip(), addresses[2]);
    }

    #[tokio::test]
    async fn one_users_slow_names_leave_the_others_theirs() {
        let upstream = Arc::new(Upstream::new(Arc::new(|host: String| {
            Box::pin(async move {
                if host.starts_with("slow") {
                    std::future::pending::<()>().await;
                }
                Ok(Vec::new())
            })
        })));
        let (shares, list) = (Shares::default(), Arc::new(AllowList::new([entry("*.example.com")])));
        let (one, other) = (shares.of(Uuid::from_u128(1), 1), shares.of(Uuid::from_u128(2), 1));
        let ask = |share: &Arc<Share>, host: &str, wait| {
            let (upstream, list, share) = (Arc::clone(&upstream), Arc::clone(&list), Arc::clone(share));
            let destination = Destination::parse(host).expect("a name");
            async move { upstream.connect(&share, &list, (&destination, 443), wait).await.expect_err("no address") }
        };
        let wait = Duration::from_millis(100);
        let slow = (0..LOOKUPS_MAX * 2).map(|number| ask(&one, &format!("slow{number}.example.com"), wait));
        futures_util::future::join_all(slow).await;
        assert_eq!(ask(&one, "quick.example.com", wait).await, NoWay::TimedOut, "their threads are held still");
        assert_eq!(ask(&other, "quick.example.com", Duration::from_secs(60)).await, NoWay::Unknown);
    }

    fn entry(text: &str) -> Entry {
        Entry::parse(text).expect(text)
    }
}
