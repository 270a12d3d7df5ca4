//! One entry of an allow-list, and what a kernel asks to connect to. Both are read strictly: what the system's own
//! functions would take for an address (`127.1`, `0x7f000001`, `2130706433`) is neither a name nor an address here.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::range::Range;

/// The port of an entry that names none.
const PORT_DEFAULT: u16 = 443;
/// Characters of a name, and of a part of it, as in the domain name system.
const NAME_MAX_CHARS: usize = 253;
const LABEL_MAX_CHARS: usize = 63;
/// Labels that a name below which all is allowed has at least: one is a whole top-level domain.
const BELOW_LABELS_MIN: usize = 2;
/// The longest text that is looked at.
const TEXT_MAX_BYTES: usize = 300;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    target: Target,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// This name.
    Host(String),
    /// Every name below this one.
    Below(String),
    Range(Range),
}

/// To whom a kernel wants to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// By name: lower-case, without a final dot.
    Host(String),
    /// By address; an IPv4 address in IPv6's clothes is an IPv4 address.
    Address(IpAddr),
}

impl Entry {
    /// Reads an entry.
    ///
    /// # Errors
    /// What is wrong, to follow on the text of it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TEXT_MAX_BYTES {
            return Err("is too long".into());
        }
        if let Some(bracketed) = text.strip_prefix('[') {
            let (inner, rest) = bracketed.split_once(']').ok_or("has no closing bracket")?;
            let port = if rest.is_empty() { PORT_DEFAULT } else { port(rest.strip_prefix(':').unwrap_or_default())? };
            let range = range(inner, |text| text.parse::<Ipv6Addr>().ok().map(IpAddr::V6))?;
            let range = range.ok_or("has no IPv6 address in its brackets")?;
            return Ok(Self { target: Target::Range(range), port });
        }
        let (target, port) = match text.split_once(':') {
            None => (text, PORT_DEFAULT),
            Some((_, port)) if port.contains(':') => return Err("needs brackets around an IPv6 address".into()),
            Some((target, digits)) => (target, port(digits)?),
        };
        let range = range(target, |text| text.parse::<Ipv4Addr>().ok().map(IpAddr::V4))?;
        let target = match (range, target.strip_prefix("*.")) {
            (Some(range), _) => Target::Range(range),
            (None, Some(below)) => {
                let below = name(below).ok_or("is no name below which others are")?;
                if below.split('.').count() < BELOW_LABELS_MIN {
                    return Err("would allow a whole top-level domain".into());
                }
                Target::Below(below)
            }
            (None, None) => Target::Host(name(target).ok_or("is no host name, address or range of addresses")?),
        };
        Ok(Self { target, port })
    }

    /// Whether a name may be looked up for a connection to this port.
    pub(crate) fn allows_name(&self, host: &str, port: u16) -> bool {
        self.port == port
            && match &self.target {
                Target::Host(allowed) => host == allowed,
                Target::Below(parent) => {
                    host.strip_suffix(parent.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
                }
                Target::Range(_) => false,
            }
    }

    /// The addresses that it names, for a connection to this port.
    pub(crate) fn range(&self, port: u16) -> Option<&Range> {
        match &self.target {
            Target::Range(range) if self.port == port => Some(range),
            _ => None,
        }
    }
}

impl Destination {
    /// Reads the host of a request; `None` for what is neither a name nor an address.
    pub(crate) fn parse(host: &str) -> Option<Self> {
        if host.len() > TEXT_MAX_BYTES {
            return None;
        }
        if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return inner.parse::<Ipv6Addr>().ok().map(|address| Self::Address(IpAddr::V6(address).to_canonical()));
        }
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        name(host).map(Self::Host)
    }
}

/// A name in its one form: lower-case, without a final dot. `None` for what is no name, or looks like an address.
fn name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let good = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=LABEL_MAX_CHARS).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(hexadecimal);
    (text.len() <= NAME_MAX_CHARS && text.split('.').all(good) && !number).then_some(text)
}

fn port(digits: &str) -> Result<u16, String> {
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    number.filter(|port| *port != 0).ok_or_else(|| "has a port that is not 1 to 65535".into())
}

/// An address or a range of a family; `None` for what is none.
fn range(text: &str, parse: impl Fn(&str) -> Option<IpAddr>) -> Result<Option<Range>, String> {
    let (first, prefix) = text.split_once('/').map_or((text, None), |(first, prefix)| (first, Some(prefix)));
    let Some(first) = parse(first) else { return Ok(None) };
    if first != first.to_canonical() {
        return Err("is an IPv4 address in IPv6's clothes; write it as IPv4".into());
    }
    let Some(prefix) = prefix else { return Ok(Some(Range::single(first))) };
    let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = digits.then(|| prefix.parse().ok()).flatten().ok_or("has a prefix that is no number of bits")?;
    Range::new(first, prefix).map(Some)
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Host(host) => write!(f, "{host}:{}", self.port),
            Target::Below(parent) => write!(f, "*.{parent}:{}", self.port),
            Target::Range(range) => write!(f, "{range}:{}", self.port),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.write_str(host),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
