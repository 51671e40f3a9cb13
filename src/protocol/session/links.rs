//! The streams to the other members: who is dialled, who fell silent, what waits for a member to be known.

use std::collections::BTreeMap;
use std::time::Duration;

use super::face::{CommandRefused, DisconnectWhy, SessionEvent, SessionOutput};
use super::machine::SessionMachine;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::{Addrs, ROSTER_MAX};
use crate::domain::time::Timestamp;
use crate::protocol::control::{ControlMessage, MediaOffer, MediaPath};

/// A stream on which nothing came for this long is given up and dialled anew: after a pulled cable a
/// stale connection backs off for longer than a fresh one takes.
pub const LINK_SILENT: Duration = Duration::from_millis(3_000);

/// Between two dials of a member; a cable put back is noticed within one.
const DIAL_EVERY: Duration = Duration::from_secs(1);

/// Between two dials of a former member.
const DIAL_FORMER_EVERY: Duration = Duration::from_secs(5);

/// Of two members that do not have a stream yet, the one with the higher key waits this long, so that
/// they do not dial each other at once.
const DIAL_POLITELY: Duration = Duration::from_millis(400);

/// How long we go on looking for a member that went away in silence: the other half of a split.
pub(super) const FORMER_FOR: Duration = Duration::from_secs(3_600);

/// How long a peer the lobby showed in our session is tried.
const MEET_FOR: Duration = Duration::from_secs(60);

/// Media offers kept of peers we have not heard the admission of, one each, for this long.
const EARLY_OFFER_FOR: Duration = Duration::from_secs(5);

/// How many of those; an offer past it is dropped, and the link is asked for again when it comes up.
const EARLY_OFFERS_MAX: usize = 8;

/// A member that is no longer in the roster, but may come back.
#[derive(Debug, Clone)]
pub(super) struct Former {
    pub(super) addrs: Addrs,
    pub(super) until: Timestamp,
}

impl Former {
    /// Remembers one, forgetting who would be forgotten first past [`ROSTER_MAX`].
    pub(super) fn remember(former: &mut BTreeMap<PeerId, Self>, peer: PeerId, one: Self) {
        former.insert(peer, one);
        if former.len() > ROSTER_MAX
            && let Some(first) = former.iter().min_by_key(|(_, one)| one.until).map(|(peer, _)| *peer)
        {
            former.remove(&first);
        }
    }
}

/// Chat lines one may still say at once: eight, and one more each second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    lines: u8,
    filled: Timestamp,
}

impl Bucket {
    const LINES_MAX: u8 = 8;
    const LINE_EVERY: Duration = Duration::from_secs(1);

    /// Takes a line out of this peer's bucket; false if it is empty.
    pub(super) fn take(buckets: &mut BTreeMap<PeerId, Self>, peer: PeerId, now: Timestamp) -> bool {
        let bucket = buckets.entry(peer).or_insert(Self { lines: Self::LINES_MAX, filled: now });
        while bucket.lines < Self::LINES_MAX && now.since(bucket.filled) >= Self::LINE_EVERY {
            bucket.lines += 1;
            bucket.filled = bucket.filled + Self::LINE_EVERY;
        }
        if bucket.lines == Self::LINES_MAX {
            bucket.filled = now;
        }
        if bucket.lines == 0 {
            return false;
        }
        bucket.lines -= 1;
        true
    }
}

impl SessionMachine {
    /// Members and former members with a stream: those who get pulses and snapshots.
    pub(super) fn audience(&self) -> Vec<PeerId> {
        let Some(inside) = self.inside() else { return Vec::new() };
        let known = |peer: &PeerId| {
            inside.state.roster.contains(*peer)
                || inside.shown.contains_key(peer)
                || inside.former.contains_key(peer)
        };
        self.connected.iter().filter(|peer| known(peer)).copied().collect()
    }

    /// A member that became reachable hears of us at once.
    pub(super) fn greet(&mut self, peer: PeerId) {
        if self.audience().contains(&peer) {
            self.pulse_soon();
        }
    }

    pub(super) fn note_disconnected(&mut self, peer: PeerId) {
        self.connected.remove(&peer);
        self.forget_version_told(peer);
        self.ask_again_after_disconnect(peer);
        let (me, now) = (self.me, self.now);
        if let Some(inside) = self.inside_mut() {
            inside.admissions.remove(&peer);
            let wait = if me < peer { Duration::ZERO } else { DIAL_POLITELY };
            inside.next_dial.insert(peer, now + wait);
        }
    }

