//! Who is known, where they may be, and when to try them.

use std::io;
use std::time::{Duration, Instant};

use libp2p::core::transport::TransportError;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, allow_block_list, connection_limits, memory_connection_limits};

use crate::domain::name::safe_line;
use crate::domain::peer_id::PeerId;
use crate::net::swarm::error::{DialFailure, DisconnectReason, words_of};
use crate::net::swarm::{NetCounters, NetEvent, identity};

use super::Node;
use super::known::{Known, Peer, Source};

/// Peers known at once, connected or not; more are left out and counted.
pub(super) const PEERS_MAX: usize = 256;
/// Addresses known of one peer; the oldest goes when another comes.
const ADDRS_MAX: usize = 16;
/// A kept peer is dialled this often, whatever became of earlier attempts: a dial that began
/// without a cable would wait long for its next packet. Also when an interface changes.
const KEPT_EVERY: Duration = Duration::from_millis(700);
/// Attempts under way to one peer: those to a dead address take their full time.
const DIALS_MAX: u32 = 4;
/// A peer that is only seen is tried again after this, then twice as long, up to the second.
const SEEN_AFTER: Duration = Duration::from_millis(300);
const SEEN_AFTER_MAX: Duration = Duration::from_secs(5);
/// Whoever has the higher key dials this much later, so that two who see each other at the same
/// time make one connection.
const COURTESY: Duration = Duration::from_millis(150);
/// Without a connection for this long, a peer is gone from the lobby.
const GONE_AFTER: Duration = Duration::from_millis(1500);
/// A peer that broke the rules is not dialled for this long.
const SHUN: Duration = Duration::from_secs(10);

impl Node {
    /// The entry of this peer, made if there is room for it.
    pub(super) fn peer_mut(&mut self, peer: PeerId) -> Option<&mut Peer> {
        if peer == self.me || self.blocked.contains(&peer) {
            return None;
        }
        if !self.peers.contains_key(&peer) {
            if self.peers.len() >= PEERS_MAX {
                NetCounters::add(&self.counters.peers_left_out);
                return None;
            }
            self.peers.insert(peer, Peer::new(identity::to_libp2p(&peer)?));
        }
        self.peers.get_mut(&peer)
    }

    pub(super) fn found_by_mdns(&mut self, peer: &libp2p::PeerId, mut addr: Multiaddr) {
        if let Some(libp2p::multiaddr::Protocol::P2p(_)) = addr.iter().last() {
            addr.pop();
        }
        if let Some(peer) = Self::ours(peer) {
            self.found(peer, addr, Source::Mdns);
        }
    }

    pub(super) fn expired(&mut self, peer: &libp2p::PeerId, mut addr: Multiaddr) {
        if let Some(libp2p::multiaddr::Protocol::P2p(_)) = addr.iter().last() {
            addr.pop();
        }
        let known = Self::ours(peer).and_then(|peer| self.peers.get_mut(&peer));
        if let Some(known) = known {
            known.addrs.retain(|known| known.source != Source::Mdns || known.addr != addr);
        }
    }

    /// Takes note of an address and plans to dial a peer not connected yet.
    pub(super) fn found(&mut self, peer: PeerId, addr: Multiaddr, source: Source) {
        let allowed = match source {
            Source::Given => self.scope.allows(&addr),
            Source::Identify | Source::Mdns | Source::Directory => {
                self.scope.allows_found(&addr, &self.interfaces)
            }
        };
        let courtesy = self.courtesy(peer);
        let Some(known) = self.peer_mut(peer).filter(|_| allowed) else { return };
        if known.addrs.iter().any(|known| known.addr == addr) {
            return;
        }
        if known.addrs.len() >= ADDRS_MAX {
            known.addrs.remove(0);
        }
        known.addrs.push(Known { addr, source });
        let from_outside = matches!(source, Source::Mdns | Source::Directory);
        if from_outside && known.links.is_empty() && known.dialling == 0 {
            known.failed = 0;
            known.dial_at = Some(Instant::now() + courtesy);
        }
    }

