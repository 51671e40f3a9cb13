//! What the index holds, as plain values: small enough to be in memory whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::badge::{Avatar, NameColour, known_colour, sound_avatar};
use crate::domain::level::{Gain, Pan};
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::strip::{DelayMode, StripSettings};

/// Jams remembered; the oldest is forgotten. More than anyone scrolls through.
pub const RECENT_JAMS_MAX: usize = 50;

/// People whose strip or delay is remembered; who was changed longest ago is forgotten.
/// Larger: a bigger index at every start. Smaller: a festival forgets its regulars.
pub const PEOPLE_MAX: usize = 4_096;

/// People blocked; the oldest block is forgotten beyond it, far past what a person sets by hand.
pub const BLOCKED_MAX: usize = 4_096;

/// Peers and addresses kept of one jam, instruments and interests of the profile; the rest is cut.
pub const LIST_MAX: usize = 32;

/// Bytes kept of one text that is not a name (an address, a session id); longer ones are cut.
const TEXT_BYTES_MAX: usize = 256;

/// What a person says of themselves, and how much of it they show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Shown to others if [`Profile::share_name`].
    pub name: Name,
    /// What they play, as they call it; at most [`LIST_MAX`].
    pub instruments: Vec<Name>,
    /// What they like; at most [`LIST_MAX`].
    pub interests: Vec<Name>,
    /// The colour of their name.
    #[serde(deserialize_with = "known_colour")]
    pub colour: Option<NameColour>,
    /// The characters beside it.
    #[serde(deserialize_with = "sound_avatar")]
    pub avatar: Option<Avatar>,
    /// Others see the name; if not, they see the key's fingerprint.
    pub share_name: bool,
    /// Others see the instruments.
    pub share_instruments: bool,
    /// Others see the interests.
    pub share_interests: bool,
    /// Others see the colour.
    pub share_colour: bool,
    /// Others see the avatar.
    pub share_avatar: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            name: Name::new(""),
            instruments: Vec::new(),
            interests: Vec::new(),
            colour: None,
            avatar: None,
            share_name: true,
            share_instruments: true,
            share_interests: true,
            share_colour: true,
            share_avatar: true,
        }
    }
}

impl Profile {
    /// Cuts its lists to their bounds.
    pub(super) fn cut(&mut self) {
        self.instruments.truncate(LIST_MAX);
        self.interests.truncate(LIST_MAX);
    }
}

/// What is remembered of one other person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Person {
    /// Their line in the mixer, if it was ever set.
    pub(super) strip: Option<StripSettings>,
    /// Their playout delay, if it was ever set.
    pub(super) delay: Option<DelayMode>,
    /// When either was set last, in seconds of Unix time.
    pub(super) changed_unix_s: u64,
}

/// A jam this profile was in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentJam {
    /// The jam's name.
    pub name: Name,
    /// The session's id in hex: the same jam again replaces the older entry.
    pub session: String,
    /// Who was there; at most [`LIST_MAX`].
    #[serde(with = "keys_text")]
    pub peers: Vec<PeerId>,
    /// Where they could be reached; at most [`LIST_MAX`].
    pub addresses: Vec<String>,
    /// When we were last in it, in seconds of Unix time.
    pub at_unix_s: u64,
}

/// A person this profile does not want to meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Who.
    #[serde(with = "key_text")]
    pub peer: PeerId,
    /// The name they had then.
    pub name: Name,
    /// Since when, in seconds of Unix time.
    pub at_unix_s: u64,
}

/// Everything the index holds. Bounded: see the constants of this file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Contents {
    pub(super) profile: Option<Profile>,
    #[serde(with = "people_text")]
    pub(super) people: BTreeMap<PeerId, Person>,
    /// Newest first.
    pub(super) jams: Vec<RecentJam>,
    /// Newest first.
    pub(super) blocked: Vec<Blocked>,
}

impl Contents {
    /// Cuts everything to its bounds and puts it in order; settings that no fader gives become
    /// the nearest that one does. For values read from a disk.
    pub(super) fn made_sound(mut self) -> Self {
        if let Some(profile) = &mut self.profile {
            profile.cut();
        }
        for person in self.people.values_mut() {
            person.strip = person.strip.map(sound_strip);
            person.delay = person.delay.map(sound_delay);
        }
        let jams = std::mem::take(&mut self.jams);
        jams.into_iter().rev().for_each(|jam| self.remember_jam(jam));
        self.jams.sort_by_key(|jam| std::cmp::Reverse(jam.at_unix_s));
        self.blocked.sort_by_key(|blocked| std::cmp::Reverse(blocked.at_unix_s));
        self.blocked.truncate(BLOCKED_MAX);
        self.forget_people_beyond(PEOPLE_MAX);
        self
    }

    pub(super) fn remember_jam(&mut self, mut jam: RecentJam) {
        jam.peers.truncate(LIST_MAX);
        jam.addresses.truncate(LIST_MAX);
        jam.addresses.iter_mut().for_each(cut);
        cut(&mut jam.session);
        self.jams.retain(|other| other.session != jam.session);
        self.jams.insert(0, jam);
        self.jams.truncate(RECENT_JAMS_MAX);
    }

    pub(super) fn block(&mut self, blocked: Blocked) {
        self.unblock(blocked.peer);
        self.blocked.insert(0, blocked);
        self.blocked.truncate(BLOCKED_MAX);
    }

