//! Addresses as people and tickets write them, and which of them this peer may use.

use std::net::{IpAddr, SocketAddr};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use crate::domain::name::safe_line;
use crate::net::interfaces::NetworkInterface;

use super::error::DialFailure;

/// Which interfaces this peer uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// All there are, and those that come.
    All,
    /// Loopback alone: nothing leaves the machine.
    LoopbackOnly,
    /// Those named.
    Named(Vec<String>),
}

impl Scope {
    pub(super) fn of(ifaces: &[String], list: &[NetworkInterface]) -> Self {
        let is_loopback = |name: &String| {
            list.iter()
                .filter(|interface| interface.name == *name)
                .all(|interface| interface.kind == crate::net::interfaces::InterfaceKind::Loopback)
        };
        match ifaces {
            [] => Self::All,
            names if names.iter().all(is_loopback) => Self::LoopbackOnly,
            names => Self::Named(names.to_vec()),
        }
    }

    /// Whether this address may be dialled at all: what a user or a ticket gives.
    pub(super) fn allows(&self, addr: &Multiaddr) -> bool {
        match ip_of(addr) {
            Some(ip) if is_scoped(ip) || ip.is_unspecified() || ip.is_multicast() => false,
            Some(ip) => *self != Self::LoopbackOnly || ip.is_loopback(),
            None => false,
        }
    }

    /// Whether an address found on the network may be dialled: with named interfaces, only those
    /// of their neighbours, for mDNS itself listens everywhere.
    pub(super) fn allows_found(&self, addr: &Multiaddr, list: &[NetworkInterface]) -> bool {
        let Self::Named(names) = self else { return self.allows(addr) };
        let Some(ip) = ip_of(addr) else { return false };
        let named = list.iter().filter(|interface| names.contains(&interface.name));
        self.allows(addr)
            && named.flat_map(|interface| &interface.addrs).any(|own| own.ip == ip || own.reaches(ip))
    }
}

/// Link-local IPv6 needs an interface beside it, which the transports do not take (libp2p-tcp
/// 0.45 and libp2p-quic 0.14 refuse `/ip6zone`).
pub(super) fn is_scoped(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// The address's first part, if it is an IP address.
pub(super) fn ip_of(addr: &Multiaddr) -> Option<IpAddr> {
    match addr.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    }
}

/// The QUIC and the TCP address of one IP address; port 0 lets the system choose.
pub(super) fn both(ip: IpAddr, port: u16) -> [Multiaddr; 2] {
    let base = Multiaddr::from(ip);
    [base.clone().with(Protocol::Udp(port)).with(Protocol::QuicV1), base.with(Protocol::Tcp(port))]
}

/// Reads one address: a multiaddress, or `IP:PORT`, which stands for QUIC and TCP.
///
/// The peer a multiaddress may name at its end comes with it.
pub(super) fn parse(text: &str) -> Result<(Vec<Multiaddr>, Option<libp2p::PeerId>), DialFailure> {
    let bad = || DialFailure::BadAddress { text: safe_line(text, 80) };
    if let Ok(socket) = text.parse::<SocketAddr>() {
        let usable = socket.port() != 0 && !socket.ip().is_unspecified();
        return if usable { Ok((both(socket.ip(), socket.port()).into(), None)) } else { Err(bad()) };
    }
    let mut addr: Multiaddr = text.parse().map_err(|_| bad())?;
    let peer = match addr.iter().last() {
        Some(Protocol::P2p(peer)) => {
            addr.pop();
            Some(peer)
        }
        _ => None,
    };
    let parts: Vec<_> = addr.iter().collect();
    let known = matches!(
        parts.as_slice(),
        [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Udp(1..), Protocol::QuicV1]
            | [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(1..)]
    );
    if known { Ok((vec![addr], peer)) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::interfaces::{InterfaceAddr, InterfaceKind};

    fn addr(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    fn interfaces() -> Vec<NetworkInterface> {
        let one = |name: &str, kind, ip: &str, prefix_len| NetworkInterface {
            name: name.to_owned(),
            kind,
            up: true,
            addrs: vec![InterfaceAddr { ip: ip.parse().unwrap(), prefix_len }],
        };
        vec![
            one("eth0", InterfaceKind::Wired, "10.0.1.7", 24),
            one("lo", InterfaceKind::Loopback, "127.0.0.1", 8),
            one("wlan0", InterfaceKind::Wifi, "10.0.2.7", 24),
        ]
    }

    #[test]
    fn an_address_with_a_port_stands_for_both_transports() {
        let (addrs, peer) = parse("192.168.1.20:4242").unwrap();
        assert_eq!(addrs, [addr("/ip4/192.168.1.20/udp/4242/quic-v1"), addr("/ip4/192.168.1.20/tcp/4242")]);
        assert_eq!(peer, None);
        assert_eq!(parse("[fd00::1]:9").unwrap().0.len(), 2);
    }

    #[test]
    fn a_multiaddress_may_name_its_peer() {
        let id = crate::net::swarm::identity::keypair(&[7; 32]).unwrap().public().to_peer_id();
        let (addrs, peer) = parse(&format!("/ip4/10.0.0.1/tcp/7/p2p/{id}")).unwrap();
        assert_eq!((addrs, peer), (vec![addr("/ip4/10.0.0.1/tcp/7")], Some(id)));
    }

    #[test]
    fn what_is_not_an_address_is_named_in_the_failure() {
        for text in [
            "",
            "studio",
            "1.2.3.4",
            "1.2.3.4:0",
            "0.0.0.0:7",
            "/ip4/1.2.3.4/udp/5",
            "/ip4/1.2.3.4/tcp/0",
            "/dns4/example.org/tcp/7",
            "/memory/1",
            "\u{1b}[2J",
        ] {
            assert!(matches!(parse(text), Err(DialFailure::BadAddress { .. })), "{text:?}");
        }
    }

    #[test]
    fn with_loopback_alone_nothing_outside_is_dialled() {
        let scope = Scope::of(&["lo".to_owned()], &interfaces());
        assert_eq!(scope, Scope::LoopbackOnly);
        assert!(scope.allows(&addr("/ip4/127.0.0.1/tcp/7")) && scope.allows(&addr("/ip6/::1/tcp/7")));
        assert!(!scope.allows(&addr("/ip4/10.0.1.9/tcp/7")));
        assert!(!scope.allows(&addr("/dns4/localhost/tcp/7")));
    }

    #[test]
    fn with_named_interfaces_only_their_neighbours_are_found() {
        let scope = Scope::of(&["eth0".to_owned()], &interfaces());
        assert!(scope.allows_found(&addr("/ip4/10.0.1.9/tcp/7"), &interfaces()));
        assert!(!scope.allows_found(&addr("/ip4/10.0.2.9/tcp/7"), &interfaces()));
        assert!(scope.allows(&addr("/ip4/10.0.2.9/tcp/7")));
        assert!(Scope::of(&[], &interfaces()).allows_found(&addr("/ip4/10.0.2.9/tcp/7"), &interfaces()));
        assert!(!Scope::All.allows(&addr("/ip6/fe80::1/tcp/7")));
    }
}
