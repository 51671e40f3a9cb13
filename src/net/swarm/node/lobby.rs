//! Who is there and what they show: cards asked for on connection, and gossiped when they change.

use std::time::{Duration, Instant};

use libp2p::{gossipsub, request_response};

use crate::domain::peer_id::PeerId;
use crate::net::swarm::behaviour::{AskCard, CardReply, lobby_topic};
use crate::net::swarm::{NetCounters, NetEvent};
use crate::protocol::lobby::LobbyCard;

use super::Node;

const VERSION: u32 = 1;
/// When a card did not come, it is asked for again after this.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Node {
    pub(super) fn set_card(&mut self, card: LobbyCard) {
        self.card = card;
        let bytes = self.card.encode();
        // Fails when nobody is there to hear it: they will ask when they come.
        let _nobody = self.swarm.behaviour_mut().gossip.publish(lobby_topic(), bytes);
    }

    pub(super) fn ask_card(&mut self, peer: PeerId) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.ask_at = Some(Instant::now() + ASK_AGAIN * 3);
        self.swarm.behaviour_mut().lobby.send_request(&known.id, AskCard { v: VERSION });
    }

    pub(super) fn lobby_event(&mut self, event: request_response::Event<AskCard, CardReply>) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                request_response::Message::Request { channel, .. } => {
                    let reply = CardReply { v: VERSION, card: self.card.encode() };
                    let _they_left = self.swarm.behaviour_mut().lobby.send_response(channel, reply);
                }
                request_response::Message::Response { response, .. } => {
                    if let Some(peer) = Self::ours(&peer) {
                        self.card_came(peer, &response.card);
                    }
                }
            },
            request_response::Event::OutboundFailure { peer, .. } => {
                let known = Self::ours(&peer).and_then(|peer| self.peers.get_mut(&peer));
                if let Some(known) = known {
                    known.ask_at = Some(Instant::now() + ASK_AGAIN);
                }
            }
            _ => {}
        }
    }

    pub(super) fn gossip_event(&mut self, event: gossipsub::Event) {
        let gossipsub::Event::Message { message, .. } = event else { return };
        // The author signed it (strict mode), whoever passed it on.
        if let Some(author) = message.source.as_ref().and_then(Self::ours) {
            self.card_came(author, &message.data);
        }
    }

    /// Cards of peers without a connection are not of interest: nobody could play with them.
    fn card_came(&mut self, peer: PeerId, bytes: &[u8]) {
        let Some(known) = self.peers.get_mut(&peer).filter(|known| !known.links.is_empty()) else { return };
        // A card that speaks for another key is no card.
        let Some(card) = LobbyCard::decode(bytes).ok().filter(|card| card.peer == peer) else {
            NetCounters::add(&self.counters.bad_cards);
            return;
        };
        known.ask_at = None;
        if known.card.as_ref() == Some(&card) {
            return;
        }
        known.card = Some(card.clone());
        let addrs = known.addrs.iter().map(|known| known.addr.to_string()).collect();
        self.out.push_back(NetEvent::PeerSeen { peer, card, addrs });
    }

    /// They are not in the lobby any more.
    pub(super) fn gone(&mut self, peer: PeerId) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.gone_at = None;
        if known.card.take().is_some() {
            self.out.push_back(NetEvent::PeerGone { peer });
        }
    }
}
