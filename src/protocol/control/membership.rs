//! What those who sit in a session say to each other.

use serde::{Deserialize, Serialize};

use crate::domain::peer_id::PeerId;
use crate::domain::roster::{Participant, Seniority};
use crate::domain::session::{SessionId, SessionState};

/// See [`ControlMessage::Snapshot`](super::ControlMessage::Snapshot) and [`ControlMessage::Merge`](super::ControlMessage::Merge).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The state.
    pub state: SessionState,
    /// The steward's heartbeat when this was sent, first hand or as heard.
    pub beat: u64,
    /// Proof that the sender was admitted once.
    pub proof: [u8; 32],
}

/// See [`ControlMessage::Pulse`](super::ControlMessage::Pulse).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    /// Which session.
    pub session: SessionId,
    /// Whose line of states I follow.
    pub lead: Seniority,
    /// Its newest version I have.
    pub version: u64,
    /// The newest heartbeat of that steward I know of.
    pub beat: u64,
    /// Whether that heartbeat stands still for me.
    #[serde(default)]
    pub lost: bool,
    /// Whom I hear myself.
    pub hears: Vec<PeerId>,
    /// Proof that the sender was admitted once.
    pub proof: [u8; 32],
}

/// See [`ControlMessage::Line`](super::ControlMessage::Line).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which session.
    pub session: SessionId,
    /// The line; its peer is the sender, or whom the sender passes it on for.
    pub participant: Participant,
    /// Proof that the sender was admitted once.
    pub proof: [u8; 32],
}

/// See [`ControlMessage::Removed`](super::ControlMessage::Removed).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// From which session.
    pub session: SessionId,
    /// Whose line of states says so: it must be older than the one the removed peer follows.
    pub lead: Seniority,
    /// Proof that the sender was admitted once.
    pub proof: [u8; 32],
}

/// See [`ControlMessage::Goodbye`](super::ControlMessage::Goodbye).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// Which session is left.
    pub session: SessionId,
    /// The state without the one who goes, if they were its steward.
    #[serde(default)]
    pub state: Option<SessionState>,
}

/// See [`ControlMessage::Chat`](super::ControlMessage::Chat).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Which session.
    pub session: SessionId,
    /// At most [`CHAT_CHARS_MAX`](super::CHAT_CHARS_MAX) characters; made safe before it is shown.
    pub text: String,
}
