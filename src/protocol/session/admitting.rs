//! The steward's side of letting somebody in.

use std::time::Duration;

use rand_chacha::rand_core::RngCore as _;

use super::machine::SessionMachine;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::{Participant, Presence};
use crate::domain::session::Door;
use crate::domain::time::Timestamp;
use crate::protocol::code_word::Doorkeeper;
use crate::protocol::control::{
    Admitted, CodeChallenge, CodeProof, ControlMessage, JoinRequest, Redirect, Refused, RefusedReason,
};

/// Code word exchanges under way at once; newcomers past it are told to ask again.
pub const ADMISSIONS_MAX: usize = 8;

/// How long a newcomer may take to prove that they know the word.
const PROOF_WITHIN: Duration = Duration::from_secs(5);

/// One exchange under way.
#[derive(Debug)]
pub(super) struct Admission {
    request: JoinRequest,
    door: Doorkeeper,
    since: Timestamp,
}

/// What a newcomer is told who is not let in now.
#[derive(Debug)]
enum Turned {
    Away(RefusedReason),
    To(Redirect),
}

impl SessionMachine {
    pub(super) fn on_join(&mut self, from: PeerId, request: JoinRequest) {
        match self.admit_or_challenge(from, request) {
            Ok(()) => {}
            Err(Turned::Away(reason)) => self.send(from, ControlMessage::Refused(Refused { reason })),
            Err(Turned::To(redirect)) => self.send(from, ControlMessage::Redirect(redirect)),
        }
    }

    fn admit_or_challenge(&mut self, from: PeerId, request: JoinRequest) -> Result<(), Turned> {
        let (me, now) = (self.me, self.now);
        let refused = Turned::Away;
        let Some(inside) = self.inside() else { return Err(refused(RefusedReason::NoSuchSession)) };
        let state = &inside.state;
        if request.session.is_some_and(|session| session != state.id) {
            return Err(refused(RefusedReason::NoSuchSession));
        }
        if state.is_removed(from) {
            return Err(refused(RefusedReason::Removed));
        }
        if state.steward != me {
            if inside.steward_lost() || state.steward == from {
                return Err(refused(RefusedReason::Busy));
            }
            let addrs = state.steward_line().map(|line| line.addrs.clone()).unwrap_or_default();
            return Err(Turned::To(Redirect { session: state.id, steward: state.steward, addrs }));
        }
        if self.is_full_for(from) {
            return Err(refused(RefusedReason::Full { size_limit: state.size_limit }));
        }
        if state.door == Door::Open {
            self.admit(from, request, None);
            return Ok(());
        }
        let Some(pake) = request.pake.clone() else { return Err(refused(RefusedReason::CodeNeeded)) };
        if inside.admissions.len() >= ADMISSIONS_MAX && !inside.admissions.contains_key(&from) {
            return Err(refused(RefusedReason::Busy));
        }
        let (session, Some(code)) = (state.id, inside.code.clone()) else {
            return Err(refused(RefusedReason::Busy));
        };
        if let Err(wait_s) = self.guesses.guess(now, from) {
            self.counters.codes_limited += 1;
            return Err(refused(RefusedReason::TooManyTries { wait_s }));
        }
        let Some((door, answer)) = Doorkeeper::answer(&code, session, me, from, &pake, &mut self.rng) else {
            self.counters.codes_wrong += 1;
            return Err(refused(RefusedReason::CodeWrong));
        };
        if let Some(inside) = self.inside_mut() {
            inside.admissions.insert(from, Admission { request, door, since: now });
        }
        self.send(from, ControlMessage::CodeChallenge(CodeChallenge { session, pake: answer }));
        Ok(())
    }

    pub(super) fn on_code_proof(&mut self, from: PeerId, proof: CodeProof) {
        let me = self.me;
        let Some(inside) = self.inside_mut() else { return self.ignore() };
        let Some(admission) = inside.admissions.remove(&from) else { return self.ignore() };
        let refused = |reason| ControlMessage::Refused(Refused { reason });
        if inside.state.steward != me {
            return self.send(from, refused(RefusedReason::Busy));
        }
        let Some(says) = admission.door.check(proof.mac) else {
            self.counters.codes_wrong += 1;
            return self.send(from, refused(RefusedReason::CodeWrong));
        };
        self.guesses.give_back(from);
        if self.is_full_for(from) {
            let size_limit = self.state().map_or(0, |state| state.size_limit);
            return self.send(from, refused(RefusedReason::Full { size_limit }));
        }
        if self.state().is_some_and(|state| state.is_removed(from)) {
            return self.send(from, refused(RefusedReason::Removed));
        }
        self.admit(from, admission.request, Some(says));
    }

    /// Whether there is no seat for this peer. Who sits here already (their program ended and came
    /// back) takes their own.
    fn is_full_for(&self, peer: PeerId) -> bool {
        self.state().is_some_and(|state| {
            !state.roster.contains(peer) && state.roster.len() >= usize::from(state.size_limit)
        })
    }

    fn admit(&mut self, peer: PeerId, request: JoinRequest, mac: Option<[u8; 32]>) {
        let (now, incarnation) = (self.now, self.rng.next_u64());
        let Some(inside) = self.inside_mut() else { return };
        let line = Participant {
            peer,
            profile: request.profile,
            seat: request.seat,
            mic: Default::default(),
            presence: Presence::Here,
            // a program that ended and came back is the last to have come: it remembers nothing
            standing: inside.state.roster.last_standing(),
            revision: 0,
            incarnation,
            addrs: request.addrs,
        };
        inside.state.roster.seat(line);
        inside.heard.insert(peer, now);
        inside.away_since.remove(&peer);
        inside.former.remove(&peer);
        inside.state.version += 1;
        let admitted = Admitted { state: inside.state.clone(), secret: inside.secret.0, mac };
        self.send(peer, ControlMessage::Admitted(admitted));
        self.spread(Some(peer));
    }

    pub(super) fn tick_admissions(&mut self) {
        let now = self.now;
        if let Some(inside) = self.inside_mut() {
            inside.admissions.retain(|_, admission| now.since(admission.since) < PROOF_WITHIN);
        }
    }
}
