//! Ranges of addresses, and which of them lead nowhere, or into the machine and its networks.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    first: IpAddr,
    prefix: u8,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Range {
    Range { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
}

const fn v6(a: u16, b: u16, prefix: u8) -> Range {
    Range { first: IpAddr::V6(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0)), prefix }
}

/// What is not of the public internet: the registries of special addresses that IANA keeps (RFC 6890 and after), and one
/// public address by which a cloud answers its machines.
const SPECIAL: [Range; 24] = [
    v4(0, 0, 0, 0, 8),        // this host: a connection leads to the machine itself
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // shared by providers; a cloud's metadata
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // a cloud's metadata
    v4(169, 254, 0, 0, 16),   // link-local; the metadata of most clouds
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocols; a cloud's metadata
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 88, 99, 0, 24),   // 6to4 relays
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, broadcast
    v6(0x2001, 0, 23),        // protocols, with Teredo, which carries IPv4 addresses
    v6(0x2001, 0x0db8, 32),   // documentation
    v6(0x2002, 0, 16),        // 6to4, which carries IPv4 addresses
    v6(0x3fff, 0, 20),        // documentation
    // Only 2000::/3 is of the public internet: these three are all of the rest, with loopback, IPv4 in every disguise
    // (mapped, compatible, translated), private, link-local and multicast.
    v6(0, 0, 3),
    v6(0x4000, 0, 2),
    v6(0x8000, 0, 2),
    v6(0xc000, 0, 2),
];

impl Range {
    /// One address.
    pub(crate) fn single(address: IpAddr) -> Self {
        Self { first: address, prefix: bits(address) }
    }

    /// These many leading bits of this address.
    ///
    /// # Errors
    /// What is wrong, to follow on the text of it.
    pub(crate) fn new(first: IpAddr, prefix: u8) -> Result<Self, String> {
        if prefix > bits(first) {
            return Err(format!("has a prefix longer than {} bits", bits(first)));
        }
        let range = Self { first, prefix };
        let begin = range.cut(first);
        if begin != first {
            return Err(format!("has bits behind its prefix; the range begins at {begin}"));
        }
        Ok(range)
    }

    /// Whether it is one address.
    pub(crate) fn is_single(&self) -> bool {
        self.prefix == bits(self.first)
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.cut(address) == self.first
    }

    /// Whether all of it is special: whoever names such a range means it, and whoever names the whole internet does not.
    pub(crate) fn is_special(&self) -> bool {
        SPECIAL.iter().any(|special| special.prefix <= self.prefix && special.contains(self.first))
    }

    fn cut(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix.min(128))).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.is_single() { String::new() } else { format!("/{}", self.prefix) };
        match self.first {
            IpAddr::V4(address) => write!(f, "{address}{prefix}"),
            IpAddr::V6(address) => write!(f, "[{address}{prefix}]"),
        }
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether an address is not of the public internet.
pub(crate) fn is_special(address: IpAddr) -> bool {
    Range::single(address).is_special()
}

/// Whether an address is none of a single machine that could be meant; the system takes some of these for itself.
pub(crate) fn leads_nowhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => matches!(address.octets()[0], 0 | 224..),
        IpAddr::V6(address) => address.is_unspecified() || address.is_multicast(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn what_leads_into_the_machine_and_its_networks_is_special() {
        for text in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2002:7f00:1::",
            "2001:0:4136:e378::1",
            "2001:db8::1",
            "fec0::1",
            "100::1",
            "5f00::1",
            "3fff::1",
        ] {
            assert!(is_special(address(text)), "{text} counts as public");
        }
        for text in [
            "8.8.8.8",
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "168.63.129.15",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860:4860::8888",
            "2400:cb00::1",
            "3ffe::1",
        ] {
            assert!(!is_special(address(text)), "{text} counts as special");
        }
    }

    #[test]
    fn what_no_machine_has_leads_nowhere() {
        for text in ["0.0.0.0", "0.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "ff02::1"] {
            assert!(leads_nowhere(address(text)), "{text}");
        }
        assert!(
            ["127.0.0.1", "10.0.0.1", "8.8.8.8", "::1", "fe80::1"].iter().all(|text| !leads_nowhere(address(text)))
        );
    }

    #[test]
    fn a_range_holds_what_begins_alike() {
        let range = Range::new(address("10.1.0.0"), 16).expect("a range");
        assert!(range.contains(address("10.1.255.255")) && !range.contains(address("10.2.0.0")));
        assert!(!range.contains(address("::ffff:10.1.0.1")), "another family");
        let all = Range::new(address("0.0.0.0"), 0).expect("a range");
        assert!(all.contains(address("255.255.255.255")) && !all.is_special(), "the whole internet is not special");
        let six = Range::new(address("fd00::"), 8).expect("a range");
        assert!(six.contains(address("fdff::1")) && !six.contains(address("fe00::")) && six.is_special());
        assert!(!Range::new(address("::"), 0).expect("a range").is_special());
        assert!(!Range::new(address("8000::"), 1).expect("a range").is_special(), "half of everything is not meant");
        assert!(Range::new(address("10.1.0.1"), 16).is_err() && Range::new(address("10.0.0.0"), 33).is_err());
        assert!(Range::new(address("2000::"), 129).is_err());
    }
}