    /// Links follow the roster and the connections; who is missing is dialled.
    pub(super) fn update_links(&mut self) {
        let (me, now) = (self.me, self.now);
        let Self { connected, blocked, .. } = self;
        let connected = connected.clone();
        let blocked = blocked.clone();
        let Some(inside) = self.inside_mut() else { return };
        let up: Vec<PeerId> = inside
            .shown
            .keys()
            .filter(|peer| **peer != me && connected.contains(*peer) && !inside.links.contains_key(*peer))
            .copied()
            .collect();
        let down: Vec<PeerId> = inside
            .links
            .keys()
            .filter(|peer| !connected.contains(*peer) || !inside.shown.contains_key(*peer))
            .copied()
            .collect();
        let wanted = inside.shown.values().map(|line| (line.peer, line.addrs.clone(), DIAL_EVERY));
        let former = inside.former.iter().map(|(peer, one)| (*peer, one.addrs.clone(), DIAL_FORMER_EVERY));
        let missing: Vec<_> = wanted
            .chain(former)
            .filter(|(peer, _, _)| *peer != me && !connected.contains(peer) && !blocked.contains(peer))
            .collect();
        let mut dials = Vec::new();
        for (peer, addrs, every) in missing {
            let wait = if me < peer { Duration::ZERO } else { DIAL_POLITELY };
            let next = inside.next_dial.entry(peer).or_insert(now + wait);
            if now >= *next {
                *next = now + every;
                dials.push(SessionOutput::Connect { peer, addrs });
            }
        }
        let mut events = Vec::new();
        for peer in down {
            inside.links.remove(&peer);
            events.push(SessionEvent::LinkDown(peer));
        }
        for peer in up {
            inside.links.insert(peer, now);
            inside.next_dial.remove(&peer);
            events.push(SessionEvent::LinkUp(peer));
            if let Some((_, offer)) = inside.early_offers.remove(&peer) {
                events.push(SessionEvent::MediaOffered { peer, offer });
            }
        }
        for dial in dials {
            self.push(dial);
        }
        for event in events {
            self.event(event);
        }
    }

    pub(super) fn tick_links(&mut self) {
        let now = self.now;
        let Some(inside) = self.inside_mut() else { return };
        inside.early_offers.retain(|_, (at, _)| now.since(*at) < EARLY_OFFER_FOR);
        inside.former.retain(|_, former| now < former.until);
        let (shown, former) = (&inside.shown, &inside.former);
        inside.next_dial.retain(|peer, _| shown.contains_key(peer) || former.contains_key(peer));
        inside.chat.retain(|peer, _| shown.contains_key(peer));
        inside.heard.retain(|_, at| now.since(*at) < LINK_SILENT * 2);
        let heard = &inside.heard;
        inside.hears.retain(|peer, _| heard.contains_key(peer));
        let silent: Vec<PeerId> = inside
            .links
            .iter()
            .filter(|(peer, since)| {
                let heard = inside.heard.get(*peer).copied().unwrap_or_default();
                now.since(heard.max(**since)) >= LINK_SILENT
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in silent {
            self.push(SessionOutput::Disconnect { peer, why: DisconnectWhy::Silent });
            self.note_disconnected(peer);
        }
    }

    pub(super) fn meet(&mut self, peer: PeerId, addrs: Addrs) {
        let (me, now) = (self.me, self.now);
        let blocked = self.blocked.contains(&peer);
        let Some(inside) = self.inside_mut() else { return };
        if peer == me || blocked || inside.state.is_removed(peer) || inside.shown.contains_key(&peer) {
            return;
        }
        let until = inside.former.get(&peer).map_or(now + MEET_FOR, |former| former.until);
        Former::remember(&mut inside.former, peer, Former { addrs, until });
        inside.next_dial.insert(peer, now);
        self.greet(peer);
    }

    pub(super) fn send_to_member(&mut self, peer: PeerId, message: ControlMessage) {
        match self.inside() {
            None => self.refuse(CommandRefused::NotInSession),
            Some(inside) if !inside.shown.contains_key(&peer) => {
                self.refuse(CommandRefused::NoSuchParticipant(peer));
            }
            Some(_) => self.send(peer, message),
        }
    }

    pub(super) fn on_offer(&mut self, from: PeerId, offer: MediaOffer) {
        let now = self.now;
        let Some(inside) = self.inside_mut() else { return self.ignore() };
        if inside.links.contains_key(&from) {
            return self.event(SessionEvent::MediaOffered { peer: from, offer });
        }
        if inside.state.is_removed(from)
            || (inside.early_offers.len() >= EARLY_OFFERS_MAX && !inside.early_offers.contains_key(&from))
        {
            return self.ignore();
        }
        inside.early_offers.insert(from, (now, offer));
    }

    pub(super) fn on_media_path(&mut self, from: PeerId, path: MediaPath) {
        if self.is_linked(from) {
            self.event(SessionEvent::MediaPathChanged { peer: from, path });
        } else {
            self.ignore();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_lines_at_once_and_then_one_a_second() {
        let mut buckets = BTreeMap::new();
        let peer = PeerId::from_bytes([1; 32]);
        let mut said = |ms| Bucket::take(&mut buckets, peer, Timestamp::from_millis(ms));
        assert_eq!((0..20).filter(|_| said(0)).count(), 8);
        assert!(!said(999));
        assert!(said(1_000) && !said(1_001));
        assert_eq!((0..20).filter(|_| said(60_000)).count(), 8, "no more than eight are saved up");
    }

    #[test]
    fn who_would_be_forgotten_first_makes_room() {
        let mut former = BTreeMap::new();
        for index in 0..=ROSTER_MAX as u8 {
            let until = Timestamp::from_millis(100 - u64::from(index));
            let one = Former { addrs: Addrs::default(), until };
            Former::remember(&mut former, PeerId::from_bytes([index; 32]), one);
        }
        assert_eq!(former.len(), ROSTER_MAX);
        assert!(!former.contains_key(&PeerId::from_bytes([ROSTER_MAX as u8; 32])));
    }
}
