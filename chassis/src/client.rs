//! Channels to other services: made at once, connected when used, and connected again after a failure.

use std::time::Duration;

use anyhow::Context as _;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
    transport::{Channel, Endpoint},
};

use crate::{
    net::Target,
    server::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES},
};

const CONNECT_WAIT: Duration = Duration::from_secs(2);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(10);

/// A channel to the service at `target`, such as `http://127.0.0.1:8091`. It does not connect before it is used.
///
/// # Errors
/// The text is no address of a service.
pub fn channel(target: &str) -> anyhow::Result<Channel> {
    let parsed: Target = target.parse().with_context(|| format!("{target:?}"))?;
    channel_to(&parsed)
}

/// A channel to this service. It does not connect before it is used.
///
/// # Errors
/// None for what a [`Target`] can be.
pub fn channel_to(target: &Target) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(target.to_string())?
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
            let error = format!("{error:#}");
            assert!(error.contains(&format!("{wrong:?}: no address of a service")), "{error}");
        }
    }
}
