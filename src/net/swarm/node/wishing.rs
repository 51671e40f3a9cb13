//! A user's orders to connect, each answered once.

use std::collections::HashSet;

use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};

use super::Node;
use super::dialing::failure_of;
use super::known::Source;
use crate::domain::peer_id::PeerId;
use crate::net::swarm::error::DialFailure;
use crate::net::swarm::{NetEvent, addrs, identity};

/// A user's order to connect, until it is answered.
#[derive(Debug)]
pub(super) struct DialWish {
    peer: Option<PeerId>,
    texts: Vec<String>,
    attempts: HashSet<ConnectionId>,
}

impl Node {
    pub(super) fn dial_wish(&mut self, peer: Option<PeerId>, texts: Vec<String>) {
        match self.start_wish(peer, &texts) {
            Ok(Some(connected)) => self.out.push_back(NetEvent::Dialed { peer: connected }),
            Ok(None) => {}
            Err(why) => self.out.push_back(NetEvent::DialFailed { peer, addrs: texts, why }),
        }
    }

    fn start_wish(&mut self, peer: Option<PeerId>, texts: &[String]) -> Result<Option<PeerId>, DialFailure> {
        let mut found = Vec::new();
        let mut named = peer.and_then(|peer| identity::to_libp2p(&peer));
        for text in texts {
            let (addrs, inside) = addrs::parse(text)?;
            named = named.or(inside);
            found.extend(addrs);
        }
        let peer = peer.or_else(|| named.as_ref().and_then(Self::ours));
        if peer == Some(self.me) {
            return Err(DialFailure::Myself);
        }
        if peer.is_some_and(|peer| self.blocked.contains(&peer)) {
            return Err(DialFailure::Blocked);
        }
        if !found.is_empty() && !found.iter().any(|addr| self.scope.allows(addr)) {
            return Err(DialFailure::OutsideIfaces);
        }
        found.retain(|addr| self.scope.allows(addr));
        let mut wish = DialWish { peer, texts: texts.to_vec(), attempts: HashSet::new() };
        let failed = match peer {
            Some(peer) => {
                found.iter().for_each(|addr| self.found(peer, addr.clone(), Source::Given));
                let known = self.peer_mut(peer).ok_or(DialFailure::TooMany)?;
                if known.active.is_some() {
                    return Ok(Some(peer));
                }
                wish.attempts.extend(&known.links);
                let id = known.id;
                let addrs: Vec<_> = known.addrs.iter().map(|known| known.addr.clone()).collect();
                let opts = DialOpts::peer_id(id).condition(PeerCondition::Always).addresses(addrs).build();
                if wish.attempts.is_empty() { self.attempt(opts, &mut wish, Some(peer)) } else { None }
            }
            None => {
                let attempts =
                    found.into_iter().map(|addr| DialOpts::unknown_peer_id().address(addr).build());
                attempts.fold(None, |failed, opts| self.attempt(opts, &mut wish, None).or(failed))
            }
        };
        if wish.attempts.is_empty() {
            return Err(failed.unwrap_or(DialFailure::NoAddress));
        }
        self.wishes.push(wish);
        Ok(None)
    }

    fn attempt(&mut self, opts: DialOpts, wish: &mut DialWish, peer: Option<PeerId>) -> Option<DialFailure> {
        let connection = opts.connection_id();
        match self.swarm.dial(opts) {
            Ok(()) => {
                wish.attempts.insert(connection);
                if let Some(known) = peer.and_then(|peer| self.peers.get_mut(&peer)) {
                    known.dialling += 1;
                }
                None
            }
            Err(error) => Some(failure_of(&error)),
        }
    }

    /// This connection answers the orders to make it, and those to reach this peer.
    pub(super) fn wish_granted(&mut self, peer: PeerId, connection: ConnectionId) {
        let before = self.wishes.len();
        self.wishes.retain(|wish| wish.peer != Some(peer) && !wish.attempts.contains(&connection));
        if self.wishes.len() < before {
            self.out.push_back(NetEvent::Dialed { peer });
        }
    }

    /// This connection will not answer any order.
    pub(super) fn wish_failed(&mut self, connection: ConnectionId, why: &DialFailure) {
        let mut failed = Vec::new();
        self.wishes.retain_mut(|wish| {
            let over = wish.attempts.remove(&connection) && wish.attempts.is_empty();
            if over {
                failed.push((wish.peer, std::mem::take(&mut wish.texts)));
            }
            !over
        });
        for (peer, addrs) in failed {
            self.out.push_back(NetEvent::DialFailed { peer, addrs, why: why.clone() });
        }
    }
}
