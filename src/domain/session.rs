//! A jam: who is in it, who orders its changes, who may come in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::peer_id::PeerId;
use super::profile::bounded;
use super::roster::{Participant, Roster, Seniority};

/// How many may sit in a session unless its founder says otherwise.
pub const SIZE_DEFAULT: u8 = 8;

/// The largest size limit: a full mesh of more streams is no jam.
pub const SIZE_MAX: u8 = 16;

/// Keys a session remembers as removed; the oldest are forgotten first.
pub const REMOVED_MAX: usize = 64;

/// Which session: 16 random bytes of its founder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// The session of these bytes.
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

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "SessionId({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

/// A session id is 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionIdError;

impl fmt::Display for SessionIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session id is 32 hex digits")
    }
}

impl std::error::Error for SessionIdError {}

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<Self, SessionIdError> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(SessionIdError);
        }
        let mut id = [0; 16];
        for (index, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| SessionIdError)?;
        }
        Ok(Self(id))
    }
}

/// Who may come in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Anyone on the network.
    #[default]
    Open,
    /// Who knows the code word.
    Closed,
}

/// All that the members of a session agree on.
///
/// One member, the steward, makes the changes and numbers them; the others take its newest version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawState")]
pub struct SessionState {
    /// Which session.
    pub id: SessionId,
    /// What it is called.
    pub name: Name,
    /// Who may come in.
    pub door: Door,
    /// How many may sit here, 1 to [`SIZE_MAX`]. After a merge there may be more.
    pub size_limit: u8,
    /// Who orders the changes; sits in the roster.
    pub steward: PeerId,
    /// Grows with every change of one steward.
    pub version: u64,
    /// Who is here, most senior first.
    pub roster: Roster,
    /// Keys that were removed and cannot come back; at most [`REMOVED_MAX`].
    pub removed: Vec<PeerId>,
}

impl SessionState {
    /// The steward's line.
    #[must_use]
    pub fn steward_line(&self) -> Option<&Participant> {
        self.roster.find(self.steward)
    }

    /// How old this line of states is: the seniority of its steward. Of two halves that meet, the
    /// one with the lower lead is the older, and stays.
    #[must_use]
    pub fn lead(&self) -> Seniority {
        self.steward_line().map_or(
            Seniority { standing: i64::MAX, peer: self.steward, incarnation: 0 },
            Participant::seniority,
        )
    }

    /// Whether this key was removed.
    #[must_use]
    pub fn is_removed(&self, peer: PeerId) -> bool {
        self.removed.contains(&peer)
    }

    /// Remembers a removed key, forgetting the oldest past [`REMOVED_MAX`].
    pub fn remember_removed(&mut self, peer: PeerId) {
        if !self.removed.contains(&peer) {
            if self.removed.len() >= REMOVED_MAX {
                self.removed.remove(0);
            }
            self.removed.push(peer);
        }
    }
}

/// As it comes from outside.
#[derive(Deserialize)]
struct RawState {
    id: SessionId,
    name: Name,
    door: Door,
    size_limit: u8,
    steward: PeerId,
    version: u64,
    roster: Roster,
    #[serde(default)]
    removed: Vec<PeerId>,
}

/// Why a state from outside is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateError {
    /// The steward does not sit in the roster.
    NoSteward,
    /// The size limit is 1 to [`SIZE_MAX`].
    Size(u8),
    /// More than [`REMOVED_MAX`] removed keys.
    TooManyRemoved,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSteward => f.write_str("the steward does not sit in the roster"),
            Self::Size(size) => write!(f, "a size limit of {size}; a session holds 1 to {SIZE_MAX}"),
            Self::TooManyRemoved => write!(f, "more than {REMOVED_MAX} removed keys"),
        }
    }
}

impl std::error::Error for StateError {}

impl TryFrom<RawState> for SessionState {
    type Error = StateError;

    fn try_from(raw: RawState) -> Result<Self, StateError> {
        if !raw.roster.contains(raw.steward) {
            return Err(StateError::NoSteward);
        }
        if raw.size_limit == 0 || raw.size_limit > SIZE_MAX {
            return Err(StateError::Size(raw.size_limit));
        }
        if raw.removed.len() > REMOVED_MAX {
            return Err(StateError::TooManyRemoved);
        }
        let RawState { id, name, door, size_limit, steward, version, roster, removed } = raw;
        Ok(Self { id, name: bounded(name), door, size_limit, steward, version, roster, removed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_reads_back_as_it_was_written() {
        let id = SessionId::from_bytes(std::array::from_fn(|i| i as u8 * 11));
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "zz", &"+1".repeat(16), &"é".repeat(16)] {
            assert_eq!(text.parse::<SessionId>(), Err(SessionIdError));
        }
    }
}
