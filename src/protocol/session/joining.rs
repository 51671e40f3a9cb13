//! The newcomer's side of being let in.

use std::time::Duration;

use super::face::{CommandRefused, JoinFailure, SessionEvent, SessionOutput};
use super::inside::Phase;
use super::machine::SessionMachine;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::{Addrs, Seat};
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::protocol::code_word::{CodeWord, Newcomer, NewcomerProof};
use crate::protocol::control::{
    Admitted, CodeChallenge, CodeProof, ControlMessage, JoinRequest, Redirect, Refused, RefusedReason,
};

/// How long a join may take in all; then it fails with `NoAnswer`. Shorter fails on a slow dial,
/// longer keeps a person waiting for somebody who is gone.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two tries to connect, or to ask one who was busy.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// How often we are sent on from member to steward before it counts as no answer.
const REDIRECTS_MAX: u8 = 4;

/// A join under way.
#[derive(Debug)]
pub(super) struct Joining {
    pub(super) target: PeerId,
    addrs: Addrs,
    session: Option<SessionId>,
    code: Option<CodeWord>,
    deadline: Timestamp,
    retry_at: Timestamp,
    redirects: u8,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Not connected yet, or told to ask again.
    Waiting,
    /// Asked; with a code word, our half of the exchange is out.
    Asked(Option<Newcomer>),
    /// We said what proves that we know the word.
    Proving(NewcomerProof),
}

impl Joining {
    pub(super) fn next_deadline(&self) -> Timestamp {
        match self.stage {
            Stage::Waiting => self.retry_at.min(self.deadline),
            Stage::Asked(_) | Stage::Proving(_) => self.deadline,
        }
    }
}

impl SessionMachine {
    pub(super) fn join(
        &mut self,
        peer: PeerId,
        addrs: Addrs,
        session: Option<SessionId>,
        code: Option<CodeWord>,
        seat: Seat,
    ) {
        if !matches!(self.phase, Phase::Outside) {
            return self.refuse(CommandRefused::AlreadyInSession);
        }
        if peer == self.me {
            return self.refuse(CommandRefused::Oneself);
        }
        if self.blocked.contains(&peer) {
            return self.event(SessionEvent::JoinRefused { peer, reason: JoinFailure::Blocked });
        }
        self.own.seat = seat;
        self.phase = Phase::Joining(Box::new(Joining {
            target: peer,
            addrs,
            session,
            code,
            deadline: self.now + JOIN_TIMEOUT,
            retry_at: self.now,
            redirects: 0,
            stage: Stage::Waiting,
        }));
        self.approach();
    }

    /// Asks if there is a connection, asks for one if not.
    fn approach(&mut self) {
        let retry_at = self.now + RETRY_EVERY;
        let Phase::Joining(joining) = &mut self.phase else { return };
        joining.retry_at = retry_at;
        let (peer, addrs) = (joining.target, joining.addrs.clone());
        if self.connected.contains(&peer) {
            self.ask();
        } else {
            self.push(SessionOutput::Connect { peer, addrs });
        }
    }

    fn ask(&mut self) {
        let Phase::Joining(joining) = &mut self.phase else { return };
        let (newcomer, pake) = joining
            .code
            .as_ref()
            .map(|code| Newcomer::start(code, self.me, joining.target, &mut self.rng))
            .unzip();
        joining.stage = Stage::Asked(newcomer);
        let (peer, session) = (joining.target, joining.session);
        let request = JoinRequest {
            session,
            seat: self.own.seat,
            profile: self.own.profile.clone(),
            addrs: self.own.addrs.clone(),
            pake,
        };
        self.send(peer, ControlMessage::Join(request));
    }

    /// The connection we waited for is up.
    pub(super) fn ask_after_connecting(&mut self, peer: PeerId) {
        if let Phase::Joining(joining) = &self.phase
            && joining.target == peer
            && matches!(joining.stage, Stage::Waiting)
        {
            self.ask();
        }
    }

    /// The connection we asked on is down: begin again, within the same time.
    pub(super) fn ask_again_after_disconnect(&mut self, peer: PeerId) {
        if let Phase::Joining(joining) = &mut self.phase
            && joining.target == peer
        {
            joining.stage = Stage::Waiting;
            joining.retry_at = self.now + RETRY_EVERY;
        }
    }

