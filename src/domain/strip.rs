//! What a listener sets for one participant: their line in the mixer, and how long it is held.

use serde::{Deserialize, Serialize};

use super::level::{Gain, Pan};

/// One participant's line in the mixer; remembered per key, not per name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StripSettings {
    /// Set loudness.
    pub gain: Gain,
    /// Place between the ears.
    pub pan: Pan,
    /// Silent for me; wins over solo.
    pub muted: bool,
    /// While any strip is solo, the others are silent.
    pub solo: bool,
}

impl Default for StripSettings {
    fn default() -> Self {
        Self { gain: Gain::UNITY, pan: Pan::CENTRE, muted: false, solo: false }
    }
}

/// How the playout delay of one participant is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayMode {
    /// Follows the link. `bias`: -1.0 quick (accepts more hidden gaps) .. 0.0 .. 1.0 safe.
    Auto {
        /// Clamped to -1.0..=1.0 where it is used.
        bias: f32,
    },
    /// Held at this many ms, whatever the link does.
    Fixed {
        /// Playout delay in ms.
        ms: f32,
    },
}

impl Default for DelayMode {
    fn default() -> Self {
        Self::Auto { bias: 0.0 }
    }
}
