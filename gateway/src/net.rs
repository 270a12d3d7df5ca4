//! Addresses: which client a request comes from, and by which key an address is counted.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
};

use http::HeaderMap;

use crate::config::PREFIX;

/// Hops of `X-Forwarded-For` that are looked at.
const FORWARDED_HOPS_MAX: usize = 16;

/// The bits before an IPv4 address in its IPv6 form (RFC 4291, section 2.5.5.2).
const MAPPED_PREFIX_BITS: u8 = 96;

/// What is wrong with proxies, each said once: whoever has set them up reads it, and nobody fills the log with it.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    unreadable: AtomicBool,
    untrusted: AtomicBool,
}

/// An address or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is no address and no network such as 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if prefix_bits > most {
            return Err(wrong());
        }
        // An IPv4 address in the form of IPv6 is the IPv4 address, and so is a network of them.
        match (address.to_canonical(), address.is_ipv6()) {
            (IpAddr::V4(_), true) if prefix_bits < MAPPED_PREFIX_BITS => Err(wrong()),
            (address @ IpAddr::V4(_), true) => Ok(Self { address, prefix_bits: prefix_bits - MAPPED_PREFIX_BITS }),
            (address, _) => Ok(Self { address, prefix_bits }),
        }
    }
}

impl Network {
    /// Whether the address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs, width) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            _ => return false,
        };
        let rest = width - u32::from(self.prefix_bits);
        (ours ^ theirs).checked_shr(rest).unwrap_or(0) == 0
    }
}

/// Whether the address is that of a trusted proxy.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// The client behind the peer: the peer itself, or, where the peer is a trusted proxy, the last hop that is not.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network], notices: &Notices) -> IpAddr {
    let mut client = peer.to_canonical();
    if !is_trusted(client, trusted) {
        notices.untrusted(client, headers);
        return client;
    }
    // As bytes: what a client made up stands in front of what the proxy says, in the same line, and may be anything.
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for hop in hops.take(FORWARDED_HOPS_MAX) {
        let Some(hop) = hop_address(hop.trim_ascii()) else {
            notices.unreadable(client);
            break;
        };
        client = hop;
        if !is_trusted(client, trusted) {
            break;
        }
    }
    client
}

/// A hop, as proxies write it: an address, which a port may follow; one of IPv6 may stand in brackets.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse().ok().map(|hop: SocketAddr| hop.ip()));
    address.map(|address| address.to_canonical())
}

impl Notices {
    /// Behind a proxy that is not named, all its clients share one address, its rates and its connections.
    fn untrusted(&self, peer: IpAddr, headers: &HeaderMap) {
        let forwarded = || headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
        if !self.untrusted.load(Ordering::Relaxed) && forwarded() && !self.untrusted.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %peer,
                "a request was forwarded by a peer that is no trusted proxy: if it is your proxy, name it in \
                 {PREFIX}_TRUSTED_PROXIES, else all its clients count as one address"
            );
        }
    }

    fn unreadable(&self, proxy: IpAddr) {
        if !self.unreadable.swap(true, Ordering::Relaxed) {
            tracing::warn!(%proxy, "the X-Forwarded-For of a trusted proxy names no address: its clients count as the proxy");
        }
    }
}

