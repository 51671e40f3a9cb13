//! What goes into the recording machine and what comes out.

use std::fmt;

use super::consent::ToSign;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::Seat;
use crate::domain::take::{Answer, Consent, Receipt, TakeId};
use crate::domain::time::Timestamp;
use crate::protocol::control::{RecordingKind, RecordingMessage};

/// What we say to being recorded, if the person has not said it for this take.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Ask the person.
    #[default]
    Ask,
    /// Yes, at once.
    Yes,
    /// No, at once.
    No,
}

/// What the person, or the program for them, wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingCommand {
    /// Record, and ask everyone. Our own Yes is part of it.
    Start {
        /// 16 random bytes, fresh ones each time.
        take: TakeId,
        /// From now on, or from memory.
        kind: RecordingKind,
        /// What it is called.
        name: Name,
    },
    /// Whoever started it: end it for everyone. Anyone else: be on it no more, and record no more.
    Stop,
    /// Our person's word on the take that runs; the last one counts.
    Answer {
        /// Record me.
        agreed: bool,
    },
    /// Take me out of this take, whether it runs or ended long ago. Nothing is lost by saying it again:
    /// say it again after a restart, with those who have not sent a receipt.
    Withdraw {
        /// Which.
        take: TakeId,
        /// Everyone who may hold it; while it runs, every member is one.
        holders: Vec<PeerId>,
    },
    /// From now on, and for a question that is open.
    SetPolicy(Policy),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingOutput {
    /// Send on the ordered stream to this peer, as `ControlMessage::Recording`.
    Send {
        /// To whom.
        to: PeerId,
        /// What.
        message: RecordingMessage,
    },
    /// Sign this with our own key; answered by `handle_signed`.
    Sign(ToSign),
    /// Tell the person, the recorder, the library.
    Event(RecordingEvent),
    /// Nothing more for now: call `handle_deadline` at this moment.
    WakeAt(Timestamp),
    /// Nothing more, and nothing to wait for.
    Idle,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingEvent {
    /// It is recorded. We are on it only from our own Yes on.
    Began {
        /// Which take.
        take: TakeId,
        /// By whom.
        starter: PeerId,
        /// From now on, or from memory: then this is the moment it is taken at.
        kind: RecordingKind,
        /// What it is called.
        name: Name,
        /// It had ended here, because its starter could not be reached, and goes on; the words of before
        /// hold, and `state` has them.
        resumed: bool,
    },
    /// Our person is asked.
    Asked {
        /// For which take.
        take: TakeId,
        /// By whom.
        starter: PeerId,
        /// From now on, or from memory.
        kind: RecordingKind,
        /// What it is called.
        name: Name,
    },
    /// Someone answered: with a Yes their line begins, with a No it stops. To be kept with the take.
    Answered {
        /// What, signed.
        consent: Consent,
        /// What they had said before.
        before: Option<Answer>,
    },
    /// Our own answer is in force. To be kept with the take.
    OwnAnswer {
        /// What, signed.
        consent: Consent,
        /// What we had said before.
        before: Option<Answer>,
    },
    /// Someone, or we, withdrew from the take that runs. To be kept with the take.
    Withdrew {
        /// Signed.
        consent: Consent,
        /// What they had said before.
        before: Option<Answer>,
    },
    /// It is over, and whole.
    Ended {
        /// Which take.
        take: TakeId,
        /// Who had started it.
        starter: PeerId,
        /// Why.
        why: EndWhy,
    },
    /// Someone wants to be taken out of a take. Carry it out, then call `handle_withdrawn`. The same may
    /// come again.
    WithdrawalArrived {
        /// Who and from which, signed.
        consent: Consent,
    },
    /// Our own withdrawal is signed, and on its way to these. To be kept until each has sent a receipt.
    WithdrawalSent {
        /// Signed.
        consent: Consent,
    },
    /// A holder said what became of our withdrawal.
    WithdrawalAnswered {
        /// What, signed by them.
        receipt: Receipt,
    },
    /// A command could not be done.
    Refused(RecordingRefused),
}

/// Why a recording is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndWhy {
    /// Whoever started it ended it.
    Stopped,
    /// Kept from memory, and everyone has answered or had the time to.
    Complete,
    /// Another was started at the same moment, and that one goes on.
    Superseded,
    /// Whoever started it left the jam.
    StarterLeft,
    /// Whoever started it could not be reached for [`super::STARTER_AWAY_MAX`].
    StarterAway,
    /// We left the jam, or went into one.
    WeLeft,
}