    pub(super) fn tick_joining(&mut self) {
        let Phase::Joining(joining) = &self.phase else { return };
        if self.now >= joining.deadline {
            self.fail_joining(JoinFailure::NoAnswer);
        } else if matches!(joining.stage, Stage::Waiting) && self.now >= joining.retry_at {
            self.approach();
        }
    }

    pub(super) fn fail_joining(&mut self, reason: JoinFailure) {
        if let Phase::Joining(joining) = &self.phase {
            let peer = joining.target;
            self.phase = Phase::Outside;
            self.event(SessionEvent::JoinRefused { peer, reason });
        }
    }

    pub(super) fn on_redirect(&mut self, from: PeerId, redirect: Redirect) {
        let (me, blocked) = (self.me, self.blocked.contains(&redirect.steward));
        let retry_at = self.now + RETRY_EVERY;
        let Phase::Joining(joining) = &mut self.phase else { return self.ignore() };
        if joining.target != from || joining.session.is_some_and(|session| session != redirect.session) {
            return self.ignore();
        }
        joining.redirects += 1;
        if blocked {
            return self.fail_joining(JoinFailure::Blocked);
        }
        if joining.redirects > REDIRECTS_MAX {
            return self.fail_joining(JoinFailure::NoAnswer);
        }
        joining.stage = Stage::Waiting;
        if redirect.steward == me {
            // they still believe that we are in, from before our program ended: they will notice
            joining.retry_at = retry_at;
            return;
        }
        joining.session = Some(redirect.session);
        joining.target = redirect.steward;
        joining.addrs = redirect.addrs;
        self.approach();
    }

    pub(super) fn on_challenge(&mut self, from: PeerId, challenge: &CodeChallenge) {
        let Phase::Joining(joining) = &mut self.phase else { return self.ignore() };
        if joining.target != from || joining.session.is_some_and(|session| session != challenge.session) {
            return self.ignore();
        }
        let Stage::Asked(newcomer) = &mut joining.stage else { return self.ignore() };
        let Some(newcomer) = newcomer.take() else { return self.ignore() };
        let Some(proof) = newcomer.answer(challenge.session, &challenge.pake) else {
            return self.fail_joining(JoinFailure::NotProven);
        };
        joining.session = Some(challenge.session);
        joining.stage = Stage::Proving(proof);
        self.send(from, ControlMessage::CodeProof(CodeProof { mac: proof.says }));
    }

    pub(super) fn on_admitted(&mut self, from: PeerId, admitted: Admitted) {
        let me = self.me;
        let Phase::Joining(joining) = &mut self.phase else { return self.ignore() };
        let Admitted { state, secret, mac } = admitted;
        if joining.target != from
            || joining.session.is_some_and(|session| session != state.id)
            || state.steward != from
            || !state.roster.contains(me)
        {
            return self.ignore();
        }
        let proven = match (&joining.code, &joining.stage) {
            (None, Stage::Asked(_)) => true,
            (Some(_), Stage::Proving(proof)) => mac.is_some_and(|mac| proof.check(mac)),
            (_, Stage::Waiting) => return self.ignore(),
            (Some(_), Stage::Asked(_)) | (None, Stage::Proving(_)) => false,
        };
        if !proven {
            return self.fail_joining(JoinFailure::NotProven);
        }
        let code = joining.code.take();
        self.enter(state.clone(), secret, code);
        self.event(SessionEvent::Joined { state });
    }

    pub(super) fn on_refused(&mut self, from: PeerId, refused: Refused) {
        let retry_at = self.now + RETRY_EVERY;
        let Phase::Joining(joining) = &mut self.phase else { return self.ignore() };
        if joining.target != from {
            return self.ignore();
        }
        let reason = match refused.reason {
            RefusedReason::Full { size_limit } => JoinFailure::Full { size_limit },
            RefusedReason::CodeNeeded => JoinFailure::CodeNeeded,
            RefusedReason::CodeWrong => JoinFailure::CodeWrong,
            RefusedReason::TooManyTries { wait_s } => JoinFailure::TooManyTries { wait_s },
            RefusedReason::Removed => JoinFailure::Removed,
            RefusedReason::NoSuchSession => JoinFailure::NoSuchSession,
            RefusedReason::Busy if retry_at < joining.deadline => {
                joining.stage = Stage::Waiting;
                joining.retry_at = retry_at;
                return;
            }
            RefusedReason::Busy => JoinFailure::Busy,
        };
        self.fail_joining(reason);
    }
}
