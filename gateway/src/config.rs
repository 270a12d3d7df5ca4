//! The gateway's settings. Every limit is here with its unit and its default.

use std::{net::SocketAddr, ops::RangeBounds, path::PathBuf, time::Duration};

use clap::{Parser, builder::RangedU64ValueParser};
use fenxi_chassis::{config::Common, net::Target, program::Configured};
use http::HeaderValue;
use url::Url;

use crate::net::Network;

/// The prefix of the gateway's variables.
pub const PREFIX: &str = "FENXI_GATEWAY";

/// The longest time that can be set: a year. The clock can add it to now.
const SECS_MAX: u64 = 365 * 86_400;
/// The longest that requests may go on at the end: a stop has 30 s in all.
const DRAIN_MAX_SECS: u64 = 25;

/// The gateway: gRPC-web, gRPC, uploads and the browser app on one port.
#[derive(Clone, Debug, Parser)]
#[command(name = "gateway", version)]
pub struct Config {
    /// What every service has.
    #[command(flatten)]
    pub common: Common,

    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// The URL under which browsers reach this gateway; its origin is what cookies are good for
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub public_url: Url,

    /// Take plain http for --public-url on a host other than this machine; cookies can then be read on the way
    #[arg(long)]
    pub allow_plain_http: bool,

    /// How long browsers are to take this host by https alone (HSTS), on every port of it; 0: not at all. Unset: a year where
    /// --public-url is https on port 443, else not at all
    #[arg(long, value_name = "SECONDS", value_parser = seconds(0))]
    pub hsts_max_age_secs: Option<u64>,

    /// Let that hold for every subdomain of the host too
    #[arg(long)]
    pub hsts_include_subdomains: bool,

    /// Where auth-service is: a URL, or a Unix-domain socket such as unix:/run/fenxi/auth.sock, over which calls cost less
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8091")]
    pub auth_url: Target,

    /// Where analysis-service is, likewise
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8092")]
    pub analysis_url: Target,

    /// A file with this gateway's own secret, by which auth-service knows it
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// A PEM file with the certificate chain to serve TLS with, read at start; without it the port is plain
    #[arg(long, value_name = "FILE", requires = "tls_key_file")]
    pub tls_cert_file: Option<PathBuf>,

    /// A PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    pub tls_key_file: Option<PathBuf>,

    /// Proxies whose X-Forwarded-For is believed, as addresses or networks such as 10.0.0.0/8
    #[arg(long, value_delimiter = ',', value_name = "NETWORKS")]
    pub trusted_proxies: Vec<Network>,

    /// Limits of connections.
    #[command(flatten)]
    pub connections: Connections,

    /// Limits of calls.
    #[command(flatten)]
    pub calls: Calls,

    /// Limits of rates.
    #[command(flatten)]
    pub rates: Rates,
}

/// Limits of connections.
#[derive(Clone, Debug, clap::Args)]
pub struct Connections {
    /// Connections at one time
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = count(1..))]
    pub connections_max: usize,

    /// Connections at one time from one address (one /64 for IPv6); those through a trusted proxy count only among all
    #[arg(long, value_name = "COUNT", default_value_t = 512, value_parser = count(1..))]
    pub connections_per_address_max: usize,

    /// How long a new connection may take to say which protocol it speaks
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = seconds(1))]
    pub first_bytes_max_secs: u64,

    /// How long the headers of an HTTP/1.1 request may take, counted from the end of the one before: so long such a connection
    /// may be idle, which is to be longer than a proxy in front keeps it
    #[arg(long, value_name = "SECONDS", default_value_t = 75, value_parser = seconds(1))]
    pub headers_max_secs: u64,

    /// Size of the headers of one request
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 10, value_parser = clap::value_parser!(u32).range(1_024..=256 << 10))]
    pub headers_max_bytes: u32,

    /// Streams at one time on one HTTP/2 connection
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub streams_per_connection_max: u32,

    /// How often an HTTP/2 connection is asked whether its other end is still there
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = seconds(1))]
    pub keep_alive_interval_secs: u64,

    /// How long the answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = seconds(1))]
    pub keep_alive_wait_secs: u64,

    /// How long a connection may stay without a request; over HTTP/1.1 --headers-max-secs holds too
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = seconds(1))]
    pub idle_max_secs: u64,

    /// Age at which a connection is told to take no more requests; those it has go on
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = seconds(1))]
    pub age_max_secs: u64,

    /// How long a client may take nothing of what it is sent before it is cut off
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds(1))]
    pub write_stall_max_secs: u64,

    /// How long requests may go on once the gateway stops, 25 s at most; streams end at once
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = RangedU64ValueParser::<u64>::new().range(..=DRAIN_MAX_SECS))]
    pub drain_max_secs: u64,
}

/// Limits of calls.
#[derive(Clone, Debug, clap::Args)]
pub struct Calls {
    /// Size of one message
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20, value_parser = count(1_024..=1 << 30))]
    pub message_max_bytes: usize,

    /// How long a client may send nothing in the middle of its request
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds(1))]
    pub body_idle_max_secs: u64,

    /// How long the whole request of a call with one message may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds(1))]
    pub body_max_secs: u64,

    /// Deadline of a call with one answer, and the most that its client can ask for
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = seconds(1))]
    pub unary_max_secs: u64,

    /// The most that the client of a stream can ask for as its deadline; without one a stream has none
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = seconds(1))]
    pub stream_deadline_max_secs: u64,

    /// What tus clients are told that one file may have, 0: nothing; the limit itself is analysis-service's, by the same name
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30)]
    pub upload_file_max_bytes: u64,

    /// Callers that are remembered
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub callers_max: u64,
}

