//! What a user's kernels may reach, all grants taken together. Pure: names are looked up by others, and each address
//! that came of it is asked about here before anybody connects to it.

use std::net::IpAddr;

use super::{
    entry::{Destination, Entry},
    range,
};

/// The entries in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowList(Vec<Entry>);

impl AllowList {
    pub(crate) fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_unstable();
        entries.dedup();
        Self(entries)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Whether a destination is worth looking at: a name that is not allowed is not even looked up, because looking up
    /// tells its servers.
    pub(crate) fn allows(&self, destination: &Destination, port: u16) -> bool {
        match destination {
            Destination::Host(host) => self.0.iter().any(|entry| entry.allows_name(host, port)),
            Destination::Address(address) => self.names(*address, port).next().is_some(),
        }
    }

    /// Whether a connection to this address may be made for this destination, whose address it is. `is_own`: it is one of
    /// the machine's.
    pub(crate) fn allows_address(&self, destination: &Destination, address: IpAddr, port: u16, is_own: bool) -> bool {
        let address = address.to_canonical();
        if range::leads_nowhere(address) || !self.allows(destination, port) {
            return false;
        }
        if self.names(address, port).any(range::Range::is_single) {
            return true;
        }
        // What is behind the machine's door is meant only by who names it.
        let meant = !range::is_special(address) || self.names(address, port).any(range::Range::is_special);
        meant && !is_own
    }

    fn names(&self, address: IpAddr, port: u16) -> impl Iterator<Item = &range::Range> {
        self.0.iter().filter_map(move |entry| entry.range(port)).filter(move |range| range.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entries: &[&str], host: &str, address: &str, is_own: bool) -> bool {
        let list = AllowList::new(entries.iter().map(|entry| Entry::parse(entry).expect(entry)));
        let destination = Destination::parse(host).expect(host);
        list.allows_address(&destination, address.parse().expect(address), 443, is_own)
    }

    #[test]
    fn a_name_leads_to_the_internet_and_not_into_the_house() {
        assert!(allows(&["a.example"], "a.example", "93.184.216.34", false));
        assert!(!allows(&["a.example"], "b.example", "93.184.216.34", false));
        for inside in ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::ffff:127.0.0.1", "::1", "fd00::1", "0.0.0.0"] {
            assert!(!allows(&["a.example"], "a.example", inside, false), "a name was followed to {inside}");
            assert!(
                !allows(&["a.example", "0.0.0.0/0", "[::/0]"], "a.example", inside, false),
                "{inside} was not named"
            );
        }
        assert!(!allows(&["a.example"], "a.example", "93.184.216.34", true), "the machine itself");
    }

    #[test]
    fn a_range_that_names_them_opens_inner_addresses() {
        assert!(allows(&["db.corp", "10.0.0.0/8"], "db.corp", "10.1.2.3", false));
        assert!(!allows(&["db.corp", "10.0.0.0/8"], "db.corp", "192.168.0.1", false));
        assert!(!allows(&["10.0.0.0/8"], "db.corp", "10.1.2.3", false), "a range does not allow names");
        assert!(allows(&["10.0.0.0/8"], "10.1.2.3", "10.1.2.3", false));
        assert!(!allows(&["10.0.0.0/8"], "10.1.2.3", "10.1.2.3", true), "the machine itself is not meant");
        assert!(allows(&["10.1.2.3"], "10.1.2.3", "10.1.2.3", true), "named by itself, it is");
        assert!(allows(&["127.0.0.1"], "[::ffff:127.0.0.1]", "127.0.0.1", true));
        assert!(!allows(&["127.0.0.0/8"], "127.0.0.1", "127.0.0.1", true));
    }

    #[test]
    fn the_whole_internet_is_the_public_one() {
        let all = ["0.0.0.0/0", "[::/0]"];
        assert!(allows(&all, "8.8.8.8", "8.8.8.8", false) && allows(&all, "[2606:4700::1]", "2606:4700::1", false));
        for inside in ["127.0.0.1", "10.0.0.7", "169.254.169.254", "224.0.0.1", "255.255.255.255"] {
            assert!(!allows(&all, inside, inside, false), "{inside}");
        }
        for inside in ["::1", "fe80::1", "fd00::1", "64:ff9b::7f00:1", "2002:7f00:1::"] {
            assert!(!allows(&all, &format!("[{inside}]"), inside, false), "{inside}");
        }
    }

    #[test]
    fn what_leads_nowhere_cannot_be_named() {
        assert!(!allows(&["0.0.0.0"], "0.0.0.0", "0.0.0.0", false));
        assert!(!allows(&["[::]"], "[::]", "::", false));
        assert!(!allows(&["224.0.0.0/4"], "224.0.0.1", "224.0.0.1", false));
    }

    #[test]
    fn another_port_is_another_thing() {
        assert!(!allows(&["a.example:80"], "a.example", "93.184.216.34", false));
        assert!(!allows(&["a.example", "10.0.0.0/8:80"], "a.example", "10.0.0.1", false));
    }
}