    pub(super) fn unblock(&mut self, peer: PeerId) {
        self.blocked.retain(|other| other.peer != peer);
    }

    pub(super) fn person_mut(&mut self, peer: PeerId, now_unix_s: u64) -> &mut Person {
        if !self.people.contains_key(&peer) {
            self.forget_people_beyond(PEOPLE_MAX - 1);
        }
        let person = self.people.entry(peer).or_default();
        person.changed_unix_s = now_unix_s;
        person
    }

    fn forget_people_beyond(&mut self, count_max: usize) {
        while self.people.len() > count_max {
            let oldest = self.people.iter().min_by_key(|(_, person)| person.changed_unix_s);
            let Some(peer) = oldest.map(|(peer, _)| *peer) else { return };
            self.people.remove(&peer);
        }
    }
}

/// The same settings, if a fader could have set them; else the nearest ones.
pub(super) fn sound_strip(strip: StripSettings) -> StripSettings {
    let linear = strip.gain.linear();
    let possible = (0.0..=Gain::from_db(Gain::DB_MAX).linear()).contains(&linear);
    let gain = if possible { strip.gain } else { Gain::from_db(strip.gain.db()) };
    let gain = if linear.is_nan() { Gain::UNITY } else { gain };
    StripSettings { gain, pan: Pan::new(strip.pan.position()), ..strip }
}

/// A bias within its range, a delay from 0 to 1000 ms.
pub(super) fn sound_delay(delay: DelayMode) -> DelayMode {
    match delay {
        DelayMode::Auto { bias } if bias.is_nan() => DelayMode::default(),
        DelayMode::Auto { bias } => DelayMode::Auto { bias: bias.clamp(-1.0, 1.0) },
        DelayMode::Fixed { ms } if ms.is_nan() => DelayMode::default(),
        DelayMode::Fixed { ms } => DelayMode::Fixed { ms: ms.clamp(0.0, 1_000.0) },
    }
}

fn cut(text: &mut String) {
    let end = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
}

/// A key as 64 hex digits in text formats.
mod key_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::PeerId;

    pub(super) fn serialize<S: Serializer>(peer: &PeerId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(peer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PeerId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

mod keys_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::PeerId;

    pub(super) fn serialize<S: Serializer>(peers: &[PeerId], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(peers.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PeerId>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

mod people_text {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{PeerId, Person};

    pub(super) fn serialize<S: Serializer>(
        people: &BTreeMap<PeerId, Person>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(people.iter().map(|(peer, person)| (peer.to_string(), person)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<PeerId, Person>, D::Error> {
        let texts = BTreeMap::<String, Person>::deserialize(deserializer)?;
        texts
            .into_iter()
            .map(|(peer, person)| Ok((peer.parse().map_err(D::Error::custom)?, person)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jam(session: &str, at_unix_s: u64) -> RecentJam {
        RecentJam {
            name: Name::new("jam"),
            session: session.to_owned(),
            peers: Vec::new(),
            addresses: vec!["é".repeat(400)],
            at_unix_s,
        }
    }

    #[test]
    fn the_fifty_first_jam_forgets_the_oldest_and_a_known_one_moves_up() {
        let mut contents = Contents::default();
        (0..51).for_each(|at| contents.remember_jam(jam(&at.to_string(), at)));
        assert_eq!(contents.jams.len(), RECENT_JAMS_MAX);
        assert!(!contents.jams.iter().any(|jam| jam.session == "0"));
        contents.remember_jam(jam("7", 99));
        assert_eq!((contents.jams.len(), contents.jams[0].at_unix_s), (RECENT_JAMS_MAX, 99));
        assert_eq!(contents.jams[0].addresses[0].len(), TEXT_BYTES_MAX);
    }

    #[test]
    fn whoever_was_changed_longest_ago_is_forgotten_first() {
        let mut contents = Contents::default();
        let peer = |n: u16| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&n.to_be_bytes());
            PeerId::from_bytes(key)
        };
        (0..=PEOPLE_MAX as u16).for_each(|n| {
            contents.person_mut(peer(n), u64::from(n) + 1);
        });
        assert_eq!(contents.people.len(), PEOPLE_MAX);
        assert!(!contents.people.contains_key(&peer(0)) && contents.people.contains_key(&peer(1)));
    }

    #[test]
    fn settings_that_no_fader_gives_are_made_sound() {
        let strip = |gain: f32| -> StripSettings {
            let gain = gain.to_bits();
            let gain: Gain = postcard::from_bytes(&gain.to_le_bytes()).unwrap();
            sound_strip(StripSettings { gain, ..StripSettings::default() })
        };
        assert_eq!(strip(f32::NAN).gain, Gain::UNITY);
        assert_eq!(strip(-1.0).gain, Gain::ZERO);
        assert!((strip(1e9).gain.db() - Gain::DB_MAX).abs() < 1e-3);
        assert_eq!(strip(0.123).gain.linear(), 0.123);
        assert_eq!(sound_delay(DelayMode::Fixed { ms: f32::INFINITY }), DelayMode::Fixed { ms: 1_000.0 });
        assert_eq!(sound_delay(DelayMode::Auto { bias: f32::NAN }), DelayMode::default());
    }
}
