//! A take: one recording of a jam, as `take.json` describes it, completely.
//!
//! World: all of them. Positions are samples per channel at 48 kHz since the take began; every track of a take
//! begins at sample 0, whenever its player came. A take's folder is understood by this file alone: names and
//! keys of the players, who agreed, what is in each file, where a track is silent or invented, marks and log.

mod consent;
mod kinds;
mod marking;
mod receipt;
mod track;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use consent::{Consent, SIGNATURE_BYTES};
pub use kinds::{Answer, AudioFormat, TakeKind, TakeState, TrackKind, WithdrawOutcome};
pub use marking::{Gap, GapWhy, LogEntry, LogWhat, Mark, TempoChange};
pub use receipt::Receipt;
pub use track::{Track, TrackFile};

use super::name::Name;
use super::peer_id::PeerId;
use super::session::SessionId;

/// The version of `take.json` that is written.
pub const TAKE_VERSION: u16 = 1;

/// Tracks of one take: sixteen players, each heard and their own line, and the mixes.
pub const TRACKS_MAX: usize = 40;

/// Tags of one take.
pub const TAGS_MAX: usize = 16;

/// Characters of a take's note.
pub const NOTE_CHARS_MAX: usize = 2_000;

/// Which take: 16 random bytes of whoever began it; the same at everyone who was in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TakeId([u8; 16]);

impl TakeId {
    /// The take of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for TakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "TakeId({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

/// A take id is 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeIdError;

impl fmt::Display for TakeIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a take id is 32 hex digits")
    }
}

impl std::error::Error for TakeIdError {}

impl FromStr for TakeId {
    type Err = TakeIdError;

    fn from_str(text: &str) -> Result<Self, TakeIdError> {
        text.parse::<SessionId>().map(|id| Self(*id.as_bytes())).map_err(|_| TakeIdError)
    }
}

impl Serialize for TakeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TakeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Someone in a take. Two players of one name are told apart by their key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Player {
    /// Their key, 64 hex digits.
    #[serde(with = "hex_key")]
    pub key: PeerId,
    /// What they were called.
    pub name: Name,
    /// What they played.
    #[serde(default)]
    pub instruments: Vec<Name>,
}

/// A take, as `take.json` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Take {
    /// [`TAKE_VERSION`].
    pub v: u16,
    /// Which.
    pub id: TakeId,
    /// What it is called.
    pub name: Name,
    /// The jam it is of.
    pub jam: Name,
    /// The session it is of, 32 hex digits; empty for one played alone.
    #[serde(default)]
    pub session: String,
    /// When it began, RFC 3339, UTC, with milliseconds.
    pub started: String,
    /// Who began it.
    pub started_by: Player,
    /// Whose machine this copy was made on.
    pub kept_by: Player,
    /// How it came to be.
    pub kind: TakeKind,
    /// How far it is.
    pub state: TakeState,
    /// Samples per channel a second; 48,000.
    pub rate_hz: u32,
    /// Samples per channel.
    pub length_samples: u64,
    /// By how much the own line was moved towards the beginning, so that it lies where its player heard the
    /// others: the round trip of their card.
    #[serde(default)]
    pub round_trip_samples: u32,
    /// The lines, in the order in which they came.
    pub tracks: Vec<Track>,
    /// Who was asked and what they said, signed by each; in the order in which they said it.
    pub consents: Vec<Consent>,
    /// Beats, where they are known.
    #[serde(default)]
    pub tempo: Vec<TempoChange>,
    /// Moments worth finding again.
    #[serde(default)]
    pub marks: Vec<Mark>,
    /// What happened, and when.
    #[serde(default)]
    pub log: Vec<LogEntry>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<Name>,
    /// In the keeper's own words.
    #[serde(default)]
    pub note: String,
}

impl Take {
    /// The last word of this person; `None` if they were never asked.
    #[must_use]
    pub fn answer_of(&self, who: PeerId) -> Option<Answer> {
        self.consents.iter().rev().find(|consent| consent.who == who).map(|consent| consent.answer)
    }

    /// Everyone on a track, each once, in the order of the tracks.
    #[must_use]
    pub fn players(&self) -> Vec<&Player> {
        let mut found: Vec<&Player> = Vec::new();
        for player in self.tracks.iter().filter_map(|track| track.player.as_ref()) {
            if !found.iter().any(|one| one.key == player.key) {
                found.push(player);
            }
        }
        found
    }
}

/// A key as 64 hex digits: `PeerId` itself is written as bytes, which on the network are shorter.
pub(crate) mod hex_key {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::domain::peer_id::PeerId;

    pub(crate) fn serialize<S: Serializer>(key: &PeerId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(key)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PeerId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
