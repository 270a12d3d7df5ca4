//! A port for a service in a process of its own: shared by the stories of the services that have such ones.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A port that nobody else is given while this is kept: it is bound, and not listened on. A service that is told to can
/// listen on it, because it too says that an address may be bound again.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    _bound: TcpSocket,
}

impl Port {
    pub(crate) fn free() -> Self {
        let bound = TcpSocket::new_v4().expect("a socket");
        bound.set_reuseaddr(true).expect("set");
        bound.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        Self { address: bound.local_addr().expect("an address"), _bound: bound }
    }
}
