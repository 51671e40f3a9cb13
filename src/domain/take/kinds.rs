//! The kinds of things in a take: what a word in `take.json`, and on the local socket, may be.

use serde::{Deserialize, Serialize};

/// What someone said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Record me.
    Yes,
    /// Do not record me.
    No,
    /// I was recorded, and want to be taken out again.
    Withdrawn,
}

/// How a take came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeKind {
    /// Recorded from its start on.
    Recorded,
    /// Kept from memory afterwards.
    Grabbed,
    /// Brought from another machine.
    Imported,
}

/// How far a take is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeState {
    /// Being written.
    Recording,
    /// Whole.
    Ended,
    /// Its program was ended in the middle; everything up to the last second is there.
    Recovered,
}

/// What a track is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackKind {
    /// The keeper's own line, from before the network: lossless.
    Own,
    /// Another player, as heard here: what was lost is invented, and marked.
    Heard,
    /// Another player's own line, from their own machine: lossless.
    Stem,
    /// Everyone on a track, as loud as they were heard.
    Mix,
    /// The same without the keeper.
    MixWithoutMe,
}

/// How the samples of a file are written. Both are 24 bits an integer, little end first in WAV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioFormat {
    /// While it is recorded, and until the other is proven to be the same.
    Wav,
    /// Afterwards.
    Flac,
}

/// What became of a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawOutcome {
    /// Their lines are gone, and so is every mix they were in.
    Removed,
    /// There was nothing of them here.
    NothingHere,
    /// It could not be done; the holder was told why.
    Failed,
}