impl fmt::Display for EndWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "whoever started it ended it",
            Self::Complete => "everyone has answered, or had the time to",
            Self::Superseded => "another was started at the same moment, and that one goes on",
            Self::StarterLeft => "whoever started it left the jam",
            Self::StarterAway => "whoever started it could not be reached any more",
            Self::WeLeft => "you left the jam",
        })
    }
}

/// Why a command was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingRefused {
    /// One at a time.
    AnotherRuns {
        /// Which.
        take: TakeId,
        /// Who started it.
        starter: PeerId,
    },
    /// There is nothing to stop or to answer to.
    NothingRuns,
    /// A listener has nothing to be recorded.
    Listener,
    /// A withdrawal is final.
    Withdrew,
    /// This take ended before; a new one has an id of its own.
    TakeEnded,
    /// Answers change too fast for the others.
    TooOften,
    /// More seconds than are kept in memory anywhere.
    TooLong,
    /// As many withdrawals wait for their holders as can be kept.
    TooManyWithdrawals,
}

impl fmt::Display for RecordingRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnotherRuns { starter, .. } => {
                write!(f, "it is being recorded already, started by {}", starter.fingerprint())
            }
            Self::NothingRuns => f.write_str("nothing is being recorded"),
            Self::Listener => f.write_str("a listener is not recorded: take a player's seat first"),
            Self::Withdrew => f.write_str("you withdrew from this take, which is final"),
            Self::TakeEnded => f.write_str("this take has ended"),
            Self::TooOften => f.write_str("too many answers at once: wait a few seconds"),
            Self::TooLong => write!(
                f,
                "at most {} seconds can be kept from memory",
                crate::protocol::control::GRAB_SECONDS_MAX
            ),
            Self::TooManyWithdrawals => f.write_str("too many withdrawals wait for their holders"),
        }
    }
}

/// The recording that runs, as everyone sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingState {
    /// Which take.
    pub take: TakeId,
    /// Who started it.
    pub starter: PeerId,
    /// From now on, or from memory.
    pub kind: RecordingKind,
    /// What it is called.
    pub name: Name,
    /// Since when, here.
    pub since: Timestamp,
    /// When it was started, in ms of Unix time, by the starter's clock.
    pub started_unix_ms: u64,
    /// Everyone in the jam, ourselves among them, and everyone who has left it but gave a word; by key.
    pub people: Vec<Person>,
    /// Our person has not answered yet.
    pub is_asking: bool,
    /// Our last word, in force, is Yes: we are on it, and keep a copy of it.
    pub is_ours: bool,
}

impl RecordingState {
    /// Whether this person is on a track.
    #[must_use]
    pub fn is_on(&self, who: PeerId) -> bool {
        self.people.iter().any(|one| one.peer == who && one.answer == Some(Answer::Yes))
    }
}

/// One person of the jam, and their word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub peer: PeerId,
    /// Player or listener; `None`: left the jam.
    pub seat: Option<Seat>,
    /// Their last word; `None`: none yet.
    pub answer: Option<Answer>,
}

/// What was thrown away, and why it may have been.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RecordingCounters {
    /// Outputs dropped because the queue was full.
    pub outputs_dropped: u64,
    /// Messages of who is no member, of another session, or over a stream that is not up.
    pub strangers: u64,
    /// Words and receipts that are not signed by who they are of.
    pub forged: u64,
    /// Words older than a later one of the same person.
    pub stale: u64,
    /// Words to a take that does not run here.
    pub other_take: u64,
    /// Messages past their sender's rate.
    pub too_often: u64,
    /// Messages that are not their sender's to say, or that nothing waits for.
    pub misplaced: u64,
}
