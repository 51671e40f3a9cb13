//! Who is in a session.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::mic::MicState;
use super::peer_id::PeerId;
use super::profile::Profile;

/// Participants a roster holds at most: twice the largest size limit, because two halves of a split
/// session may both have filled up before they merge, and nobody alive is thrown out by that.
pub const ROSTER_MAX: usize = 32;

/// Addresses kept per participant; more are cut.
pub const ADDRS_MAX: usize = 8;

/// Bytes of one address; longer ones are dropped.
pub const ADDR_BYTES_MAX: usize = 128;

/// Bytes of one participant's addresses together; those past it are cut.
pub const ADDR_BYTES_TOTAL_MAX: usize = 512;

/// What a participant came for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seat {
    /// Plays and hears.
    #[default]
    Player,
    /// Hears only: sends no sound.
    Listener,
}

/// Whether a participant answers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Heard of in the last seconds.
    #[default]
    Here,
    /// Silent; the seat is kept for a while.
    Away,
}

/// A person in a session, self included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Who.
    pub peer: PeerId,
    /// Their card.
    pub profile: Profile,
    /// Plays or listens.
    #[serde(default)]
    pub seat: Seat,
    /// What their microphone does.
    #[serde(default)]
    pub mic: MicState,
    /// Whether they answer, as the steward sees it.
    #[serde(default)]
    pub presence: Presence,
    /// Order of seniority: who is lower came first; a steward's successor is the lowest present.
    pub standing: i64,
    /// Random, new with every admission: tells who sat here before from who came back, even where two
    /// halves of a session gave out the same standing.
    pub incarnation: u64,
    /// Counts the changes a participant made to their own line; the newest wins.
    pub revision: u64,
    /// Where their control path listens, as multiaddresses, for those who cannot find them otherwise.
    #[serde(default)]
    pub addrs: Addrs,
}

impl Participant {
    /// Seniority: lower came first. The key decides between equals, so that any two differ.
    #[must_use]
    pub const fn seniority(&self) -> Seniority {
        Seniority { standing: self.standing, peer: self.peer, incarnation: self.incarnation }
    }
}

/// A place in the order of seniority; lower is more senior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seniority {
    /// Given by the steward who admitted, or handed over.
    pub standing: i64,
    /// Decides between equals.
    pub peer: PeerId,
    /// Which admission of that peer.
    pub incarnation: u64,
}

/// A few addresses as text: at most [`ADDRS_MAX`], printable ASCII, bounded.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Addrs(Vec<String>);

impl From<Vec<String>> for Addrs {
    fn from(addrs: Vec<String>) -> Self {
        let mut bytes = 0;
        Self(
            addrs
                .into_iter()
                .filter(|addr| {
                    (1..=ADDR_BYTES_MAX).contains(&addr.len()) && addr.bytes().all(|b| b.is_ascii_graphic())
                })
                .take(ADDRS_MAX)
                .take_while(|addr| {
                    bytes += addr.len();
                    bytes <= ADDR_BYTES_TOTAL_MAX
                })
                .collect(),
        )
    }
}

impl From<Addrs> for Vec<String> {
    fn from(addrs: Addrs) -> Self {
        addrs.0
    }
}

impl Addrs {
    /// The addresses.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// The participants of a session, most senior first, each peer once, at most [`ROSTER_MAX`].
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Participant>", into = "Vec<Participant>")]
pub struct Roster(Vec<Participant>);

/// Why a list of participants is not a roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RosterError {
    /// More than [`ROSTER_MAX`].
    TooMany,
    /// One peer sits twice.
    Twice(PeerId),
}

impl fmt::Display for RosterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "a roster holds at most {ROSTER_MAX} participants"),
            Self::Twice(peer) => write!(f, "{} sits twice", peer.fingerprint()),
        }
    }
}

impl std::error::Error for RosterError {}

impl TryFrom<Vec<Participant>> for Roster {
    type Error = RosterError;

