//! What is said about moments of a take: gaps, marks, tempo, log.

use serde::{Deserialize, Serialize};

use crate::domain::name::Name;

/// Why a piece of a track is not what was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapWhy {
    /// They were not in the jam, or had not agreed yet: silent.
    Away,
    /// Lost on the way: invented from what was heard before.
    Concealed,
    /// The disk was too slow: silent.
    Disk,
    /// The sound card stood still: silent.
    Card,
}

/// A piece of a track that is not what was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where it begins, in samples.
    pub at: u64,
    /// How long it is; for what was invented: how much within the piece was.
    pub samples: u64,
    /// Why.
    pub why: GapWhy,
}

/// A moment worth finding again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where, in samples.
    pub at: u64,
    /// What it is called; empty for none.
    #[serde(default)]
    pub text: String,
}

/// From here on the beat is this.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TempoChange {
    /// Where, in samples.
    pub at: u64,
    /// Beats a minute.
    pub bpm: f64,
    /// Beats in a bar.
    pub beats: u8,
}

/// What happened in a take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogWhat {
    /// The take began.
    Began,
    /// Someone agreed to be recorded.
    Agreed,
    /// Someone refused to be recorded.
    Refused,
    /// Someone was taken out again.
    Withdrew,
    /// Someone's line begins, or goes on after they were away.
    Joined,
    /// Someone's line stops.
    Left,
    /// The sound card stood still for a while.
    CardStopped,
    /// The disk was too slow.
    DiskSlow,
    /// The disk is nearly full.
    DiskFull,
    /// The take ended.
    Ended,
    /// The program was ended in the middle of the take.
    Interrupted,
    /// A line as heard was replaced by the player's own.
    StemReceived,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Where, in samples.
    pub at: u64,
    /// What.
    pub what: LogWhat,
    /// Who, if it is of somebody.
    #[serde(default)]
    pub who: Option<Name>,
    /// More, in words.
    #[serde(default)]
    pub words: String,
}
