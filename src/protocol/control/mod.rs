//! What peers say to each other on the session stream, and how it is written.
//!
//! Every message is one CBOR map `{"v": version, "m": message}`, at most [`MESSAGE_BYTES_MAX`].
//! Unknown fields are skipped. A message of another version is not read any further: the answer is
//! `{"speaks": ours, "heard": theirs}`, a form that never changes, so that every version can say both.

use serde::{Deserialize, Serialize};

use super::cbor;
use crate::domain::roster::ROSTER_MAX;

mod joining;
mod media;
mod membership;
mod recording;

#[cfg(test)]
mod tests;

pub use joining::{Admitted, CodeChallenge, CodeProof, JoinRequest, Redirect, Refused, RefusedReason};
pub use media::{MediaOffer, MediaPath};
pub use membership::{Chat, Goodbye, Line, Pulse, Removed, Snapshot};
pub use recording::{
    GRAB_SECONDS_MAX, RecordingAsk, RecordingHello, RecordingKind, RecordingMessage, RecordingStopped,
    StopWhy,
};

/// The version of the control protocol this program speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// Bytes of one encoded message. A full roster takes about 50,000; larger messages are refused unread.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Characters of a chat line; longer ones are refused, not cut: half a sentence may mean the opposite.
pub const CHAT_CHARS_MAX: usize = 500;

/// Addresses in one media offer; an offer with more is refused.
pub const MEDIA_ADDRS_MAX: usize = 16;

/// Bytes of one SPAKE2 message: a side and a point.
pub const PAKE_BYTES: usize = 33;

/// One message between two peers.
///
/// `net` moves them and looks inside none; who sent it is what the connection proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlMessage {
    /// Let me in. To a steward; others answer with `Redirect`.
    Join(JoinRequest),
    /// Ask the steward instead.
    Redirect(Redirect),
    /// Steward to newcomer: my half of the code word exchange.
    CodeChallenge(CodeChallenge),
    /// Newcomer to steward: proof that I know the code word.
    CodeProof(CodeProof),
    /// Steward to newcomer: you are in.
    Admitted(Admitted),
    /// Steward to newcomer: you are not.
    Refused(Refused),
    /// The newest state, first hand or passed on.
    Snapshot(Snapshot),
    /// I am here, this is the state I follow, these are those I hear. Twice a second.
    Pulse(Pulse),
    /// My own line of the roster, changed, or to be seated again after a split.
    Line(Line),
    /// From a steward that yields to an older half: whom it had.
    Merge(Snapshot),
    /// Steward to the removed one.
    Removed(Removed),
    /// I go.
    Goodbye(Goodbye),
    /// A line for everyone; sent to each.
    Chat(Chat),
    /// The keys I will send sound with, and where I take yours.
    MediaOffer(MediaOffer),
    /// Which way my sound takes to you from now on.
    MediaPath(MediaPath),
    /// Who is recorded, and who agreed. For the recording machine, not the session's.
    Recording(RecordingMessage),
    /// Answer to a message of another version. Never answered.
    VersionRefused(VersionRefused),
    /// Made by [`ControlMessage::decode`] of any message in another version; cannot be sent.
    #[serde(skip)]
    OtherVersion {
        /// The version they wrote in.
        theirs: u16,
    },
}

/// See [`ControlMessage::VersionRefused`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRefused {
    /// The version the sender of this speaks.
    pub speaks: u16,
    /// The version it heard from us.
    pub heard: u16,
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// More than [`MESSAGE_BYTES_MAX`].
    #[error("a message of {0} bytes, more than {MESSAGE_BYTES_MAX}")]
    TooLong(usize),
    /// Not a message of our version.
    #[error("not a control message")]
    Malformed,
}

impl ControlMessage {
    /// The message as CBOR, at most [`MESSAGE_BYTES_MAX`] bytes for all that the machines send.
    ///
    /// `OtherVersion` is written as the refusal that answers it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::VersionRefused(refusal) => cbor::encode(refusal),
            Self::OtherVersion { theirs } => {
                cbor::encode(&VersionRefused { speaks: PROTOCOL_VERSION, heard: *theirs })
            }
            message => cbor::encode(&Envelope { v: PROTOCOL_VERSION, m: message }),
        }
    }

    /// Reads a message, and checks every bound its types do not hold by themselves.
    ///
    /// A message of another version reads as [`ControlMessage::OtherVersion`]: give it to the
    /// session machine, which answers.
    ///
    /// # Errors
    /// [`ControlError`] for what is too long or no message of our version.
    pub fn decode(bytes: &[u8]) -> Result<Self, ControlError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(ControlError::TooLong(bytes.len()));
        }
        let head: Head = cbor::decode(bytes).map_err(|_| ControlError::Malformed)?;
        match head {
            Head { speaks: Some(speaks), heard: Some(heard), .. } => {
                Ok(Self::VersionRefused(VersionRefused { speaks, heard }))
            }
            Head { v: Some(v), .. } if v == PROTOCOL_VERSION => {
                let OwnedEnvelope { m } = cbor::decode(bytes).map_err(|_| ControlError::Malformed)?;
                if m.is_bounded() { Ok(m) } else { Err(ControlError::Malformed) }
            }
            Head { v: Some(theirs), .. } => Ok(Self::OtherVersion { theirs }),
            Head { .. } => Err(ControlError::Malformed),
        }
    }

    /// Whether the lists and texts inside keep their bounds.
    fn is_bounded(&self) -> bool {
        match self {
            Self::Join(join) => join.pake.as_ref().is_none_or(|pake| pake.len() == PAKE_BYTES),
            Self::CodeChallenge(challenge) => challenge.pake.len() == PAKE_BYTES,
            Self::Pulse(pulse) => pulse.hears.len() <= ROSTER_MAX,
            Self::Chat(chat) => chat.text.chars().count() <= CHAT_CHARS_MAX,
            Self::MediaOffer(offer) => {
                offer.addrs.len() <= MEDIA_ADDRS_MAX && offer.format.validated().is_ok()
            }
            Self::Recording(message) => message.is_bounded(),
            Self::Redirect(_)
            | Self::CodeProof(_)
            | Self::Admitted(_)
            | Self::Refused(_)
            | Self::Snapshot(_)
            | Self::Line(_)
            | Self::Merge(_)
            | Self::Removed(_)
            | Self::Goodbye(_)
            | Self::MediaPath(_)
            | Self::VersionRefused(_)
            | Self::OtherVersion { .. } => true,
        }
    }
}

/// What every version has on top.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    v: Option<u16>,
    #[serde(default)]
    speaks: Option<u16>,
    #[serde(default)]
    heard: Option<u16>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    v: u16,
    m: &'a ControlMessage,
}

#[derive(Deserialize)]
struct OwnedEnvelope {
    m: ControlMessage,
}
