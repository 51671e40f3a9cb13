//! Paths of sound: offers out, offers in, a link of both; UDP or, without it, a stream.

use std::net::SocketAddr;

use super::Step;
use crate::domain::peer_id::PeerId;
use crate::peer::api::Event;
use crate::peer::message::{Effect, MediaEffect, NetEffect, SoundEffect};
use crate::peer::model::{LinkState, Offer};
use crate::protocol::control::{MediaOffer, MediaPath};
use crate::protocol::session::SessionCommand;

impl Step<'_> {
    /// The engine sends a stream from now on, if it does not already.
    pub(super) fn start_stream(&mut self) {
        match self.model.format(self.model.setup.stream) {
            Ok(format) if self.model.sending != Some(format) => {
                self.model.sending = Some(format);
                self.effects.push(Effect::Sound(SoundEffect::Stream(format)));
            }
            Ok(_) => {}
            Err(error) => self.tell(Event::Warning {
                what: "your sound cannot be sent in this form".to_owned(),
                why: error.to_string(),
                remedy: "Choose another: `jamtty do codec opus`, `jamtty do bitrate 128`".to_owned(),
            }),
        }
    }

    /// The stream takes the form it should have now; everyone gets a new offer if it changed.
    pub(super) fn follow_format(&mut self) {
        let Some(before) = self.model.sending else { return };
        self.start_stream();
        if self.model.sending != Some(before) {
            for peer in self.model.links.keys().copied().collect::<Vec<_>>() {
                self.offer(peer);
            }
        }
    }

    /// Makes fresh keys for what we will send to this peer.
    pub(super) fn offer(&mut self, peer: PeerId) {
        let Some(format) = self.model.sending else { return };
        self.model.offers += 1;
        let base = u32::try_from(self.model.setup.started_unix_s).unwrap_or(0);
        let generation = base.wrapping_add(self.model.offers);
        self.model.links.entry(peer).or_default().mine = Offer::Making { generation };
        self.effects.push(Effect::Media(MediaEffect::MakeOffer { peer, generation, format }));
    }

    pub(super) fn offer_ready(&mut self, peer: PeerId, offer: MediaOffer) {
        let generation = offer.generation;
        let Some(link) = self.model.links.get_mut(&peer) else { return };
        if link.mine != (Offer::Making { generation }) {
            return; // A newer one is being made.
        }
        link.mine = Offer::Fresh { generation };
        // Refused if they left while the keys were made.
        let _ = self.command(SessionCommand::OfferMedia { peer, offer });
        self.link_if_complete(peer);
    }

    /// They will send with new keys.
    pub(super) fn offered(&mut self, peer: PeerId, offer: MediaOffer) {
        let link = self.model.links.entry(peer).or_default();
        link.their_format = Some(offer.format);
        link.theirs = Some(offer);
        // Ours is in use, and a key must never seal two streams: they get a new one.
        if link.mine == Offer::Used {
            self.offer(peer);
        }
        self.link_if_complete(peer);
    }

    fn link_if_complete(&mut self, peer: PeerId) {
        let Some(link) = self.model.links.get_mut(&peer) else { return };
        let Offer::Fresh { generation } = link.mine else { return };
        let Some(theirs) = link.theirs.take() else { return };
        link.mine = Offer::Used;
        link.udp_from = None;
        let was_back = link.falls_back();
        link.silent = false;
        link.they_hear_nothing = false;
        let strip = self.model.strip_of(peer);
        if was_back {
            self.net_effect(NetEffect::CloseFallback(peer));
        }
        self.effects.push(Effect::Media(MediaEffect::Link {
            peer,
            generation,
            theirs,
            strip: strip.settings,
            delay: strip.delay,
        }));
    }

    /// They left, or we did.
    pub(super) fn unlink(&mut self, peer: PeerId) {
        let Some(link) = self.model.links.remove(&peer) else { return };
        if link.falls_back() {
            self.net_effect(NetEffect::CloseFallback(peer));
        }
        self.effects.push(Effect::Media(MediaEffect::Unlink(peer)));
    }

    pub(super) fn udp_up(&mut self, peer: PeerId, addr: SocketAddr) {
        let news = self.change_path(peer, |link| {
            link.udp_from = Some(addr);
            link.silent = false;
        });
        let Some(Change { was_silent }) = news else { return };
        if was_silent {
            let _ = self.command(SessionCommand::SetMediaPath { peer, path: MediaPath::Udp });
        }
    }

    pub(super) fn udp_silent(&mut self, peer: PeerId) {
        let news = self.change_path(peer, |link| {
            link.udp_from = None;
            link.silent = true;
        });
        let Some(Change { was_silent }) = news else { return };
        if !was_silent {
            let _ = self.command(SessionCommand::SetMediaPath { peer, path: MediaPath::Stream });
        }
    }

    /// They say whether ours comes by UDP.
    pub(super) fn path_changed(&mut self, peer: PeerId, path: MediaPath) {
        self.change_path(peer, |link| link.they_hear_nothing = path == MediaPath::Stream);
    }

    /// Changes a link and says and does what follows for its way.
    fn change_path(&mut self, peer: PeerId, change: impl FnOnce(&mut LinkState)) -> Option<Change> {
        let link = self.model.links.get_mut(&peer)?;
        let (was_silent, was_back, was_up) = (link.silent, link.falls_back(), link.udp_from);
        change(link);
        let (is_back, is_up) = (link.falls_back(), link.udp_from);
        let who = self.person(peer);
        let address = is_up.map(|addr| addr.to_string()).unwrap_or_default();
        match (was_back, is_back) {
            (false, true) => {
                self.net_effect(NetEffect::OpenFallback(peer));
                self.tell(Event::LinkFallback { who });
            }
            (true, false) => {
                self.net_effect(NetEffect::CloseFallback(peer));
                self.tell(Event::LinkBack { who, address });
            }
            (false, false) if is_up.is_some() && was_up != is_up => self.tell(Event::LinkUp { who, address }),
            (false, false) | (true, true) => {}
        }
        Some(Change { was_silent })
    }
}

/// How it was before.
struct Change {
    was_silent: bool,
}
