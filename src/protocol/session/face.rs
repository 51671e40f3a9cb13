//! What goes into the session machine and what comes out.

use std::fmt;

use crate::domain::mic::MicState;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::profile::Profile;
use crate::domain::roster::{Addrs, Participant, Seat};
use crate::domain::session::{SessionId, SessionState};
use crate::domain::time::Timestamp;
use crate::protocol::code_word::CodeWord;
use crate::protocol::control::{ControlMessage, MediaOffer, MediaPath};

/// What the person, or the program for them, wants.
#[derive(Debug, Clone)]
pub enum SessionCommand {
    /// Found a session. A code word closes its door.
    Create {
        /// What it is called.
        name: Name,
        /// Closes the door.
        code: Option<CodeWord>,
        /// Seats, clamped to 1..=[`crate::domain::session::SIZE_MAX`].
        size_limit: u8,
        /// The founder's own seat.
        seat: Seat,
    },
    /// Ask to be let into a session that this peer sits in. Answered by `Joined` or `JoinRefused`.
    Join {
        /// Whom to ask: any member.
        peer: PeerId,
        /// Where they listen, if known.
        addrs: Addrs,
        /// Which session; `None` is the one they sit in.
        session: Option<SessionId>,
        /// For a closed one.
        code: Option<CodeWord>,
        /// Player or listener.
        seat: Seat,
    },
    /// Go. Answered by `SessionEnded`.
    Leave,
    /// Steward: take someone out; their key cannot come back.
    Remove(PeerId),
    /// For myself alone: hear nothing of this peer any more. A steward also removes them.
    Block(PeerId),
    /// Undo `Block`.
    Unblock(PeerId),
    /// Steward: let someone else order the changes.
    GiveStewardship(PeerId),
    /// Say a line to everyone; at most [`crate::protocol::control::CHAT_CHARS_MAX`] characters.
    Chat(String),
    /// My card changed. Works outside a session too.
    SetProfile(Profile),
    /// My microphone changed. Works outside a session too.
    SetMic(MicState),
    /// Take another seat.
    SetSeat(Seat),
    /// Where my control path listens, as multiaddresses. Works outside a session too.
    SetAddrs(Addrs),
    /// Tell a member what I will send sound with. Sent at once if they are connected; otherwise
    /// dropped: `LinkUp` says when to offer.
    OfferMedia {
        /// To whom.
        peer: PeerId,
        /// What.
        offer: MediaOffer,
    },
    /// Tell a member which way my sound takes to them.
    SetMediaPath {
        /// To whom.
        peer: PeerId,
        /// Which way.
        path: MediaPath,
    },
    /// The lobby shows that this peer sits in my session (another half of it, or newly found).
    Meet {
        /// Who.
        peer: PeerId,
        /// Where they listen, if known.
        addrs: Addrs,
    },
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionOutput {
    /// Send on the ordered stream to this peer.
    Send {
        /// To whom.
        to: PeerId,
        /// What.
        message: ControlMessage,
    },
    /// Connect to this peer; answered by `handle_connected`, or not at all.
    Connect {
        /// Who.
        peer: PeerId,
        /// Where they said they listen; may be empty.
        addrs: Addrs,
    },
    /// Close the connection to this peer, after what was sent before.
    Disconnect {
        /// Who.
        peer: PeerId,
        /// Why.
        why: DisconnectWhy,
    },
    /// Tell the person.
    Event(SessionEvent),
    /// Nothing more for now: call `handle_deadline` at this moment.
    WakeAt(Timestamp),
    /// Nothing more, and nothing to wait for.
    Idle,
}

/// Why a connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisconnectWhy {
    /// Silent for seconds: a fresh connection is asked for next, because a stale one may take long to notice.
    Silent,
    /// We block them. Keep them out in the network layer too.
    Blocked,
    /// They were removed from the session.
    Removed,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// Our session exists.
    Created {
        /// As it is.
        state: SessionState,
    },
    /// We are in.
    Joined {
        /// As it is, self included.
        state: SessionState,
    },
    /// We are not.
    JoinRefused {
        /// Whom we asked last.
        peer: PeerId,
        /// Why.
        reason: JoinFailure,
    },
    /// Someone came.
    ParticipantJoined(Participant),
    /// Someone stopped answering; the seat is kept.
    ParticipantAway(PeerId),
    /// Someone answers again, with the same seat.
    ParticipantBack(PeerId),
    /// Someone is no longer in the roster.
    ParticipantLeft {
        /// Their last line.
        participant: Participant,
        /// Why.
        why: LeftWhy,
    },
    /// Card, seat or microphone of someone changed, self included.
    ParticipantUpdated(Participant),
    /// Another orders the changes.
    StewardChanged {
        /// Who did.
        before: PeerId,
        /// Who does.
        now: PeerId,
    },
    /// The control stream to a member is up: offer media.
    LinkUp(PeerId),
    /// The control stream to a member is down, or they are no member any more. Media may go on.
    LinkDown(PeerId),
    /// The steward removed us. `SessionEnded` follows.
    Removed {
        /// Who did it.
        by: PeerId,
    },
    /// Someone said something; printable.
    Chat {
        /// Who.
        from: PeerId,
        /// What.
        text: String,
    },
    /// Two halves of the session met; everyone is in the roster again.
    Merged {
        /// As it is now.
        state: SessionState,
    },
    /// A member sends sound with these keys from now on.
    MediaOffered {
        /// Who.
        peer: PeerId,
        /// What; its format is valid.
        offer: MediaOffer,
    },
    /// A member's sound takes this way to us from now on.
    MediaPathChanged {
        /// Who.
        peer: PeerId,
        /// Which way.
        path: MediaPath,
    },
    /// Someone speaks another version; nothing else can be said.
    VersionMismatch {
        /// Who.
        peer: PeerId,
        /// What they speak.
        theirs: u16,
        /// What we speak.
        ours: u16,
    },
    /// A command could not be done.
    CommandRefused(CommandRefused),
    /// We are in no session any more.
    SessionEnded {
        /// Which it was.
        session: SessionId,
    },
}

