//! What a newcomer and a steward say until one sits, or does not.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::peer_id::PeerId;
use crate::domain::profile::Profile;
use crate::domain::roster::{Addrs, Seat};
use crate::domain::session::{SessionId, SessionState};

/// See [`ControlMessage::Join`](super::ControlMessage::Join).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Which session; `None` is the one the receiver sits in.
    #[serde(default)]
    pub session: Option<SessionId>,
    /// Player or listener.
    pub seat: Seat,
    /// Who I am.
    pub profile: Profile,
    /// Where my control path listens.
    #[serde(default)]
    pub addrs: Addrs,
    /// My half of the code word exchange, [`PAKE_BYTES`](super::PAKE_BYTES) bytes, if I was given a code word.
    #[serde(default)]
    pub pake: Option<Vec<u8>>,
}

/// See [`ControlMessage::Redirect`](super::ControlMessage::Redirect).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// Which session.
    pub session: SessionId,
    /// Who admits.
    pub steward: PeerId,
    /// Where they listen.
    #[serde(default)]
    pub addrs: Addrs,
}

/// See [`ControlMessage::CodeChallenge`](super::ControlMessage::CodeChallenge).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge {
    /// Which session; part of what both sides prove.
    pub session: SessionId,
    /// [`PAKE_BYTES`](super::PAKE_BYTES) bytes.
    pub pake: Vec<u8>,
}

/// See [`ControlMessage::CodeProof`](super::ControlMessage::CodeProof).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeProof {
    /// Keyed hash over the whole exchange.
    pub mac: [u8; 32],
}

/// See [`ControlMessage::Admitted`](super::ControlMessage::Admitted).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// The session, newcomer included.
    pub state: SessionState,
    /// What members prove their membership with, to those who do not know them yet.
    pub secret: [u8; 32],
    /// Proof that the steward knows the code word; `None` if the session is open.
    #[serde(default)]
    pub mac: Option<[u8; 32]>,
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("state", &self.state).finish_non_exhaustive()
    }
}

/// See [`ControlMessage::Refused`](super::ControlMessage::Refused).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub reason: RefusedReason,
}

/// Why a steward does not admit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedReason {
    /// All seats are taken.
    Full {
        /// How many seats there are.
        size_limit: u8,
    },
    /// The session is closed: a code word is needed.
    CodeNeeded,
    /// The code word is not the session's.
    CodeWrong,
    /// Too many guesses of late.
    TooManyTries {
        /// Seconds to wait.
        wait_s: u16,
    },
    /// This key was removed from the session.
    Removed,
    /// They sit in no session, or in another.
    NoSuchSession,
    /// They have more newcomers than they can answer at once.
    Busy,
}
