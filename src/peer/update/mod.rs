//! What the peer decides: `update(model, message, now)` changes the model and says what to do.
//!
//! World: async, but it never waits; it is a function. No handle, no clock, no randomness, no other
//! part of the program: a test gives it messages and reads effects.

mod args;
mod jam;
mod join;
mod links;
mod me;
mod record;
mod request;
mod settings;
mod takes;
mod view;

#[cfg(test)]
mod tests;

use super::api::{ErrorReply, Event, Person, ReplyLine};
use super::message::{
    Ask, CardMessage, DiskMessage, Effect, Effects, MediaMessage, Message, NetEffect, NetMessage,
    SoundMessage,
};
use super::model::{ADDRS_KEPT, Model, PEOPLE_MAX, Raising, Seen};
use super::run::ExitReason;
use crate::domain::peer_id::PeerId;
use crate::domain::time::Timestamp;
use crate::protocol::control::ControlMessage;
use crate::protocol::lobby::LobbyCard;
use crate::protocol::session::{CommandRefused, DisconnectWhy, SessionCommand, SessionOutput};

/// Takes one message in. `now` never goes back.
pub fn update(model: &mut Model, message: Message, now: Timestamp) -> Effects {
    let mut step = Step { model, now, effects: Effects::new() };
    step.take(message);
    step.settle();
    step.effects
}

/// One message on its way through the model.
struct Step<'a> {
    model: &'a mut Model,
    now: Timestamp,
    effects: Effects,
}

