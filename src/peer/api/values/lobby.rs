//! The network: jams and people on it, and the way to this peer.

use serde::{Deserialize, Serialize};

use super::Person;

/// Reply to `ls`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Open and closed jams.
    pub jams: Vec<ListedJam>,
    /// People, you not among them.
    pub people: Vec<ListedPerson>,
}

/// One jam on the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedJam {
    /// Its id, hex.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who is in it, as far as we see them.
    pub people: Vec<Person>,
    /// People in it.
    pub count: u32,
    /// People it holds.
    pub max: u32,
    /// Whether a code word is needed.
    pub closed: bool,
    /// Whether you are in it.
    pub here: bool,
}

/// One person on the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPerson {
    /// 64 hex digits.
    pub key: String,
    /// Eight hex digits people can compare aloud.
    pub fingerprint: String,
    /// Safe to print.
    pub name: String,
    /// Instruments.
    pub plays: Vec<String>,
    /// What they like.
    #[serde(default)]
    pub interests: Vec<String>,
    /// The colour of their name, one of `red`, `gold`, `green`, `teal`, `sky`, `violet`; `null` without one.
    #[serde(default)]
    pub colour: Option<String>,
    /// At most four columns to stand beside their name, safe to print; `null` without any.
    #[serde(default)]
    pub avatar: Option<String>,
    /// Name of the jam they are in; `null` in the lobby.
    pub jam: Option<String>,
    /// Addresses we saw them at.
    pub addresses: Vec<String>,
    /// Whether you blocked them.
    pub blocked: bool,
}

/// Reply to `ticket`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// To be pasted after `jamtty join`.
    pub ticket: String,
    /// The same as a QR code: rows of text drawn with half blocks.
    pub qr: Vec<String>,
}
