//! Where a call came from, as far as it can be known.

use std::net::{IpAddr, Ipv6Addr};

use crate::user::name::cleaned;

/// Longest user agent kept, in characters.
const USER_AGENT_MAX_CHARS: usize = 200;

/// Where a call came from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The client's address; unknown when it calls over something that has none.
    pub(crate) address: Option<IpAddr>,
    /// The client as it names itself, cleaned and cut.
    pub(crate) user_agent: String,
}

impl Origin {
    /// From an address and a client's own words.
    pub(crate) fn new(address: Option<IpAddr>, user_agent: &str) -> Self {
        // An IPv4 address in IPv6 clothes is the same client.
        Self { address: address.map(|a| a.to_canonical()), user_agent: cleaned(user_agent, USER_AGENT_MAX_CHARS) }
    }

    /// The address as text, empty if unknown.
    pub(crate) fn ip_address(&self) -> String {
        self.address.map(|address| address.to_string()).unwrap_or_default()
    }

    /// What limits count by: an IPv4 address, or the 64-bit network of an IPv6 one, of which a client has as many
    /// addresses as it likes.
    pub(crate) fn network(&self) -> u128 {
        match self.address {
            Some(IpAddr::V4(address)) => address.to_ipv6_mapped().to_bits(),
            Some(IpAddr::V6(address)) => network_of(address),
            None => 0,
        }
    }

    /// The same as text; none if the address is unknown.
    pub(crate) fn network_name(&self) -> Option<String> {
        self.address.map(|address| match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("{}/64", Ipv6Addr::from_bits(network_of(address))),
        })
    }
}

fn network_of(address: Ipv6Addr) -> u128 {
    address.to_bits() >> 64 << 64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> u128 {
        Origin::new(Some(text.parse().expect("an address")), "").network()
    }

    #[test]
    fn limits_count_by_network() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        let name = |text: &str| Origin::new(Some(text.parse().expect("an address")), "").network_name();
        assert_eq!(name("2001:db8::ffff:1").as_deref(), Some("2001:db8::/64"));
        assert_eq!(name("::ffff:192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(Origin::new(None, "").network_name(), None);
        assert_eq!(Origin::new(None, "a\r\nb\u{1b}[0m").user_agent, "ab[0m");
    }
}
