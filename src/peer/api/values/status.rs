//! This peer: who it is, where it is, what it is doing.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::rounded::hundredths;
use super::{Card, Jam, Levels, MicState, Recording, ThreadPriority};

/// A person on the wire: the key is who they are, the name is what they call themselves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Person {
    /// 64 hex digits.
    pub key: String,
    /// Safe to print.
    pub name: String,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Where a peer is between start and jam.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In no jam.
    #[default]
    Lobby,
    /// On the way into one.
    Joining,
    /// In a jam.
    Jam,
}

/// Reply to `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Profile of this peer.
    pub profile: String,
    /// Its process.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
    /// Seconds since it began.
    pub uptime_s: u64,
    /// Where it is.
    pub place: Place,
    /// Who you are, and what of it others see.
    pub me: Me,
    /// What others hear of you.
    pub mic: MicState,
    /// How loud you hear yourself, dry; `null` if not at all.
    #[serde(serialize_with = "hundredths")]
    pub monitor_db: Option<f32>,
    /// How loud you hear everything.
    #[serde(serialize_with = "hundredths")]
    pub master_db: f32,
    /// The form of your stream, for people.
    pub format: String,
    /// The sound card; `null` before it is open or while it is gone.
    pub card: Option<Card>,
    /// Why there is no card; empty if there is one, or while the first is being opened.
    pub card_trouble: String,
    /// Threads that must not be late.
    #[serde(default)]
    pub threads: Vec<ThreadPriority>,
    /// How loud it is.
    pub levels: Levels,
    /// The jam; `null` in the lobby.
    pub jam: Option<Jam>,
    /// The recording that runs in the jam; `null` if none does.
    #[serde(default)]
    pub recording: Option<Recording>,
    /// Addresses at which this peer listens, as others may type them.
    pub addresses: Vec<String>,
}

/// Reply to `me.show` and `me.set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// 64 hex digits.
    pub key: String,
    /// Eight hex digits people can compare aloud.
    pub fingerprint: String,
    /// Your name.
    pub name: String,
    /// Your instruments.
    pub plays: Vec<String>,
    /// What you like.
    #[serde(default)]
    pub interests: Vec<String>,
    /// The colour of your name, one of `red`, `gold`, `green`, `teal`, `sky`, `violet`; `null` without one.
    #[serde(default)]
    pub colour: Option<String>,
    /// At most four columns to stand beside your name; `null` without any.
    #[serde(default)]
    pub avatar: Option<String>,
    /// Which of these fields others see: `name`, `plays`, `interests`, `colour`, `avatar`. The others
    /// never leave this machine; instead of a name that is not shared they see the fingerprint.
    #[serde(default = "all_fields")]
    pub shared: Vec<String>,
}

impl Me {
    /// Whether others see this field.
    #[must_use]
    pub fn shares(&self, field: &str) -> bool {
        self.shared.iter().any(|shared| shared == field)
    }
}

/// What a peer shares that says nothing about it: everything it knows of.
fn all_fields() -> Vec<String> {
    crate::domain::sharing::Field::ALL.map(|field| field.as_str().to_owned()).to_vec()
}