    /// Forgets the addresses from `source` that are not in `still`.
    pub(super) fn forget_missing(&mut self, peer: PeerId, source: Source, still: &[Multiaddr]) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.addrs.retain(|known| known.source != source || still.contains(&known.addr));
        }
    }

    fn courtesy(&self, peer: PeerId) -> Duration {
        if self.me < peer { Duration::ZERO } else { COURTESY }
    }

    pub(super) fn handle_peer_deadlines(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let peers: Vec<_> =
            self.peers.iter().filter(|(_, peer)| due(peer.deadline())).map(|(peer, _)| *peer).collect();
        for peer in peers {
            let Some(known) = self.peers.get_mut(&peer) else { continue };
            if due(known.gone_at) {
                self.gone(peer);
            }
            let Some(known) = self.peers.get_mut(&peer) else { continue };
            if due(known.ask_at) {
                known.ask_at = None;
                if !known.links.is_empty() {
                    self.ask_card(peer);
                }
            }
            let Some(known) = self.peers.get_mut(&peer) else { continue };
            if due(known.dial_at) {
                known.dial_at = None;
                self.dial(peer);
            }
        }
        let kept = &self.kept;
        self.peers.retain(|peer, known| {
            let of_use = !known.addrs.is_empty() || !known.links.is_empty() || known.dialling > 0;
            of_use || known.card.is_some() || kept.contains(peer)
        });
    }

    /// Tries every address of a peer that is not connected.
    fn dial(&mut self, peer: PeerId) {
        let pause = KEPT_EVERY + self.courtesy(peer);
        let kept = self.kept.contains(&peer);
        let Some(known) = self.peers.get_mut(&peer).filter(|known| known.links.is_empty()) else { return };
        if kept {
            known.dial_at = Some(Instant::now() + pause);
        }
        let addrs: Vec<_> = known.addrs.iter().map(|known| known.addr.clone()).collect();
        if known.dialling >= DIALS_MAX || addrs.is_empty() {
            return;
        }
        let opts =
            DialOpts::peer_id(known.id).condition(PeerCondition::Disconnected).addresses(addrs).build();
        known.dialling += 1;
        let connection = opts.connection_id();
        let id = known.id;
        if let Err(error) = self.swarm.dial(opts) {
            self.dial_failed(connection, Some(id), &error);
        }
    }

    pub(super) fn dial_failed(
        &mut self,
        connection: ConnectionId,
        peer: Option<libp2p::PeerId>,
        error: &DialError,
    ) {
        let why = failure_of(error);
        self.wish_failed(connection, &why);
        let Some(peer) = peer.as_ref().and_then(Self::ours) else { return };
        let kept = self.kept.contains(&peer);
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.dialling = known.dialling.saturating_sub(1);
        if let DialError::WrongPeerId { address, .. } | DialError::LocalPeerId { address } = error {
            known.addrs.retain(|known| !address.to_string().starts_with(&known.addr.to_string()));
        }
        if matches!(error, DialError::DialPeerConditionFalse(_)) || !known.links.is_empty() {
            return;
        }
        known.failed = known.failed.saturating_add(1);
        if kept {
            let passing = matches!(why, DialFailure::NoAddress | DialFailure::TooMany);
            if known.told.as_ref() != Some(&why) && !passing {
                known.told = Some(why.clone());
                self.out.push_back(NetEvent::DialFailed { peer: Some(peer), addrs: Vec::new(), why });
            }
        } else if known.dialling == 0 {
            if known.failed > 5 {
                known.addrs.retain(|known| matches!(known.source, Source::Mdns | Source::Directory));
            }
            if !known.addrs.is_empty() {
                let pause = SEEN_AFTER * 2_u32.pow(known.failed.min(5));
                known.dial_at = Some(Instant::now() + pause.min(SEEN_AFTER_MAX));
            }
        }
    }

    /// A connection stands: nothing more to dial.
    pub(super) fn reached(&mut self, peer: PeerId, dialled: bool) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.dialling = known.dialling.saturating_sub(u32::from(dialled));
            known.dial_at = None;
            known.gone_at = None;
            known.failed = 0;
            known.told = None;
        }
    }

    /// The last connection with this peer ended.
    pub(super) fn lost(&mut self, peer: PeerId, why: DisconnectReason) {
        let (kept, courtesy) = (self.kept.contains(&peer), self.courtesy(peer));
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let now = Instant::now();
        known.ask_at = None;
        let left = match why {
            DisconnectReason::Goodbye | DisconnectReason::Asked | DisconnectReason::Blocked => true,
            DisconnectReason::TooSlow
            | DisconnectReason::FrameTooLong { .. }
            | DisconnectReason::BadFrames { .. } => {
                known.dial_at = Some(now + SHUN);
                false
            }
            DisconnectReason::Silent | DisconnectReason::Broken | DisconnectReason::Replaced => {
                known.dial_at = Some(now + courtesy);
                false
            }
        };
        if left {
            // They are not looked for where they were; a kept one may come back there.
            known.dial_at = kept.then_some(now + KEPT_EVERY);
            self.gone(peer);
        } else {
            known.gone_at = known.card.is_some().then_some(now + GONE_AFTER);
        }
    }

    pub(super) fn keep(&mut self, peers: Vec<PeerId>) {
        self.kept = peers.into_iter().filter(|peer| *peer != self.me).collect();
        self.hurry_kept();
    }

    /// Dials every kept peer that is not connected, now.
    pub(super) fn hurry_kept(&mut self) {
        for peer in self.kept.clone() {
            if let Some(known) = self.peer_mut(peer).filter(|known| known.links.is_empty()) {
                // What is under way began in another world.
                known.dialling = known.dialling.min(DIALS_MAX / 2);
                known.dial_at = Some(Instant::now());
            }
        }
    }

    pub(super) fn block(&mut self, peer: PeerId) {
        let Some(id) = identity::to_libp2p(&peer) else { return };
        self.kept.remove(&peer);
        let links = self.peers.get(&peer).map(|known| known.links.clone()).unwrap_or_default();
        links.into_iter().for_each(|link| self.close(link, DisconnectReason::Blocked));
        self.blocked.insert(peer);
        self.swarm.behaviour_mut().blocked.block_peer(id);
        if let Some(known) = self.peers.get_mut(&peer) {
            known.addrs.clear();
            known.dial_at = None;
        }
        self.gone(peer);
    }

    pub(super) fn unblock(&mut self, peer: PeerId) {
        self.blocked.remove(&peer);
        if let Some(id) = identity::to_libp2p(&peer) {
            self.swarm.behaviour_mut().blocked.unblock_peer(id);
        }
    }
}

