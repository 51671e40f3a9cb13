//! What the person is told: the difference between the roster as it is and as it was told last.

use std::time::Duration;

use super::face::{LeftWhy, SessionEvent};
use super::links::{FORMER_FOR, Former};
use super::machine::SessionMachine;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::{Participant, Presence};
use crate::domain::time::Timestamp;

/// How long a member of a yielding half that the older half has not seated yet stays shown, so that a
/// merge does not tear down sound that goes on: the time to ask for the seat, twice over.
pub(super) const GHOST_FOR: Duration = Duration::from_secs(5);

/// See [`GHOST_FOR`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Ghost {
    pub(super) until: Timestamp,
}

impl SessionMachine {
    /// Tells what changed since it was last called.
    pub(super) fn show(&mut self) {
        let (me, now) = (self.me, self.now);
        let Some(inside) = self.inside_mut() else { return };
        let mut events = Vec::new();
        let state = &inside.state;
        inside.ghosts.retain(|peer, ghost| {
            now < ghost.until && !state.roster.contains(*peer) && !state.is_removed(*peer)
        });
        // we ourselves are in for as long as we ask for our seat
        let gone: Vec<PeerId> = inside
            .shown
            .keys()
            .filter(|peer| {
                **peer != me && !state.roster.contains(**peer) && !inside.ghosts.contains_key(*peer)
            })
            .copied()
            .collect();
        for peer in gone {
            let Some(participant) = inside.shown.remove(&peer) else { continue };
            let why = if state.is_removed(peer) { LeftWhy::Removed } else { LeftWhy::Gone };
            // who went away in silence may come back as the other half; who said goodbye does not
            if why == LeftWhy::Gone && participant.presence == Presence::Away {
                let addrs = participant.addrs.clone();
                Former::remember(&mut inside.former, peer, Former { addrs, until: now + FORMER_FOR });
            }
            events.push(SessionEvent::ParticipantLeft { participant, why });
        }
        for line in &state.roster {
            match inside.shown.insert(line.peer, line.clone()) {
                None => events.push(SessionEvent::ParticipantJoined(line.clone())),
                Some(before) => tell_change(&before, line, &mut events),
            }
            inside.former.remove(&line.peer);
        }
        if inside.shown_steward != state.steward {
            events.push(SessionEvent::StewardChanged { before: inside.shown_steward, now: state.steward });
            inside.shown_steward = state.steward;
        }
        for event in events {
            self.event(event);
        }
    }
}

fn tell_change(before: &Participant, now: &Participant, events: &mut Vec<SessionEvent>) {
    match (before.presence, now.presence) {
        (Presence::Here, Presence::Away) => events.push(SessionEvent::ParticipantAway(now.peer)),
        (Presence::Away, Presence::Here) => events.push(SessionEvent::ParticipantBack(now.peer)),
        (Presence::Here, Presence::Here) | (Presence::Away, Presence::Away) => {}
    }
    if (&before.profile, before.seat, before.mic) != (&now.profile, now.seat, now.mic) {
        events.push(SessionEvent::ParticipantUpdated(now.clone()));
    }
}
