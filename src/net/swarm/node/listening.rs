//! Where this peer can be reached, as interfaces come and go.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, TransportError};

use crate::net::directory::Neighbour;
use crate::net::interfaces::{self, InterfaceKind};
use crate::net::swarm::NetEvent;
use crate::net::swarm::addrs::{self, Scope};
use crate::net::swarm::error::{NetError, words_of};

use super::Node;
use super::known::Source;

/// What is being listened on.
#[derive(Debug)]
pub(super) struct Listening {
    port: Option<u16>,
    listeners: HashMap<ListenerId, Multiaddr>,
    addrs: Vec<Multiaddr>,
    /// Ports the system chose, by what was asked for: an interface that returns gets its old one,
    /// so that others find this peer where it was.
    ports: HashMap<Multiaddr, u16>,
    up: Option<bool>,
}

impl Listening {
    pub(super) fn new(port: Option<u16>) -> Self {
        Self { port, listeners: HashMap::new(), addrs: Vec::new(), ports: HashMap::new(), up: None }
    }
}

impl Node {
    /// Binds what there is. Only a taken fixed port is an error: networks come later.
    pub(super) fn listen_first(&mut self) -> Result<(), NetError> {
        let port = self.listening.port.unwrap_or(0);
        let mut failures = Vec::new();
        for ip in self.ips_to_listen_on() {
            for addr in addrs::both(ip, port) {
                failures.extend(self.listen(addr).err());
            }
        }
        // The layers between wrap the system's error, so its kind is lost.
        let in_use = |error: &io::Error| words_of(error).contains("address already in use");
        let taken = failures.iter().any(in_use);
        if let (true, Some(port)) = (taken, self.listening.port) {
            return Err(NetError::PortTaken { port });
        }
        match failures.pop() {
            Some(source) if self.listening.listeners.is_empty() && self.scope == Scope::All => {
                Err(NetError::System { operation: "listen for peers", source })
            }
            _ => Ok(()),
        }
    }

    fn ips_to_listen_on(&self) -> Vec<IpAddr> {
        let named = |names: &[String]| {
            let of = self.interfaces.iter().filter(|interface| names.contains(&interface.name));
            let ips = of.flat_map(|interface| &interface.addrs).map(|addr| addr.ip);
            ips.filter(|ip| !addrs::is_scoped(*ip)).collect()
        };
        let loopback = self.interfaces.iter().filter(|one| one.kind == InterfaceKind::Loopback);
        match &self.scope {
            Scope::All => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            Scope::LoopbackOnly => named(&loopback.map(|one| one.name.clone()).collect::<Vec<_>>()),
            Scope::Named(names) => named(names),
        }
    }

    fn listen(&mut self, asked: Multiaddr) -> io::Result<()> {
        let port = self.listening.ports.get(&asked).copied();
        let with_old_port = port.map(|port| with_port(&asked, port));
        let unwrap = |error| match error {
            TransportError::Other(error) => error,
            TransportError::MultiaddrNotSupported(_) => io::ErrorKind::Unsupported.into(),
        };
        let old = with_old_port.and_then(|addr| self.swarm.listen_on(addr).ok());
        let id = match old {
            Some(id) => id,
            None => self.swarm.listen_on(asked.clone()).map_err(unwrap)?,
        };
        self.listening.listeners.insert(id, asked);
        Ok(())
    }

    pub(super) fn listens(&mut self, listener: ListenerId, addr: Multiaddr) {
        if addrs::ip_of(&addr).is_none_or(addrs::is_scoped) || self.listening.addrs.contains(&addr) {
            return;
        }
        if let (Some(asked), Some(port)) = (self.listening.listeners.get(&listener), port_of(&addr)) {
            self.listening.ports.insert(asked.clone(), port);
        }
        self.out.push_back(NetEvent::Listening { addr: addr.to_string() });
        self.listening.addrs.push(addr);
        self.announce();
    }

    pub(super) fn listens_no_more(&mut self, addr: &Multiaddr) {
        if let Some(index) = self.listening.addrs.iter().position(|known| known == addr) {
            self.listening.addrs.swap_remove(index);
            self.out.push_back(NetEvent::ListeningEnded { addr: addr.to_string() });
            self.announce();
        }
    }

    pub(super) fn listener_closed(&mut self, listener: ListenerId, addrs: &[Multiaddr]) {
        self.listening.listeners.remove(&listener);
        addrs.iter().for_each(|addr| self.listens_no_more(addr));
    }

