//! Following the steward: heartbeats, snapshots, succession, and which of two halves stays.

use std::collections::BTreeMap;
use std::time::Duration;

use super::face::SessionEvent;
use super::inside::{Inside, Phase};
use super::machine::SessionMachine;
use super::shown::{GHOST_FOR, Ghost};
use super::stewarding::MEMBER_SILENT;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::{Presence, ROSTER_MAX, Seniority};
use crate::domain::session::{SessionId, SessionState};
use crate::domain::time::Timestamp;
use crate::protocol::control::{ControlMessage, Goodbye, Pulse, Snapshot};

/// How often a member says that it is here: four chances within [`STEWARD_SILENT`], and less than
/// 1 kbyte/s to each of seven others.
pub const PULSE_EVERY: Duration = Duration::from_millis(500);

/// A steward whose heartbeat stands still for this long has gone. Shorter, a freeze of a busy machine
/// moves the stewardship for nothing; longer, newcomers wait at the door.
pub const STEWARD_SILENT: Duration = Duration::from_millis(2_000);

/// The second in the line of succession waits this long for the first, the third twice as long.
const SUCCESSION_STEP: Duration = Duration::from_millis(1_000);

/// Leads remembered as gone; the most junior are forgotten first, which at worst lets one be followed
/// until its silence is noticed again.
const BURIED_MAX: usize = 64;

/// What a member knows of its steward's life.
#[derive(Debug)]
pub(super) struct Following {
    /// The newest heartbeat of the steward we follow.
    beat: u64,
    /// When it last grew.
    beat_at: Timestamp,
    /// Our own heartbeat as a steward; never falls while we are in the session.
    own_beat: u64,
    /// The newest version we ever made; never falls, so that one lead never counts twice.
    own_version: u64,
    /// Leads that went silent, at which heartbeat.
    buried: BTreeMap<Seniority, u64>,
    next_pulse: Timestamp,
}

impl Following {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { beat: 0, beat_at: now, own_beat: 0, own_version: 0, buried: BTreeMap::new(), next_pulse: now }
    }

    pub(super) const fn next_pulse(&self) -> Timestamp {
        self.next_pulse
    }

    pub(super) fn bury(&mut self, lead: Seniority, beat: u64) {
        let at = self.buried.entry(lead).or_insert(beat);
        *at = beat.max(*at);
        if self.buried.len() > BURIED_MAX {
            self.buried.pop_last();
        }
    }

    fn is_buried(&self, lead: Seniority, beat: u64) -> bool {
        self.buried.get(&lead).is_some_and(|at| beat <= *at)
    }

    /// Lets the succession begin at the next pulse.
    pub(super) fn give_up_waiting(&mut self, now: Timestamp) {
        self.beat_at = now - STEWARD_SILENT;
        self.next_pulse = now;
    }
}

impl Inside {
    /// Whether the steward we follow has gone silent and nobody has taken over yet.
    pub(super) fn steward_lost(&self) -> bool {
        self.following.is_buried(self.state.lead(), self.following.beat)
    }

    /// Whether this peer was heard on its own stream lately.
    pub(super) fn is_heard(&self, peer: PeerId, now: Timestamp) -> bool {
        self.heard.get(&peer).is_some_and(|at| now.since(*at) < MEMBER_SILENT)
    }

    /// Whether this peer was heard lately, by us or by a member we hear.
    pub(super) fn is_alive(&self, peer: PeerId, now: Timestamp) -> bool {
        self.is_heard(peer, now)
            || self
                .hears
                .iter()
                .any(|(by, whom)| *by != peer && self.is_heard(*by, now) && whom.contains(&peer))
    }

    fn heard_list(&self, now: Timestamp) -> Vec<PeerId> {
        let heard = self.state.roster.iter().map(|one| one.peer).filter(|peer| self.is_heard(*peer, now));
        heard.take(ROSTER_MAX).collect()
    }
}

impl SessionMachine {
    /// Whether the sender was admitted once, to this session, and not removed since.
    pub(super) fn is_member(&mut self, from: PeerId, session: SessionId, proof: [u8; 32]) -> bool {
        let me = self.me;
        let member = self.inside().is_some_and(|inside| {
            let expected = inside.secret.proof(session, from, me);
            session == inside.state.id
                && !inside.state.is_removed(from)
                && blake3::Hash::from_bytes(expected) == blake3::Hash::from_bytes(proof)
        });
        if !member {
            self.ignore();
        }
        member
    }

