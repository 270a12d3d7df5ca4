//! Channels to other services: made at once, connected when used, and connected again after a failure.

use std::time::Duration;

use anyhow::Context as _;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
    transport::{Channel, Endpoint},
};

use crate::server::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};

const CONNECT_WAIT: Duration = Duration::from_secs(2);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(10);

/// A channel to the service at `uri`, such as `http://127.0.0.1:8091`. It does not connect before it is used.
///
/// # Errors
/// The text is no address of a service.
pub fn channel(uri: &str) -> anyhow::Result<Channel> {
    let endpoint =
        Endpoint::from_shared(uri.to_owned()).with_context(|| format!("{uri:?} is no address of a service"))?;
    let known = endpoint.uri().scheme().is_some() && endpoint.uri().host().is_some();
    anyhow::ensure!(known, "{uri:?} is no address of a service, such as http://127.0.0.1:8091");
    Ok(endpoint
        .connect_timeout(CONNECT_WAIT)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_WAIT)
        .keep_alive_while_idle(true)
        .connect_lazy())
}

/// Puts a bearer credential on every call: a service's own, or in tests a Caller.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer(..)")
    }
}

impl Bearer {
    /// The credential to send.
    ///
    /// # Errors
    /// It has characters that no header can carry.
    pub fn new(credential: &str) -> anyhow::Result<Self> {
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {credential}").parse().context("the credential is no header value")?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_address_is_refused_before_it_is_used() {
        channel("http://127.0.0.1:8091").expect("an address");
        for wrong in ["foo", "/", "127.0.0.1:8091", "http://"] {
            let error = channel(wrong).expect_err(wrong);
            assert!(error.to_string().contains(&format!("{wrong:?} is no address of a service")), "{error}");
        }
    }
}
