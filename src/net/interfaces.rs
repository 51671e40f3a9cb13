//! The network interfaces of this machine: their names, addresses and kind.
//!
//! World: worker and async (a few system calls, tens of µs). Nothing here keeps state.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

/// What a person calls an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterfaceKind {
    /// Packets to this machine itself.
    Loopback,
    /// Shared air: more jitter, and each small packet costs airtime.
    Wifi,
    /// A cable.
    Wired,
    /// A tunnel, a bridge of a container, anything else.
    Other,
}

impl fmt::Display for InterfaceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback",
            Self::Wifi => "wifi",
            Self::Wired => "wired",
            Self::Other => "other",
        })
    }
}

/// An address and how many of its leading bits its neighbours share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddr {
    /// The interface's own address.
    pub ip: IpAddr,
    /// Length of the network's prefix, in bits.
    pub prefix_len: u8,
}

impl InterfaceAddr {
    /// Whether `other` is a neighbour on this network.
    #[must_use]
    pub fn reaches(&self, other: IpAddr) -> bool {
        let differing_bits_before = |ours: u128, theirs: u128, width: u32| {
            (ours ^ theirs).leading_zeros().saturating_sub(128 - width) >= u32::from(self.prefix_len)
        };
        match (self.ip, other) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                differing_bits_before(ours.to_bits().into(), theirs.to_bits().into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                differing_bits_before(ours.to_bits(), theirs.to_bits(), 128)
            }
            _ => false,
        }
    }
}

/// One interface as the system names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInterface {
    /// The system's name, as in `eth0`.
    pub name: String,
    /// What a person calls it.
    pub kind: InterfaceKind,
    /// Whether it carries packets now: switched on, and its cable or its radio is connected.
    pub up: bool,
    /// Its addresses; empty while it has none.
    pub addrs: Vec<InterfaceAddr>,
}

/// An `--iface` that this machine does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownInterface {
    /// The name that was asked for.
    pub asked: String,
    /// The names that exist.
    pub existing: Vec<String>,
}

impl fmt::Display for UnknownInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no network interface is called {:?}; there are: {}", self.asked, self.existing.join(", "))
    }
}

impl std::error::Error for UnknownInterface {}

/// Every interface, with or without an address, ordered by name.
///
/// # Errors
/// Whatever the system says when it cannot list them.
pub fn list() -> io::Result<Vec<NetworkInterface>> {
    let mut found: BTreeMap<String, NetworkInterface> = BTreeMap::new();
    for name in names()? {
        let kind = kind_of(&name);
        found.insert(name.clone(), NetworkInterface { name, kind, up: false, addrs: Vec::new() });
    }
    for entry in if_addrs::get_if_addrs()? {
        let up = entry.is_oper_up();
        let prefix_len = match &entry.addr {
            if_addrs::IfAddr::V4(addr) => addr.prefixlen,
            if_addrs::IfAddr::V6(addr) => addr.prefixlen,
        };
        let addr = InterfaceAddr { ip: entry.ip(), prefix_len };
        // An alias such as `eth0:1` belongs to `eth0`.
        let name = entry.name.split(':').next().unwrap_or_default().to_owned();
        let interface = found.entry(name.clone()).or_insert_with(|| NetworkInterface {
            kind: kind_of(&name),
            name,
            up: false,
            addrs: Vec::new(),
        });
        interface.up |= up;
        interface.addrs.push(addr);
    }
    Ok(found.into_values().collect())
}

/// Checks the names a user gave.
///
/// # Errors
/// [`UnknownInterface`] for the first that is not in `list`.
pub fn check_names(asked: &[String], list: &[NetworkInterface]) -> Result<(), UnknownInterface> {
    let existing = || list.iter().map(|interface| interface.name.clone()).collect();
    match asked.iter().find(|name| !list.iter().any(|interface| interface.name == **name)) {
        Some(name) => Err(UnknownInterface { asked: name.clone(), existing: existing() }),
        None => Ok(()),
    }
}

/// Names from this process's own network namespace; `/sys` may show another one's.
fn names() -> io::Result<Vec<String>> {
    let table = fs::read_to_string("/proc/self/net/dev")?;
    Ok(table
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim().to_owned())
        .collect())
}

fn kind_of(name: &str) -> InterfaceKind {
    let folder = Path::new("/sys/class/net").join(name);
    let type_number = fs::read_to_string(folder.join("type")).unwrap_or_default();
    match type_number.trim() {
        _ if folder.join("wireless").exists() || folder.join("phy80211").exists() => InterfaceKind::Wifi,
        // ARPHRD_LOOPBACK and ARPHRD_ETHER of linux/if_arp.h.
        "772" => InterfaceKind::Loopback,
        "1" if folder.join("bridge").exists() => InterfaceKind::Other,
        "1" => InterfaceKind::Wired,
        _ if name == "lo" => InterfaceKind::Loopback,
        _ => InterfaceKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(ip: &str, prefix_len: u8) -> InterfaceAddr {
        InterfaceAddr { ip: ip.parse().unwrap(), prefix_len }
    }

    #[test]
    fn the_loopback_interface_is_listed_as_such() {
        let list = list().unwrap();
        let lo = list.iter().find(|interface| interface.name == "lo").unwrap();
        assert_eq!(lo.kind, InterfaceKind::Loopback);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_names_that_exist() {
        let list = list().unwrap();
        let error = check_names(&["lo".to_owned(), "jam7".to_owned()], &list).unwrap_err();
        assert_eq!(error.asked, "jam7");
        assert!(error.existing.contains(&"lo".to_owned()), "{error}");
        assert_eq!(check_names(&["lo".to_owned()], &list), Ok(()));
        assert_eq!(check_names(&[], &list), Ok(()));
    }

    #[test]
    fn neighbours_are_told_by_their_prefix() {
        let yes = |own, prefix_len, other: &str| addr(own, prefix_len).reaches(other.parse().unwrap());
        assert!(yes("10.0.1.7", 24, "10.0.1.200"));
        assert!(!yes("10.0.1.7", 24, "10.0.2.200"));
        assert!(yes("10.0.1.7", 0, "200.0.2.200"));
        assert!(yes("127.0.0.1", 8, "127.9.9.9"));
        assert!(!yes("10.0.1.7", 24, "::1"));
        assert!(yes("fd00::1", 64, "fd00::aa:1"));
        assert!(!yes("fd00::1", 128, "fd00::2"));
        assert!(yes("::1", 128, "::1"));
    }
}
