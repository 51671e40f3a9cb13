//! What only the steward does: presence, lines, merges, removal, handing over. And what members ask of it.

use std::time::Duration;

use super::face::{CommandRefused, DisconnectWhy, SessionEvent, SessionOutput};
use super::machine::SessionMachine;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::Presence;
use crate::domain::session::{SessionId, SessionState};
use crate::protocol::control::{ControlMessage, Goodbye, Line, Removed, Snapshot};

/// A member nobody heard for this long is away: four pulses.
pub const MEMBER_SILENT: Duration = Duration::from_millis(2_000);

/// How long the seat of a silent member is kept before it is taken out: a cable found and put back.
pub const SEAT_KEPT: Duration = Duration::from_secs(20);

impl SessionMachine {
    pub(super) fn tick_stewarding(&mut self) {
        let (me, now) = (self.me, self.now);
        let Some(inside) = self.inside_mut() else { return };
        if inside.state.steward != me {
            return;
        }
        let mut changed = Vec::new();
        for line in inside.state.roster.iter().filter(|line| line.peer != me) {
            let alive = inside.is_alive(line.peer, now);
            match (line.presence, alive) {
                (Presence::Here, false) => changed.push((line.clone(), Some(Presence::Away))),
                (Presence::Away, true) => changed.push((line.clone(), Some(Presence::Here))),
                (Presence::Away, false) => {
                    let since = *inside.away_since.entry(line.peer).or_insert(now);
                    if now.since(since) >= SEAT_KEPT {
                        changed.push((line.clone(), None));
                    }
                }
                (Presence::Here, true) => {}
            }
        }
        if changed.is_empty() {
            return;
        }
        for (mut line, presence) in changed {
            match presence {
                Some(presence) => {
                    line.presence = presence;
                    if presence == Presence::Away {
                        inside.away_since.insert(line.peer, now);
                    } else {
                        inside.away_since.remove(&line.peer);
                    }
                    inside.state.roster.seat(line);
                }
                None => {
                    inside.state.roster.remove(line.peer);
                    inside.away_since.remove(&line.peer);
                }
            }
        }
        self.publish();
    }

    /// Sees to it that the roster has our own line as it is now. `at_once`: even if it was just asked.
    pub(super) fn bring_own_line(&mut self, at_once: bool) {
        let (me, now, revision) = (self.me, self.now, self.own.revision);
        let Some(inside) = self.inside() else { return };
        let line = inside.state.roster.find(me);
        if line.is_some_and(|line| line.revision >= revision && line.presence == Presence::Here) {
            return;
        }
        let steward = inside.state.steward;
        let standing = line.map_or(i64::MAX, |line| line.standing);
        let participant = self.own_participant(standing);
        if steward == me {
            if let Some(inside) = self.inside_mut() {
                inside.state.roster.seat(participant);
            }
            return self.publish();
        }
        let Some(inside) = self.inside() else { return };
        let to = if self.connected.contains(&steward) {
            steward
        } else {
            // somebody who hears the steward passes it on
            let by = inside.hears.iter().find(|(by, whom)| {
                whom.contains(&steward) && inside.is_heard(**by, now) && self.connected.contains(by)
            });
            match by {
                Some((by, _)) if !at_once || inside.is_heard(*by, now) => *by,
                Some(_) | None => return,
            }
        };
        let session = inside.state.id;
        let proof = inside.secret.proof(session, me, to);
        self.send(to, ControlMessage::Line(Line { session, participant, proof }));
    }

    pub(super) fn on_line(&mut self, from: PeerId, line: Line) {
        if self.tell_removed(from, line.session) || !self.is_member(from, line.session, line.proof) {
            return;
        }
        let (me, now) = (self.me, self.now);
        let Line { session, mut participant, .. } = line;
        let peer = participant.peer;
        let Some(inside) = self.inside_mut() else { return };
        if peer == me || inside.state.is_removed(peer) || self.blocked.contains(&peer) {
            return self.ignore();
        }
        let Some(inside) = self.inside_mut() else { return };
        let steward = inside.state.steward;
        if steward != me {
            // passed on once, and only for the sender
            if peer == from && steward != from {
                let proof = inside.secret.proof(session, me, steward);
                self.send(steward, ControlMessage::Line(Line { session, participant, proof }));
            }
            return;
        }
        // a member that can speak for itself is not spoken for
        if peer != from && inside.is_heard(peer, now) {
            return self.ignore();
        }
        if peer == from {
            inside.heard.insert(peer, now);
        }
        match inside.state.roster.find(peer) {
            Some(seated) if seated.revision >= participant.revision && seated.presence == Presence::Here => {
                return;
            }
            Some(seated) => participant.standing = seated.standing,
            None => participant.standing = inside.standing_for(participant.standing),
        }
        participant.presence = Presence::Here;
        inside.away_since.remove(&peer);
        if inside.state.roster.seat(participant) {
            self.publish();
        }
    }