    /// Says in the directory where other peers of this machine reach this one.
    fn announce(&mut self) {
        let Some(directory) = &mut self.directory else { return };
        // Loopback first: it is always there, and a file holds only so many.
        let mut addrs = self.listening.addrs.clone();
        addrs.sort_by_key(|addr| !addrs::ip_of(addr).is_some_and(|ip| ip.is_loopback()));
        let addrs: Vec<_> = addrs.iter().map(Multiaddr::to_string).collect();
        if let Err(error) = directory.announce(&addrs) {
            tracing::warn!(%error, "cannot tell the other peers of this machine where this one is");
        }
    }

    pub(super) fn look_at_directory(&mut self) {
        self.announce();
        let Some(directory) = &self.directory else { return };
        let neighbours = directory.neighbours();
        for Neighbour { peer, addrs } in &neighbours {
            let addrs = addrs.iter().filter_map(|addr| addr.parse().ok());
            let addrs: Vec<Multiaddr> = addrs.collect();
            self.forget_missing(*peer, Source::Directory, &addrs);
            addrs.into_iter().for_each(|addr| self.found(*peer, addr, Source::Directory));
        }
        let missing: Vec<_> = self.peers.keys().copied().collect();
        let missing = missing.into_iter().filter(|peer| !neighbours.iter().any(|one| one.peer == *peer));
        missing.for_each(|peer| self.forget_missing(peer, Source::Directory, &[]));
    }

    /// Follows interfaces that come and go. With all of them the listeners do that themselves.
    pub(super) fn look_at_interfaces(&mut self) {
        let Ok(list) = interfaces::list() else { return };
        if list != self.interfaces {
            self.interfaces = list;
            self.hurry_kept();
        }
        self.tell_network();
        if self.scope == Scope::All {
            return;
        }
        let port = self.listening.port.unwrap_or(0);
        let asked: Vec<_> =
            self.ips_to_listen_on().into_iter().flat_map(|ip| addrs::both(ip, port)).collect();
        let gone: Vec<_> =
            self.listening.listeners.iter().filter(|(_, addr)| !asked.contains(addr)).collect();
        let gone: Vec<_> = gone.into_iter().map(|(id, _)| *id).collect();
        for id in gone {
            self.swarm.remove_listener(id);
            self.listening.listeners.remove(&id);
        }
        for addr in asked {
            let known = self.listening.listeners.values().any(|listened| *listened == addr);
            if !known && let Err(error) = self.listen(addr.clone()) {
                tracing::debug!(%error, %addr, "cannot listen there yet");
            }
        }
    }

    fn tell_network(&mut self) {
        let of_interest = |name: &String| match &self.scope {
            Scope::Named(names) => names.contains(name),
            Scope::All | Scope::LoopbackOnly => true,
        };
        let wanted_kind =
            |kind: InterfaceKind| (kind == InterfaceKind::Loopback) == (self.scope == Scope::LoopbackOnly);
        let up = self.interfaces.iter().any(|interface| {
            let up =
                interface.up || (interface.kind == InterfaceKind::Loopback && !interface.addrs.is_empty());
            up && !interface.addrs.is_empty() && wanted_kind(interface.kind) && of_interest(&interface.name)
        });
        if self.listening.up != Some(up) {
            self.listening.up = Some(up);
            self.out.push_back(if up { NetEvent::NetworkUp } else { NetEvent::NetworkDown });
        }
    }
}

fn port_of(addr: &Multiaddr) -> Option<u16> {
    addr.iter().find_map(|part| match part {
        Protocol::Tcp(port) | Protocol::Udp(port) => Some(port),
        _ => None,
    })
}

fn with_port(addr: &Multiaddr, port: u16) -> Multiaddr {
    let parts = addr.iter().map(|part| match part {
        Protocol::Tcp(_) => Protocol::Tcp(port),
        Protocol::Udp(_) => Protocol::Udp(port),
        other => other,
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_returns_is_asked_for_its_old_port() {
        let asked: Multiaddr = "/ip4/10.0.0.1/udp/0/quic-v1".parse().unwrap();
        let old = with_port(&asked, 4242);
        assert_eq!(old.to_string(), "/ip4/10.0.0.1/udp/4242/quic-v1");
        assert_eq!((port_of(&old), port_of(&asked)), (Some(4242), Some(0)));
    }
}
