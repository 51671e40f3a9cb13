//! What a microphone does: the same word on the wire, on the socket and on the screen.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What others hear of someone, told to them so that silence has a reason.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MicState {
    /// Heard.
    Live,
    /// Muted themselves: how everyone comes in.
    #[default]
    Muted,
    /// Sits in a listen-only seat: sends nothing.
    Listen,
    /// Silent both ways until `panic.off`.
    Panic,
}

impl fmt::Display for MicState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "LIVE",
            Self::Muted => "MUTED",
            Self::Listen => "LISTEN",
            Self::Panic => "PANIC",
        })
    }
}
