//! One line of a take, and the files it lies in.

use serde::{Deserialize, Serialize};

use super::marking::Gap;
use super::{AudioFormat, Player, TrackKind};

/// One file of a track. A track is all of its files one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackFile {
    /// Its name in the take's folder, without any folder.
    pub name: String,
    /// How it is written.
    pub format: AudioFormat,
    /// Samples per channel.
    pub samples: u64,
    /// BLAKE3 of the whole file, 64 hex digits; empty while it is written.
    #[serde(default)]
    pub blake3: String,
}

/// One line of a take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Its number in the take; never used again when it is taken out.
    pub number: u16,
    /// What it is of.
    pub kind: TrackKind,
    /// Whose line; `None` for a mix.
    #[serde(default)]
    pub player: Option<Player>,
    /// 1 or 2.
    pub channels: u8,
    /// In the order in which they are played.
    pub files: Vec<TrackFile>,
    /// Where it is silent or invented, and why; in order, never one inside another.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

impl Track {
    /// Samples per channel of all its files.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.files.iter().map(|file| file.samples).sum()
    }
}