    fn try_from(mut list: Vec<Participant>) -> Result<Self, RosterError> {
        if list.len() > ROSTER_MAX {
            return Err(RosterError::TooMany);
        }
        list.sort_by_key(Participant::seniority);
        for (index, one) in list.iter().enumerate() {
            if list[..index].iter().any(|other| other.peer == one.peer) {
                return Err(RosterError::Twice(one.peer));
            }
        }
        Ok(Self(list))
    }
}

impl From<Roster> for Vec<Participant> {
    fn from(roster: Roster) -> Self {
        roster.0
    }
}

impl Roster {
    /// Most senior first.
    pub fn iter(&self) -> std::slice::Iter<'_, Participant> {
        self.0.iter()
    }

    /// Participants, those who are away included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody sits here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This peer's line.
    #[must_use]
    pub fn find(&self, peer: PeerId) -> Option<&Participant> {
        self.0.iter().find(|participant| participant.peer == peer)
    }

    /// Whether this peer sits here.
    #[must_use]
    pub fn contains(&self, peer: PeerId) -> bool {
        self.find(peer).is_some()
    }

    /// Seats a participant, or replaces their line; false if the roster is full.
    pub fn seat(&mut self, participant: Participant) -> bool {
        self.0.retain(|other| other.peer != participant.peer);
        if self.0.len() >= ROSTER_MAX {
            return false;
        }
        self.0.push(participant);
        self.0.sort_by_key(Participant::seniority);
        true
    }

    /// Takes a participant out.
    pub fn remove(&mut self, peer: PeerId) -> Option<Participant> {
        let index = self.0.iter().position(|participant| participant.peer == peer)?;
        Some(self.0.remove(index))
    }

    /// A standing after everyone's: the newcomer's.
    #[must_use]
    pub fn last_standing(&self) -> i64 {
        self.0.iter().map(|participant| participant.standing).max().map_or(0, |last| last.saturating_add(1))
    }

    /// A standing before everyone's: who gets the stewardship by hand.
    #[must_use]
    pub fn first_standing(&self) -> i64 {
        self.0.iter().map(|participant| participant.standing).min().map_or(0, |first| first.saturating_sub(1))
    }
}

impl<'a> IntoIterator for &'a Roster {
    type Item = &'a Participant;
    type IntoIter = std::slice::Iter<'a, Participant>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn participant(key: u8, standing: i64) -> Participant {
        Participant {
            peer: PeerId::from_bytes([key; 32]),
            profile: Profile::new("Ana", &["bass"]),
            seat: Seat::Player,
            mic: MicState::Live,
            presence: Presence::Here,
            standing,
            revision: 0,
            incarnation: 0,
            addrs: Addrs::default(),
        }
    }

    #[test]
    fn the_most_senior_stands_first_and_the_key_decides_between_equals() {
        let roster = Roster::try_from(vec![participant(3, 1), participant(2, 0), participant(1, 1)]).unwrap();
        let keys: Vec<u8> = roster.iter().map(|one| one.peer.as_bytes()[0]).collect();
        assert_eq!(keys, [2, 1, 3]);
        assert_eq!((roster.first_standing(), roster.last_standing()), (-1, 2));
    }

    #[test]
    fn nobody_sits_twice_and_a_full_roster_says_so() {
        assert_eq!(
            Roster::try_from(vec![participant(1, 0), participant(1, 1)]),
            Err(RosterError::Twice(PeerId::from_bytes([1; 32])))
        );
        let mut roster =
            Roster::try_from((0..ROSTER_MAX as u8).map(|key| participant(key, 0)).collect::<Vec<_>>())
                .unwrap();
        assert!(roster.seat(participant(0, 9)), "the same peer again takes their own seat");
        assert!(!roster.seat(participant(200, 9)));
        assert_eq!(roster.len(), ROSTER_MAX);
    }

    #[test]
    fn addresses_from_outside_are_bounded() {
        let addrs =
            Addrs::from(vec!["/ip4/10.0.0.1/tcp/1".to_owned(), "a b".into(), "x".repeat(200), String::new()]);
        assert_eq!(addrs.as_slice(), ["/ip4/10.0.0.1/tcp/1"]);
        assert_eq!(Addrs::from(vec!["x".repeat(100); 50]).as_slice().len(), 5);
    }
}
