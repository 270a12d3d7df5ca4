//! A kernel's way out of its own network, where its user was granted one. This room asks for it and holds it; who is
//! granted what, and what may pass, is none of its business.

use std::{any::Any, fmt, io, net::TcpListener, sync::Arc};

use uuid::Uuid;

/// Where a kernel finds the proxy, on the loopback of its own network. Nothing else is there when it starts.
pub(super) const PROXY_PORT: u16 = 3128;

/// Whether a user's kernels have a network.
type Granted = Arc<dyn Fn(Uuid) -> bool + Send + Sync>;
/// Serves what comes to the listener of a user's kernel: `(owner_user_id, kernel_id, listener)`.
type Serve = Arc<dyn Fn(Uuid, Uuid, TcpListener) -> io::Result<KernelNetwork> + Send + Sync>;

/// Where networks come from. Tied to the grants in `lib`.
#[derive(Clone)]
pub struct NetworkSource {
    /// Whether a kernel that starts now is to have one.
    pub granted: Granted,
    /// Begins to serve it.
    pub serve: Serve,
}

/// A kernel's way out.
pub struct KernelNetwork {
    /// What may be reached.
    pub reach: Reach,
    /// Closed with all of its connections when this is dropped.
    pub hold: Box<dyn Any + Send + Sync>,
}

/// Tells what a kernel may reach at the moment.
#[derive(Clone)]
pub struct Reach(pub Arc<dyn Fn() -> Vec<String> + Send + Sync>);

impl Reach {
    /// The entries in force.
    #[must_use]
    pub fn entries(&self) -> Vec<String> {
        (self.0)()
    }
}

impl PartialEq for Reach {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reach").field(&self.entries()).finish()
    }
}

impl fmt::Debug for KernelNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelNetwork").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl fmt::Debug for NetworkSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NetworkSource(..)")
    }
}

/// What libraries look for: the proxy for everything but the kernel itself.
pub(super) fn variables() -> [(&'static str, String); 6] {
    let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
    let own = "localhost,127.0.0.1,::1".to_owned();
    [
        ("HTTP_PROXY", proxy.clone()),
        ("http_proxy", proxy.clone()),
        ("HTTPS_PROXY", proxy.clone()),
        ("https_proxy", proxy),
        ("NO_PROXY", own.clone()),
        ("no_proxy", own),
    ]
}