/// libp2p's failure by what a person can do about it.
pub(super) fn failure_of(error: &DialError) -> DialFailure {
    match error {
        DialError::LocalPeerId { .. } => DialFailure::Myself,
        DialError::NoAddresses => DialFailure::NoAddress,
        DialError::WrongPeerId { obtained, .. } => match identity::from_libp2p(obtained) {
            Some(found) => DialFailure::WrongKey { found },
            None => DialFailure::NotJamtty,
        },
        DialError::Denied { cause } if cause.downcast_ref::<allow_block_list::Blocked>().is_some() => {
            DialFailure::Blocked
        }
        DialError::Denied { cause }
            if cause.downcast_ref::<connection_limits::Exceeded>().is_some()
                || cause.downcast_ref::<memory_connection_limits::MemoryUsageLimitExceeded>().is_some() =>
        {
            DialFailure::TooMany
        }
        DialError::Transport(errors) => {
            let mut found: Vec<_> = errors.iter().map(|(_, error)| transport_failure(error)).collect();
            found.sort_by_key(|failure| match failure {
                DialFailure::Refused => 0,
                DialFailure::TimedOut => 1,
                DialFailure::NoRoute => 2,
                _ => 3,
            });
            found.into_iter().next().unwrap_or(DialFailure::NoAddress)
        }
        DialError::DialPeerConditionFalse(_) | DialError::Aborted | DialError::Denied { .. } => {
            DialFailure::Other { words: safe_line(&error.to_string(), 200) }
        }
    }
}

fn transport_failure(error: &TransportError<io::Error>) -> DialFailure {
    let error = match error {
        TransportError::MultiaddrNotSupported(_) => return DialFailure::NoRoute,
        TransportError::Other(error) => error,
    };
    let words = words_of(error);
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if says(&["connection refused"]) {
        DialFailure::Refused
    } else if says(&["unreachable", "no route", "cannot assign requested", "invalid remote address"]) {
        DialFailure::NoRoute
    } else if says(&["timed out", "timeout"]) {
        DialFailure::TimedOut
    } else if says(&[
        "select protocol",
        "protocol negotiation",
        "multistream",
        "noise",
        "handshake",
        "unexpected end of file",
        "certificate",
    ]) {
        DialFailure::NotJamtty
    } else {
        DialFailure::Other { words: safe_line(&words, 200) }
    }
}
