//! What the person wants: open, leave, speak, change what others see, keep someone out.

use rand_chacha::rand_core::RngCore as _;

use super::face::{CommandRefused, DisconnectWhy, JoinFailure, SessionEvent, SessionOutput};
use super::inside::{OwnLine, Phase};
use super::links::Bucket;
use super::machine::{BLOCKED_MAX, SessionMachine};
use crate::domain::name::{Name, safe_line};
use crate::domain::peer_id::PeerId;
use crate::domain::profile::bounded;
use crate::domain::roster::{Roster, Seat};
use crate::domain::session::{Door, SIZE_MAX, SessionId, SessionState};
use crate::protocol::code_word::CodeWord;
use crate::protocol::control::{CHAT_CHARS_MAX, Chat, ControlMessage, Goodbye};

impl SessionMachine {
    pub(super) fn create(&mut self, name: Name, code: Option<CodeWord>, size_limit: u8, seat: Seat) {
        if !matches!(self.phase, Phase::Outside) {
            return self.refuse(CommandRefused::AlreadyInSession);
        }
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        let mut secret = [0; 32];
        self.rng.fill_bytes(&mut secret);
        self.own.seat = seat;
        self.own.incarnation = self.rng.next_u64();
        let mut roster = Roster::default();
        roster.seat(self.own_participant(0));
        let state = SessionState {
            id: SessionId::from_bytes(id),
            name: bounded(name),
            door: if code.is_some() { Door::Closed } else { Door::Open },
            size_limit: size_limit.clamp(1, SIZE_MAX),
            steward: self.me,
            version: 1,
            roster,
            removed: Vec::new(),
        };
        self.enter(state.clone(), secret, code);
        self.event(SessionEvent::Created { state });
    }

    pub(super) fn leave(&mut self) {
        match &self.phase {
            Phase::Outside => return self.refuse(CommandRefused::NotInSession),
            Phase::Joining(joining) => {
                let peer = joining.target;
                self.phase = Phase::Outside;
                return self.event(SessionEvent::JoinRefused { peer, reason: JoinFailure::Cancelled });
            }
            Phase::Inside(_) => {}
        }
        let state = self.state_without_me();
        let Some(inside) = self.inside() else { return };
        let goodbye = Goodbye { session: inside.state.id, state };
        for peer in self.audience() {
            self.send(peer, ControlMessage::Goodbye(goodbye.clone()));
        }
        self.end_session();
    }

    pub(super) fn change_own(&mut self, change: impl FnOnce(&mut OwnLine)) {
        change(&mut self.own);
        self.own.revision += 1;
        self.bring_own_line(true);
    }

    pub(super) fn say(&mut self, text: &str) {
        let Some(inside) = self.inside() else { return self.refuse(CommandRefused::NotInSession) };
        if text.chars().nth(CHAT_CHARS_MAX).is_some() {
            return self.refuse(CommandRefused::ChatTooLong);
        }
        // a character takes at most two columns: nothing is cut here
        let text = safe_line(text, CHAT_CHARS_MAX * 2);
        if text.is_empty() {
            return self.refuse(CommandRefused::ChatEmpty);
        }
        let session = inside.state.id;
        let (me, now) = (self.me, self.now);
        if !self.inside_mut().is_some_and(|inside| Bucket::take(&mut inside.chat, me, now)) {
            return self.refuse(CommandRefused::ChatTooFast);
        }
        let peers: Vec<PeerId> =
            self.inside().map(|inside| inside.links.keys().copied().collect()).unwrap_or_default();
        for peer in peers {
            self.send(peer, ControlMessage::Chat(Chat { session, text: text.clone() }));
        }
    }

    pub(super) fn block(&mut self, peer: PeerId) {
        if peer == self.me {
            return self.refuse(CommandRefused::Oneself);
        }
        if self.blocked.len() >= BLOCKED_MAX && !self.blocked.contains(&peer) {
            return self.refuse(CommandRefused::TooManyBlocked);
        }
        if self.is_steward() && self.state().is_some_and(|state| state.roster.contains(peer)) {
            self.remove_member(peer);
        }
        self.blocked.insert(peer);
        if let Phase::Joining(joining) = &self.phase
            && joining.target == peer
        {
            self.fail_joining(JoinFailure::Blocked);
        }
        self.push(SessionOutput::Disconnect { peer, why: DisconnectWhy::Blocked });
        self.note_disconnected(peer);
    }
}