    pub(super) fn on_pulse(&mut self, from: PeerId, pulse: Pulse) {
        if self.tell_gone(from, pulse.session)
            || self.tell_removed(from, pulse.session)
            || !self.is_member(from, pulse.session, pulse.proof)
        {
            return;
        }
        let (me, now) = (self.me, self.now);
        let Some(inside) = self.inside_mut() else { return };
        let Pulse { lead, version, beat, lost, hears, .. } = pulse;
        inside.heard.insert(from, now);
        let hears_steward = hears.contains(&inside.state.steward);
        inside.hears.insert(from, hears);
        let my_lead = inside.state.lead();
        if lost && lead != my_lead {
            inside.following.bury(lead, beat);
        }
        if lead == my_lead && beat > inside.following.beat && inside.state.steward != me {
            inside.following.beat = beat;
            inside.following.beat_at = now;
        }
        let behind = if lead == my_lead {
            version < inside.state.version
        } else {
            !inside.steward_lost() && (inside.following.is_buried(lead, beat) || my_lead < lead)
        };
        // those whom the steward reaches are told by the steward
        if behind && (inside.state.steward == me || !hears_steward) {
            self.send_snapshot(from);
        }
    }

    /// Who takes us for a member of a session we do not sit in (any more) is told so: our program may
    /// have ended and come back, or our goodbye got lost. Not while we are being admitted.
    fn tell_gone(&mut self, peer: PeerId, session: SessionId) -> bool {
        let gone = match &self.phase {
            Phase::Outside => true,
            Phase::Joining(_) => false,
            Phase::Inside(inside) => inside.state.id != session,
        };
        if gone {
            self.ignore();
            self.send(peer, ControlMessage::Goodbye(Goodbye { session, state: None }));
        }
        gone
    }

    pub(super) fn send_snapshot(&mut self, to: PeerId) {
        let me = self.me;
        let Some(inside) = self.inside() else { return };
        let snapshot = Snapshot {
            state: inside.state.clone(),
            beat: inside.following.beat,
            proof: inside.secret.proof(inside.state.id, me, to),
        };
        self.send(to, ControlMessage::Snapshot(snapshot));
    }

    pub(super) fn on_snapshot(&mut self, from: PeerId, snapshot: Snapshot) {
        if !self.is_member(from, snapshot.state.id, snapshot.proof) {
            return;
        }
        let now = self.now;
        let Some(inside) = self.inside_mut() else { return };
        inside.heard.insert(from, now);
        let Snapshot { state, beat, .. } = snapshot;
        let first_hand = from == state.steward || from == inside.state.steward;
        // what the steward can tell us itself is not taken from others
        if !first_hand && inside.is_heard(state.steward, now) {
            return;
        }
        let (lead, my_lead) = (state.lead(), inside.state.lead());
        let newer = if lead == my_lead {
            state.version > inside.state.version
        } else {
            !inside.following.is_buried(lead, beat) && (lead < my_lead || inside.steward_lost())
        };
        if newer {
            self.adopt(state, beat);
        }
    }

    /// Takes a state for ours. If it is of another lead, its steward hears whom we had.
    pub(super) fn adopt(&mut self, state: SessionState, beat: u64) {
        let (me, now) = (self.me, self.now);
        let Some(inside) = self.inside_mut() else { return };
        if state.is_removed(me) {
            self.event(SessionEvent::Removed { by: state.steward });
            return self.end_session();
        }
        let other_lead = state.lead() != inside.state.lead();
        let older = other_lead && state.lead() < inside.state.lead();
        let handed_over = inside.state.roster.find(state.steward).is_some_and(|line| {
            // a new standing in front was given by hand: no halves meet
            line.standing != state.lead().standing
        });
        let was_lost = inside.steward_lost();
        let was_steward = inside.state.steward == me;
        let before = std::mem::replace(&mut inside.state, state);
        inside.following.beat_at = now;
        inside.following.beat = if inside.state.steward == me {
            inside.following.own_beat = inside.following.own_beat.max(beat) + 1;
            inside.following.own_version = inside.following.own_version.max(inside.state.version);
            inside.following.own_beat
        } else if other_lead {
            beat
        } else {
            beat.max(inside.following.beat)
        };
        inside.away_since.clear();
        if other_lead {
            for line in &before.roster {
                let forgotten =
                    !inside.state.roster.contains(line.peer) && !inside.state.is_removed(line.peer);
                if forgotten && line.peer != me && inside.is_heard(line.peer, now) {
                    inside.ghosts.insert(line.peer, Ghost { until: now + GHOST_FOR });
                }
            }
        }
        let (steward, session) = (inside.state.steward, inside.state.id);
        if other_lead && was_steward {
            let proof = inside.secret.proof(session, me, steward);
            let merge = Snapshot { state: before, beat: 0, proof };
            self.send(steward, ControlMessage::Merge(merge));
        }
        self.bring_own_line(true);
        if older && !was_lost && !handed_over {
            self.show();
            self.tell_merged();
        }
    }

