//! The sound card in use, and how loud it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::rounded::{tenths, thousandths};

/// The sound card in use.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// For people: its name, rate, period and channels.
    pub description: String,
    /// Its ports or channels, by name.
    pub ports: Vec<String>,
    /// Samples a second.
    pub rate_hz: u32,
    /// Samples per channel a callback; 0 if it varies.
    pub period: u32,
    /// Channels taken from it.
    pub input_channels: u32,
    /// Channels given to it.
    pub output_channels: u32,
    /// Whether the callback's priority is raised, and if not why, in words.
    pub priority: String,
    /// Times it asked for samples we did not have, or gave more than we took.
    pub xruns: u64,
    /// Of a virtual card: where its samples lie in time; `null` of a real one.
    #[serde(default)]
    pub clock: Option<CardClock>,
}

impl Card {
    /// Whether it is made of a clock: nobody hears what is played to it.
    #[must_use]
    pub const fn is_virtual(&self) -> bool {
        self.clock.is_some()
    }

    /// The period in samples of 48 kHz; 0 if it varies.
    #[must_use]
    pub const fn period_at_48k(&self) -> u32 {
        if self.rate_hz == 0 {
            return self.period;
        }
        (self.period as u64 * crate::domain::time::RATE_HZ as u64 / self.rate_hz as u64) as u32
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)?;
        if !self.ports.is_empty() {
            write!(f, "; ports {}", self.ports.join(", "))?;
        }
        if !self.priority.is_empty() {
            write!(f, "; priority: {}", self.priority)?;
        }
        if self.xruns > 0 {
            write!(f, ", {} xruns", self.xruns)?;
        }
        Ok(())
    }
}

/// A thread that must not be late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadPriority {
    /// `card`, `encoder`, `receive`.
    pub thread: String,
    /// Whether its priority is raised, and if not why, in words.
    pub priority: String,
    /// What to do; empty where nothing is amiss.
    #[serde(default)]
    pub remedy: String,
}

/// Where a virtual card's samples lie in time, so that files of several can be laid side by side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CardClock {
    /// Sample 0 of the output file, in ns of this machine's monotonic clock.
    pub began_ns: u64,
    /// Samples per channel a second, as it really runs.
    pub rate_hz: f64,
    /// Sample at which the first sample of the input was played.
    pub input_began: u64,
}

/// Reply to `audio.level`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    /// Peak of your input, in dBFS.
    #[serde(serialize_with = "tenths")]
    pub input_peak_db: f32,
    /// RMS of your input, in dBFS.
    #[serde(serialize_with = "tenths")]
    pub input_rms_db: f32,
    /// Samples of your input beyond full scale.
    pub input_clips: u64,
    /// Peak of what you hear, in dBFS.
    #[serde(serialize_with = "tenths")]
    pub output_peak_db: f32,
    /// RMS of what you hear, in dBFS.
    #[serde(serialize_with = "tenths")]
    pub output_rms_db: f32,
    /// Samples the limiter had to hold down.
    pub output_clips: u64,
}

impl Default for Levels {
    fn default() -> Self {
        use crate::domain::level::SILENCE_DB;
        Self {
            input_peak_db: SILENCE_DB,
            input_rms_db: SILENCE_DB,
            input_clips: 0,
            output_peak_db: SILENCE_DB,
            output_rms_db: SILENCE_DB,
            output_clips: 0,
        }
    }
}

/// Reply to `audio.measure`: from your output back into your input, by a cable or through the air.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RoundTrip {
    /// How long it takes: both blocks, both converters, and what is between.
    #[serde(serialize_with = "thousandths")]
    pub round_trip_ms: f64,
    /// The same in samples of 48 kHz.
    pub round_trip_samples: u32,
    /// How loud what was played (at -20 dBFS) came back, in dBFS.
    #[serde(serialize_with = "tenths")]
    pub heard_db: f32,
}
