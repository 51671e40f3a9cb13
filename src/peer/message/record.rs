//! What `update` wants recorded, signed and looked up, and what it is told of it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::Ask;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::take::{Consent, LogWhat, Player, Take, TakeId, WithdrawOutcome};
use crate::peer::api::ErrorReply;
use crate::protocol::recording::{Signed, ToSign};

/// By the recorder, the library, or the key that signs.
#[derive(Debug)]
pub enum RecordEffect {
    /// Begin a take; nobody is on it yet. Answered by [`RecordMessage::Failed`] if it cannot be written.
    Begin {
        /// What is known of it at its beginning.
        take: Box<Take>,
        /// How long it is, in seconds, if it is kept from memory; 0: it begins now.
        back_s: u32,
        /// How long ago it began; of what is kept from memory, how long ago it ended.
        ago: Duration,
    },
    /// From now on someone is on a take, or not any more.
    Allow {
        /// Which.
        take: TakeId,
        /// Who.
        player: Player,
        /// On it.
        on: bool,
        /// From the take's beginning on: it is their recording.
        from_start: bool,
    },
    /// Keep someone's answer with a take.
    Consent(Consent),
    /// Keep what happened.
    Log {
        /// In which take.
        take: TakeId,
        /// What.
        what: LogWhat,
        /// Who.
        who: Option<Name>,
        /// More, in words.
        words: String,
    },
    /// Mark this moment of a take.
    Mark {
        /// Which.
        take: TakeId,
        /// What it is called.
        text: String,
    },
    /// Everyone had the time to answer: what is kept from memory is written now.
    Release(TakeId),
    /// End a take here; [`RecordMessage::Kept`] follows.
    End(TakeId),
    /// Sign this with our key; answered by [`RecordMessage::Signed`].
    Sign(ToSign),
    /// The round trip of the card, in samples: where the own line lies.
    RoundTrip(u32),
    /// Take someone out of a take on the disk; answered by [`RecordMessage::Withdrawn`].
    Withdraw(Consent),
    /// Something in the library, for a client that asked.
    Library(Ask, LibraryOrder),
}

/// Something in the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibraryOrder {
    /// All takes in which all of these words are.
    List(String),
    /// One take.
    Show(String),
    /// Call it something else.
    Rename(String, Name),
    /// Add a word to find it by.
    Tag(String, Name),
    /// Take a word away.
    Untag(String, Name),
    /// Say something about it.
    Note(String, String),
    /// Check it.
    Verify(String),
    /// Write its tracks somewhere.
    Export {
        /// Which.
        take: String,
        /// Where.
        folder: PathBuf,
        /// `wav24`, `wav16` or `flac`.
        format: String,
        /// Whatever is there goes.
        overwrite: bool,
    },
    /// Copy a take's folder into the library.
    Import(PathBuf),
    /// Put it into the bin, or delete it for good.
    Remove {
        /// Which.
        take: String,
        /// For good.
        forever: bool,
    },
    /// Take it out of the bin.
    Undo(String),
    /// Who holds it; answered by [`RecordMessage::Holders`].
    Withdraw(String),
}

/// From the recorder, the library, and the key that signs.
#[derive(Debug)]
pub enum RecordMessage {
    /// What we wanted signed.
    Signed(Signed),
    /// A take cannot be begun.
    Failed {
        /// Which.
        take: TakeId,
        /// Why.
        error: ErrorReply,
    },
    /// A take is whole on the disk.
    Kept {
        /// Which.
        take: TakeId,
        /// What it is called.
        name: Name,
        /// Where it lies.
        folder: String,
        /// Samples per channel.
        length_samples: u64,
        /// Why it ended before it was told to.
        trouble: Option<ErrorReply>,
    },
    /// The disk was too slow for a while.
    Behind {
        /// Which take.
        take: TakeId,
        /// Samples per channel that are missing.
        samples: u64,
    },
    /// The disk is filling up.
    Space {
        /// How long it can go on recording, in minutes.
        minutes_left: u64,
    },
    /// Someone was taken out of a take, or why not.
    Withdrawn {
        /// Whose request.
        whose: PeerId,
        /// Which take.
        take: TakeId,
        /// What became of it.
        outcome: WithdrawOutcome,
    },
    /// Who holds a take that a client wants to be taken out of.
    Holders {
        /// Who asked.
        ask: Ask,
        /// Which.
        take: TakeId,
        /// Everyone who may hold it.
        holders: Vec<PeerId>,
    },
    /// The library's answer to a client.
    Answer {
        /// Who asked.
        ask: Ask,
        /// Their reply.
        answer: Result<Value, ErrorReply>,
        /// The library is another one now.
        changed: bool,
    },
    /// The library changed by itself.
    Changed,
    /// Something is not as it should be.
    Warning {
        /// What.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
}