    pub(super) fn tell_merged(&mut self) {
        if let Some(state) = self.state().cloned() {
            self.event(SessionEvent::Merged { state });
        }
    }

    pub(super) fn tick_following(&mut self) {
        let (me, now) = (self.me, self.now);
        let Some(inside) = self.inside_mut() else { return };
        if now < inside.following.next_pulse {
            return;
        }
        inside.following.next_pulse = now + PULSE_EVERY;
        if inside.state.steward == me {
            inside.following.own_beat += 1;
            inside.following.beat = inside.following.own_beat;
            inside.following.beat_at = now;
        } else if now.since(inside.following.beat_at) >= STEWARD_SILENT {
            let (lead, beat) = (inside.state.lead(), inside.following.beat);
            inside.following.bury(lead, beat);
            self.succeed();
        }
        self.bring_own_line(false);
        self.send_pulses();
    }

    fn send_pulses(&mut self) {
        let (me, now) = (self.me, self.now);
        for peer in self.audience() {
            let Some(inside) = self.inside() else { return };
            let pulse = Pulse {
                session: inside.state.id,
                lead: inside.state.lead(),
                version: inside.state.version,
                beat: inside.following.beat,
                lost: inside.steward_lost(),
                hears: inside.heard_list(now),
                proof: inside.secret.proof(inside.state.id, me, peer),
            };
            self.send(peer, ControlMessage::Pulse(pulse));
        }
    }

    /// Says at once what the next pulse would: to who has just become reachable.
    pub(super) fn pulse_soon(&mut self) {
        let now = self.now;
        if let Some(inside) = self.inside_mut() {
            inside.following.next_pulse = now;
        }
    }

    /// The steward is silent: takes over if it is our turn.
    fn succeed(&mut self) {
        let (me, now) = (self.me, self.now);
        let Some(inside) = self.inside_mut() else { return };
        let old = inside.state.steward;
        let before_me = inside
            .state
            .roster
            .iter()
            .take_while(|line| line.peer != me)
            .filter(|line| line.peer != old && inside.is_alive(line.peer, now))
            .count();
        let step = u32::try_from(before_me).unwrap_or(u32::MAX);
        if now.since(inside.following.beat_at) < STEWARD_SILENT + SUCCESSION_STEP.saturating_mul(step) {
            return;
        }
        let seat = inside.state.roster.find(me).map(|line| line.standing);
        let standing = seat.unwrap_or_else(|| inside.state.roster.last_standing());
        let own = self.own_participant(standing);
        let Some(inside) = self.inside_mut() else { return };
        if !inside.state.roster.seat(own) {
            return;
        }
        inside.state.steward = me;
        inside.away_since.clear();
        if let Some(mut line) = inside.state.roster.find(old).cloned() {
            line.presence = Presence::Away;
            inside.away_since.insert(old, now);
            inside.state.roster.seat(line);
        }
        let following = &mut inside.following;
        following.own_beat += 1;
        following.beat = following.own_beat;
        following.beat_at = now;
        inside.state.version = inside.state.version.max(following.own_version);
        self.publish();
    }

    /// Numbers a change we made as the steward, and tells everyone.
    pub(super) fn publish(&mut self) {
        if let Some(inside) = self.inside_mut() {
            inside.state.version += 1;
        }
        self.spread(None);
    }

    /// Sends the newest state to everyone but one who has it.
    pub(super) fn spread(&mut self, except: Option<PeerId>) {
        if let Some(inside) = self.inside_mut() {
            inside.following.own_version = inside.following.own_version.max(inside.state.version);
        }
        for peer in self.audience() {
            if Some(peer) != except {
                self.send_snapshot(peer);
            }
        }
    }
}

impl Inside {
    /// After handing over: the new steward's heartbeat begins now.
    pub(super) fn follow_anew(&mut self, now: Timestamp) {
        self.following.beat = 0;
        self.following.beat_at = now;
    }

    /// A standing for who comes from another half with this one: after ours, so that the steward stays the
    /// most senior; a claim in front of it is not believed.
    pub(super) fn standing_for(&self, claimed: i64) -> i64 {
        let last = self.state.roster.last_standing();
        if claimed > self.state.lead().standing { claimed.min(last) } else { last }
    }
}
