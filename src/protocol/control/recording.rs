//! What members say to each other of a recording: who asks, who agreed, that it ended, who wants out.

use serde::{Deserialize, Serialize};

use crate::domain::name::Name;
use crate::domain::session::SessionId;
use crate::domain::take::{Answer, Consent, Receipt, TakeId, TakeKind};

/// Seconds that may be kept from memory; an asking message with more is refused.
pub const GRAB_SECONDS_MAX: u16 = 600;

/// See [`ControlMessage::Recording`](super::ControlMessage::Recording). Only from members of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMessage {
    /// First on a link, from both ends: what runs with me. Answered with all that is known.
    Hello(RecordingHello),
    /// Whoever started it: it is recorded; may it record you?
    Ask(RecordingAsk),
    /// Someone's word, first hand or passed on: the signature says whose.
    Answer(Consent),
    /// Whoever started it: it is over, for everyone.
    Stopped(RecordingStopped),
    /// Take me out of this take; its answer is [`Answer::Withdrawn`].
    Withdraw(Consent),
    /// What became of that here.
    WithdrawReceipt(Receipt),
}

impl RecordingMessage {
    /// Whether what its types do not hold by themselves is as it must be.
    pub(super) fn is_bounded(&self) -> bool {
        match self {
            Self::Ask(ask) => match ask.kind {
                RecordingKind::Recorded => true,
                RecordingKind::Grabbed { seconds_back } => seconds_back <= GRAB_SECONDS_MAX,
            },
            Self::Withdraw(consent) => consent.answer == Answer::Withdrawn,
            Self::Hello(_) | Self::Answer(_) | Self::Stopped(_) | Self::WithdrawReceipt(_) => true,
        }
    }
}

/// See [`RecordingMessage::Hello`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingHello {
    /// In which session.
    pub session: SessionId,
    /// The take that runs with the sender, whoever started it.
    #[serde(default)]
    pub running: Option<TakeId>,
}

/// See [`RecordingMessage::Ask`]. Who started it is who sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingAsk {
    /// In which session.
    pub session: SessionId,
    /// Which take.
    pub take: TakeId,
    /// From now on, or from memory.
    pub kind: RecordingKind,
    /// What it is called.
    pub name: Name,
    /// When it was started, in ms of Unix time, by the starter's clock: settles two at once.
    pub at_unix_ms: u64,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingKind {
    /// What is played from now on.
    Recorded,
    /// What was played just now, from everyone's memory.
    Grabbed {
        /// So many seconds of it, at most [`GRAB_SECONDS_MAX`].
        seconds_back: u16,
    },
}

impl RecordingKind {
    /// The same, as a take says it.
    #[must_use]
    pub const fn take_kind(self) -> TakeKind {
        match self {
            Self::Recorded => TakeKind::Recorded,
            Self::Grabbed { .. } => TakeKind::Grabbed,
        }
    }
}

/// See [`RecordingMessage::Stopped`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingStopped {
    /// In which session.
    pub session: SessionId,
    /// Which take.
    pub take: TakeId,
    /// Why.
    pub why: StopWhy,
}

/// Why whoever started a recording ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopWhy {
    /// They wanted to.
    Wanted,
    /// It was kept from memory, and everyone has answered or had the time to.
    Complete,
    /// Another was started at the same moment, and that one goes on.
    Superseded,
}