impl Step<'_> {
    fn take(&mut self, message: Message) {
        match message {
            Message::Wake => {
                if self.model.session_wakes.is_some_and(|wake| wake <= self.now) {
                    self.model.session.handle_deadline(self.now);
                    self.drain();
                }
                self.give_up_joining_in_time();
                self.link_again_in_time();
                self.recording_in_time();
            }
            Message::Readings(readings) => self.model.readings = *readings,
            Message::Begin { begin, code, listen } => self.begin(begin, code, listen),
            Message::Request { client, request } => self.request(client, request),
            Message::Net(message) => self.net(message),
            Message::Media(message) => self.media(message),
            Message::Sound(message) => self.sound(message),
            Message::Card(message) => self.card(message),
            Message::Disk(message) => self.disk(message),
            Message::Record(message) => self.recorded(message),
            Message::Surveyed { ask, interfaces, media_port } => {
                let doctor = view::doctor(self.model, self.now, interfaces, media_port);
                self.reply(ask, &doctor);
            }
            Message::Raised { thread, words, remedy } => self.raised(thread, words, remedy),
            Message::Signal(number) => self.end(
                Ok(ExitReason::Signal(number)),
                if number == 2 { "Ctrl-C" } else { "the system asked for it" },
            ),
        }
    }

    /// What follows from any change: a join that may go on, and the card others see.
    fn settle(&mut self) {
        if self.model.ending {
            return;
        }
        self.go_on_joining();
        self.follow_members();
        let card = self.model.lobby_card();
        if self.model.card_shown.as_ref() != Some(&card) {
            self.effects.push(Effect::Net(NetEffect::SetCard(Box::new(card.clone()))));
            self.model.card_shown = Some(card);
        }
        let me = self.model.setup.me;
        let others = self.model.jam.iter().flat_map(|jam| jam.roster.iter().map(|one| one.peer));
        let kept: Vec<PeerId> = others.filter(|peer| *peer != me).collect();
        if self.model.kept != kept {
            self.net_effect(NetEffect::Keep(kept.clone()));
            self.model.kept = kept;
        }
    }

    /// Leaves the jam in order and ends.
    fn end(&mut self, how: Result<ExitReason, ErrorReply>, why: &str) {
        if std::mem::replace(&mut self.model.ending, true) {
            return;
        }
        if self.model.jam.is_some() {
            let _ = self.command(SessionCommand::Leave);
            // What is recorded ends in order: the recorder closes its files before the program ends.
            self.follow_members();
        }
        self.tell(Event::Ended { why: why.to_owned() });
        self.effects.push(Effect::Quit(how));
    }

    // --- the session machine ---------------------------------------------------------------

    /// Gives the session a command and does what comes out.
    fn command(&mut self, command: SessionCommand) -> Result<(), CommandRefused> {
        self.model.session.handle_command(self.now, command);
        self.drain().map_or(Ok(()), Err)
    }

    /// Takes everything out of the session machine; a refused command is handed back.
    fn drain(&mut self) -> Option<CommandRefused> {
        let mut events = Vec::new();
        let mut refused = None;
        loop {
            match self.model.session.poll_output() {
                SessionOutput::Send { to, message } => {
                    self.net_effect(NetEffect::Send { peer: to, message: Box::new(message) });
                }
                SessionOutput::Connect { peer, addrs } => {
                    self.net_effect(NetEffect::Dial { peer: Some(peer), addrs: addrs.into() });
                }
                SessionOutput::Disconnect { peer, why } => {
                    if why == DisconnectWhy::Blocked {
                        self.net_effect(NetEffect::Block(peer));
                    }
                    self.net_effect(NetEffect::Disconnect { peer });
                }
                SessionOutput::Event(event) => events.push(event),
                SessionOutput::WakeAt(wake) => {
                    self.model.session_wakes = Some(wake);
                    break;
                }
                SessionOutput::Idle => {
                    self.model.session_wakes = None;
                    break;
                }
            }
        }
        // Handlers give commands of their own, which the machine takes only once it is empty.
        for event in events {
            if let Some(why) = self.session_event(event) {
                refused = Some(why);
            }
        }
        refused
    }

    // --- the control path ------------------------------------------------------------------

    fn net(&mut self, message: NetMessage) {
        match message {
            NetMessage::Listening { addr } => {
                if self.model.listening.len() < ADDRS_KEPT && self.model.listening.insert(addr.clone()) {
                    self.tell(Event::Listening { address: addr });
                    let _ = self.command(SessionCommand::SetAddrs(self.model.own_addrs()));
                }
            }
            NetMessage::NotListening { addr } => {
                if self.model.listening.remove(&addr) {
                    let _ = self.command(SessionCommand::SetAddrs(self.model.own_addrs()));
                }
            }
            NetMessage::Seen { peer, card, addrs } => self.seen(peer, *card, addrs),
            NetMessage::Gone { peer } => {
                if self.model.people.contains_key(&peer) {
                    let who = self.person(peer);
                    self.model.people.remove(&peer);
                    self.tell(Event::PeerGone { who });
                }
            }
            NetMessage::Connected { peer } => {
                self.model.session.handle_connected(self.now, peer);
                self.drain();
            }
            NetMessage::Reached { peer } => self.reached(peer),
            NetMessage::Disconnected { peer } => {
                self.model.session.handle_disconnected(self.now, peer);
                self.drain();
            }
            NetMessage::Received { peer, message } => {
                let message = match *message {
                    ControlMessage::Recording(message) => return self.heard_about_recording(peer, message),
                    message => message,
                };
                self.model.session.handle_message(self.now, peer, message);
                self.drain();
            }
            NetMessage::DialFailed { peer, asked, why } => self.dial_failed(peer, asked, why),
            NetMessage::Warning { what, why, remedy } => self.tell(Event::Warning { what, why, remedy }),
        }
    }

    fn seen(&mut self, peer: PeerId, card: LobbyCard, mut addrs: Vec<String>) {
        if peer == self.model.setup.me || self.model.setup.blocked.contains_key(&peer) {
            return;
        }
        if !self.model.people.contains_key(&peer) && self.model.people.len() >= PEOPLE_MAX {
            return;
        }
        addrs.truncate(ADDRS_KEPT);
        let sits_with_us = |model: &Model| {
            let ours = model.jam.as_ref().map(|jam| jam.id);
            ours.is_some() && card.session.as_ref().map(|session| session.id) == ours
        };
        if sits_with_us(self.model) {
            let addrs = addrs.clone().into();
            let _ = self.command(SessionCommand::Meet { peer, addrs });
        }
        let before = self.model.people.get(&peer).map(|seen| &seen.card);
        let news = before.is_none_or(|before| {
            let jam = |card: &LobbyCard| card.session.as_ref().map(|session| session.id);
            before.profile != card.profile || jam(before) != jam(&card)
        });
        let jam = card.session.as_ref().map(|session| session.name.to_string());
        let who = Person { key: peer.to_string(), name: card.profile.name().to_string() };
        self.model.people.insert(peer, Seen { card, addrs });
        if news {
            self.tell(Event::PeerSeen { who, jam });
        }
    }

    // --- everything else that only tells ----------------------------------------------------

    fn sound(&mut self, message: SoundMessage) {
        let (peer, hz) = match message {
            SoundMessage::HowlCut { peer, hz } => (peer, hz),
            SoundMessage::Measured { ask, found } => {
                self.model.measuring = false;
                return match found {
                    Ok(found) => {
                        self.model.measured_round_trip = Some(found.round_trip_samples);
                        self.reply(ask, &found);
                    }
                    Err(error) => self.refuse(ask, error),
                };
            }
        };
        match peer {
            Some(peer) => {
                let mut strip = self.model.strip_of(peer);
                strip.howl_cut = true;
                self.model.strips.insert(peer, strip);
            }
            None => self.model.howl_cut = true,
        }
        let who = peer.map(|peer| self.person(peer));
        self.tell(Event::HowlCut { who, hz });
    }

    fn card(&mut self, message: CardMessage) {
        match message {
            CardMessage::Opened(card) => {
                self.take_card(card.clone());
                self.tell(Event::CardOpened { card });
            }
            CardMessage::Restored(card) => {
                self.take_card(card.clone());
                self.tell(Event::CardRestored { card });
            }
            CardMessage::Lost { what, why, remedy } => {
                self.model.card = None;
                self.model.card_trouble = format!("{what}: {why}");
                self.tell(Event::CardLost { what, why, remedy });
            }
            CardMessage::Notice { what, why, remedy } => self.tell(Event::Warning { what, why, remedy }),
            CardMessage::Taken { ask, channels } => {
                self.model.setup.send_channels = channels;
                self.follow_format();
                self.done(ask);
            }
            CardMessage::Xruns(count) => self.model.readings.xruns = count,
            CardMessage::Priority { words, remedy } => self.raised("card", words, Some(remedy)),
            CardMessage::Refused { ask: Some(ask), error } => self.refuse(ask, error),
            CardMessage::Refused { ask: None, error } => {
                let why = error.to_string();
                self.end(Err(error), &why);
            }
            CardMessage::Inputs { ask, mut inputs } => {
                let own = inputs.inputs.iter_mut().filter(|input| input.in_use && input.peak_db.is_none());
                own.for_each(|input| input.peak_db = Some(self.model.readings.levels.input_peak_db));
                self.reply(ask, &inputs);
            }
            CardMessage::Listed { ask, cards } => self.reply(ask, &super::api::Cards { cards }),
        }
    }

    /// A refusal is told once: it is the same for all threads, and so is the remedy.
    fn raised(&mut self, thread: &'static str, words: String, remedy: Option<String>) {
        let told = self.model.threads.values().any(|raising| raising.remedy.is_some());
        if let Some(remedy) = &remedy
            && !told
        {
            self.tell(Event::Warning {
                what: "the sound does not run before everything else".to_owned(),
                why: format!("{thread} thread: {words}"),
                remedy: remedy.clone(),
            });
        }
        self.model.threads.insert(thread, Raising { words, remedy });
    }

    fn take_card(&mut self, card: super::api::Card) {
        // What was measured was another card's, or another block's.
        if self.model.card.as_ref().is_none_or(|old| old.period_at_48k() != card.period_at_48k()) {
            self.model.measured_round_trip = None;
        }
        self.model.card = Some(card);
        self.model.card_trouble.clear();
        // PCM packets are one period long: another card may mean another stream.
        self.follow_format();
    }

    fn disk(&mut self, message: DiskMessage) {
        match message {
            DiskMessage::Recalled { peer, strip, delay } => self.recalled(peer, strip, delay),
            DiskMessage::Failed { what, why, remedy } => self.tell(Event::Warning { what, why, remedy }),
        }
    }

    fn media(&mut self, message: MediaMessage) {
        match message {
            MediaMessage::OfferReady { peer, offer } => self.offer_ready(peer, offer),
            MediaMessage::Up { peer, addr } => self.udp_up(peer, addr),
            MediaMessage::Moved { peer, addr } => {
                if let Some(from) = self.model.links.get_mut(&peer).and_then(|link| link.udp_from.as_mut()) {
                    *from = addr;
                }
            }
            MediaMessage::Silent { peer } => self.udp_silent(peer),
            MediaMessage::Failed { peer, why } => self.link_failed(peer, why),
        }
    }

    // --- words for effects ------------------------------------------------------------------

    fn tell(&mut self, event: Event) {
        self.effects.push(Effect::Broadcast(event));
    }

    fn net_effect(&mut self, effect: NetEffect) {
        self.effects.push(Effect::Net(effect));
    }

    fn reply(&mut self, ask: Ask, data: &impl serde::Serialize) {
        let reply = match serde_json::to_value(data) {
            Ok(data) => ReplyLine::done(ask.id, data),
            Err(error) => ReplyLine::failed(
                ask.id,
                ErrorReply::new(
                    super::api::ErrorCode::Bug,
                    "this reply cannot be written",
                    error.to_string(),
                    "",
                ),
            ),
        };
        self.effects.push(Effect::Reply { client: ask.client, reply });
    }

    fn done(&mut self, ask: Ask) {
        self.reply(ask, &serde_json::Map::new());
    }

    fn refuse(&mut self, ask: Ask, error: ErrorReply) {
        self.effects.push(Effect::Reply { client: ask.client, reply: ReplyLine::failed(ask.id, error) });
    }

    fn person(&self, peer: PeerId) -> Person {
        view::person(self.model, peer)
    }
}