/// By what an address is counted: a household or a machine has one IPv4 address, or one IPv6 network of 64 bits.
pub(crate) fn counting_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_contains_its_addresses() {
        let net: Network = "10.1.0.0/16".parse().expect("a network");
        assert!(
            net.contains(ip("10.1.255.255")) && net.contains(ip("::ffff:10.1.0.1")) && !net.contains(ip("10.2.0.0"))
        );
        let one: Network = "::1".parse().expect("an address");
        assert!(one.contains(ip("::1")) && !one.contains(ip("::2")) && !one.contains(ip("0.0.0.1")));
        assert!("0.0.0.0/0".parse::<Network>().expect("all").contains(ip("9.9.9.9")));
        for bad in ["", "10.0.0.0/33", "x/8", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_of_v4_in_the_form_of_v6_is_the_network_of_v4() {
        let net: Network = "::ffff:10.0.0.0/104".parse().expect("a network");
        assert!(net.contains(ip("10.1.2.3")) && net.contains(ip("::ffff:10.1.2.3")) && !net.contains(ip("11.0.0.0")));
        let one: Network = "::ffff:10.0.0.1".parse().expect("an address");
        assert!(one.contains(ip("10.0.0.1")) && !one.contains(ip("10.0.0.2")));
        assert!("::ffff:0.0.0.0/90".parse::<Network>().is_err(), "half of it is no IPv4");
    }

    /// The client of a request that came through 10.0.0.1 with these lines.
    fn behind_proxies(lines: &[&[u8]]) -> IpAddr {
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        let line = |line: &&[u8]| {
            ("x-forwarded-for".parse().expect("a name"), HeaderValue::from_bytes(line).expect("a value"))
        };
        client_address(ip("10.0.0.1"), &lines.iter().map(line).collect(), &trusted, &Notices::default())
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_alone() {
        assert_eq!(behind_proxies(&[b"6.6.6.6, 1.2.3.4", b"10.0.0.9"]), ip("1.2.3.4"));
        assert_eq!(behind_proxies(&[]), ip("10.0.0.1"));
        let forged = [("x-forwarded-for".parse().expect("a name"), HeaderValue::from_static("6.6.6.6"))];
        let client = client_address(ip("5.5.5.5"), &forged.into_iter().collect(), &[], &Notices::default());
        assert_eq!(client, ip("5.5.5.5"));
    }

    #[test]
    fn a_proxy_that_is_not_named_is_noticed() {
        let notices = Notices::default();
        client_address(ip("10.0.0.1"), &HeaderMap::new(), &[], &notices);
        assert!(!notices.untrusted.load(Ordering::Relaxed), "nothing was forwarded");
        for name in ["x-forwarded-for", "forwarded"] {
            let notices = Notices::default();
            let headers =
                [(name.parse().expect("a name"), HeaderValue::from_static("for=1.2.3.4"))].into_iter().collect();
            client_address(ip("10.0.0.1"), &headers, &["10.0.0.0/8".parse().expect("a network")], &notices);
            assert!(!notices.untrusted.load(Ordering::Relaxed), "it is named");
            client_address(ip("10.0.0.1"), &headers, &[], &notices);
            assert!(notices.untrusted.load(Ordering::Relaxed), "{name}");
        }
    }

    #[test]
    fn a_client_cannot_hide_behind_what_is_no_address() {
        for lines in [&[&b"\xe9, 1.2.3.4"[..]][..], &[b"\xe9", b"1.2.3.4"], &[b"unknown,1.2.3.4,10.0.0.9"]] {
            assert_eq!(behind_proxies(lines), ip("1.2.3.4"), "{lines:?}");
        }
        assert_eq!(behind_proxies(&[b"1.2.3.4, unknown"]), ip("10.0.0.1"), "what the proxy itself does not know");
    }

    #[test]
    fn proxies_may_write_ports_and_brackets() {
        for (written, client) in [
            ("5.5.5.5:1000", "5.5.5.5"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:5.5.5.5", "5.5.5.5"),
        ] {
            assert_eq!(behind_proxies(&[written.as_bytes()]), ip(client), "{written}");
        }
    }

    #[test]
    fn a_v6_network_counts_as_one() {
        assert_eq!(counting_key(ip("2001:db8::1")), counting_key(ip("2001:db8::ffff:1")));
        assert_ne!(counting_key(ip("2001:db8::1")), counting_key(ip("2001:db8:0:1::1")));
        assert_eq!(counting_key(ip("::ffff:1.2.3.4")), ip("1.2.3.4"));
    }
}