/// Why someone is no longer in the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeftWhy {
    /// They went, or were away too long.
    Gone,
    /// The steward removed them.
    Removed,
}

/// Why we were not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinFailure {
    /// All seats are taken.
    Full {
        /// How many there are.
        size_limit: u8,
    },
    /// The session is closed: a code word is needed.
    CodeNeeded,
    /// The code word is wrong.
    CodeWrong,
    /// Too many guesses, ours or everyone's.
    TooManyTries {
        /// Seconds to wait.
        wait_s: u16,
    },
    /// We were removed from this session.
    Removed,
    /// We block whom we asked.
    Blocked,
    /// They sit in no session, or in another.
    NoSuchSession,
    /// They do not answer: not connected, or no reply in time.
    NoAnswer,
    /// They have too many newcomers at once: ask again in seconds.
    Busy,
    /// They could not prove that they know the code word: not the jam it was meant for, or one without a door.
    NotProven,
    /// Other versions of the control protocol.
    Version {
        /// What they speak.
        theirs: u16,
        /// What we speak.
        ours: u16,
    },
    /// We left before the answer came.
    Cancelled,
}

impl fmt::Display for JoinFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { size_limit } => write!(f, "the jam is full ({size_limit} seats)"),
            Self::CodeNeeded => f.write_str("the jam is closed: a code word is needed"),
            Self::CodeWrong => f.write_str("the code word is wrong"),
            Self::TooManyTries { wait_s } => write!(f, "too many tries: wait {wait_s} s"),
            Self::Removed => f.write_str("you were removed from this jam"),
            Self::Blocked => f.write_str("you block this person"),
            Self::NoSuchSession => f.write_str("they are not in this jam"),
            Self::NoAnswer => f.write_str("they do not answer"),
            Self::Busy => f.write_str("too many are joining at once"),
            Self::NotProven => f.write_str("they did not prove that they know the code word"),
            Self::Version { theirs, ours } => write!(f, "they speak version {theirs}, we speak {ours}"),
            Self::Cancelled => f.write_str("you left before the answer came"),
        }
    }
}

/// Why a command was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandRefused {
    /// Leave first.
    AlreadyInSession,
    /// There is no session to do this in.
    NotInSession,
    /// Only the steward does this.
    NotSteward {
        /// Who it is.
        steward: PeerId,
    },
    /// This peer does not sit here.
    NoSuchParticipant(PeerId),
    /// This is about others, not oneself.
    Oneself,
    /// The line is longer than [`crate::protocol::control::CHAT_CHARS_MAX`] characters.
    ChatTooLong,
    /// Nothing printable in the line.
    ChatEmpty,
    /// Lines come too fast; nobody would see them.
    ChatTooFast,
    /// As many are blocked as we can keep.
    TooManyBlocked,
}

impl fmt::Display for CommandRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyInSession => f.write_str("you are in a jam: leave it first"),
            Self::NotInSession => f.write_str("you are in no jam"),
            Self::NotSteward { steward } => {
                write!(f, "only the steward does this, {}", steward.fingerprint())
            }
            Self::NoSuchParticipant(peer) => write!(f, "{} is not in this jam", peer.fingerprint()),
            Self::Oneself => f.write_str("this is about others, not yourself"),
            Self::ChatTooLong => {
                write!(f, "a chat line has at most {} characters", crate::protocol::control::CHAT_CHARS_MAX)
            }
            Self::ChatEmpty => f.write_str("the line is empty"),
            Self::ChatTooFast => f.write_str("too many lines at once: wait a few seconds"),
            Self::TooManyBlocked => f.write_str("the block list is full"),
        }
    }
}

/// What was thrown away, and why it may have been.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SessionCounters {
    /// Outputs dropped because the queue was full.
    pub outputs_dropped: u64,
    /// Messages of strangers, of other sessions, without proof, or out of place.
    pub messages_ignored: u64,
    /// Messages of peers we block.
    pub messages_blocked: u64,
    /// Chat lines past a sender's rate.
    pub chat_dropped: u64,
    /// Guesses of the code word that were wrong.
    pub codes_wrong: u64,
    /// Guesses refused by the rate limit.
    pub codes_limited: u64,
}