    pub(super) fn on_merge(&mut self, from: PeerId, snapshot: Snapshot) {
        if self.tell_removed(from, snapshot.state.id)
            || !self.is_member(from, snapshot.state.id, snapshot.proof)
        {
            return;
        }
        let (me, now) = (self.me, self.now);
        let blocked = self.blocked.clone();
        let Some(inside) = self.inside_mut() else { return };
        if inside.state.steward != me {
            return;
        }
        for peer in snapshot.state.removed {
            // whom we have among us was removed by the other half only: they may stay
            if !inside.state.roster.contains(peer) {
                inside.state.remember_removed(peer);
            }
        }
        let mut came = false;
        for mut line in Vec::from(snapshot.state.roster) {
            let peer = line.peer;
            let known =
                inside.state.roster.find(peer).is_some_and(|seated| seated.presence == Presence::Here);
            if known
                || line.presence != Presence::Here
                || inside.state.is_removed(peer)
                || blocked.contains(&peer)
            {
                continue;
            }
            let seated = inside.state.roster.find(peer).map(|seated| seated.standing);
            line.standing = seated.unwrap_or_else(|| inside.standing_for(line.standing));
            // the other steward heard them a moment ago; we shall see
            inside.heard.insert(peer, now);
            inside.away_since.remove(&peer);
            came |= inside.state.roster.seat(line);
        }
        self.publish();
        self.show();
        if came {
            self.tell_merged();
        }
    }

    pub(super) fn remove_member(&mut self, peer: PeerId) {
        let Some(session) = self.check_stewarding(peer) else { return };
        if let Some(inside) = self.inside_mut() {
            inside.state.roster.remove(peer);
            inside.state.remember_removed(peer);
        }
        self.send_removed(peer, session);
        self.publish();
        self.push(SessionOutput::Disconnect { peer, why: DisconnectWhy::Removed });
    }

    pub(super) fn give_stewardship(&mut self, peer: PeerId) {
        if self.check_stewarding(peer).is_none() {
            return;
        }
        let now = self.now;
        let Some(inside) = self.inside_mut() else { return };
        let first = inside.state.roster.first_standing();
        let Some(mut line) = inside.state.roster.remove(peer) else { return };
        line.standing = first;
        line.presence = Presence::Here;
        inside.state.roster.seat(line);
        inside.state.steward = peer;
        inside.follow_anew(now);
        self.publish();
    }

    /// The session, if we may change something about this member; says why not otherwise.
    fn check_stewarding(&mut self, peer: PeerId) -> Option<SessionId> {
        let why = match self.state() {
            None => CommandRefused::NotInSession,
            Some(state) if state.steward != self.me => CommandRefused::NotSteward { steward: state.steward },
            Some(_) if peer == self.me => CommandRefused::Oneself,
            Some(state) if !state.roster.contains(peer) => CommandRefused::NoSuchParticipant(peer),
            Some(state) => return Some(state.id),
        };
        self.refuse(why);
        None
    }

    /// Tells a removed peer that still takes itself for a member; whether it was one.
    pub(super) fn tell_removed(&mut self, peer: PeerId, session: SessionId) -> bool {
        let removed = self.state().is_some_and(|state| state.id == session && state.is_removed(peer));
        if removed {
            self.ignore();
            if self.is_steward() {
                self.send_removed(peer, session);
            }
        }
        removed
    }

    fn send_removed(&mut self, peer: PeerId, session: SessionId) {
        let me = self.me;
        if let Some(inside) = self.inside() {
            let proof = inside.secret.proof(session, me, peer);
            let removed = Removed { session, lead: inside.state.lead(), proof };
            self.send(peer, ControlMessage::Removed(removed));
        }
    }

    pub(super) fn on_removed(&mut self, from: PeerId, removed: Removed) {
        if !self.is_member(from, removed.session, removed.proof) {
            return;
        }
        let Some(state) = self.state() else { return };
        // our steward, or that of an older half, which would win
        if state.steward == from || (removed.lead.peer == from && removed.lead < state.lead()) {
            self.event(SessionEvent::Removed { by: from });
            self.end_session();
        } else {
            self.ignore();
        }
    }

    /// The state we leave behind as a steward; `None` if another orders it or nobody is there.
    pub(super) fn state_without_me(&self) -> Option<SessionState> {
        let inside = self.inside()?;
        let next = inside.state.roster.iter().find(|line| {
            line.peer != self.me
                && inside.is_heard(line.peer, self.now)
                && self.connected.contains(&line.peer)
        })?;
        let mut state = inside.state.clone();
        if state.steward != self.me {
            return None;
        }
        state.steward = next.peer;
        state.version += 1;
        state.roster.remove(self.me);
        Some(state)
    }

    pub(super) fn on_goodbye(&mut self, from: PeerId, goodbye: Goodbye) {
        let (me, now) = (self.me, self.now);
        let Some(inside) = self.inside_mut() else { return self.ignore() };
        if goodbye.session != inside.state.id || !inside.shown.contains_key(&from) {
            return self.ignore();
        }
        inside.heard.remove(&from);
        inside.hears.remove(&from);
        inside.ghosts.remove(&from);
        if inside.state.steward == from {
            inside.following.bury(inside.state.lead(), u64::MAX);
            match goodbye.state {
                Some(state)
                    if state.id == inside.state.id
                        && state.version > inside.state.version
                        && !state.roster.contains(from) =>
                {
                    self.adopt(state, 0);
                }
                Some(_) | None => inside.following.give_up_waiting(now),
            }
        } else if inside.state.steward == me {
            inside.state.roster.remove(from);
            inside.away_since.remove(&from);
            self.publish();
        }
    }
}
