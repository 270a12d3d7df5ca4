//! Where a house listens: free ports, which no other test's house is given.

use std::{
    net::{SocketAddr, TcpListener},
    ops::Range,
};

use anyhow::Context as _;

/// Ports that the system gives to no connection of a program's (ip(7): those begin at 32,768): what was found free is so
/// still when it is listened on, though other tests run.
const PORTS: Range<u16> = 20_000..32_000;
/// Tests that may run at once, each in a process of its own with ports of its own.
const SLOTS: u16 = 60;
/// The runner's number of this process, which no other has that runs now (nextest's "global slot").
const SLOT: &str = "NEXTEST_TEST_GLOBAL_SLOT";
const TRIES: usize = 100;

/// The addresses of a house.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) auth: SocketAddr,
    pub(super) analysis: SocketAddr,
    pub(super) gateway: SocketAddr,
    pub(super) admin: [SocketAddr; 3],
}

impl Addresses {
    /// Six addresses on loopback that nobody listens on.
    pub(super) fn free() -> anyhow::Result<Self> {
        let slot = fenxi_chassis::config::variable(SLOT).and_then(|slot| slot.to_str()?.parse().ok());
        let ports = ports(slot);
        // Held until all are found: none is found twice.
        let held: Vec<_> = (0..6).map(|_| listener(&ports)).collect::<anyhow::Result<_>>()?;
        let found: Vec<_> = held.iter().map(TcpListener::local_addr).collect::<std::io::Result<_>>()?;
        let [auth, analysis, gateway, admin @ ..] =
            <[SocketAddr; 6]>::try_from(found).ok().context("six were found")?;
        Ok(Self { auth, analysis, gateway, admin })
    }
}

fn ports(slot: Option<u16>) -> Range<u16> {
    let width = (PORTS.end - PORTS.start) / SLOTS;
    match slot {
        Some(slot) => {
            let start = PORTS.start + slot % SLOTS * width;
            start..start + width
        }
        None => PORTS,
    }
}

fn listener(ports: &Range<u16>) -> anyhow::Result<TcpListener> {
    let free = || TcpListener::bind(("127.0.0.1", rand::random_range(ports.clone()))).ok();
    (0..TRIES).find_map(|_| free()).with_context(|| format!("no port of {ports:?} was free"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_found_twice_and_no_other_slot_has_it() {
        let Addresses { auth, analysis, gateway, admin } = Addresses::free().expect("addresses");
        let mut found: Vec<_> = [auth, analysis, gateway].into_iter().chain(admin).map(|found| found.port()).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 6);
        assert_eq!(ports(None), PORTS);
        assert_eq!((ports(Some(0)), ports(Some(SLOTS - 1))), (20_000..20_200, 31_800..32_000));
    }
}
