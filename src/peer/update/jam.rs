//! What happens in the jam, as the session machine tells it.

use super::{Step, view};
use crate::domain::peer_id::PeerId;
use crate::domain::roster::Participant;
use crate::peer::api::{Event, MicState};
use crate::peer::message::{DiskEffect, Effect, SoundEffect};
use crate::protocol::session::{CommandRefused, LeftWhy, SessionCommand, SessionEvent};

impl Step<'_> {
    /// Takes one event; a refused command is handed back to whoever gave it.
    pub(super) fn session_event(&mut self, event: SessionEvent) -> Option<CommandRefused> {
        match event {
            SessionEvent::Created { state } | SessionEvent::Joined { state } => self.entered(state),
            SessionEvent::JoinRefused { peer, reason } => {
                // The machine is done with it: no need to call it off.
                if let Some(joining) = self.model.joining.as_mut() {
                    joining.step = crate::peer::model::JoinStep::Looking;
                }
                self.join_refused(peer, reason);
            }
            SessionEvent::ParticipantJoined(participant) => {
                let peer = participant.peer;
                self.follow_jam();
                self.meet(peer);
                let who = self.person(peer);
                self.tell(Event::ParticipantJoined { who });
            }
            SessionEvent::ParticipantAway(peer) => {
                self.follow_jam();
                let who = self.person(peer);
                self.tell(Event::ParticipantAway { who });
            }
            SessionEvent::ParticipantBack(peer) => {
                self.follow_jam();
                let who = self.person(peer);
                self.tell(Event::ParticipantBack { who });
            }
            SessionEvent::ParticipantLeft { participant, why } => {
                let who = self.person(participant.peer);
                self.unlink(participant.peer);
                self.follow_jam();
                let why = match why {
                    LeftWhy::Gone => "gone",
                    LeftWhy::Removed => "removed by the steward",
                };
                self.tell(Event::ParticipantLeft { who, why: why.to_owned() });
            }
            SessionEvent::ParticipantUpdated(participant) => self.participant_updated(participant),
            SessionEvent::StewardChanged { now, .. } => {
                self.follow_jam();
                let who = self.person(now);
                self.tell(Event::StewardChanged { who });
            }
            SessionEvent::LinkUp(peer) => self.offer(peer),
            // Sound may go on: only who left the roster is unlinked.
            SessionEvent::LinkDown(_) => self.follow_jam(),
            SessionEvent::Removed { by } => {
                let (jam, by) = (self.jam_name(), self.person(by));
                self.tell(Event::Removed { jam, by });
            }
            SessionEvent::Chat { from, text } => {
                let who = self.person(from);
                self.tell(Event::Chat { who, text });
            }
            SessionEvent::Merged { state } => {
                let known = self.model.jam.take();
                let me = self.model.setup.me;
                let new: Vec<PeerId> = state
                    .roster
                    .iter()
                    .map(|one| one.peer)
                    .filter(|peer| {
                        *peer != me && known.as_ref().is_none_or(|jam| !jam.roster.contains(*peer))
                    })
                    .collect();
                self.model.jam = Some(state);
                for peer in new {
                    self.meet(peer);
                    let who = self.person(peer);
                    self.tell(Event::ParticipantJoined { who });
                }
            }
            SessionEvent::MediaOffered { peer, offer } => self.offered(peer, offer),
            SessionEvent::MediaPathChanged { peer, path } => self.path_changed(peer, path),
            SessionEvent::VersionMismatch { peer, theirs, ours } => {
                let what = format!("{} speaks another version of jamtty", self.model.name_of(peer));
                let why = format!("they speak version {theirs} of the protocol, we speak {ours}");
                let remedy = "Use the same release of jamtty on both sides".to_owned();
                self.tell(Event::Warning { what, why, remedy });
            }
            SessionEvent::CommandRefused(why) => return Some(why),
            SessionEvent::SessionEnded { .. } => self.left(),
        }
        None
    }

    fn participant_updated(&mut self, participant: Participant) {
        let peer = participant.peer;
        let before = self.model.jam.as_ref().and_then(|jam| jam.roster.find(peer)).cloned();
        if let Some(jam) = self.model.jam.as_mut() {
            jam.roster.seat(participant.clone());
        }
        if peer == self.model.setup.me {
            return; // We said so when we did it.
        }
        let who = self.person(peer);
        if before.as_ref().is_none_or(|before| before.profile != participant.profile) {
            let profile = &participant.profile;
            self.tell(Event::ParticipantUpdated {
                who: who.clone(),
                plays: view::texts(profile.instruments()),
                interests: view::texts(profile.interests()),
                colour: profile.colour().map(|colour| colour.to_string()),
                avatar: profile.avatar().map(ToString::to_string),
            });
        }
        if before.as_ref().is_none_or(|before| before.mic != participant.mic) {
            self.tell(Event::Mic { who, mic: participant.mic });
        }
    }

    /// Takes the machine's own state over: rosters change in more ways than events tell.
    fn follow_jam(&mut self) {
        if let Some(state) = self.model.session.state() {
            self.model.jam = Some(state.clone());
        }
    }

    /// Someone sits here with us: hear them as last time.
    pub(super) fn meet(&mut self, peer: PeerId) {
        if !self.model.strips.contains_key(&peer) {
            self.model.strips.insert(peer, self.model.strip_of(peer));
            self.effects.push(Effect::Disk(DiskEffect::Recall(peer)));
        }
    }

    /// Tells others what they hear of us.
    pub(super) fn show_mic(&mut self) {
        let state = self.model.mic.state();
        let muted = state != MicState::Live;
        self.effects.push(Effect::Sound(SoundEffect::MicMuted(muted)));
        let _ = self.command(SessionCommand::SetMic(state));
    }

    /// In no jam any more, for whatever reason.
    fn left(&mut self) {
        let jam = self.jam_name();
        for peer in self.model.links.keys().copied().collect::<Vec<_>>() {
            self.unlink(peer);
        }
        self.model.jam = None;
        self.rest_if_unheard();
        self.model.mic.seat = crate::domain::roster::Seat::Player;
        self.tell(Event::Left { jam, why: "you are in the lobby".to_owned() });
    }

    fn jam_name(&self) -> String {
        self.model.jam.as_ref().map(|jam| jam.name.to_string()).unwrap_or_default()
    }
}