/// Limits of rates.
#[derive(Clone, Debug, clap::Args)]
pub struct Rates {
    /// Calls a second from one address without a known credential; 0: no limit
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub address_rate_per_sec: u32,

    /// How many of them may come at once; 0: as many as the rate
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    pub address_rate_burst: u32,

    /// Calls a second of one user; 0: no limit
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    pub user_rate_per_sec: u32,

    /// How many of them may come at once; 0: as many as the rate
    #[arg(long, value_name = "COUNT", default_value_t = 2_000)]
    pub user_rate_burst: u32,

    /// Calls of one user that may be under way at a time, on all devices together; watching is a call; 0: no
    /// limit
    #[arg(long, value_name = "COUNT", default_value_t = 256)]
    pub user_calls_max: usize,
}

impl Configured for Config {
    fn common(&self) -> &Common {
        &self.common
    }
}

impl Config {
    /// Reads a configuration from arguments alone, for tests.
    ///
    /// # Errors
    /// An argument is wrong.
    pub fn from_args<I, T>(args: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        Self::try_parse_from(args)
    }

    /// Checks what no single setting shows.
    ///
    /// # Errors
    /// One line that names the setting and says what to do.
    pub fn check(&self) -> anyhow::Result<()> {
        let url = &self.public_url;
        anyhow::ensure!(
            matches!(url.scheme(), "http" | "https") && url.host().is_some(),
            "{PREFIX}_PUBLIC_URL {url}: it is to be an http or https URL"
        );
        anyhow::ensure!(
            url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty(),
            "{PREFIX}_PUBLIC_URL {url}: it is to be scheme, host and port, without a path"
        );
        anyhow::ensure!(
            !is_unspecified(url),
            "{PREFIX}_PUBLIC_URL {url}: it is to be the address that people type; this one means every address of a machine \
             and is good for {PREFIX}_LISTEN alone"
        );
        anyhow::ensure!(
            self.trustworthy() || self.allow_plain_http,
            "{PREFIX}_PUBLIC_URL {url}: browsers keep login cookies safe only over https or on this machine; put TLS in \
             front, or accept the risk with {PREFIX}_ALLOW_PLAIN_HTTP=true"
        );
        anyhow::ensure!(
            self.tls_cert_file.is_some() == self.tls_key_file.is_some(),
            "{PREFIX}_TLS_CERT_FILE and {PREFIX}_TLS_KEY_FILE: TLS needs both"
        );
        self.check_https()
    }

    /// Checks that what is for https alone is not set where people come over http: their cookies would go without `Secure`,
    /// and nobody would see why.
    fn check_https(&self) -> anyhow::Result<()> {
        let url = &self.public_url;
        anyhow::ensure!(
            self.https() || self.tls_cert_file.is_none(),
            "{PREFIX}_TLS_CERT_FILE and {PREFIX}_PUBLIC_URL {url}: with a certificate this port speaks TLS, so the public URL \
             is to be the https address that people type"
        );
        for (name, is_set) in [
            ("HSTS_MAX_AGE_SECS", self.hsts_max_age_secs.is_some_and(|secs| secs > 0)),
            ("HSTS_INCLUDE_SUBDOMAINS", self.hsts_include_subdomains),
        ] {
            anyhow::ensure!(
                self.https() || !is_set,
                "{PREFIX}_{name} and {PREFIX}_PUBLIC_URL {url}: browsers heed it over https alone; make the public URL the \
                 https address that people type, or unset it"
            );
        }
        Ok(())
    }

    /// Whether browsers come over https.
    pub(crate) fn https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Whether browsers treat the public URL as trustworthy: https, or this machine.
    fn trustworthy(&self) -> bool {
        self.https()
            || match self.public_url.host() {
                Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
                Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
                Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
                None => false,
            }
    }

    /// What browsers are told of https for this host (RFC 6797). It goes by host and not by port, so by itself it is said
    /// only where this port is the host's own: whatever else the host serves over plain http would be out of reach.
    pub(crate) fn hsts(&self) -> Option<HeaderValue> {
        let usual = if self.public_url.port().is_none() { SECS_MAX } else { 0 };
        let max_age_secs = self.hsts_max_age_secs.unwrap_or(usual);
        let subdomains = if self.hsts_include_subdomains { "; includeSubDomains" } else { "" };
        let text = (self.https() && max_age_secs > 0).then(|| format!("max-age={max_age_secs}{subdomains}"));
        text.and_then(|text| HeaderValue::try_from(text).ok())
    }

    /// The origin of the public URL, as browsers write it.
    pub(crate) fn public_origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }
}

/// Whether the host is the address that stands for every address, which no browser has as the origin of a page.
fn is_unspecified(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_unspecified(),
        Some(url::Host::Ipv6(ip)) => ip.is_unspecified(),
        Some(url::Host::Domain(_)) | None => false,
    }
}

/// Seconds from this many to a year.
fn seconds(least: u64) -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(least..=SECS_MAX)
}

/// A count or a size within these bounds.
fn count(bounds: impl RangeBounds<u64>) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(bounds)
}

/// A number of seconds as a duration.
pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
