//! Paths of sound: offers out, offers in, a link of both; UDP or, without it, a stream.

use std::net::SocketAddr;
use std::time::Duration;

use super::Step;
use crate::domain::peer_id::PeerId;
use crate::peer::api::Event;
use crate::peer::message::{Effect, MediaEffect, NetEffect, SoundEffect};
use crate::peer::model::{LinkState, Offer, Retry};
use crate::protocol::control::{MediaOffer, MediaPath};
use crate::protocol::session::SessionCommand;

/// How long after the first failure a link is tried again; doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// How long our offer waits for theirs. One that came while they were still joining is lost on them,
/// and theirs may have been used up with it: somebody must ask again.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A card that is gone for minutes is asked no more often than this.
const RETRY_MAX: Duration = Duration::from_secs(8);

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

    /// Nobody hears us, not even ourselves: the encoder rests.
    pub(super) fn rest_if_unheard(&mut self) {
        if self.model.jam.is_none() && !self.model.looped && self.model.sending.take().is_some() {
            self.effects.push(Effect::Sound(SoundEffect::Rest));
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
        link.answer_by = Some(self.now + ANSWER_WITHIN);
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
        link.answer_by = None;
        link.udp_from = None;
        let was_back = link.falls_back();
        link.silent = false;
        link.they_hear_nothing = false;
        if let Some(retry) = &mut link.retry {
            retry.at = None;
        }
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

    /// The engine or the media path did not take a link: said once, tried again with a new offer.
    pub(super) fn link_failed(&mut self, peer: PeerId, why: String) {
        let Some(link) = self.model.links.get_mut(&peer) else { return };
        let pause = link.retry.map_or(RETRY_FIRST, |retry| retry.pause);
        let is_new = link.retry.is_none();
        link.retry = Some(Retry { at: Some(self.now + pause), pause: (pause * 2).min(RETRY_MAX) });
        link.udp_from = None;
        if is_new {
            let what = format!("no sound between you and {}", self.model.name_of(peer));
            let remedy = "It is tried again; if it stays so, see `jamtty doctor`".to_owned();
            self.tell(Event::Warning { what, why, remedy });
        }
    }

    /// Makes offers for links whose time to be tried again has come: they answer with theirs.
    pub(super) fn link_again_in_time(&mut self) {
        let now = self.now;
        let is_due = |retry: &mut Retry| retry.at.take_if(|at| *at <= now).is_some();
        let due = |(peer, link): (&PeerId, &mut LinkState)| {
            let failed = link.retry.as_mut().is_some_and(is_due);
            let unanswered = link.answer_by.take_if(|by| *by <= now).is_some();
            (failed || unanswered).then_some(*peer)
        };
        for peer in self.model.links.iter_mut().filter_map(due).collect::<Vec<_>>() {
            self.offer(peer);
        }
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
            link.retry = None;
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
