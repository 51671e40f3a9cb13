//! What is known of one peer: where it may be, how it is connected, when to try it.

use std::time::Instant;

use libp2p::Multiaddr;
use libp2p::swarm::ConnectionId;

use crate::net::swarm::error::DialFailure;
use crate::protocol::lobby::LobbyCard;

/// How an address became known; it is forgotten the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A user or a ticket gave it, or it worked before.
    Given,
    /// They say so themselves.
    Identify,
    /// Seen on the network.
    Mdns,
    /// Seen on this machine.
    Directory,
}

/// One address of a peer.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) addr: Multiaddr,
    pub(super) source: Source,
}

/// What is known of one peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: libp2p::PeerId,
    pub(super) addrs: Vec<Known>,
    /// Connections, oldest first.
    pub(super) links: Vec<ConnectionId>,
    /// The one that carries our messages; its control stream is open.
    pub(super) active: Option<ConnectionId>,
    pub(super) card: Option<LobbyCard>,
    pub(super) fallback_wanted: bool,
    pub(super) ask_at: Option<Instant>,
    pub(super) gone_at: Option<Instant>,
    pub(super) dial_at: Option<Instant>,
    pub(super) dialling: u32,
    pub(super) failed: u32,
    pub(super) told: Option<DialFailure>,
}

impl Peer {
    pub(super) fn new(id: libp2p::PeerId) -> Self {
        Self {
            id,
            addrs: Vec::new(),
            links: Vec::new(),
            active: None,
            card: None,
            fallback_wanted: false,
            ask_at: None,
            gone_at: None,
            dial_at: None,
            dialling: 0,
            failed: 0,
            told: None,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        !self.links.is_empty()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.ask_at, self.gone_at, self.dial_at].into_iter().flatten().min()
    }
}
